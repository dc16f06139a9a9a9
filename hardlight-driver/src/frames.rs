//! Whole messages over whatever carries them, as a transport: no WebSocket, no HTTP.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use hardlight_proto::CloseReason;
use thiserror::Error;

use crate::{Incoming, Outgoing, Transport};

type Source = Box<dyn Error + Send + Sync>;

/// What fails in a [`FrameTransport`]: what its stream or its sink said.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct FrameError(Source);

/// A [`Transport`] over a stream and a sink of whole binary messages: of a QUIC stream with lengths before its messages,
/// WebTransport, a message bus, a channel.
///
/// What it is made of has to be ordered and reliable and to keep the boundaries of messages, whose length is up to 66,560 bytes
/// ([`MAX_MESSAGE_BYTES`](hardlight_proto::MAX_MESSAGE_BYTES)). A longer one that arrives ends the connection, and names
/// `max_message_bytes`; what reads it from a network should not take in much more in the first place.
///
/// A close travels as a message (SPEC.md, section 3.2), and comes back from the other end; so its code and reason are what they
/// are on a WebSocket, also where the end of the stream is never seen. Behind it the sink is closed. A stream that ends, or
/// an error of either, without a close before it, is a connection that is lost.
///
/// Memory: that of the stream and the sink. The sink is flushed once for all that is ready.
#[derive(Debug)]
pub struct FrameTransport<F> {
    frames: F,
    close: Close,
    sink_is_closed: bool,
}

/// How far the connection is closed.
#[derive(Debug)]
enum Close {
    None,
    /// The peer's is to be sent back.
    Owed(CloseReason),
    /// Nothing can be sent any longer, and the transport may end in any way.
    Sent,
}

impl<F> FrameTransport<F> {
    /// A transport over `frames`: both directions in one, or a [`FramePair`] of two.
    pub const fn new(frames: F) -> Self {
        Self { frames, close: Close::None, sink_is_closed: false }
    }

    const fn is_open(&self) -> bool {
        matches!(self.close, Close::None)
    }
}

impl<F: Sink<Bytes, Error: Into<Source>> + Unpin> FrameTransport<F> {
    /// Sends the peer's close back, then flushes and closes.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), F::Error>> {
        let mut frames = Pin::new(&mut self.frames);
        if let Close::Owed(reason) = &self.close {
            let reason = reason.to_message();
            ready!(frames.as_mut().poll_ready(cx))?;
            self.close = Close::Sent;
            frames.as_mut().start_send(reason)?;
        }
        if !self.sink_is_closed {
            let closed = ready!(frames.poll_close(cx));
            self.sink_is_closed = true;
            closed?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<F, B, E> Transport for FrameTransport<F>
where
    F: Stream<Item = Result<B, E>> + Sink<Bytes, Error: Into<Source>> + Unpin,
    B: Into<Bytes>,
    E: Into<Source>,
{
    type Error = FrameError;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Incoming, FrameError>>> {
        let message = match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
            Some(Ok(message)) => message.into(),
            Some(Err(error)) if self.is_open() => {
                return Poll::Ready(Some(Err(FrameError(error.into()))));
            }
            // Behind a close it does not matter how the peer hangs up.
            Some(Err(_)) | None => return Poll::Ready(None),
        };
        let Some(reason) = CloseReason::from_message(&message) else {
            return Poll::Ready(Some(Ok(Incoming::Message(message))));
        };
        if self.is_open() {
            self.close = Close::Owed(reason.clone());
        }
        Poll::Ready(Some(Ok(Incoming::Close(Some(reason)))))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FrameError>> {
        if !self.is_open() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.frames).poll_ready(cx).map_err(|error| FrameError(error.into()))
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), FrameError> {
        // What crosses a close on its way goes nowhere.
        if !self.is_open() {
            return Ok(());
        }
        let message = match message {
            Outgoing::Message(message) => message,
            Outgoing::Close(reason) => {
                self.close = Close::Sent;
                reason.to_message()
            }
        };
        let sent = Pin::new(&mut self.frames).start_send(message);
        sent.map_err(|error| FrameError(error.into()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FrameError>> {
        if self.is_open() {
            let flushed = Pin::new(&mut self.frames).poll_flush(cx);
            return flushed.map_err(|error| FrameError(error.into()));
        }
        // What is received tells how a connection that closes ends.
        self.poll_end(cx).map(|_| Ok(()))
    }
}

/// A stream and a sink as one: for channels and the like, which come as two.
#[derive(Debug)]
pub struct FramePair<I, O> {
    incoming: I,
    outgoing: O,
}

impl<I, O> FramePair<I, O> {
    /// What `incoming` yields arrives; what is sent goes to `outgoing`.
    pub const fn new(incoming: I, outgoing: O) -> Self {
        Self { incoming, outgoing }
    }
}

impl<I: Stream + Unpin, O: Unpin> Stream for FramePair<I, O> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Pin::new(&mut self.incoming).poll_next(cx)
    }
}

impl<I: Unpin, O: Sink<Bytes> + Unpin> Sink<Bytes> for FramePair<I, O> {
    type Error = O::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), O::Error>> {
        Pin::new(&mut self.outgoing).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Bytes) -> Result<(), O::Error> {
        Pin::new(&mut self.outgoing).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), O::Error>> {
        Pin::new(&mut self.outgoing).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), O::Error>> {
        Pin::new(&mut self.outgoing).poll_close(cx)
    }
}
