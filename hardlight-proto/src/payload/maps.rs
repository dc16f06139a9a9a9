//! Maps and sets: lists of entries or keys, strictly ascending.
//!
//! rkyv's own forms of them are hash tables and trees that no port would want to write. They are also unsafe ground: the
//! bytes of a hash table depend on the order in which it was filled, and a tree of a valid length can be deep enough to
//! overflow the stack.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use rkyv::{
    Archive, Place,
    tuple::ArchivedTuple2,
    vec::{ArchivedVec, VecResolver},
};

use super::{
    Codable, DecodeError, EncodeError, PayloadEncoder,
    encoder::{Lent, Piece, encode_sequence},
    lists::assert_takes_bytes,
};
use crate::schema::TypeDescription;

type ArchivedEntry<K, V> = ArchivedTuple2<<K as Codable>::Archived, <V as Codable>::Archived>;

/// Implements [`Codable`] for a map; `$sorted` gives its entries in the order of their keys.
macro_rules! map {
    ([$($generics:tt)*] $map:ty, |$value:ident| $sorted:expr) => {
        impl<$($generics)*> Codable for $map {
            type Archived = ArchivedVec<ArchivedEntry<K, V>>;
            type Resolver = VecResolver;

            const FLAT: bool = false;

            fn encode_parts($value: &Self, encoder: &mut PayloadEncoder<'_>) -> Result<Self::Resolver, EncodeError> {
                const { assert_takes_bytes::<ArchivedEntry<K, V>>() };
                encode_sequence($sorted, encoder)
            }

            fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
                ArchivedVec::resolve_from_len(value.len(), resolver, out);
            }

            fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
                decode_entries::<K, V>(archived).map(Self::from_iter)
            }

            fn describe(description: &mut TypeDescription) {
                description.text("map<");
                K::describe(description);
                description.text(",");
                V::describe(description);
                description.text(">");
            }
        }
    };
}

/// Implements [`Codable`] for a set; `$sorted` gives its elements in order.
macro_rules! set {
    ([$($generics:tt)*] $set:ty, |$value:ident| $sorted:expr) => {
        impl<$($generics)*> Codable for $set {
            type Archived = ArchivedVec<T::Archived>;
            type Resolver = VecResolver;

            const FLAT: bool = false;

            fn encode_parts($value: &Self, encoder: &mut PayloadEncoder<'_>) -> Result<Self::Resolver, EncodeError> {
                const { assert_takes_bytes::<T::Archived>() };
                encode_sequence($sorted, encoder)
            }

            fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
                ArchivedVec::resolve_from_len(value.len(), resolver, out);
            }

            fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
                decode_elements::<T>(archived).map(Self::from_iter)
            }

            fn describe(description: &mut TypeDescription) {
                description.text("set<");
                T::describe(description);
                description.text(">");
            }
        }
    };
}

map!([K: Codable + Ord, V: Codable] BTreeMap<K, V>, |map| map.iter());
set!([T: Codable + Ord] BTreeSet<T>, |set| set.iter());

#[cfg(feature = "std")]
mod hashed {
    use core::hash::{BuildHasher, Hash};
    use std::collections::{HashMap, HashSet};

    use super::*;

    map!(
        [K: Codable + Ord + Hash, V: Codable, S: BuildHasher + Default + Send + Sync + 'static] HashMap<K, V, S>,
        |map| sorted_by_key(map.iter()).iter().copied()
    );
    set!(
        [T: Codable + Ord + Hash, S: BuildHasher + Default + Send + Sync + 'static] HashSet<T, S>,
        |set| sorted(set.iter()).iter().copied()
    );

    fn sorted_by_key<'m, K: Ord, V>(
        entries: impl Iterator<Item = (&'m K, &'m V)>,
    ) -> Vec<(&'m K, &'m V)> {
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    fn sorted<'s, T: Ord>(elements: impl Iterator<Item = &'s T>) -> Vec<&'s T> {
        let mut elements: Vec<_> = elements.collect();
        elements.sort_unstable();
        elements
    }
}

impl<K: Codable, V: Codable> Piece for (&K, &V) {
    type Archived = ArchivedEntry<K, V>;
    type Resolver = (K::Resolver, V::Resolver);

    fn encode_parts(self, encoder: &mut PayloadEncoder<'_>) -> Result<Self::Resolver, EncodeError> {
        Ok((K::encode_parts(self.0, encoder)?, V::encode_parts(self.1, encoder)?))
    }

    fn resolve(self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        (Lent(self.0), Lent(self.1)).resolve(resolver, out);
    }
}

/// Reads entries, refusing keys that do not ascend: one map has one encoding, and no entry hides another.
fn decode_entries<K: Codable + Ord, V: Codable>(
    archived: &[ArchivedEntry<K, V>],
) -> Result<Vec<(K, V)>, DecodeError> {
    const { assert_takes_bytes::<ArchivedEntry<K, V>>() };
    let mut entries: Vec<(K, V)> = Vec::with_capacity(archived.len());
    for ArchivedTuple2(key, value) in archived {
        let key = K::decode_from(key)?;
        if entries.last().is_some_and(|(last, _)| *last >= key) {
            return Err(DecodeError::KeysNotAscending);
        }
        entries.push((key, V::decode_from(value)?));
    }
    Ok(entries)
}

/// Reads the elements of a set, refusing those that do not ascend.
fn decode_elements<T: Codable + Ord>(archived: &[T::Archived]) -> Result<Vec<T>, DecodeError> {
    const { assert_takes_bytes::<T::Archived>() };
    let elements = T::decode_slice(archived)?;
    if elements.is_sorted_by(|last, next| last < next) {
        Ok(elements)
    } else {
        Err(DecodeError::KeysNotAscending)
    }
}
