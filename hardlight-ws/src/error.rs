//! What can go wrong before a connection exists: at connecting, at listening, and with certificates.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use hardlight_proto::{CloseCode, ConnectionError, Initiator};
use http::{HeaderName, StatusCode};
use rustls::pki_types::pem;
use thiserror::Error;
use tungstenite::error::ProtocolError;

use crate::{ProxyUrlError, Refusal, Response, SUBPROTOCOL, Target};

/// How much of a refusal's body an error keeps, in bytes.
const MAX_BODY_BYTES: usize = 1024;

/// What a library underneath said. Which library that is may change.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a client has no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be connected to.
    #[error("cannot connect to '{url}': {reason}")]
    InvalidUrl {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An extra header that belongs to the connection or to the WebSocket handshake itself.
    #[error(
        "the header '{0}' belongs to the connection or the WebSocket handshake and cannot be set"
    )]
    ReservedHeader(HeaderName),
    /// A header that a request has once, and the options twice: by
    /// [`ClientOptions::header`](crate::ClientOptions::header) and by the token or the origin, or by the former twice.
    #[error("the options have the header '{0}' twice; a request has one")]
    DuplicateHeader(HeaderName),
    /// The token, the origin or a subprotocol holds characters that cannot stand in this header.
    #[error("what the options have for the header '{0}' cannot stand in one")]
    InvalidHeader(HeaderName),
    /// The cookie of this name holds what cannot stand in a header, or would add something to it.
    #[error("the cookie '{0}' holds characters that cannot stand in one (RFC 6265, section 4.1.1)")]
    InvalidCookie(String),
    /// The certificates to trust could not be loaded.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The name did not resolve, or no address of it could be connected to; or the connection broke.
    #[error("cannot connect to {address}: {source}")]
    Io {
        /// The host and port, and the addresses that were tried.
        address: String,
        /// What the system said; of the last address, if several were tried.
        source: io::Error,
    },
    /// The proxy that the server was to be reached through has no URL that can be used.
    #[error(transparent)]
    InvalidProxy(#[from] ProxyUrlError),
    /// The proxy was reached, and did not connect the client with the server.
    #[error("the proxy {proxy} did not connect this client with the server: {source}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// What it did instead.
        source: ProxyError,
    },
    /// The server could not prove who it is, or TLS failed in another way.
    #[error("TLS with '{name}' failed: {source}{}", tls_hint(.source))]
    Tls {
        /// The name that the server's certificate must be for.
        name: String,
        /// What rustls or the system said.
        source: io::Error,
    },
    /// It took too long.
    #[error("timed out after {limit:?} while {phase}")]
    Timeout {
        /// What was going on.
        phase: ConnectPhase,
        /// The time allowed for the whole of connecting.
        limit: Duration,
    },
    /// The server refused the connection: by an HTTP status, or in band, by a close code that stands for one.
    #[error("the server refused the connection: {status}{}{reason}", if .reason.is_empty() { "" } else { ": " })]
    Refused {
        /// The status.
        status: StatusCode,
        /// Why: at most the first 1 KiB of what arrived of the response's body, as text; or what the close said.
        reason: String,
        /// The close code, if it was in band.
        close_code: Option<CloseCode>,
        /// The head of the response: cookies that the server sets or deletes, what it asks for.
        response: Response,
    },
    /// The server speaks WebSocket, but did not agree to HardLight.
    #[error("the server did not select the subprotocol {SUBPROTOCOL}: {0}")]
    Subprotocol(String),
    /// The server's answer was no WebSocket handshake.
    #[error("the WebSocket handshake failed: {0}{hint}", hint = http_hint(.0))]
    WebSocket(#[source] Source),
    /// The connection ended before both sides had greeted each other.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl ConnectError {
    /// Whether trying again later, unchanged, may well succeed: the network failed or was slow, or the server said that
    /// it is busy or away for now.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Timeout { .. } => true,
            Self::Tls { source, .. } => !is_tls(source),
            Self::Refused { status, .. } => {
                CloseCode::refusal(status.as_u16()).is_some_and(CloseCode::is_retryable)
            }
            Self::Connection(error) => error.is_retryable(),
            Self::Proxy { source, .. } => source.is_retryable(),
            _ => false,
        }
    }

    /// The HTTP status that the server refused the connection with: by that status, or in band, by a close code that stands for
    /// it, then or later. `None` if it did not.
    pub fn refused_status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Connection(error) => refused_status(error),
            _ => None,
        }
    }

    /// How long the server, or the proxy, that refused the connection asks to wait before trying again. `None` if it does not
    /// say; where it says so and [`is_retryable`](Self::is_retryable) does not, trying again is of no use all the same.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { response, .. }
            | Self::Proxy { source: ProxyError::Refused { response, .. }, .. } => {
                response.retry_after()
            }
            _ => None,
        }
    }

    /// What the client's half of the WebSocket handshake with `target` ended with.
    pub fn handshake(error: tungstenite::Error, target: &Target) -> Self {
        let name = || target.host().to_owned();
        match error {
            tungstenite::Error::Http(response) => {
                let (head, body) = response.into_parts();
                let body = body.unwrap_or_default();
                let body = String::from_utf8_lossy(&body[..body.len().min(MAX_BODY_BYTES)]);
                Self::Refused {
                    status: head.status,
                    reason: body.trim_end().to_owned(),
                    close_code: None,
                    response: Response::new(head.headers),
                }
            }
            // With TLS 1.3 a server that wants a certificate says so only here.
            tungstenite::Error::Io(source) if is_tls(&source) => Self::Tls { name: name(), source },
            tungstenite::Error::Io(source) => Self::Io { address: name(), source },
            tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)) => {
                Self::Subprotocol(error.to_string())
            }
            error => Self::WebSocket(error.into()),
        }
    }

    /// What became of a WebSocket that ended before both sides had greeted each other.
    pub(crate) fn greeting(error: ConnectionError, response: &Response) -> Self {
        match (refused_status(&error), &error) {
            (Some(status), ConnectionError::Closed { reason, .. }) => Self::Refused {
                status,
                reason: reason.reason().to_owned(),
                close_code: Some(reason.code()),
                response: response.clone(),
            },
            _ => Self::Connection(error),
        }
    }
}

