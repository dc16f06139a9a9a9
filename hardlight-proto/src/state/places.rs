use core::ops::Range;

use super::PatchError;

/// Follows the operations of a patch of a list or a text, which say places in what those before them left.
///
/// Every operation begins at or behind the end of the one before. So what they are about is always a part of the value as
/// it was before the patch, and one pass through the value is enough for all of them.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Up to where the value is done with, in its old places.
    old: usize,
    /// The same in its new places.
    new: usize,
}

/// Where an operation takes place.
pub(super) struct Place {
    /// How much lies between the operation before and this one.
    pub(super) kept: usize,
    /// What is changed or removed, in its old places.
    pub(super) old: Range<usize>,
}

impl Places {
    /// Goes to the operation that begins at the new place `start` and is about the next `taken` of the `len` that the
    /// value had.
    pub(super) fn take(
        &mut self,
        start: usize,
        taken: usize,
        len: usize,
    ) -> Result<Place, PatchError> {
        let kept = start.checked_sub(self.new).ok_or(PatchError::NotAscending)?;
        let first = self.old.checked_add(kept);
        let end = first.and_then(|first| first.checked_add(taken)).filter(|&end| end <= len);
        let (Some(first), Some(end)) = (first, end) else {
            return Err(PatchError::OutOfRange);
        };
        self.old = end;
        self.new = start;
        Ok(Place { kept, old: first..end })
    }

    /// Tells how much stands now where the last operation took place.
    pub(super) fn give(&mut self, given: usize) {
        self.new += given;
    }
}
