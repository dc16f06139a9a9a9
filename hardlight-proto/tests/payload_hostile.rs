//! Payloads that a peer should not have sent: refused, never a panic, never more work than their size is worth.

#![cfg(all(feature = "payload", feature = "std"))]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::SocketAddr,
    time::Duration,
};

use hardlight_macros::codable;
use hardlight_proto::payload::{
    Codable, DecodeError, EncodeError, decode, encode, encode_to_bytes,
};
use proptest::{collection, prelude::*};

#[codable]
#[derive(Clone, Debug, PartialEq)]
enum List {
    Nil,
    Cons(u32, Box<Self>),
}

#[codable]
#[derive(Clone, Debug, PartialEq)]
struct Tree {
    kids: Vec<Self>,
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

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::Number),
        ".{0,20}".prop_map(Json::Text),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            collection::btree_map(".{0,12}", inner, 0..6).prop_map(Json::Object),
        ]
    })
}

prop_compose! {
    fn everything()(
        json in json(),
        map in collection::hash_map(any::<u16>(), collection::vec(".{0,12}", 0..4), 0..6),
        set in collection::hash_set(".{0,12}", 0..6),
        pair in (any::<u8>(), any::<Option<Result<char, String>>>()),
        wide in any::<[Option<u128>; 2]>(),
        span in any::<Duration>(),
        peer in any::<SocketAddr>(),
    ) -> Everything {
        let pair = (pair.0, pair.1.map(|result| result.map_err(Into::into)));
        Everything { json, map, set, pair, wide, span, peer }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn value_comes_back(value in everything()) {
        let payload = encode_to_bytes(&value).unwrap();
        let decoded = decode::<Everything>(&payload).unwrap();
        prop_assert_eq!(&decoded, &value);
        prop_assert_eq!(encode_to_bytes(&decoded).unwrap(), payload);
    }

    #[test]
    fn truncated_payload_does_no_harm(value in everything()) {
        let payload = encode_to_bytes(&value).unwrap();
        for length in 0..payload.len() {
            let _ = decode::<Everything>(&payload[..length]);
            let _ = decode::<Everything>(&payload[length..]);
        }
    }

    #[test]
    fn mutated_payload_does_no_harm(
        value in everything(),
        mutations in collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
    ) {
        let mut payload = encode_to_bytes(&value).unwrap().to_vec();
        for (index, byte) in mutations {
            let index = index.index(payload.len());
            let before = std::mem::replace(&mut payload[index], byte);
            if let Ok(value) = decode::<Everything>(&payload) {
                // What is accepted is a value like any other.
                prop_assert_eq!(decode::<Everything>(&encode_to_bytes(&value).unwrap()), Ok(value));
            }
            if byte % 2 == 0 {
                payload[index] = before;
            }
        }
    }

    #[test]
    fn noise_does_no_harm(noise in collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<Everything>(&noise);
        let _ = decode::<Vec<BTreeMap<u8, Json>>>(&noise);
        let _ = decode::<Tree>(&noise);
        let _ = decode::<List>(&noise);
    }
}

#[test]
fn flat_type_takes_its_exact_length() {
    assert_eq!(decode::<u32>(&[0; 5]), Err(DecodeError::WrongLength { expected: 4, actual: 5 }));
    assert_eq!(
        decode::<(u8, Option<u64>)>(&[0; 8]),
        Err(DecodeError::WrongLength { expected: 24, actual: 8 })
    );
    assert_eq!(decode::<()>(&[0]), Err(DecodeError::WrongLength { expected: 0, actual: 1 }));
    assert_eq!(decode::<()>(&[]), Ok(()));
}

/// A chain of `levels` conses, written by hand, the end first.
fn list_bomb(levels: usize) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    for _ in 0..levels {
        bytes.extend([1, 0, 0, 0, 7, 0, 0, 0]);
        // The pointer stands 8 bytes into the node, which follows the node that it points to.
        bytes.extend((-20_i32).to_le_bytes());
    }
    bytes
}

