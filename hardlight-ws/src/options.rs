//! What an application can set on a client or a server, and what follows from it for the WebSocket.

use std::time::Duration;

use hardlight_proto::{ClientConfig, Limits, MAX_MESSAGE_BYTES, Resume, ServiceSchema};
use http::{HeaderMap, HeaderName, HeaderValue};
use tungstenite::protocol::WebSocketConfig;

use crate::Trust;

/// tungstenite fills this much with zeros before every read, so its default of 128 KiB costs more than it saves.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// One TLS record. The driver flushes once per wake; up to here its messages leave in one write.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// How a client connects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// See [`trust`](Self::trust).
    pub trust: Option<Trust>,
    /// See [`connect_timeout`](Self::connect_timeout).
    pub connect_timeout: Duration,
    /// See [`limits`](Self::limits).
    pub limits: Limits,
    /// See [`header`](Self::header).
    pub headers: HeaderMap,
    /// See [`compression`](Self::compression).
    pub compression: bool,
    /// See [`partial_state`](Self::partial_state).
    pub partial_state: bool,
    /// See [`resume`](Self::resume).
    pub resume: Option<Resume>,
}

impl ClientOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            trust: None,
            connect_timeout: Duration::from_secs(10),
            limits: Limits::new(),
            headers: HeaderMap::new(),
            compression: false,
            partial_state: false,
            resume: None,
        }
    }

    /// The certificates to trust. Default: [`Trust::system`]. A plain connection (`ws://`) uses none.
    ///
    /// Memory: about 64 KiB for the certificates of a system, shared by all clones.
    #[must_use]
    pub fn trust(mut self, trust: impl Into<Trust>) -> Self {
        self.trust = Some(trust.into());
        self
    }

    /// How long connecting may take in all: name, TCP, TLS, WebSocket and Hello. Default 10 s. No memory cost.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// What the connection may hold; each limit states its memory cost. Default [`Limits::new`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a header to the HTTP request; one name may have several values. Default: none. Memory: none beyond the
    /// handshake.
    ///
    /// Headers that the WebSocket handshake itself sets (`Host`, `Upgrade`, `Sec-WebSocket-Key` ...) make connecting
    /// fail with [`ConnectError::ReservedHeader`](crate::ConnectError::ReservedHeader). A browser cannot set headers:
    /// a service that browsers use as well should not depend on one.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Whether payloads may travel compressed, if the server allows it: [`ServerOptions::compression`] says when that pays, and
    /// what to mark as secret before. Default: no.
    ///
    /// Memory: as there.
    #[must_use]
    pub const fn compression(mut self, compression: bool) -> Self {
        self.compression = compression;
        self
    }

    /// Whether this client can do without state fields that the server has with another type or under another name: they
    /// keep their defaults, and [`mismatches`](hardlight_driver::ClientConnection::mismatches) names them. Default: no,
    /// connecting fails with [`ConnectionError::Incompatible`](hardlight_proto::ConnectionError::Incompatible) (SPEC.md,
    /// section 6.3). No memory cost.
    #[must_use]
    pub const fn partial_state(mut self, partial_state: bool) -> Self {
        self.partial_state = partial_state;
        self
    }

    /// Goes on where an earlier connection left off: what its `resume_point` said. It subscribes to nothing by itself; when
    /// the server subscribes the connection to a topic of that name again, the events that it missed come first, as far as
    /// the server keeps them, or the stream says that they are missing. Default: a connection of its own.
    ///
    /// Memory: the names of those topics, until the server has subscribed the connection to them.
    #[must_use]
    pub fn resume(mut self, resume: Option<Resume>) -> Self {
        self.resume = resume;
        self
    }

    /// What a connection to a service with this schema is made with.
    pub fn config(&self, schema: &'static ServiceSchema) -> ClientConfig {
        ClientConfig::new(schema)
            .with_limits(self.limits.clone())
            .with_compression(self.compression)
            .with_partial_state(self.partial_state)
            .with_resume(self.resume.clone())
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// How a server listens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// See [`limits`](Self::limits).
    pub limits: Limits,
    /// See [`compression`](Self::compression).
    pub compression: bool,
    /// See [`handshake_timeout`](Self::handshake_timeout).
    pub handshake_timeout: Duration,
    /// See [`max_head_bytes`](Self::max_head_bytes).
    pub max_head_bytes: usize,
    /// See [`stop_grace`](Self::stop_grace).
    pub stop_grace: Duration,
}

impl ServerOptions {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            limits: Limits::new(),
            compression: false,
            handshake_timeout: Duration::from_secs(10),
            max_head_bytes: 16 * 1024,
            stop_grace: Duration::from_secs(30),
        }
    }

    /// What each connection may hold; each limit states its memory cost. Default [`Limits::new`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether payloads may travel compressed, with clients that ask for it too: [`ClientOptions::compression`]. Default: no.
    ///
    /// Payloads of 1 KiB and more are, if that makes them shorter: the outputs of calls, state changes and events. An event is
    /// compressed once, however many clients it goes to. That pays where texts travel over slow networks, and not within a
    /// data centre: it takes time of the task that drives the connection.
    ///
    /// **Secrets**: who can choose a part of a payload, and see on the wire how long it becomes, finds out what else is in it
    /// (CRIME, BREACH; SPEC.md, section 22), through TLS too. So mark what holds secrets together with what others may
    /// choose, and it is never compressed: methods by `#[rpc(secret)]`, fields of the state by `#[state(secret)]`, events by
    /// `#[events(secret)]`.
    ///
    /// Memory: some 300 KiB and the result while a payload is compressed, some 10 KiB and the result while one is expanded,
    /// nothing in between.
    #[must_use]
    pub const fn compression(mut self, compression: bool) -> Self {
        self.compression = compression;
        self
    }

    /// How long a client may take for TLS and the head of its HTTP request together. Default 10 s.
    ///
    /// Memory: a client that does nothing holds a socket and, with TLS, some 20 KiB for this long.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// The most that the request line and the headers may take, in bytes. Default 16 KiB.
    ///
    /// Memory: this much a connection, until the handshake is done.
    #[must_use]
    pub const fn max_head_bytes(mut self, bytes: usize) -> Self {
        self.max_head_bytes = bytes;
        self
    }

    /// How long a server that stops waits for the calls that run and for the clients to close, before it aborts what
    /// is left. Default 30 s: each of the two takes up to [`Limits::close_timeout`], 10 s by default, and less than both
    /// would cut connections off without a reason. No memory cost.
    #[must_use]
    pub const fn stop_grace(mut self, grace: Duration) -> Self {
        self.stop_grace = grace;
        self
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// tungstenite's settings for a connection: 8 KiB to read into, up to 16 KiB and one message to
/// write from, and no message longer than [`MAX_MESSAGE_BYTES`], in however many WebSocket frames it comes.
pub fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
        .accept_unmasked_frames(false)
}
