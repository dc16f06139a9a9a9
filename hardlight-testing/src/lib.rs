#![doc = include_str!("../README.md")]

mod clock;
mod connect;
mod network;
mod pipe;
mod runtime;
mod task;
mod world;

pub use clock::{Sleep, now, sleep};
pub use connect::{
    connect, connect_driver, connect_frames, connect_plain, connect_plain_with, connect_stream,
    connect_with,
};
pub use hardlight_driver::{
    Attachment, ClientConnection, ConnectionId, Dispatch, Emitted, Error, EventCounts,
    EventEmitter, EventHub, EventStream, FeatureWatch, FeaturesCell, FrameError, FramePair,
    FrameTransport, Interest, Keep, Overflow, Pattern, PatternError, Projection, Received, Relay,
    RelayError, RelayedEvent, ServerConnection, Service, ServiceClient, ServiceMethod, StateCell,
    StateGuard, StateReadGuard, StateSnapshot, StateWatch, SubscribeError, SubscribeOptions,
    Subscriptions, Topic, TopicNotice, TopicNotices, TopicOptions, ValuesCell, ValuesSnapshot,
    proto,
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
    OriginPolicy, Peer, Refusal, RefuseInBand, Request, Response, ResponseHeaders, ServerHandle,
    ServerOptions, TlsInfo, TlsVersion, Trust, TrustError, Unbound, cookie, http,
};
pub use network::{Connection, Link, Listener, Network};
pub use pipe::Socket;
pub use runtime::InMemory;
pub use task::{Task, spawn};
pub use world::World;

/// A server in a [`World`]. What it listens at is a name of the test's choice and a port: `"counter:80"`.
pub type Server<L = Listening<InMemory>> = hardlight_ws::Server<InMemory, L>;

/// Brings connections to a server that were made elsewhere.
pub type Mount = hardlight_ws::Mount<InMemory>;

#[doc(hidden)]
pub use hardlight_driver::__private;
