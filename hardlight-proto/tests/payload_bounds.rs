//! What a payload may cost whoever decodes it: stack, and memory in proportion to its length.

#![cfg(all(feature = "payload", feature = "std"))]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    thread,
};

use bytes::Bytes;
use hardlight_macros::codable;
use hardlight_proto::payload::{Codable, DecodeError, decode, encode_to_bytes};
use proptest::{collection, prelude::*};

/// The stack of a thread that nobody asked for more.
const STACK: usize = 2 << 20;

/// How many times its length a payload without maps and sets may take: an empty queue is 8 bytes on the wire and 32 in
/// memory, and a payload that is not aligned is copied once.
const PLAIN: u64 = 5;

/// How many times its length any payload may take. An ordered map keeps room for eleven entries where there is one, and
/// an empty hash map is 8 bytes on the wire and 48 in memory: 66 for maps in a map's entry. Then what the entries are
/// collected in, and the copy.
const ANY: u64 = 80;

#[codable]
#[derive(Clone)]
enum List {
    Nil,
    Cons(u32, Box<Self>),
}

#[codable]
#[derive(Clone)]
struct Tree {
    kids: Vec<Self>,
}

#[codable]
#[derive(Clone)]
enum Json {
    Null,
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// Contains itself in every way there is.
#[codable]
#[derive(Clone)]
struct Everywhere {
    boxed: Option<Box<Self>>,
    queue: VecDeque<(u8, Self)>,
    map: HashMap<u8, Result<Self, String>>,
}

/// A kibibyte by value on each level.
#[codable]
#[derive(Clone)]
struct Fat {
    bulk: [u64; 128],
    next: Option<Box<Self>>,
}

fn everywhere(levels: usize) -> Everywhere {
    let leaf = Everywhere { boxed: None, queue: VecDeque::new(), map: HashMap::new() };
    (0..levels).fold(leaf.clone(), |inner, level| match level % 3 {
        0 => Everywhere { boxed: Some(Box::new(inner)), ..leaf.clone() },
        1 => Everywhere { queue: VecDeque::from([(1, inner)]), ..leaf.clone() },
        _ => Everywhere { map: HashMap::from([(1, Ok(inner))]), ..leaf.clone() },
    })
}

/// Runs `test` with the stack of a thread that nobody asked for more, whatever the test's own is.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK).spawn(test);
    thread.expect("a thread starts").join().expect("the test passes");
}

/// Encodes, decodes and drops a value.
#[track_caller]
fn round_trip<T: Codable>(value: T) {
    let payload = encode_to_bytes(&value).expect("the value is not too deep");
    assert!(decode::<T>(&payload).is_ok());
}

#[test]
fn deepest_values_fit_on_a_small_stack() {
    on_small_stack(|| {
        round_trip((0..62).fold(List::Nil, |rest, value| List::Cons(value, Box::new(rest))));
        round_trip((0..61).fold(Tree { kids: vec![] }, |kid, _| Tree { kids: vec![kid] }));
        round_trip((0..62).fold(Json::Null, |inner, _| Json::Array(vec![inner])));
        round_trip((0..62).fold(Json::Null, |inner, level| {
            Json::Object(BTreeMap::from([(level.to_string(), inner)]))
        }));
        round_trip(everywhere(61));
        let fat = || Fat { bulk: [7; 128], next: None };
        round_trip((0..62).fold(fat(), |next, _| Fat { next: Some(Box::new(next)), ..fat() }));
    });
}

#[test]
fn bombs_do_not_grow_the_stack() {
    on_small_stack(|| {
        for levels in [64, 10_000, 1_000_000] {
            assert!(matches!(decode::<List>(&conses(levels)), Err(DecodeError::Malformed)));
            assert!(matches!(decode::<Tree>(&kids(levels)), Err(DecodeError::Malformed)));
        }
    });
}

/// `levels` nodes of a list, written by hand, the last first.
fn conses(levels: usize) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    for _ in 0..levels {
        bytes.extend([1, 0, 0, 0, 7, 0, 0, 0]);
        bytes.extend((-20_i32).to_le_bytes());
    }
    bytes
}

