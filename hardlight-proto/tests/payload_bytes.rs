//! The bytes of payloads: the contract with every port, to be held against every release of rkyv.

#![cfg(all(feature = "payload", feature = "std"))]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use hardlight_macros::codable;
use hardlight_proto::payload::{Codable, decode, encode, encode_to_bytes};

#[codable]
#[derive(Debug, PartialEq)]
struct Mixed {
    a: u8,
    b: u32,
    c: u8,
    d: u64,
    e: bool,
}

#[codable]
#[derive(Debug, PartialEq)]
enum Kinds {
    Unit,
    One(u8),
    Two(u64),
    Rec { x: u16, s: String },
}

#[codable]
#[derive(Debug, PartialEq)]
enum Numbered {
    A = 3,
    B = 0x40,
}

#[codable]
#[derive(Debug, PartialEq)]
struct Nested {
    name: String,
    scores: Vec<u32>,
    by_name: BTreeMap<String, u8>,
}

#[track_caller]
fn is<T: Codable + PartialEq + std::fmt::Debug>(value: T, hex: &str) {
    let payload = encode_to_bytes(&value).unwrap();
    let actual: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(actual, hex.replace(' ', ""), "{value:?}");
    assert_eq!(decode::<T>(&payload), Ok(value));
}

#[test]
fn numbers_and_scalars() {
    is(0x11_u8, "11");
    is(0x1122_u16, "2211");
    is(0x1122_3344_u32, "44332211");
    is(1_u64, "01000000 00000000");
    is(1_u128, "01000000 00000000 00000000 00000000");
    is(-2_i8, "fe");
    is(-2_i16, "feff");
    is(-2_i32, "feffffff");
    is(-2_i64, "feffffff ffffffff");
    is(-2_i128, "feffffff ffffffff ffffffff ffffffff");
    is(1.5_f32, "0000c03f");
    is(1.5_f64, "00000000 0000f83f");
    is(true, "01");
    is('é', "e9000000");
    is((), "");
}

#[test]
fn strings() {
    is(String::new(), "ffffffff ffffffff");
    is("abc".to_owned(), "616263ff ffffffff");
    is("abcdefgh".to_owned(), "61626364 65666768");
    is("abcdefghi".to_owned(), "61626364 65666768 69000000 89000000 f4ffffff");
    is("a".repeat(64), &format!("{} 80010000 c0ffffff", "61".repeat(64)));
    is(Box::<str>::from("hi"), "68690000 fcffffff 02000000");
}

#[test]
fn lists() {
    is(Vec::<u32>::new(), "00000000 00000000");
    is(vec![1_u32, 2, 3], "01000000 02000000 03000000 f4ffffff 03000000");
    is(VecDeque::from([1_u32, 2, 3]), "01000000 02000000 03000000 f4ffffff 03000000");
    is(Bytes::from_static(b"hi"), "68690000 fcffffff 02000000");
    is(vec![(1_u32, 10_u32)], "01000000 0a000000 f8ffffff 01000000");
    is(
        vec!["abcdefghi".to_owned(), "x".to_owned()],
        "61626364 65666768 69000000 89000000 f4ffffff 78ffffff ffffffff f0ffffff 02000000",
    );
    is([1_u16, 2, 3], "01000200 0300");
}

#[test]
fn ring_that_wraps_is_a_list() {
    let mut ring = VecDeque::from([9_u32, 1, 2]);
    ring.rotate_left(1);
    ring.pop_back();
    ring.push_back(3);
    ring.rotate_right(1);
    assert_eq!(encode_to_bytes(&ring), encode_to_bytes(&Vec::from(ring.clone())));
}

