//! tungstenite over TCP or TLS, as the floor and `lean` use it.

use std::{
    future::poll_fn,
    net::Ipv4Addr,
    task::{Poll, ready},
};

use futures_util::{SinkExt, StreamExt};
use hardlight::{Certificate, ClientAuth, Identity, Trust};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream, rustls::pki_types::ServerName};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{
    Target,
    runtime::{Runtime, Tokio},
};

/// What is between a WebSocket and TCP.
pub trait Layer: 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    type Acceptor: Clone + Send + 'static;

    /// What accepts clients, and the certificate that they are to trust.
    fn acceptor() -> (Self::Acceptor, Option<Vec<u8>>);

    fn accept(
        acceptor: Self::Acceptor,
        tcp: TcpStream,
    ) -> impl Future<Output = Self::Stream> + Send;

    fn connect(target: &Target, tcp: TcpStream) -> impl Future<Output = Self::Stream>;
}

/// Nothing.
#[derive(Debug)]
pub enum Plain {}

/// TLS, with the settings of HardLight.
#[derive(Debug)]
pub enum Tls {}

impl Layer for Plain {
    type Stream = TcpStream;
    type Acceptor = ();

    fn acceptor() -> ((), Option<Vec<u8>>) {
        ((), None)
    }

    async fn accept((): (), tcp: TcpStream) -> TcpStream {
        tcp
    }

    async fn connect(_: &Target, tcp: TcpStream) -> TcpStream {
        tcp
    }
}

impl Layer for Tls {
    type Stream = TlsStream<TcpStream>;
    type Acceptor = TlsAcceptor;

    fn acceptor() -> (TlsAcceptor, Option<Vec<u8>>) {
        let identity = Identity::development(["localhost"]).expect("a name");
        let acceptor = TlsAcceptor::from(identity.server_config(&ClientAuth::None));
        (acceptor, Some(identity.certificate().der().to_vec()))
    }

    async fn accept(acceptor: TlsAcceptor, tcp: TcpStream) -> TlsStream<TcpStream> {
        TlsStream::Server(acceptor.accept(tcp).await.expect("a handshake"))
    }

    async fn connect(target: &Target, tcp: TcpStream) -> TlsStream<TcpStream> {
        let certificate = target.certificate.clone().expect("a server with TLS");
        let certificate = Certificate::from_der(certificate).expect("a certificate");
        let connector = TlsConnector::from(Trust::certificate(certificate).client_config(None));
        let name = ServerName::try_from("localhost").expect("a name");
        TlsStream::Client(connector.connect(name, tcp).await.expect("a handshake"))
    }
}

/// A WebSocket.
pub type Socket<L> = WebSocketStream<<L as Layer>::Stream>;

/// tungstenite fills its read buffer with zeros before every read, 128 KiB if nobody says otherwise.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .max_frame_size(None)
        .max_message_size(None)
}

/// Serves each client by a task, which has nothing left of the handshake.
pub async fn serve<L: Layer, F: Future<Output = ()> + Send + 'static>(
    ready: impl FnOnce(Target),
    client: fn(Socket<L>) -> F,
) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = listener.await.expect("a port");
    let (acceptor, certificate) = L::acceptor();
    ready(Target {
        address: listener.local_addr().expect("bound"),
        certificate,
    });
    while let Ok((tcp, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        Tokio::spawn(async move {
            tcp.set_nodelay(true).expect("a socket");
            let stream = L::accept(acceptor, tcp).await;
            let accepted = accept_async_with_config(stream, Some(config())).await;
            Tokio::spawn(client(accepted.expect("a handshake")));
        });
    }
}

pub async fn connect<L: Layer>(target: &Target) -> Socket<L> {
    let tcp = TcpStream::connect(target.address).await.expect("a server");
    tcp.set_nodelay(true).expect("a socket");
    let stream = L::connect(target, tcp).await;
    let connected = client_async_with_config("ws://localhost/", stream, Some(config())).await;
    connected.expect("a handshake").0
}

/// The next message, or `None` at the end. What was sent is flushed if it does not come at once.
pub async fn next<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
) -> Option<Message> {
    poll_fn(|cx| match socket.poll_next_unpin(cx) {
        Poll::Ready(message) => Poll::Ready(message.and_then(Result::ok)),
        Poll::Pending => match ready!(socket.poll_flush_unpin(cx)) {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        },
    })
    .await
}
