//! What payloads keep of the messages that they came in.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::frame::CallId;

/// Messages up to this length, which most are, need not be counted, in bytes: 256 of them take 1 MiB.
pub(super) const MAX_UNCOUNTED_BYTES: usize = 4096;

/// What payloads that were given out keep besides themselves: each is a slice, and holds its whole message. Counted as if
/// none had its message in common with others.
#[derive(Debug, Default)]
pub(super) struct Pinned {
    /// By the id of the call, as far as ids were used.
    bytes: Vec<usize>,
    total: usize,
}

impl Pinned {
    /// A payload is given out that came in a message of this length. It is copied if all of them would keep more than
    /// `max_bytes`.
    pub(super) fn count(
        &mut self,
        id: CallId,
        payload: &mut Bytes,
        message_len: usize,
        max_bytes: usize,
    ) {
        self.forget(id);
        // What is longer came in pieces, and has its memory to itself.
        let bytes = message_len.saturating_sub(payload.len());
        if bytes > max_bytes.saturating_sub(self.total) {
            *payload = Bytes::copy_from_slice(payload);
            return;
        }
        if self.bytes.len() <= id.index() {
            self.bytes.resize(id.index() + 1, 0);
        }
        self.bytes[id.index()] = bytes;
        self.total += bytes;
    }

    /// The payload that was given out with this id is of no use any longer.
    #[inline]
    pub(super) fn forget(&mut self, id: CallId) {
        if self.total > 0
            && let Some(bytes) = self.bytes.get_mut(id.index())
        {
            self.total -= core::mem::take(bytes);
        }
    }
}
