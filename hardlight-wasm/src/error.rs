//! What can go wrong before a connection exists.

use std::{fmt, time::Duration};

use hardlight_driver::proto::{CloseCode, ConnectionError, Initiator, SUBPROTOCOL};
use thiserror::Error;

/// Why a client has no connection.
///
/// A browser tells a page little of why a WebSocket did not open, so that no page can explore a network: it is
/// [`Io`](Self::Io), whether there is no server, its certificate is not trusted or it answered with a status. Its console says
/// more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The browser does not connect to this URL: it is none, or this page may not, because its security policy or its being
    /// loaded with TLS forbids it.
    #[error("cannot connect to '{url}': {reason}")]
    InvalidUrl {
        /// The URL as given.
        url: String,
        /// What the browser said.
        reason: String,
    },
    /// The token holds other characters than those of RFC 6750, section 2.1.
    #[error("the token holds characters that cannot stand in one (RFC 6750, section 2.1)")]
    InvalidToken,
    /// A subprotocol of the options is no HTTP token, or is offered twice.
    #[error("the subprotocol '{0}' is no HTTP token, or is offered twice")]
    InvalidSubprotocol(String),
    /// The WebSocket did not open, and the browser does not say why.
    #[error("cannot connect to {address} (the browser's console says why)")]
    Io {
        /// The URL as given.
        address: String,
    },
    /// It took too long.
    #[error("timed out after {limit:?} while {phase}")]
    Timeout {
        /// What was going on.
        phase: ConnectPhase,
        /// The time allowed for the whole of connecting.
        limit: Duration,
    },
    /// The server refused the connection in band, by a close code that stands for an HTTP status.
    #[error("the server refused the connection: {status}{}{reason}", if .reason.is_empty() { "" } else { ": " })]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why, in the server's words.
        reason: String,
        /// The close code.
        close_code: CloseCode,
    },
    /// The server speaks WebSocket, but did not agree to HardLight.
    #[error("the server did not select the subprotocol {SUBPROTOCOL}: {0}")]
    Subprotocol(String),
    /// The connection ended before both sides had greeted each other.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl ConnectError {
    /// Whether trying again later, unchanged, may well succeed: the network failed or was slow, or the server said that
    /// it is busy or away for now. A browser that does not say what failed counts as the former.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Timeout { .. } => true,
            Self::Refused { close_code, .. } => close_code.is_retryable(),
            Self::Connection(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// The HTTP status that the server refused the connection with, by a close code that stands for it, then or later. `None` if
    /// it did not.
    pub fn refused_status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Connection(error) => refused_status(error),
            _ => None,
        }
    }

    /// What became of a WebSocket that ended before both sides had greeted each other.
    pub(crate) fn greeting(error: ConnectionError) -> Self {
        match (refused_status(&error), &error) {
            (Some(status), ConnectionError::Closed { reason, .. }) => Self::Refused {
                status,
                reason: reason.reason().to_owned(),
                close_code: reason.code(),
            },
            _ => Self::Connection(error),
        }
    }
}

/// The status that a server's close stands for.
fn refused_status(error: &ConnectionError) -> Option<u16> {
    match error {
        ConnectionError::Closed { initiator: Initiator::Remote, reason } => {
            reason.code().refused_status()
        }
        _ => None,
    }
}

/// What a client does, in order, until it has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectPhase {
    /// Waiting for the browser to open the WebSocket: name, TCP, TLS and HTTP.
    WebSocket,
    /// Waiting for the server's Hello and the first snapshot of its state.
    Hello,
}

impl fmt::Display for ConnectPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebSocket => "opening the WebSocket",
            Self::Hello => "waiting for the server's Hello",
        })
    }
}

#[cfg(test)]
mod tests {
    use hardlight_driver::proto::CloseReason;

    use super::*;

    fn closed(initiator: Initiator, code: u16) -> ConnectionError {
        ConnectionError::Closed { initiator, reason: CloseReason::new(CloseCode(code), "why") }
    }

    #[test]
    fn a_servers_close_with_a_refusing_code_is_a_refusal() {
        let refused = ConnectError::greeting(closed(Initiator::Remote, 4401));
        assert_eq!(refused.to_string(), "the server refused the connection: 401: why");
        assert_eq!((refused.refused_status(), refused.is_retryable()), (Some(401), false));
        let busy = ConnectError::greeting(closed(Initiator::Remote, 4503));
        assert_eq!((busy.refused_status(), busy.is_retryable()), (Some(503), true));
    }

    #[test]
    fn any_other_end_is_no_refusal() {
        for (initiator, code) in [(Initiator::Local, 4401), (Initiator::Remote, 4001)] {
            let error = ConnectError::greeting(closed(initiator, code));
            assert!(matches!(error, ConnectError::Connection(_)), "{error}");
            assert_eq!(error.refused_status(), None);
        }
    }
}
