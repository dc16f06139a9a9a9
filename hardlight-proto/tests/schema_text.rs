//! The texts of types and their fingerprints: part of the wire, since peers compare them.

#![cfg(all(feature = "payload", feature = "std"))]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use hardlight_macros::codable;
use hardlight_proto::{Codable, FieldSchema, Fingerprint, ServiceSchema, TypeDescription};

#[codable]
struct Point {
    x: f32,
    y: f32,
}

#[codable]
struct Meters(f32);

#[codable]
struct Marker;

#[codable]
enum Shape {
    Unit,
    Circle(f32, Point),
    Rect { w: f32, r#type: Point },
}

#[codable]
#[repr(u8)]
enum Numbered {
    A = 1 << 2,
    B,
}

#[codable]
struct Tree<T> {
    value: T,
    kids: Vec<Self>,
}

#[codable]
struct Add {
    amount: u32,
    to: Point,
}

#[codable]
struct Sum {
    amount: u32,
    to: Point,
}

#[codable]
struct NoInput;

#[codable]
struct Underflow {
    by: u32,
}

#[track_caller]
fn is<T: Codable>(text: &str) {
    assert_eq!(TypeDescription::of::<T>().as_str(), text);
}

#[test]
fn types_of_the_wire_profile() {
    is::<(u8, u16, u32, u64, u128)>("tuple<u8,u16,u32,u64,u128>");
    is::<(i8, i16, i32, i64, i128)>("tuple<i8,i16,i32,i64,i128>");
    is::<(f32, f64, bool, char, ())>("tuple<f32,f64,bool,char,unit>");
    is::<(String, Box<str>)>("tuple<string,box<str>>");
    is::<(Vec<u8>, VecDeque<u8>, Bytes)>("tuple<vec<u8>,vec<u8>,vec<u8>>");
    is::<Option<Box<Result<u8, [u16; 4]>>>>("option<box<result<u8,array<u16,4>>>>");
    is::<(BTreeMap<u8, u16>, HashMap<u8, u16>)>("tuple<map<u8,u16>,map<u8,u16>>");
    is::<(BTreeSet<u8>, HashSet<u8>)>("tuple<set<u8>,set<u8>>");
    is::<(Duration, Ipv4Addr, Ipv6Addr, IpAddr, SocketAddr)>("tuple<duration,ipv4,ipv6,ip,socket>");
}

#[test]
fn structs_and_enums() {
    is::<Point>("struct Point{x:f32,y:f32}");
    is::<Meters>("struct Meters(f32)");
    is::<Marker>("struct Marker{}");
    is::<Shape>("enum Shape{Unit,Circle(f32,struct Point{x:f32,y:f32}),Rect{w:f32,type:#1}}");
    is::<Numbered>("enum Numbered{A=4,B}");
    is::<Tree<u8>>("struct Tree{value:u8,kids:vec<#0>}");
    is::<(Tree<u8>, Tree<Meters>, Tree<u8>)>(
        "tuple<struct Tree{value:u8,kids:vec<#0>},struct Tree{value:struct Meters(f32),kids:vec<#1>},#0>",
    );
}

#[test]
fn method_depends_on_arguments_and_output() {
    let add = TypeDescription::of_method::<Add, Result<Point, Underflow>>();
    assert_eq!(
        add.as_str(),
        "fn{amount:u32,to:struct Point{x:f32,y:f32}}->result<#0,struct Underflow{by:u32}>"
    );
    assert_eq!(
        TypeDescription::of_method::<Sum, Result<Point, Underflow>>().as_str(),
        add.as_str()
    );
    assert_eq!(TypeDescription::of_method::<NoInput, ()>().as_str(), "fn{}->unit");
    assert_eq!(TypeDescription::of_method::<u8, Meters>().as_str(), "fnu8->struct Meters(f32)");
    assert_eq!(TypeDescription::of_method::<Numbered, u8>().as_str(), "fnenum Numbered{A=4,B}->u8");
    assert_eq!(
        TypeDescription::of_method::<Tree<u8>, u8>().as_str(),
        "fn{value:u8,kids:vec<struct Tree{value:u8,kids:vec<#0>}>}->u8"
    );
}

#[test]
fn fingerprints() {
    assert_eq!(format!("{:?}", Fingerprint::of::<Shape>()), "3f400ee16887e46d");
    let schema = ServiceSchema::new("Counter")
        .method::<Add, Result<u32, Underflow>>("add")
        .method::<NoInput, ()>("reset");
    let [add, reset] = &schema.methods[..] else { panic!("{schema:?}") };
    assert_eq!(
        (add.name, format!("{:016x} {}", add.name_hash, add.fingerprint)),
        ("add", "e70bc3190530e654 44bbc39c97ca0bdc".into())
    );
    assert_eq!(
        (reset.name, format!("{:016x} {}", reset.name_hash, reset.fingerprint)),
        ("reset", "0f136ff2c086b760 fae303606fc96884".into())
    );
    let field = FieldSchema::new::<u32>(0, "counter");
    assert_eq!(field.fingerprint, Fingerprint::of_text("u32"));
}
