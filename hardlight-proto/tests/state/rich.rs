//! A state of every type that may travel, made from bytes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use hardlight_macros::{ConnectionState, codable};
use uuid::Uuid;

/// A field of everything. Nothing in it but the types of keys is `Clone` or `PartialEq`.
#[derive(ConnectionState)]
pub(crate) struct Rich {
    numbers: Numbers,
    text: String,
    boxed_text: Box<str>,
    bytes: Bytes,
    values: Vec<u64>,
    floats: Vec<f64>,
    texts: Vec<String>,
    items: Vec<Item>,
    queue: VecDeque<u16>,
    boxes: VecDeque<Box<Shape>>,
    array: [Option<Item>; 3],
    tuple: (u8, (String, Vec<bool>), Box<i32>),
    option: Option<Item>,
    options: Option<Option<String>>,
    #[state(default = Ok(0))]
    result: Result<u32, Item>,
    map: BTreeMap<String, Item>,
    maps: HashMap<u8, BTreeMap<i16, f32>>,
    set: BTreeSet<String>,
    hash_set: HashSet<Key>,
    tree: Tree,
    #[state(default = Json::Null)]
    json: Json,
    chain: Option<Box<Chain>>,
    #[state(default = Shape::Point)]
    shape: Shape,
    #[state(default = Mode::Slow)]
    mode: Mode,
    marker: Marker,
    page: Page<Item, 2>,
    times: (Duration, Uuid),
    #[state(default = addresses(0))]
    addresses: (Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr),
}

/// Every number, and what is like one.
#[codable]
#[derive(Default)]
struct Numbers {
    bytes: (u8, i8),
    shorts: (u16, i16),
    words: (u32, i32),
    longs: (u64, i64),
    longest: (u128, i128),
    single: f32,
    double: f64,
    flag: bool,
    letter: char,
    nothing: (),
}

#[codable]
#[derive(Default)]
struct Item {
    name: String,
    position: (f32, f32),
    tags: Vec<String>,
    count: u32,
}

#[codable]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key(u8, bool);

#[codable]
#[derive(Default)]
struct Tree {
    value: u8,
    kids: Vec<Self>,
}

#[codable]
enum Json {
    Null,
    Number(f64),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

#[codable]
struct Chain {
    value: u16,
    next: Option<Box<Self>>,
}

#[codable]
#[repr(u8)]
enum Shape {
    Point,
    Circle(f32) = 7,
    Named { name: String, next: Option<Box<Self>> },
    Empty {},
}

#[codable]
enum Mode {
    Slow,
    Fast,
}

#[codable]
#[derive(Default)]
struct Marker;

#[codable]
struct Page<T, const N: usize>
where
    T: Default,
{
    items: Vec<T>,
    numbers: [u8; N],
}

impl<T: Default, const N: usize> Default for Page<T, N> {
    fn default() -> Self {
        Self { items: Vec::new(), numbers: [0; N] }
    }
}

fn addresses(byte: u8) -> (Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr) {
    let v4 = Ipv4Addr::new(byte, 0, 0, 1);
    let v6 = Ipv6Addr::from(u128::from(byte));
    let any = if byte.is_multiple_of(2) { IpAddr::V4(v4) } else { IpAddr::V6(v6) };
    (v4, v6, any, SocketAddr::new(any, u16::from(byte)))
}

/// Makes values out of bytes; similar bytes make similar values. Once they are used up it goes on with zeros.
pub(crate) struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next few bytes, by themselves, so that what is made of them leaves what comes behind as it is.
    pub(crate) fn part(&mut self) -> Self {
        let len = usize::from(self.byte() % 32).min(self.0.len());
        let (part, rest) = self.0.split_at(len);
        self.0 = rest;
        Self(part)
    }

    pub(crate) fn many<C: FromIterator<T>, T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> C {
        let mut part = self.part();
        let mut items = Vec::new();
        while !part.0.is_empty() {
            items.push(one(&mut part));
        }
        items.into_iter().collect()
    }

