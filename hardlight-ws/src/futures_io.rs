//! What adapters share whose runtime has sockets of futures-io: TLS by futures-rustls, WebSockets by async-tungstenite.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_tungstenite::{WebSocketStream, client_async_with_config};
use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use futures_util::io::{AsyncRead, AsyncWrite};
use hardlight_driver::{Clock, Timer, proto::Time};
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tungstenite::{Error, handshake::client, protocol::Role};

use crate::{Adapter, Carry, ReadAhead, Runtime, TlsInfo, websocket_config};

/// A runtime whose sockets are those of futures-io. That makes it an [`Adapter`].
pub trait FuturesIo: Runtime<Tcp: AsyncRead + AsyncWrite + Unpin + 'static> {
    /// Waits for a time.
    type Sleep: Future + Send + Unpin + 'static;

    /// The time now: the system's, unless the runtime has one of its own.
    fn now() -> Instant {
        Instant::now()
    }

    /// The clock by which [`now`](Self::now) goes, from `origin` on. It is asked from any thread.
    fn clock(origin: Instant) -> Clock {
        Clock::new(move || Time::ZERO + Self::now().saturating_duration_since(origin))
    }

    /// Waits until `instant`.
    fn sleep_until(instant: Instant) -> Self::Sleep;

    /// Has `sleep` wait until `instant` from now on.
    fn reset(sleep: &mut Self::Sleep, instant: Instant);
}

impl<R: FuturesIo> Adapter for R {
    type Stream = MaybeTls<R::Tcp>;
    type Socket = WebSocketStream<ReadAhead<MaybeTls<R::Tcp>>>;
    type Timer = InstantTimer<R>;

    fn timer() -> InstantTimer<R> {
        InstantTimer::new()
    }

    fn raw(tcp: &mut R::Tcp) -> impl AsyncRead + AsyncWrite + Send + Unpin {
        tcp
    }

    fn plain(tcp: R::Tcp) -> Self::Stream {
        MaybeTls::Plain(tcp)
    }

    async fn connect_tls(
        tcp: R::Tcp,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self::Stream> {
        let tls = TlsConnector::from(config).connect(name, tcp).await?;
        Ok(MaybeTls::Tls(Box::new(tls.into())))
    }

    async fn accept_tls(
        tcp: R::Tcp,
        config: Arc<ServerConfig>,
    ) -> Result<(Self::Stream, TlsInfo), (io::Error, Self::Stream)> {
        match TlsAcceptor::from(config).accept(tcp).into_fallible().await {
            Ok(tls) => {
                let info = TlsInfo::new(tls.get_ref().1);
                Ok((MaybeTls::Tls(Box::new(tls.into())), info))
            }
            Err((error, tcp)) => Err((error, Self::plain(tcp))),
        }
    }

    async fn open(
        stream: Self::Stream,
        request: client::Request,
    ) -> Result<(Self::Socket, client::Response), Error> {
        let stream = ReadAhead::new(stream);
        client_async_with_config(request, stream, Some(websocket_config())).await
    }

    async fn accepted(stream: Self::Stream, rest: Vec<u8>) -> Self::Socket {
        let config = Some(websocket_config());
        let stream = ReadAhead::new(stream);
        WebSocketStream::from_partially_read(stream, rest, Role::Server, config).await
    }
}

impl<R: FuturesIo, S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Carry<S> for R {
    fn carry(stream: S) -> Self::Stream {
        MaybeTls::Other(Box::new(stream))
    }
}

/// A stream of bytes of whatever type.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A socket, or TLS over it, or what the application has brought.
pub enum MaybeTls<T> {
    /// Without TLS.
    Plain(T),
    /// With TLS. Behind a pointer: it takes a kilobyte, which those without need not have.
    Tls(Box<TlsStream<T>>),
    /// A stream of the application's.
    Other(Box<dyn ByteStream>),
}

impl<T> fmt::Debug for MaybeTls<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Tls(_) => "Tls",
            Self::Other(_) => "Other",
        })
    }
}

/// What is asked of either is asked of the one that it is.
macro_rules! of_either {
    ($stream:expr, $inner:ident => $asked:expr) => {
        match $stream.get_mut() {
            Self::Plain($inner) => {
                let $inner = Pin::new($inner);
                $asked
            }
            Self::Tls($inner) => {
                let $inner = Pin::new(&mut **$inner);
                $asked
            }
            Self::Other($inner) => {
                let $inner = Pin::new(&mut **$inner);
                $asked
            }
        }
    };
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTls<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        of_either!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTls<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        of_either!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        of_either!(self, stream => stream.poll_write_vectored(cx, parts))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, stream => stream.poll_close(cx))
    }
}

/// A [`Timer`] on the runtime's clock, which is the system's monotonic one on most.
///
/// What waits is made when the timer is first waited for, and touched only when the deadline has changed.
#[derive(Debug)]
pub struct InstantTimer<R: FuturesIo> {
    origin: Instant,
    deadline: Option<Time>,
    sleep: Option<(Time, R::Sleep)>,
}

impl<R: FuturesIo> InstantTimer<R> {
    /// A timer whose clock begins now.
    pub fn new() -> Self {
        Self { origin: R::now(), deadline: None, sleep: None }
    }

    fn instant(&self, time: Time) -> Instant {
        /// A year is as good as never, and no clock overflows with it.
        const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        let after = Duration::from_micros(time.as_micros());
        self.origin.checked_add(after).unwrap_or_else(|| R::now() + FAR)
    }
}

impl<R: FuturesIo> Default for InstantTimer<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: FuturesIo> Timer for InstantTimer<R> {
    fn now(&self) -> Time {
        Time::ZERO + R::now().saturating_duration_since(self.origin)
    }

    fn clock(&self) -> Clock {
        R::clock(self.origin)
    }

    fn reset(&mut self, deadline: Time) {
        self.deadline = Some(deadline);
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if self.now() >= deadline {
            // One that has rung would be asked for the next time in vain.
            self.sleep = None;
            return Poll::Ready(());
        }
        let instant = self.instant(deadline);
        let (armed, sleep) = self.sleep.get_or_insert_with(|| (deadline, R::sleep_until(instant)));
        if *armed != deadline {
            *armed = deadline;
            R::reset(sleep, instant);
        }
        Pin::new(sleep).poll(cx).map(drop)
    }
}
