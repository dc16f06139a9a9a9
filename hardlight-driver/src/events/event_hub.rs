//! The hub, as the application sees it.

use std::{fmt, sync::Arc};

use hardlight_proto::{Events, Topic};

use super::{ConnectionId, EventEmitter, Interest, Relay, TopicNotices, TopicOptions, hub::Hub};

/// Where the events of a server's connections meet: one for each server, or for several servers of the same service.
/// Clones are the same hub.
#[derive(Clone)]
pub struct EventHub {
    pub(crate) hub: Arc<Hub>,
}

impl EventHub {
    /// A hub without topics.
    pub fn new() -> Self {
        Self { hub: Arc::new(Hub::new()) }
    }

    /// An emitter of events of type `E`, which must be the events of the service whose connections meet here.
    ///
    /// # Panics
    ///
    /// If the hub has events of another type: who served, emitted or relayed some first has said which.
    #[track_caller]
    pub fn emitter<E: Events>(&self) -> EventEmitter<E> {
        self.hub.claim::<E>();
        EventEmitter::new(Arc::clone(&self.hub))
    }

    /// Joins the hub with those of other servers of the same service, whose events are `E`.
    ///
    /// # Panics
    ///
    /// As [`emitter`](Self::emitter).
    #[track_caller]
    pub fn relay<E: Events>(&self) -> Relay<E> {
        self.hub.claim::<E>();
        Relay::new(Arc::clone(&self.hub))
    }

    /// Says what holds for a topic, or for all topics that a pattern matches: what becomes of events that are not read in
    /// time, and whether some are kept. Of several that cover a topic the one that was said last holds. It holds for topics
    /// that come to be from here on, so say it before the server runs.
    pub fn configure(&self, topics: impl Into<Interest>, options: TopicOptions) {
        self.hub.configure(&topics.into(), options);
    }

    /// How much all topics that [keep](TopicOptions::keep) events may keep together, in bytes of frames and 64 for each,
    /// and for each topic 512, twice its name, and 128 for each level of the name, of which at most 33 are counted.
    /// Beyond it topics are forgotten that nobody is subscribed to, those that have been so for longest first, and then the
    /// oldest events of the topic that is emitted on. Default 64 MiB.
    pub fn set_max_kept_bytes(&self, bytes: usize) {
        self.hub.set_max_kept_bytes(bytes);
    }

    /// Which topics and patterns somebody is subscribed to, as it changes.
    pub fn notices(&self) -> TopicNotices {
        self.hub.notices()
    }

    /// The connections that are subscribed to a topic, or to a pattern that matches it, in the order in which they
    /// connected.
    pub fn subscribers(&self, topic: impl Into<Topic>) -> Vec<ConnectionId> {
        self.hub.subscribers(&topic.into())
    }

    /// How many connections are subscribed to a topic, or to a pattern that matches it. It costs no memory and the same for
    /// any number of them, unless a pattern that matches was followed, or [left for others](crate::Subscriptions::add),
    /// since the topic's last event.
    pub fn subscriber_count(&self, topic: impl Into<Topic>) -> usize {
        self.hub.subscriber_count(&topic.into())
    }
}

impl Default for EventHub {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHub").finish_non_exhaustive()
    }
}
