//! Payloads: arbitrary bytes decoded as values of many shapes.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    fmt::Debug,
    net::SocketAddr,
    time::Duration,
};

use hardlight_macros::codable;
use hardlight_proto::{
    Codable,
    payload::{decode, encode_to_bytes},
};

/// The first byte chooses the type, the rest is the payload. If it decodes then the value encodes, and what that gives
/// decodes as the same value. Where the payload lies in memory makes no difference.
pub fn payload(input: &[u8]) {
    let Some((&which, payload)) = input.split_first() else {
        return;
    };
    (SHAPES[usize::from(which) % SHAPES.len()].check)(payload);
}

/// A type that the first byte may choose.
pub struct Shape {
    /// Checks a payload of the type.
    check: fn(&[u8]),
    /// A payload to start from.
    pub start: fn() -> Vec<u8>,
}

/// What the first byte chooses from.
pub const SHAPES: [Shape; 8] = [
    Shape::new(check::<List>, || encoded(&list())),
    Shape::new(check::<Json>, || encoded(&json())),
    Shape::new(check::<Everything>, || encoded(&everything())),
    Shape::new(check::<BTreeMap<String, Vec<u32>>>, || encoded(&map())),
    Shape::new(check::<Vec<Option<String>>>, || encoded(&texts())),
    Shape::new(check::<(u8, bool, char, i64)>, || {
        encoded(&(7_u8, true, 'é', -1_i64))
    }),
    Shape::new(check::<VecDeque<Box<str>>>, || encoded(&queue())),
    Shape::new(check_floats, || encoded(&vec![(0.5_f32, f64::NAN)])),
];

impl Shape {
    const fn new(check: fn(&[u8]), start: fn() -> Vec<u8>) -> Self {
        Self { check, start }
    }
}

fn check<T: Codable + Debug + PartialEq>(payload: &[u8]) {
    if let Some((value, again)) = round_trip::<T>(payload) {
        assert_eq!(value, again);
    }
}

/// NaN does not equal itself.
fn check_floats(payload: &[u8]) {
    round_trip::<Vec<(f32, f64)>>(payload);
}

/// The value, and what it is after another round; `None` if the payload does not decode.
fn round_trip<T: Codable>(payload: &[u8]) -> Option<(T, T)> {
    let mut shifted = vec![0; 1];
    shifted.extend_from_slice(payload);
    let elsewhere = decode::<T>(&shifted[1..]);
    let value = match decode::<T>(payload) {
        Ok(value) => value,
        Err(error) => {
            assert_eq!(elsewhere.err(), Some(error));
            return None;
        }
    };
    let bytes = encode_to_bytes(&value).expect("what was received can be sent");
    let elsewhere = elsewhere.expect("what decodes in one place decodes in another");
    assert_eq!(encode_to_bytes(&elsewhere), Ok(bytes.clone()));
    let again = decode::<T>(&bytes).expect("what was encoded decodes");
    assert_eq!(encode_to_bytes(&again), Ok(bytes));
    Some((value, again))
}

#[codable]
#[derive(Clone, Debug, PartialEq)]
enum List {
    Nil,
    Cons(u32, Box<Self>),
}

#[codable]
#[derive(Clone, Debug, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

#[codable]
#[derive(Clone, Debug, PartialEq)]
struct Everything {
    json: Json,
    map: HashMap<u16, Vec<String>>,
    set: HashSet<String>,
    pair: (u8, Option<Result<char, Box<str>>>),
    wide: [Option<u128>; 2],
    span: Duration,
    peer: SocketAddr,
}

fn encoded<T: Codable>(value: &T) -> Vec<u8> {
    encode_to_bytes(value)
        .expect("a small value encodes")
        .to_vec()
}

fn list() -> List {
    (0..8).fold(List::Nil, |rest, value| List::Cons(value, rest.into()))
}

fn json() -> Json {
    Json::Array(vec![
        Json::Null,
        Json::Bool(true),
        Json::Number(-7),
        Json::Object([("key".into(), Json::Text("a text of some length".into()))].into()),
    ])
}

fn everything() -> Everything {
    Everything {
        json: json(),
        map: [(1, texts().into_iter().flatten().collect())].into(),
        set: ["one".into(), "another".into()].into(),
        pair: (1, Some(Err("why".into()))),
        wide: [None, Some(u128::MAX)],
        span: Duration::from_millis(1500),
        peer: SocketAddr::from(([127, 0, 0, 1], 443)),
    }
}

fn map() -> BTreeMap<String, Vec<u32>> {
    [("a".into(), vec![1, 2]), ("b".into(), Vec::new())].into()
}

fn texts() -> Vec<Option<String>> {
    vec![
        None,
        Some("short".into()),
        Some("longer than eight bytes".into()),
    ]
}

fn queue() -> VecDeque<Box<str>> {
    ["first".into(), "second, which is longer".into()].into()
}
