//! Taking messages apart into frames, one at a time, so that a batch of tiny frames costs no more memory than its bytes
//! (SPEC.md, section 4.2).
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

use bytes::{Buf, Bytes};

use super::{
    BATCH, CallId, Frame,
    codec::{SHORT_ANSWER_BYTES, SHORT_CALL_BYTES, short_answer, short_call},
};
use crate::{error::ProtocolError, varint};

/// The frames of a message, decoded one by one; those that may be ignored are left out. After an error there are no more.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    rest: Bytes,
    place: Place,
    message_len: usize,
}

/// Where in a message the rest of it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    Start,
    /// Before a further frame of a batch.
    Batch,
    #[default]
    End,
}

impl Frames {
    /// The frames of `message`, which may come from anywhere.
    pub const fn new(message: Bytes) -> Self {
        let message_len = message.len();
        Self { rest: message, place: Place::Start, message_len }
    }

    /// Of the whole message, in bytes.
    #[inline]
    pub(crate) const fn message_len(&self) -> usize {
        self.message_len
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.place == Place::End
    }

    /// Takes the next frame out, whole; `None` behind the last.
    pub(crate) fn next_encoded(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        match core::mem::take(&mut self.place) {
            Place::End => Ok(None),
            Place::Start if self.rest.first() != Some(&BATCH) => {
                Ok(Some(core::mem::take(&mut self.rest)))
            }
            Place::Start => {
                self.rest.advance(1);
                let first = varint::take_section(&mut self.rest)?;
                if self.rest.is_empty() {
                    return Err(ProtocolError::InvalidBatch);
                }
                self.place = Place::Batch;
                Ok(Some(first))
            }
            Place::Batch => {
                let frame = varint::take_section(&mut self.rest)?;
                if !self.rest.is_empty() {
                    self.place = Place::Batch;
                }
                Ok(Some(frame))
            }
        }
    }
}

/// Calls and answers that say nothing besides, which most frames are: taken out in one look.
impl Frames {
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(crate) fn next_call(&mut self) -> Option<(CallId, u32, Bytes)> {
        let (id, method) = short_call(self.peek()?)?;
        Some((id, method, self.take_behind(SHORT_CALL_BYTES)))
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(crate) fn next_answer(&mut self) -> Option<(CallId, Bytes)> {
        let id = short_answer(self.peek()?)?;
        Some((id, self.take_behind(SHORT_ANSWER_BYTES)))
    }

    /// The next frame, unless it takes more than a look to find it.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn peek(&self) -> Option<&[u8]> {
        match (self.place, &*self.rest) {
            (Place::Start, message) => Some(message),
            (Place::Batch, [len @ ..0x80, frames @ ..]) => frames.get(..usize::from(*len)),
            _ => None,
        }
    }

    /// Takes out the frame that was [`peek`](Self::peek)ed at: what stands behind its first bytes.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn take_behind(&mut self, head: usize) -> Bytes {
        if self.place == Place::Start {
            self.place = Place::End;
            let mut frame = core::mem::take(&mut self.rest);
            frame.advance(head);
            return frame;
        }
        let len = usize::from(self.rest[0]);
        self.rest.advance(1 + head);
        let payload = self.rest.split_to(len - head);
        if self.rest.is_empty() {
            self.place = Place::End;
        }
        payload
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let decoded = self.next_encoded().transpose()?.and_then(Frame::decode);
            if decoded.is_err() {
                self.place = Place::End;
            }
            if let Some(frame) = decoded.transpose() {
                return Some(frame);
            }
        }
    }
}
