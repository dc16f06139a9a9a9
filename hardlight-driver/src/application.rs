//! What an application sees of this crate and of the core, on every runtime: adapters and the facade re-export it.

pub use hardlight_proto::{
    self as proto, CallError, CloseCode, CloseReason, Codable, ConnectionError, ConnectionState,
    Events, Feature, FeatureSet, GapReason, Initiator, Limits, Mismatch, NoEvents, ProtocolError,
    Resume, SchemaMismatch, SchemaPart, ValueError, Values, sync,
};

pub use crate::{
    Attachment, CallContext, CancellationToken, ClientConnection, Clock, ConnectionId,
    ConnectionStatus, Deadline, Dispatch, Emitted, Endpoint, Error, EventCounts, EventEmitter,
    EventHub, EventStream, FeatureWatch, FeaturesCell, FrameError, FramePair, FrameTransport,
    InContext, Interest, Keep, MaybeSend, Overflow, Pattern, PatternError, Projection, Propagation,
    Propagator, Received, Reconnect, Relay, RelayError, RelayedEvent, ServerConnection, Service,
    ServiceClient, ServiceMethod, StateCell, StateGuard, StateReadGuard, StateSnapshot, StateWatch,
    StatusWatch, SubscribeError, SubscribeOptions, Subscriptions, Telemetry, Topic, TopicNotice,
    TopicNotices, TopicOptions, TraceContext, TraceContextError, TypeMap, ValuesCell,
    ValuesSnapshot,
};
