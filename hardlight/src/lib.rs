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

#[cfg(feature = "tokio")]
#[doc(no_inline)]
pub use hardlight_tokio as tokio;
#[cfg(feature = "tokio")]
pub use hardlight_tokio::{
    BindError, Certificate, ClientOptions, ConnectError, ConnectPhase, Identity, IdentityError,
    Refusal, Request, Server, ServerHandle, ServerOptions, Trust, TrustError, connect,
    connect_driver, connect_plain, connect_plain_with, connect_with, http,
};
