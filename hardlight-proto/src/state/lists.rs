//! Lists are patched by splices, and by changes of single elements.

use alloc::{collections::VecDeque, vec, vec::Vec};
use core::{
    mem,
    ops::{Index, IndexMut, Range},
    slice,
};

use bytes::Bytes;

use super::{
    Change, PatchError, PatchReader, PatchWriter, StateDiff,
    diff::{out_of_line_sum, patch},
    places::Places,
    recording::Edit,
};
use crate::payload::{Codable, EncodeError};

const SPLICE: u64 = 0;
const CHANGE: u64 = 1;
const INSERT: u64 = 2;

/// What a splice takes at least, besides the elements: its kind, two places, a length and an empty list.
const SPLICE_OVERHEAD: usize = 12;

/// What [`Vec`] and [`VecDeque`] have in common.
trait List<T>: Index<usize, Output = T> + IndexMut<usize> + Extend<T> + IntoIterator<Item = T> {
    fn len(&self) -> usize;

    /// Takes out what begins at `start`.
    fn split_off(&mut self, start: usize) -> Self;

    fn splice(&mut self, removed: Range<usize>, items: Vec<T>);
}

impl<T> List<T> for Vec<T> {
    fn len(&self) -> usize {
        self.len()
    }

    fn split_off(&mut self, start: usize) -> Self {
        self.split_off(start)
    }

    fn splice(&mut self, removed: Range<usize>, items: Self) {
        self.splice(removed, items);
    }
}

impl<T> List<T> for VecDeque<T> {
    fn len(&self) -> usize {
        self.len()
    }

    fn split_off(&mut self, start: usize) -> Self {
        self.split_off(start)
    }

    fn splice(&mut self, removed: Range<usize>, items: Vec<T>) {
        if items.is_empty() {
            self.drain(removed);
            return;
        }
        let mut behind = self.split_off(removed.end);
        self.truncate(removed.start);
        self.extend(items);
        self.append(&mut behind);
    }
}

macro_rules! list {
    ($list:ident, |$value:ident, $other:ident| $same:expr) => {
        impl<T: Codable> StateDiff for $list<T> {
            const LEAF: bool = false;

            fn same($value: &Self, $other: &Self) -> bool {
                $same
            }

            fn copy(value: &Self) -> Self {
                value.iter().map(T::copy).collect()
            }

            fn out_of_line(value: &Self, enough: usize) -> usize {
                elements_len(value.len(), value, enough)
            }

            fn diff(
                value: &Self,
                shadow: &mut Self,
                out: &mut PatchWriter<'_>,
            ) -> Result<Change, EncodeError> {
                if Self::same(value, shadow) {
                    return Ok(Change::Nothing);
                }
                diff(value, shadow, out)
            }

            fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
                check(value, value.len(), patch)
            }

            fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
                apply(value, patch)
            }
        }
    };
}

list!(Vec, |value, other| T::same_slice(value, other));
list!(VecDeque, |value, other| value.len() == other.len()
    && value.iter().zip(other).all(|(value, other)| T::same(value, other)));

/// The same list on the wire as a `Vec<u8>`.
impl StateDiff for Bytes {
    const LEAF: bool = false;

    fn same(value: &Self, other: &Self) -> bool {
        value == other
    }

    fn copy(value: &Self) -> Self {
        value.clone()
    }

    fn out_of_line(value: &Self, _enough: usize) -> usize {
        value.len()
    }

    fn diff(
        value: &Self,
        shadow: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        if value == shadow {
            return Ok(Change::Nothing);
        }
        let (start, behind) = common::<u8, [u8]>(value, value.len(), shadow, shadow.len());
        let inserted = &value[start..value.len() - behind];
        write_splice(start, shadow.len() - behind - start, inserted, out)?;
        *shadow = value.clone();
        Ok(Change::Patch)
    }

    fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        check::<u8, [u8]>(value, value.len(), patch)
    }

    fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        let mut list = Vec::from(mem::take(value));
        let applied = apply(&mut list, patch);
        *value = list.into();
        applied
    }
}

/// At least how many bytes the elements take in an archive, as far as it is needed.
fn elements_len<'a, T: Codable>(
    len: usize,
    elements: impl IntoIterator<Item = &'a T>,
    enough: usize,
) -> usize {
    let own = len * size_of::<T::Archived>();
    own + out_of_line_sum(elements, enough.saturating_sub(own))
}

/// Writes the difference between lists that are not the same.
fn diff<T: Codable, L: List<T>>(
    value: &L,
    shadow: &mut L,
    out: &mut PatchWriter<'_>,
) -> Result<Change, EncodeError> {
    let (start, behind) = common(value, value.len(), shadow, shadow.len());
    let (mut old, mut new) = (start..shadow.len() - behind, start..value.len() - behind);
    let is_new_throughout = start + behind == 0;
    if !(old.is_empty() || new.is_empty())
        && (is_new_throughout || new.len() > SPLICE_OVERHEAD)
        && let Some(gone) = gone_from_the_front(value, shadow)
        && (is_new_throughout || gone + value.len() - shadow.len() + SPLICE_OVERHEAD < new.len())
    {
        write_splice::<T>(0, gone, &[], out)?;
        shadow.splice(0..gone, Vec::new());
        (old, new) = (shadow.len()..shadow.len(), shadow.len()..value.len());
    }
    if old.len() == new.len() && write_changes(value, shadow, new.clone(), out)? {
        return Ok(Change::Patch);
    }
    if !(old.is_empty() && new.is_empty()) {
        splice(value, shadow, old, new, out)?;
    }
    Ok(Change::Patch)
}

