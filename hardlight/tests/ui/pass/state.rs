//! What connection state can be made of.

#![deny(warnings, missing_docs, missing_debug_implementations)]

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use hardlight::{
    ConnectionState, codable,
    sync::{List, Map, Text},
};

/// A user.
#[codable]
#[derive(Debug)]
pub enum User {
    /// Not logged in.
    Nobody,
    /// Logged in.
    Named(String),
}

/// Every kind of field.
#[derive(ConnectionState, Debug)]
pub struct State {
    count: u32,
    r#type: String,
    #[state(default = User::Nobody)]
    user: User,
    #[state(default = [1; 4])]
    limits: [u8; 4],
    maps: Option<HashMap<String, BTreeMap<u32, Vec<bool>>>>,
    tree: Tree<u8, 2>,
}

/// Contains itself, and has parameters.
#[codable]
#[derive(Debug, Default)]
pub struct Tree<T, const N: usize>
where
    T: std::fmt::Debug,
{
    kids: Vec<Self>,
    boxed: Option<Box<Tree<T, N>>>,
    value: Option<T>,
}

/// State with a parameter.
#[derive(ConnectionState, Debug)]
pub struct Generic<T: Default, const N: usize>
where
    Vec<T>: Clone,
{
    /// Some of them.
    pub items: Vec<T>,
    /// One.
    pub item: T,
    #[state(default = [0; N])]
    numbers: [u8; N],
}

/// What changes often, and what stays on the server.
#[derive(ConnectionState, Debug)]
#[state(reserved(0, 2))]
pub struct Recording<T: Default + std::fmt::Debug, K: Default + std::fmt::Debug> {
    list: List<T>,
    #[state(skip)]
    session: Option<Arc<Mutex<Session>>>,
    map: Map<String, BTreeMap<u8, T>>,
    #[state(skip, default = "nobody")]
    name: &'static str,
    #[state(skip)]
    kept: K,
    text: Text,
}

/// Can neither travel nor be shown.
#[allow(missing_debug_implementations)]
pub struct Session {
    /// Neither can this.
    pub callback: fn(),
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

/// Of this nothing is sent.
#[derive(ConnectionState, Debug)]
pub struct Kept<T: Default> {
    #[state(skip)]
    /// Anything.
    pub value: T,
}

/// Nothing yet.
#[derive(ConnectionState, Debug)]
pub struct Empty {}

/// Named, and private.
#[derive(ConnectionState)]
struct Private {
    value: f64,
}

fn main() {
    assert_eq!(State::initial().limits, [1; 4]);
    assert_eq!(State::schema()[1].name, "type");
    assert!(Generic::<u8, 3>::initial().items.is_empty());
    assert!(Private::initial().value == 0.0);
    assert_eq!(Empty::schema().len(), 0);
    let fields = Recording::<u8, Option<fn()>>::schema();
    let fields: Vec<_> = fields.iter().map(|field| (field.index, field.name)).collect();
    assert_eq!(fields, [(1, "list"), (3, "map"), (4, "text")]);
}
