//! What holds for any two states also holds for any type: one of a family of types within types.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use hardlight_macros::codable;
use hardlight_proto::{
    Codable, ConnectionState,
    sync::{List, Map, Text},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{One, apply, diff, rich::Source, snapshot};

/// Made out of bytes; similar bytes make similar values.
trait Made: Codable {
    fn made(source: &mut Source<'_>) -> Self;
}

macro_rules! made {
    ($([$($generics:tt)*] $ty:ty: |$source:ident| $value:expr;)*) => {$(
        impl<$($generics)*> Made for $ty {
            fn made($source: &mut Source<'_>) -> Self {
                $value
            }
        }
    )*};
}

/// A struct with a parameter.
#[codable]
struct Named<T> {
    count: u16,
    value: T,
    more: Vec<T>,
}

/// A struct whose fields have no names.
#[codable]
struct Placed<T>(T, bool);

/// An enum with a parameter, and with itself.
#[codable]
#[repr(u8)]
enum Choice<T> {
    Nothing,
    One(T),
    Two { first: T, second: u32 } = 7,
    Again(Box<Self>),
}

/// An enum without fields.
#[codable]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Plain {
    A,
    B,
    C = 9,
}

made! {
    [] u8: |source| source.byte();
    [] u64: |source| u64::from(source.byte()) << 40;
    [] i128: |source| i128::from(source.byte() as i8);
    [] f64: |source| source.float();
    [] char: |source| char::from(source.byte());
    [] Plain: |source| [Plain::A, Plain::B, Plain::C][usize::from(source.byte() % 3)];
    [] String: |source| source.text();
    [] Box<str>: |source| source.text().into();
    [] Text: |source| source.text().into();
    [] Bytes: |source| source.many::<Vec<_>, _>(Source::byte).into();
    [T: Made] Vec<T>: |source| source.many(T::made);
    [T: Made] VecDeque<T>: |source| source.many(T::made);
    [T: Made] List<T>: |source| source.many(T::made);
    [T: Made] Option<T>: |source| source.option(T::made);
    [T: Made] Box<T>: |source| Box::new(T::made(source));
    [T: Made] Result<T, String>: |source| match source.byte() % 3 {
        0 => Err(source.text()),
        _ => Ok(T::made(source)),
    };
    [T: Made] [T; 3]: |source| [(); 3].map(|()| T::made(&mut source.part()));
    [T: Made] (u8, T): |source| (source.byte(), T::made(source));
    [T: Made] BTreeMap<u8, T>: |source| source.many(|source| (source.byte() % 16, T::made(source)));
    [T: Made] HashMap<String, T>: |source| source.many(|source| (source.text(), T::made(source)));
    [T: Made] Map<Plain, T>: |source| source.many(|source| (Plain::made(source), T::made(source)));
    [T: Made + Ord] BTreeSet<T>: |source| source.many(T::made);
    [] HashSet<(u8, Plain)>: |source| source.many(<(u8, Plain)>::made);
    [T: Made] Named<T>: |source| Named {
        count: source.byte().into(),
        value: T::made(&mut source.part()),
        more: source.many(T::made),
    };
    [T: Made] Placed<T>: |source| Placed(T::made(source), source.byte() < 128);
    [T: Made] Choice<T>: |source| match source.byte() % 5 {
        0 => Choice::Nothing,
        1 if source.is_empty() => Choice::Nothing,
        1 => Choice::Again(Box::new(Self::made(source))),
        2 => Choice::Two { first: T::made(source), second: source.byte().into() },
        _ => Choice::One(T::made(source)),
    };
}

/// Has a default, which no other of these types needs.
#[codable]
struct Wrapped<T> {
    value: Option<T>,
}

impl<T> Default for Wrapped<T> {
    fn default() -> Self {
        Self { value: None }
    }
}

fn state<T: Made>(bytes: &[u8]) -> One<Wrapped<T>> {
    One { field: Wrapped { value: Some(T::made(&mut Source::new(bytes))) } }
}

/// Leads one copy from each of the states to the next.
fn follow<T: Made>(states: &mut dyn Iterator<Item = Vec<u8>>) {
    let Some(first) = states.next() else {
        return;
    };
    let (mut server, mut copy) = (state::<T>(&first), state::<T>(&first));
    let mut shadow = server.shadow();
    for bytes in states {
        let old = snapshot(&server);
        server.field = state::<T>(&bytes).field;
        let new = snapshot(&server);
        let operations = diff(&mut server, &mut shadow);
        assert_eq!(operations.is_empty(), old == new, "a difference, and only that, is written");
        assert!(operations.len() <= new.len(), "{} bytes, whole {}", operations.len(), new.len());
        assert_eq!(apply(&mut copy, &operations), Ok(()));
        assert!(snapshot(&copy) == new, "the copy is another");
        assert_eq!(diff(&mut server, &mut shadow), [], "the shadow is up to date");
    }
}

/// A type by its name, and what follows its states.
type Member = (&'static str, fn(&mut dyn Iterator<Item = Vec<u8>>));

macro_rules! members {
    ($($ty:ty),* $(,)?) => {
        [$((stringify!($ty), follow::<$ty> as fn(&mut dyn Iterator<Item = Vec<u8>>))),*]
    };
}

/// This type within each kind of type.
fn within<T: Made>() -> Vec<Member> {
    Vec::from(members![
        Vec<T>, VecDeque<T>, List<T>, Option<T>, Box<T>, Result<T, String>, [T; 3], (u8, T),
        BTreeMap<u8, T>, HashMap<String, T>, Map<Plain, T>, Named<T>, Placed<T>, Choice<T>,
    ])
}

/// All plain types, and types of every kind within types of every kind.
fn family() -> Vec<Member> {
    let plain = members![
        u8,
        u64,
        i128,
        f64,
        char,
        Plain,
        String,
        Box<str>,
        Text,
        Bytes,
        BTreeSet<String>,
        BTreeSet<(u8, Plain)>,
        HashSet<(u8, Plain)>,
    ];
    let mut all = Vec::from(plain);
    all.extend(within::<String>());
    all.extend(within::<Vec<u8>>());
    all.extend(within::<Option<Bytes>>());
    all.extend(within::<Result<f64, String>>());
    all.extend(within::<[Plain; 3]>());
    all.extend(within::<(u8, Box<str>)>());
    all.extend(within::<BTreeMap<u8, i128>>());
    all.extend(within::<Named<String>>());
    all.extend(within::<Choice<String>>());
    all.extend(within::<Map<Plain, List<u64>>>());
    all
}

/// Bytes, and edits of which each makes the next ones.
fn chain(edits: usize) -> impl Strategy<Value = (Vec<u8>, Vec<(Index, u8, u8)>)> {
    (vec(any::<u8>(), 1..120), vec((any::<Index>(), any::<u8>(), 0..4_u8), edits))
}

fn links(first: Vec<u8>, edits: Vec<(Index, u8, u8)>) -> impl Iterator<Item = Vec<u8>> {
    let changed = edits.into_iter().scan(first.clone(), |bytes, (index, byte, kind)| {
        let at = index.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 if bytes.len() < 200 => bytes.insert(at, byte),
            2 if bytes.len() > 1 => drop(bytes.remove(at)),
            // Far away from what was.
            3 if byte < 8 => bytes.reverse(),
            _ => {}
        }
        Some(bytes.clone())
    });
    [first].into_iter().chain(changed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_difference_leads_from_one_value_of_any_type_to_another((first, edits) in chain(12)) {
        for (_, follow) in family() {
            follow(&mut links(first.clone(), edits.clone()));
        }
    }

    #[test]
    fn a_thousand_differences_of_a_type_lead_to_where_they_should(
        (first, edits) in chain(1_000),
        member in any::<Index>(),
    ) {
        let family = family();
        let (_, follow) = member.get(&family);
        follow(&mut links(first, edits));
    }
}

#[test]
fn every_type_of_the_family_is_another() {
    let names: BTreeSet<_> = family().into_iter().map(|(_, follow)| follow as usize).collect();
    assert!(names.len() > 140, "{}", names.len());
}
