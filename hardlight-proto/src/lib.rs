#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod close;
mod connection;
mod error;
mod frame;
mod limits;
#[cfg(feature = "payload")]
pub mod payload;
mod schema;
#[cfg(feature = "payload")]
mod state;
mod time;
mod varint;

pub use close::{CloseCode, CloseReason, MAX_CLOSE_REASON_BYTES};
pub use connection::{Client, ClientEvent, Connection, Role, Server, ServerEvent, Transmit};
pub use error::{CallError, ConnectionError, Initiator, ProtocolError};
pub use frame::{CallId, Frame, Hello, HelloField, HelloMethod, REVISION};
pub use limits::Limits;
#[cfg(feature = "payload")]
pub use state::{
    ConnectionState, StateError, StateField, StateOperation, StateOperations, StateWriter,
};
pub use schema::{FieldSchema, Fingerprint, MethodSchema, ServiceSchema};
pub use time::Time;
pub use varint::read as read_varint;
#[cfg(feature = "payload")]
pub use payload::{Codable, DecodeError, EncodeError};
#[doc(hidden)]
pub mod __private {}
