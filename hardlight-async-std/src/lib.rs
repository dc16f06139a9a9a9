#![doc = include_str!("../README.md")]

mod connect;
mod runtime;

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
pub use runtime::{AsyncStd, Task, Tcp};

/// A server on async-std. Its connections are tasks of async-std's executor.
pub type Server<L = Listening<AsyncStd>> = hardlight_ws::Server<AsyncStd, L>;

/// Brings connections to a server that were made elsewhere.
pub type Mount = hardlight_ws::Mount<AsyncStd>;

/// The driver's timer on async-std.
pub type AsyncStdTimer = hardlight_ws::InstantTimer<AsyncStd>;

#[doc(hidden)]
pub use hardlight_driver::__private;
