//! Descriptions and their fingerprints.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use hardlight_proto::{
    Codable, EventSchema, FieldSchema, Fingerprint, MethodSchema, TypeDescription,
};
use uuid::Uuid;

use crate::{
    hex_text::plain_hex as hex,
    store::{Case, File, check},
    types::*,
};

/// The case's last fields: the text that is hashed, the hash as a number and as it travels.
fn hashed(case: Case, text: &str, hash: Fingerprint) -> Case {
    assert_eq!(hash, Fingerprint::of_text(text), "{text}");
    case.with("text", text)
        .with("fingerprint", hash.to_string())
        .with("hex", hex(&hash.to_u64().to_le_bytes()))
}

fn text(name: &str, text: &str) -> Case {
    let case = Case::new(name, &["20.3"]).with("kind", "text");
    hashed(case, text, Fingerprint::of_text(text))
}

fn method<I: Codable, O: Codable>(name: &'static str, case: &str) -> Case {
    let schema = MethodSchema::new::<I, O>(name);
    let text = TypeDescription::of_method::<I, O>();
    let case = named(case, "method", name, schema.name_hash);
    hashed(case, text.as_str(), schema.fingerprint)
}

fn event<P: Codable>(name: &'static str, case: &str) -> Case {
    let schema = EventSchema::new::<P>(name);
    let text = TypeDescription::of_event::<P>();
    let case = named(case, "event", name, schema.name_hash);
    hashed(case, text.as_str(), schema.fingerprint)
}

fn field<T: Codable>(index: u32, name: &'static str, case: &str) -> Case {
    let schema = FieldSchema::new::<T>(index, name);
    let text = TypeDescription::of::<T>();
    let case = Case::new(case, &["20.2"])
        .with("kind", "field")
        .with("index", schema.index)
        .with("called", schema.name);
    hashed(case, text.as_str(), schema.fingerprint)
}

/// A case for something that is found by the hash of its name.
fn named(case: &str, kind: &str, name: &str, name_hash: u64) -> Case {
    Case::new(case, &["20.2"])
        .with("kind", kind)
        .with("called", name)
        .with("name_hash", Fingerprint::from_u64(name_hash).to_string())
}

/// Adds one case for each type, called as Rust calls it.
macro_rules! types {
    ($file:ident: $($ty:ty),* $(,)?) => {$(
        let case = Case::new(stringify!($ty), &["20.1"]).with("kind", "type");
        let text = TypeDescription::of::<$ty>();
        $file.add(hashed(case, text.as_str(), Fingerprint::of::<$ty>()));
    )*};
}

fn file() -> File {
    let about = "Descriptions of types, methods, events and fields of state, and their hashes.";
    let mut file = File::new("fingerprints.json", "fingerprints", about);
    file.add(text("no bytes", ""));
    file.add(text("one byte", "a"));
    file.add(text("several bytes", "foobar"));
    file.add(text("bytes above 127", "größe"));
    types! { file:
        u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64, bool, char, (),
        String, Box<str>, Bytes, Vec<u8>, VecDeque<u8>, Box<u8>, Option<u8>, Result<u8, String>,
        [u8; 4], [[u8; 0]; 300], (u8,), (u8, String, Vec<u16>),
        BTreeMap<String, u8>, HashMap<String, u8>, BTreeSet<char>, HashSet<char>,
        Duration, Uuid, Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr,
        Point, Meters, Marker, Hollow, Person, Tagged<u8>, Tagged<Tagged<u8>>, Café,
        Switch, Numbered, Level, Alone, Shape,
        List, Tree, Json, Expression, Binding,
        (Point, Vec<Point>, Tagged<Point>, Point), (Tagged<u8>, Tagged<u16>, Tagged<u8>),
        (Point, namesake::Point, Point), (Marker, namesake::Marker),
    }
    file.add(method::<NoArguments, ()>("reset", "method: no arguments, no result"));
    file.add(method::<Increment, u32>("increment", "method: one argument"));
    file.add(method::<Increment, u32>("add", "method: its name is hashed by itself"));
    file.add(method::<Increment, Result<u32, Underflow>>("decrement", "method: may fail"));
    file.add(method::<Transfer, Point>("transfer", "method: a type in input and output"));
    file.add(method::<Binding, Expression>("bind", "method: the input has no number"));
    file.add(event::<Marker>("Stopped", "event: no fields"));
    file.add(event::<Joined>("UserJoined", "event: fields by name"));
    file.add(event::<Moved>("Moved", "event: fields by place"));
    file.add(field::<u32>(0, "counter", "field: a number"));
    file.add(field::<BTreeMap<String, Person>>(3, "people", "field: a map"));
    file
}

#[test]
fn fingerprints_are_those_of_the_vectors() {
    check(&[file()], None);
}
