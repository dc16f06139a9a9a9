//! The ends of a connection, as spans name them.

use std::net::{IpAddr, SocketAddr};

/// Where the two ends of a connection are, as far as its adapter knows: what the spans of the connection and of its calls say. By
/// default nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    pub(super) server: Option<Box<str>>,
    pub(super) server_port: Option<u16>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) client: Option<IpAddr>,
}

impl Endpoint {
    /// Nothing is known.
    pub const fn unknown() -> Self {
        Self { server: None, server_port: None, peer: None, client: None }
    }

    /// The name or the address by which the client knows the server, and the port: `server.address` and `server.port`.
    #[must_use]
    pub fn with_server(mut self, host: impl Into<Box<str>>, port: Option<u16>) -> Self {
        self.server = Some(host.into());
        self.server_port = port;
        self
    }

    /// The other end of the socket: `network.peer.address` and `network.peer.port`.
    #[must_use]
    pub fn with_peer(mut self, peer: impl Into<Option<SocketAddr>>) -> Self {
        self.peer = peer.into();
        self
    }

    /// On a server, the client behind proxies: `client.address`.
    #[must_use]
    pub fn with_client(mut self, client: impl Into<Option<IpAddr>>) -> Self {
        self.client = client.into();
        self
    }
}
