use alloc::collections::{BTreeMap, btree_map};
use core::{borrow::Borrow, fmt, mem, ops::Index};

use super::{record::Record, same_on_the_wire};
use crate::{
    payload::{Codable, EncodeError},
    state::{
        Change, PatchWriter,
        maps::{Before, write_recorded},
    },
};

/// How many entries may have been touched, besides as many as there are, until the map is rather sent whole.
const MIN_TOUCHED: usize = 64;

/// A [`BTreeMap`] that records its changes: see the [module](crate::sync). A `map<K,V>` on the wire.
///
/// It derefs to the [`BTreeMap`] for reading. It is ordered, since maps travel in the order of their keys.
///
/// What is borrowed mutably is compared later with a copy of what it was, so a change within a large value is sent as that
/// change. [`iter_mut`](Self::iter_mut) and [`values_mut`](Self::values_mut) copy all values.
pub struct Map<K, V> {
    items: BTreeMap<K, V>,
    /// What the keys had that were touched. However often they were, the difference to what they have now is what there
    /// is to be sent.
    record: Record<Before<K, V>>,
}

impl<K, V> Map<K, V> {
    /// Without entries.
    pub const fn new() -> Self {
        Self { items: BTreeMap::new(), record: Record::untied() }
    }

    /// The standard map.
    pub fn into_inner(self) -> BTreeMap<K, V> {
        self.items
    }

    /// The standard map, for whatever has no method here. It is sent whole afterwards.
    pub fn whole_mut(&mut self) -> &mut BTreeMap<K, V> {
        self.record.forget();
        &mut self.items
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        if !self.items.is_empty() {
            self.whole_mut().clear();
        }
    }
}

impl<K: Codable + Ord, V: Codable> Map<K, V> {
    /// Inserts an entry, and gives the value that the key had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.touch_any(&key);
        self.items.insert(key, value)
    }

    /// Removes an entry, and gives its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes an entry, and gives it.
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        self.touch(key);
        self.items.remove_entry(key)
    }

    /// Removes the first entry, and gives it.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        let (key, value) = self.items.first_key_value()?;
        touch(&mut self.record, key, Some(value), self.items.len());
        self.items.pop_first()
    }

    /// Removes the last entry, and gives it.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let (key, value) = self.items.last_key_value()?;
        touch(&mut self.record, key, Some(value), self.items.len());
        self.items.pop_last()
    }

    /// A value to be changed. It is copied first, unless it was before.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.touch(key);
        self.items.get_mut(key)
    }

    /// The place of a key, as that of the standard map. A value that is there is copied first, unless it was before.
    pub fn entry(&mut self, key: K) -> btree_map::Entry<'_, K, V> {
        self.touch_any(&key);
        self.items.entry(key)
    }

    /// All entries, their values to be changed. All values are copied first.
    pub fn iter_mut(&mut self) -> btree_map::IterMut<'_, K, V> {
        let len = self.items.len();
        for (key, value) in &self.items {
            touch(&mut self.record, key, Some(value), len);
        }
        self.items.iter_mut()
    }

    /// All values, to be changed. All are copied first.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> + ExactSizeIterator {
        self.iter_mut().map(|(_, value)| value)
    }

    /// Removes the entries of which `keep` says so. Unlike the standard map's, it does not change what it keeps.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let (record, len) = (&mut self.record, self.items.len());
        self.items.retain(|key, value| {
            let keep = keep(key, value);
            if !keep {
                touch(record, key, Some(value), len);
            }
            keep
        });
    }

    fn no_changes(&self) -> Before<K, V> {
        BTreeMap::new()
    }

    fn has_no_changes(&self) -> bool {
        self.record.peek().is_some_and(BTreeMap::is_empty)
    }

    /// Writes what has changed, and forgets it.
    fn write_changes(&mut self, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError> {
        match self.record.changes().map(mem::take) {
            Some(before) => write_recorded(before, &self.items, out),
            None => Ok(Change::Set),
        }
    }

    /// Keeps what a key that is there has.
    fn touch<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some((key, value)) = self.items.get_key_value(key) {
            touch(&mut self.record, key, Some(value), self.items.len());
        }
    }

    /// Keeps what a key has, or that it is not there.
    fn touch_any(&mut self, key: &K) {
        touch(&mut self.record, key, self.items.get(key), self.items.len());
    }
}

/// Keeps what a key had, unless it was touched before.
fn touch<K: Codable + Ord, V: Codable>(
    record: &mut Record<Before<K, V>>,
    key: &K,
    value: Option<&V>,
    len: usize,
) {
    let Some(before) = record.changes() else {
        return;
    };
    if before.contains_key(key) {
        return;
    }
    if before.len() >= len + MIN_TOUCHED {
        return record.forget();
    }
    before.insert(K::copy(key), value.map(V::copy));
}

same_on_the_wire!([K: Codable + Ord, V: Codable] Map<K, V>, BTreeMap<K, V>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The copy has recorded nothing.
impl<K: Clone, V: Clone> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self::from(self.items.clone())
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}

impl<K, V> From<BTreeMap<K, V>> for Map<K, V> {
    fn from(items: BTreeMap<K, V>) -> Self {
        Self { items, record: Record::untied() }
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Self::from(BTreeMap::from(entries))
    }
}

impl<K, V> From<Map<K, V>> for BTreeMap<K, V> {
    fn from(map: Map<K, V>) -> Self {
        map.items
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::from(BTreeMap::from_iter(entries))
    }
}

impl<K: Codable + Ord, V: Codable> Extend<(K, V)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = btree_map::IntoIter<K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = btree_map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

/// As [`Map::iter_mut`].
impl<'a, K: Codable + Ord, V: Codable> IntoIterator for &'a mut Map<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = btree_map::IterMut<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<K: Borrow<Q> + Ord, Q: Ord + ?Sized, V> Index<&Q> for Map<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        &self.items[key]
    }
}
