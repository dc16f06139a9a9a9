#![doc = include_str!("../README.md")]

mod connect;
#[cfg(feature = "hyper")]
mod http_service;
mod runtime;
mod timer;

pub use connect::{
    connect, connect_driver, connect_frames, connect_plain, connect_plain_with, connect_stream,
    connect_with,
};
pub use hardlight_driver::{
    Attachment, ClientConnection, ConnectionId, ConnectionStatus, Dispatch, Emitted, Error,
    EventCounts, EventEmitter, EventHub, EventStream, FeatureWatch, FeaturesCell, FrameError,
    FramePair, FrameTransport, Interest, Keep, Overflow, Pattern, PatternError, Projection,
    Received, Reconnect, Relay, RelayError, RelayedEvent, ServerConnection, Service, ServiceClient,
    ServiceMethod, StateCell, StateGuard, StateReadGuard, StateSnapshot, StateWatch, StatusWatch,
    SubscribeError, SubscribeOptions, Subscriptions, Topic, TopicNotice, TopicNotices,
    TopicOptions, ValuesCell, ValuesSnapshot, proto,
    proto::{
        CallError, CloseCode, CloseReason, Codable, ConnectionError, ConnectionState, Events,
        Feature, FeatureSet, GapReason, Initiator, Limits, Mismatch, NoEvents, ProtocolError,
        Resume, SchemaMismatch, SchemaPart, ValueError, Values,
    },
    sync,
};
pub use hardlight_macros::*;
pub use hardlight_ws::{
    BindError, Certificate, ClientAuth, ClientOptions, ConnectError, ConnectPhase,
    DevelopmentAuthority, HeaderError, Identity, IdentityError, Listening, OriginError,
    OriginPolicy, Peer, Proxy, ProxyError, ProxyUrlError, Refresh, Refusal, RefuseInBand, Request,
    Response, ResponseHeaders, ServerHandle, ServerOptions, TlsInfo, TlsVersion, Trust, TrustError,
    TrustedProxies, TrustedProxiesError, Unbound, cookie, http,
};
#[cfg(feature = "hyper")]
pub use http_service::HttpService;
pub use runtime::{ByteStream, Task, Tokio};
pub use timer::TokioTimer;

/// A server on tokio.
pub type Server<L = Listening<Tokio>> = hardlight_ws::Server<Tokio, L>;

/// Brings connections to a server that were made elsewhere.
pub type Mount = hardlight_ws::Mount<Tokio>;

#[doc(hidden)]
pub use hardlight_driver::__private;
