//! Connection state: a typed struct that the server changes and the client has a copy of.
//!
//! What travels is a list of *operations*, each about one field, numbered in order of declaration:
//!
//! ```text
//! operations = *( tag:varint length:varint body )       tag = field << 2 | kind, the fields strictly ascending
//! kind 0 SET       body = the archive of the field's new value, positions counted from its first byte
//! kind 1 PATCH     body = what has changed in the value, by its type
//! kind 2 DEFAULT   no body: the field goes back to its default
//! ```
//!
//! An operation on a field that the receiver does not know is skipped.
//!
//! # Patches
//!
//! A `section` is a varint and as many bytes as it says; an `archive` takes all of what surrounds it. A patch has at least
//! one operation. The patch
//!
//! ```text
//! of a struct, tuple or array    1*( tag:varint section )       operations on its parts, but for DEFAULT
//! of an enum or Result           variant:varint and the same    the value's variant, whose fields are the parts
//! of an Option                   0 | 1 archive | 2 patch        None, Some of this, change what is in it
//! of a list                      1*( 0 start:varint removed:varint archive of a list:section
//!                                  | 1 index:varint change:section
//!                                  | 2 index:varint archive:section )               insert one
//! of a map                       1*( 0 key:section value:section | 1 key:section | 2 key:section patch:section )
//! of a set                       1*( 0 key:section | 1 key:section )                insert, remove
//! of a text                      1*( start:varint removed:varint text:section )
//! of a Box                       the patch of what is in it
//! ```
//!
//! All other types are leaves: numbers, `bool`, `char`, `()`, times, addresses, UUIDs, and what `#[codable]` finds without
//! any field. They have no patches. The change of an element is its archive if it is a leaf, and its patch if not.
//!
//! Keys ascend strictly. Places in lists and texts are those that the operations before left, and every operation begins
//! at or behind the end of the one before; so applying a patch takes one pass through the value. What is on the way to a
//! value counts as levels of nesting, together with those within it, as if it were encoded as a whole.
//!
//! # Applying
//!
//! Operations are checked against the state, all of them, before any changes it. Both are in proportion to the bytes that
//! arrived and to the size of the lists and texts that are spliced.

mod compounds;
mod diff;
mod error;
pub(crate) mod field;
mod leaves;
mod lists;
mod maps;
pub mod members;
mod operations;
mod places;
mod reader;
mod text;
mod writer;

use alloc::vec::Vec;

pub use self::{
    diff::{Change, StateDiff},
    error::{PatchError, StateError},
    operations::{StateOperation, StateOperations, StateWriter},
    reader::{FieldPatch, PatchReader},
    writer::PatchWriter,
};
use crate::{payload::EncodeError, schema::FieldSchema};

/// The kind of an operation is in the lowest bits of its tag.
const KIND_BITS: u32 = 2;
const SET: u64 = 0;
const PATCH: u64 = 1;
const DEFAULT: u64 = 2;

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

    /// Writes what differs from `shadow`, and brings `shadow` up to date. Equal states write nothing.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded. The shadow is of no use then: the connection ends, or begins anew with a snapshot.
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
