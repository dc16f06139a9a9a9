#![doc = include_str!("../README.md")]

mod connect;
mod error;
mod inbox;
mod options;
mod page;
mod reconnect;
mod refresh;
mod subprotocols;
mod timer;
mod transport;

pub use connect::{connect, connect_driver, connect_with};
pub use error::{ConnectError, ConnectPhase};
pub use hardlight_driver::{
    Attachment, ClientConnection, ConnectionId, ConnectionStatus, Dispatch, Emitted, Error,
    EventCounts, EventEmitter, EventHub, EventStream, FeatureWatch, FeaturesCell, Interest, Keep,
    MaybeSend, Overflow, Pattern, PatternError, Projection, Received, Reconnect, Relay, RelayError,
    RelayedEvent, ServerConnection, Service, ServiceClient, ServiceMethod, StateCell, StateGuard,
    StateReadGuard, StateSnapshot, StateWatch, StatusWatch, SubscribeError, SubscribeOptions,
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
pub use options::ClientOptions;
pub use refresh::Refresh;
pub use timer::BrowserTimer;
pub use transport::{BrowserTransport, TransportError};

#[doc(hidden)]
pub use hardlight_driver::__private;
