//! Writing and reading the operations on the fields of a state.

use alloc::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::{DEFAULT, KIND_BITS, PATCH, PatchWriter, SET, StateError};
use crate::{
    error::ProtocolError,
    payload::{Codable, EncodeError},
    varint,
};

/// Collects state operations, in ascending order of their fields.
///
/// Before a state writes to it, it can be told of fields that the peer may not have: [`leave_out`](Self::leave_out),
/// [`reset`](Self::reset).
#[derive(Debug, Default)]
pub struct StateWriter {
    out: BytesMut,
    withheld: BTreeMap<u32, Withheld>,
}

/// A field that is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Withheld {
    /// The peer has its default already.
    LeftOut,
    /// The peer is told to take its default.
    Reset,
}

impl StateWriter {
    /// Without operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has the state write nothing about a field. A shadow of it stays as it is, so the first difference that is written
    /// again, by a writer that does not leave the field out, has all that the peer missed.
    ///
    /// For a field that the peer does not have from the start, begin with the shadow of the
    /// [initial](super::ConnectionState::initial) state and send the difference from that.
    pub fn leave_out(&mut self, field: u32) {
        self.withheld.insert(field, Withheld::LeftOut);
    }

    /// Has the state write, in place of a difference in a field, that the field goes back to its default. Its shadow does
    /// so too. Writers after this one [leave it out](Self::leave_out), as long as the peer is to have the default.
    pub fn reset(&mut self, field: u32) {
        self.withheld.insert(field, Withheld::Reset);
    }

    /// Sets a field to a value, unless the field is left out or reset.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded; then nothing was written.
    pub fn set<T: Codable>(&mut self, field: u32, value: &T) -> Result<(), EncodeError> {
        if self.withheld.contains_key(&field) {
            return Ok(());
        }
        self.write(|out| out.set(field, value))
    }

    /// Writes what has to be done to the field's shadow, and does it. `initial` is the field's default.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded. Then nothing was written, and the shadow may be anything.
    pub(super) fn diff<T: Codable>(
        &mut self,
        field: u32,
        value: &T,
        shadow: &mut T,
        initial: impl FnOnce() -> T,
    ) -> Result<(), EncodeError> {
        match self.withheld.get(&field) {
            None => self.write(|out| out.field(field, value, shadow)),
            Some(Withheld::LeftOut) => Ok(()),
            Some(Withheld::Reset) => {
                *shadow = initial();
                self.write(|out| {
                    out.varint(u64::from(field) << KIND_BITS | DEFAULT);
                    out.section(|_| Ok(()))
                })
            }
        }
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut PatchWriter<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = self.out.len();
        let written = write(&mut PatchWriter::new(&mut self.out));
        if written.is_err() {
            self.out.truncate(start);
        }
        written
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
    /// A part of the field has changed.
    Patch {
        /// Index of the field in order of declaration.
        field: u32,
        /// What has changed, by the type of the field.
        patch: &'a [u8],
    },
    /// The field has its default again.
    Default {
        /// Index of the field in order of declaration.
        field: u32,
    },
}

impl StateOperation<'_> {
    /// Index of the field in order of declaration.
    pub const fn field(&self) -> u32 {
        match *self {
            Self::Set { field, .. } | Self::Patch { field, .. } | Self::Default { field } => field,
        }
    }
}

/// Reads state operations one by one. After an error there are no more.
#[derive(Clone, Debug)]
pub struct StateOperations<'a> {
    rest: &'a [u8],
    /// The lowest field that may come next.
    next: u64,
}

impl<'a> StateOperations<'a> {
    /// Reads `bytes`, which may come from anywhere.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, next: 0 }
    }

    fn read(&mut self) -> Result<StateOperation<'a>, StateError> {
        let tag = self.varint()?;
        let field = u32::try_from(tag >> KIND_BITS).map_err(|_| ProtocolError::InvalidVarint)?;
        let len = self.varint()?;
        let body = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let (body, rest) = body.ok_or(ProtocolError::Truncated)?;
        self.rest = rest;
        if u64::from(field) < self.next {
            return Err(StateError::NotAscending { field });
        }
        self.next = u64::from(field) + 1;
        match tag & ((1 << KIND_BITS) - 1) {
            SET => Ok(StateOperation::Set { field, value: body }),
            PATCH => Ok(StateOperation::Patch { field, patch: body }),
            DEFAULT if body.is_empty() => Ok(StateOperation::Default { field }),
            DEFAULT => Err(ProtocolError::TrailingBytes.into()),
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
