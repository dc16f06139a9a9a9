//! The states that operations are applied to.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use bytes::Bytes;
use hardlight_macros::ConnectionState;
use hardlight_proto::{ConnectionState as _, TypeDescription, WithValues};
use uuid::Uuid;

use super::check;
use crate::types::{Shape as Form, *};

/// The type of a state.
pub struct Shape {
    /// The descriptions of its fields, as in `spec-vectors/`.
    pub types: fn() -> Vec<String>,
    /// Applies operations to one.
    pub(super) check: fn(&[u8]),
}

macro_rules! states {
    ($($name:ident { $($field:ident: $ty:ty $(= $default:expr)?),* $(,)? })*) => {
        $(
            #[derive(ConnectionState)]
            struct $name {
                $($(#[state(default = $default)])? $field: $ty,)*
            }
        )*

        /// What the first byte of an input chooses from. New ones come last, so that inputs keep their meaning.
        pub const SHAPES: &[Shape] = &[
            $(Shape {
                types: || vec![$(TypeDescription::of::<$ty>().as_str().to_owned()),*],
                check: check::<$name, false>,
            },)*
            Shape { types: values, check: check::<WithValues<()>, true> },
        ];
    };
}

/// Values by name, which every connection has beside its state.
fn values() -> Vec<String> {
    let fields = WithValues::<()>::schema();
    let types = fields.iter().map(|field| field.ty.as_str().to_owned());
    types.collect()
}

// Those of the vectors, by their fields; at the end some of more than one.
states! {
    U32 { field: u32 }
    F64 { field: f64 }
    Text { field: String }
    ListOfU32 { field: Vec<u32> }
    Texts { field: Vec<String> }
    Lists { field: Vec<Vec<u8>> }
    List8 { field: Vec<u8> }
    Points { field: Vec<Point> }
    NumberAndText { field: (u8, String) }
    Grid { field: [u16; 4] }
    Someone { field: Person }
    MaybeText { field: Option<String> }
    MaybeNumber { field: Option<u8> }
    Either { field: Result<String, u8> = Err(0) }
    OneForm { field: Form }
    Ages { field: BTreeMap<String, u32> }
    People { field: BTreeMap<u32, Person> }
    Letters { field: BTreeSet<char> }
    Words { field: BTreeSet<String> }
    BoxedList { field: Box<Vec<u8>> }
    Forest { field: Tree }
    Octet { field: Box<u8> }
    SmallMap { field: BTreeMap<u8, u8> }
    WideMap { field: BTreeMap<u16, u8> }
    Labels { field: BTreeMap<u32, String> }
    SmallSet { field: BTreeSet<u8> }
    Two8 { field: (u8, u8) }
    TwoAlike { field: [u8; 2] }
    OneSwitch { field: Switch }
    Switches { field: Vec<Switch> }
    Numbers { field: Apart = Apart::Nine(0) }
    Shell { field: Around = Around { inside: Marker } }
    Span { field: Duration }
    Address { field: IpAddr = IpAddr::from([0, 0, 0, 0]) }
    Name { field: Uuid }
    Several { counter: u32, name: String = "nobody".into(), list: Vec<u8> }
    Nested {
        json: Json = Json::Null,
        queue: VecDeque<Option<Person>>,
        map: HashMap<u8, BTreeMap<u16, Vec<u64>>>,
        names: HashSet<Box<str>>,
        bytes: Bytes,
        result: Result<Vec<(bool, f32)>, Form> = Err(Form::Unit),
        tree: Option<Box<Expression>>,
    }
}
