//! A state of every kind of type, of which any value can be made of bytes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use hardlight_macros::{ConnectionState, codable};
use uuid::Uuid;

/// How many fields it has.
pub const FIELDS: u32 = 22;

#[derive(Arbitrary, ConnectionState)]
pub struct State {
    pub numbers: Numbers,
    pub text: String,
    pub boxed_text: Box<str>,
    #[arbitrary(with = bytes)]
    pub bytes: Bytes,
    pub values: Vec<u64>,
    pub floats: Vec<f64>,
    pub texts: Vec<String>,
    pub items: Vec<Item>,
    pub lists: Vec<Vec<u16>>,
    pub queue: VecDeque<Item>,
    pub array: [Option<Item>; 3],
    pub tuple: (u8, (String, Vec<bool>), Box<i32>),
    pub options: Option<Option<String>>,
    #[state(default = Ok(0))]
    pub result: std::result::Result<u32, Item>,
    pub map: BTreeMap<String, Item>,
    pub maps: HashMap<u8, BTreeMap<i16, f32>>,
    pub set: BTreeSet<String>,
    pub hash_set: HashSet<Key>,
    pub tree: Tree,
    #[state(default = Json::Null)]
    pub json: Json,
    #[state(default = Form::Point)]
    pub form: Form,
    #[state(default = others())]
    #[arbitrary(with = any_others)]
    pub others: (Duration, Uuid, IpAddr, SocketAddr),
}

#[codable]
#[derive(Arbitrary, Default)]
pub struct Numbers {
    pub bytes: (u8, i8),
    pub words: (u32, i64),
    pub longest: (u128, i128),
    pub single: f32,
    pub flag: bool,
    pub letter: char,
    pub nothing: (),
}

#[codable]
#[derive(Arbitrary, Default)]
pub struct Item {
    pub name: String,
    pub position: (f32, f64),
    pub tags: Vec<String>,
    pub next: Option<Box<Self>>,
}

#[codable]
#[derive(Arbitrary, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u8, Option<bool>);

#[codable]
#[derive(Arbitrary, Default)]
pub struct Tree {
    pub value: u8,
    pub kids: Vec<Self>,
}

#[codable]
#[derive(Arbitrary)]
pub enum Json {
    Null,
    Number(f64),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

#[codable]
#[derive(Arbitrary)]
#[repr(u8)]
pub enum Form {
    Point,
    Circle(f32) = 7,
    Named {
        name: String,
        next: Option<Box<Self>>,
    },
    Lists(Vec<u8>, Vec<Self>),
    Empty {},
}

fn bytes(input: &mut Unstructured<'_>) -> Result<Bytes> {
    Ok(input.arbitrary::<Vec<u8>>()?.into())
}

fn others() -> (Duration, Uuid, IpAddr, SocketAddr) {
    let address = IpAddr::from([0, 0, 0, 0]);
    (Duration::ZERO, Uuid::nil(), address, (address, 0).into())
}

fn any_others(input: &mut Unstructured<'_>) -> Result<(Duration, Uuid, IpAddr, SocketAddr)> {
    let (span, id, address, peer) = input.arbitrary()?;
    Ok((span, Uuid::from_u128(id), address, peer))
}
