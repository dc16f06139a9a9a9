//! Writing and reading the operations on the fields of a state.

use bytes::{Bytes, BytesMut};

use super::{PatchWriter, StateError};
use crate::{
    operation::{Operation, Operations, PATCH, SET},
    payload::{Codable, EncodeError},
    sorted_map::SortedMap,
};

/// What memory a writer keeps.
const MAX_KEPT_BYTES: usize = 1024;

/// Collects state operations, in ascending order of their fields.
///
/// A state writes every field to it that there is something to say about. Before that, the writer can be told to treat
/// some of them otherwise: fields that the peer is not to have, because the connection lacks what they need.
#[derive(Debug, Default)]
pub struct StateWriter {
    out: BytesMut,
    treatments: SortedMap<u32, Treatment>,
}

/// What becomes of a field that is not written as it comes.
#[derive(Clone, Copy, Debug)]
enum Treatment {
    LeaveOut,
    Reset,
    SendWhole,
}

impl StateWriter {
    /// Without operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has nothing written about a field. Its shadow stays as it is.
    pub fn leave_out(&mut self, field: u32) {
        self.treatments.insert(field, Treatment::LeaveOut);
    }

    /// Has a field of the peer's go back to its default, whatever its value here. Its shadow stays as it is; writers after
    /// this one [leave the field out](Self::leave_out), until one [sends it whole](Self::send_whole).
    pub fn reset(&mut self, field: u32) {
        self.treatments.insert(field, Treatment::Reset);
    }

    /// Has the whole value of a field written, even if its shadow has the same: for a field that was left out or reset
    /// before. What the peer has is its own default then, which nobody compared with ours.
    pub fn send_whole(&mut self, field: u32) {
        self.treatments.insert(field, Treatment::SendWhole);
    }

    /// Ends any other treatment of a field.
    pub(super) fn write_as_usual(&mut self, field: u32) {
        self.treatments.remove(&field);
    }

    /// Sets a field to a value, unless the field is treated otherwise.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded; then nothing was written.
    pub fn set<T: Codable>(&mut self, field: u32, value: &T) -> Result<(), EncodeError> {
        let treatment = self.treatments.get(&field).copied();
        self.write(|out| match treatment {
            None | Some(Treatment::SendWhole) => out.set(field, value),
            Some(Treatment::LeaveOut) => Ok(()),
            Some(Treatment::Reset) => out.reset(field),
        })
    }

    /// Writes how a field differs from its shadow, and brings the shadow up to date, unless the field is treated
    /// otherwise.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded. Then nothing was written, and the shadow may be anything.
    pub(super) fn diff<T: Codable>(
        &mut self,
        field: u32,
        value: &mut T,
        shadow: &mut T,
    ) -> Result<(), EncodeError> {
        match self.treatments.get(&field) {
            None => self.write(|out| out.field(field, value, shadow)),
            Some(Treatment::SendWhole) => {
                *shadow = T::keep(value);
                self.set(field, value)
            }
            Some(Treatment::LeaveOut | Treatment::Reset) => self.set(field, value),
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

    /// Takes the operations out. What memory they took is kept for the next ones, up to 1 KiB of it; fields are treated
    /// as before.
    pub fn take(&mut self) -> Bytes {
        if self.out.len() > MAX_KEPT_BYTES {
            return core::mem::take(&mut self.out).freeze();
        }
        let taken = Bytes::copy_from_slice(&self.out);
        self.out.clear();
        taken
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
        /// The payload of the value.
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
    // Not called `Default`: the compiler would spell out the trait's path in everybody's messages.
    Reset {
        /// Index of the field in order of declaration.
        field: u32,
    },
}

impl<'a> StateOperation<'a> {
    const fn new(operation: Operation<'a>) -> Self {
        let Operation { field, kind, body } = operation;
        match kind {
            SET => Self::Set { field, value: body },
            PATCH => Self::Patch { field, patch: body },
            _ => Self::Reset { field },
        }
    }

    /// Index of the field in order of declaration.
    pub const fn field(&self) -> u32 {
        match *self {
            Self::Set { field, .. } | Self::Patch { field, .. } | Self::Reset { field } => field,
        }
    }
}

/// Reads state operations one by one (SPEC.md, section 12.1). After an error there are no more.
#[derive(Clone, Debug)]
pub struct StateOperations<'a> {
    operations: Operations<'a>,
}

impl<'a> StateOperations<'a> {
    /// Reads `bytes`, which may come from anywhere.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { operations: Operations::new(bytes) }
    }
}

impl<'a> Iterator for StateOperations<'a> {
    type Item = Result<StateOperation<'a>, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.operations.next()?;
        Some(read.map(StateOperation::new).map_err(StateError::from))
    }
}
