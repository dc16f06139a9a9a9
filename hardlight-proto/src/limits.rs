//! What one side lets the other make it hold (SPEC.md, section 17).

use core::time::Duration;

/// The longest message, in bytes: 65 KiB. What is longer travels in pieces.
pub const MAX_MESSAGE_BYTES: usize = 66_560;

/// The longest name of a topic, in bytes.
pub const MAX_TOPIC_NAME_BYTES: usize = 512;

/// What a topic counts for against [`Limits::max_topic_bytes`], besides its name: what it takes on either side. A topic that
/// one connection is subscribed to was measured to take 500 to 600 bytes on a server and its client together.
pub const TOPIC_OVERHEAD_BYTES: usize = 512;

/// Limits of one side of a connection. All have defaults that suit the open internet.
///
/// Memory that a peer can make one side hold, with the defaults: about 25 MiB on a server (8 MiB of what arrives in pieces
/// and 1 MiB of what waits for its turn, 8 MiB of inputs and 5 MiB of the messages that they came in, 1 MiB of output and
/// 1 MiB of events that wait), besides the outputs of calls that its own handlers made; about 15 MiB on a client (of these
/// 5 MiB of the messages that answers came in), and its copy of the state. To that comes what one message can become: about
/// 3 MiB, for a Hello that asks to resume as many topics as fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    max_frame_bytes: usize,
    max_transfer_bytes: usize,
    max_input_bytes: usize,
    max_buffered_bytes: usize,
    max_queued_event_bytes: usize,
    max_topic_bytes: usize,
    max_state_bytes: usize,
    hello_timeout: Duration,
    close_timeout: Duration,
    heartbeat_interval: Option<Duration>,
}

