#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapter;
#[doc(hidden)]
pub mod application;
mod authority;
mod certificate;
mod client;
mod client_auth;
mod closers;
mod connection;
mod cookies;
mod entrance;
mod error;
mod forwarded;
#[cfg(feature = "futures-io")]
mod futures_io;
mod greet;
mod handshake;
mod headers;
mod identity;
mod mount;
mod no_proxy;
mod occurrences;
mod options;
mod origin;
mod over;
mod peer;
mod proxy;
mod read_ahead;
mod reconnect;
mod refresh;
mod refusal;
mod request;
mod response;
mod runtime;
mod server;
mod server_transport;
mod signal;
mod target;
mod tls;
mod tls_info;
mod token;
mod transport;
mod trust;
mod trusted_proxies;
mod tunnel;

pub use adapter::{Adapter, Carry};
pub use authority::DevelopmentAuthority;
pub use certificate::Certificate;
pub use client::{Driver, connect, connect_driver};
pub use client_auth::ClientAuth;
pub use closers::{Closers, Registered};
pub use cookie;
pub use error::{
    AcceptError, BindError, ConnectError, ConnectPhase, IdentityError, ProxyError, TrustError,
};
#[cfg(feature = "futures-io")]
pub use futures_io::{ByteStream, FuturesIo, InstantTimer, MaybeTls};
pub use greet::greet;
pub use handshake::{Accept, Handshake, RefusedUpgrade, Upgrade};
pub use hardlight_driver::{FrameError, FramePair, FrameTransport};
pub use hardlight_proto::SUBPROTOCOL;
pub use headers::{HeaderError, ResponseHeaders};
pub use http;
pub use identity::Identity;
pub use mount::{Answer, Mount, Requested, Upgrading};
pub use options::{ClientOptions, ServerOptions, websocket_config};
pub use origin::{OriginError, OriginPolicy};
pub use over::{
    FramesDriver, connect_frames, connect_frames_driver, connect_stream, connect_stream_driver,
};
pub use peer::Peer;
pub use proxy::{Proxy, ProxyUrlError};
pub use read_ahead::ReadAhead;
pub use refresh::Refresh;
pub use refusal::{Refusal, RefuseInBand};
pub use request::Request;
pub use response::Response;
pub use runtime::{Resolve, Runtime};
pub use server::{Listening, Server, ServerHandle, Unbound};
pub use target::{Scheme, Target, url};
pub use tls_info::{TlsInfo, TlsVersion};
pub use transport::{TransportError, WebSocketTransport};
pub use trust::Trust;
pub use trusted_proxies::{TrustedProxies, TrustedProxiesError};
