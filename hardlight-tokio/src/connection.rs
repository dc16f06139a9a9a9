//! One connection of a server: handshake, factory, service.

use std::{future::pending, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use hardlight_driver::{
    Acceptor, Dispatch, EventHub, Service,
    proto::{CloseCode, CloseReason, ConnectionError},
};
use hardlight_ws::{
    AcceptError, Closers, Handshake, Refusal, Registered, Request, ServerOptions, TlsInfo, Upgrade,
    WebSocketTransport, websocket_config,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, copy, sink},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use tokio_util::{either::Either, sync::CancellationToken};

use crate::{TokioTimer, deadline::Deadline};

/// How much of what a refused client still sends is read, so that it gets to read why, in bytes.
const MAX_DISCARDED_BYTES: u64 = 64 * 1024;

/// How much is read and kept of what a client sends while the factory runs, in bytes. It has no reason to send anything.
const MAX_EARLY_BYTES: usize = 8 * 1024;

/// How long to wait until a refused client has taken its answer and hung up.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(2);

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) options: ServerOptions,
    pub(crate) serve: Arc<Serve>,
    pub(crate) stop: CancellationToken,
    pub(crate) closers: Closers,
    pub(crate) hub: EventHub,
}

/// Answers a request, whose handler must be made by then. The types of the service and of its handlers end here.
pub(crate) type Serve = dyn Fn(Stream, Upgrade, Deadline, Arc<Shared>) -> Answering + Send + Sync;

type Answering = Pin<Box<dyn Future<Output = Result<Serving, AcceptError>> + Send>>;

/// A connection that is open. It is no part of the future that opened it, whose memory is thus given back.
pub(crate) struct Serving {
    driver: Pin<Box<dyn Future<Output = ConnectionError> + Send>>,
    _registered: Registered,
}

