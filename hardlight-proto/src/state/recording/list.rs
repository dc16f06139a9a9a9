use alloc::vec::{self, Vec};
use core::{
    cmp::Ordering,
    fmt, mem,
    ops::{Bound, Index, IndexMut, Range, RangeBounds},
    slice::{self, SliceIndex},
};

use super::{edits::Edits, record::Record, same_on_the_wire};
use crate::{
    payload::{Codable, EncodeError},
    state::{Change, PatchWriter, lists::write_recorded},
};

/// Lists that are longer are sent whole after all of their elements were borrowed.
const MAX_TOUCHED: usize = 1_024;

/// A [`Vec`] that records its changes: see the [module](crate::sync). A `vec<T>` on the wire.
///
/// It derefs to the [`Vec`] for reading.
///
/// What is borrowed mutably, by [`get_mut`](Self::get_mut) or `list[index]`, is compared later with a copy of what it was,
/// so a change within a large element is sent as that change.
pub struct List<T> {
    items: Vec<T>,
    record: Record<Edits<T>>,
}

impl<T> List<T> {
    /// Without elements.
    pub const fn new() -> Self {
        Self { items: Vec::new(), record: Record::untied() }
    }

    /// Without elements, but with memory for this many.
    pub fn with_capacity(capacity: usize) -> Self {
        Self::from(Vec::with_capacity(capacity))
    }

    /// The standard list.
    pub fn into_inner(self) -> Vec<T> {
        self.items
    }

    /// The standard list, for whatever has no method here. It is sent whole afterwards.
    pub fn whole_mut(&mut self) -> &mut Vec<T> {
        self.record.forget();
        &mut self.items
    }

    /// Appends an element.
    pub fn push(&mut self, value: T) {
        self.items.push(value);
        self.spliced(self.items.len() - 1, 0, 1);
    }

    /// Removes the last element, and gives it.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.items.pop()?;
        self.spliced(self.items.len(), 1, 0);
        Some(last)
    }

    /// Inserts an element before the one at `index`, or at the end.
    ///
    /// # Panics
    ///
    /// If `index` is beyond the end.
    pub fn insert(&mut self, index: usize, value: T) {
        self.items.insert(index, value);
        self.spliced(index, 0, 1);
    }

    /// Removes an element, and gives it.
    ///
    /// # Panics
    ///
    /// If there is none at `index`.
    pub fn remove(&mut self, index: usize) -> T {
        let removed = self.items.remove(index);
        self.spliced(index, 1, 0);
        removed
    }

    /// Puts a value in the place of another. The other is kept until the change is sent, not copied.
    ///
    /// # Panics
    ///
    /// If there is none at `index`.
    pub fn set(&mut self, index: usize, value: T) {
        let old = mem::replace(&mut self.items[index], value);
        if let Some(edits) = self.record.changes() {
            edits.change(index, || old);
        }
    }

    /// Keeps the first `len` elements, if there are as many.
    pub fn truncate(&mut self, len: usize) {
        let gone = self.items.len().saturating_sub(len);
        self.items.truncate(len);
        self.spliced(self.items.len(), gone, 0);
    }

    /// Removes all elements.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Takes out what begins at `at`.
    ///
    /// # Panics
    ///
    /// If `at` is beyond the end.
    #[must_use = "what is not needed is removed by `truncate`"]
    pub fn split_off(&mut self, at: usize) -> Vec<T> {
        let behind = self.items.split_off(at);
        self.spliced(at, behind.len(), 0);
        behind
    }

    /// Moves the elements of another list to the end of this one.
    pub fn append(&mut self, other: &mut Vec<T>) {
        let (len, more) = (self.items.len(), other.len());
        self.items.append(other);
        self.spliced(len, 0, more);
    }

    /// Appends copies of these elements.
    pub fn extend_from_slice(&mut self, values: &[T])
    where
        T: Clone,
    {
        let len = self.items.len();
        self.items.extend_from_slice(values);
        self.spliced(len, 0, values.len());
    }

    /// Removes a range, and gives its elements.
    ///
    /// # Panics
    ///
    /// If the range is not within the list.
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> vec::Drain<'_, T> {
        let range = within(range, self.items.len());
        // It panics before anything is recorded.
        let drain = self.items.drain(range.clone());
        if let Some(edits) = self.record.changes() {
            edits.splice(range.start, range.len(), 0);
        }
        drain
    }

    /// Puts other elements in the place of a range, and gives those that were there.
    ///
    /// # Panics
    ///
    /// If the range is not within the list.
    pub fn splice(
        &mut self,
        range: impl RangeBounds<usize>,
        values: impl IntoIterator<Item = T>,
    ) -> Vec<T> {
        let range = within(range, self.items.len());
        let values: Vec<_> = values.into_iter().collect();
        let inserted = values.len();
        let removed = self.items.splice(range.clone(), values).collect();
        self.spliced(range.start, range.len(), inserted);
        removed
    }

    /// Removes the elements that `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let (record, mut kept) = (&mut self.record, 0);
        self.items.retain(|item| {
            let keep = keep(item);
            if keep {
                kept += 1;
            } else if let Some(edits) = record.changes() {
                edits.splice(kept, 1, 0);
            }
            keep
        });
    }

    /// Sorts the list. It is sent whole afterwards, unless it was sorted.
    pub fn sort(&mut self)
    where
        T: Ord,
    {
        self.sort_by(T::cmp);
    }

    /// Sorts the list by the order of keys. It is sent whole afterwards, unless it was sorted.
    pub fn sort_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.sort_by(|a, b| key(a).cmp(&key(b)));
    }

    /// Sorts the list by an order. It is sent whole afterwards, unless it was sorted.
    pub fn sort_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        if !self.items.is_sorted_by(|a, b| compare(a, b).is_le()) {
            self.whole_mut().sort_by(compare);
        }
    }

    /// Turns the list around. It is sent whole afterwards.
    pub fn reverse(&mut self) {
        if self.items.len() > 1 {
            self.whole_mut().reverse();
        }
    }

    fn spliced(&mut self, start: usize, removed: usize, inserted: usize) {
        if let Some(edits) = self.record.changes() {
            edits.splice(start, removed, inserted);
        }
    }
}

