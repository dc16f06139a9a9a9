//! A place among those who wait.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A place among those who wait, whose number is bounded. It is given up by being dropped.
pub(super) struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    /// One of so many; `None` if all are taken.
    pub(super) fn take(taken: &'a AtomicUsize, most: usize) -> Option<Self> {
        let others = taken.fetch_add(1, Ordering::Relaxed);
        let place = Self(taken);
        (others < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
