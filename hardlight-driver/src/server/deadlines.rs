//! When calls that run are to end.

use std::collections::BTreeSet;

use hardlight_proto::{CallId, Time};

/// The calls that have a deadline, the next one first.
#[derive(Default)]
pub(super) struct Deadlines(BTreeSet<(Time, u8)>);

impl Deadlines {
    pub(super) fn insert(&mut self, at: Time, id: CallId) {
        self.0.insert((at, id.0));
    }

    pub(super) fn remove(&mut self, at: Time, id: CallId) {
        self.0.remove(&(at, id.0));
    }

    /// When the next one passes.
    #[inline]
    pub(super) fn next(&self) -> Option<Time> {
        self.0.first().map(|&(at, _)| at)
    }

    /// Takes out a call whose deadline has passed.
    pub(super) fn pop_passed(&mut self, now: Time) -> Option<CallId> {
        self.next().filter(|&at| at <= now)?;
        self.0.pop_first().map(|(_, id)| CallId(id))
    }
}
