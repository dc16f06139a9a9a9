//! What the TLS handshake of a connection has shown.

use std::fmt;

use rustls::{ProtocolVersion, ServerConnection, pki_types::CertificateDer};

/// What a server knows of a connection from its TLS handshake.
#[derive(Clone)]
pub struct TlsInfo {
    version: TlsVersion,
    server_name: Option<String>,
    alpn: Option<Vec<u8>>,
    client_certificates: Vec<CertificateDer<'static>>,
}

impl TlsInfo {
    /// Of a connection whose handshake is done.
    pub fn new(connection: &ServerConnection) -> Self {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
            _ => TlsVersion::Tls13,
        };
        let client_certificates = connection.peer_certificates().unwrap_or_default();
        Self {
            version,
            server_name: connection.server_name().map(str::to_owned),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            client_certificates: client_certificates
                .iter()
                .cloned()
                .map(CertificateDer::into_owned)
                .collect(),
        }
    }

    /// The version of TLS.
    pub const fn version(&self) -> TlsVersion {
        self.version
    }

    /// The name that the client asked for (SNI), in small letters. `None` if it used an IP address. The client's choice, and
    /// no proof of anything.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The protocol that was agreed on (ALPN): `http/1.1`, or `None` if the client did not ask.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// The client's own certificate, in DER. `None` unless [`ClientAuth`](crate::ClientAuth) asks for one and the client has
    /// shown one: then it is valid today, signed by one of those that are trusted for this, and the client has its key.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.client_certificates().next()
    }

    /// The chain that the client sent, each in DER: its own certificate, then others as it chose. What was verified is the
    /// first one, not which of the others were needed for it.
    pub fn client_certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.client_certificates.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .field("server_name", &self.server_name)
            .field("client_certificates", &self.client_certificates.len())
            .finish_non_exhaustive()
    }
}

/// A version of TLS. No others are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}
