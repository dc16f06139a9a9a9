//! A set of call ids.

use crate::frame::CallId;

/// Calls that may be in flight on one connection: as many as there are ids.
pub const MAX_CALLS_IN_FLIGHT: usize = 256;

/// Which of the 256 call ids are in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CallIds {
    words: [u64; 4],
}

impl CallIds {
    pub(super) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    #[cfg(feature = "payload")]
    pub(super) fn is_full(&self) -> bool {
        self.words == [u64::MAX; 4]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words == [0; 4]
    }

    #[inline]
    pub(super) const fn contains(&self, id: CallId) -> bool {
        self.words[id.index() / 64] & Self::bit(id) != 0
    }

    /// Whether `id` was not in the set before.
    #[inline]
    pub(super) const fn insert(&mut self, id: CallId) -> bool {
        let new = !self.contains(id);
        self.words[id.index() / 64] |= Self::bit(id);
        new
    }

    /// Whether `id` was in the set.
    #[inline]
    pub(super) const fn remove(&mut self, id: CallId) -> bool {
        let was = self.contains(id);
        self.words[id.index() / 64] &= !Self::bit(id);
        was
    }

    pub(super) fn insert_all(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(other.words) {
            *word |= other;
        }
    }

    /// Takes the lowest id that is not in the set.
    #[inline]
    pub(super) fn insert_lowest_free(&mut self) -> Option<CallId> {
        let word = self.words.iter().position(|&word| word != u64::MAX)?;
        let id = Self::id(word, self.words[word].trailing_ones());
        self.insert(id);
        Some(id)
    }

    /// Removes the lowest id in the set.
    pub(super) fn pop_lowest(&mut self) -> Option<CallId> {
        let word = self.words.iter().position(|&word| word != 0)?;
        let id = Self::id(word, self.words[word].trailing_zeros());
        self.remove(id);
        Some(id)
    }

    const fn bit(id: CallId) -> u64 {
        1 << (id.0 % 64)
    }

    const fn id(word: usize, bit: u32) -> CallId {
        CallId((word * 64) as u8 + bit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_256_ids_are_given_out_once_lowest_first() {
        let mut ids = CallIds::default();
        for expected in 0..=255 {
            assert_eq!(ids.insert_lowest_free(), Some(CallId(expected)));
        }
        assert_eq!(ids.insert_lowest_free(), None);
        assert_eq!(ids.len(), 256);
        assert!(ids.remove(CallId(200)));
        assert!(!ids.remove(CallId(200)));
        assert_eq!(ids.insert_lowest_free(), Some(CallId(200)));
        for expected in 0..=255 {
            assert_eq!(ids.pop_lowest(), Some(CallId(expected)));
        }
        assert!(ids.is_empty());
    }
}
