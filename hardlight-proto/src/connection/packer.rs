//! Packing frames into messages: one WebSocket header, one mask and one write for everything that is ready.
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

use alloc::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::buffer::Buffer;
use crate::{
    frame::{BATCH, ShortHead},
    varint,
};

/// A batch is closed before it grows beyond this: the first answer does not wait for all the others.
const MAX_BATCH_BYTES: usize = 64 * 1024;
const MAX_BATCH_FRAMES: usize = 64;

/// Frames that are packed, or being packed, into messages.
#[derive(Debug, Default)]
pub(super) struct Packer {
    sealed: VecDeque<Bytes>,
    sealed_bytes: usize,
    /// The batch being packed: the batch header, then frames, each behind its length.
    open: Buffer,
    open_frames: usize,
    /// Where the first frame in `open` begins, behind the batch header and its length.
    first_frame: usize,
}

impl Packer {
    /// Bytes that wait to be sent.
    #[inline]
    pub(super) fn queued_bytes(&self) -> usize {
        self.sealed_bytes + self.open.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.open_frames == 0 && self.sealed.is_empty()
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Lets go of the memory that is kept for messages to come.
    pub(super) fn release_memory(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }

    /// Packs a frame of `len` bytes, which `write` appends.
    #[inline]
    pub(super) fn push(&mut self, len: usize, write: impl FnOnce(&mut BytesMut)) {
        let entry = varint::len(len as u64) + len;
        if self.open_frames > 0 && !self.fits(entry) {
            self.seal();
        }
        let open = self.open.with_room(1 + entry);
        if self.open_frames == 0 {
            open.put_u8(BATCH);
            self.first_frame = 1 + entry - len;
        }
        varint::put(open, len as u64);
        write(open);
        self.open_frames += 1;
    }

    /// Packs a frame of two parts.
    #[inline(always)]
    pub(super) fn push_parts(&mut self, head: ShortHead, payload: &[u8]) {
        let len = head.len() + payload.len();
        if len >= 0x80 {
            return self.push(len, |out| {
                head.put(out);
                out.extend_from_slice(payload);
            });
        }
        // Short: the length takes one byte, and goes out with the head.
        if self.open_frames > 0 && !self.fits(1 + len) {
            self.seal();
        }
        let open = self.open.with_room(2 + 8 + len);
        if self.open_frames == 0 {
            open.put_u8(BATCH);
            self.first_frame = 2;
        }
        head.put_behind(len as u8, open);
        open.extend_from_slice(payload);
        self.open_frames += 1;
    }

    /// Whether a further frame, with its length before it, goes into the batch being packed.
    #[inline]
    fn fits(&self, entry: usize) -> bool {
        self.open_frames < MAX_BATCH_FRAMES && self.open.len() + entry <= MAX_BATCH_BYTES
    }

    /// The next message to send.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if let Some(message) = self.sealed.pop_front() {
            self.sealed_bytes -= message.len();
            return Some(message);
        }
        (self.open_frames > 0).then(|| self.take_open())
    }

    fn seal(&mut self) {
        let message = self.take_open();
        self.sealed_bytes += message.len();
        self.sealed.push_back(message);
    }

    /// The batch being packed, or the frame, if it is the only one.
    #[inline]
    fn take_open(&mut self) -> Bytes {
        let mut message = self.open.take();
        if self.open_frames == 1 {
            message.advance(self.first_frame);
        }
        self.open_frames = 0;
        message
    }
}
