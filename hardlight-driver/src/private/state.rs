//! What derived connection state does to each field.

use hardlight_proto::{Codable, StateError, payload};

/// Reads the value that an operation gives to a field.
///
/// # Errors
///
/// [`StateError::Value`], which names the field, if it does not decode.
pub fn decode_field<T: Codable>(field: u32, value: &[u8]) -> Result<T, StateError> {
    payload::decode(value).map_err(|error| StateError::Value { field, error })
}
