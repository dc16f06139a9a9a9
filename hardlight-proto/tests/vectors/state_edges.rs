//! Operations that a reader gets wrong if it misses one check, written by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use hardlight_macros::{ConnectionState, codable};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    state::{OneField, Sixty, lenient, refused, sixty, states},
    store::Case,
    types::*,
    value::{ToJson, show_enum, show_struct},
};

/// Variants whose numbers are not their places.
#[codable]
#[repr(u8)]
enum Apart {
    Nine(u8) = 9,
    Ten(u8),
}
show_enum!(Apart { Nine(value), Ten(value) });

/// A struct with nothing to change in its field.
#[codable]
struct Around {
    inside: Marker,
}
show_struct!(Around { inside });

states! {
    Count: u32;
    Word: String;
    Octets: Vec<u8>;
    Octet: Box<u8>;
    Small: BTreeMap<u8, u8>;
    Wide: BTreeMap<u16, u8>;
    Names: BTreeMap<String, u32>;
    Labels: BTreeMap<u32, String>;
    SmallSet: BTreeSet<u8>;
    Perhaps: Option<u8>;
    PerhapsText: Option<String>;
    Two: (u8, u8);
    TwoAlike: [u8; 2];
    Onoff: Switch = Switch::Off;
    Onoffs: Vec<Switch>;
    Numbers: Apart = Apart::Nine(0);
    Shell: Around = Around { inside: Marker };
    Span: Duration;
    Address: IpAddr = IpAddr::from([0, 0, 0, 0]);
    Name: Uuid;
    Rows: Vec<Vec<u8>>;
    Someone: Person = Person { name: String::new(), nick: None, tags: vec![] };
    Text62: Sixty<Box<Box<String>>>;
    Text61: Sixty<Box<String>>;
    Perhaps62: Sixty<Box<Box<Option<String>>>>;
    Octets61: Sixty<Box<Vec<u8>>>;
    Texts61: Sixty<Box<Vec<String>>>;
    Texts60: Sixty<Vec<String>>;
    Boxes60: Sixty<Vec<Box<u8>>>;
    Set61: Sixty<Box<BTreeSet<String>>>;
    Set60: Sixty<BTreeSet<String>>;
    Map61: Sixty<Box<BTreeMap<u8, String>>>;
    Map60: Sixty<BTreeMap<u8, String>>;
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex");
    digits.map(byte).collect()
}

fn text(text: &str) -> String {
    text.into()
}

/// In 61 boxes, on level 62.
fn up<T>(value: T) -> Sixty<Box<T>> {
    sixty(Box::new(value))
}

fn names() -> BTreeMap<String, u32> {
    [(text("ada"), 36), (text("kurt"), 71)].into()
}

