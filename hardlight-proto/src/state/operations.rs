//! Writing and reading state operations.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::{
    error::ProtocolError,
    payload::{self, Codable, DecodeError, EncodeError},
    varint,
};

const SET: u64 = 0;
const KIND_BITS: u32 = 2;

/// Collects state operations.
#[derive(Debug, Default)]
pub struct StateWriter {
    out: BytesMut,
    value: BytesMut,
}

impl StateWriter {
    /// Without operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a field to a value.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded; then nothing was written.
    pub fn set<T: Codable>(&mut self, field: u32, value: &T) -> Result<(), EncodeError> {
        // Apart, because the length goes first and positions count from the value's first byte.
        self.value.clear();
        payload::encode(value, &mut self.value)?;
        varint::put(&mut self.out, u64::from(field) << KIND_BITS | SET);
        varint::put(&mut self.out, self.value.len() as u64);
        self.out.put_slice(&self.value);
        Ok(())
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The operations.
    pub fn finish(self) -> Bytes {
        self.out.freeze()
    }
}

/// One state operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateOperation<'a> {
    /// The field has this value now.
    Set {
        /// Index of the field in order of declaration.
        field: u32,
        /// The archive of the value.
        value: &'a [u8],
    },
}

/// Reads state operations one by one. After an error there are no more.
#[derive(Clone, Debug)]
pub struct StateOperations<'a> {
    rest: &'a [u8],
}

impl<'a> StateOperations<'a> {
    /// Reads `bytes`, which may come from anywhere.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn read(&mut self) -> Result<StateOperation<'a>, StateError> {
        let tag = self.varint()?;
        let field = u32::try_from(tag >> KIND_BITS).map_err(|_| ProtocolError::InvalidVarint)?;
        let len = self.varint()?;
        let value = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let (value, rest) = value.ok_or(ProtocolError::Truncated)?;
        self.rest = rest;
        match tag & ((1 << KIND_BITS) - 1) {
            SET => Ok(StateOperation::Set { field, value }),
            kind => Err(StateError::UnknownKind { field, kind: kind as u8 }),
        }
    }

    fn varint(&mut self) -> Result<u64, ProtocolError> {
        let (value, used) = varint::read(self.rest)?;
        self.rest = &self.rest[used..];
        Ok(value)
    }
}

impl<'a> Iterator for StateOperations<'a> {
    type Item = Result<StateOperation<'a>, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let operation = self.read();
        if operation.is_err() {
            self.rest = &[];
        }
        Some(operation)
    }
}

/// Why state operations do not apply.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The operations are malformed.
    #[error(transparent)]
    Malformed(#[from] ProtocolError),
    /// An operation of a kind that this revision does not know.
    #[error("state field {field}: unknown kind of operation {kind}")]
    UnknownKind {
        /// Index of the field.
        field: u32,
        /// The kind.
        kind: u8,
    },
    /// A value does not decode.
    #[error("state field {field}: {error}")]
    Value {
        /// Index of the field.
        field: u32,
        /// Why not.
        error: DecodeError,
    },
    /// The state could not be copied before the operations were applied.
    #[error("the state could not be copied: {0}")]
    Copy(#[from] EncodeError),
}
