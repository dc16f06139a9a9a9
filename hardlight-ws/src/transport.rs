//! A WebSocket as the driver's transport.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use futures_sink::Sink;
use hardlight_driver::{Incoming, Outgoing, Transport};
use hardlight_proto::{CloseCode, CloseReason};
use thiserror::Error;
use tungstenite::{
    Error, Message, Utf8Bytes,
    error::CapacityError,
    protocol::{CloseFrame, frame::coding},
};

/// Pings and pongs that one poll takes before it yields, so that a flood of them starves nobody.
const MAX_CONTROL_MESSAGES: usize = 32;
/// Pongs that may wait for a peer that sends pings and does not read: up to 131 bytes each.
const MAX_WAITING_PONGS: usize = 128;

/// What fails in a [`WebSocketTransport`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The peer sent a message that is longer than this side accepts. It was told so.
    #[error("a message of {bytes} bytes or more exceeds the limit max_message_bytes ({limit})")]
    MessageTooLarge {
        /// The length that was announced or reached, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The peer sent pings and did not read the answers. It was told so.
    #[error("{MAX_WAITING_PONGS} pings in a row, whose answers the peer does not read")]
    TooManyPings,
    /// The connection broke, or the peer broke the rules of WebSocket.
    #[error(transparent)]
    WebSocket(#[from] Error),
}

/// A [`Transport`] over any asynchronous wrapper of tungstenite, such as tokio-tungstenite's or async-tungstenite's
/// `WebSocketStream`.
///
/// tungstenite answers pings by itself; the pong leaves at once, if it can. The rest of a closing handshake is done by
/// polling for messages until there is `None`.
#[derive(Debug)]
pub struct WebSocketTransport<W> {
    socket: W,
    /// A Close was sent or received: from now on nothing can be sent, and the connection may end in any way.
    closing: bool,
    /// Pongs that were not flushed yet, at most.
    waiting_pongs: usize,
}

impl<W> WebSocketTransport<W> {
    /// A transport over a WebSocket whose handshake is done, with the settings of
    /// [`websocket_config`](crate::websocket_config).
    pub const fn new(socket: W) -> Self {
        Self { socket, closing: false, waiting_pongs: 0 }
    }
}

impl<W> WebSocketTransport<W>
where
    W: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    /// Tells the peer what it did wrong, as far as that can be done at once: the connection is lost in any case.
    fn fail(&mut self, cx: &mut Context<'_>, reason: CloseReason) {
        if self.closing {
            return;
        }
        self.closing = true;
        let close = Message::Close(Some(to_frame(&reason)));
        if let Poll::Ready(Ok(())) = Pin::new(&mut self.socket).poll_ready(cx)
            && Pin::new(&mut self.socket).start_send(close).is_ok()
        {
            let _ = Pin::new(&mut self.socket).poll_flush(cx);
        }
    }

    /// tungstenite has queued a pong; it must not queue them without end.
    fn answer_ping(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        self.waiting_pongs += 1;
        // What fails here fails again where it is looked for.
        if Pin::new(&mut self.socket).poll_flush(cx).is_ready() {
            self.waiting_pongs = 0;
        }
        if self.waiting_pongs > MAX_WAITING_PONGS {
            self.fail(cx, CloseReason::new(CloseCode::LIMIT_EXCEEDED, "too many pings"));
            return Err(TransportError::TooManyPings);
        }
        Ok(())
    }

    fn fail_with(&mut self, cx: &mut Context<'_>, error: Error) -> Option<TransportError> {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => None,
            // Behind a Close it does not matter how the peer hangs up.
            Error::Io(_) | Error::Protocol(_) if self.closing => None,
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                self.fail(cx, CloseReason::new(CloseCode::LIMIT_EXCEEDED, "max_message_bytes"));
                Some(TransportError::MessageTooLarge { bytes: size, limit: max_size })
            }
            error @ (Error::Protocol(_) | Error::Utf8(_)) => {
                self.fail(cx, CloseReason::new(CloseCode::PROTOCOL_ERROR, error.to_string()));
                Some(error.into())
            }
            error => Some(error.into()),
        }
    }
}