/// What applies, each with what it gives.
pub(crate) fn taken() -> Vec<Case> {
    fn take<S: OneField>(
        name: &str,
        section: &str,
        before: S::Field,
        hex: &str,
        after: S::Field,
    ) -> Case {
        lenient::<S>(name, &[section], before, &bytes(hex), after)
    }
    let top = |value: &str| sixty(Box::new(Box::new(text(value))));
    vec![
        take::<PerhapsText>(
            "option: Some of another as a whole",
            "12.3",
            Some(text("a")),
            "01090162ffffffffffffff",
            Some(text("b")),
        ),
        take::<Octets>(
            "list: an insertion just behind one",
            "12.4",
            vec![1, 2],
            "01080201010802020109",
            vec![1, 8, 9, 2],
        ),
        take::<Octets>(
            "list: a splice of nothing",
            "12.4",
            vec![1],
            "010c000100080000000000000000",
            vec![1],
        ),
        take::<Octets>(
            "list: an element set to what it is",
            "12.4",
            vec![1],
            "010401000101",
            vec![1],
        ),
        take::<Onoffs>(
            "list: an element of a leaf enum",
            "12.4",
            vec![Switch::Off, Switch::Off],
            "010401010101",
            vec![Switch::Off, Switch::On],
        ),
        take::<Word>("text: a splice of nothing", "12.4", text("abc"), "0103030000", text("abc")),
        take::<Word>(
            "text: two splices at one place",
            "12.4",
            text("abc"),
            "01080101017802010179",
            text("axy"),
        ),
        take::<Wide>(
            "map: keys order as values, not as bytes",
            "12.5",
            [(1, 1), (256, 2)].into(),
            "01080102010001020001",
            [].into(),
        ),
        take::<Numbers>(
            "enum: the number, not the place",
            "12.3",
            Apart::Ten(1),
            "01040a000102",
            Apart::Ten(2),
        ),
        take::<Text62>(
            "level 63: a text of 8 bytes",
            "12.6",
            top("abcdefg"),
            "010407000168",
            top("abcdefgh"),
        ),
        take::<Text61>(
            "level 62: a text of 9 bytes",
            "12.6",
            up(text("abcdefgh")),
            "010408000169",
            up(text("abcdefghi")),
        ),
        take::<Perhaps62>(
            "level 63: a short text in an option",
            "12.6",
            sixty(Box::new(Box::new(None))),
            "010901616263ffffffffff",
            sixty(Box::new(Box::new(Some(text("abc"))))),
        ),
        take::<Octets61>(
            "level 63: items of a splice",
            "12.6",
            up(vec![1]),
            "01100000000c02000000fcffffff01000000",
            up(vec![2, 1]),
        ),
        take::<Boxes60>(
            "level 63: a leaf box as an element",
            "12.6",
            sixty(vec![Box::new(1)]),
            "010b01000802000000fcffffff",
            sixty(vec![Box::new(2)]),
        ),
        take::<Texts60>(
            "level 62: an element that becomes a long text",
            "12.6",
            sixty(vec![text("abcdefgh")]),
            "010701000408000169",
            sixty(vec![text("abcdefghi")]),
        ),
        take::<Set61>(
            "level 63: a short key",
            "12.6",
            up([].into()),
            "010a0008616263ffffffffff",
            up([text("abc")].into()),
        ),
        take::<Set60>(
            "level 62: a long key",
            "12.6",
            sixty([].into()),
            "0116001461626364656667686900000089000000f4ffffff",
            sixty([text("abcdefghi")].into()),
        ),
        take::<Map60>(
            "level 62: a long value in a map",
            "12.6",
            sixty([].into()),
            "01180001011461626364656667686900000089000000f4ffffff",
            sixty([(1, text("abcdefghi"))].into()),
        ),
        take::<Map60>(
            "level 62: a value in a map that becomes long",
            "12.6",
            sixty([(1, text("abcdefgh"))].into()),
            "01080201010408000169",
            sixty([(1, text("abcdefghi"))].into()),
        ),
    ]
}

