//! Payloads that every reader refuses, each with one flaw, and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hardlight_proto::{
    Codable, TypeDescription,
    payload::{DecodeError, decode, encode_to_bytes},
};

use crate::{
    hex_text::plain_hex as hex,
    store::{Case, File},
    types::*,
};

/// Why a payload is refused. A reader need not tell these apart.
#[derive(Clone, Copy, PartialEq)]
enum Reason {
    WrongLength,
    OutOfBounds,
    Misaligned,
    TooDeep,
    Bool,
    Char,
    Utf8,
    StringLength,
    Tag,
    Duration,
    Keys,
    ZeroSized,
}

impl Reason {
    const ALL: [Self; 12] = [
        Self::WrongLength,
        Self::OutOfBounds,
        Self::Misaligned,
        Self::TooDeep,
        Self::Bool,
        Self::Char,
        Self::Utf8,
        Self::StringLength,
        Self::Tag,
        Self::Duration,
        Self::Keys,
        Self::ZeroSized,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::WrongLength => "wrong-length",
            Self::OutOfBounds => "out-of-bounds",
            Self::Misaligned => "misaligned",
            Self::TooDeep => "too-deep",
            Self::Bool => "bool",
            Self::Char => "char",
            Self::Utf8 => "utf-8",
            Self::StringLength => "string-length",
            Self::Tag => "tag",
            Self::Duration => "duration",
            Self::Keys => "keys",
            Self::ZeroSized => "zero-sized",
        }
    }

    /// The section of SPEC.md that has the rule.
    const fn section(self) -> &'static str {
        match self {
            Self::WrongLength => "21.1",
            Self::OutOfBounds | Self::Misaligned | Self::TooDeep => "21.10",
            Self::Bool | Self::Char => "21.3",
            Self::Utf8 | Self::StringLength => "21.5",
            Self::Tag => "21.7",
            Self::Duration => "21.9",
            Self::Keys => "21.8",
            Self::ZeroSized => "21.6",
        }
    }

    /// Whether this is what `error` stands for, which tells fewer reasons apart.
    fn is(self, error: DecodeError) -> bool {
        match error {
            DecodeError::WrongLength { .. } => self == Self::WrongLength,
            DecodeError::KeysNotAscending => self == Self::Keys,
            _ => self != Self::WrongLength && self != Self::Keys,
        }
    }
}

struct Invalid(File);

impl Invalid {
    /// Adds bytes that are refused when they are read as a `T`.
    #[track_caller]
    fn add<T: Codable>(&mut self, reason: Reason, name: &str, payload: &[u8]) {
        match decode::<T>(payload) {
            Ok(_) => panic!("{name}: was accepted"),
            Err(error) => assert!(reason.is(error), "{name}: {error}"),
        }
        self.push::<T>(reason, name, payload);
    }

    /// Adds the payload of `value`, once `flaw` has spoilt it.
    #[track_caller]
    fn spoil<T: Codable>(
        &mut self,
        reason: Reason,
        name: &str,
        value: T,
        flaw: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut payload = encode_to_bytes(&value).expect("the value encodes").to_vec();
        flaw(&mut payload);
        self.add::<T>(reason, name, &payload);
    }

    /// Adds a case without running it: `decode` does not compile for some types that are refused.
    fn push<T: Codable>(&mut self, reason: Reason, name: &str, payload: &[u8]) {
        let text = TypeDescription::of::<T>();
        let case = Case::new(name, &[reason.section()])
            .with("type", text.as_str())
            .with("reason", reason.name());
        self.0.add(case.with("hex", hex(payload)));
    }
}