/// How many elements are the same at the beginning, and how many of the others at the end.
fn common<T: Codable, L: Index<usize, Output = T> + ?Sized>(
    a: &L,
    a_len: usize,
    b: &L,
    b_len: usize,
) -> (usize, usize) {
    let shorter = a_len.min(b_len);
    let same_at = |&index: &usize| T::same(&a[index], &b[index]);
    let start = (0..shorter).take_while(same_at).count();
    let same_behind = |&index: &usize| T::same(&a[a_len - 1 - index], &b[b_len - 1 - index]);
    let behind = (0..shorter - start).take_while(same_behind).count();
    (start, behind)
}

/// How many elements the list lost at its front, if it is otherwise what it was, but for more at its end: the way of logs
/// and queues. The first that it has now may have stood in several places; it is looked for in all, until that has taken as
/// long as two comparisons of the lists.
fn gone_from_the_front<T: Codable, L: List<T>>(value: &L, shadow: &L) -> Option<usize> {
    let fewest = shadow.len().saturating_sub(value.len()).max(1);
    let mut looks = 2 * shadow.len();
    for gone in fewest..shadow.len() {
        let kept = shadow.len() - gone;
        let same_at = |&index: &usize| T::same(&value[index], &shadow[gone + index]);
        let same = (0..kept).take_while(same_at).count();
        if same == kept {
            return Some(gone);
        }
        looks = looks.checked_sub(same + 1)?;
    }
    None
}

/// Writes the elements that are not the same one by one, unless a splice of the range takes no more.
fn write_changes<T: Codable, L: List<T>>(
    value: &L,
    shadow: &mut L,
    range: Range<usize>,
    out: &mut PatchWriter<'_>,
) -> Result<bool, EncodeError> {
    let start = out.len();
    let flat_splice = SPLICE_OVERHEAD + range.len() * size_of::<T::Archived>();
    for index in range.clone() {
        write_change(value, shadow, index, out)?;
        if T::FLAT && out.len() - start > flat_splice {
            break;
        }
    }
    let written = out.len() - start;
    let elements = range.clone().map(|index| &value[index]);
    let splice = SPLICE_OVERHEAD + elements_len(range.len(), elements, written);
    let worth_it = written <= splice;
    if !worth_it {
        out.truncate(start);
    }
    Ok(worth_it)
}

/// Writes one element, if it is not the same.
fn write_change<T: Codable, L: List<T>>(
    value: &L,
    shadow: &mut L,
    index: usize,
    out: &mut PatchWriter<'_>,
) -> Result<(), EncodeError> {
    write_element(index, &value[index], &mut shadow[index], out)
}

/// Writes how an element differs from its shadow, if it does, and brings the shadow up to date.
fn write_element<T: Codable>(
    index: usize,
    value: &T,
    shadow: &mut T,
    out: &mut PatchWriter<'_>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.varint(CHANGE);
    out.place(index);
    let change = out.section(|out| {
        out.below(|out| {
            let change = patch(value, shadow, out)?;
            if T::LEAF && change == Change::Set {
                out.archive(value)?;
                return Ok(Change::Patch);
            }
            Ok(change)
        })
    })?;
    if change != Change::Patch {
        out.truncate(start);
    }
    if change == Change::Set {
        *shadow = T::copy(value);
        write_splice(index, 1, slice::from_ref(value), out)?;
    }
    Ok(())
}

/// Writes the edits that a list has recorded.
pub(super) fn write_recorded<T: Codable>(
    edits: Vec<Edit<T>>,
    items: &[T],
    out: &mut PatchWriter<'_>,
) -> Result<Change, EncodeError> {
    let start = out.len();
    let mut run = Run::default();
    for Edit { start, removed, inserted, old } in edits {
        let Some(mut old) = old else {
            run.end(items, out)?;
            write_splice(start, removed, &items[start..start + inserted], out)?;
            continue;
        };
        if run.range.is_empty() || run.range.end != start {
            run.end(items, out)?;
            run = Run { range: start..start, begun: out.len() };
        }
        run.range.end += 1;
        write_element(start, &items[start], &mut old, out)?;
    }
    run.end(items, out)?;
    Ok(if out.len() == start { Change::Nothing } else { Change::Patch })
}

/// Elements side by side of which each was written by itself.
#[derive(Default)]
struct Run {
    range: Range<usize>,
    /// Where the first was written.
    begun: usize,
}