/// What does not apply.
pub(crate) fn not_taken() -> Vec<Case> {
    fn refuse<S: OneField>(name: &str, section: &str, before: S::Field, hex: &str) -> Case {
        refused::<S>(name, &[section, "12.7"], before, &bytes(hex))
    }
    let ada_twice = "08616461ffffffffff04010000000008616461ffffffffff0402000000";
    vec![
        refuse::<Count>("kind 3 on a field that is not there", "12.1", 7, "0700"),
        refuse::<Count>("a field of 2^32", "12.1", 7, "808080804000"),
        refuse::<Count>("DEFAULT with a body on a field that is not there", "12.1", 7, "06020000"),
        refuse::<Onoff>("a patch of an enum without fields", "12.2", Switch::Off, "0103000000"),
        refuse::<Octet>("a patch of a box of a leaf", "12.2", Box::new(5), "01020000"),
        refuse::<Shell>(
            "a patch of a struct without fields",
            "12.2",
            Around { inside: Marker },
            "010401020000",
        ),
        refuse::<Span>(
            "a patch of a duration",
            "12.2",
            Duration::from_secs(1),
            "010a00080200000000000000",
        ),
        refuse::<Address>(
            "a patch of an ip",
            "12.2",
            IpAddr::from([1, 2, 3, 4]),
            "010700000401020305",
        ),
        refuse::<Name>("a patch of a uuid", "12.2", Uuid::nil(), "0103000101"),
        refuse::<Word>("an empty patch of a text", "12.2", text("abc"), "0100"),
        refuse::<Octets>("an empty patch of a list", "12.2", vec![1], "0100"),
        refuse::<Small>("an empty patch of a map", "12.2", [].into(), "0100"),
        refuse::<SmallSet>("an empty patch of a set", "12.2", [1].into(), "0100"),
        refuse::<Perhaps>("an empty patch of an option", "12.2", None, "0100"),
        refuse::<Perhaps>("option: None that becomes None", "12.3", None, "010100"),
        refuse::<Perhaps>(
            "option: Some that becomes None, with bytes behind",
            "12.3",
            Some(1),
            "01020000",
        ),
        refuse::<Perhaps>("option: a change of a leaf", "12.3", Some(1), "01020202"),
        refuse::<Someone>(
            "struct: parts out of order, each well formed",
            "12.3",
            Person { name: text("x"), nick: None, tags: vec![text("y")] },
            "0118040c00000000000000000000000000087affffffffffffff",
        ),
        refuse::<Two>("tuple: a part that is not there", "12.3", (1, 2), "0103080101"),
        refuse::<TwoAlike>("array: an element that is not there", "12.3", [1, 2], "0103080101"),
        refuse::<Numbers>("enum: the place, not the number", "12.3", Apart::Ten(1), "010401000102"),
        refuse::<Octets>(
            "list: an insertion that goes back",
            "12.4",
            vec![1, 2, 3],
            "01080202010902010109",
        ),
        refuse::<Octets>(
            "list: an insertion before what a splice put in",
            "12.4",
            vec![1, 2, 3],
            "01140000010c08090000fcffffff0200000002010107",
        ),
        refuse::<Octets>(
            "list: a start near 2^64",
            "12.4",
            vec![1],
            "010d02ffffffffffffffffff010107",
        ),
        refuse::<Octets>(
            "list: removed near 2^64",
            "12.4",
            vec![1],
            "01150001ffffffffffffffffff01080000000000000000",
        ),
        refuse::<Rows>("list: an empty patch of an element", "12.4", vec![vec![1]], "0103010000"),
        refuse::<Onoffs>(
            "list: an element of a leaf enum, by a patch",
            "12.4",
            vec![Switch::Off, Switch::Off],
            "0106010103010000",
        ),
        refuse::<Word>("text: an insertion within a character", "12.4", text("ß"), "010401000178"),
        refuse::<Word>(
            "text: from within a character to its end",
            "12.4",
            text("ß"),
            "010401010178",
        ),
        refuse::<Word>(
            "text: from within a character to within the next",
            "12.4",
            text("ßß"),
            "0103010200",
        ),
        refuse::<Word>("text: beyond the end, at characters", "12.4", text("abc"), "0103020200"),
        refuse::<Word>(
            "text: going back, at characters",
            "12.4",
            text("abc"),
            "01080200017800000179",
        ),
        refuse::<Word>(
            "text: within the character put in before",
            "12.4",
            text("abc"),
            "0109000002c39f01000179",
        ),
        refuse::<Names>(
            "map: puts out of order",
            "12.5",
            names(),
            "011e00086b757274ffffffff04010000000008616461ffffffffff0402000000",
        ),
        refuse::<Names>("map: a key put twice", "12.5", names(), &format!("011e00{ada_twice}")),
        refuse::<Names>(
            "map: a key removed, then put",
            "12.5",
            names(),
            "01190108616461ffffffffff0008616461ffffffffff0402000000",
        ),
        refuse::<Labels>(
            "map: a change of a key that is not there",
            "12.5",
            [(1, text("a"))].into(),
            "010b0204020000000400000178",
        ),
        refuse::<Labels>(
            "map: an empty patch of a value",
            "12.5",
            [(1, text("a"))].into(),
            "010702040100000000",
        ),
        refuse::<SmallSet>("set: an unknown operation", "12.5", [1].into(), "0103020101"),
        refuse::<SmallSet>("set: elements out of order", "12.5", [1].into(), "0106000105000104"),
        refuse::<SmallSet>("set: an element twice", "12.5", [1].into(), "0106000105000105"),
        refuse::<Text62>(
            "level 63: a text of 9 bytes",
            "12.6",
            sixty(Box::new(Box::new(text("abcdefgh")))),
            "010408000169",
        ),
        refuse::<Perhaps62>(
            "level 63: a long text in an option",
            "12.6",
            sixty(Box::new(Box::new(None))),
            "01150161626364656667686900000089000000f4ffffff",
        ),
        refuse::<Texts61>(
            "level 63: long texts in items of a splice",
            "12.6",
            up(vec![text("a")]),
            "01200000001c61626364656667686900000089000000f4fffffff8ffffff01000000",
        ),
        refuse::<Texts61>(
            "level 63: an element that becomes a long text",
            "12.6",
            up(vec![text("abcdefgh")]),
            "010701000408000169",
        ),
        refuse::<Set61>(
            "level 63: a long key",
            "12.6",
            up([].into()),
            "0116001461626364656667686900000089000000f4ffffff",
        ),
        refuse::<Map61>(
            "level 63: a long value in a map",
            "12.6",
            up([].into()),
            "01180001011461626364656667686900000089000000f4ffffff",
        ),
        refuse::<Map61>(
            "level 63: a value in a map that becomes long",
            "12.6",
            up([(1, text("abcdefgh"))].into()),
            "01080201010408000169",
        ),
    ]
}
