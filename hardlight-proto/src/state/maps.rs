//! Maps and sets are patched key by key, in ascending order.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    Change, PatchError, PatchReader, PatchWriter, StateDiff,
    diff::{out_of_line_sum, patch},
};
use crate::payload::{Codable, EncodeError};

const PUT: u64 = 0;
const REMOVE: u64 = 1;
const CHANGE: u64 = 2;

/// A difference between a map and its shadow. The keys of a set have the value `()`.
enum Edit<'v, K, V> {
    /// An entry that the shadow does not have, or has with another value.
    Put(&'v K, &'v V),
    /// A copy of a key that only the shadow has.
    Remove(K),
}

/// What the maps have in common.
trait Map<K, V> {
    fn get(&self, key: &K) -> Option<&V>;
    fn get_mut(&mut self, key: &K) -> Option<&mut V>;
    fn insert(&mut self, key: K, value: V) -> Option<V>;
    fn remove(&mut self, key: &K) -> Option<V>;

    /// How this one differs from the shadow, in the order of keys.
    fn edits<'v>(&'v self, shadow: &Self) -> Vec<Edit<'v, K, V>>;
}

/// What the sets have in common.
trait Set<T> {
    fn contains(&self, element: &T) -> bool;
    fn insert(&mut self, element: T) -> bool;
    fn remove(&mut self, element: &T) -> bool;

    /// How this one differs from the shadow, in order.
    fn edits<'v>(&'v self, shadow: &Self) -> Vec<Edit<'v, T, ()>>;
}

/// Implements [`Map`] and [`StateDiff`] for a map.
macro_rules! map {
    ([$($generics:tt)*] $map:ty, |$value:ident, $other:ident| $same:expr, |$new:ident, $shadow:ident| $edits:expr) => {
        impl<$($generics)*> Map<K, V> for $map {
            fn get(&self, key: &K) -> Option<&V> {
                self.get(key)
            }

            fn get_mut(&mut self, key: &K) -> Option<&mut V> {
                self.get_mut(key)
            }

            fn insert(&mut self, key: K, value: V) -> Option<V> {
                self.insert(key, value)
            }

            fn remove(&mut self, key: &K) -> Option<V> {
                self.remove(key)
            }

            fn edits<'v>(&'v self, $shadow: &Self) -> Vec<Edit<'v, K, V>> {
                let $new = self;
                $edits
            }
        }

        impl<$($generics)*> StateDiff for $map {
            const LEAF: bool = false;

            fn same($value: &Self, $other: &Self) -> bool {
                $value.len() == $other.len() && $same
            }

            fn copy(value: &Self) -> Self {
                value.iter().map(|(key, value)| (K::copy(key), V::copy(value))).collect()
            }

            fn is_unchanged(_value: &Self, _kept: &Self) -> bool {
                false
            }

            fn out_of_line(value: &Self, enough: usize) -> usize {
                let entries = value.len() * size_of::<(K::Archived, V::Archived)>();
                let keys = entries + out_of_line_sum(value.keys(), enough.saturating_sub(entries));
                keys + out_of_line_sum(value.values(), enough.saturating_sub(keys))
            }

            fn diff(value: &Self, shadow: &mut Self, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError> {
                diff_map(value, shadow, out)
            }

            fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
                check_map(value, patch)
            }

            fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
                apply_map(value, patch)
            }
        }
    };
}

/// Implements [`Set`] and [`StateDiff`] for a set.
macro_rules! set {
    ([$($generics:tt)*] $set:ty, |$new:ident, $shadow:ident| $edits:expr) => {
        impl<$($generics)*> Set<T> for $set {
            fn contains(&self, element: &T) -> bool {
                self.contains(element)
            }

            fn insert(&mut self, element: T) -> bool {
                self.insert(element)
            }

            fn remove(&mut self, element: &T) -> bool {
                self.remove(element)
            }

            fn edits<'v>(&'v self, $shadow: &Self) -> Vec<Edit<'v, T, ()>> {
                let $new = self;
                $edits
            }
        }

        impl<$($generics)*> StateDiff for $set {
            const LEAF: bool = false;

            fn same(value: &Self, other: &Self) -> bool {
                value == other
            }

            fn copy(value: &Self) -> Self {
                value.iter().map(T::copy).collect()
            }

            fn is_unchanged(_value: &Self, _kept: &Self) -> bool {
                false
            }

            fn out_of_line(value: &Self, enough: usize) -> usize {
                let own = value.len() * size_of::<T::Archived>();
                own + out_of_line_sum(value, enough.saturating_sub(own))
            }

            fn diff(value: &Self, shadow: &mut Self, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError> {
                diff_set(value, shadow, out)
            }

            fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
                check_set(value, patch)
            }

            fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
                apply_set(value, patch)
            }
        }
    };
}

