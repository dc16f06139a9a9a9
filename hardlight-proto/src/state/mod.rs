//! Connection state: a typed struct that the server changes and the client has a copy of.
//!
//! What travels is a list of *operations*, each about one field, numbered in order of declaration: SPEC.md, section 12,
//! has their layout.
//!
//! # Applying
//!
//! Operations are checked against the state, all of them, before any changes it. Both are in proportion to the bytes that
//! arrived and to the size of the lists and texts that are spliced.

mod compounds;
mod copy;
mod diff;
mod error;
pub(crate) mod field;
mod gated;
mod leaves;
mod lists;
mod maps;
pub mod members;
mod operations;
mod places;
mod reader;
pub(crate) mod recording;
mod source;
mod text;
mod topics;
mod values;
mod writer;

use alloc::vec::Vec;

pub use self::{
    copy::{StateCopy, StateSize},
    diff::{Change, StateDiff},
    error::{PatchError, StateError},
    gated::GatedFields,
    operations::{StateOperation, StateOperations, StateWriter},
    reader::{FieldPatch, PatchReader},
    source::StateSource,
    values::{ValueError, Values, WithValues},
    writer::PatchWriter,
};
use crate::{payload::EncodeError, schema::FieldSchema};

/// State of a connection: changed on the server, copied to the client. `#[derive(ConnectionState)]` implements it; it
/// may gain members in any release.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not connection state",
    label = "not connection state",
    note = "write `#[derive(ConnectionState)]` on the struct"
)]
pub trait ConnectionState: Sized + Send + Sync + 'static {
    /// What is kept of what the client was last sent.
    type Shadow: Send + Sync + 'static;

    /// What both sides start from: every field at its default.
    fn initial() -> Self;

    /// The fields that travel, in ascending order of their indexes.
    fn schema() -> Vec<FieldSchema>;

    /// What is kept once the client has a snapshot of `self`. What fields have recorded is forgotten.
    fn shadow(&mut self) -> Self::Shadow;

    /// Writes every field.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded.
    fn snapshot(&self, out: &mut StateWriter) -> Result<(), EncodeError>;

    /// Writes what differs from `shadow`, and brings `shadow` up to date. Equal states write nothing, unless a field that
    /// [records its changes](crate::sync) knows no more than that it may have changed.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded. The shadow is of no use then: the connection ends, or begins anew with a snapshot.
    fn diff(&mut self, shadow: &mut Self::Shadow, out: &mut StateWriter)
    -> Result<(), EncodeError>;

    /// Applies operations, all or none: after an error `self` is as it was.
    ///
    /// # Errors
    ///
    /// If they are malformed, or a value does not decode.
    fn apply(&mut self, operations: StateOperations<'_>) -> Result<(), StateError>;
}

/// A service without connection state.
impl ConnectionState for () {
    type Shadow = ();

    fn initial() -> Self {}

    fn schema() -> Vec<FieldSchema> {
        Vec::new()
    }

    fn shadow(&mut self) -> Self::Shadow {}

    fn snapshot(&self, _out: &mut StateWriter) -> Result<(), EncodeError> {
        Ok(())
    }

    fn diff(&mut self, _shadow: &mut (), _out: &mut StateWriter) -> Result<(), EncodeError> {
        Ok(())
    }

    fn apply(&mut self, mut operations: StateOperations<'_>) -> Result<(), StateError> {
        operations.try_for_each(|operation| operation.map(drop))
    }
}
