//! Payloads and the values that they hold.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::Duration,
};

use bytes::Bytes;
use hardlight_proto::{
    Codable, TypeDescription,
    payload::{decode, encode_to_bytes},
};
use uuid::Uuid;

use crate::{
    hex_text::plain_hex as hex,
    store::{Case, File, check},
    types::*,
    value::ToJson,
};

/// A file of payloads that is being filled.
struct Payloads {
    file: File,
    section: &'static str,
}

impl Payloads {
    fn new(name: &str, section: &'static str, about: &'static str) -> Self {
        Self { file: File::new(&format!("payloads/{name}.json"), "payloads", about), section }
    }

    /// Adds a value by itself.
    #[track_caller]
    fn add<T: Codable + ToJson>(&mut self, name: &str, value: T) {
        self.push(name, &TypeDescription::of::<T>(), None, value);
    }

    /// Adds a value whose payload is written `otherwise` than a writer would.
    #[track_caller]
    fn add_otherwise<T: Codable + ToJson>(
        &mut self,
        name: &str,
        value: T,
        otherwise: impl FnOnce(&mut Vec<u8>),
    ) {
        let written = encode_to_bytes(&value).expect("the value encodes");
        let mut payload = written.to_vec();
        otherwise(&mut payload);
        assert_ne!(payload, written, "{name}");
        let decoded = decode::<T>(&payload).expect("the payload is accepted").to_json();
        assert_eq!(decoded, value.to_json(), "{name}");
        let case = Case::new(name, &[self.section])
            .with("type", TypeDescription::of::<T>().as_str())
            .with("value", decoded)
            .with("hex", hex(&payload));
        self.file.add(case.with("written", hex(&written)));
    }

    /// Adds the input and the output of a call.
    #[track_caller]
    fn add_call<I: Codable + ToJson, O: Codable + ToJson>(
        &mut self,
        name: &str,
        input: I,
        output: O,
    ) {
        let description = TypeDescription::of_method::<I, O>();
        self.push(&format!("{name}: input"), &description, Some("input"), input);
        self.push(&format!("{name}: output"), &description, Some("output"), output);
    }

    /// Adds the fields of an event.
    #[track_caller]
    fn add_event<P: Codable + ToJson>(&mut self, name: &str, fields: P) {
        self.push(name, &TypeDescription::of_event::<P>(), None, fields);
    }

    #[track_caller]
    fn push<T: Codable + ToJson>(
        &mut self,
        name: &str,
        description: &TypeDescription,
        part: Option<&str>,
        value: T,
    ) {
        let payload = encode_to_bytes(&value).expect("the value encodes");
        let json = value.to_json();
        let again = decode::<T>(&payload).expect("what was encoded decodes");
        assert_eq!(again.to_json(), json, "{name}");
        assert_eq!(encode_to_bytes(&again).as_ref(), Ok(&payload), "{name}");
        let mut case = Case::new(name, &[self.section]).with("type", description.as_str());
        if let Some(part) = part {
            case = case.with("part", part);
        }
        self.file.add(case.with("value", json).with("hex", hex(&payload)));
    }
}

