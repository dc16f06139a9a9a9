//! What an application can set on a client.

use std::{fmt, time::Duration};

use hardlight_driver::{
    Reconnect, Telemetry,
    proto::{ClientConfig, ConnectionError, Limits, Resume, ServiceSchema},
};

use crate::{ConnectError, Refresh, subprotocols};

/// How a client connects. What it cannot set here the browser does by itself, or does not allow at all: cookies go out with the
/// request as with any other of the page, the certificates to trust are the browser's, and there are no headers.
///
/// `Debug` does not show the token.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// See [`connect_timeout`](Self::connect_timeout).
    pub connect_timeout: Duration,
    /// See [`limits`](Self::limits).
    pub limits: Limits,
    /// See [`compression`](Self::compression).
    #[cfg(feature = "deflate")]
    pub compression: bool,
    /// See [`partial_state`](Self::partial_state).
    pub partial_state: bool,
    /// See [`token`](Self::token).
    pub token: Option<String>,
    /// See [`subprotocol`](Self::subprotocol).
    pub subprotocols: Vec<String>,
    /// See [`resume`](Self::resume).
    pub resume: Option<Resume>,
    /// See [`reconnect`](Self::reconnect).
    pub reconnect: Option<Reconnect>,
    /// See [`refresh`](Self::refresh).
    pub refresh: Option<Refresh>,
    /// See [`call_timeout`](Self::call_timeout).
    pub call_timeout: Option<Duration>,
    /// See [`telemetry`](Self::telemetry).
    pub telemetry: Telemetry,
}

impl ClientOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            limits: Limits::new(),
            #[cfg(feature = "deflate")]
            compression: false,
            partial_state: false,
            token: None,
            subprotocols: Vec::new(),
            resume: None,
            reconnect: None,
            refresh: None,
            call_timeout: None,
            telemetry: Telemetry::new(),
        }
    }

    /// How long connecting may take in all: what the browser does until the WebSocket is open, and Hello. Default 10 s. No
    /// memory cost.
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

    /// Whether payloads may travel compressed, if the server allows it. Default: no. With the feature `deflate`.
    ///
    /// What an attacker may choose must not be compressed beside what is secret: a service marks that (SPEC.md, section 22).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn compression(mut self, compression: bool) -> Self {
        self.compression = compression;
        self
    }

    /// Whether this client can do without state fields that the server has with another type or under another name: they
    /// keep their defaults, and [`mismatches`](hardlight_driver::ClientConnection::mismatches) names them. Default: no,
    /// connecting fails with [`ConnectionError::Incompatible`] (SPEC.md, section 6.3). No memory cost.
    #[must_use]
    pub const fn partial_state(mut self, partial_state: bool) -> Self {
        self.partial_state = partial_state;
        self
    }

    /// Sends a bearer token, as the entry `hl.token.` of the subprotocols (SPEC.md, section 3.2), since a page cannot set headers.
    /// Default: none. Memory: none beyond the handshake.
    ///
    /// One with other characters than letters, digits, `-._~+/` and `=` at its end (RFC 6750) makes connecting fail with
    /// [`ConnectError::InvalidToken`].
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Offers one more subprotocol behind `hl.1`, for the server's factory to see; `hl.1` is the one that is spoken. Default:
    /// none. Memory: none beyond the handshake.
    ///
    /// One that is no HTTP token, or that is offered already, makes connecting fail with
    /// [`ConnectError::InvalidSubprotocol`].
    #[must_use]
    pub fn subprotocol(mut self, subprotocol: impl Into<String>) -> Self {
        self.subprotocols.push(subprotocol.into());
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

    /// Whether the client comes back by itself when its connection is lost: `reconnect(Reconnect::new())`. It does not wait any
    /// longer once the browser is online again, or the page is looked at again. Default: no, the client ends with its first
    /// connection. The first one is tried once, and its failure is the caller's.
    ///
    /// Memory: calls that are in flight keep their arguments until they are answered.
    #[must_use]
    pub fn reconnect(mut self, reconnect: impl Into<Option<Reconnect>>) -> Self {
        self.reconnect = reconnect.into();
        self
    }

    /// Asks for the options anew before each attempt to connect again: for a token that has expired since. `refresh` gets these
    /// options, as they are here, and why the connection was lost or the last attempt failed. It counts under
    /// [`connect_timeout`](Self::connect_timeout). If it fails, so does the attempt, and there is another one: to give up for
    /// good, close the client. Default: these options each time.
    ///
    /// How and whether to connect again is not asked anew.
    #[must_use]
    pub fn refresh<F, X>(mut self, refresh: impl Fn(Self, ConnectionError) -> F + 'static) -> Self
    where
        F: Future<Output = Result<Self, X>> + 'static,
        X: fmt::Display,
    {
        self.refresh = Some(Refresh::new(refresh));
        self
    }

    /// How long each call may take: it ends with
    /// [`CallError::DeadlineExceeded`](hardlight_driver::proto::CallError::DeadlineExceeded) then, here and on the server.
    /// `with_timeout` of a client makes one with another timeout for some calls. Default: `None`, for ever. Memory: some 100 bytes
    /// for each call that is under way.
    #[must_use]
    pub const fn call_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// What the client tells of itself: whether its calls carry trace contexts, whether payloads are logged. Default
    /// [`Telemetry::new`]. Memory: as its parts say.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// What a connection to a service with this schema is made with.
    pub(crate) fn config(&self, schema: &'static ServiceSchema) -> ClientConfig {
        let config = ClientConfig::new(schema)
            .with_limits(self.limits.clone())
            .with_partial_state(self.partial_state)
            .with_resume(self.resume.clone());
        #[cfg(feature = "deflate")]
        let config = config.with_compression(self.compression);
        config
    }

    /// What is offered to the server.
    pub(crate) fn protocols(&self) -> Result<Vec<String>, ConnectError> {
        subprotocols::offered(self.token.as_deref(), &self.subprotocols)
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("limits", &self.limits)
            .field("partial_state", &self.partial_state)
            .field("token", &self.token.is_some())
            .field("subprotocols", &self.subprotocols.len())
            .field("resume", &self.resume)
            .field("reconnect", &self.reconnect)
            .field("refresh", &self.refresh.is_some())
            .field("call_timeout", &self.call_timeout)
            .field("telemetry", &self.telemetry)
            .finish_non_exhaustive()
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_clients_options_shows_no_secrets() {
        let options = ClientOptions::new().token("secret").subprotocol("hl.token.secret");
        let shown = format!("{options:?}");
        assert!(shown.contains("token: true") && !shown.contains("secret"), "{shown}");
    }
}