map!(
    [K: Codable + Ord, V: Codable] BTreeMap<K, V>,
    |value, other| value.iter().zip(other).all(|((key, value), (other_key, other))| {
        key == other_key && V::same(value, other)
    }),
    |value, shadow| merge(value.iter(), shadow.iter())
);
set!(
    [T: Codable + Ord] BTreeSet<T>,
    |value, shadow| merge(value.iter().map(|key| (key, &())), shadow.iter().map(|key| (key, &())))
);

/// The edits of maps that are walked in the order of their keys.
fn merge<'v, 's, K: Codable + Ord, V: Codable>(
    value: impl Iterator<Item = (&'v K, &'v V)>,
    shadow: impl Iterator<Item = (&'s K, &'s V)>,
) -> Vec<Edit<'v, K, V>> {
    let mut edits = Vec::new();
    let mut shadow = shadow.peekable();
    for (key, value) in value {
        while let Some((gone, _)) = shadow.next_if(|(old, _)| *old < key) {
            edits.push(Edit::Remove(K::copy(gone)));
        }
        match shadow.next_if(|(old, _)| *old == key) {
            Some((_, old)) if V::same(value, old) => {}
            _ => edits.push(Edit::Put(key, value)),
        }
    }
    edits.extend(shadow.map(|(gone, _)| Edit::Remove(K::copy(gone))));
    edits
}

#[cfg(feature = "std")]
mod hashed {
    use core::hash::{BuildHasher, Hash};
    use std::collections::{HashMap, HashSet};

    use super::*;

    map!(
        [K: Codable + Ord + Hash, V: Codable, S: BuildHasher + Default + Send + Sync + 'static] HashMap<K, V, S>,
        |value, other| value.iter().all(|(key, value)| {
            other.get(key).is_some_and(|other| V::same(value, other))
        }),
        |value, shadow| sorted(
            value.iter().filter(|(key, value)| {
                !shadow.get(*key).is_some_and(|old| V::same(value, old))
            }),
            shadow.keys().filter(|key| !value.contains_key(*key)),
        )
    );
    set!(
        [T: Codable + Ord + Hash, S: BuildHasher + Default + Send + Sync + 'static] HashSet<T, S>,
        |value, shadow| sorted(
            value.iter().filter(|element| !shadow.contains(*element)).map(|element| (element, &())),
            shadow.iter().filter(|element| !value.contains(*element)),
        )
    );

    impl<K, V> Edit<'_, K, V> {
        fn key(&self) -> &K {
            match self {
                Self::Put(key, _) => key,
                Self::Remove(key) => key,
            }
        }
    }

    /// The edits in the order of their keys.
    fn sorted<'v, 's, K: Codable + Ord, V>(
        put: impl Iterator<Item = (&'v K, &'v V)>,
        gone: impl Iterator<Item = &'s K>,
    ) -> Vec<Edit<'v, K, V>> {
        let put = put.map(|(key, value)| Edit::Put(key, value));
        let mut edits: Vec<_> = put.chain(gone.map(|key| Edit::Remove(K::copy(key)))).collect();
        edits.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        edits
    }
}

fn diff_map<K: Codable, V: Codable, M: Map<K, V>>(
    value: &M,
    shadow: &mut M,
    out: &mut PatchWriter<'_>,
) -> Result<Change, EncodeError> {
    let edits = value.edits(shadow);
    if edits.is_empty() {
        return Ok(Change::Nothing);
    }
    out.below(|out| {
        for edit in edits {
            match edit {
                Edit::Remove(key) => {
                    write_key(REMOVE, &key, out)?;
                    shadow.remove(&key);
                }
                Edit::Put(key, value) => match shadow.get_mut(key) {
                    Some(old) if !V::LEAF => write_change(key, value, old, out)?,
                    _ => {
                        write_put(key, value, out)?;
                        shadow.insert(K::copy(key), V::copy(value));
                    }
                },
            }
        }
        Ok(Change::Patch)
    })
}

/// What keys of a map had before they were touched, if they were there.
pub(super) type Before<K, V> = BTreeMap<K, Option<V>>;

/// Writes how the keys that were touched have changed.
pub(super) fn write_recorded<K: Codable + Ord, V: Codable>(
    before: Before<K, V>,
    map: &BTreeMap<K, V>,
    out: &mut PatchWriter<'_>,
) -> Result<Change, EncodeError> {
    let start = out.len();
    out.below(|out| {
        for (key, old) in before {
            match (old, map.get(&key)) {
                (None, None) => {}
                (Some(_), None) => write_key(REMOVE, &key, out)?,
                (Some(old), Some(value)) if V::same(value, &old) => {}
                (Some(mut old), Some(value)) if !V::LEAF => {
                    write_change(&key, value, &mut old, out)?;
                }
                (_, Some(value)) => write_put(&key, value, out)?,
            }
        }
        Ok(if out.len() == start { Change::Nothing } else { Change::Patch })
    })
}

fn write_key<K: Codable>(kind: u64, key: &K, out: &mut PatchWriter<'_>) -> Result<(), EncodeError> {
    out.varint(kind);
    out.section(|out| out.archive(key))
}

