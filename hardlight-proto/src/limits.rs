//! What one side lets the other make it hold.

use core::time::Duration;

/// Limits of one side of a connection. All have defaults that suit the open internet.
///
/// A peer that exceeds one is disconnected with [`CloseCode::LIMIT_EXCEEDED`](crate::CloseCode::LIMIT_EXCEEDED) and the
/// limit's name as the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    max_message_bytes: usize,
    max_buffered_bytes: usize,
    max_queued_event_bytes: usize,
    max_topic_bytes: usize,
    hello_timeout: Duration,
    close_timeout: Duration,
}

/// The smallest `max_message_bytes` that a side may announce: a Hello of usual size fits.
pub(crate) const MIN_MESSAGE_BYTES: usize = 1024;

/// What a topic counts for against [`Limits::max_topic_bytes`], besides its name.
pub const TOPIC_OVERHEAD_BYTES: usize = 64;

/// The longest name of a topic, in bytes: its announcement fits into the shortest message that a side may insist on.
pub const MAX_TOPIC_NAME_BYTES: usize = 512;

impl Limits {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            max_message_bytes: 1 << 20,
            max_buffered_bytes: 1 << 20,
            max_queued_event_bytes: 1 << 20,
            max_topic_bytes: 1 << 20,
            hello_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(10),
        }
    }

    /// The longest message to accept, in bytes; the peer is told. Default 1 MiB; values below 1,024 are raised to it.
    ///
    /// Memory: a message is held whole until its frames are handled, so this much a connection, besides what the
    /// transport buffers while the message arrives.
    #[must_use]
    pub const fn with_max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = if bytes < MIN_MESSAGE_BYTES { MIN_MESSAGE_BYTES } else { bytes };
        self
    }

    /// Output that may wait for a slow peer before a server stops starting handlers, in bytes. Default 1 MiB.
    ///
    /// Memory: this much a connection, and the answers of the calls that already run (at most 256).
    #[must_use]
    pub const fn with_max_buffered_bytes(mut self, bytes: usize) -> Self {
        self.max_buffered_bytes = bytes;
        self
    }

    /// Events that may wait for a slow reader, in bytes: on a server for the client, on a client for each of its
    /// streams. Beyond it the oldest are dropped, and the reader is told how many. Default 1 MiB.
    ///
    /// Each counts 64 bytes more than it takes on the wire, for its place in the queue.
    ///
    /// Memory: on a server the events themselves are shared among all subscribers.
    #[must_use]
    pub const fn with_max_queued_event_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_event_bytes = bytes;
        self
    }

    /// The topics that one connection may be subscribed to at a time, in bytes of their names and
    /// [`TOPIC_OVERHEAD_BYTES`] each. Default 1 MiB. On a server it bounds what the application subscribes a connection
    /// to; on a client, what the server may announce.
    #[must_use]
    pub const fn with_max_topic_bytes(mut self, bytes: usize) -> Self {
        self.max_topic_bytes = bytes;
        self
    }

    /// How long the peer may take until its Hello (and a server's snapshot) has arrived. Default 10 s.
    #[must_use]
    pub const fn with_hello_timeout(mut self, timeout: Duration) -> Self {
        self.hello_timeout = timeout;
        self
    }

    /// How long a close waits for the calls that still run, and then for the peer to close as well. Default 10 s.
    #[must_use]
    pub const fn with_close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// See [`with_max_message_bytes`](Self::with_max_message_bytes).
    pub const fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }

    /// See [`with_max_buffered_bytes`](Self::with_max_buffered_bytes).
    pub const fn max_buffered_bytes(&self) -> usize {
        self.max_buffered_bytes
    }

    /// See [`with_max_queued_event_bytes`](Self::with_max_queued_event_bytes).
    pub const fn max_queued_event_bytes(&self) -> usize {
        self.max_queued_event_bytes
    }

    /// See [`with_max_topic_bytes`](Self::with_max_topic_bytes).
    pub const fn max_topic_bytes(&self) -> usize {
        self.max_topic_bytes
    }

    /// See [`with_hello_timeout`](Self::with_hello_timeout).
    pub const fn hello_timeout(&self) -> Duration {
        self.hello_timeout
    }

    /// See [`with_close_timeout`](Self::with_close_timeout).
    pub const fn close_timeout(&self) -> Duration {
        self.close_timeout
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