/// A tree of `levels` kids, each the only one of the one before.
fn kids(levels: usize) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    for _ in 0..levels {
        bytes.extend((-8_i32).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
    bytes
}

/// What decoding takes at its peak, in bytes, and whether it succeeds. The payload stands where it has to be copied.
fn cost<T: Codable>(payload: &[u8]) -> (u64, bool) {
    let mut shifted = Vec::<u8>::with_capacity(payload.len() + 1);
    let start = usize::from(shifted.as_ptr().addr().is_multiple_of(16));
    shifted.resize(start, 0);
    shifted.extend_from_slice(payload);
    let mut decoded = None;
    let info = allocation_counter::measure(|| decoded = decode::<T>(&shifted[start..]).ok());
    (info.bytes_max, decoded.is_some())
}

/// Asserts that decoding `value` takes no more than `times` the length of its payload.
#[track_caller]
fn assert_costs_at_most<T: Codable>(times: u64, value: T) {
    let payload = encode_to_bytes(&value).expect("the value encodes");
    let (bytes, decoded) = cost::<T>(&payload);
    assert!(decoded);
    let most = times * payload.len() as u64;
    assert!(bytes <= most, "{bytes} bytes for a payload of {}", payload.len());
}

#[test]
fn memory_is_in_proportion_without_maps() {
    assert_costs_at_most(PLAIN, vec![1_u64; 4096]);
    assert_costs_at_most(PLAIN, vec![String::new(); 4096]);
    assert_costs_at_most(PLAIN, vec!["inline".to_owned(); 4096]);
    assert_costs_at_most(PLAIN, vec!["not inline".to_owned(); 4096]);
    assert_costs_at_most(PLAIN, vec![Box::new(1_u8); 4096]);
    assert_costs_at_most(PLAIN, vec![Box::new(()); 4096]);
    assert_costs_at_most(PLAIN, vec![Vec::<u8>::new(); 4096]);
    assert_costs_at_most(PLAIN, vec![vec![1_u8]; 4096]);
    assert_costs_at_most(PLAIN, vec![VecDeque::<u8>::new(); 4096]);
    assert_costs_at_most(PLAIN, vec![VecDeque::from([1_u8]); 4096]);
    assert_costs_at_most(PLAIN, vec![Bytes::from_static(b"1"); 4096]);
    assert_costs_at_most(PLAIN, vec![[const { VecDeque::<u8>::new() }; 8]; 512]);
    assert_costs_at_most(PLAIN, vec![Some(Ok::<Box<str>, u8>("1".into())); 4096]);
    assert_costs_at_most(PLAIN, Json::Array(vec![Json::Null; 4096]));
    assert_costs_at_most(PLAIN, vec![Json::Array(vec![]); 4096]);
    assert_costs_at_most(PLAIN, Tree { kids: vec![Tree { kids: vec![] }; 4096] });
}

#[test]
fn memory_is_in_proportion_with_maps() {
    assert_costs_at_most(ANY, vec![HashMap::<u8, u8>::new(); 4096]);
    assert_costs_at_most(ANY, vec![HashMap::from([(1_u8, 2_u8)]); 4096]);
    assert_costs_at_most(ANY, vec![HashSet::from([1_u8]); 4096]);
    assert_costs_at_most(ANY, vec![BTreeMap::from([(1_u8, 2_u8)]); 4096]);
    assert_costs_at_most(ANY, vec![BTreeSet::from([1_u8]); 4096]);
    assert_costs_at_most(ANY, vec![BTreeMap::from([(1_u8, [2_u8; 256])]); 256]);
    assert_costs_at_most(ANY, BTreeMap::from([(1_u8, [2_u8; 4096])]));
    let hash_maps = || -> [HashMap<u8, u8>; 64] { std::array::from_fn(|_| HashMap::new()) };
    assert_costs_at_most(ANY, BTreeMap::from([(1_u8, hash_maps())]));
    assert_costs_at_most(ANY, vec![BTreeMap::from([(1_u8, hash_maps())]); 64]);
    assert_costs_at_most(ANY, vec![HashMap::from([(1_u8, hash_maps())]); 64]);
    let object = Json::Object(BTreeMap::from([("k".to_owned(), Json::Null)]));
    assert_costs_at_most(ANY, Json::Array(vec![object; 1000]));
    assert_costs_at_most(ANY, (0..4096_u32).map(|key| (key, ())).collect::<BTreeMap<_, _>>());
    assert_costs_at_most(ANY, (0..4096_u32).map(|key| (key, key)).collect::<HashMap<_, _>>());
    assert_costs_at_most(ANY, everywhere(61));
}

/// What is refused by its layout takes the copy that aligns it, and a short one nothing at all.
#[test]
fn claimed_length_takes_no_memory() {
    for length in [4_u32, 1 << 16, 1 << 28, 1 << 31, u32::MAX] {
        for filling in [16, 4096] {
            let mut payload = vec![0; filling];
            payload.extend((-i32::try_from(filling).expect("small")).to_le_bytes());
            payload.extend(length.max(filling as u32 + 1).to_le_bytes());
            let copy = if filling == 16 { 0 } else { payload.len() as u64 };
            assert_eq!(cost::<Vec<u8>>(&payload), (copy, false));
            assert_eq!(cost::<Vec<u128>>(&payload), (copy, false));
            assert_eq!(cost::<VecDeque<String>>(&payload), (copy, false));
            assert_eq!(cost::<HashMap<u64, [u64; 9]>>(&payload), (copy, false));
            assert_eq!(cost::<Box<str>>(&payload), (copy, false));
        }
    }
    let bomb = conses(100_000);
    assert_eq!(cost::<List>(&bomb), (bomb.len() as u64, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn mutated_payload_takes_memory_in_proportion(
        levels in 0..20_usize,
        copies in 1..20_usize,
        mutations in collection::vec((any::<prop::sample::Index>(), 0..32_u8), 1..40),
    ) {
        let mut payload =
            encode_to_bytes(&vec![everywhere(levels); copies]).expect("not too deep").to_vec();
        for (index, byte) in mutations {
            let index = index.index(payload.len());
            payload[index] = byte;
            let (bytes, _) = cost::<Vec<Everywhere>>(&payload);
            prop_assert!(bytes <= ANY * payload.len() as u64);
        }
    }
}
