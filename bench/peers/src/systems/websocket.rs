//! tungstenite over TCP or TLS, as the floor and `lean` use it.

use std::{
    future::poll_fn,
    net::Ipv4Addr,
    sync::Arc,
    task::{Poll, ready},
};

use futures_util::{SinkExt, StreamExt};
use hardlight::{ClientAuth, Identity};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream, rustls::pki_types::ServerName};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use tokio_util::either::Either;

use super::{
    Target,
    runtime::{Runtime, Tokio},
};

/// A WebSocket.
pub type Socket = WebSocketStream<Either<TcpStream, TlsStream<TcpStream>>>;

/// tungstenite fills its read buffer with zeros before every read, 128 KiB if nobody says otherwise.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .max_frame_size(None)
        .max_message_size(None)
}

/// Serves each client by a task.
pub async fn serve<F: Future<Output = ()> + Send + 'static>(
    tls: bool,
    ready: impl FnOnce(Target),
    client: fn(Socket) -> F,
) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let mut target = Target::plain(listener.local_addr().expect("bound"));
    let acceptor = tls.then(|| {
        let identity = Identity::development(["localhost"]).expect("a name");
        target.certificate = Some(identity.certificate().der().to_vec());
        TlsAcceptor::from(identity.server_config(&ClientAuth::None))
    });
    ready(target);
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        Tokio::spawn(async move {
            stream.set_nodelay(true).expect("a socket");
            let stream = match acceptor {
                Some(acceptor) => {
                    let stream = acceptor.accept(stream).await.expect("a handshake");
                    Either::Right(TlsStream::Server(stream))
                }
                None => Either::Left(stream),
            };
            let accepted = accept_async_with_config(stream, Some(config())).await;
            client(accepted.expect("a handshake")).await;
        });
    }
}

pub async fn connect(target: &Target) -> Socket {
    let stream = TcpStream::connect(target.address).await.expect("a server");
    stream.set_nodelay(true).expect("a socket");
    let stream = match &target.certificate {
        Some(certificate) => {
            let certificate = hardlight::Certificate::from_der(certificate.clone());
            let trust = hardlight::Trust::certificate(certificate.expect("a certificate"));
            let connector = TlsConnector::from(Arc::clone(&trust.client_config(None)));
            let name = ServerName::try_from("localhost").expect("a name");
            let stream = connector.connect(name, stream).await.expect("a handshake");
            Either::Right(TlsStream::Client(stream))
        }
        None => Either::Left(stream),
    };
    let connected = client_async_with_config("ws://localhost/", stream, Some(config())).await;
    connected.expect("a handshake").0
}

/// The next message, or `None` at the end. What was sent is flushed if it does not come at once.
pub async fn next(socket: &mut Socket) -> Option<Message> {
    poll_fn(|cx| match socket.poll_next_unpin(cx) {
        Poll::Ready(message) => Poll::Ready(message.and_then(Result::ok)),
        Poll::Pending => match ready!(socket.poll_flush_unpin(cx)) {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        },
    })
    .await
}
