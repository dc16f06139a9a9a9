use core::error::Error;

use rkyv::rancor::{Source, Trace};

use super::encoder::{MAX_LEVELS, MAX_PAYLOAD};

/// Why a value could not be written as a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The payload would be larger than the format's relative pointers are trusted with.
    #[error("the value takes more than {limit} bytes")]
    TooLarge {
        /// The most bytes that one payload may have.
        limit: usize,
    },
    /// Boxes, lists and strings are nested so deeply that the peer would refuse to read them.
    #[error("the value is nested more than {limit} levels deep")]
    TooDeep {
        /// The most levels that one payload may have; the value itself is the first.
        limit: usize,
    },
}

impl EncodeError {
    pub(super) const fn too_large() -> Self {
        Self::TooLarge { limit: MAX_PAYLOAD }
    }

    pub(crate) const fn too_deep() -> Self {
        Self::TooDeep { limit: MAX_LEVELS }
    }
}

impl Trace for EncodeError {
    fn trace<R>(self, _: R) -> Self {
        self
    }
}

impl Source for EncodeError {
    /// What rkyv itself refuses to write, for the types of the wire profile, is what exceeds its lengths.
    fn new<T: Error + Send + Sync + 'static>(_: T) -> Self {
        Self::too_large()
    }
}

/// Why bytes are not the payload that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes break the format: cut off, out of range, not UTF-8, an unknown variant, nested too deeply.
    #[error("the payload is malformed, or nested too deeply")]
    Malformed,
    /// The type takes the same number of bytes whatever its value, and this is not that number.
    #[error("the payload has {actual} bytes, and its type takes exactly {expected}")]
    WrongLength {
        /// How many bytes a value of the type takes.
        expected: usize,
        /// How many bytes there were.
        actual: usize,
    },
    /// The keys of a map, or the elements of a set, are not in strictly ascending order.
    #[error("the keys of a map or set are not in strictly ascending order")]
    KeysNotAscending,
}

impl Trace for DecodeError {
    fn trace<R>(self, _: R) -> Self {
        self
    }
}

impl Source for DecodeError {
    fn new<T: Error + Send + Sync + 'static>(_: T) -> Self {
        Self::Malformed
    }
}
