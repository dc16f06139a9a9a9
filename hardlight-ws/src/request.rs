//! What a client asks for, as the application sees it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use cookie::Cookie;
use hardlight_driver::Endpoint;
use http::{
    Extensions, HeaderMap, Uri,
    header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL},
    uri::Authority,
};

use crate::{
    Refusal, ResponseHeaders, TlsInfo, TrustedProxies, cookies,
    handshake::offered,
    origin::is_authority,
    token,
    trusted_proxies::{Client, ClientHost},
};

/// The HTTP request that a connection begins with.
///
/// The factory is given it, and handlers find it again: `self.connection().request::<Request>()`. Cheap to clone; clones
/// share it.
///
/// `Debug` shows the path, the names of the headers, the peer and the client, and no values: a query, a cookie or a subprotocol
/// may hold a secret.
///
/// Memory, for as long as the connection or a clone lives: some 1.2 KB for the request of a client of this crate, 3 KB for that
/// of a browser. In general what the client sent, at most
/// [`ServerOptions::max_head_bytes`](crate::ServerOptions::max_head_bytes), and some 150 bytes for each header, of which there
/// are at most 124.
#[derive(Clone)]
pub struct Request(Arc<Head>);

struct Head {
    uri: Uri,
    headers: HeaderMap,
    peer: Option<SocketAddr>,
    tls: Option<TlsInfo>,
    client: Client,
    extensions: Extensions,
    response: ResponseHeaders,
}

impl Request {
    /// A request from the head of `request`: for tests, and for transports of your own. A server makes its own. No proxy is
    /// trusted.
    pub fn new<T>(
        request: http::Request<T>,
        peer: Option<SocketAddr>,
        tls: Option<TlsInfo>,
    ) -> Self {
        let client = Client::direct(peer, tls.is_some());
        Self::of(client, request, peer, tls)
    }

    /// A request that may have come through one of these proxies; otherwise as [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// What to answer where a trusted proxy's `Forwarded` is malformed ([`TrustedProxies::forwarded`]).
    pub fn through<T>(
        proxies: &TrustedProxies,
        request: http::Request<T>,
        peer: Option<SocketAddr>,
        tls: Option<TlsInfo>,
    ) -> Result<Self, Refusal> {
        let client = proxies.client(request.headers(), peer, tls.is_some())?;
        Ok(Self::of(client, request, peer, tls))
    }

    fn of<T>(
        client: Client,
        request: http::Request<T>,
        peer: Option<SocketAddr>,
        tls: Option<TlsInfo>,
    ) -> Self {
        let (mut head, _) = request.into_parts();
        let secret = [AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL];
        // Not by entry, which would make room for one more.
        for (_, value) in head.headers.iter_mut().filter(|(name, _)| secret.contains(name)) {
            value.set_sensitive(true);
        }
        let response = ResponseHeaders::new();
        let (uri, headers, extensions) = (head.uri, head.headers, head.extensions);
        Self(Arc::new(Head { uri, headers, peer, tls, client, extensions, response }))
    }

    /// The path, percent-encoded as it was sent; begins with a `/`.
    pub fn path(&self) -> &str {
        self.0.uri.path()
    }

    /// What follows the `?`, percent-encoded as it was sent. Proxies and servers log it: no place for a secret.
    pub fn query(&self) -> Option<&str> {
        self.0.uri.query()
    }

