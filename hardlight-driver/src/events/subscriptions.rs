//! What one connection is subscribed to.

use std::{collections::HashMap, fmt, sync::Arc};

use hardlight_proto::{MAX_TOPIC_NAME_BYTES, TOPIC_OVERHEAD_BYTES, Topic};
use parking_lot::Mutex;
use thiserror::Error;

use super::{
    Interest, Pattern, SubscribeOptions,
    hub::Hub,
    subscriber::{ConnectionId, Subscriber},
    trie::Trie,
};
use crate::{server::mailbox::ServerMailbox, wakes::WakesLater};

/// What one connection is subscribed to: topics, and patterns of topics. Clones are about the same connection.
///
/// Whatever names something here is a topic, unless it is a [`Pattern`]: no text becomes one by itself.
///
/// Subscriptions end with the connection.
#[derive(Clone)]
pub struct Subscriptions {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Arc<Hub>,
    subscriber: Arc<Subscriber>,
    subscribed: Mutex<Subscribed>,
}

type Check = Arc<dyn Fn(&Interest) -> bool + Send + Sync>;

struct Subscribed {
    /// With the stamps that the hub gave.
    patterns: HashMap<Pattern, u64>,
    /// The same patterns, to find what matches.
    matching: Trie<()>,
    /// What the client asked to go on with. A topic that a pattern brings among it does not wait for its next event.
    resumed: Vec<Topic>,
    bytes: usize,
    max_bytes: usize,
    /// What the connection may be subscribed to, if the application says.
    check: Option<Check>,
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
    /// The application's own check refused it.
    #[error("the connection may not be subscribed to this")]
    Refused,
    /// The connection has ended.
    #[error("the connection has ended")]
    Closed,
}

impl Subscriptions {
    pub(crate) fn new(hub: Arc<Hub>, mailbox: Arc<ServerMailbox>, max_bytes: usize) -> Self {
        let subscriber = hub.subscriber(mailbox);
        let subscribed = Subscribed {
            patterns: HashMap::new(),
            matching: Trie::new(),
            resumed: Vec::new(),
            bytes: 0,
            max_bytes,
            check: None,
            ended: false,
        };
        subscriber.set_induced_room(subscribed.induced_room());
        let subscribed = Mutex::new(subscribed);
        Self { shared: Arc::new(Shared { hub, subscriber, subscribed }) }
    }

    /// Has `check` asked before each subscription, unless another one is already.
    pub(crate) fn set_check(&self, check: Check) {
        let mut subscribed = self.shared.subscribed.lock();
        if !subscribed.ended {
            subscribed.check.get_or_insert(check);
        }
    }

    /// Stands for this life of the topics' sequence numbers.
    pub(crate) fn epoch(&self) -> u64 {
        self.shared.hub.epoch()
    }

    pub(crate) fn subscriber(&self) -> &Subscriber {
        &self.shared.subscriber
    }

    /// Names the connection.
    pub(crate) fn id(&self) -> ConnectionId {
        self.shared.subscriber.id
    }

    /// Subscribes the connection to a topic, or to all topics that a [`Pattern`] matches: every event that is emitted on it
    /// from here on reaches the client, and the answer of the handler that does this comes after the client knows. Does
    /// nothing if it is subscribed to the same already.
    ///
    /// However many subscriptions of a connection match an event, it is delivered once. A topic that a pattern matches is
    /// announced to the client with its first event.
    ///
    /// Memory: topics that a pattern brings count against
    /// [`Limits::max_topic_bytes`](hardlight_proto::Limits::with_max_topic_bytes) as well; if they become too many, the
    /// client is told to forget those that came first, until their next event.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]; then nothing has changed.
    pub fn add(&self, interest: impl Into<Interest>) -> Result<(), SubscribeError> {
        self.add_with(interest, SubscribeOptions::new())
    }

