#![doc = include_str!("../README.md")]

mod certificate;
mod closers;
mod error;
mod greet;
mod handshake;
mod identity;
mod options;
mod refusal;
mod request;
mod target;
mod tls;
mod transport;
mod trust;

pub use certificate::Certificate;
pub use closers::{Closers, Registered};
pub use error::{AcceptError, BindError, ConnectError, ConnectPhase, IdentityError, TrustError};
pub use greet::greet;
pub use handshake::{Accept, Handshake, Upgrade};
pub use hardlight_proto::SUBPROTOCOL;
pub use http;
pub use identity::Identity;
pub use options::{ClientOptions, ServerOptions, websocket_config};
pub use refusal::Refusal;
pub use request::Request;
pub use target::{Scheme, Target, url};
pub use transport::{TransportError, WebSocketTransport};
pub use trust::Trust;
