//! The last events of a topic, kept for those who come back.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{EncodedEvent, options::Keep};

/// What a place counts for, besides its event.
const PLACE_BYTES: usize = 64;

/// What all topics of a hub keep, in bytes.
#[derive(Debug)]
pub(super) struct KeptBytes {
    total: AtomicUsize,
    max: AtomicUsize,
}

/// What one topic keeps.
#[derive(Debug)]
pub(super) struct Kept {
    events: VecDeque<Arc<EncodedEvent>>,
    bytes: usize,
    /// What the topic takes itself.
    own_bytes: usize,
    keep: Keep,
    hub: Arc<KeptBytes>,
}

impl KeptBytes {
    pub(super) const fn new(max: usize) -> Self {
        Self { total: AtomicUsize::new(0), max: AtomicUsize::new(max) }
    }

    pub(super) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.total.load(Ordering::Relaxed) > self.max.load(Ordering::Relaxed)
    }
}

impl Kept {
    /// Nothing yet, of a topic that takes so many bytes itself.
    pub(super) fn new(keep: Keep, own_bytes: usize, hub: Arc<KeptBytes>) -> Self {
        hub.total.fetch_add(own_bytes, Ordering::Relaxed);
        Self { events: VecDeque::new(), bytes: 0, own_bytes, keep, hub }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn push(&mut self, event: Arc<EncodedEvent>) {
        let bytes = PLACE_BYTES + event.encoded_len();
        self.bytes += bytes;
        self.hub.total.fetch_add(bytes, Ordering::Relaxed);
        self.events.push_back(event);
        while self.events.len() > self.keep.events || self.bytes > self.keep.bytes {
            self.pop();
        }
    }

    /// Lets go of the oldest events while the hub keeps too much.
    pub(super) fn shrink(&mut self) {
        while self.hub.is_exceeded() && self.pop() {}
    }

    fn pop(&mut self) -> bool {
        let Some(event) = self.events.pop_front() else { return false };
        let bytes = PLACE_BYTES + event.encoded_len();
        self.bytes -= bytes;
        self.hub.total.fetch_sub(bytes, Ordering::Relaxed);
        true
    }

    /// The first of those from number `sequence` on.
    pub(super) fn first_from(&self, sequence: u64) -> Option<Arc<EncodedEvent>> {
        let place = self.events.partition_point(|event| event.sequence() < sequence);
        self.events.get(place).cloned()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.hub.total.fetch_sub(self.own_bytes + self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(keep: Keep, max: usize) -> Kept {
        Kept::new(keep, 0, Arc::new(KeptBytes::new(max)))
    }

    /// Keeps events of 68 bytes and this payload: their numbers.
    fn after(kept: &mut Kept, numbers: std::ops::Range<u64>, payload: usize) -> Vec<u64> {
        for number in numbers {
            kept.push(Arc::new(EncodedEvent::new(1, number, 0, vec![0; payload].into())));
        }
        kept.events.iter().map(|event| event.sequence()).collect()
    }

    #[test]
    fn the_last_are_kept_by_number_and_by_bytes() {
        assert_eq!(after(&mut kept(Keep::events(3), usize::MAX), 0..10, 32), [7, 8, 9]);
        assert_eq!(after(&mut kept(Keep::bytes(250), usize::MAX), 0..10, 32), [8, 9]);
        assert_eq!(
            after(&mut kept(Keep::events(3).at_most_bytes(100), usize::MAX), 0..10, 32),
            [9]
        );
        assert!(after(&mut kept(Keep::bytes(99), usize::MAX), 0..10, 32).is_empty());
    }

    #[test]
    fn what_the_hub_keeps_is_counted_until_it_is_let_go_of() {
        let hub = Arc::new(KeptBytes::new(350));
        let mut first = Kept::new(Keep::events(10), 100, Arc::clone(&hub));
        after(&mut first, 0..5, 32);
        assert!(hub.is_exceeded());
        first.shrink();
        assert!(!hub.is_exceeded());
        assert_eq!(first.events.len(), 2);
        let from = |sequence| first.first_from(sequence).map(|event| event.sequence());
        assert_eq!([0, 3, 4, 5].map(from), [Some(3), Some(3), Some(4), None]);
        drop(first);
        assert_eq!(hub.total.load(Ordering::Relaxed), 0);
    }
}