#[test]
fn compounds() {
    is(None::<u32>, "00000000 00000000");
    is(Some(0x1122_3344_u32), "01000000 44332211");
    is(Some(9_u8), "0109");
    is(Err::<u32, _>("bad".to_owned()), "01000000 626164ff ffffffff");
    is(Ok::<_, String>(5_u32), "00000000 05000000 00000000");
    is((1_u8, 2_u32), "01000000 02000000");
    is(Box::new(5_u32), "05000000 fcffffff");
    is(
        Mixed { a: 0xaa, b: 1, c: 0xcc, d: 2, e: true },
        &format!("aa000000 01000000 cc000000 {} 02000000 00000000 01000000 00000000", "00000000"),
    );
    is(Kinds::Unit, &"00".repeat(16));
    is(Kinds::One(7), &format!("0107{}", "00".repeat(14)));
    is(Kinds::Two(8), "02000000 00000000 08000000 00000000");
    is(Kinds::Rec { x: 0x1234, s: "hi".into() }, "03003412 6869ffff ffffffff 00000000");
    is(Numbered::A, "03");
    is(Numbered::B, "40");
}

#[test]
fn times_and_addresses() {
    is(Duration::new(1, 2), "01000000 00000000 02000000 00000000");
    is(Ipv4Addr::new(1, 2, 3, 4), "01020304");
    is(Ipv6Addr::LOCALHOST, "00000000 00000000 00000000 00000001");
    is(IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4)), &format!("0001020304{}", "00".repeat(12)));
    is(SocketAddr::from(([1, 2, 3, 4], 80)), &format!("00000102 03045000 {}", "00".repeat(24)));
}

#[cfg(feature = "uuid")]
#[test]
fn uuid_is_its_bytes() {
    is(
        uuid::Uuid::from_u128(0x00112233_44556677_8899aabb_ccddeeff),
        "00112233 44556677 8899aabb ccddeeff",
    );
}

#[test]
fn maps_are_sorted_lists_of_entries() {
    let hex = "01000000 0a000000 02000000 14000000 f0ffffff 02000000";
    is(vec![(1_u32, 10_u32), (2, 20)], hex);
    is(BTreeMap::from([(2_u32, 20_u32), (1, 10)]), hex);
    is(HashMap::<u32, u32>::from([(2, 20), (1, 10)]), hex);
    is(BTreeSet::from([3_u8, 1, 2]), "01020300 fcffffff 03000000");
    is(HashSet::<u8>::from([3, 1, 2]), "01020300 fcffffff 03000000");
}

#[test]
fn hash_maps_encode_the_same_whatever_their_seed() {
    let entries = || (0..500_u32).map(|key| (key.wrapping_mul(2_654_435_761), key.to_string()));
    let first = encode_to_bytes(&entries().collect::<HashMap<_, _>>()).unwrap();
    for _ in 0..10 {
        assert_eq!(encode_to_bytes(&entries().collect::<HashMap<_, _>>()).unwrap(), first);
    }
    assert_eq!(encode_to_bytes(&entries().collect::<BTreeMap<_, _>>()).unwrap(), first);
}

#[test]
fn bytes_do_not_depend_on_what_stands_before() {
    let value = (
        1_u8,
        Nested {
            name: "not inline at all".into(),
            scores: vec![1, 2, 3],
            by_name: BTreeMap::from([("k".into(), 1)]),
        },
        vec![7_u128, 8],
        vec![Some("x".to_owned()), None],
    );
    let payload = encode_to_bytes(&value).unwrap();
    for header in 0..=17 {
        let mut out = BytesMut::from(&vec![0xee; header][..]);
        encode(&value, &mut out).unwrap();
        assert_eq!(out[..header], vec![0xee; header]);
        assert_eq!(out[header..], payload);
    }
}

#[test]
fn payload_decodes_wherever_it_stands() {
    let small = (1_u8, "not inline at all".to_owned(), vec![7_u128, 8], 3_u64);
    let large = vec![small.clone(); 100];
    for offset in 0..=16 {
        assert_eq!(decode(&shifted(&small, offset)[offset..]), Ok(small.clone()));
        assert_eq!(decode(&shifted(&large, offset)[offset..]), Ok(large.clone()));
        assert_eq!(decode(&shifted(&7_u128, offset)[offset..]), Ok(7_u128));
    }
}

/// A payload behind `offset` other bytes; sixteen offsets in a row are all the misalignments that there are.
fn shifted<T: Codable>(value: &T, offset: usize) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(&encode_to_bytes(value).unwrap());
    bytes
}