    /// [`add`](Self::add), and says what is done with the events. If several subscriptions bring a topic, the one that
    /// brought it first says.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    pub fn add_with(
        &self,
        interest: impl Into<Interest>,
        options: SubscribeOptions,
    ) -> Result<(), SubscribeError> {
        let interest = interest.into();
        let bytes = interest.as_bytes().len();
        if bytes > MAX_TOPIC_NAME_BYTES {
            return Err(SubscribeError::NameTooLong { bytes });
        }
        let check = self.shared.subscribed.lock().check.clone();
        // Without the lock: it is the application's.
        if check.is_some_and(|check| !check(&interest)) {
            return Err(SubscribeError::Refused);
        }
        let _later = WakesLater::enter();
        let mut subscribed = self.shared.subscribed.lock();
        if subscribed.ended {
            return Err(SubscribeError::Closed);
        }
        if self.has(&subscribed, &interest) {
            return Ok(());
        }
        let (taken, limit) = (subscribed.bytes + size(&interest), subscribed.max_bytes);
        if taken > limit {
            return Err(SubscribeError::TooManyTopics { limit });
        }
        self.set_bytes(&mut subscribed, taken);
        let Shared { hub, subscriber, .. } = &*self.shared;
        match interest {
            Interest::Topic(topic) => hub.subscribe(&topic, subscriber, options),
            Interest::Pattern(pattern) => {
                let stamp = hub.follow(&pattern, subscriber, options);
                *subscribed.matching.pattern(&pattern) = Some(());
                let resumed = subscribed.resumed.extract_if(.., |topic| pattern.matches(topic));
                resumed.for_each(|topic| hub.bring_kept(&topic));
                subscribed.patterns.insert(pattern, stamp);
            }
        }
        Ok(())
    }

    /// Ends the subscription to a topic, or to a pattern: whether there was one. Topics that another subscription brings stay.
    pub fn remove(&self, interest: impl Into<Interest>) -> bool {
        let interest = interest.into();
        let _later = WakesLater::enter();
        let mut subscribed = self.shared.subscribed.lock();
        let Shared { hub, subscriber, .. } = &*self.shared;
        match &interest {
            Interest::Topic(topic) => {
                if !hub.unsubscribe(topic, subscriber) {
                    return false;
                }
            }
            Interest::Pattern(pattern) => {
                let Some(stamp) = subscribed.patterns.remove(pattern) else { return false };
                subscribed.matching.remove_pattern(pattern);
                let still = |topic: &Topic| subscribed.matching.matches(topic);
                hub.unfollow(pattern, stamp, subscriber, still);
            }
        }
        let left = subscribed.bytes - size(&interest);
        self.set_bytes(&mut subscribed, left);
        true
    }

    /// Whether the connection is subscribed to a topic, or to a pattern: to exactly that. Whether a pattern brings a topic,
    /// [`covers`](Self::covers) says.
    pub fn contains(&self, interest: impl Into<Interest>) -> bool {
        self.has(&self.shared.subscribed.lock(), &interest.into())
    }

    /// Whether events on a topic reach the client, by a subscription to it or to a pattern that matches it.
    pub fn covers(&self, topic: impl Into<Topic>) -> bool {
        let topic = topic.into();
        let subscribed = self.shared.subscribed.lock();
        subscribed.matching.matches(&topic) || self.has(&subscribed, &topic.into())
    }

    /// The topics that the connection is subscribed to now, in no order; not those that a pattern brings.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Topic> + use<> {
        self.shared.subscriber.topics().into_iter()
    }

    /// The patterns that the connection is subscribed to now, in no order.
    pub fn patterns(&self) -> impl ExactSizeIterator<Item = Pattern> + use<> {
        let patterns: Vec<_> = self.shared.subscribed.lock().patterns.keys().cloned().collect();
        patterns.into_iter()
    }

    /// The client asks to go on with these topics.
    pub(crate) fn resume(&self, topics: Vec<Topic>) {
        let _later = WakesLater::enter();
        let mut subscribed = self.shared.subscribed.lock();
        let (brought, others) =
            topics.into_iter().partition(|topic| subscribed.matching.matches(topic));
        subscribed.resumed = others;
        let brought: Vec<_> = brought;
        brought.iter().for_each(|topic| self.shared.hub.bring_kept(topic));
    }

    /// The connection has ended.
    pub(crate) fn end(&self) {
        let _later = WakesLater::enter();
        let mut subscribed = self.shared.subscribed.lock();
        subscribed.ended = true;
        subscribed.bytes = 0;
        subscribed.matching = Trie::new();
        subscribed.resumed = Vec::new();
        let Shared { hub, subscriber, .. } = &*self.shared;
        for (pattern, stamp) in std::mem::take(&mut subscribed.patterns) {
            hub.remove_follower(&pattern, stamp);
        }
        hub.end(subscriber);
        let check = subscribed.check.take();
        drop(subscribed);
        subscriber.room.notify(usize::MAX);
        // It may hold the connection.
        drop(check);
    }

    fn has(&self, subscribed: &Subscribed, interest: &Interest) -> bool {
        let Shared { hub, subscriber, .. } = &*self.shared;
        match interest {
            Interest::Topic(topic) => hub.is_subscribed(topic, subscriber),
            Interest::Pattern(pattern) => subscribed.patterns.contains_key(pattern),
        }
    }

    /// What topics and patterns take has changed: so has the room for what patterns bring.
    fn set_bytes(&self, subscribed: &mut Subscribed, bytes: usize) {
        subscribed.bytes = bytes;
        let Shared { hub, subscriber, .. } = &*self.shared;
        subscriber.set_induced_room(subscribed.induced_room());
        hub.shed(subscriber);
    }
}

impl Subscribed {
    /// What topics may take that patterns bring. A quarter of the limit is for those that come before others have gone.
    const fn induced_room(&self) -> usize {
        (self.max_bytes / 4 * 3).saturating_sub(self.bytes)
    }
}

/// What it counts for against the limit.
fn size(interest: &Interest) -> usize {
    interest.as_bytes().len() + TOPIC_OVERHEAD_BYTES
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).entries(self.patterns()).finish()
    }
}
