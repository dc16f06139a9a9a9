//! The structs and enums of the vectors.

use std::collections::BTreeMap;

use hardlight_macros::codable;
use serde_json::{Value, json};

use crate::value::{ToJson, show_enum, show_struct};

#[codable]
pub(crate) struct Point {
    pub(crate) x: f32,
    pub(crate) y: f32,
}
show_struct!(Point { x, y });

#[codable]
pub(crate) struct Meters(pub(crate) f32);
show_struct!(Meters(0));

#[codable]
pub(crate) struct Marker;
show_struct!(Marker {});

#[codable]
pub(crate) struct Hollow {
    pub(crate) nothing: (),
    pub(crate) marker: Marker,
    pub(crate) none: [u64; 0],
}
show_struct!(Hollow { nothing, marker, none });

/// Types that are called like others, and are others.
pub(crate) mod namesake {
    use super::codable;

    #[codable]
    pub(crate) struct Marker;

    #[codable]
    pub(crate) struct Point {
        pub(crate) x: i8,
    }
}

/// Padding between fields and behind them.
#[codable]
pub(crate) struct Mixed {
    pub(crate) a: u8,
    pub(crate) b: u32,
    pub(crate) c: u8,
    pub(crate) d: u64,
    pub(crate) e: bool,
}
show_struct!(Mixed { a, b, c, d, e });

#[codable]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u16, pub(crate) u8);
show_struct!(Version(0, 1));

#[codable]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) nick: Option<String>,
    pub(crate) tags: Vec<String>,
}
show_struct!(Person { name, nick, tags });

#[codable]
pub(crate) struct Tagged<T> {
    pub(crate) tag: u8,
    pub(crate) value: T,
}
show_struct!(Tagged<T> { tag, value });

/// Names that need care: a raw identifier, and one that is not ASCII.
#[codable]
pub(crate) struct Café {
    pub(crate) r#type: u8,
    pub(crate) größe: f32,
}
show_struct!(Café { r#type, größe });

#[codable]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Switch {
    Off,
    On,
}
show_enum!(Switch { Off, On });

/// Declared out of the order of its numbers.
#[codable]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Numbered {
    Nine = 9,
    Ten,
    One = 1,
    Last = 0xff,
}
show_enum!(Numbered { Nine, Ten, One, Last });

#[codable]
#[repr(u8)]
pub(crate) enum Level {
    Low(u8) = 10,
    High { value: u32 } = 200,
    Top,
}
show_enum!(Level { Low(value), High { value }, Top });

#[codable]
pub(crate) enum Alone {
    Only(u32),
}
show_enum!(Alone { Only(value) });

#[codable]
pub(crate) enum Single {
    Unit,
}
show_enum!(Single { Unit });

/// Variants whose fields begin at different places.
#[codable]
pub(crate) enum Shape {
    Unit,
    Byte(u8),
    Long(u64),
    Text { x: u16, s: String },
    Both(Point, Vec<u16>),
    Empty(),
}
show_enum!(Shape { Unit, Byte(value), Long(value), Text { x, s }, Both(point, values), Empty() });

#[codable]
pub(crate) enum Letter {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    N,
    O,
    P,
    Q,
    R,
    S,
    T,
}
show_enum!(Letter { A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T });

#[codable]
pub(crate) enum List {
    Nil,
    Cons(u32, Box<Self>),
}
show_enum!(List { Nil, Cons(value, rest) });

#[codable]
pub(crate) struct Tree {
    pub(crate) kids: Vec<Self>,
}
show_struct!(Tree { kids });

#[codable]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}
show_enum!(Json { Null, Bool(value), Number(value), Text(value), Array(value), Object(value) });

/// Contains `Binding`, which contains it.
#[codable]
pub(crate) enum Expression {
    Number(i64),
    Sum(Vec<Self>),
    Let(Box<Binding>),
}
show_enum!(Expression { Number(value), Sum(terms), Let(binding) });

#[codable]
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) value: Expression,
    pub(crate) body: Expression,
}
show_struct!(Binding { name, value, body });

/// Inputs of methods: their names do not travel.
#[codable]
pub(crate) struct NoArguments {}
show_struct!(NoArguments {});

#[codable]
pub(crate) struct Increment {
    pub(crate) amount: u32,
}
show_struct!(Increment { amount });

#[codable]
pub(crate) struct Transfer {
    pub(crate) urgent: bool,
    pub(crate) from: u64,
    pub(crate) amount: Option<u128>,
    pub(crate) memo: String,
    pub(crate) via: Vec<Point>,
}
show_struct!(Transfer { urgent, from, amount, memo, via });

#[codable]
pub(crate) struct Underflow {
    pub(crate) by: u32,
}
show_struct!(Underflow { by });

/// Fields of events.
#[codable]
pub(crate) struct Joined {
    pub(crate) user: String,
    pub(crate) at: Point,
}
show_struct!(Joined { user, at });

#[codable]
pub(crate) struct Moved(pub(crate) u32, pub(crate) Point, pub(crate) Point);
show_struct!(Moved(0, 1, 2));

/// Two more boxes around a type.
type Two<T> = Box<Box<T>>;
type Eight<T> = Two<Two<Two<Two<T>>>>;
type Thirty<T> = Two<Two<Two<Eight<Eight<Eight<T>>>>>>;

/// As deep as a payload may be: 62 boxes, and what the last holds.
pub(crate) type Deepest<T> = Two<Thirty<Thirty<T>>>;

/// The value in 62 boxes.
pub(crate) fn deepest<T>(value: T) -> Deepest<T> {
    two(thirty(thirty(value)))
}

fn two<T>(value: T) -> Two<T> {
    Box::new(Box::new(value))
}

fn eight<T>(value: T) -> Eight<T> {
    two(two(two(two(value))))
}

fn thirty<T>(value: T) -> Thirty<T> {
    two(two(two(eight(eight(eight(value))))))
}