impl<W> Transport for WebSocketTransport<W>
where
    W: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    type Error = TransportError;

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Incoming, TransportError>>> {
        for _ in 0..MAX_CONTROL_MESSAGES {
            let incoming = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(message))) => Incoming::Message(message),
                Some(Ok(Message::Text(_))) => Incoming::Text,
                Some(Ok(Message::Close(frame))) => {
                    self.closing = true;
                    Incoming::Close(frame.map(from_frame))
                }
                Some(Ok(Message::Ping(_))) => match self.answer_ping(cx) {
                    Ok(()) => continue,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                // Raw frames are never read.
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => return Poll::Ready(self.fail_with(cx, error).map(Err)),
                None => return Poll::Ready(None),
            };
            return Poll::Ready(Some(Ok(incoming)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        if self.closing {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_ready(cx).map_err(TransportError::from)
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), TransportError> {
        // What crosses a Close on its way goes nowhere. The end of what is received tells the driver.
        if self.closing {
            return Ok(());
        }
        let message = match message {
            Outgoing::Message(message) => Message::Binary(message),
            Outgoing::Close(reason) => {
                self.closing = true;
                Message::Close(Some(to_frame(&reason)))
            }
        };
        Ok(Pin::new(&mut self.socket).start_send(message)?)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match ready!(Pin::new(&mut self.socket).poll_flush(cx)) {
            Ok(()) => {
                self.waiting_pongs = 0;
                Poll::Ready(Ok(()))
            }
            Err(error) if !self.closing => Poll::Ready(Err(error.into())),
            // Again: what is received tells how a connection that closes ends.
            _ => Poll::Ready(Ok(())),
        }
    }
}

/// A code that may not stand in a Close frame (1005, 1006, unassigned ones) goes out as 1000.
pub(crate) fn to_frame(reason: &CloseReason) -> CloseFrame {
    let code = coding::CloseCode::from(reason.code().0);
    let code = if code.is_allowed() { code } else { coding::CloseCode::Normal };
    CloseFrame { code, reason: Utf8Bytes::from(reason.reason()) }
}

fn from_frame(frame: CloseFrame) -> CloseReason {
    CloseReason::new(CloseCode(frame.code.into()), frame.reason.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::{SinkExt, StreamExt};
    use hardlight_proto::MAX_MESSAGE_BYTES;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_tungstenite::WebSocketStream;
    use tungstenite::protocol::Role;

    use super::*;
    use crate::websocket_config;

    type Socket = WebSocketStream<DuplexStream>;
    type Received = Option<Result<Incoming, TransportError>>;

    async fn socket(stream: DuplexStream, role: Role) -> Socket {
        WebSocketStream::from_raw_socket(stream, role, Some(websocket_config())).await
    }

    /// A server's transport and the raw socket of its client.
    async fn server() -> (WebSocketTransport<Socket>, DuplexStream) {
        let (client, stream) = duplex(2 * MAX_MESSAGE_BYTES);
        (WebSocketTransport::new(socket(stream, Role::Server).await), client)
    }

    async fn pair() -> (WebSocketTransport<Socket>, WebSocketTransport<Socket>) {
        let (server, client) = server().await;
        (server, WebSocketTransport::new(socket(client, Role::Client).await))
    }

    async fn send(transport: &mut WebSocketTransport<Socket>, message: Outgoing) {
        poll_fn(|cx| transport.poll_ready(cx)).await.unwrap();
        transport.start_send(message).unwrap();
        poll_fn(|cx| transport.poll_flush(cx)).await.unwrap();
    }

    async fn receive(transport: &mut WebSocketTransport<Socket>) -> Received {
        poll_fn(|cx| transport.poll_receive(cx)).await
    }

    fn close(code: u16, reason: &'static str) -> CloseReason {
        CloseReason::new(CloseCode(code), reason)
    }

    /// A client's frame, masked with zeros.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        assert!(payload.len() < 126, "short frames only");
        let length = 0x80 | u8::try_from(payload.len()).unwrap();
        [&[first, length, 0, 0, 0, 0], payload].concat()
    }

    #[tokio::test]
    async fn messages_pass_both_ways() {
        let (mut server, mut client) = pair().await;
        send(&mut client, Outgoing::Message("to the server".into())).await;
        send(&mut server, Outgoing::Message("to the client".into())).await;
        let message = receive(&mut server).await.unwrap().unwrap();
        assert_eq!(message, Incoming::Message("to the server".into()));
        let message = receive(&mut client).await.unwrap().unwrap();
        assert_eq!(message, Incoming::Message("to the client".into()));
    }

    #[tokio::test]
    async fn a_peer_that_sends_pings_and_does_not_read_is_left() {
        let (mut server, mut client) = server().await;
        let flood = tokio::spawn(async move {
            // The client's pings fill the way back with pongs; beyond that they are counted.
            while client.write_all(&frame(0x89, &[b'x'; 125])).await.is_ok() {}
        });
        assert!(matches!(receive(&mut server).await, Some(Err(TransportError::TooManyPings))));
        drop(server);
        flood.await.unwrap();
    }

    #[tokio::test]
    async fn pings_of_a_peer_that_reads_are_answered_without_end() {
        let (mut server, client) = server().await;
        let mut client = socket(client, Role::Client).await;
        let answered = tokio::spawn(async move {
            for _ in 0..1000 {
                client.send(Message::Ping("hi".into())).await.unwrap();
                assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("hi".into()));
            }
            client.send(Message::Binary("end".into())).await.unwrap();
            client
        });
        let received = receive(&mut server).await.unwrap().unwrap();
        assert_eq!(received, Incoming::Message("end".into()));
        answered.await.unwrap();
    }

    #[tokio::test]
    async fn a_close_goes_round_and_ends_both_sides() {
        for client_closes in [false, true] {
            let (server, client) = pair().await;
            let (mut first, mut second) =
                if client_closes { (client, server) } else { (server, client) };
            send(&mut first, Outgoing::Close(close(4002, "too much"))).await;
            let received = receive(&mut second).await.unwrap().unwrap();
            assert_eq!(received, Incoming::Close(Some(close(4002, "too much"))));
            // The second to close may answer with a Close of its own; tungstenite has done so already.
            send(&mut second, Outgoing::Message("crossed the close".into())).await;
            send(&mut second, Outgoing::Close(close(1000, ""))).await;
            let second = tokio::spawn(async move { receive(&mut second).await.is_none() });
            let received = receive(&mut first).await.unwrap().unwrap();
            assert_eq!(received, Incoming::Close(Some(close(4002, "too much"))));
            // A server ends now; a client waits until the server has hung up.
            assert!(receive(&mut first).await.is_none());
            drop(first);
            assert!(second.await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_code_that_may_not_be_sent_becomes_normal() {
        for code in [0, 999, 1005, 1006, 1015, 2000, 5000] {
            let (mut server, mut client) = pair().await;
            send(&mut server, Outgoing::Close(close(code, "why"))).await;
            let received = receive(&mut client).await.unwrap().unwrap();
            assert_eq!(received, Incoming::Close(Some(close(1000, "why"))), "{code}");
        }
    }

    #[tokio::test]
    async fn a_close_without_a_code_has_no_reason() {
        let (mut server, mut client) = server().await;
        client.write_all(&frame(0x88, b"")).await.unwrap();
        assert_eq!(receive(&mut server).await.unwrap().unwrap(), Incoming::Close(None));
        assert!(receive(&mut server).await.is_none());
    }

    #[tokio::test]
    async fn text_is_told_apart() {
        let (mut server, client) = server().await;
        let mut client = socket(client, Role::Client).await;
        client.send(Message::text("hello")).await.unwrap();
        assert_eq!(receive(&mut server).await.unwrap().unwrap(), Incoming::Text);
    }

    #[tokio::test]
    async fn a_ping_is_answered_while_nothing_else_happens() {
        let (mut server, mut client) = server().await;
        client.write_all(&frame(0x89, b"abc")).await.unwrap();
        let reading = tokio::spawn(async move { receive(&mut server).await.is_some() });
        let mut pong = [0; 5];
        client.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\x8a\x03abc");
        reading.abort();
    }

    #[tokio::test]
    async fn a_flood_of_pings_yields() {
        let (mut server, mut client) = server().await;
        client.write_all(&frame(0x89, b"").repeat(MAX_CONTROL_MESSAGES + 1)).await.unwrap();
        let first = poll_fn(|cx| Poll::Ready(server.poll_receive(cx).is_pending())).await;
        assert!(first);
        client.write_all(&frame(0x82, b"x")).await.unwrap();
        assert_eq!(receive(&mut server).await.unwrap().unwrap(), Incoming::Message("x".into()));
    }

    #[tokio::test]
    async fn a_message_beyond_the_limit_names_it_on_both_sides() {
        let (mut server, client) = server().await;
        let mut client = WebSocketTransport::new(
            WebSocketStream::from_raw_socket(client, Role::Client, None).await,
        );
        send(&mut client, Outgoing::Message(vec![0; MAX_MESSAGE_BYTES + 1].into())).await;
        let error = receive(&mut server).await.unwrap().unwrap_err();
        assert!(matches!(error, TransportError::MessageTooLarge { bytes: 66_561, limit: 66_560 }));
        assert!(error.to_string().contains("max_message_bytes (66560)"), "{error}");
        let told = receive(&mut client).await.unwrap().unwrap();
        assert_eq!(told, Incoming::Close(Some(close(4002, "max_message_bytes"))));
    }

    #[tokio::test]
    async fn a_limit_holds_over_the_pieces_of_a_message() {
        let (mut server, mut client) = server().await;
        client.write_all(&frame(0x02, &[0; 125])).await.unwrap();
        let pieces = frame(0x00, &[0; 125]).repeat(MAX_MESSAGE_BYTES / 125);
        let (written, received) = tokio::join!(client.write_all(&pieces), receive(&mut server));
        written.unwrap();
        let error = received.unwrap().unwrap_err();
        assert!(
            matches!(error, TransportError::MessageTooLarge { limit: MAX_MESSAGE_BYTES, .. }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_unmasked_frame_is_an_error() {
        let (mut server, mut client) = server().await;
        client.write_all(b"\x82\x01x").await.unwrap();
        let error = receive(&mut server).await.unwrap().unwrap_err();
        assert!(matches!(error, TransportError::WebSocket(Error::Protocol(_))), "{error:?}");
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_an_error_unless_it_was_closing() {
        let (mut server, client) = server().await;
        drop(client);
        assert!(receive(&mut server).await.unwrap().is_err());
        assert!(receive(&mut server).await.is_none());

        let (mut server, client) = self::server().await;
        send(&mut server, Outgoing::Close(CloseReason::normal())).await;
        drop(client);
        assert!(receive(&mut server).await.is_none());
    }
}
