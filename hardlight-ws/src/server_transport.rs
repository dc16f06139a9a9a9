//! What a server's connection goes over.

use std::task::{Context, Poll};

use hardlight_driver::{FrameError, Incoming, Outgoing, Transport};
use thiserror::Error;

use crate::{Adapter, TransportError, WebSocketTransport};

/// A transport of the application's. Behind a pointer, so that a service's driver is compiled once.
pub(crate) type BoxTransport = Box<dyn Transport<Error = FrameError> + Send>;

/// A WebSocket, or what the application has brought.
pub(crate) enum ServerTransport<R: Adapter> {
    WebSocket(WebSocketTransport<R::Socket>),
    Other(BoxTransport),
}

#[derive(Debug, Error)]
pub(crate) enum ServerTransportError {
    #[error(transparent)]
    WebSocket(#[from] TransportError),
    #[error(transparent)]
    Other(#[from] FrameError),
}

impl<R: Adapter> Transport for ServerTransport<R> {
    type Error = ServerTransportError;

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Incoming, ServerTransportError>>> {
        match self {
            Self::WebSocket(socket) => socket.poll_receive(cx).map_err(Into::into),
            Self::Other(other) => other.poll_receive(cx).map_err(Into::into),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServerTransportError>> {
        match self {
            Self::WebSocket(socket) => socket.poll_ready(cx).map_err(Into::into),
            Self::Other(other) => other.poll_ready(cx).map_err(Into::into),
        }
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), ServerTransportError> {
        match self {
            Self::WebSocket(socket) => Ok(socket.start_send(message)?),
            Self::Other(other) => Ok(other.start_send(message)?),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServerTransportError>> {
        match self {
            Self::WebSocket(socket) => socket.poll_flush(cx).map_err(Into::into),
            Self::Other(other) => other.poll_flush(cx).map_err(Into::into),
        }
    }
}
