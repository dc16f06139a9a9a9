//! What the inputs of calls take that are not answered.
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

use alloc::vec::Vec;

use crate::frame::CallId;

#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// By id, as far as ids were used.
    bytes: Vec<usize>,
    total: usize,
}

impl Inputs {
    /// Of all calls, in bytes.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(super) fn insert(&mut self, id: CallId, bytes: usize) {
        if self.bytes.len() <= id.index() {
            self.make_room(id);
        }
        let before = core::mem::replace(&mut self.bytes[id.index()], bytes);
        self.total = self.total - before + bytes;
    }

    fn make_room(&mut self, id: CallId) {
        self.bytes.resize(id.index() + 1, 0);
    }

    /// Lets go of memory that counts nothing.
    pub(super) fn release_memory(&mut self) {
        if self.total == 0 {
            self.bytes = Vec::new();
        }
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(super) fn remove(&mut self, id: CallId) {
        if let Some(bytes) = self.bytes.get_mut(id.index()) {
            self.total -= core::mem::take(bytes);
        }
    }
}