fn numbers() -> File {
    let mut file = Payloads::new("numbers", "21.3", "Integers, floats, bool, char, unit.");
    file.add("u8: least", u8::MIN);
    file.add("u8: greatest", u8::MAX);
    file.add("u16: lowest byte first", 0x1122_u16);
    file.add("u16: greatest", u16::MAX);
    file.add("u32: lowest byte first", 0x1122_3344_u32);
    file.add("u32: greatest", u32::MAX);
    file.add("u64: lowest byte first", 0x1122_3344_5566_7788_u64);
    file.add("u64: greatest", u64::MAX);
    file.add("u128: one", 1_u128);
    file.add("u128: greatest", u128::MAX);
    file.add("i8: least", i8::MIN);
    file.add("i8: greatest", i8::MAX);
    file.add("i16: least", i16::MIN);
    file.add("i16: greatest", i16::MAX);
    file.add("i32: least", i32::MIN);
    file.add("i32: minus two", -2_i32);
    file.add("i32: greatest", i32::MAX);
    file.add("i64: least", i64::MIN);
    file.add("i64: greatest", i64::MAX);
    file.add("i128: least", i128::MIN);
    file.add("i128: greatest", i128::MAX);
    file.add("f32: one and a half", 1.5_f32);
    file.add("f32: minus zero", -0.0_f32);
    file.add("f32: infinite", f32::INFINITY);
    file.add("f32: least above zero", f32::from_bits(1));
    file.add("f32: not a number", f32::from_bits(0x7fc0_0000));
    file.add("f64: one and a half", 1.5_f64);
    file.add("f64: minus zero", -0.0_f64);
    file.add("f64: infinite, below zero", f64::NEG_INFINITY);
    file.add("f64: greatest", f64::MAX);
    file.add("f64: not a number, with a payload", f64::from_bits(0xfff8_0000_0000_002a));
    file.add("bool: false", false);
    file.add("bool: true", true);
    file.add("char: zero", '\0');
    file.add("char: of two bytes in UTF-8", 'é');
    file.add("char: last before the surrogates", '\u{d7ff}');
    file.add("char: first behind the surrogates", '\u{e000}');
    file.add("char: greatest", char::MAX);
    file.add("unit takes no bytes", ());
    file.file
}

fn strings() -> File {
    let mut file = Payloads::new("strings", "21.5", "Texts, inline and out of line.");
    file.add("empty", String::new());
    file.add("inline", "abc".to_owned());
    file.add("inline: 7 bytes", "abcdefg".to_owned());
    file.add("inline: 8 bytes", "abcdefgh".to_owned());
    file.add("inline: not ASCII", "zażó".to_owned());
    file.add("inline: 8 bytes that are two characters", "😀😀".to_owned());
    file.add("inline: a zero byte", "a\0b".to_owned());
    file.add("out of line: 9 bytes, padded", "abcdefghi".to_owned());
    file.add("out of line: 12 bytes, no padding", "abcdefghijkl".to_owned());
    file.add("out of line: not ASCII", "zażółć gęślą jaźń".to_owned());
    file.add("out of line: 63 bytes, in 6 bits", "a".repeat(63));
    file.add("out of line: 64 bytes, in 7 bits", "a".repeat(64));
    file.add("out of line: 300 bytes", "b".repeat(300));
    file.add("box: empty", Box::<str>::from(""));
    file.add("box: never inline", Box::<str>::from("hi"));
    file.add("box: not ASCII", Box::<str>::from("naïve ☃"));
    file.add("two, one of them out of line", ("inline".to_owned(), "out of line".to_owned()));
    file.add("two out of line, in order", ("the first text".to_owned(), "the second".to_owned()));
    file.file
}

fn lists() -> File {
    let mut file = Payloads::new("lists", "21.6", "Lists and arrays.");
    file.add("empty", Vec::<u32>::new());
    file.add("empty: its place is aligned", (5_u8, "nine long".to_owned(), Vec::<u64>::new()));
    file.add("numbers", vec![1_u32, 2, 3]);
    file.add("bytes, padded before the root", vec![1_u8, 2, 3]);
    file.add("bytes", Bytes::from_static(b"HardLight"));
    file.add("queue", VecDeque::from([1_i16, -1]));
    file.add("texts, one out of line", vec!["abcdefghi".to_owned(), "x".to_owned()]);
    file.add("lists in a list", vec![vec![1_u16], vec![], vec![2, 3]]);
    file.add("aligned by 16", (1_u8, vec![7_u128, 8]));
    file.add("two lists, padded between", (vec![1_u8], vec![0x2222_u16, 0x3333]));
    file.add("tuples with padding", vec![(1_u8, 2_u32), (3, 4)]);
    file.add("options of texts", vec![None, Some("x".to_owned()), Some("ten bytes.".to_owned())]);
    file.add("boxes", vec![Box::new(1_u8), Box::new(2)]);
    file.add("boxes of nothing", vec![Box::new(()), Box::new(())]);
    file.add("300 bytes", vec![0xa5_u8; 300]);
    file.add("array", [1_u16, 2, 3]);
    file.add("array: no elements", [0_u64; 0]);
    file.add("array of texts", ["inline".to_owned(), "out of line".to_owned()]);
    file.add("array of arrays", [[1_u8, 2], [3, 4]]);
    file.add("array of lists", [vec![1_u64], vec![], vec![2]]);
    file.file
}

