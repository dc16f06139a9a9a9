//! Memory that messages are packed in, used again once they are sent.

use bytes::{Bytes, BytesMut};

use crate::limits::MAX_MESSAGE_BYTES;

/// What a buffer begins with, in bytes. It doubles while messages are held.
const MIN_CAPACITY: usize = 256;

/// The most that it grows to: the longest message, and what is written with it and cut off. So no message grows out of it, and
/// is copied again and again.
const MAX_CAPACITY: usize = MAX_MESSAGE_BYTES + 16;

/// A buffer that messages are cut off from. While all of its memory is in use by them, another one takes its place.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    open: Chunk,
    /// The one before, of which messages may still be in use.
    spare: Chunk,
}

#[derive(Debug, Default)]
struct Chunk {
    bytes: BytesMut,
    /// All of its memory, also what was cut off.
    capacity: usize,
}

impl Buffer {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.open.bytes.len()
    }

    /// The buffer, with room for so many bytes more.
    #[inline]
    pub(super) fn with_room(&mut self, bytes: usize) -> &mut BytesMut {
        let open = &self.open.bytes;
        if open.capacity() - open.len() < bytes {
            self.make_room(bytes);
        }
        &mut self.open.bytes
    }

    /// Cuts off what was written.
    #[inline]
    pub(super) fn take(&mut self) -> Bytes {
        self.open.bytes.split().freeze()
    }

    fn make_room(&mut self, bytes: usize) {
        if self.open.bytes.try_reclaim(bytes) {
            return;
        }
        core::mem::swap(&mut self.open, &mut self.spare);
        let needed = self.spare.bytes.len() + bytes;
        if !self.open.bytes.try_reclaim(needed) {
            let capacity = self.open.capacity.max(self.spare.capacity) * 2;
            let larger = Chunk::new(capacity.clamp(MIN_CAPACITY, MAX_CAPACITY).max(needed));
            let before = core::mem::replace(&mut self.open, larger);
            self.move_written();
            if before.capacity > self.spare.capacity {
                self.spare = before;
            }
            return;
        }
        self.move_written();
    }

    /// What is being written goes on in the other chunk.
    fn move_written(&mut self) {
        self.open.bytes.extend_from_slice(&self.spare.bytes);
        self.spare.bytes.clear();
    }
}

impl Chunk {
    fn new(capacity: usize) -> Self {
        Self { bytes: BytesMut::with_capacity(capacity), capacity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn written(buffer: &mut Buffer, byte: u8, len: usize) -> Bytes {
        buffer.with_room(len).resize(len, byte);
        buffer.take()
    }

    #[test]
    fn messages_keep_their_bytes_however_the_memory_is_used_again() {
        let mut buffer = Buffer::default();
        let mut kept = Vec::new();
        for round in 0..2_000 {
            let (byte, len) = (round as u8, 1 + round * 37 % 700);
            kept.push((byte, len, written(&mut buffer, byte, len)));
            // Some are let go at once, some later, some much later.
            kept.retain(|(byte, _, _)| *byte % 3 == 0 || round % 7 > 0);
        }
        for (byte, len, message) in kept {
            assert!(message.len() == len && message.iter().all(|&it| it == byte));
        }
    }

    #[test]
    fn what_is_being_written_moves_with_the_buffer() {
        let mut buffer = Buffer::default();
        let before = written(&mut buffer, 1, MIN_CAPACITY - 1);
        buffer.with_room(1).extend_from_slice(&[2]);
        buffer.with_room(3 * MIN_CAPACITY).extend_from_slice(&[3; 3 * MIN_CAPACITY]);
        assert_eq!(before, [1; MIN_CAPACITY - 1][..]);
        let message = buffer.take();
        assert_eq!((message[0], message.len()), (2, 1 + 3 * MIN_CAPACITY));
    }

    #[test]
    fn a_message_longer_than_a_buffer_fits() {
        let mut buffer = Buffer::default();
        let message = written(&mut buffer, 1, 3 * MAX_CAPACITY);
        assert_eq!(message.len(), 3 * MAX_CAPACITY);
        let next = written(&mut buffer, 2, 1);
        assert_eq!(next.len(), 1);
    }

    #[test]
    fn once_messages_are_let_go_nothing_is_allocated() {
        let mut buffer = Buffer::default();
        let mut round = || {
            let held: Vec<_> = (0..20).map(|byte| written(&mut buffer, byte, 50)).collect();
            assert_eq!(held.len(), 20);
        };
        (0..100).for_each(|_| round());
        let addresses = |buffer: &mut Buffer| written(buffer, 0, 50).as_ptr();
        let (mut seen, count) = (Vec::new(), 10_000);
        for _ in 0..count {
            seen.push(addresses(&mut buffer));
        }
        seen.sort_unstable();
        seen.dedup();
        // As many places as there are in two buffers.
        assert!(seen.len() <= 2 * MAX_CAPACITY / 50);
    }
}