/// Overwrites what stands at `at`.
fn put(payload: &mut [u8], at: usize, bytes: &[u8]) {
    payload[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A relative pointer.
fn offset(value: i32) -> [u8; 4] {
    value.to_le_bytes()
}

pub(crate) fn file() -> File {
    let about = "Payloads that every reader refuses, each for one reason.";
    let mut file = Invalid(File::new("payloads/invalid.json", "invalid-payloads", about));
    lengths(&mut file);
    scalars(&mut file);
    strings(&mut file);
    tags(&mut file);
    bounds(&mut file);
    overlaps(&mut file);
    alignment(&mut file);
    depth(&mut file);
    keys(&mut file);
    zero_sized(&mut file);
    file.0
}

fn lengths(file: &mut Invalid) {
    let reason = Reason::WrongLength;
    file.add::<u32>(reason, "u32: 3 bytes", &[0; 3]);
    file.add::<u32>(reason, "u32: 5 bytes", &[0; 5]);
    file.add::<u64>(reason, "u64: no bytes", &[]);
    file.add::<()>(reason, "unit: a byte", &[0]);
    file.add::<Option<u32>>(reason, "option: no room for the value", &[0; 4]);
    file.add::<[u16; 3]>(reason, "array: one element less", &[0; 4]);
    file.add::<Mixed>(reason, "struct: without its padding", &[0; 25]);
    file.add::<Switch>(reason, "enum: no bytes", &[]);
    let reason = Reason::OutOfBounds;
    file.add::<String>(reason, "string: no bytes", &[]);
    file.add::<String>(reason, "string: 7 bytes", &[0xff; 7]);
    file.add::<Vec<u8>>(reason, "list: 4 bytes", &[0; 4]);
    file.add::<Box<u8>>(reason, "box: 3 bytes", &[0; 3]);
    file.add::<(String, u8)>(reason, "tuple: 8 bytes", &[0xff; 8]);
}

fn scalars(file: &mut Invalid) {
    let reason = Reason::Bool;
    file.add::<bool>(reason, "bool: 2", &[2]);
    file.add::<bool>(reason, "bool: 255", &[255]);
    file.add::<[bool; 3]>(reason, "bool in an array", &[0, 1, 3]);
    file.spoil(reason, "bool in a list", vec![true, false], |payload| payload[1] = 0x80);
    let reason = Reason::Char;
    file.add::<char>(reason, "char: first surrogate", &0xd800_u32.to_le_bytes());
    file.add::<char>(reason, "char: last surrogate", &0xdfff_u32.to_le_bytes());
    file.add::<char>(reason, "char: beyond the last", &0x11_0000_u32.to_le_bytes());
    file.add::<char>(reason, "char: u32's greatest", &[0xff; 4]);
    let reason = Reason::Duration;
    let second = 1_000_000_000_u32.to_le_bytes();
    file.spoil(reason, "duration: a whole second of nanoseconds", Duration::ZERO, |payload| {
        put(payload, 8, &second);
    });
    file.spoil(reason, "duration in an option", Some(Duration::ZERO), |payload| {
        put(payload, 16, &[0xff; 4]);
    });
}

fn strings(file: &mut Invalid) {
    let reason = Reason::Utf8;
    let inline = |text: &[u8]| {
        let mut payload = [0xff; 8];
        put(&mut payload, 0, text);
        payload
    };
    file.add::<String>(reason, "inline: broken character", &inline(b"a\xc3("));
    file.add::<String>(reason, "inline: character cut off by the filling", &inline(b"a\xc3"));
    file.add::<String>(reason, "inline: character cut off by the end", &inline(b"abcdefg\xc3"));
    file.add::<String>(reason, "inline: surrogate", &inline(b"\xed\xa0\x80"));
    file.add::<String>(reason, "inline: zero in two bytes", &inline(b"\xc0\x80"));
    file.add::<String>(reason, "inline: beyond the last character", &inline(b"\xf4\x90\x80\x80"));
    let long = || "a long enough text".to_owned();
    file.spoil(reason, "out of line: broken character", long(), |payload| payload[3] = 0xff);
    file.spoil(reason, "out of line: only the end of one", long(), |payload| payload[0] = 0x80);
    file.spoil(reason, "box: broken character", Box::<str>::from("abc"), |payload| {
        payload[2] = 0xe9;
    });
    let reason = Reason::StringLength;
    file.spoil(reason, "out of line: 8 bytes, which go inline", long(), |payload| {
        let root = payload.len() - 8;
        put(payload, root, &[0x88, 0, 0, 0]);
    });
    file.spoil(reason, "out of line: no bytes", long(), |payload| {
        let root = payload.len() - 8;
        put(payload, root, &[0x80, 0, 0, 0]);
    });
}

fn tags(file: &mut Invalid) {
    let reason = Reason::Tag;
    file.spoil(reason, "option: 2", Some(1_u32), |payload| payload[0] = 2);
    file.spoil(reason, "result: 2", Ok::<u8, u8>(1), |payload| payload[0] = 2);
    file.spoil(reason, "enum: behind the last", Switch::On, |payload| payload[0] = 2);
    file.spoil(reason, "enum: the only variant is 0", Single::Unit, |payload| payload[0] = 1);
    file.spoil(reason, "enum: between the numbers", Numbered::One, |payload| payload[0] = 2);
    file.spoil(reason, "enum: place instead of number", Level::Low(0), |payload| payload[0] = 0);
    file.spoil(reason, "enum with fields: 255", Shape::Unit, |payload| payload[0] = 255);
    file.spoil(reason, "enum in a list", vec![Switch::On, Switch::Off], |payload| payload[1] = 9);
    file.spoil(reason, "ip: 2", IpAddr::V6(Ipv6Addr::LOCALHOST), |payload| payload[0] = 2);
    let socket = SocketAddr::from(([1, 2, 3, 4], 5));
    file.spoil(reason, "socket: 6", socket, |payload| payload[0] = 6);
}

fn bounds(file: &mut Invalid) {
    let reason = Reason::OutOfBounds;
    let list = || vec![1_u32, 2, 3];
    file.spoil(reason, "list: one element too many", list(), |payload| payload[16] = 4);
    file.spoil(reason, "list: u32's greatest length", list(), |payload| {
        put(payload, 16, &[0xff; 4]);
    });
    file.spoil(reason, "list: its bytes are 2^32", vec![1_u64], |payload| {
        put(payload, 12, &0x2000_0000_u32.to_le_bytes());
    });
    file.spoil(reason, "list: begins before the payload", list(), |payload| {
        put(payload, 12, &offset(-16));
    });
    file.spoil(reason, "list: begins 2^31 before", list(), |payload| {
        put(payload, 12, &offset(i32::MIN));
    });
    file.spoil(reason, "list: behind the root", vec![1_u8], |payload| {
        put(payload, 4, &offset(8));
    });
    file.spoil(reason, "list: is the root itself", list(), |payload| {
        put(payload, 12, &offset(0));
    });
    file.spoil(reason, "empty list: before the payload", Vec::<u8>::new(), |payload| {
        put(payload, 0, &offset(-1));
    });
    file.spoil(reason, "empty list: behind its pointer", Vec::<u8>::new(), |payload| {
        put(payload, 0, &offset(1));
    });
    file.spoil(reason, "text: one byte too many", "a text of 16 ...".to_owned(), |payload| {
        payload[16] = 0x80 | 17;
    });
    file.spoil(reason, "text: length of 30 bits", "a text of 16 ...".to_owned(), |payload| {
        put(payload, 16, &[0xbf, 0xff, 0xff, 0xff]);
    });
    file.spoil(reason, "text: before the payload", "a text of 16 ...".to_owned(), |payload| {
        put(payload, 20, &offset(-17));
    });
    file.spoil(reason, "box of a text: too long", Box::<str>::from("abcd"), |payload| {
        payload[8] = 5;
    });
    file.spoil(reason, "box: before the payload", Box::new(1_u32), |payload| {
        put(payload, 4, &offset(-8));
    });
    file.spoil(reason, "box: greatest offset", Box::new(1_u32), |payload| {
        put(payload, 4, &offset(i32::MAX));
    });
    file.spoil(reason, "box: reaches into its pointer", Box::new(1_u64), |payload| {
        payload.drain(..4);
        put(payload, 4, &offset(-4));
    });
}

fn overlaps(file: &mut Invalid) {
    let reason = Reason::OutOfBounds;
    let pair = || (vec![1_u8, 2], vec![3_u8, 4]);
    file.spoil(reason, "two lists share their elements", pair(), |payload| {
        put(payload, 12, &offset(-12));
    });
    file.spoil(reason, "two lists overlap", pair(), |payload| put(payload, 12, &offset(-11)));
    file.spoil(reason, "two lists in the wrong order", pair(), |payload| {
        put(payload, 4, &offset(-2));
        put(payload, 12, &offset(-12));
    });
    file.spoil(
        reason,
        "empty list inside the one before",
        (vec![1_u8, 2], vec![3_u8]),
        |payload| {
            put(payload, 12, &offset(-11));
            put(payload, 16, &[0]);
        },
    );
    file.spoil(
        reason,
        "two texts share their bytes",
        ["shared text".to_owned(), "shared text".to_owned()],
        |payload| {
            let root = payload.len() - 16;
            put(payload, root + 12, &offset(-(i32::try_from(root).expect("small") + 8)));
        },
    );
    file.spoil(
        reason,
        "list is its own element",
        Tree { kids: vec![Tree { kids: vec![] }] },
        |payload| {
            put(payload, 0, &offset(0));
            put(payload, 4, &[1]);
        },
    );
    file.spoil(
        reason,
        "element points to its owner",
        Tree { kids: vec![Tree { kids: vec![] }] },
        |payload| {
            put(payload, 0, &offset(8));
            put(payload, 4, &[1]);
        },
    );
}

fn alignment(file: &mut Invalid) {
    let reason = Reason::Misaligned;
    file.spoil(reason, "list: between its elements", vec![1_u32, 2], |payload| {
        put(payload, 8, &offset(-7));
        put(payload, 12, &[1]);
    });
    file.spoil(reason, "list of u128, aligned by 8", (1_u64, vec![1_u128, 2]), |payload| {
        let root = payload.len() - 16;
        put(payload, root + 8, &offset(-32));
        put(payload, root + 12, &[1]);
    });
    file.spoil(reason, "empty list: not aligned", (vec![0_u8; 4], Vec::<u32>::new()), |payload| {
        put(payload, 4, &offset(-4));
        put(payload, 8, &[1]);
        put(payload, 12, &offset(-10));
    });
    file.spoil(reason, "box: not aligned", (Box::new(0_u8), Box::new(0_u32)), |payload| {
        put(payload, 12, &offset(-10));
    });
    file.spoil(reason, "root: a byte before a list", vec![1_u8], |payload| payload.insert(0, 0));
    file.spoil(
        reason,
        "root: 4 bytes before an aligned struct",
        (1_u64, String::new()),
        |payload| {
            payload.splice(..0, [0; 4]);
        },
    );
}

/// `levels` nodes of a list, the last first.
fn conses(levels: usize) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    for _ in 0..levels {
        bytes.extend([1, 0, 0, 0, 7, 0, 0, 0]);
        bytes.extend(offset(-20));
    }
    bytes
}

/// A tree of `levels` kids, each the only one of the one before.
fn kids(levels: usize) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    for _ in 0..levels {
        bytes.extend(offset(-8));
        bytes.extend(1_u32.to_le_bytes());
    }
    bytes
}

