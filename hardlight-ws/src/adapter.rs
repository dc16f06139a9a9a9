//! What an adapter has over its runtime: a timer, TLS, WebSockets.

use std::{io, sync::Arc};

use futures_core::Stream;
use futures_sink::Sink;
use futures_util::io::{AsyncRead, AsyncWrite};
use hardlight_driver::Timer;
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tungstenite::{Error, Message, handshake::client};

use crate::{Runtime, TlsInfo};

/// A runtime with what [`Server`](crate::Server) and [`connect`](crate::connect) need besides. Runtimes whose
/// sockets are those of futures-io have it by `FuturesIo`, behind the feature `futures-io`.
///
/// WebSockets are to be made with [`websocket_config`](crate::websocket_config).
pub trait Adapter: Runtime {
    /// A TCP connection, or TLS over one. To close it says so to the peer, and leaves the other direction open.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// A WebSocket over a stream.
    type Socket: Stream<Item = Result<Message, Error>>
        + Sink<Message, Error = Error>
        + Send
        + Unpin
        + 'static;
    /// A clock with an alarm.
    type Timer: Timer + Send + 'static;
    /// A timer whose clock begins now.
    fn timer() -> Self::Timer;

    /// Reads and writes what comes before TLS, or whatever else the connection is for.
    fn raw(tcp: &mut Self::Tcp) -> impl AsyncRead + AsyncWrite + Send + Unpin;

    /// Without TLS.
    fn plain(tcp: Self::Tcp) -> Self::Stream;

    /// The client's half of TLS.
    fn connect_tls(
        tcp: Self::Tcp,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// The server's half of TLS. What failed comes with the stream below, whose client is to be let down gently.
    fn accept_tls(
        tcp: Self::Tcp,
        config: Arc<ServerConfig>,
    ) -> impl Future<Output = Result<(Self::Stream, TlsInfo), (io::Error, Self::Stream)>> + Send;

    /// The client's half of the WebSocket handshake.
    fn open(
        stream: Self::Stream,
        request: client::Request,
    ) -> impl Future<Output = Result<(Self::Socket, client::Response), Error>> + Send;

    /// A server's WebSocket, whose handshake is done and whose client has sent `rest` already.
    fn accepted(stream: Self::Stream, rest: Vec<u8>) -> impl Future<Output = Self::Socket> + Send;
}

/// An adapter whose WebSockets can go over an `S`: over any stream of bytes that is asynchronous as those of its runtime are.
pub trait Carry<S>: Adapter {
    /// The stream as one of the adapter's.
    fn carry(stream: S) -> Self::Stream;
}
