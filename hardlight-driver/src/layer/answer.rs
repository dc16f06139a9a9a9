//! What a call ends with, as layers see it.

use std::fmt;

use bytes::Bytes;
use hardlight_proto::{CallError, Codable, payload};

use crate::service::MethodTypes;

/// What came of a call: an [`Answer`], which may be the application's own error, or why there is none.
pub type Outcome = Result<Answer, CallError>;

/// What a method returned, encoded.
#[derive(Clone)]
pub struct Answer {
    payload: Bytes,
    is_error: bool,
    types: Option<&'static MethodTypes>,
}

impl Answer {
    pub(super) const fn new(
        payload: Bytes,
        is_error: bool,
        types: Option<&'static MethodTypes>,
    ) -> Self {
        Self { payload, is_error, types }
    }

    /// Whether the method returned an error of the application's own.
    pub const fn is_error(&self) -> bool {
        self.is_error
    }

    /// How long it is, in bytes.
    pub const fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether there are no bytes, as of a method that returns nothing.
    pub const fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// What the method returned, decoded: `output::<counter::IncrementOutput>()`. `None` if it is another method, or one that
    /// returns another type.
    ///
    /// It takes what decoding takes.
    ///
    /// # Errors
    ///
    /// [`CallError::InvalidOutput`] if it does not decode: the bytes are those of an answer that was made of others.
    pub fn output<O: Codable + 'static>(&self) -> Result<Option<O>, CallError> {
        if !self.types.is_some_and(MethodTypes::answers::<O>) {
            return Ok(None);
        }
        payload::decode(&self.payload).map(Some).map_err(|_| CallError::InvalidOutput)
    }

    pub(crate) fn into_payload(self) -> Bytes {
        self.payload
    }
}

/// Shows nothing of what was returned: it may be secret.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("len", &self.len())
            .field("is_error", &self.is_error)
            .finish()
    }
}
