use thiserror::Error;

use crate::{
    error::ProtocolError,
    operation::Flaw,
    payload::{DecodeError, EncodeError},
};

/// Why state operations do not apply (SPEC.md, section 12.7).
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
    /// The fields of the operations are not in strictly ascending order.
    #[error("state field {field}: its operation is not in ascending order")]
    NotAscending {
        /// Index of the field that should have come earlier, or not again.
        field: u32,
    },
    /// A value does not decode.
    #[error("state field {field}: {error}")]
    Value {
        /// Index of the field.
        field: u32,
        /// Why not.
        error: DecodeError,
    },
    /// A patch cannot be applied.
    #[error("state field {field}: {error}")]
    Patch {
        /// Index of the field.
        field: u32,
        /// Why not.
        error: PatchError,
    },
    /// The state could not be copied before the operations were applied.
    #[error("the state could not be copied: {0}")]
    Copy(#[from] EncodeError),
}

impl From<Flaw> for StateError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Malformed(error) => Self::Malformed(error),
            Flaw::Order { field } => Self::NotAscending { field },
            Flaw::UnknownKind { field, kind } => Self::UnknownKind { field, kind },
        }
    }
}

/// Why a patch cannot be applied to a value (SPEC.md, section 12.7).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The patch is malformed.
    #[error(transparent)]
    Malformed(#[from] ProtocolError),
    /// A value in the patch does not decode.
    #[error(transparent)]
    Value(#[from] DecodeError),
    /// There is nothing in the patch.
    #[error("the patch is empty")]
    Empty,
    /// An operation that the type does not have.
    #[error("the patch has an unknown operation {0}")]
    UnknownOperation(u64),
    /// Fields, keys or places are not in ascending order.
    #[error("the operations of the patch are not in ascending order")]
    NotAscending,
    /// A field, an element or a part of a text that is not there.
    #[error("the patch is about a place that the value does not have")]
    OutOfRange,
    /// A key or a value to change or to remove that is not there.
    #[error("the patch changes or removes what is not there")]
    Absent,
    /// An element to insert into a set that is there already.
    #[error("the patch inserts what is there already")]
    Present,
    /// The value is of another variant than the one to change.
    #[error("the patch is about another variant")]
    WrongVariant,
    /// A place within a character of a text.
    #[error("the patch cuts a character")]
    CutCharacter,
    /// The type's values are replaced as a whole.
    #[error("the type has no patches")]
    Leaf,
    /// The value is, or would be, nested more deeply than one payload may be.
    #[error("the patch reaches or makes too many levels")]
    TooDeep,
}
