#![cfg_attr(docsrs, feature(doc_cfg))]
//! HardLight: a secure, real-time, low-latency binary RPC protocol on WebSockets.

#[doc(hidden)]
pub use hardlight_driver::__private;
pub use hardlight_driver::{
    ClientConnection, Dispatch, Error, ServerConnection, Service, ServiceClient, StateCell,
    StateGuard, StateWatch,
    proto::{
        CallError, CloseCode, CloseReason, Codable, ConnectionError, ConnectionState, Initiator,
        Limits, ProtocolError, StateField,
    },
};
pub use hardlight_macros::{ConnectionState, codable, rpc};
