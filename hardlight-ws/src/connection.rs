//! One connection of a server: handshake, factory, service.

use std::{
    future::{pending, poll_fn},
    io,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{Either, select},
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, copy, sink},
};
use hardlight_driver::{
    Acceptor, Dispatch, EventHub, Outgoing, Service, TimeLimit, Transport, note_refused_handshake,
    proto::{CloseCode, CloseReason, ConnectionError},
};
use rustls::ServerConfig;
use tracing::Instrument;

use crate::{
    AcceptError, Adapter, Closers, Handshake, Peer, Refusal, Registered, Request, ServerOptions,
    Upgrade, WebSocketTransport,
    handshake::check_origin,
    server_transport::{BoxTransport, ServerTransport},
    signal::Signal,
};

/// How much of what a refused client still sends is read, so that it gets to read why, in bytes.
const MAX_DISCARDED_BYTES: u64 = 64 * 1024;

/// How much is read and kept of what a client sends while the factory runs, in bytes. It has no reason to send anything.
const MAX_EARLY_BYTES: usize = 8 * 1024;

/// How long to wait until a refused client has taken its answer and hung up.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(2);

/// What all connections of a server share.
pub(crate) struct Shared<R: Adapter> {
    pub(crate) options: ServerOptions,
    pub(crate) make: Arc<Make<R>>,
    pub(crate) stop: Signal,
    pub(crate) closers: Closers,
    pub(crate) hub: EventHub,
}

/// Makes the handler of a connection. The types of the service and of its handlers end here.
pub(crate) type Make<R> = dyn Fn(Request, Arc<Shared<R>>) -> Making<R> + Send + Sync;

type Making<R> = Pin<Box<dyn Future<Output = Result<Made<R>, Refusal>> + Send>>;

/// Serves a connection whose handler is made.
pub(crate) type Made<R> = Box<dyn FnOnce(ServerTransport<R>) -> Serving + Send>;

/// A connection that is open. It is no part of the future that opened it, whose memory is thus given back.
pub(crate) struct Serving {
    driver: Pin<Box<dyn Future<Output = ConnectionError> + Send>>,
    _registered: Registered,
}

/// How a client has come.
pub(crate) enum Came<R: Adapter> {
    Tcp { tcp: R::Tcp, addr: SocketAddr, tls: Option<Arc<ServerConfig>> },
    Stream(R::Stream, Peer),
}

/// All of a connection's life.
pub(crate) fn run<R: Adapter>(
    came: Came<R>,
    shared: Arc<Shared<R>>,
) -> impl Future<Output = ()> + Send {
    let peer = match &came {
        Came::Tcp { addr, .. } => Some(*addr),
        Came::Stream(_, peer) => peer.addr(),
    };
    outlive(peer, live(shake_and_open(came, shared)))
}

/// All of the life of a connection without WebSocket.
pub(crate) fn run_transport<R: Adapter>(
    transport: BoxTransport,
    request: Result<Request, Refusal>,
    shared: Arc<Shared<R>>,
) -> impl Future<Output = ()> + Send {
    let peer = request.as_ref().ok().and_then(Request::peer_addr);
    outlive(peer, live(open_transport(transport, request, shared)))
}

/// Says how a connection has ended. A panic, of the factory's for one, ends it alone.
pub(crate) async fn outlive(
    peer: Option<SocketAddr>,
    life: impl Future<Output = Result<ConnectionError, AcceptError>>,
) {
    match AssertUnwindSafe(life).catch_unwind().await {
        Ok(Ok(reason)) => tracing::debug!(?peer, %reason, "connection ended"),
        Ok(Err(error)) => {
            note_refused_handshake(&error.reason());
            tracing::debug!(?peer, %error, "no connection");
        }
        // Its message may hold anything; the panic hook has it.
        Err(_) => tracing::error!(?peer, "a connection panicked"),
    }
}

/// A connection that is opened, then served. To open it takes some kilobytes: in memory of their own, they are free again for as
/// long as the connection lives.
fn live(
    opening: impl Future<Output = Result<Serving, AcceptError>> + Send,
) -> impl Future<Output = Result<ConnectionError, AcceptError>> + Send {
    let opening = Box::pin(opening);
    async move {
        let serving = opening.await?;
        Ok(serving.driver.await)
    }
}

async fn shake_and_open<R: Adapter>(
    came: Came<R>,
    shared: Arc<Shared<R>>,
) -> Result<Serving, AcceptError> {
    let mut deadline = TimeLimit::new(R::timer(), shared.options.handshake_timeout);
    let (stream, upgrade) = handshake_in_time(came, &mut deadline, &shared).await?;
    open(stream, upgrade, deadline, shared).await
}

/// A handler, over a WebSocket that an HTTP server has accepted.
pub(crate) async fn serve_accepted<R: Adapter>(
    stream: R::Stream,
    made: Made<R>,
) -> ConnectionError {
    let socket = R::accepted(stream, Vec::new()).await;
    made(ServerTransport::WebSocket(WebSocketTransport::new(socket))).driver.await
}

