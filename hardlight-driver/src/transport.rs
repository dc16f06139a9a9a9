//! What the driver asks of a transport: whole messages, in order.

use std::task::{Context, Poll};

use bytes::Bytes;
use hardlight_proto::CloseReason;

/// What arrives from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole binary message.
    Message(Bytes),
    /// A text message, which this protocol forbids: the driver closes the connection.
    Text,
    /// The peer closes, with a reason if it gave one.
    Close(Option<CloseReason>),
}

/// What goes to the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A whole binary message.
    Message(Bytes),
    /// The last thing that is sent: close with this reason.
    Close(CloseReason),
}

/// An ordered, reliable channel of whole binary messages; a WebSocket, usually.
///
/// Pings and pongs are the transport's own business. After `None` or an error from [`poll_receive`](Self::poll_receive)
/// no method is called again.
pub trait Transport: Unpin {
    /// What fails in the transport.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The next message, or `None` once the channel has ended. If it is pending, it is not called again before the waker
    /// was woken: the waker is one for this alone.
    fn poll_receive(&mut self, cx: &mut Context<'_>)
    -> Poll<Option<Result<Incoming, Self::Error>>>;

    /// Whether [`start_send`](Self::start_send) may be called.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// Takes a message into the transport's buffer. Call it once after each `Ready(Ok)` of `poll_ready`.
    fn start_send(&mut self, message: Outgoing) -> Result<(), Self::Error>;

    /// Brings everything that was taken on its way.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
}

/// What holds some transport or other, of one type of error.
impl<T: Transport + ?Sized> Transport for Box<T> {
    type Error = T::Error;

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Incoming, Self::Error>>> {
        (**self).poll_receive(cx)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        (**self).poll_ready(cx)
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), Self::Error> {
        (**self).start_send(message)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        (**self).poll_flush(cx)
    }
}
