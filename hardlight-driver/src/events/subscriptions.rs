//! What one connection is subscribed to.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::Arc,
};

use hardlight_proto::{MAX_TOPIC_NAME_BYTES, TOPIC_OVERHEAD_BYTES};
use parking_lot::Mutex;
use thiserror::Error;

use super::{
    Topic,
    hub::{Hub, Subscription},
};
use crate::server::mailbox::ServerMailbox;

/// The topics that one connection is subscribed to. Clones are about the same connection.
///
/// They end with the connection.
#[derive(Clone)]
pub struct Subscriptions {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Arc<Hub>,
    mailbox: Arc<ServerMailbox>,
    topics: Mutex<Topics>,
}

struct Topics {
    topics: HashMap<Topic, Subscription>,
    bytes: usize,
    max_bytes: usize,
    /// The connection has ended.
    ended: bool,
}

/// Why a connection was not subscribed to a topic.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The topic's name is too long.
    #[error("the topic's name takes {bytes} bytes, at most {MAX_TOPIC_NAME_BYTES} are allowed")]
    NameTooLong {
        /// The length of the name in bytes.
        bytes: usize,
    },
    /// The connection is subscribed to as much as it may be.
    #[error("the connection is subscribed to as many topics as max_topic_bytes ({limit}) allows")]
    TooManyTopics {
        /// The limit in bytes; see [`Limits`](hardlight_proto::Limits::with_max_topic_bytes).
        limit: usize,
    },
    /// The connection has ended.
    #[error("the connection has ended")]
    Closed,
}

impl Subscriptions {
    pub(crate) fn new(hub: Arc<Hub>, mailbox: Arc<ServerMailbox>, max_bytes: usize) -> Self {
        let topics = Topics { topics: HashMap::new(), bytes: 0, max_bytes, ended: false };
        Self { shared: Arc::new(Shared { hub, mailbox, topics: Mutex::new(topics) }) }
    }

    /// Stands for this life of the topics' sequence numbers.
    pub(crate) fn epoch(&self) -> u64 {
        self.shared.hub.epoch()
    }

    /// Subscribes the connection to a topic: every event that is emitted on it from here on reaches the client, and the
    /// answer of the handler that does this comes after the client knows. Does nothing if it is subscribed already.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]; then nothing has changed.
    pub fn add(&self, topic: impl Into<Topic>) -> Result<(), SubscribeError> {
        let topic = topic.into();
        let bytes = topic.as_bytes().len();
        if bytes > MAX_TOPIC_NAME_BYTES {
            return Err(SubscribeError::NameTooLong { bytes });
        }
        let mut topics = self.shared.topics.lock();
        if topics.ended {
            return Err(SubscribeError::Closed);
        }
        let (taken, limit) = (topics.bytes + bytes + TOPIC_OVERHEAD_BYTES, topics.max_bytes);
        let Entry::Vacant(place) = topics.topics.entry(topic) else { return Ok(()) };
        if taken > limit {
            return Err(SubscribeError::TooManyTopics { limit });
        }
        let subscription = self.shared.hub.subscribe(place.key(), &self.shared.mailbox);
        place.insert(subscription);
        topics.bytes = taken;
        Ok(())
    }

    /// Ends the subscription to a topic: whether there was one.
    pub fn remove(&self, topic: impl Into<Topic>) -> bool {
        let topic = topic.into();
        let mut topics = self.shared.topics.lock();
        let Some(subscription) = topics.topics.remove(&topic) else { return false };
        topics.bytes -= topic.as_bytes().len() + TOPIC_OVERHEAD_BYTES;
        self.shared.hub.unsubscribe(&topic, &subscription);
        true
    }

    /// Whether the connection is subscribed to a topic.
    pub fn contains(&self, topic: impl Into<Topic>) -> bool {
        let topic = topic.into();
        self.shared.topics.lock().topics.contains_key(&topic)
    }

    /// The topics that the connection is subscribed to now, in no order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Topic> + use<> {
        let topics: Vec<_> = self.shared.topics.lock().topics.keys().cloned().collect();
        topics.into_iter()
    }

    /// The connection has ended.
    pub(crate) fn end(&self) {
        let mut topics = self.shared.topics.lock();
        topics.ended = true;
        topics.bytes = 0;
        for (topic, subscription) in std::mem::take(&mut topics.topics) {
            self.shared.hub.unsubscribe(&topic, &subscription);
        }
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
