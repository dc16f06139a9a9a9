//! What a client asks for, as the application's factory sees it.

use std::{fmt, net::SocketAddr};

use http::{HeaderMap, Uri, header::SEC_WEBSOCKET_PROTOCOL};

/// The HTTP request that a connection begins with.
///
/// `Debug` shows the path, the names of the headers and the peer, and no values: a query, a cookie or a subprotocol
/// may hold a secret.
#[derive(Clone)]
pub struct Request {
    uri: Uri,
    headers: HeaderMap,
    peer: Option<SocketAddr>,
}

impl Request {
    pub(crate) fn new<T>(request: http::Request<T>, peer: Option<SocketAddr>) -> Self {
        let (head, _) = request.into_parts();
        Self { uri: head.uri, headers: head.headers, peer }
    }

    /// The path, percent-encoded as it was sent; begins with a `/`.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// What follows the `?`, percent-encoded as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// All headers.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The address that the connection comes from: the client's, or that of a proxy before this server. `None` where
    /// the transport has no such address.
    pub const fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The subprotocols that the client offers, in its order of preference.
    ///
    /// One that begins with `hl.token.` is a bearer token: treat it as a secret.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.headers
            .get_all(SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|offered| !offered.is_empty())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("path", &self.path())
            .field("peer", &self.peer)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish()
    }
}
