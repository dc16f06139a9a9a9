//! What derived code does to the fields of a type. A type that cannot travel is reported where [`Member`] is implemented,
//! and for none of these.

use super::{PatchError, PatchWriter, StateDiff, diff::out_of_line_sum, reader::FieldPatch};
use crate::payload::{EncodeError, member::Member};

/// Whether both have the same encoding.
pub fn same<M: Member<INDEX, T>, const INDEX: usize, T>(value: &T, other: &T) -> bool {
    M::Value::same(M::lend(value), M::lend(other))
}

/// A copy to compare with later.
pub fn copy<M: Member<INDEX, T>, const INDEX: usize, T>(value: &T) -> T {
    M::give(M::Value::copy(M::lend(value)))
}

/// Adds what the field takes out of line to the `sum` of the fields before it, as far as it is needed.
pub fn add_out_of_line<M: Member<INDEX, T>, const INDEX: usize, T>(
    sum: usize,
    value: &T,
    enough: usize,
) -> usize {
    sum + out_of_line_sum([M::lend(value)], enough.saturating_sub(sum))
}

/// Writes the operation that brings the shadow of the field at `place` up to date, and does it.
///
/// # Errors
///
/// If a value cannot be encoded.
pub fn diff<M: Member<INDEX, T>, const INDEX: usize, T>(
    place: u32,
    value: &T,
    shadow: &mut T,
    out: &mut PatchWriter<'_>,
) -> Result<(), EncodeError> {
    out.part(place, M::lend(value), M::lend_mut(shadow))
}

/// Whether the operation can be applied to the field.
///
/// # Errors
///
/// If it cannot.
pub fn check<M: Member<INDEX, T>, const INDEX: usize, T>(
    value: &T,
    operation: FieldPatch<'_>,
) -> Result<(), PatchError> {
    operation.check(M::lend(value))
}

/// Applies the operation to the field.
///
/// # Errors
///
/// If it cannot be applied.
pub fn apply<M: Member<INDEX, T>, const INDEX: usize, T>(
    value: &mut T,
    operation: FieldPatch<'_>,
) -> Result<(), PatchError> {
    operation.apply(M::lend_mut(value))
}
