//! What waits to be sent, besides what is packed.

use alloc::collections::{BTreeMap, VecDeque};
use core::ops::{Deref, DerefMut};

use super::{
    control::Control,
    outbox::{Item, Loss},
    transfer::outgoing::Outgoing,
};

/// The four places where frames wait. Whoever changes any of them does it through here, so that it cannot be forgotten that
/// something may wait now: until the next [`look`](Self::look).
#[derive(Debug)]
pub(super) struct Waiting {
    parts: Parts,
    /// It was looked, and nothing waited.
    is_nothing: bool,
}

#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) control: Control,
    pub(super) outgoing: Outgoing,
    pub(super) line: VecDeque<Item>,
    /// What was dropped of each subscription and is not covered by a gap yet.
    pub(super) dropped: BTreeMap<u64, Loss>,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { parts: Parts::default(), is_nothing: true }
    }

    /// Whether it is known that nothing waits: all that is to be sent is packed.
    #[inline]
    pub(super) fn is_nothing(&self) -> bool {
        debug_assert!(
            !self.is_nothing || self.parts.is_empty(),
            "frames wait that nobody looks for"
        );
        self.is_nothing
    }

    /// Finds out whether anything waits.
    pub(super) fn look(&mut self) {
        self.is_nothing = self.parts.is_empty();
    }

    /// Lets go of memory that nothing waits in.
    pub(super) fn release_memory(&mut self) {
        self.line.shrink_to_fit();
        self.outgoing.release_memory();
        self.control.release_memory();
        self.look();
    }
}

impl Parts {
    pub(super) fn is_empty(&self) -> bool {
        self.control.is_empty()
            && self.outgoing.is_empty()
            && self.line.is_empty()
            && self.dropped.is_empty()
    }
}

/// Lets go of the place that an emptied map keeps.
pub(super) fn release_map<K, V>(map: &mut BTreeMap<K, V>) {
    if map.is_empty() {
        *map = BTreeMap::new();
    }
}

impl Deref for Waiting {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl DerefMut for Waiting {
    fn deref_mut(&mut self) -> &mut Parts {
        self.is_nothing = false;
        &mut self.parts
    }
}