    /// All headers. Those that may hold secrets show none by `Debug`.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The client's IP address: that of whoever has connected, or what a proxy says that
    /// [`ServerOptions::trusted_proxies`](crate::ServerOptions::trusted_proxies) has. An IPv4 address is one also where the socket
    /// has it as an IPv6 one. `None` where the transport has no addresses, and where a trusted proxy does not tell.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.0.client.ip
    }

    /// Whether the client is known to use TLS: with this server, or with a trusted proxy, which says so.
    pub fn is_secure(&self) -> bool {
        self.0.client.is_secure == Some(true)
    }

    /// The host that the client asked for, with the port if it is not the scheme's default one: the header `Host`, or what a
    /// trusted proxy says. `None` if that is malformed. A client's claim.
    pub fn host(&self) -> Option<&str> {
        match &self.0.client.host {
            ClientHost::AsSent => {
                self.0.headers.get(HOST)?.to_str().ok().filter(|host| is_authority(host))
            }
            ClientHost::Told(host) => Some(host),
            ClientHost::Unknown => None,
        }
    }

    /// Who talks to whom, for spans.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let endpoint =
            Endpoint::unknown().with_peer(self.peer_addr()).with_client(self.client_ip());
        let Some(host) = self.host().and_then(|host| host.parse::<Authority>().ok()) else {
            return endpoint;
        };
        let default = self.known_secure().map(|secure| if secure { 443 } else { 80 });
        endpoint.with_server(host.host(), host.port_u16().or(default))
    }

    /// Whether the client uses TLS; `None` where nobody has said.
    pub(crate) fn known_secure(&self) -> Option<bool> {
        self.0.client.is_secure
    }

    /// The other end of the socket: the client's, or that of a proxy before this server. `None` where the transport has no
    /// such address. Who the client is says [`client_ip`](Self::client_ip).
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// What TLS with this server has shown; `None` without, also if a proxy before it has it:
    /// [`is_secure`](Self::is_secure).
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.0.tls.as_ref()
    }

    /// What others have said of the request, by type: where an HTTP server has read it, whatever its middleware has added, such as
    /// who the user is. Empty on a server that reads its requests itself.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// The origin of the web page that connects, as its browser sent it; `None` if it is no browser. It was checked by
    /// [`ServerOptions::origins`](crate::ServerOptions::origins).
    pub fn origin(&self) -> Option<&str> {
        self.0.headers.get(ORIGIN)?.to_str().ok()
    }

    /// The subprotocols that the client offers, in its order of preference, without tokens.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        offered(&self.0.headers).filter(|entry| !entry.starts_with(token::PREFIX))
    }

    /// The cookies that the client sent, in its order, values as they were sent. Parsed while they are iterated over; what is
    /// malformed is skipped, and so is a name that is no HTTP token.
    ///
    /// Whatever a client sends it may have made up: look a session up, or check a signature.
    pub fn cookies(&self) -> impl Iterator<Item = Cookie<'_>> {
        cookies::sent(&self.0.headers)
    }

    /// The first cookie of this name. Give the cookie a name that begins with `__Host-`, so that no other host can set one
    /// that comes before it.
    pub fn cookie(&self, name: &str) -> Option<Cookie<'_>> {
        self.cookies().find(|cookie| cookie.name() == name)
    }

    /// The client's bearer token: that of the header `Authorization: Bearer`, if there is one; else, since a browser's page
    /// cannot set headers, the subprotocol entry `hl.token.` with the token in base64url without padding.
    ///
    /// `None` if there is none, if there are several of the kind that counts, or if it is malformed: a token is letters, digits and
    /// `-._~+/`, and `=` at its end (RFC 6750). It is never echoed, and nothing here shows it by `Debug`.
    pub fn bearer_token(&self) -> Option<String> {
        token::of(&self.0.headers)
    }

    /// What the factory adds to the response that accepts the connection: headers, and cookies to set. If it refuses the
    /// connection after all they are dropped, and its [`Refusal`](crate::Refusal) has headers of its own.
    pub fn response(&self) -> &ResponseHeaders {
        &self.0.response
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("path", &self.path())
            .field("peer", &self.peer_addr())
            .field("client", &self.client_ip())
            .field("headers", &self.headers().keys().collect::<Vec<_>>())
            .field("tls", &self.tls())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secrets() {
        let request = http::Request::get("/rooms?token=secret")
            .header("Cookie", "session=secret")
            .header("Authorization", "Bearer secret")
            .header("Sec-WebSocket-Protocol", "hl.1, hl.token.c2VjcmV0")
            .body(());
        let request = Request::new(request.unwrap(), None, None);
        let shown = format!("{request:?} {:?}", request.headers());
        assert!(shown.contains("cookie") && !shown.contains("secret"), "{shown}");
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
        assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["hl.1"]);
        assert_eq!(request.cookie("session").unwrap().value(), "secret");
        assert_eq!(request.bearer_token().as_deref(), Some("secret"));
    }
}