impl Run {
    /// Writes a splice of them instead, if it takes no more.
    fn end<T: Codable>(
        &mut self,
        items: &[T],
        out: &mut PatchWriter<'_>,
    ) -> Result<(), EncodeError> {
        let range = mem::take(&mut self.range);
        if range.is_empty() {
            return Ok(());
        }
        let written = out.len() - self.begun;
        let elements = &items[range.clone()];
        if written > SPLICE_OVERHEAD + elements_len(range.len(), elements, written) {
            out.truncate(self.begun);
            write_splice(range.start, range.len(), elements, out)?;
        }
        Ok(())
    }
}

/// Writes that a part of the shadow becomes a part of the value, and makes it so.
fn splice<T: Codable, L: List<T>>(
    value: &L,
    shadow: &mut L,
    old: Range<usize>,
    new: Range<usize>,
    out: &mut PatchWriter<'_>,
) -> Result<(), EncodeError> {
    let items: Vec<T> = new.map(|index| T::copy(&value[index])).collect();
    write_splice(old.start, old.len(), &items, out)?;
    shadow.splice(old, items);
    Ok(())
}

fn write_splice<T: Codable>(
    start: usize,
    removed: usize,
    items: &[T],
    out: &mut PatchWriter<'_>,
) -> Result<(), EncodeError> {
    if let ([item], 0) = (items, removed) {
        out.varint(INSERT);
        out.place(start);
        return out.section(|out| out.below(|out| out.archive(item)));
    }
    out.varint(SPLICE);
    out.place(start);
    out.place(removed);
    out.section(|out| out.list(items))
}

/// An operation on a list.
enum Operation<'a, T> {
    /// Elements go, and others come in their place.
    Splice { start: usize, removed: usize, items: Vec<T> },
    /// One changes.
    Change { index: usize, change: PatchReader<'a> },
}

/// Gives every operation to `operate`.
fn operations<'a, T: Codable>(
    patch: PatchReader<'a>,
    mut operate: impl FnMut(Operation<'a, T>) -> Result<(), PatchError>,
) -> Result<(), PatchError> {
    let mut patch = patch.not_empty()?;
    let elements = patch.below()?;
    while !patch.is_empty() {
        let (kind, start) = (patch.varint()?, patch.place()?);
        operate(match kind {
            SPLICE => {
                let removed = patch.place()?;
                let items = patch.section()?;
                Operation::Splice { start, removed, items: patch.value(items)? }
            }
            CHANGE => Operation::Change { index: start, change: elements.beside(patch.section()?) },
            INSERT => {
                let item = elements.value(patch.section()?)?;
                Operation::Splice { start, removed: 0, items: vec![item] }
            }
            kind => return Err(PatchError::UnknownOperation(kind)),
        })?;
    }
    Ok(())
}

fn check<T: Codable, L: Index<usize, Output = T> + ?Sized>(
    value: &L,
    len: usize,
    patch: PatchReader<'_>,
) -> Result<(), PatchError> {
    let mut places = Places::default();
    operations::<T>(patch, |operation| match operation {
        Operation::Splice { start, removed, items } => {
            places.take(start, removed, len)?;
            places.give(items.len());
            Ok(())
        }
        Operation::Change { index, change } => {
            let place = places.take(index, 1, len)?;
            places.give(1);
            check_change(&value[place.old.start], change)
        }
    })
}

fn apply<T: Codable, L: List<T>>(value: &mut L, patch: PatchReader<'_>) -> Result<(), PatchError> {
    let len = value.len();
    let mut places = Places::default();
    // What the first splice and the operations behind it are about. So a patch moves every element twice at most, however
    // many splices it has.
    let mut rest: Option<L::IntoIter> = None;
    operations::<T>(patch, |operation| match operation {
        Operation::Splice { start, removed, items } => {
            let place = places.take(start, removed, len)?;
            places.give(items.len());
            let rest = match &mut rest {
                Some(rest) => {
                    value.extend(rest.by_ref().take(place.kept));
                    rest
                }
                None => rest.insert(value.split_off(place.old.start).into_iter()),
            };
            rest.by_ref().take(removed).for_each(drop);
            value.extend(items);
            Ok(())
        }
        Operation::Change { index, change } => {
            let place = places.take(index, 1, len)?;
            places.give(1);
            let Some(rest) = &mut rest else {
                return apply_change(&mut value[place.old.start], change);
            };
            value.extend(rest.by_ref().take(place.kept));
            let mut element = rest.next().ok_or(PatchError::OutOfRange)?;
            apply_change(&mut element, change)?;
            value.extend([element]);
            Ok(())
        }
    })?;
    if let Some(rest) = rest {
        value.extend(rest);
    }
    Ok(())
}

/// A leaf among the elements changes by being replaced.
fn check_change<T: Codable>(element: &T, change: PatchReader<'_>) -> Result<(), PatchError> {
    if T::LEAF {
        return change.value::<T>(change.rest()).map(drop);
    }
    T::check(element, change)
}

fn apply_change<T: Codable>(element: &mut T, change: PatchReader<'_>) -> Result<(), PatchError> {
    if T::LEAF {
        *element = change.value(change.rest())?;
        return Ok(());
    }
    T::apply(element, change)
}