fn compounds() -> File {
    let mut file = Payloads::new("compounds", "21.4", "Box, Option, Result and tuples.");
    file.add("box", Box::new(5_u32));
    file.add("box of nothing", Box::new(()));
    file.add("box in a box", Box::new(Box::new(5_u16)));
    file.add("box, aligned", (Box::new(1_u8), Box::new(2_u64)));
    file.add("option: none", None::<u32>);
    file.add("option: some", Some(0x1122_3344_u32));
    file.add("option: some, no padding", Some(9_u8));
    file.add("option: none of unit", None::<()>);
    file.add("option: some of unit", Some(()));
    file.add("option: none in some", Some(None::<u8>));
    file.add("option: some, aligned by 16", Some(1_u128));
    file.add("option: some, out of line", Some("out of line".to_owned()));
    file.add("option: none of a text", None::<String>);
    file.add("result: ok", Ok::<u32, String>(5));
    file.add("result: ok is the smaller", Ok::<u8, u64>(5));
    file.add("result: err", Err::<u32, _>("bad".to_owned()));
    file.add("result: ok of unit", Ok::<(), Underflow>(()));
    file.add("result: err, a struct", Err::<(), _>(Underflow { by: 3 }));
    file.add("tuple of 1", (7_u16,));
    file.add("tuple of 2, padded between", (1_u8, 2_u32));
    file.add("tuple of 2, padded behind", (1_u32, 2_u8));
    file.add("tuple of 2, aligned by 16", (1_u8, 2_u128));
    file.add("tuple of 3", (1_u8, 2_u16, 3_u8));
    file.add("tuple of 4", (true, 'x', (), -1_i64));
    file.add("tuple of 5", (1_u8, 2_u16, 3_u32, 4_u64, 5_u128));
    file.add("tuple of 6", (1_u8, 2_u8, 3_u16, 4_u8, 5_u32, 6_u8));
    file.add("tuple of 7", (1_i8, 2_i16, 3_i8, 4_i32, 5_i8, 6_i64, 7_i8));
    file.add("tuple of 8", (1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8));
    file.add("tuple of 9", (1_u8, (2_u8, 3_u32), 4_u8, None::<u8>, 5_u8, 6_u8, 7_u8, 8_u8, [9_u8]));
    file.add("tuple of 10", (1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8, 9_u8, 10_u16));
    let text = "eleven bytes".to_owned();
    file.add(
        "tuple of 11",
        (1_u8, text, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8, 9_u8, 10_u8, vec![11_u8]),
    );
    file.add(
        "tuple of 12",
        (1_u8, 2_u16, 3_u32, 4_u64, 5_u8, 6_u16, 7_u32, 8_u64, 9_u8, 10_u16, 11_u32, 12_u64),
    );
    file.file
}

