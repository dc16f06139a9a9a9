//! What an application can set on a client or a server, and what follows from it for the WebSocket.

use std::{fmt, time::Duration};

use cookie::{Cookie, CookieJar};
use hardlight_driver::{Reconnect, Telemetry};
use hardlight_proto::{
    ClientConfig, ConnectionError, Limits, MAX_MESSAGE_BYTES, Resume, ServiceSchema,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tungstenite::protocol::WebSocketConfig;

use crate::{
    ClientAuth, Identity, OriginPolicy, Proxy, Refresh, RefuseInBand, Trust, TrustedProxies,
};

/// tungstenite holds this much for as long as the connection lives, and fills it with zeros before every read, so its default of
/// 128 KiB costs more than it saves. What comes in bulk is read by [`ReadAhead`](crate::ReadAhead).
const READ_BUFFER_BYTES: usize = 2 * 1024;

/// One TLS record. The driver flushes once per wake; up to here its messages leave in one write.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// How a client connects.
///
/// `Debug` shows the names of headers and cookies, and no values.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// See [`trust`](Self::trust).
    pub trust: Option<Trust>,
    /// See [`identity`](Self::identity).
    pub identity: Option<Identity>,
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
    /// See [`cookie`](Self::cookie).
    pub cookies: Vec<Cookie<'static>>,
    /// See [`token`](Self::token).
    pub token: Option<String>,
    /// See [`origin`](Self::origin).
    pub origin: Option<String>,
    /// See [`subprotocol`](Self::subprotocol).
    pub subprotocols: Vec<String>,
    /// See [`resume`](Self::resume).
    pub resume: Option<Resume>,
    /// See [`reconnect`](Self::reconnect).
    pub reconnect: Option<Reconnect>,
    /// See [`refresh`](Self::refresh).
    pub refresh: Option<Refresh>,
    /// See [`proxy`](Self::proxy).
    pub proxy: Option<Proxy>,
    /// See [`call_timeout`](Self::call_timeout).
    pub call_timeout: Option<Duration>,
    /// See [`telemetry`](Self::telemetry).
    pub telemetry: Telemetry,
}

