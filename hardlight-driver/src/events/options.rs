//! What a server chooses for topics and subscriptions.

use std::time::Duration;

use hardlight_proto as proto;

/// What becomes of events that a client does not read in time: once more of them wait for it than
/// [`Limits::max_queued_event_bytes`](proto::Limits::with_max_queued_event_bytes) allows.
///
/// Whatever does not reach a client is counted, and the client is told where it is missing and why. This is about a client
/// whose connection does not take what is sent; one whose application is slow loses the oldest events in its own queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest that wait are dropped, of this subscription and of others that allow it. The default.
    #[default]
    DropOldest,
    /// Those that wait stay, and the new ones are dropped.
    DropNewest,
    /// No more than one event of the topic waits, the latest: for values of which only the last counts.
    Latest,
    /// The connection ends, with [`CloseCode::LIMIT_EXCEEDED`](proto::CloseCode::LIMIT_EXCEEDED).
    Disconnect,
    /// [`emit_wait`](super::EventEmitter::emit_wait) and [`emit_blocking`](super::EventEmitter::emit_blocking) wait for
    /// room, for so long; then new events are dropped, and nobody waits for this client again until no more than half of
    /// what may wait for it does. For `emit`, which never waits, it is as [`DropNewest`](Self::DropNewest).
    Wait {
        /// How long emitters wait for this client until they give it up, to the millisecond, at most 49 days. The
        /// connection's driver measures it.
        up_to: Duration,
    },
}

impl Overflow {
    /// What the connection's own queue does, behind the wait.
    pub(super) const fn behind(self) -> proto::Overflow {
        match self {
            Self::DropOldest => proto::Overflow::DropOldest,
            Self::DropNewest | Self::Wait { .. } => proto::Overflow::DropNewest,
            Self::Latest => proto::Overflow::Latest,
            Self::Disconnect => proto::Overflow::Disconnect,
        }
    }

    /// For how many milliseconds an emitter waits.
    pub(super) fn patience(self) -> u32 {
        match self {
            Self::Wait { up_to } => u32::try_from(up_to.as_millis()).unwrap_or(u32::MAX).max(1),
            _ => 0,
        }
    }
}

/// How a connection is subscribed; see [`Subscriptions::add_with`](super::Subscriptions::add_with).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// See [`overflow`](Self::overflow).
    pub overflow: Option<Overflow>,
    /// See [`history`](Self::history).
    pub history: usize,
}

impl SubscribeOptions {
    /// The defaults.
    pub const fn new() -> Self {
        Self { overflow: None, history: 0 }
    }

    /// What becomes of events that this client does not read in time. Default: what
    /// [`TopicOptions::overflow`] says for the topic.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    /// How many of the last events of a topic that [keeps](TopicOptions::keep) some the client gets first. Default: none.
    /// A client that comes back to the topic gets what it missed instead.
    ///
    /// Of the topics that a pattern brings this comes at once for as many as the connection has room for
    /// ([`Limits::max_topic_bytes`](proto::Limits::with_max_topic_bytes)); for the others with their next event.
    #[must_use]
    pub const fn history(mut self, events: usize) -> Self {
        self.history = events;
        self
    }
}

/// What holds for topics; see [`EventHub::configure`](super::EventHub::configure).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicOptions {
    /// See [`overflow`](Self::overflow).
    pub overflow: Overflow,
    /// See [`keep`](Self::keep).
    pub keep: Option<Keep>,
}

/// How much of a topic is kept for clients that come back: both bounds hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keep {
    /// At most so many events.
    pub events: usize,
    /// At most so many bytes, of the events' frames and 64 for each.
    pub bytes: usize,
}

impl Keep {
    /// The last `events` events, as far as they take no more than 1 MiB.
    pub const fn events(events: usize) -> Self {
        Self { events, bytes: 1 << 20 }
    }

    /// The last events, as far as they take no more than `bytes` bytes.
    pub const fn bytes(bytes: usize) -> Self {
        Self { events: usize::MAX, bytes }
    }

    /// No more than so many bytes, too.
    #[must_use]
    pub const fn at_most_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

impl TopicOptions {
    /// The defaults.
    pub const fn new() -> Self {
        Self { overflow: Overflow::DropOldest, keep: None }
    }

    /// What becomes of events that a client does not read in time, unless its subscription says otherwise. Default:
    /// [`Overflow::DropOldest`].
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Keeps the last events of the topic, for clients that come back and for a [history](SubscribeOptions::history).
    /// Default: none is kept.
    ///
    /// A topic that keeps events stays when its last subscriber leaves, and counts as one that somebody is subscribed to:
    /// what is emitted meanwhile is kept too. It is forgotten when [`EventHub::set_max_kept_bytes`] is reached, those that
    /// nobody has been subscribed to for longest first; at once, if there is nothing that it keeps.
    ///
    /// Memory: what is said here for every such topic, within the hub's own bound.
    ///
    /// [`EventHub::set_max_kept_bytes`]: super::EventHub::set_max_kept_bytes
    #[must_use]
    pub const fn keep(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }
}
