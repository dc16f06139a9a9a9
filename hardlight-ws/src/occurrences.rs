//! How often something is logged that a stranger can bring about.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often something happened. A clone counts for itself, from 0.
#[derive(Debug)]
pub(crate) struct Occurrences(AtomicU64);

impl Occurrences {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// It happened once more: how often in all, if that is to be logged, which is so for the 1st, the 2nd, the 4th, the 8th
    /// time and so on.
    pub(crate) fn count(&self) -> Option<u64> {
        let times = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        times.is_power_of_two().then_some(times)
    }
}

impl Clone for Occurrences {
    fn clone(&self) -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_a_thousand_times_is_logged_ten_times() {
        let occurrences = Occurrences::new();
        let logged: Vec<_> = (0..1000).filter_map(|_| occurrences.count()).collect();
        assert_eq!(logged, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        assert_eq!(occurrences.clone().count(), Some(1));
    }
}
