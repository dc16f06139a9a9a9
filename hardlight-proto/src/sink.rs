//! Where a layout is written: to memory, or only counted. So a layout and its length cannot disagree.

use bytes::BytesMut;

#[cfg(test)]
use alloc::vec::Vec;

/// Takes bytes in order.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for BytesMut {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Writes to the front, and goes on behind it.
#[cfg(feature = "payload")]
impl Sink for &mut [u8] {
    fn put(&mut self, bytes: &[u8]) {
        let (front, rest) = core::mem::take(self).split_at_mut(bytes.len());
        front.copy_from_slice(bytes);
        *self = rest;
    }
}

#[cfg(test)]
impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The length of what `write` writes, in bytes.
pub(crate) fn count(write: impl FnOnce(&mut Count)) -> usize {
    let mut count = Count(0);
    write(&mut count);
    count.0
}

/// Counts bytes.
pub(crate) struct Count(usize);

impl Sink for Count {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}
