//! What derived connection state does to each field.

use std::marker::PhantomData;

use hardlight_proto::{EncodeError, FieldSchema, StateError, StateField, StateWriter, payload};

/// Says that the field of `S` with this index is a `Value`. Implemented for [`Field`], once for each field.
///
/// Everything that is done to a field is done here rather than in generated code, so that a type that cannot be a field
/// is reported once, where this is implemented, and not for every use.
pub trait FieldOf<S, const INDEX: u32> {
    /// The field's type.
    type Value: StateField;

    /// Describes the field.
    fn schema(name: &'static str) -> FieldSchema {
        FieldSchema::new::<Self::Value>(INDEX, name)
    }

    /// A copy for the shadow.
    fn shadow(value: &Self::Value) -> Self::Value {
        value.clone()
    }

    /// Writes the field.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded.
    fn set(value: &Self::Value, out: &mut StateWriter) -> Result<(), EncodeError> {
        out.set(INDEX, value)
    }

    /// Writes the field if it differs from the shadow: whether it does.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded.
    fn set_changed(
        value: &Self::Value,
        shadow: &Self::Value,
        out: &mut StateWriter,
    ) -> Result<bool, EncodeError> {
        let changed = value != shadow;
        if changed {
            out.set(INDEX, value)?;
        }
        Ok(changed)
    }

    /// Brings the shadow up to date.
    fn update(shadow: &mut Self::Value, value: &Self::Value) {
        shadow.clone_from(value);
    }

    /// Reads the value that an operation gives to the field.
    ///
    /// # Errors
    ///
    /// [`StateError::Value`] if it does not decode.
    fn decode(value: &[u8]) -> Result<Self::Value, StateError> {
        payload::decode(value).map_err(|error| StateError::Value { field: INDEX, error })
    }
}

/// Stands for a field's type in implementations of [`FieldOf`]. The type is an argument here, so that it may be more
/// private than the state.
#[derive(Debug)]
pub struct Field<T>(PhantomData<T>);
