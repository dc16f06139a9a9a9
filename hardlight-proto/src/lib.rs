#![doc = include_str!("../README.md")]
//!
//! ## Where to look
//!
//! [`Connection`] is one side of a connection, made with a [`ClientConfig`] or [`ServerConfig`]; [`ClientEvent`],
//! [`ServerEvent`] and [`Transmit`] are what comes out of it, [`Limits`] bounds it. [`ServiceSchema`] is what a service has.
#![cfg_attr(
    feature = "payload",
    doc = "[`StateSource`] and [`StateCopy`] hold a state, [`payload`] turns values into bytes and back."
)]
//! [`Frames`] and [`Frame`] take messages apart, for whoever looks at them without being a side. [`schema`] is about the
//! descriptions of types and their fingerprints.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

// The macros name the crate that they find in the manifest, also in this crate's own tests.
#[cfg(all(test, feature = "payload"))]
extern crate self as hardlight_proto;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod close;
mod connection;
mod deflate;
mod error;
mod event;
mod features;
mod frame;
mod limits;
mod operation;
#[cfg(feature = "payload")]
pub mod payload;
pub mod schema;
mod sink;
mod sorted_map;
#[cfg(feature = "payload")]
mod state;
#[cfg(feature = "payload")]
pub mod sync;
mod time;
mod topic;
mod varint;

pub use close::{CloseCode, CloseReason, MAX_CLOSE_REASON_BYTES};
pub use connection::{
    Client, ClientConfig, ClientEvent, Connection, EventTally, MAX_CALLS_IN_FLIGHT, Role,
    SchemaMismatch, SchemaPart, Server, ServerConfig, ServerEvent, Transmit,
};
pub use error::{CallError, ConnectionError, Initiator, ProtocolError};
#[cfg(feature = "payload")]
pub use event::Events;
pub use event::{Announcement, EncodedEvent, KeptEvents, NoEvents, Overflow};
pub use features::{Feature, FeatureError, FeatureSet, MAX_FEATURE_NAME_BYTES, MAX_FEATURES};
pub use frame::{
    APPLICATION_EXTENSIONS, CallId, Content, ExtensionError, Extensions, Frame, Frames, GapReason,
    Hello, HelloEntry, HelloField, MAX_EXTENSION_BYTES, Mismatch, REVISION, RefusedMethod, Resume,
    ResumeTopic, SUBPROTOCOL, TopicStart,
};
pub use limits::{Limits, MAX_MESSAGE_BYTES, MAX_TOPIC_NAME_BYTES, TOPIC_OVERHEAD_BYTES};
#[cfg(feature = "payload")]
pub use payload::{Codable, DecodeError, EncodeError};
pub use schema::{
    EventSchema, FieldSchema, Fingerprint, MethodSchema, ServiceSchema, TypeDescription,
};
#[cfg(feature = "payload")]
pub use state::{
    ConnectionState, GatedFields, PatchError, StateCopy, StateDiff, StateError, StateOperation,
    StateOperations, StateSize, StateSource, StateWriter, ValueError, Values, WithValues,
};
pub use time::Time;
pub use topic::Topic;
pub use varint::read as read_varint;
