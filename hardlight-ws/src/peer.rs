//! Who is at the other end of a stream.

use std::net::SocketAddr;

use crate::TlsInfo;

/// What is known of the client behind a connection that was made elsewhere, for [`Request::peer_addr`] and [`Request::tls`].
///
/// An address will do in its place, and so will `None`.
///
/// [`Request::peer_addr`]: crate::Request::peer_addr
/// [`Request::tls`]: crate::Request::tls
#[derive(Clone, Debug, Default)]
pub struct Peer {
    pub(crate) addr: Option<SocketAddr>,
    pub(crate) tls: Option<TlsInfo>,
}

impl Peer {
    /// Nothing is known: of a socket that has no such address, for one.
    pub const fn unknown() -> Self {
        Self { addr: None, tls: None }
    }

    /// This peer over TLS that the application has: [`TlsInfo::new`] makes it of a rustls connection.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsInfo) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The address.
    pub const fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// What TLS has shown.
    pub const fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        Some(addr).into()
    }
}

impl From<Option<SocketAddr>> for Peer {
    fn from(addr: Option<SocketAddr>) -> Self {
        Self { addr, tls: None }
    }
}
