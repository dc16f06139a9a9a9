//! What generated code needs. Not part of the public API: anything here may change in any release.

pub use bytes::Bytes;
pub use hardlight_proto::__private::*;
pub use hardlight_proto::{CallError, ConnectionState, FieldSchema, ServiceSchema, payload};

pub use crate::{
    client::ClientConnection,
    error::Error,
    server::{ServerConnection, StateCell, StateGuard},
    service::{Dispatch, Service, ServiceClient},
};

/// Splits the input of `handle_rpc_call` into the index of the method, a varint, and the method's input.
///
/// # Errors
///
/// [`CallError::InvalidInput`] if there is no varint, or it does not fit 32 bits.
pub fn split_method(input: &[u8]) -> Result<(u32, Bytes), CallError> {
    let (method, used) =
        hardlight_proto::read_varint(input).map_err(|_| CallError::InvalidInput)?;
    let method = u32::try_from(method).map_err(|_| CallError::InvalidInput)?;
    Ok((method, Bytes::copy_from_slice(&input[used..])))
}
