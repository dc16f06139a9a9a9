//! Messages that have arrived and are not handled yet.

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::{error::ProtocolError, frame::Frames};

#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: VecDeque<Bytes>,
    /// What is left of the message in hand.
    frames: Frames,
}

impl Inbox {
    #[inline]
    pub(super) fn push(&mut self, message: Bytes) {
        if self.is_empty() {
            self.frames = Frames::new(message);
        } else {
            self.messages.push_back(message);
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.frames.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Of the message in hand, in bytes.
    #[inline]
    pub(super) const fn message_len(&self) -> usize {
        self.frames.message_len()
    }

    /// Lets go of memory that nothing waits in.
    pub(super) fn release_memory(&mut self) {
        self.messages.shrink_to_fit();
    }

    /// What is left of the message in hand.
    pub(super) const fn frames(&mut self) -> &mut Frames {
        &mut self.frames
    }

    /// Takes the next frame, not decoded yet; `None` once everything is handled.
    pub(super) fn pop(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        if self.frames.is_empty() {
            let Some(message) = self.messages.pop_front() else { return Ok(None) };
            self.frames = Frames::new(message);
        }
        self.frames.next_encoded()
    }
}
