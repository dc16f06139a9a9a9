//! Taking messages apart into frames, one at a time, so that a batch of tiny frames costs no more memory than its bytes.

use alloc::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::{BATCH, Frame};
use crate::{error::ProtocolError, varint};

/// What comes next in an [`Inbox`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Frame(Frame),
    /// A frame that is not known here and may be ignored.
    Ignored,
}

/// Messages that have arrived and are not handled yet.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    messages: VecDeque<Bytes>,
    /// What is left of the batch in hand.
    batch: Bytes,
}

impl Inbox {
    pub(crate) fn push(&mut self, message: Bytes) {
        self.messages.push_back(message);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.batch.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The header of the next frame, if there is one.
    fn peek_header(&self) -> Option<u8> {
        if !self.batch.is_empty() {
            return peek_in_batch(&self.batch);
        }
        let message = self.messages.front()?;
        match message.first() {
            Some(&BATCH) => peek_in_batch(&message[1..]),
            header => header.copied(),
        }
    }

    /// Takes the next frame; `None` once everything is handled, or at a frame whose header is to be held.
    pub(crate) fn next_frame(&mut self, held: Option<u8>) -> Result<Option<Next>, ProtocolError> {
        if self.is_empty() || held.is_some() && self.peek_header() == held {
            return Ok(None);
        }
        let frame = Frame::decode(self.next_encoded()?)?;
        Ok(Some(frame.map_or(Next::Ignored, Next::Frame)))
    }

    fn next_encoded(&mut self) -> Result<Bytes, ProtocolError> {
        if self.batch.is_empty() {
            let mut message = self.messages.pop_front().unwrap_or_default();
            if message.first() != Some(&BATCH) {
                return Ok(message);
            }
            message.advance(1);
            let first = varint::take_section(&mut message)?;
            if message.is_empty() {
                return Err(ProtocolError::InvalidBatch);
            }
            self.batch = message;
            return Ok(first);
        }
        varint::take_section(&mut self.batch)
    }
}

fn peek_in_batch(batch: &[u8]) -> Option<u8> {
    let (_, used) = varint::read(batch).ok()?;
    batch.get(used).copied()
}
