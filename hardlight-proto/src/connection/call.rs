//! A call on its way in or out.

use bytes::Bytes;

use crate::{
    frame::{CallId, Extensions},
    limits::MAX_MESSAGE_BYTES,
};

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) method: u32,
    /// In memory of their own.
    pub(super) extensions: Extensions,
    /// Not compressed.
    pub(super) payload: Bytes,
}

impl Call {
    /// A slice would keep the whole message that it came in, for as long as the call waits.
    pub(super) fn detached(mut self) -> Self {
        // A longer input came in pieces, and has its memory to itself.
        if self.payload.len() <= MAX_MESSAGE_BYTES {
            self.payload = Bytes::copy_from_slice(&self.payload);
        }
        self
    }
}
