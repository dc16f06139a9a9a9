//! The structs and enums of `spec-vectors/`, under the names that they have there, and a few more.

use std::collections::BTreeMap;

use hardlight_macros::codable;

#[codable]
pub struct Point {
    pub x: f32,
    pub y: f32,
}

#[codable]
pub struct Meters(pub f32);

#[codable]
pub struct Marker;

#[codable]
pub struct Hollow {
    pub nothing: (),
    pub marker: Marker,
    pub none: [u64; 0],
}

#[codable]
pub struct Mixed {
    pub a: u8,
    pub b: u32,
    pub c: u8,
    pub d: u64,
    pub e: bool,
}

#[codable]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u8);

#[codable]
#[derive(Default)]
pub struct Person {
    pub name: String,
    pub nick: Option<String>,
    pub tags: Vec<String>,
}

#[codable]
pub struct Tagged<T> {
    pub tag: u8,
    pub value: T,
}

#[codable]
pub struct Café {
    pub r#type: u8,
    pub größe: f32,
}

#[codable]
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Switch {
    #[default]
    Off,
    On,
}

#[codable]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub enum Numbered {
    Nine = 9,
    Ten,
    One = 1,
    Last = 0xff,
}

#[codable]
#[repr(u8)]
pub enum Level {
    Low(u8) = 10,
    High { value: u32 } = 200,
    Top,
}

#[codable]
pub enum Alone {
    Only(u32),
}

#[codable]
pub enum Single {
    Unit,
}

#[codable]
#[derive(Default)]
pub enum Shape {
    #[default]
    Unit,
    Byte(u8),
    Long(u64),
    Text {
        x: u16,
        s: String,
    },
    Both(Point, Vec<u16>),
    Empty(),
}

#[codable]
pub enum Letter {
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

#[codable]
pub enum List {
    Nil,
    Cons(u32, Box<Self>),
}

#[codable]
#[derive(Default)]
pub struct Tree {
    pub kids: Vec<Self>,
}

#[codable]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// Contains `Binding`, which contains it.
#[codable]
pub enum Expression {
    Number(i64),
    Sum(Vec<Self>),
    Let(Box<Binding>),
}

#[codable]
pub struct Binding {
    pub name: String,
    pub value: Expression,
    pub body: Expression,
}

// Inputs of methods, and fields of events.

#[codable]
pub struct NoArguments {}

#[codable]
pub struct Increment {
    pub amount: u32,
}

#[codable]
pub struct Transfer {
    pub urgent: bool,
    pub from: u64,
    pub amount: Option<u128>,
    pub memo: String,
    pub via: Vec<Point>,
}

#[codable]
pub struct Underflow {
    pub by: u32,
}

#[codable]
pub struct Joined {
    pub user: String,
    pub at: Point,
}

#[codable]
pub struct Moved(pub u32, pub Point, pub Point);

/// Variants whose numbers are not their places.
#[codable]
#[repr(u8)]
pub enum Apart {
    Nine(u8) = 9,
    Ten(u8),
}

/// A struct with nothing to change in its field.
#[codable]
pub struct Around {
    pub inside: Marker,
}
