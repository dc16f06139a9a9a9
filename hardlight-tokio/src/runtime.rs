//! tokio, as servers and clients use it.

use std::{
    io,
    net::SocketAddr,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hardlight_driver::Work;
use hardlight_ws::{Adapter, Carry, ReadAhead, Resolve, Runtime, TlsInfo, websocket_config};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, ToSocketAddrs, lookup_host},
    runtime::Handle,
    task::spawn_blocking,
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, ServerConfig, pki_types::ServerName},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error, handshake::client, protocol::Role},
};
use tokio_util::{
    compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt},
    either::Either,
    task::AbortOnDropHandle,
};

use crate::TokioTimer;

/// The runtime of [`Server`](crate::Server).
#[derive(Debug)]
pub enum Tokio {}

/// TCP, or TLS over it, or what the application has brought. Behind a pointer: TLS takes a kilobyte, which those without need not
/// have.
type Stream = Either<TcpStream, Box<dyn ByteStream>>;

/// A stream of bytes of whatever type.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

impl Runtime for Tokio {
    type Listener = TcpListener;
    type Tcp = TcpStream;
    type Task = Task;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(AbortOnDropHandle::new(tokio::spawn(future)))
    }

    fn detach(task: Task) {
        drop(task.0.detach());
    }

    async fn cancel(task: Task) {
        task.0.abort();
        task.await;
    }

    async fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        // It is not cancelled, so if it fails it panicked.
        spawn_blocking(work).await.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()))
    }

    fn offload(work: Work) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(),
        }
    }

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn listen(addresses: &[SocketAddr]) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(addresses).await?;
        let local_addr = listener.local_addr()?;
        Ok((listener, local_addr))
    }

    async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (tcp, peer) = listener.accept().await?;
        // It fails if the client is gone, which is found soon enough.
        let _ = tcp.set_nodelay(true);
        Ok((tcp, peer))
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        Ok(tcp)
    }
}

impl Adapter for Tokio {
    /// Read as one of futures-io for the handshake only.
    type Stream = Compat<Stream>;
    type Socket = WebSocketStream<Compat<ReadAhead<Compat<Stream>>>>;
    type Timer = TokioTimer;

    fn timer() -> TokioTimer {
        TokioTimer::new()
    }

    #[expect(refining_impl_trait, reason = "this crate does not have the traits of futures-io")]
    fn raw(tcp: &mut TcpStream) -> Compat<&mut TcpStream> {
        tcp.compat()
    }

    fn plain(tcp: TcpStream) -> Compat<Stream> {
        Stream::Left(tcp).compat()
    }

    async fn connect_tls(
        tcp: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Compat<Stream>> {
        let tls = TlsConnector::from(config).connect(name, tcp).await?;
        Ok(Self::carry(tls))
    }

    async fn accept_tls(
        tcp: TcpStream,
        config: Arc<ServerConfig>,
    ) -> Result<(Compat<Stream>, TlsInfo), (io::Error, Compat<Stream>)> {
        match TlsAcceptor::from(config).accept(tcp).into_fallible().await {
            Ok(tls) => {
                let info = TlsInfo::new(tls.get_ref().1);
                Ok((Self::carry(tls), info))
            }
            Err((error, tcp)) => Err((error, Self::plain(tcp))),
        }
    }

    async fn open(
        stream: Compat<Stream>,
        request: client::Request,
    ) -> Result<(Self::Socket, client::Response), Error> {
        let stream = ReadAhead::new(stream).compat();
        client_async_with_config(request, stream, Some(websocket_config())).await
    }

    async fn accepted(stream: Compat<Stream>, rest: Vec<u8>) -> Self::Socket {
        let (stream, config) = (ReadAhead::new(stream).compat(), websocket_config());
        WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(config)).await
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Carry<S> for Tokio {
    fn carry(stream: S) -> Compat<Stream> {
        let stream: Box<dyn ByteStream> = Box::new(stream);
        Stream::Right(stream).compat()
    }
}

impl<A: ToSocketAddrs> Resolve<A> for Tokio {
    async fn resolve(addr: A) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host(addr).await?.collect())
    }
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub struct Task(AbortOnDropHandle<()>);

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // An error says that it was aborted.
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}