impl ClientOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            trust: None,
            identity: None,
            connect_timeout: Duration::from_secs(10),
            limits: Limits::new(),
            headers: HeaderMap::new(),
            compression: false,
            partial_state: false,
            cookies: Vec::new(),
            token: None,
            origin: None,
            subprotocols: Vec::new(),
            resume: None,
            reconnect: None,
            refresh: None,
            proxy: None,
            call_timeout: None,
            telemetry: Telemetry::new(),
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

    /// Who the client is, for a server that asks for a certificate ([`ClientAuth`]). Default: nobody. A plain connection
    /// (`ws://`) shows none.
    ///
    /// Memory: the certificates and the key, shared by all clones.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// How long connecting may take in all: name, TCP, proxy, TLS, WebSocket and Hello. Default 10 s. No memory cost.
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
    /// Headers that belong to the connection or the WebSocket handshake (`Host`, `Upgrade`, `Content-Length`,
    /// `Sec-WebSocket-Key` ...) make connecting fail with
    /// [`ConnectError::ReservedHeader`](crate::ConnectError::ReservedHeader); a second `Authorization` or `Origin`, beside
    /// [`token`](Self::token) or [`origin`](Self::origin), with
    /// [`ConnectError::DuplicateHeader`](crate::ConnectError::DuplicateHeader). A browser cannot set headers:
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

    /// Sends a cookie with the HTTP request; its attributes stay here. Default: none. Memory: none beyond the handshake.
    ///
    /// A name or a value that cannot stand in a header makes connecting fail with
    /// [`ConnectError::InvalidCookie`](crate::ConnectError::InvalidCookie).
    #[must_use]
    pub fn cookie(mut self, cookie: impl Into<Cookie<'static>>) -> Self {
        self.cookies.push(cookie.into());
        self
    }

    /// Sends all cookies of a jar, one for this server: [`Response::store`](crate::Response::store) fills it.
    #[must_use]
    pub fn cookies(mut self, jar: &CookieJar) -> Self {
        self.cookies.extend(jar.iter().cloned());
        self
    }

    /// Sends a bearer token, as `Authorization: Bearer`. Default: none. Memory: none beyond the handshake.
    ///
    /// One with other characters than letters, digits, `-._~+/` and `=` at its end (RFC 6750) makes connecting fail with
    /// [`ConnectError::InvalidHeader`](crate::ConnectError::InvalidHeader).
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Says which web page connects, as a browser does: `https://app.example.com`. For applications that show web pages, and
    /// for tests. Default: none, and a server lets a client that is no browser in. Memory: none beyond the handshake.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Offers one more subprotocol behind `hl.1`, for the server's factory to see; `hl.1` is the one that is spoken. Default:
    /// none. Memory: none beyond the handshake.
    ///
    /// One that is no HTTP token makes connecting fail with
    /// [`ConnectError::InvalidHeader`](crate::ConnectError::InvalidHeader).
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

    /// Whether the client comes back by itself when its connection is lost: `reconnect(Reconnect::new())`. See the guide
    /// on what becomes of its calls, state and events. Default: no, the client ends with its first connection. The first one is
    /// tried once, and its failure is the caller's.
    ///
    /// Memory: calls that are in flight keep their arguments until they are answered.
    #[must_use]
    pub fn reconnect(mut self, reconnect: impl Into<Option<Reconnect>>) -> Self {
        self.reconnect = reconnect.into();
        self
    }

    /// Asks for the options anew before each attempt to connect again: for a token that has expired since, or a header that
    /// changes. `refresh` gets these options, as they are here, and why the connection was lost or the last attempt failed. It
    /// counts under [`connect_timeout`](Self::connect_timeout). If it fails, so does the attempt, and there is another one:
    /// to give up for good, close the client. Default: these options each time.
    ///
    /// How and whether to connect again is not asked anew.
    #[must_use]
    pub fn refresh<F, X>(
        mut self,
        refresh: impl Fn(Self, ConnectionError) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Self, X>> + Send + 'static,
        X: fmt::Display,
    {
        self.refresh = Some(Refresh::new(refresh));
        self
    }

    /// The proxy to reach the server through. Default: none, whatever the environment says; [`Proxy::from_env`] is what that
    /// says.
    ///
    /// Memory: none beyond the handshake.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// How long each call may take: it ends with
    /// [`CallError::DeadlineExceeded`](hardlight_proto::CallError::DeadlineExceeded) then, here and on the server. `with_timeout` of
    /// a client makes one with another timeout for some calls. Default: `None`, for ever. Memory: some 100 bytes for each call
    /// that is under way.
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
    pub fn config(&self, schema: &'static ServiceSchema) -> ClientConfig {
        ClientConfig::new(schema)
            .with_limits(self.limits.clone())
            .with_compression(self.compression)
            .with_partial_state(self.partial_state)
            .with_resume(self.resume.clone())
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cookies: Vec<_> = self.cookies.iter().map(Cookie::name).collect();
        f.debug_struct("ClientOptions")
            .field("trust", &self.trust)
            .field("identity", &self.identity)
            .field("connect_timeout", &self.connect_timeout)
            .field("limits", &self.limits)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("cookies", &cookies)
            .field("token", &self.token.is_some())
            .field("origin", &self.origin)
            .field("subprotocols", &self.subprotocols.len())
            .field("compression", &self.compression)
            .field("partial_state", &self.partial_state)
            .field("resume", &self.resume)
            .field("reconnect", &self.reconnect)
            .field("refresh", &self.refresh.is_some())
            .field("proxy", &self.proxy)
            .field("call_timeout", &self.call_timeout)
            .field("telemetry", &self.telemetry)
            .finish()
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
    /// See [`origins`](Self::origins).
    pub origins: OriginPolicy,
    /// See [`client_auth`](Self::client_auth).
    pub client_auth: ClientAuth,
    /// See [`refuse_in_band`](Self::refuse_in_band).
    pub refuse_in_band: RefuseInBand,
    /// See [`trusted_proxies`](Self::trusted_proxies).
    pub trusted_proxies: TrustedProxies,
    /// See [`max_call_time`](Self::max_call_time).
    pub max_call_time: Option<Duration>,
    /// See [`telemetry`](Self::telemetry).
    pub telemetry: Telemetry,
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
            origins: OriginPolicy::same_origin(),
            client_auth: ClientAuth::None,
            refuse_in_band: RefuseInBand::WithOrigin,
            trusted_proxies: TrustedProxies::none(),
            max_call_time: None,
            telemetry: Telemetry::new(),
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

    /// How long TLS, the head of the HTTP request and the factory may take together. Default 10 s. A client that is too slow
    /// is dropped; a factory that is too slow is dropped as well, and its client gets HTTP status 503. A factory
    /// whose client hangs up meanwhile is dropped at once. A client that is refused has another 2 s to read why.
    ///
    /// Memory: a client that does nothing holds a socket and, with TLS, some 20 KiB for this long. While the factory runs
    /// up to 8 KiB of what the client sends are kept.
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

    /// Which web pages may connect. Default [`OriginPolicy::same_origin`]; clients that are no browsers pass.
    #[must_use]
    pub fn origins(mut self, origins: OriginPolicy) -> Self {
        self.origins = origins;
        self
    }

    /// Whether clients show a certificate of their own. Default [`ClientAuth::None`]. A server without TLS asks for none.
    ///
    /// Memory: the certificates that a client has sent, some kilobytes, for as long as its connection lives.
    #[must_use]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// How long a call may run: what runs longer is dropped and answered
    /// [`CallError::DeadlineExceeded`](hardlight_proto::CallError::DeadlineExceeded). A client's own deadline counts if it is
    /// shorter; methods that are marked `#[rpc(no_cancel)]` run on. Default: `None`, for ever. Memory: some 50 bytes for each call
    /// that runs.
    #[must_use]
    pub const fn max_call_time(mut self, time: Option<Duration>) -> Self {
        self.max_call_time = time;
        self
    }

    /// Whether the factory's refusals are told by HTTP status or in band, by a close code. Default
    /// [`RefuseInBand::WithOrigin`]. No memory cost.
    #[must_use]
    pub const fn refuse_in_band(mut self, in_band: RefuseInBand) -> Self {
        self.refuse_in_band = in_band;
        self
    }

    /// What the server tells of itself: whether calls carry trace contexts, whether payloads are logged. Default
    /// [`Telemetry::new`]. Memory: as its parts say.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Which proxies are believed what they say of their clients. Default [`TrustedProxies::none`].
    ///
    /// Memory: up to a host's name more for each connection.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// tungstenite's settings for a connection: 2 KiB to read into, up to 16 KiB and one message to
/// write from, and no message longer than [`MAX_MESSAGE_BYTES`], in however many WebSocket frames it comes.
pub fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
        .accept_unmasked_frames(false)
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn debug_of_a_clients_options_shows_no_secrets() {
        let options = ClientOptions::new()
            .header(AUTHORIZATION, HeaderValue::from_static("Basic secret"))
            .cookie(("session", "secret"))
            .token("secret")
            .subprotocol("hl.token.secret")
            .proxy(Proxy::http("http://user:secret@proxy.example").unwrap());
        let shown = format!("{options:?}");
        assert!(shown.contains("session") && shown.contains("authorization"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
