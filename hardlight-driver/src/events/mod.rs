//! Events on the server: topics, who is subscribed, sending.

mod emitter;
mod entry;
mod event_hub;
mod hub;
mod kept;
mod notices;
mod options;
mod pattern;
mod relay;
mod subject;
mod subscriber;
mod subscriptions;
mod trie;

pub(crate) use hardlight_proto::EncodedEvent;
pub use hardlight_proto::Topic;

pub use emitter::EventEmitter;
pub use event_hub::EventHub;
pub use notices::{TopicNotice, TopicNotices};
pub use options::{Keep, Overflow, SubscribeOptions, TopicOptions};
pub use pattern::{Interest, Pattern, PatternError};
pub use relay::{Emitted, Relay, RelayError, RelayedEvent};
pub use subscriber::ConnectionId;
pub use subscriptions::{SubscribeError, Subscriptions};