pub(crate) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// All of a connection's life.
pub(crate) async fn run(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let deadline = Deadline::new(shared.options.handshake_timeout);
    let ended = match handshake_in_time(stream, peer, deadline, &shared).await {
        Ok((stream, upgrade)) => {
            let serve = Arc::clone(&shared.serve);
            let serving = serve(stream, upgrade, deadline, shared).await;
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
    Arc::new(move |stream, upgrade, deadline, shared| {
        Box::pin(serve(Arc::clone(&factory), stream, upgrade, deadline, shared))
    })
}

async fn handshake_in_time(
    stream: TcpStream,
    peer: SocketAddr,
    deadline: Deadline,
    shared: &Shared,
) -> Result<(Stream, Upgrade), AcceptError> {
    tokio::select! {
        biased;
        () = shared.stop.cancelled() => Err(AcceptError::Stopping),
        result = deadline.within(handshake(stream, peer, shared)) => match result {
            Ok(Ok(Handshaken::Upgrade(stream, upgrade))) => Ok((stream, upgrade)),
            Ok(Ok(Handshaken::Refused(stream, answer, error))) => {
                Err(turn_away(stream, &answer, error).await)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(AcceptError::Timeout),
        }
    }
}

/// What became of a client's request.
enum Handshaken {
    Upgrade(Stream, Upgrade),
    /// With what is still to be told.
    Refused(Stream, Vec<u8>, AcceptError),
}

async fn handshake(stream: TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<Handshaken> {
    stream.set_nodelay(true)?;
    let mut stream = match &shared.tls {
        Some(tls) => match tls.accept(stream).into_fallible().await {
            Ok(stream) => Either::Right(stream),
            // TLS has told the client already.
            Err((error, stream)) => {
                let (stream, error) = (Either::Left(stream), AcceptError::Tls(error));
                return Ok(Handshaken::Refused(stream, Vec::new(), error));
            }
        },
        None => Either::Left(stream),
    };
    let info = match &stream {
        Either::Right(tls) => Some(TlsInfo::new(tls.get_ref().1)),
        Either::Left(_) => None,
    };
    let mut handshake = Handshake::new(&shared.options, Some(peer), info);
    let mut input = vec![0; 2048];
    loop {
        let length = stream.read(&mut input).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match handshake.handle_input(&input[..length]) {
            Ok(None) => {}
            Ok(Some(upgrade)) => return Ok(Handshaken::Upgrade(stream, upgrade)),
            Err(refusal) => {
                let (answer, error) = (refusal.response(), AcceptError::Refused(refusal));
                return Ok(Handshaken::Refused(stream, answer, error));
            }
        }
    }
}

async fn serve<S, H, F, Fut>(
    factory: Arc<F>,
    mut stream: Stream,
    upgrade: Upgrade,
    deadline: Deadline,
    shared: Arc<Shared>,
) -> Result<Serving, AcceptError>
where
    S: Service + Dispatch<H>,
    H: Send + Sync + 'static,
    F: Fn(S, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
{
    let options = &shared.options;
    let request = upgrade.request().clone();
    let acceptor = Acceptor::<S>::new(options.limits.clone(), &shared.hub);
    let acceptor = acceptor.with_compression(options.compression).with_request(request.clone());
    let mut early = Vec::new();
    let made = tokio::select! {
        biased;
        () = shared.stop.cancelled() => Err(Refusal::unavailable()),
        made = deadline.within(factory(acceptor.connection(), request)) => {
            made.unwrap_or_else(|_| Err(Refusal::unavailable()))
        }
        // Nobody waits for what the factory would make.
        error = hung_up(&mut stream, &mut early) => return Err(error.into()),
    };
    let handler = match made {
        Ok(handler) => handler,
        Err(refusal) => {
            let answer = upgrade.refuse(&refusal, options.refuse_in_band);
            let error = AcceptError::Refused(refusal);
            return Err(turn_away(stream, &answer, error).await);
        }
    };
    let mut accept = upgrade.accept();
    accept.rest.append(&mut early);
    let answered = timeout(options.handshake_timeout, stream.write_all(&accept.response)).await;
    answered.map_err(|_| AcceptError::Timeout)??;
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

/// Waits until the client hangs up, and keeps what it sends meanwhile. Cancel safe. Beyond [`MAX_EARLY_BYTES`] nothing is read
/// any more, so that an end is not seen either.
async fn hung_up(stream: &mut (impl AsyncRead + Unpin), early: &mut Vec<u8>) -> io::Error {
    while early.len() < MAX_EARLY_BYTES {
        let room = (MAX_EARLY_BYTES - early.len()) as u64;
        match (&mut *stream).take(room).read_buf(early).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(error) => return error,
        }
    }
    pending().await
}

/// Tells a client why it is not let in, as well as can be.
async fn turn_away(mut stream: Stream, answer: &[u8], error: AcceptError) -> AcceptError {
    let told = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        // A socket that is closed while it holds unread input takes its output with it. The client hangs up, or the timeout
        // does.
        copy(&mut stream.take(MAX_DISCARDED_BYTES), &mut sink()).await
    };
    // Whether it worked changes nothing.
    let _ = timeout(TURN_AWAY_TIMEOUT, told).await;
    error
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::{io::duplex, net::TcpListener, time::Instant};

    use super::*;

    #[tokio::test]
    async fn what_comes_early_is_kept_up_to_a_bound_and_an_end_below_it_is_seen() {
        for (sent, kept, is_seen) in [
            (0, 0, true),
            (MAX_EARLY_BYTES - 1, MAX_EARLY_BYTES - 1, true),
            (MAX_EARLY_BYTES, MAX_EARLY_BYTES, false),
            (3 * MAX_EARLY_BYTES, MAX_EARLY_BYTES, false),
        ] {
            let (mut client, mut server) = duplex(4 * MAX_EARLY_BYTES);
            client.write_all(&vec![7; sent]).await.unwrap();
            let mut early = Vec::new();
            // Whatever is there is read at once.
            assert!(
                tokio::task::unconstrained(hung_up(&mut server, &mut early))
                    .now_or_never()
                    .is_none()
            );
            assert_eq!(early, vec![7; kept]);
            drop(client);
            assert_eq!(hung_up(&mut server, &mut early).now_or_never().is_some(), is_seen);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_client_that_does_not_hang_up_is_waited_for_only_so_long() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (client, (stream, _)) = (client.unwrap(), accepted.unwrap());
        let start = Instant::now();
        let refused = AcceptError::Refused(Refusal::forbidden());
        turn_away(Either::Left(stream), b"no", refused).await;
        assert_eq!(start.elapsed().as_secs(), TURN_AWAY_TIMEOUT.as_secs());
        drop(client);
    }
}