/// 62 boxes around the object that `bytes` end with, of this size.
fn boxes(mut bytes: Vec<u8>, size: i32) -> Vec<u8> {
    bytes.extend(offset(-size));
    for _ in 1..62 {
        bytes.extend(offset(-4));
    }
    bytes
}

fn depth(file: &mut Invalid) {
    let reason = Reason::TooDeep;
    file.add::<List>(reason, "list of 64 levels", &conses(63));
    file.add::<List>(reason, "list of 1001 levels", &conses(1000));
    // The list of the innermost kid has no elements, and is a level nonetheless.
    file.add::<Tree>(reason, "tree of 64 levels", &kids(62));
    file.add::<Deepest<Box<u8>>>(reason, "63 boxes", &{
        let mut bytes = vec![7, 0, 0, 0];
        bytes.extend(offset(-4));
        boxes(bytes, 4)
    });
    file.add::<Deepest<String>>(reason, "text out of line in 62 boxes", &{
        let mut bytes = b"a text of 16 ...".to_vec();
        bytes.extend([0x80 | 16, 0, 0, 0]);
        bytes.extend(offset(-16));
        boxes(bytes, 8)
    });
    file.add::<Deepest<Vec<u8>>>(reason, "empty list in 62 boxes", &boxes(vec![0; 8], 8));
}

