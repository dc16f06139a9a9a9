//! Connection state: a typed struct that the server changes and the client has a copy of.
//!
//! What travels is a list of *operations*, each about one field, numbered in order of declaration:
//!
//! ```text
//! operations = *( tag:varint length:varint body )       tag = field << 2 | kind
//! kind 0 SET   body = the archive of the field's new value, positions counted from its first byte
//! ```
//!
//! An operation on a field that the receiver does not know is skipped.

mod operations;

use alloc::vec::Vec;

pub use operations::{StateError, StateOperation, StateOperations, StateWriter};

use crate::{
    payload::{Codable, EncodeError},
    schema::FieldSchema,
};

/// State of a connection: changed on the server, copied to the client. `#[derive(ConnectionState)]` implements it; it
/// may gain members in any release.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not connection state",
    label = "not connection state",
    note = "write `#[derive(hardlight::ConnectionState)]` on the struct"
)]
pub trait ConnectionState: Sized + Send + Sync + 'static {
    /// What the client was last sent.
    type Shadow: Send + Sync + 'static;

    /// What both sides start from: every field at its default.
    fn initial() -> Self;

    /// The fields that travel, in ascending order of their indexes.
    fn schema() -> Vec<FieldSchema>;

    /// What the client holds once it has a snapshot of `self`.
    fn shadow(&self) -> Self::Shadow;

    /// Writes every field.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded.
    fn snapshot(&self, out: &mut StateWriter) -> Result<(), EncodeError>;

    /// Writes the fields that differ from `shadow`, and brings `shadow` up to date.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded.
    fn diff(&self, shadow: &mut Self::Shadow, out: &mut StateWriter) -> Result<(), EncodeError>;

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

    fn shadow(&self) -> Self::Shadow {}

    fn snapshot(&self, _out: &mut StateWriter) -> Result<(), EncodeError> {
        Ok(())
    }

    fn diff(&self, _shadow: &mut (), _out: &mut StateWriter) -> Result<(), EncodeError> {
        Ok(())
    }

    fn apply(&mut self, mut operations: StateOperations<'_>) -> Result<(), StateError> {
        operations.try_for_each(|operation| operation.map(drop))
    }
}

/// A type that can be a field of connection state: it travels, it can be compared with what was last sent, and copied.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of connection state",
    label = "not a state field",
    note = "a field must be `Codable` (write `#[hardlight::codable]` on your own types), `Clone` and `PartialEq`"
)]
pub trait StateField: Codable + Clone + PartialEq {}

impl<T: Codable + Clone + PartialEq> StateField for T {}
