//! What every HardLight runtime adapter shares: the driver future, the handles of client and server, connection state,
//! events.
//!
//! There is no runtime here. An adapter brings a [`Transport`] and a [`Timer`], and polls (spawns) the futures that
//! [`client()`] and [`Acceptor::serve`] give it. See the `hardlight` crate for what an application uses.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
#[path = "private/mod.rs"]
pub mod __private;
#[doc(hidden)]
pub mod application;
mod client;
mod clock;
mod context;
mod error;
mod events;
mod frames;
mod inside;
mod local;
mod mailbox;
mod offload;
mod opening;
mod server;
mod service;
mod telemetry;
mod time_limit;
mod timer;
mod transport;
mod wakes;
mod wire;

pub use client::{
    Attachment, ClientConnection, ClientDriver, ConnectFailure, Connected, ConnectionStatus,
    Connector, DriverOf, EventCounts, EventStream, FeatureWatch, Projection, Received, Reconnect,
    StateSnapshot, StateWatch, StatusWatch, ValuesSnapshot, client, client_over,
    client_reconnecting, client_with, until_open,
};
pub use clock::{Clock, Deadline};
pub use context::{CallContext, CancellationToken, InContext, TypeMap};
pub use error::Error;
pub use events::{
    ConnectionId, Emitted, EventEmitter, EventHub, Interest, Keep, Overflow, Pattern, PatternError,
    Relay, RelayError, RelayedEvent, SubscribeError, SubscribeOptions, Subscriptions, Topic,
    TopicNotice, TopicNotices, TopicOptions,
};
pub use frames::{FrameError, FramePair, FrameTransport};
pub use hardlight_proto as proto;
pub use hardlight_proto::sync;
pub use local::MaybeSend;
pub use offload::{Offload, Work};
pub use server::{
    Acceptor, FeaturesCell, ServerConnection, StateCell, StateGuard, StateReadGuard, ValuesCell,
};
pub use service::{Dispatch, Service, ServiceClient, ServiceMethod};
pub use telemetry::{
    Endpoint, Propagation, Propagator, Telemetry, TraceContext, TraceContextError,
};
#[cfg(feature = "metrics")]
#[doc = include_str!("telemetry/metrics.md")]
pub mod metrics {
    pub use crate::telemetry::{METRICS, Metric, MetricKind};
}

#[doc(hidden)]
pub use telemetry::note_refused_handshake;
pub use time_limit::{Late, TimeLimit};
pub use timer::Timer;
pub use transport::{Incoming, Outgoing, Transport};