/// A tree of one kid each.
fn tree_bomb(levels: usize) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    for _ in 0..levels {
        bytes.extend((-8_i32).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
    bytes
}

#[test]
fn deep_payload_is_refused() {
    for levels in [63, 64, 1_000, 100_000, 1_000_000] {
        assert_eq!(decode::<List>(&list_bomb(levels)), Err(DecodeError::Malformed));
        assert_eq!(decode::<Tree>(&tree_bomb(levels)), Err(DecodeError::Malformed));
    }
    assert!(decode::<List>(&list_bomb(62)).is_ok());
    assert!(decode::<Tree>(&tree_bomb(61)).is_ok());
}

#[test]
fn value_is_encoded_exactly_if_the_peer_will_take_it() {
    let mut list = List::Nil;
    let mut tree = Tree { kids: vec![] };
    let mut text = Json::Text("out of line, one level more".into());
    for _ in 0..80 {
        same_verdict(&list);
        same_verdict(&tree);
        same_verdict(&text);
        list = List::Cons(1, Box::new(list));
        tree = Tree { kids: vec![tree] };
        text = Json::Array(vec![text]);
    }
}

/// Encodes `value`; what is refused leaves nothing behind, what is not decodes.
fn same_verdict<T: Codable + PartialEq + std::fmt::Debug>(value: &T) {
    let mut out = bytes::BytesMut::from(&b"head"[..]);
    match encode(value, &mut out) {
        Ok(()) => assert_eq!(decode::<T>(&out[4..]).as_ref(), Ok(value)),
        Err(error) => {
            assert_eq!(error, EncodeError::TooDeep { limit: 63 });
            assert_eq!(&out[..], b"head");
            assert!(depth(value) > 63);
        }
    }
}

/// How deep the value is, by its `Debug` form: one level for every box, list and long text, and one for the value.
fn depth<T: std::fmt::Debug>(value: &T) -> usize {
    let text = format!("{value:?}");
    1 + ["Cons", "kids", "Array", "Text"]
        .iter()
        .map(|word| text.matches(word).count())
        .sum::<usize>()
}

#[test]
fn claimed_length_is_refused() {
    for length in [3_u32, 1 << 16, 1 << 28, 1 << 31, u32::MAX] {
        let mut payload = vec![0; 16];
        payload.extend((-16_i32).to_le_bytes());
        payload.extend(length.to_le_bytes());
        assert_eq!(decode::<Vec<u128>>(&payload), Err(DecodeError::Malformed));
        assert_eq!(decode::<Vec<String>>(&payload), Err(DecodeError::Malformed));
        assert_eq!(decode::<HashMap<u64, u64>>(&payload), Err(DecodeError::Malformed));
    }
}

#[test]
fn keys_must_ascend() {
    let payload = |entries: &[(u32, u32)]| encode_to_bytes(&entries.to_vec()).unwrap();
    for entries in [&[(2, 0), (1, 0)][..], &[(1, 0), (1, 1)], &[(1, 0), (3, 0), (2, 0)]] {
        let payload = payload(entries);
        assert_eq!(decode::<BTreeMap<u32, u32>>(&payload), Err(DecodeError::KeysNotAscending));
        assert_eq!(decode::<HashMap<u32, u32>>(&payload), Err(DecodeError::KeysNotAscending));
        assert_eq!(decode::<BTreeSet<(u32, u32)>>(&payload).is_ok(), entries.is_sorted());
    }
    assert_eq!(
        decode::<BTreeSet<u8>>(&encode_to_bytes(&vec![1_u8, 1]).unwrap()),
        Err(DecodeError::KeysNotAscending)
    );
    assert_eq!(
        decode::<HashSet<u8>>(&encode_to_bytes(&vec![2_u8, 1]).unwrap()),
        Err(DecodeError::KeysNotAscending)
    );
    let nested = encode_to_bytes(&[vec![(1_u8, 2_u8)], vec![(2, 1), (1, 2)]]).unwrap();
    assert_eq!(decode::<[BTreeMap<u8, u8>; 2]>(&nested), Err(DecodeError::KeysNotAscending));
}

#[test]
fn errors_are_small() {
    assert!(size_of::<EncodeError>() <= 32);
    assert!(size_of::<DecodeError>() <= 32);
}
