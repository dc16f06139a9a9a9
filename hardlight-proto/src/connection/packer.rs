//! Packing frames into messages: one WebSocket header, one mask and one write for everything that is ready.

use alloc::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{frame::BATCH, limits::MIN_MESSAGE_BYTES, varint};

/// A batch is closed before it grows beyond this: the first answer does not wait for all the others.
const MAX_BATCH_BYTES: usize = 64 * 1024;
const MAX_BATCH_FRAMES: usize = 64;

/// Frames that are packed, or being packed, into messages.
#[derive(Debug)]
pub(super) struct Packer {
    sealed: VecDeque<Bytes>,
    sealed_bytes: usize,
    /// The batch being packed: the batch header, then frames, each behind its length.
    open: BytesMut,
    open_frames: usize,
    /// Where the first frame in `open` begins, behind the batch header and its length.
    first_frame: usize,
    /// The longest message the peer accepts, in bytes.
    max_message_bytes: usize,
}

impl Packer {
    pub(super) fn new() -> Self {
        Self {
            sealed: VecDeque::new(),
            sealed_bytes: 0,
            open: BytesMut::new(),
            open_frames: 0,
            first_frame: 0,
            max_message_bytes: MIN_MESSAGE_BYTES,
        }
    }

    pub(super) fn set_max_message_bytes(&mut self, bytes: usize) {
        self.max_message_bytes = bytes;
    }

    pub(super) fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }

    /// Bytes that wait to be sent.
    pub(super) fn queued_bytes(&self) -> usize {
        self.sealed_bytes + self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.open_frames == 0
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        let max_message_bytes = self.max_message_bytes;
        *self = Self { max_message_bytes, ..Self::new() };
    }

    /// Packs a frame of `len` bytes, which `write` appends.
    pub(super) fn push(&mut self, len: usize, write: impl FnOnce(&mut BytesMut)) {
        let entry = varint::len(len as u64) + len;
        let most = MAX_BATCH_BYTES.min(self.max_message_bytes);
        if self.open_frames == MAX_BATCH_FRAMES
            || self.open_frames > 0 && self.open.len() + entry > most
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