impl<T: Codable> List<T> {
    /// An element to be changed. It is copied first, unless it was before.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.touch(index);
        self.items.get_mut(index)
    }

    /// The first element, to be changed. It is copied first, unless it was before.
    pub fn first_mut(&mut self) -> Option<&mut T> {
        self.get_mut(0)
    }

    /// The last element, to be changed. It is copied first, unless it was before.
    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.items.len().checked_sub(1)?)
    }

    /// All elements, to be changed. All are copied first; a list of more than 1,024 is sent whole instead.
    pub fn iter_mut(&mut self) -> slice::IterMut<'_, T> {
        if self.items.len() > MAX_TOUCHED {
            return self.whole_mut().iter_mut();
        }
        for index in 0..self.items.len() {
            self.touch(index);
        }
        self.items.iter_mut()
    }

    /// Removes an element, puts the last in its place, and gives the one that was removed.
    ///
    /// # Panics
    ///
    /// If there is none at `index`.
    pub fn swap_remove(&mut self, index: usize) -> T {
        let removed = self.items.swap_remove(index);
        let len = self.items.len();
        if let Some(edits) = self.record.changes() {
            if index < len {
                edits.change(index, || T::copy(&removed));
            }
            edits.splice(len, 1, 0);
        }
        removed
    }

    /// Swaps two elements. Both are copied first.
    ///
    /// # Panics
    ///
    /// If there is none at either place.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.touch(a);
        self.touch(b);
        self.items.swap(a, b);
    }

    /// Makes the list so long, with copies of `value` if it was shorter.
    pub fn resize(&mut self, len: usize, value: T)
    where
        T: Clone,
    {
        let old = self.items.len();
        self.items.resize(len, value);
        self.spliced(old.min(len), old.saturating_sub(len), len.saturating_sub(old));
    }

    const fn no_changes(&self) -> Edits<T> {
        Edits::new(self.items.len())
    }

    fn has_no_changes(&self) -> bool {
        self.record.peek().is_some_and(|edits| edits.are_none(self.items.len()))
    }

    /// Writes what has changed, and forgets it.
    fn write_changes(&mut self, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError> {
        let no_changes = self.no_changes();
        let edits = self.record.changes().map(|edits| mem::replace(edits, no_changes));
        match edits.and_then(|edits| edits.into_edits(self.items.len())) {
            Some(edits) => write_recorded(edits, &self.items, out),
            None => Ok(Change::Set),
        }
    }

    /// Keeps what an element that is there is.
    fn touch(&mut self, index: usize) {
        if let (Some(edits), Some(value)) = (self.record.changes(), self.items.get(index)) {
            edits.change(index, || T::copy(value));
        }
    }
}

/// The range, if it is within a list of this length; otherwise one for the list to refuse.
pub(super) fn within(range: impl RangeBounds<usize>, len: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => len,
    };
    start..end
}

same_on_the_wire!([T: Codable] List<T>, Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The copy has recorded nothing.
impl<T: Clone> Clone for List<T> {
    fn clone(&self) -> Self {
        Self::from(self.items.clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, record: Record::untied() }
    }
}

impl<T, const N: usize> From<[T; N]> for List<T> {
    fn from(items: [T; N]) -> Self {
        Self::from(Vec::from(items))
    }
}

impl<T: Clone> From<&[T]> for List<T> {
    fn from(items: &[T]) -> Self {
        Self::from(Vec::from(items))
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        list.items
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::from(Vec::from_iter(items))
    }
}

impl<T> Extend<T> for List<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

/// As [`List::iter_mut`].
impl<'a, T: Codable> IntoIterator for &'a mut List<T> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T, I: SliceIndex<[T]>> Index<I> for List<T> {
    type Output = I::Output;

    fn index(&self, index: I) -> &I::Output {
        &self.items[index]
    }
}

/// As [`List::get_mut`].
impl<T: Codable> IndexMut<usize> for List<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        self.touch(index);
        &mut self.items[index]
    }
}

impl<T> AsRef<[T]> for List<T> {
    fn as_ref(&self) -> &[T] {
        &self.items
    }
}

impl<T: PartialEq> PartialEq<[T]> for List<T> {
    fn eq(&self, other: &[T]) -> bool {
        self.items == other
    }
}

impl<T: PartialEq> PartialEq<&[T]> for List<T> {
    fn eq(&self, other: &&[T]) -> bool {
        self.items == *other
    }
}

impl<T: PartialEq, const N: usize> PartialEq<[T; N]> for List<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        self.items == other
    }
}