impl Limits {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            max_frame_bytes: 4 << 20,
            max_transfer_bytes: 8 << 20,
            max_input_bytes: 8 << 20,
            max_buffered_bytes: 1 << 20,
            max_queued_event_bytes: 1 << 20,
            max_topic_bytes: 4 << 20,
            max_state_bytes: 64 << 20,
            hello_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(10),
            heartbeat_interval: Some(Duration::from_secs(20)),
        }
    }

    /// The longest frame to accept and to send, in bytes: a call, an answer, an event or a change of the state, with a few
    /// bytes before its payload. The peer is told; one that sends a longer one is disconnected. Default 4 MiB; values
    /// below [`MAX_MESSAGE_BYTES`] are raised to it.
    ///
    /// Memory: see [`with_max_transfer_bytes`](Self::with_max_transfer_bytes).
    #[must_use]
    pub const fn with_max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = if bytes < MAX_MESSAGE_BYTES { MAX_MESSAGE_BYTES } else { bytes };
        self
    }

    /// How much of what arrives in pieces is taken in at a time, in bytes of whole frames; other frames wait at their
    /// sender until there is room, at most 15 of them with 64 KiB here each. Default 8 MiB; one frame of the longest
    /// length is always taken in.
    ///
    /// Memory: this much a connection, and 1 MiB.
    #[must_use]
    pub const fn with_max_transfer_bytes(mut self, bytes: usize) -> Self {
        self.max_transfer_bytes = bytes;
        self
    }

    /// The inputs of calls that a server has received and not answered, in bytes. A call beyond it is refused with
    /// [`CallError::Busy`](crate::CallError::Busy). Default 8 MiB.
    ///
    /// Memory: this much a connection, half as much again, and 2 MiB. The half is for the messages that inputs came in, which
    /// they keep: beyond it inputs are copied. 1 MiB is for 256 messages of up to 4 KiB, which are not counted, and 1 MiB for
    /// extensions. What a handler makes of its input is not counted, nor an input that it keeps behind its answer.
    ///
    /// On a client the half bounds the messages that answers came in, until their ids are used again.
    #[must_use]
    pub const fn with_max_input_bytes(mut self, bytes: usize) -> Self {
        self.max_input_bytes = bytes;
        self
    }

    /// Output that may wait for a slow peer before a server stops starting handlers, in bytes. Default 1 MiB. Long answers
    /// aside, which go out in pieces: of these two of the longest may wait.
    ///
    /// Memory: this much a connection, and the answers of the calls that already run (at most 256).
    #[must_use]
    pub const fn with_max_buffered_bytes(mut self, bytes: usize) -> Self {
        self.max_buffered_bytes = bytes;
        self
    }

    /// Events that may wait for a slow reader, in bytes: on a server for the client, on a client for each of its
    /// streams, and once more for what nobody has taken yet. Beyond it some are dropped, and the reader is told how many: in a
    /// stream the oldest, on a server by [`Overflow`](crate::Overflow). Default 1 MiB.
    ///
    /// Each counts 64 bytes more than it takes on the wire, for its place in the queue, which takes up to twice that.
    ///
    /// Memory: on a server the events themselves are shared among all subscribers.
    #[must_use]
    pub const fn with_max_queued_event_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_event_bytes = bytes;
        self
    }

    /// The topics that one connection may be subscribed to at a time, in bytes of their names and
    /// [`TOPIC_OVERHEAD_BYTES`] each. Default 4 MiB: some 8,000 topics with short names. On a server it bounds what the application subscribes a connection
    /// to, patterns and the topics that they bring among it; on a client, what the server may announce: one that announces more is disconnected.
    #[must_use]
    pub const fn with_max_topic_bytes(mut self, bytes: usize) -> Self {
        self.max_topic_bytes = bytes;
        self
    }

    /// How large a client's copy of the state may grow, in bytes: of the snapshot that would make it. A server that makes
    /// it larger is disconnected. Default 64 MiB. It is measured now and then, so the copy may be a sixteenth larger for a
    /// while.
    ///
    /// Memory: what a payload of this length takes once it is decoded. The client of the driver has the state twice, and
    /// three times while one is copied because a reader still holds the older one.
    #[must_use]
    pub const fn with_max_state_bytes(mut self, bytes: usize) -> Self {
        self.max_state_bytes = bytes;
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

    /// How often something is to be heard of either side, on a server: if the connection is idle it asks the client for a
    /// sign of life. After three intervals without one either side gives the other up. `None`: never. Default 20 s; at
    /// least 1 us.
    ///
    /// Memory: a connection on which nothing was said or heard for an interval holds next to nothing. Without heartbeats it
    /// keeps up to 256 KiB for what may come, until [`Connection::release_memory`](crate::Connection::release_memory).
    ///
    /// A client takes what its server says.
    #[must_use]
    pub const fn with_heartbeat_interval(mut self, interval: Option<Duration>) -> Self {
        self.heartbeat_interval = match interval {
            Some(interval) if interval.as_micros() == 0 => Some(Duration::from_micros(1)),
            interval => interval,
        };
        self
    }

    /// See [`with_max_frame_bytes`](Self::with_max_frame_bytes).
    pub const fn max_frame_bytes(&self) -> usize {
        self.max_frame_bytes
    }

    /// See [`with_max_transfer_bytes`](Self::with_max_transfer_bytes).
    pub const fn max_transfer_bytes(&self) -> usize {
        self.max_transfer_bytes
    }

    /// See [`with_max_input_bytes`](Self::with_max_input_bytes).
    pub const fn max_input_bytes(&self) -> usize {
        self.max_input_bytes
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

    /// See [`with_max_state_bytes`](Self::with_max_state_bytes).
    pub const fn max_state_bytes(&self) -> usize {
        self.max_state_bytes
    }

    /// See [`with_hello_timeout`](Self::with_hello_timeout).
    pub const fn hello_timeout(&self) -> Duration {
        self.hello_timeout
    }

    /// See [`with_close_timeout`](Self::with_close_timeout).
    pub const fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// See [`with_heartbeat_interval`](Self::with_heartbeat_interval).
    pub const fn heartbeat_interval(&self) -> Option<Duration> {
        self.heartbeat_interval
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