/// The status that a server's close stands for.
fn refused_status(error: &ConnectionError) -> Option<StatusCode> {
    let ConnectionError::Closed { initiator: Initiator::Remote, reason } = error else {
        return None;
    };
    StatusCode::from_u16(reason.code().refused_status()?).ok()
}

/// Why a proxy did not connect a client with a server.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It refused to: 407 if it wants a user and a password, 403 if nobody may go there, 502 to 504 if it could not.
    #[error("it answered {status}{hint}", hint = proxy_hint(*.status))]
    Refused {
        /// The status.
        status: StatusCode,
        /// The head of its response.
        response: Response,
    },
    /// Its answer was no HTTP/1.x, or there was something behind it before anything was asked of the server.
    #[error("what it answered is no HTTP")]
    Malformed,
    /// The head of its answer was larger than 16 KiB, or had more than 64 headers.
    #[error("the head of its answer is too long")]
    TooLong,
    /// The connection with it broke.
    #[error("the connection with it broke: {0}")]
    Io(#[from] io::Error),
}

impl ProxyError {
    /// Whether trying again later, unchanged, may well succeed: the connection broke, or the proxy is busy or did not reach
    /// the server.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                CloseCode::refusal(status.as_u16()).is_some_and(CloseCode::is_retryable)
            }
            Self::Io(_) => true,
            Self::Malformed | Self::TooLong => false,
        }
    }
}

