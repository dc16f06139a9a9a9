//! Taking messages apart into frames, one at a time, so that a batch of tiny frames costs no more memory than its bytes
//! (SPEC.md, section 4.2).

use bytes::{Buf, Bytes};

use super::{BATCH, Frame};
use crate::{error::ProtocolError, varint};

/// The frames of a message, decoded one by one; those that may be ignored are left out. After an error there are no more.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    rest: Bytes,
    place: Place,
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
        Self { rest: message, place: Place::Start }
    }

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