    pub(crate) fn option<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.byte() > 60).then(|| one(self))
    }

    /// Short and long ones, with characters of one byte, two and four.
    pub(crate) fn text(&mut self) -> String {
        self.many(|source| ['a', 'b', 'é', 'è', '𝄞', '𝄟'][usize::from(source.byte() % 6)])
    }

    pub(crate) fn float(&mut self) -> f64 {
        match self.byte() {
            0 => f64::NAN,
            1 => -0.0,
            2 => f64::from_bits(0x7ff8_0000_0000_0001),
            byte => f64::from(byte - 3),
        }
    }

    fn item(&mut self) -> Item {
        Item {
            name: self.text(),
            position: (f32::from(self.byte()), self.float() as f32),
            tags: self.many(Self::text),
            count: u32::from(self.byte()),
        }
    }

    fn numbers(&mut self) -> Numbers {
        let byte = self.byte();
        let signed = byte as i8;
        Numbers {
            bytes: (byte, signed),
            shorts: (self.byte().into(), signed.into()),
            words: (self.byte().into(), signed.into()),
            longs: (u64::MAX - u64::from(self.byte()), signed.into()),
            longest: (u128::from(self.byte()) << 64, signed.into()),
            single: self.float() as f32,
            double: self.float(),
            flag: self.byte() % 2 == 1,
            letter: char::from(self.byte()),
            nothing: (),
        }
    }

    fn tree(&mut self) -> Tree {
        Tree { value: self.byte(), kids: self.many(Self::tree) }
    }

    fn json(&mut self) -> Json {
        match self.byte() % 5 {
            0 => Json::Null,
            1 => Json::Number(self.float()),
            2 => Json::Text(self.text()),
            3 => Json::Array(self.many(Self::json)),
            _ => Json::Object(self.many(|source| (source.text(), source.json()))),
        }
    }

    fn chain(&mut self) -> Option<Box<Chain>> {
        self.many::<Vec<_>, _>(|source| source.byte().into())
            .into_iter()
            .fold(None, |next, value| Some(Box::new(Chain { value, next })))
    }

    fn shape(&mut self) -> Shape {
        match self.byte() % 4 {
            0 => Shape::Point,
            1 => Shape::Circle(self.byte().into()),
            2 => Shape::Named {
                name: self.text(),
                next: (!self.0.is_empty()).then(|| Box::new(self.shape())),
            },
            _ => Shape::Empty {},
        }
    }

    pub(crate) fn rich(&mut self) -> Rich {
        Rich {
            numbers: self.part().numbers(),
            text: self.text(),
            boxed_text: self.text().into(),
            bytes: self.many::<Vec<_>, _>(Self::byte).into(),
            values: self.many(|source| source.byte().into()),
            floats: self.many(Self::float),
            texts: self.many(Self::text),
            items: self.many(Self::item),
            queue: self.many(|source| source.byte().into()),
            boxes: self.many(|source| Box::new(source.shape())),
            array: [(); 3].map(|()| self.option(|source| source.part().item())),
            tuple: (
                self.byte(),
                (self.text(), self.many(|source| source.byte() % 2 == 0)),
                Box::new(self.byte().into()),
            ),
            option: self.option(|source| source.part().item()),
            options: self.option(|source| source.option(Self::text)),
            result: match self.byte() {
                byte if byte % 2 == 0 => Ok(byte.into()),
                _ => Err(self.part().item()),
            },
            map: self.many(|source| (source.text(), source.item())),
            maps: self.many(|source| {
                (
                    source.byte() % 8,
                    source.many(|source| (source.byte().into(), source.float() as f32)),
                )
            }),
            set: self.many(Self::text),
            hash_set: self.many(|source| Key(source.byte() % 16, source.byte() % 2 == 0)),
            tree: self.part().tree(),
            json: self.part().json(),
            chain: self.chain(),
            shape: self.part().shape(),
            mode: if self.byte() < 128 { Mode::Slow } else { Mode::Fast },
            marker: Marker,
            page: Page { items: self.many(Self::item), numbers: [self.byte(), self.byte()] },
            times: (
                Duration::new(self.byte().into(), self.byte().into()),
                Uuid::from_u128(self.byte().into()),
            ),
            addresses: addresses(self.byte()),
        }
    }
}
