//! What derived connection state does to each field.

use core::marker::PhantomData;

use super::{
    ConnectionState, PatchError, PatchReader, StateDiff, StateError, StateOperation, StateWriter,
};
use crate::{
    payload::{self, Codable, EncodeError},
    schema::FieldSchema,
};

/// Says that the field of `S` with this index is a `Value`. Implemented for [`Field`], once for each field.
///
/// Everything that is done to a field is done here rather than in generated code, so that a type that cannot be a field
/// is reported once, where this is implemented, and not for every use.
pub trait FieldOf<S: ConnectionState, const INDEX: u32> {
    /// The field's type.
    type Value: Codable;

    /// Describes the field.
    fn schema(name: &'static str) -> FieldSchema {
        FieldSchema::new::<Self::Value>(INDEX, name)
    }

    /// What is kept of the field, to tell later what has changed since.
    fn shadow(value: &mut Self::Value) -> Self::Value {
        StateDiff::keep(value)
    }

    /// Writes the field.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded.
    fn set(value: &Self::Value, out: &mut StateWriter) -> Result<(), EncodeError> {
        out.set(INDEX, value)
    }

    /// Writes how the field differs from the shadow, if it does, and brings the shadow up to date.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded.
    fn diff(
        value: &mut Self::Value,
        shadow: &mut Self::Value,
        out: &mut StateWriter,
    ) -> Result<(), EncodeError> {
        out.diff(INDEX, value, shadow)
    }

    /// Checks an operation on the field, so that the change it makes cannot fail. `field` finds the field in a state.
    ///
    /// # Errors
    ///
    /// [`StateError::Value`] or [`StateError::Patch`] if the operation cannot be applied.
    fn check<'a>(
        value: &Self::Value,
        operation: StateOperation<'a>,
        field: impl FnOnce(&S) -> &Self::Value,
    ) -> Result<FieldChange<'a, Self::Value>, StateError> {
        match operation {
            StateOperation::Set { value, .. } => payload::decode(value)
                .map(FieldChange::Value)
                .map_err(|error| StateError::Value { field: INDEX, error }),
            StateOperation::Reset { .. } => {
                Ok(FieldChange::Value(StateDiff::copy(field(&S::initial()))))
            }
            StateOperation::Patch { patch, .. } => {
                let patch = PatchReader::new(patch);
                Self::Value::check(value, patch).map_err(patch_error(INDEX))?;
                Ok(FieldChange::Patch(patch))
            }
        }
    }

    /// Makes a change.
    ///
    /// # Errors
    ///
    /// None, if [`check`](Self::check) made the change for this value.
    fn apply(
        value: &mut Self::Value,
        change: Option<FieldChange<'_, Self::Value>>,
    ) -> Result<(), StateError> {
        match change {
            None => {}
            Some(FieldChange::Value(new)) => *value = new,
            Some(FieldChange::Patch(patch)) => {
                Self::Value::apply(value, patch).map_err(patch_error(INDEX))?;
            }
        }
        Ok(())
    }
}

fn patch_error(field: u32) -> impl Fn(PatchError) -> StateError {
    move |error| StateError::Patch { field, error }
}

/// What becomes of a field.
#[derive(Debug)]
pub enum FieldChange<'a, T> {
    /// It has this value.
    Value(T),
    /// It is patched.
    Patch(PatchReader<'a>),
}

/// Stands for a field's type in implementations of [`FieldOf`]. The type is an argument here, so that it may be more
/// private than the state.
#[derive(Debug)]
pub struct Field<T>(PhantomData<T>);
