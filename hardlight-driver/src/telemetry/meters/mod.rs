//! What is measured, where the feature `metrics` is on; else all of it is nothing.

#[cfg(not(feature = "metrics"))]
mod off;
#[cfg(feature = "metrics")]
mod on;
#[cfg(feature = "metrics")]
pub(super) mod table;

#[cfg(not(feature = "metrics"))]
pub use off::note_refused_handshake;
#[cfg(not(feature = "metrics"))]
pub(crate) use off::{ByteMeter, CallMeter, ConnectionMeter, Meters, MetersOfServices};
#[cfg(feature = "metrics")]
pub use on::note_refused_handshake;
#[cfg(feature = "metrics")]
pub(crate) use on::{ByteMeter, CallMeter, ConnectionMeter, Meters, MetersOfServices};

use hardlight_proto::{CloseCode, ConnectionError, Initiator};

/// Which side measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// The limit of this side that a connection has ended for. Its name is never one that the peer has chosen.
#[cfg_attr(not(feature = "metrics"), expect(dead_code))]
fn exceeded_limit(error: &ConnectionError) -> Option<&'static str> {
    match error {
        ConnectionError::LimitExceeded { limit, .. } => Some(limit),
        // A server ends slow readers so, where it was told to.
        ConnectionError::Closed { initiator: Initiator::Local, reason }
            if reason.code() == CloseCode::LIMIT_EXCEEDED =>
        {
            let limit = "max_queued_event_bytes";
            Some(if reason.reason() == limit { limit } else { "other" })
        }
        _ => None,
    }
}