fn proxy_hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            " (it wants to know who asks: Proxy::http(\"http://user:password@host:port\"))"
        }
        _ => "",
    }
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// What a client does, in order, until it has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectPhase {
    /// Resolving the server's name, or the proxy's.
    Lookup,
    /// Connecting by TCP, to the server or the proxy.
    Tcp,
    /// Waiting for the proxy to connect with the server.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The WebSocket handshake.
    WebSocket,
    /// Waiting for the server's Hello and the first snapshot of its state.
    Hello,
}

impl fmt::Display for ConnectPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "resolving a name",
            Self::Tcp => "connecting by TCP",
            Self::Proxy => "waiting for the proxy to connect",
            Self::Tls => "doing the TLS handshake",
            Self::WebSocket => "doing the WebSocket handshake",
            Self::Hello => "waiting for the server's Hello",
        })
    }
}

/// Why a server cannot listen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The name to listen at did not resolve.
    #[error("cannot resolve the address to listen at: {0}")]
    Lookup(#[source] io::Error),
    /// No address could be listened at.
    #[error("cannot listen at {addresses:?}: {source}")]
    Listen {
        /// The addresses that were tried.
        addresses: Vec<SocketAddr>,
        /// What the system said about the last one.
        source: io::Error,
    },
}

/// Why a client that came to a server got no connection. For the log: the client is told by HTTP, if at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// TLS failed; often a client that does not trust the certificate, or speaks no TLS.
    #[error("TLS failed: {0}")]
    Tls(#[source] io::Error),
    /// The socket failed, or the client hung up.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
    /// The client took longer than [`ServerOptions::handshake_timeout`](crate::ServerOptions::handshake_timeout).
    #[error("it did not do its part of the handshake in time")]
    Timeout,
    /// The HTTP server that a server is mounted in did not give the connection up: its client has gone, or the response was
    /// replaced by another.
    #[error("the HTTP server did not upgrade the connection")]
    NoUpgrade,
    /// It was refused, by the handshake or by the application's factory.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl AcceptError {
    /// Why, for metrics.
    pub(crate) fn reason(&self) -> String {
        let reason = match self {
            Self::Tls(_) => "tls",
            Self::Io(_) => "io",
            Self::Timeout => "timeout",
            Self::NoUpgrade => "no_upgrade",
            Self::Refused(refusal) => return refusal.status().as_str().to_owned(),
            Self::Stopping => "stopping",
        };
        reason.to_owned()
    }

    /// Whether an error of the system's `accept` concerns one connection, that of a client which is gone already. Any
    /// other means that none can be accepted for now, because file descriptors or memory ran out.
    pub fn concerns_one_connection(error: &io::Error) -> bool {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
    }
}

/// Why there is no [`Identity`](crate::Identity).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("cannot read '{}': {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("in '{}': {source}", .path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        source: Box<Self>,
    },
    /// The text holds no certificate.
    #[error("no certificate found (a PEM section that begins with '-----BEGIN CERTIFICATE-----')")]
    NoCertificate,
    /// The text holds no private key.
    #[error(
        "no private key found (a PEM section that begins with '-----BEGIN PRIVATE KEY-----' or the like, unencrypted)"
    )]
    NoKey,
    /// The text is no PEM.
    #[error("malformed PEM: {0}")]
    MalformedPem(#[source] Source),
    /// The key belongs to another certificate.
    #[error("the private key does not belong to the certificate (the first one of the chain)")]
    KeyMismatch,
    /// rustls cannot use the certificate or the key.
    #[error("the certificate or the private key cannot be used: {0}")]
    Unusable(#[source] Source),
    /// A development identity needs at least one name.
    #[error("a development identity needs at least one name")]
    NoNames,
    /// A development certificate could not be made.
    #[error("cannot make a development certificate: {0}")]
    Generate(#[source] Source),
}

impl IdentityError {
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), source: Box::new(self) }
    }
}

