//! `#[codable]` in a crate that forbids what it can.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unnameable_types,
    clippy::all
)]
#![deny(clippy::pedantic, unused_qualifications, elided_lifetimes_in_paths, non_camel_case_types)]
#![allow(clippy::use_self)] // A type may be spelt out in itself: both ways are tried.
#![forbid(unsafe_code)]
#![cfg(all(feature = "payload", feature = "std"))]

use std::collections::{BTreeMap, HashMap};

use hardlight_macros::codable;
use hardlight_proto::payload::{Codable, decode, encode_to_bytes};

/// A point.
#[codable(crate = hardlight_proto)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f32,
    y: f32,
}

/// A length.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub struct Meters(pub f64, u8);

/// Nothing.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub struct Marker;

/// Nothing either.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub struct Hollow {}

/// A shape.
#[codable]
#[derive(Clone, Debug, PartialEq)]
#[repr(u8)]
pub enum Shape {
    /// None.
    Nothing,
    /// Round.
    Circle(Point, f32) = 7,
    /// With corners.
    Rect {
        /// Where it begins.
        from: Point,
        /// How it is called.
        name: String,
    },
}

/// An alias that hides a map.
pub type Names = HashMap<u32, String>;

/// A type that contains itself, in every way.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// By a list.
    pub kids: Vec<Tree>,
    /// By a box and `Self`.
    pub next: Option<Box<Self>>,
    /// By a map.
    pub named: BTreeMap<String, (u8, Tree)>,
    /// By another type.
    pub list: Option<Box<List>>,
    /// Through an alias, inside others.
    pub names: Vec<(u8, Result<Names, Meters>)>,
}

/// A list that contains the tree that contains it.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// The end.
    Nil,
    /// An element.
    Cons(u32, Box<List>),
    /// A branch.
    Branch(Vec<Tree>),
}

/// A page of anything.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T, const N: usize = 2>
where
    T: Clone,
{
    /// What is on it.
    pub items: Vec<T>,
    /// The pages behind it.
    pub next: Option<Box<Page<T, N>>>,
    pub(crate) pair: [T; N],
}

/// One of two.
#[codable]
#[derive(Clone, Debug, PartialEq)]
pub enum Either<A, B: Clone> {
    /// This.
    A(A),
    /// That.
    B {
        /// What it is.
        r#type: B,
    },
}

mod inner {
    /// Private to its neighbours.
    #[hardlight_macros::codable]
    #[derive(Clone, Debug, PartialEq)]
    pub(super) struct Hidden {
        pub(super) ok: bool,
        pub(in crate::inner) own: char,
    }

    pub(super) const HIDDEN: Hidden = Hidden { ok: true, own: 'h' };
}

#[track_caller]
fn round_trip<T: Codable + PartialEq + std::fmt::Debug>(value: &T) {
    let payload = encode_to_bytes(value).unwrap();
    assert_eq!(decode::<T>(&payload).as_ref(), Ok(value));
}

#[test]
fn every_form_of_type_travels() {
    let point = Point { x: 1.0, y: -2.5 };
    round_trip(&point);
    round_trip(&Meters(1.5, 2));
    round_trip(&Marker);
    round_trip(&Hollow {});
    let hidden = inner::HIDDEN;
    assert!(hidden.ok);
    round_trip(&hidden);
    for shape in [
        Shape::Nothing,
        Shape::Circle(point, 1.0),
        Shape::Rect { from: point, name: "a long name".into() },
    ] {
        round_trip(&shape);
        round_trip(&vec![shape.clone(), shape]);
    }
    round_trip(&Either::<Point, Vec<String>>::A(point));
    round_trip(&Either::<u8, Vec<Shape>>::B { r#type: vec![Shape::Nothing] });
}

#[test]
fn type_that_contains_itself_travels() {
    let leaf = Tree {
        kids: vec![],
        next: None,
        named: BTreeMap::new(),
        list: Some(Box::new(List::Cons(1, Box::new(List::Nil)))),
        names: vec![
            (1, Ok(Names::from([(3, "three".into()), (1, "one".into())]))),
            (2, Err(Meters(2.0, 3))),
        ],
    };
    let tree = Tree {
        kids: vec![leaf.clone(), leaf.clone()],
        next: Some(Box::new(leaf.clone())),
        named: BTreeMap::from([
            ("left".into(), (1, leaf.clone())),
            ("right, out of line".into(), (2, leaf.clone())),
        ]),
        list: Some(Box::new(List::Branch(vec![leaf]))),
        names: vec![],
    };
    round_trip(&tree);
}

#[test]
fn generic_type_travels() {
    let page = Page::<_> { items: vec![1, 2, 3], next: None, pair: [4, 5] };
    round_trip(&page);
    let strings =
        |text: &str| Page::<String, 1> { items: vec![text.into()], next: None, pair: ["x".into()] };
    round_trip(&Page {
        next: Some(Box::new(strings("second"))),
        ..strings("first, and out of line")
    });
}
