//! Messages that have arrived and are not handled yet.

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::{
    error::ProtocolError,
    frame::{Frame, Frames},
};

#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: VecDeque<Bytes>,
    /// What is left of the message in hand.
    frames: Frames,
}

/// What comes next in an [`Inbox`].
#[derive(Debug)]
pub(super) enum Next {
    Frame(Frame),
    /// A frame that needs no more attention: ignored, or a piece of one that is not complete.
    Handled,
}

impl Inbox {
    pub(super) fn push(&mut self, message: Bytes) {
        self.messages.push_back(message);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.frames.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the next frame; `None` once everything is handled.
    pub(super) fn pop(&mut self) -> Result<Option<Next>, ProtocolError> {
        if self.frames.is_empty() {
            let Some(message) = self.messages.pop_front() else { return Ok(None) };
            self.frames = Frames::new(message);
        }
        let Some(frame) = self.frames.next_encoded()? else { return Ok(None) };
        Ok(Some(Frame::decode(frame)?.map_or(Next::Handled, Next::Frame)))
    }
}