/// Why there is no [`Trust`](crate::Trust).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A file cannot be read.
    #[error("cannot read '{}': {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("in '{}': {source}", .path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        source: Box<Self>,
    },
    /// This machine trusts no certificate, or none that could be read.
    #[error(
        "this machine has no trusted certificates ({unreadable} unreadable{}{})",
        if .first.is_some() { "; " } else { "" },
        .first.as_deref().unwrap_or_default()
    )]
    NoSystemCertificates {
        /// How many there are that could not be read.
        unreadable: usize,
        /// What went wrong first.
        first: Option<String>,
    },
    /// The text holds no certificate.
    #[error("no certificate found (a PEM section that begins with '-----BEGIN CERTIFICATE-----')")]
    NoCertificate,
    /// The text is no PEM.
    #[error("malformed PEM: {0}")]
    MalformedPem(#[source] Source),
    /// It is not an X.509 certificate that can be trusted.
    #[error("malformed certificate: {0}")]
    Malformed(#[source] Source),
}

impl TrustError {
    pub(crate) fn pem(error: pem::Error) -> Self {
        match error {
            pem::Error::NoItemsFound => Self::NoCertificate,
            error => Self::MalformedPem(error.into()),
        }
    }

    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), source: Box::new(self) }
    }
}

fn http_hint(error: &Source) -> &'static str {
    use tungstenite::Error;
    match error.downcast_ref() {
        Some(Error::HttpFormat(_) | Error::Protocol(ProtocolError::HttparseError(_))) => {
            " (this does not look like HTTP: a server with TLS is reached with connect and a wss:// URL)"
        }
        _ => "",
    }
}

/// What to do about the refusals that people meet first. rustls keeps the first reason as an opaque error, which only
/// its name tells apart.
fn tls_hint(error: &io::Error) -> &'static str {
    use rustls::{AlertDescription, CertificateError, Error};
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(CertificateError::Other(other)))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            " (the server's own certificate is marked as one of a CA, as 'openssl req -x509' does by default: make it \
             with '-addext basicConstraints=critical,CA:FALSE')"
        }
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            " (the certificate is neither trusted itself nor signed by one that is: if it is the server's own, \
             have the client trust it, with ClientOptions::trust)"
        }
        Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            " (the server wants to see a certificate of the client's: ClientOptions::identity)"
        }
        Some(Error::InvalidMessage(_)) => {
            " (this does not look like TLS: a server without TLS is reached with connect_plain and a ws:// URL)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use hardlight_proto::CloseReason;

    use super::*;

    fn refused(status: u16) -> ConnectError {
        let mut response = http::Response::new(Some(b"why\n".to_vec()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let target = Target::parse("wss://a", crate::Scheme::Secure).unwrap();
        ConnectError::handshake(tungstenite::Error::Http(response.into()), &target)
    }

    fn closed(code: u16, initiator: Initiator) -> ConnectError {
        let reason = CloseReason::new(CloseCode(code), "why");
        let error = ConnectionError::Closed { initiator, reason };
        ConnectError::greeting(error, &Response::default())
    }

    #[test]
    fn a_status_and_its_close_code_are_the_same_error() {
        for status in [400, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504] {
            let (by_status, in_band) = (refused(status), closed(4000 + status, Initiator::Remote));
            assert_eq!(by_status.to_string(), in_band.to_string());
            assert_eq!(by_status.is_retryable(), in_band.is_retryable());
            let is_retryable = matches!(status, 408 | 425 | 429 | 502..=504);
            assert_eq!(by_status.is_retryable(), is_retryable, "{status}");
        }
    }

    #[test]
    fn other_closes_are_no_refusals() {
        for (code, initiator) in
            [(4001, Initiator::Remote), (4399, Initiator::Remote), (4401, Initiator::Local)]
        {
            let error = closed(code, initiator);
            assert!(matches!(error, ConnectError::Connection(_)), "{error}");
            assert!(!error.is_retryable(), "{error}");
        }
        assert!(closed(1001, Initiator::Remote).is_retryable());
    }
}
