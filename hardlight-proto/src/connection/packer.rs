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
    /// The first frame of the batch being packed, in memory that others share, as long as it is the only one: it is copied
    /// once a second one comes.
    lone: Option<Bytes>,
    /// What it would take in a batch, with the batch header.
    lone_bytes: usize,
    /// Where the first frame in `open` begins, behind the batch header and its length.
    first_frame: usize,
}

impl Packer {
    /// Bytes that wait to be sent.
    #[inline]
    pub(super) fn queued_bytes(&self) -> usize {
        self.sealed_bytes + self.open_len()
    }

    /// What the batch being packed takes.
    #[inline]
    fn open_len(&self) -> usize {
        self.open.len() + self.lone_bytes
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
        if self.open_frames > 0 {
            self.make_way(entry);
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

    /// Packs a frame that is encoded. If it stays alone in its message, it is not copied.
    pub(super) fn push_shared(&mut self, frame: Bytes) {
        if self.open_frames > 0 {
            return self.push(frame.len(), |out| out.extend_from_slice(&frame));
        }
        self.lone_bytes = 1 + varint::len(frame.len() as u64) + frame.len();
        self.lone = Some(frame);
        self.open_frames = 1;
    }

    /// Packs a frame of two parts.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(super) fn push_parts(&mut self, head: ShortHead, payload: &[u8]) {
        let len = head.len() + payload.len();
        if len >= 0x80 {
            return self.push(len, |out| {
                head.put(out);
                out.extend_from_slice(payload);
            });
        }
        // Short: the length takes one byte, and goes out with the head.
        if self.open_frames > 0 {
            self.make_way(1 + len);
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

    /// Before a further frame is packed: seals the batch being packed, if the frame does not go into it.
    #[inline]
    fn make_way(&mut self, entry: usize) {
        if self.open_frames == MAX_BATCH_FRAMES || self.open_len() + entry > MAX_BATCH_BYTES {
            self.seal();
        } else if self.lone_bytes > 0 {
            self.copy_lone();
        }
    }

    #[cold]
    fn copy_lone(&mut self) {
        let lone = self.take_lone();
        self.push(lone.len(), |out| out.extend_from_slice(&lone));
    }

    fn take_lone(&mut self) -> Bytes {
        self.open_frames = 0;
        self.lone_bytes = 0;
        self.lone.take().unwrap_or_default()
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
        if self.lone_bytes > 0 {
            return self.take_lone();
        }
        let mut message = self.open.take();
        if self.open_frames == 1 {
            message.advance(self.first_frame);
        }
        self.open_frames = 0;
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    fn messages(packer: &mut Packer) -> Vec<Bytes> {
        core::iter::from_fn(|| packer.pop()).collect()
    }

    fn push(packer: &mut Packer, frame: &Bytes, is_shared: bool) {
        if is_shared {
            packer.push_shared(frame.clone());
        } else {
            packer.push(frame.len(), |out| out.extend_from_slice(frame));
        }
    }

    #[test]
    fn a_shared_frame_that_stays_alone_is_not_copied() {
        let (mut packer, frame) = (Packer::default(), Bytes::from(vec![7; 5_000]));
        for _ in 0..3 {
            packer.push_shared(frame.clone());
            assert!(!packer.is_empty());
            let message = packer.pop().unwrap();
            assert_eq!((message.as_ptr(), message.len()), (frame.as_ptr(), frame.len()));
            assert!(packer.is_empty() && packer.queued_bytes() == 0 && packer.pop().is_none());
        }
    }

    #[test]
    fn messages_are_the_same_whether_frames_are_shared_or_not() {
        for len in [1, 0x7f, 0x80, 5_000, MAX_BATCH_BYTES / 2, MAX_BATCH_BYTES - 4, MAX_BATCH_BYTES]
        {
            let frame = Bytes::from(vec![7; len]);
            for shared in 0..8_u32 {
                let (mut plain, mut mixed) = (Packer::default(), Packer::default());
                for place in 0..3 {
                    push(&mut plain, &frame, false);
                    push(&mut mixed, &frame, shared >> place & 1 == 1);
                    assert_eq!(plain.queued_bytes(), mixed.queued_bytes(), "{len} {shared}");
                }
                assert_eq!(messages(&mut plain), messages(&mut mixed), "{len} {shared}");
            }
        }
    }
}
