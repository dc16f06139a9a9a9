//! One connection of a server: handshake, factory, service.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use hardlight_driver::{
    Acceptor, Dispatch, EventHub, Service,
    proto::{CloseCode, CloseReason, ConnectionError},
};
use hardlight_ws::{
    AcceptError, Closers, Handshake, Refusal, Registered, Request, ServerOptions, Upgrade,
    WebSocketTransport, websocket_config,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use tokio_util::{either::Either, sync::CancellationToken};

use crate::TokioTimer;

/// How much of what a refused client still sends is read, so that it gets to read why, in bytes.
const MAX_DISCARDED_BYTES: u64 = 64 * 1024;

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) options: ServerOptions,
    pub(crate) serve: Arc<Serve>,
    pub(crate) stop: CancellationToken,
    pub(crate) closers: Closers,
    pub(crate) hub: EventHub,
}

/// Answers a request. The types of the service and of its handlers end here.
pub(crate) type Serve = dyn Fn(Stream, Upgrade, Arc<Shared>) -> Answering + Send + Sync;

type Answering = Pin<Box<dyn Future<Output = Result<Serving, AcceptError>> + Send>>;

/// A connection that is open. It is no part of the future that opened it, whose memory is thus given back.
pub(crate) struct Serving {
    driver: Pin<Box<dyn Future<Output = ConnectionError> + Send>>,
    _registered: Registered,
}

pub(crate) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// All of a connection's life.
pub(crate) async fn run(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let ended = match handshake_in_time(stream, peer, &shared).await {
        Ok((stream, upgrade)) => {
            let serve = Arc::clone(&shared.serve);
            let serving = serve(stream, upgrade, shared).await;
            match serving {
                Ok(serving) => Ok(serving.driver.await),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    match ended {
        Ok(reason) => tracing::debug!(%peer, %reason, "connection ended"),
        Err(error) => tracing::debug!(%peer, %error, "no connection"),
    }
}

pub(crate) fn erase<S, H, F, Fut>(factory: F) -> Arc<Serve>
where
    S: Service + Dispatch<H>,
    H: Send + Sync + 'static,
    F: Fn(S, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
{
    let factory = Arc::new(factory);
    Arc::new(move |stream, upgrade, shared| {
        Box::pin(serve(Arc::clone(&factory), stream, upgrade, shared))
    })
}

async fn handshake_in_time(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Shared,
) -> Result<(Stream, Upgrade), AcceptError> {
    tokio::select! {
        biased;
        () = shared.stop.cancelled() => Err(AcceptError::Stopping),
        result = timeout(shared.options.handshake_timeout, handshake(stream, peer, shared)) => {
            result.unwrap_or(Err(AcceptError::Timeout))
        }
    }
}

async fn handshake(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Shared,
) -> Result<(Stream, Upgrade), AcceptError> {
    stream.set_nodelay(true)?;
    let mut stream = match &shared.tls {
        Some(tls) => Either::Right(tls.accept(stream).await.map_err(AcceptError::Tls)?),
        None => Either::Left(stream),
    };
    let mut handshake = Handshake::new(shared.options.max_head_bytes, Some(peer));
    let mut input = vec![0; 2048];
    loop {
        let length = stream.read(&mut input).await?;
        if length == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        match handshake.handle_input(&input[..length]) {
            Ok(None) => {}
            Ok(Some(upgrade)) => return Ok((stream, upgrade)),
            Err(refusal) => return Err(refuse(stream, refusal).await),
        }
    }
}

async fn serve<S, H, F, Fut>(
    factory: Arc<F>,
    mut stream: Stream,
    upgrade: Upgrade,
    shared: Arc<Shared>,
) -> Result<Serving, AcceptError>
where
    S: Service + Dispatch<H>,
    H: Send + Sync + 'static,
    F: Fn(S, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
{
    let ServerOptions { limits, compression, handshake_timeout, .. } = &shared.options;
    let (request, accept) = upgrade.into_parts();
    let acceptor = Acceptor::<S>::new(limits.clone(), &shared.hub).with_compression(*compression);
    let made = tokio::select! {
        biased;
        () = shared.stop.cancelled() => Err(Refusal::unavailable()),
        made = factory(acceptor.connection(), request) => made,
    };
    let handler = match made {
        Ok(handler) => handler,
        Err(refusal) => {
            let refused = timeout(*handshake_timeout, refuse(stream, refusal)).await;
            return Err(refused.unwrap_or(AcceptError::Timeout));
        }
    };
    stream.write_all(&accept.response).await?;
    let config = websocket_config();
    let socket =
        WebSocketStream::from_partially_read(stream, accept.rest, Role::Server, Some(config)).await;
    let connection = acceptor.handle().clone();
    let registered = shared.closers.register(move || {
        connection.close(CloseReason::new(CloseCode::GOING_AWAY, "the server is stopping"));
    });
    let driver = acceptor.serve(handler, WebSocketTransport::new(socket), TokioTimer::new());
    Ok(Serving { driver: Box::pin(driver), _registered: registered })
}

/// Answers with a refusal, as well as can be.
async fn refuse(mut stream: Stream, refusal: Refusal) -> AcceptError {
    if stream.write_all(&refusal.response()).await.is_ok() && stream.shutdown().await.is_ok() {
        // A socket that is closed while it holds unread input takes its output with it. The client hangs up, or the
        // caller's timeout does.
        let _ = copy(&mut stream.take(MAX_DISCARDED_BYTES), &mut sink()).await;
    }
    AcceptError::Refused(refusal)
}
