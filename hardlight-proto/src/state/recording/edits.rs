use alloc::vec::Vec;
use core::mem;

/// How many edits there may be of any value until neighbours are taken together.
const MIN_EDITS: usize = 1_024;

/// How much of a longer value there is for each edit that there may be: so little that what is sent with what stands
/// between two is not far from what the value takes as a whole.
const PLACES_PER_EDIT: usize = 32;

/// Where a list or a text has changed: edits that do not overlap, in ascending order.
pub(super) struct Edits<T> {
    edits: Vec<Edit<T>>,
    /// How long the value is, by what was recorded.
    len: usize,
}

/// A part of a list or a text that is not what it was.
pub(crate) struct Edit<T> {
    /// Where it begins, as the value is now.
    pub(crate) start: usize,
    /// How much stood there.
    pub(crate) removed: usize,
    /// How much stands there now.
    pub(crate) inserted: usize,
    /// What stood there, of one element that may have changed in place.
    pub(crate) old: Option<T>,
}

impl<T> Edits<T> {
    /// None, of a value of this length.
    pub(super) const fn new(len: usize) -> Self {
        Self { edits: Vec::new(), len }
    }

    /// Whether there are none, of a value of this length.
    pub(super) const fn are_none(&self, len: usize) -> bool {
        self.edits.is_empty() && self.len == len
    }

    /// The edits, if the value has the length that they lead to. It has not if somebody leaked an iterator that was about
    /// to put it into order.
    pub(super) fn into_edits(self, len: usize) -> Option<Vec<Edit<T>>> {
        (self.len == len).then_some(self.edits)
    }

    /// Of what stands at `start`, `removed` went, and `inserted` came in its place.
    pub(super) fn splice(&mut self, start: usize, removed: usize, inserted: usize) {
        if removed + inserted == 0 {
            return;
        }
        let end = start + removed;
        // Splices that touch become one; an element that changed in place only if it is removed.
        let first = self.edits.partition_point(|edit| {
            edit.end() < start || (edit.end() == start && edit.old.is_some())
        });
        let behind = first
            + self.edits[first..].partition_point(|edit| {
                edit.start < end || (edit.start == end && edit.old.is_none())
            });
        let touched = &self.edits[first..behind];
        let from = touched.first().map_or(start, |edit| edit.start.min(start));
        let to = touched.last().map_or(end, |edit| edit.end().max(end));
        let new: usize = touched.iter().map(|edit| edit.inserted).sum();
        let old: usize = touched.iter().map(|edit| edit.removed).sum();
        let merged = Edit {
            start: from,
            removed: to - from - new + old,
            inserted: to - from - removed + inserted,
            old: None,
        };
        for edit in &mut self.edits[behind..] {
            edit.start = edit.start - removed + inserted;
        }
        self.len = self.len - removed + inserted;
        let merged = (merged.removed + merged.inserted != 0).then_some(merged);
        self.edits.splice(first..behind, merged);
        self.take_neighbours_together();
    }

    /// The element at `index` is about to change in place, or has just been replaced: `old` is what it was.
    pub(super) fn change(&mut self, index: usize, old: impl FnOnce() -> T) {
        let place = self.edits.partition_point(|edit| edit.end() <= index);
        if self.edits.get(place).is_some_and(|edit| edit.start <= index) {
            return;
        }
        let edit = Edit { start: index, removed: 1, inserted: 1, old: Some(old()) };
        self.edits.insert(place, edit);
        self.take_neighbours_together();
    }

    /// Sees to it that there are not too many: of those that are closest together, some become one, with what is between
    /// them. It happens once for every few hundred edits, so on the whole an edit costs the same.
    fn take_neighbours_together(&mut self) {
        if self.edits.len() <= MIN_EDITS.max(self.len / PLACES_PER_EDIT) {
            return;
        }
        let mut gaps: Vec<_> = self.edits.windows(2).map(|pair| pair[0].gap(&pair[1])).collect();
        let half = gaps.len() / 2;
        let (narrower, &mut widest, _) = gaps.select_nth_unstable(half);
        // There may be many that are as wide: no more of them than it takes.
        let mut widest_left = half + 1 - narrower.iter().filter(|gap| **gap < widest).count();
        for edit in mem::take(&mut self.edits) {
            match self.edits.last_mut() {
                Some(last) if last.gap(&edit) < widest => last.absorb(&edit),
                Some(last) if last.gap(&edit) == widest && widest_left > 0 => {
                    widest_left -= 1;
                    last.absorb(&edit);
                }
                _ => self.edits.push(edit),
            }
        }
    }
}

impl<T> Edit<T> {
    /// Where it ends, as the value is now.
    const fn end(&self) -> usize {
        self.start + self.inserted
    }

    /// How much is between this one and the next.
    const fn gap(&self, next: &Self) -> usize {
        next.start - self.end()
    }

    /// Becomes one with the next.
    fn absorb(&mut self, next: &Self) {
        let gap = self.gap(next);
        self.removed += gap + next.removed;
        self.inserted += gap + next.inserted;
        self.old = None;
    }
}