fn structs() -> File {
    let mut file = Payloads::new("structs", "21.4", "Structs.");
    file.add("fields by name", Point { x: 1.0, y: -2.0 });
    file.add("fields by place", Meters(0.5));
    file.add("no fields", Marker);
    file.add("fields that take no bytes", Hollow { nothing: (), marker: Marker, none: [] });
    file.add("padding", Mixed { a: 0xaa, b: 0xbbbb_bbbb, c: 0xcc, d: 0xdddd_dddd, e: true });
    file.add("generic", Tagged { tag: 1, value: 2_u16 });
    file.add("generic, of a struct", Tagged { tag: 1, value: Tagged { tag: 2, value: () } });
    file.add("names with care", Café { r#type: 1, größe: 1.5 });
    file.add(
        "out of line, in the order of the fields",
        Person {
            name: "Ada Lovelace".into(),
            nick: Some("Enchantress of Number".into()),
            tags: vec!["maths".into(), "analytical engine".into()],
        },
    );
    file.add("all inline or empty", Person { name: "Bob".into(), nick: None, tags: Vec::new() });
    file.file
}

fn enums() -> File {
    let mut file = Payloads::new("enums", "21.7", "Enums, of every form.");
    file.add("no fields: first", Switch::Off);
    file.add("no fields: second", Switch::On);
    file.add("no fields: only one", Single::Unit);
    file.add("number given", Numbered::Nine);
    file.add("number follows the one before", Numbered::Ten);
    file.add("number below the one before", Numbered::One);
    file.add("number 255", Numbered::Last);
    file.add("number given, fields by place", Level::Low(7));
    file.add("number given, fields by name", Level::High { value: 7 });
    file.add("number follows, no fields", Level::Top);
    file.add("only one variant", Alone::Only(7));
    file.add("last of twenty", Letter::T);
    file.add("several forms: unit", Shape::Unit);
    file.add("several forms: field behind the tag", Shape::Byte(7));
    file.add("several forms: field aligned", Shape::Long(8));
    file.add("several forms: fields by name", Shape::Text { x: 0x1234, s: "hi".into() });
    file.add(
        "several forms: out of line",
        Shape::Both(Point { x: 1.0, y: 2.0 }, vec![0x1111, 0x2222, 0x3333]),
    );
    file.add("several forms: no fields in parentheses", Shape::Empty());
    file.add(
        "list of several forms",
        vec![Shape::Byte(1), Shape::Text { x: 2, s: "out of line".into() }, Shape::Unit],
    );
    file.file
}

fn recursive() -> File {
    let mut file = Payloads::new("recursive", "21.10", "Types that contain themselves; depth.");
    file.add("list: end", List::Nil);
    let list = (0..20).fold(List::Nil, |rest, value| List::Cons(value, Box::new(rest)));
    file.add("list: twenty", list);
    file.add("tree: no kids", Tree { kids: vec![] });
    let twig = || Tree { kids: vec![Tree { kids: vec![] }, Tree { kids: vec![] }] };
    file.add("tree: three levels", Tree { kids: vec![twig(), twig()] });
    file.add(
        "map of itself",
        Json::Object(BTreeMap::from([
            ("flag".into(), Json::Bool(true)),
            ("list".into(), Json::Array(vec![Json::Null, Json::Number(0.5)])),
            ("text, out of line".into(), Json::Text("also out of line".into())),
            ("void".into(), Json::Object(BTreeMap::new())),
        ])),
    );
    file.add(
        "two types that contain each other",
        Expression::Let(Box::new(Binding {
            name: "a longer name".into(),
            value: Expression::Sum(vec![Expression::Number(1), Expression::Number(-2)]),
            body: Expression::Let(Box::new(Binding {
                name: "y".into(),
                value: Expression::Sum(vec![]),
                body: Expression::Number(i64::MIN),
            })),
        })),
    );
    file.add("63 levels: boxes", deepest(7_u8));
    file.add("63 levels: an inline text is no level", deepest("inline".to_owned()));
    file.add(
        "63 levels: nor are options, tuples and structs",
        deepest(Some((Marker, Meters(1.0)))),
    );
    file.file
}

fn times_and_addresses() -> File {
    let mut file = Payloads::new("times_and_addresses", "21.9", "Durations, UUIDs and addresses.");
    file.add("duration: zero", Duration::ZERO);
    file.add("duration: seconds and nanoseconds", Duration::new(1, 2));
    file.add("duration: greatest", Duration::MAX);
    file.add("uuid", Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff));
    file.add("ipv4", Ipv4Addr::new(192, 0, 2, 1));
    file.add("ipv6", Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    file.add("ip: v4", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    file.add("ip: v6", IpAddr::V6(Ipv6Addr::LOCALHOST));
    file.add("socket: v4", SocketAddr::from(([192, 0, 2, 1], 443)));
    let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0x1234, 0x000a_bcde, 7);
    file.add("socket: v6", SocketAddr::V6(v6));
    file.add("optional uuid: no padding", Some(Uuid::from_u128(1)));
    file.add("list of durations", vec![Duration::from_millis(1500), Duration::from_secs(2)]);
    file.file
}

fn maps() -> File {
    let mut file = Payloads::new("maps", "21.8", "Maps and sets, sorted by key.");
    file.add("empty map", BTreeMap::<u32, u32>::new());
    file.add("empty set", BTreeSet::<u64>::new());
    file.add("map", BTreeMap::from([(2_u32, 20_u32), (1, 10)]));
    file.add("hash map", HashMap::<u32, u32>::from([(2, 20), (1, 10)]));
    file.add("map with padding", BTreeMap::from([(1_u8, 1_u64), (2, 2)]));
    file.add(
        "out of line: each key, then its value",
        BTreeMap::from([
            ("the first key".to_owned(), vec![1_u8]),
            ("the second key".to_owned(), vec![2, 3]),
        ]),
    );
    file.add("map of unit", BTreeMap::from([(1_u8, ()), (2, ())]));
    file.add("map of maps", BTreeMap::from([(1_u8, BTreeMap::from([(2_u16, true)]))]));
    file.add("set", BTreeSet::from([3_u8, 1, 2]));
    file.add("hash set", HashSet::<u8>::from([3, 1, 2]));
    file.add("order: numbers below zero", BTreeSet::from([-1_i32, 1, i32::MIN, 0]));
    file.add("order: 128 bits below zero", BTreeSet::from([-1_i128, 1 << 100, -(1 << 100)]));
    file.add("order: bool", BTreeSet::from([true, false]));
    file.add("order: char", BTreeSet::from(['\u{ffff}', '\u{10000}', 'a']));
    file.add(
        "order: texts by their bytes",
        BTreeSet::from(
            ["b", "", "a", "Z", "é", "a long one", "\u{ffff}", "\u{10000}"].map(str::to_owned),
        ),
    );
    file.add("order: options, none first", BTreeSet::from([Some(0_u8), None, Some(1)]));
    file.add("order: results, ok first", BTreeSet::from([Err(0_u8), Ok(9_u8), Err(1), Ok(0)]));
    file.add("order: lists", BTreeSet::from([vec![2_u8], vec![], vec![1, 9], vec![1]]));
    file.add("order: arrays", BTreeSet::from([[1_u8, 2], [0, 9]]));
    file.add("order: tuples", BTreeSet::from([(1_u8, 2_u32), (1, 1), (0, 9)]));
    file.add("order: structs", BTreeSet::from([Version(1, 0), Version(0, 9), Version(0, 10)]));
    file.add(
        "order: enums by number",
        BTreeSet::from([Numbered::Nine, Numbered::Ten, Numbered::One, Numbered::Last]),
    );
    file.add("order: boxes", BTreeSet::from([Box::new(2_u16), Box::new(1)]));
    file.add("order: durations", BTreeSet::from([Duration::new(1, 0), Duration::new(0, 9)]));
    file.add(
        "order: addresses, v4 first",
        BTreeSet::from([
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
            IpAddr::V4(Ipv4Addr::new(9, 0, 0, 2)),
        ]),
    );
    file.add(
        "order: sockets by address, then port",
        BTreeSet::from([
            SocketAddr::from(([10, 0, 0, 1], 1)),
            SocketAddr::from(([9, 0, 0, 1], 256)),
            SocketAddr::from(([9, 0, 0, 1], 2)),
        ]),
    );
    file.add("order: uuids", BTreeSet::from([Uuid::from_u128(1 << 120), Uuid::from_u128(255)]));
    file.add(
        "order: maps",
        BTreeSet::from([
            BTreeMap::from([(1_u8, 2_u8)]),
            BTreeMap::from([(1, 1), (9, 9)]),
            BTreeMap::new(),
        ]),
    );
    file.file
}

fn calls_and_events() -> File {
    let mut file =
        Payloads::new("calls_and_events", "21.11", "Inputs and outputs of methods, events.");
    file.add_call("no arguments, no result", NoArguments {}, ());
    file.add_call("one argument", Increment { amount: 7 }, 8_u32);
    file.add_call("may fail: ok", Increment { amount: 1 }, Ok::<u32, Underflow>(41));
    file.add_call("may fail: err", Increment { amount: 9 }, Err::<u32, _>(Underflow { by: 1 }));
    file.add_call(
        "several arguments",
        Transfer {
            urgent: true,
            from: 1 << 40,
            amount: Some(1 << 100),
            memo: "thank you for it".into(),
            via: vec![Point { x: 0.5, y: 1.0 }],
        },
        Point { x: 1.0, y: 0.0 },
    );
    file.add_event("event: no fields", Marker);
    file.add_event(
        "event: fields by name",
        Joined { user: "somebody new".into(), at: Point { x: 3.0, y: 4.0 } },
    );
    file.add_event(
        "event: fields by place",
        Moved(7, Point { x: 0.0, y: 0.0 }, Point { x: 1.0, y: 1.0 }),
    );
    file.file
}

/// What no writer makes and every reader accepts.
fn lenient() -> File {
    let about =
        "Payloads that no writer makes and every reader accepts; `written` is what a writer makes.";
    let mut file = Payloads::new("lenient", "21.1", about);
    let mixed = Mixed { a: 1, b: 2, c: 3, d: 4, e: true };
    file.add_otherwise("padding between fields", mixed, |payload| payload[1] = 0xee);
    let long = || "nine long".to_owned();
    file.add_otherwise("padding before the root", long(), |payload| payload[11] = 0xee);
    file.add_otherwise("padding of none", None::<u32>, |payload| payload[4..].fill(0xee));
    file.add_otherwise("padding of a variant", Shape::Unit, |payload| payload[1..].fill(0xee));
    file.add_otherwise("padding of an inline text", "ab".to_owned(), |payload| {
        payload[3..].fill(0);
    });
    file.section = "21.10";
    file.add_otherwise("bytes before the first object", vec![7_u32], |payload| {
        payload.splice(..0, [0xee; 4]);
    });
    file.add_otherwise("bytes before the root", vec![7_u32], |payload| {
        payload.splice(4..4, [0xee; 4]);
        payload[8] = 0xf8;
    });
    file.add_otherwise("bytes between objects", (vec![7_u32], vec![8_u32]), |payload| {
        payload.splice(4..4, [0xee; 4]);
        payload[12] = 0xf4;
    });
    file.add_otherwise("empty list: in padding", (vec![7_u8], vec![0_u8; 0]), |payload| {
        payload[12] = 0xf6;
    });
    file.add_otherwise("empty list: at its owner", (vec![7_u8], vec![0_u16; 0]), |payload| {
        payload[12] = 0xf8;
    });
    file.file
}

fn files() -> [File; 11] {
    [
        numbers(),
        strings(),
        lists(),
        compounds(),
        structs(),
        enums(),
        recursive(),
        times_and_addresses(),
        maps(),
        calls_and_events(),
        lenient(),
    ]
}

#[test]
fn payloads_are_those_of_the_vectors() {
    let mut files = Vec::from(files());
    files.push(crate::invalid_payloads::file());
    check(&files, Some("payloads"));
}

/// A port that passes the vectors has met every type there is.
#[test]
fn every_type_of_the_wire_profile_has_a_payload() {
    let files = files();
    let texts: Vec<_> = files.iter().flat_map(File::cases).map(|case| case.text("type")).collect();
    for word in [
        "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "f32", "f64", "bool",
        "char", "unit", "string", "str", "vec", "box", "option", "result", "array", "tuple", "map",
        "set", "duration", "uuid", "ipv4", "ipv6", "ip", "socket", "struct", "enum", "fn", "event",
    ] {
        let is_word = |text: &str| text.split(|c: char| !c.is_alphanumeric()).any(|w| w == word);
        assert!(texts.iter().any(|text| is_word(text)), "no payload has the type '{word}'");
    }
}