pub(crate) fn erase<R, S, H, F, Fut>(factory: F) -> Arc<Make<R>>
where
    R: Adapter,
    S: Service + Dispatch<H>,
    H: Send + Sync + 'static,
    F: Fn(S, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
{
    let factory = Arc::new(factory);
    Arc::new(move |request, shared| Box::pin(make(Arc::clone(&factory), request, shared)))
}

async fn make<R, S, H, F, Fut>(
    factory: Arc<F>,
    request: Request,
    shared: Arc<Shared<R>>,
) -> Result<Made<R>, Refusal>
where
    R: Adapter,
    S: Service + Dispatch<H>,
    H: Send + Sync + 'static,
    F: Fn(S, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
{
    let options = &shared.options;
    let acceptor = Acceptor::<S>::new(options.limits.clone(), &shared.hub);
    let acceptor = acceptor
        .with_compression(options.compression)
        .with_max_call_time(options.max_call_time)
        .with_telemetry(options.telemetry.clone())
        .with_endpoint(request.endpoint())
        .with_offload(R::offload)
        .with_request(request.clone());
    let making = acceptor.span().in_scope(|| factory(acceptor.connection(), request));
    let handler = making.instrument(acceptor.span().clone()).await?;
    Ok(Box::new(move |transport| {
        let connection = acceptor.handle().clone();
        let registered = shared.closers.register(move || {
            connection.close(CloseReason::new(CloseCode::GOING_AWAY, "the server is stopping"));
        });
        let driver = acceptor.serve(handler, transport, R::timer());
        Serving { driver: Box::pin(driver), _registered: registered }
    }))
}

/// What the factory has made by the deadline, if the server does not stop before.
pub(crate) async fn make_in_time<R: Adapter>(
    request: Request,
    deadline: &mut TimeLimit<R::Timer>,
    shared: &Arc<Shared<R>>,
) -> Result<Made<R>, Refusal> {
    let making = deadline.within((shared.make)(request, Arc::clone(shared)));
    match shared.stop.unless_given(making).await {
        Some(Ok(made)) => made,
        Some(Err(_)) | None => Err(Refusal::unavailable()),
    }
}

async fn handshake_in_time<R: Adapter>(
    came: Came<R>,
    deadline: &mut TimeLimit<R::Timer>,
    shared: &Shared<R>,
) -> Result<(R::Stream, Upgrade), AcceptError> {
    let handshaken = async {
        match deadline.within(handshake(came, &shared.options)).await {
            Ok(Ok(Handshaken::Upgrade(stream, upgrade))) => Ok((stream, upgrade)),
            Ok(Ok(Handshaken::Refused(stream, answer, error))) => {
                Err(turn_away::<R>(stream, &answer, error).await)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(AcceptError::Timeout),
        }
    };
    shared.stop.unless_given(handshaken).await.unwrap_or(Err(AcceptError::Stopping))
}

/// What became of a client's request.
enum Handshaken<S> {
    Upgrade(S, Upgrade),
    /// With what is still to be told.
    Refused(S, Vec<u8>, AcceptError),
}

async fn handshake<R: Adapter>(
    came: Came<R>,
    options: &ServerOptions,
) -> io::Result<Handshaken<R::Stream>> {
    let (mut stream, peer) = match came {
        Came::Tcp { tcp, addr, tls: Some(config) } => match R::accept_tls(tcp, config).await {
            Ok((stream, info)) => (stream, Peer::from(addr).with_tls(info)),
            // TLS has told the client already.
            Err((error, stream)) => {
                return Ok(Handshaken::Refused(stream, Vec::new(), AcceptError::Tls(error)));
            }
        },
        Came::Tcp { tcp, addr, tls: None } => (R::plain(tcp), addr.into()),
        Came::Stream(stream, peer) => (stream, peer),
    };
    let mut handshake = Handshake::new(options, peer.addr, peer.tls);
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

/// The factory, then the WebSocket.
async fn open<R: Adapter>(
    mut stream: R::Stream,
    upgrade: Upgrade,
    mut deadline: TimeLimit<R::Timer>,
    shared: Arc<Shared<R>>,
) -> Result<Serving, AcceptError> {
    let options = &shared.options;
    let mut early = Vec::new();
    let making = pin!(make_in_time(upgrade.request().clone(), &mut deadline, &shared));
    let made = match select(making, pin!(hung_up(&mut stream, &mut early))).await {
        Either::Left((made, _)) => made,
        // Nobody waits for what the factory would make.
        Either::Right((error, _)) => return Err(error.into()),
    };
    let made = match made {
        Ok(made) => made,
        Err(refusal) => {
            let answer = upgrade.refuse(&refusal, options.refuse_in_band);
            let error = AcceptError::Refused(refusal);
            return Err(turn_away::<R>(stream, &answer, error).await);
        }
    };
    let mut accept = upgrade.accept();
    accept.rest.append(&mut early);
    let answer = async {
        stream.write_all(&accept.response).await?;
        stream.flush().await
    };
    let answered = TimeLimit::new(R::timer(), options.handshake_timeout).within(answer).await;
    answered.map_err(|_| AcceptError::Timeout)??;
    let socket = R::accepted(stream, accept.rest).await;
    Ok(made(ServerTransport::WebSocket(WebSocketTransport::new(socket))))
}

/// The factory, then the transport, which is there already. A refusal is told by a close.
async fn open_transport<R: Adapter>(
    transport: BoxTransport,
    request: Result<Request, Refusal>,
    shared: Arc<Shared<R>>,
) -> Result<Serving, AcceptError> {
    let mut deadline = TimeLimit::new(R::timer(), shared.options.handshake_timeout);
    let admitted = request.and_then(|request| {
        check_origin(&request, &shared.options)?;
        Ok(request)
    });
    let made = match admitted {
        Ok(request) => {
            let made = make_in_time(request.clone(), &mut deadline, &shared).await;
            // There is no response for what was added to one.
            request.response().take();
            made
        }
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok(made) => Ok(made(ServerTransport::Other(transport))),
        Err(refusal) => {
            let told = TimeLimit::new(R::timer(), TURN_AWAY_TIMEOUT)
                .within(close(transport, refusal.close_reason()))
                .await;
            // Whether it worked changes nothing.
            drop(told);
            Err(AcceptError::Refused(refusal))
        }
    }
}

/// Closes a transport, and waits until the peer has.
async fn close(mut transport: BoxTransport, reason: CloseReason) {
    let mut message = Some(Outgoing::Close(reason));
    poll_fn(|cx| {
        if message.is_some() && transport.poll_ready(cx)?.is_ready() {
            message.take().map_or(Ok(()), |message| transport.start_send(message))?;
        }
        if message.is_none() {
            let _ = transport.poll_flush(cx)?;
        }
        transport.poll_receive(cx).map(|_| Ok::<_, hardlight_driver::FrameError>(()))
    })
    .await
    .ok();
}

/// Waits until the client hangs up, and keeps what it sends meanwhile. Cancel safe. Beyond [`MAX_EARLY_BYTES`] nothing is read
/// any more, so that an end is not seen either.
async fn hung_up(stream: &mut (impl AsyncRead + Unpin), early: &mut Vec<u8>) -> io::Error {
    let mut piece = [0; 1024];
    while early.len() < MAX_EARLY_BYTES {
        let room = piece.len().min(MAX_EARLY_BYTES - early.len());
        match stream.read(&mut piece[..room]).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(read) => early.extend_from_slice(&piece[..read]),
            Err(error) => return error,
        }
    }
    pending().await
}

/// Tells a client why it is not let in, as well as can be.
pub(crate) async fn turn_away<R: Adapter>(
    mut stream: R::Stream,
    answer: &[u8],
    error: AcceptError,
) -> AcceptError {
    let told = async {
        stream.write_all(answer).await?;
        stream.close().await?;
        // A socket that is closed while it holds unread input takes its output with it. The client hangs up, or the timeout
        // does.
        copy(stream.take(MAX_DISCARDED_BYTES), &mut sink()).await
    };
    // Whether it worked changes nothing.
    let _ = TimeLimit::new(R::timer(), TURN_AWAY_TIMEOUT).within(told).await;
    error
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        task::{Context, Poll},
    };

    use super::*;

    /// What a client sends, and whether it has hung up.
    struct Client {
        sends: VecDeque<u8>,
        is_gone: bool,
    }

    impl AsyncRead for Client {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            if self.sends.is_empty() && !self.is_gone {
                return Poll::Pending;
            }
            let read = buffer.len().min(self.sends.len());
            buffer.iter_mut().zip(self.sends.drain(..read)).for_each(|(to, byte)| *to = byte);
            Poll::Ready(Ok(read))
        }
    }

    #[test]
    fn what_comes_early_is_kept_up_to_a_bound_and_an_end_below_it_is_seen() {
        for (sent, kept, is_seen) in [
            (0, 0, true),
            (MAX_EARLY_BYTES - 1, MAX_EARLY_BYTES - 1, true),
            (MAX_EARLY_BYTES, MAX_EARLY_BYTES, false),
            (3 * MAX_EARLY_BYTES, MAX_EARLY_BYTES, false),
        ] {
            let mut client = Client { sends: vec![7; sent].into(), is_gone: false };
            let mut early = Vec::new();
            assert!(hung_up(&mut client, &mut early).now_or_never().is_none());
            assert_eq!(early, vec![7; kept]);
            client.is_gone = true;
            assert_eq!(hung_up(&mut client, &mut early).now_or_never().is_some(), is_seen);
        }
    }
}
