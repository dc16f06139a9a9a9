//! The types that a payload may be of.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use hardlight_macros::codable;
use hardlight_proto::{Codable, TypeDescription};
use uuid::Uuid;

use super::{ANY, PLAIN, check};
use crate::types::{Shape as Shape_, *};

/// A type that a payload may be of.
pub struct Shape {
    /// Its description, as in `spec-vectors/`; behind that of a method, which part of it.
    pub text: fn() -> String,
    /// Checks a payload of the type.
    pub(super) check: fn(&[u8]),
}

impl Shape {
    const fn plain<T: Codable>() -> Self {
        Self {
            text: || TypeDescription::of::<T>().as_str().to_owned(),
            check: |payload| check::<T>(payload, PLAIN),
        }
    }

    /// With maps or sets in it.
    const fn mapped<T: Codable>() -> Self {
        Self {
            text: || TypeDescription::of::<T>().as_str().to_owned(),
            check: |payload| check::<T>(payload, ANY),
        }
    }

    const fn input<I: Codable, O: Codable>() -> Self {
        Self {
            text: || format!("{} input", TypeDescription::of_method::<I, O>().as_str()),
            check: |payload| check::<I>(payload, PLAIN),
        }
    }

    const fn output<I: Codable, O: Codable>() -> Self {
        Self {
            text: || format!("{} output", TypeDescription::of_method::<I, O>().as_str()),
            check: |payload| check::<O>(payload, PLAIN),
        }
    }

    const fn event<P: Codable>() -> Self {
        Self {
            text: || TypeDescription::of_event::<P>().as_str().to_owned(),
            check: |payload| check::<P>(payload, PLAIN),
        }
    }
}

macro_rules! shapes {
    ($($kind:ident: { $($ty:ty),* $(,)? })*) => {
        &[$($(shapes!(@ $kind $ty),)*)*]
    };
    (@ method $ty:ty) => { <$ty as MethodShape>::SHAPE };
    (@ $kind:ident $ty:ty) => { Shape::$kind::<$ty>() };
}

/// Inputs and outputs of methods.
trait MethodShape {
    const SHAPE: Shape;
}

struct Input<I, O>(I, O);

struct Output<I, O>(I, O);

impl<I: Codable, O: Codable> MethodShape for Input<I, O> {
    const SHAPE: Shape = Shape::input::<I, O>();
}

impl<I: Codable, O: Codable> MethodShape for Output<I, O> {
    const SHAPE: Shape = Shape::output::<I, O>();
}

/// Everything at once, and types that nest others in ways that the vectors do not.
#[codable]
struct Everything {
    json: Json,
    map: HashMap<u16, Vec<String>>,
    set: HashSet<String>,
    pair: (u8, Option<Result<char, Box<str>>>),
    wide: [Option<u128>; 2],
    span: Duration,
    peer: SocketAddr,
    id: Uuid,
    tree: Option<Box<Everywhere>>,
}

/// Contains itself in every way there is.
#[codable]
struct Everywhere {
    boxed: Option<Box<Self>>,
    queue: VecDeque<(u8, Self)>,
    map: BTreeMap<u8, Result<Self, String>>,
}

/// What the first byte of an input chooses from. New ones come last, so that inputs keep their meaning.
pub const SHAPES: &[Shape] = shapes! {
    plain: {
        u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64, bool, char, (),
        String, Box<str>, Duration, Uuid, Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr,
        Vec<u8>, Vec<u32>, Vec<u64>, Vec<i16>, Vec<bool>, Vec<String>, Vec<Vec<u16>>,
        Vec<Duration>, Vec<(u8, u32)>, Vec<Option<String>>, Vec<Box<u8>>, Vec<Box<()>>,
        Vec<Switch>, Vec<Shape_>, VecDeque<Box<str>>, Bytes,
        [u16; 3], [u64; 0], [bool; 3], [String; 2], [[u8; 2]; 2], [Vec<u64>; 3],
        Box<u8>, Box<u32>, Box<u64>, Box<()>, Box<Box<u16>>,
        Option<u8>, Option<u32>, Option<()>, Option<String>, Option<Uuid>, Option<Duration>,
        Option<u128>, Option<Option<u8>>, Option<Option<String>>,
        Result<u8, u8>, Result<u8, u64>, Result<u32, String>, Result<(), Underflow>,
        (u16,), (u8, u32), (u32, u8), (u8, u128), (u64, String), (String, u8), (String, String),
        (u8, u16, u8), (bool, char, (), i64), (u8, u16, u32, u64, u128), (u8, String, Vec<u64>),
        (u8, Vec<u128>), (u64, Vec<u128>), (Vec<u8>, Vec<u8>), (Vec<u8>, Vec<u16>),
        (Vec<u8>, Vec<u32>), (Vec<u32>, Vec<u32>), (Box<u8>, Box<u32>), (Box<u8>, Box<u64>),
        (u8, u8, u16, u8, u32, u8), (i8, i16, i8, i32, i8, i64, i8),
        (u8, u8, u8, u8, u8, u8, u8, u8), (u8, u8, u8, u8, u8, u8, u8, u8, u8, u16),
        (u8, (u8, u32), u8, Option<u8>, u8, u8, u8, u8, [u8; 1]),
        (u8, String, u8, u8, u8, u8, u8, u8, u8, u8, Vec<u8>),
        (u8, u16, u32, u64, u8, u16, u32, u64, u8, u16, u32, u64),
        Point, Meters, Marker, Hollow, Mixed, Person, Tagged<u16>, Tagged<Tagged<()>>, Café,
        Switch, Numbered, Level, Alone, Single, Shape_, Letter, Apart, Around,
        List, Tree, Expression,
        Vec<(f32, f64)>, Vec<Result<Option<u128>, [u8; 3]>>,
    }
    mapped: {
        BTreeMap<u32, u32>, BTreeMap<u8, u64>, BTreeMap<u8, ()>, BTreeMap<String, Vec<u8>>,
        BTreeMap<u8, BTreeMap<u16, bool>>, [BTreeMap<u8, u8>; 2], HashMap<String, HashSet<u8>>,
        BTreeSet<u8>, BTreeSet<u16>, BTreeSet<u64>, BTreeSet<i8>, BTreeSet<i32>, BTreeSet<i128>,
        BTreeSet<bool>, BTreeSet<char>, BTreeSet<String>, BTreeSet<Vec<u8>>, BTreeSet<[u8; 2]>,
        BTreeSet<Option<u8>>, BTreeSet<Result<u8, u8>>, BTreeSet<(u8, u32)>, BTreeSet<Version>,
        BTreeSet<Numbered>, BTreeSet<Box<u16>>, BTreeSet<Duration>, BTreeSet<SocketAddr>,
        BTreeSet<IpAddr>, BTreeSet<Uuid>, BTreeSet<BTreeMap<u8, u8>>,
        Json, Everywhere, Everything,
    }
    method: {
        Input<NoArguments, ()>, Output<NoArguments, ()>,
        Input<Increment, u32>, Output<Increment, u32>,
        Input<Increment, Result<u32, Underflow>>, Output<Increment, Result<u32, Underflow>>,
        Input<Transfer, Point>, Output<Transfer, Point>,
    }
    event: { NoArguments, Joined, Moved }
};