/// Adds the payload of a list as that of a map or set.
#[track_caller]
fn unsorted<T: Codable, L: Codable>(file: &mut Invalid, name: &str, list: L) {
    let payload = encode_to_bytes(&list).expect("the value encodes");
    file.add::<T>(Reason::Keys, name, &payload);
}

fn keys(file: &mut Invalid) {
    unsorted::<BTreeMap<u32, u32>, _>(file, "map: descending", vec![(2_u32, 0_u32), (1, 0)]);
    unsorted::<BTreeMap<u32, u32>, _>(file, "map: a key twice", vec![(1_u32, 0_u32), (1, 1)]);
    unsorted::<BTreeMap<u32, u32>, _>(file, "map: last", vec![(1_u32, 0_u32), (3, 0), (2, 0)]);
    unsorted::<BTreeSet<u8>, _>(file, "set: descending", vec![2_u8, 1]);
    unsorted::<BTreeSet<u8>, _>(file, "set: an element twice", vec![1_u8, 1]);
    unsorted::<BTreeSet<i8>, _>(file, "set: ascending only as unsigned", vec![1_i8, -1]);
    unsorted::<BTreeSet<u16>, _>(
        file,
        "set: ascending only by its bytes",
        vec![0x0200_u16, 0x0101],
    );
    let texts = || vec!["b".to_owned(), "a long one".to_owned()];
    unsorted::<BTreeSet<String>, _>(file, "set: texts by length", texts());
    let numbers = vec![Numbered::Nine, Numbered::One];
    unsorted::<BTreeSet<Numbered>, _>(file, "set: enums by place", numbers);
    let options = vec![Some(0_u8), None];
    unsorted::<BTreeSet<Option<u8>>, _>(file, "set: none behind some", options);
    let addresses =
        vec![IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(255, 0, 0, 1))];
    unsorted::<BTreeSet<IpAddr>, _>(file, "set: v6 before v4", addresses);
    let maps = [vec![(1_u8, 2_u8)], vec![(2, 1), (1, 2)]];
    unsorted::<[BTreeMap<u8, u8>; 2], _>(file, "map in an array", maps);
    let twice = vec!["a".to_owned(), "b".to_owned()];
    let mut payload = encode_to_bytes(&twice).expect("the value encodes").to_vec();
    put(&mut payload, 8, b"a\xff\0\0");
    file.add::<BTreeSet<String>>(Reason::Keys, "set: an element twice, filled otherwise", &payload);
}

fn zero_sized(file: &mut Invalid) {
    let reason = Reason::ZeroSized;
    let mut payload = offset(0).to_vec();
    payload.extend([0xff; 4]);
    file.push::<Vec<()>>(reason, "list of units", &payload);
    file.push::<Vec<Hollow>>(reason, "list of empty structs", &payload);
    file.push::<BTreeSet<[u8; 0]>>(reason, "set of empty arrays", &payload);
    file.push::<BTreeMap<(), ()>>(reason, "map of units to units", &payload);
}

#[test]
fn every_reason_has_a_payload() {
    let file = file();
    for reason in Reason::ALL {
        let shown = file.cases().iter().any(|case| case.text("reason") == reason.name());
        assert!(shown, "no payload is refused as '{}'", reason.name());
    }
}
