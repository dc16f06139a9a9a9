//! Whether a client is connected, for applications to show.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use event_listener::EventListener;
use futures_core::Stream;
use hardlight_proto::{ConnectionError, ConnectionState, Events, NoEvents};

use super::Shared;

/// Whether a client is connected. A client that does not [reconnect](crate::Reconnect) is so until it is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// Calls go out.
    Connected,
    /// Connected again: what the application does then
    /// ([`on_reconnected`](crate::ClientConnection::on_reconnected)) is being done. Other calls wait for that.
    Restoring,
    /// The server is stopping: calls in flight go on, all others wait for another connection.
    Leaving,
    /// The connection is lost, and the next attempt to connect comes a little later. Calls wait.
    Waiting {
        /// The number of the attempt, from 1; it begins anew with a connection that lasts.
        attempt: u32,
        /// How long it is put off.
        delay: Duration,
        /// Why the last one failed, or the connection ended.
        error: ConnectionError,
    },
    /// An attempt to connect is under way. Calls wait.
    Connecting {
        /// The number of the attempt, as above.
        attempt: u32,
    },
    /// The connection has ended, and there will be no other.
    Closed(ConnectionError),
}

impl ConnectionStatus {
    /// Whether calls go out.
    pub const fn is_connected(&self) -> bool {
        matches!(self, Self::Connected)
    }

    /// Whether there will be no other connection.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// Watches the status of a client change. Does not keep the connection open.
///
/// As a stream it yields the status after each change, the last of which is [`ConnectionStatus::Closed`]. Several changes may
/// be seen as one; the last is always seen.
pub struct StatusWatch<S: ConnectionState, E: Events = NoEvents> {
    shared: Arc<Shared<S, E>>,
    seen: u64,
    listener: Option<EventListener>,
}

impl<S: ConnectionState, E: Events> StatusWatch<S, E> {
    pub(super) fn new(shared: Arc<Shared<S, E>>) -> Self {
        Self { seen: shared.status.number(), shared, listener: None }
    }

    /// Waits until the status has changed since the last time, or since the watch was made: the status then. `None` once
    /// the connection has ended and that was seen. Cancel safe.
    pub async fn changed(&mut self) -> Option<ConnectionStatus> {
        std::future::poll_fn(|cx| self.poll_changed(cx)).await
    }

    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Option<ConnectionStatus>> {
        let Self { shared, seen, listener } = self;
        loop {
            // Before it is looked: what is published from here on is heard.
            let mut listening = listener.take().unwrap_or_else(|| shared.status.changed.listen());
            // Before the last status is looked for.
            let is_closed = shared.status.get().is_closed();
            if let Some(status) = shared.status.newer_than(seen) {
                return Poll::Ready(Some(status));
            }
            if is_closed {
                return Poll::Ready(None);
            }
            let heard = Pin::new(&mut listening).poll(cx);
            if heard.is_pending() {
                *listener = Some(listening);
            }
            ready!(heard);
        }
    }
}

impl<S: ConnectionState, E: Events> Stream for StatusWatch<S, E> {
    type Item = ConnectionStatus;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_changed(cx)
    }
}

impl<S: ConnectionState, E: Events> fmt::Debug for StatusWatch<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusWatch")
            .field("now", &self.shared.status.get())
            .finish_non_exhaustive()
    }
}
