//! Packing frames into messages: one WebSocket header, one mask and one write for everything that is ready.

use alloc::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{frame::BATCH, varint};

/// A batch is closed before it grows beyond this: the first answer does not wait for all the others.
const MAX_BATCH_BYTES: usize = 64 * 1024;
const MAX_BATCH_FRAMES: usize = 64;

/// Frames that are packed, or being packed, into messages.
#[derive(Debug, Default)]
pub(super) struct Packer {
    sealed: VecDeque<Bytes>,
    sealed_bytes: usize,
    /// The batch being packed: the batch header, then frames, each behind its length.
    open: BytesMut,
    open_frames: usize,
    /// Where the first frame in `open` begins, behind the batch header and its length.
    first_frame: usize,
}

impl Packer {
    /// Bytes that wait to be sent.
    pub(super) fn queued_bytes(&self) -> usize {
        self.sealed_bytes + self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.open_frames == 0
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Packs a frame of `len` bytes, which `write` appends.
    pub(super) fn push(&mut self, len: usize, write: impl FnOnce(&mut BytesMut)) {
        let entry = varint::len(len as u64) + len;
        if self.open_frames == MAX_BATCH_FRAMES
            || self.open_frames > 0 && self.open.len() + entry > MAX_BATCH_BYTES
        {
            self.seal();
        }
        self.open.reserve(1 + entry);
        if self.open_frames == 0 {
            self.open.put_u8(BATCH);
            self.first_frame = 1 + entry - len;
        }
        varint::put(&mut self.open, len as u64);
        write(&mut self.open);
        self.open_frames += 1;
    }

    /// The next message to send.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if self.sealed.is_empty() {
            self.seal();
        }
        let message = self.sealed.pop_front()?;
        self.sealed_bytes -= message.len();
        Some(message)
    }

    fn seal(&mut self) {
        if self.open_frames == 0 {
            return;
        }
        let mut message = self.open.split().freeze();
        if self.open_frames == 1 {
            message = message.split_off(self.first_frame);
        }
        self.open_frames = 0;
        self.sealed_bytes += message.len();
        self.sealed.push_back(message);
    }
}