fn write_put<K: Codable, V: Codable>(
    key: &K,
    value: &V,
    out: &mut PatchWriter<'_>,
) -> Result<(), EncodeError> {
    write_key(PUT, key, out)?;
    out.section(|out| out.archive(value))
}

fn write_change<K: Codable, V: Codable>(
    key: &K,
    value: &V,
    shadow: &mut V,
    out: &mut PatchWriter<'_>,
) -> Result<(), EncodeError> {
    let start = out.len();
    write_key(CHANGE, key, out)?;
    if out.section(|out| patch(value, shadow, out))? != Change::Patch {
        out.truncate(start);
        write_put(key, value, out)?;
    }
    Ok(())
}

fn diff_set<T: Codable, S: Set<T>>(
    value: &S,
    shadow: &mut S,
    out: &mut PatchWriter<'_>,
) -> Result<Change, EncodeError> {
    let edits = value.edits(shadow);
    if edits.is_empty() {
        return Ok(Change::Nothing);
    }
    out.below(|out| {
        for edit in edits {
            match edit {
                Edit::Put(element, ()) => {
                    write_key(PUT, element, out)?;
                    shadow.insert(T::copy(element));
                }
                Edit::Remove(element) => {
                    write_key(REMOVE, &element, out)?;
                    shadow.remove(&element);
                }
            }
        }
        Ok(Change::Patch)
    })
}

/// An operation on the entry of a key.
enum Operation<'a, V> {
    Put(V),
    Remove,
    Change(PatchReader<'a>),
}

/// Gives every operation to `operate`.
fn operations_on_map<'a, K: Codable, V: Codable>(
    patch: PatchReader<'a>,
    mut operate: impl FnMut(K, Operation<'a, V>) -> Result<(), PatchError>,
) -> Result<(), PatchError> {
    let mut patch = patch.not_empty()?.below()?;
    while !patch.is_empty() {
        let kind = patch.varint()?;
        let key = patch.section()?;
        let key = patch.value(key)?;
        let operation = match kind {
            PUT => {
                let value = patch.section()?;
                Operation::Put(patch.value(value)?)
            }
            REMOVE => Operation::Remove,
            CHANGE => {
                let change = patch.section()?;
                Operation::Change(patch.beside(change))
            }
            kind => return Err(PatchError::UnknownOperation(kind)),
        };
        operate(key, operation)?;
    }
    Ok(())
}

/// Gives every operation, with its kind, to `operate`.
fn operations_on_set<T: Codable>(
    patch: PatchReader<'_>,
    mut operate: impl FnMut(u64, T) -> Result<(), PatchError>,
) -> Result<(), PatchError> {
    let mut patch = patch.not_empty()?.below()?;
    while !patch.is_empty() {
        let kind = patch.varint()?;
        if kind != PUT && kind != REMOVE {
            return Err(PatchError::UnknownOperation(kind));
        }
        let element = patch.section()?;
        operate(kind, patch.value(element)?)?;
    }
    Ok(())
}

fn check_map<K: Codable + Ord, V: Codable>(
    value: &impl Map<K, V>,
    patch: PatchReader<'_>,
) -> Result<(), PatchError> {
    let mut last = None;
    operations_on_map::<K, V>(patch, |key, operation| {
        match (operation, value.get(&key)) {
            (Operation::Put(_), _) | (Operation::Remove, Some(_)) => {}
            (Operation::Change(change), Some(value)) => V::check(value, change)?,
            (Operation::Remove | Operation::Change(_), None) => return Err(PatchError::Absent),
        }
        ascend(&mut last, key)
    })
}

fn apply_map<K: Codable, V: Codable>(
    value: &mut impl Map<K, V>,
    patch: PatchReader<'_>,
) -> Result<(), PatchError> {
    operations_on_map(patch, |key, operation| {
        match operation {
            Operation::Put(new) => drop(value.insert(key, new)),
            Operation::Remove => drop(value.remove(&key)),
            Operation::Change(change) => {
                V::apply(value.get_mut(&key).ok_or(PatchError::Absent)?, change)?;
            }
        }
        Ok(())
    })
}

fn check_set<T: Codable + Ord>(
    value: &impl Set<T>,
    patch: PatchReader<'_>,
) -> Result<(), PatchError> {
    let mut last = None;
    operations_on_set(patch, |kind, element| match (kind, value.contains(&element)) {
        (PUT, true) => Err(PatchError::Present),
        (REMOVE, false) => Err(PatchError::Absent),
        _ => ascend(&mut last, element),
    })
}

fn apply_set<T: Codable>(
    value: &mut impl Set<T>,
    patch: PatchReader<'_>,
) -> Result<(), PatchError> {
    operations_on_set(patch, |kind, element| {
        if kind == PUT {
            value.insert(element);
        } else {
            value.remove(&element);
        }
        Ok(())
    })
}

/// Goes on to a key, which must be above the last.
fn ascend<K: Ord>(last: &mut Option<K>, key: K) -> Result<(), PatchError> {
    if last.as_ref().is_some_and(|last| *last >= key) {
        return Err(PatchError::NotAscending);
    }
    *last = Some(key);
    Ok(())
}
