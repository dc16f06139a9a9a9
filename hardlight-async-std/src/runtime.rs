//! async-std, as servers and clients use it.

use std::{
    io::{self, IoSlice},
    net::{Shutdown, SocketAddr},
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
    time::Instant,
};

use async_io::Timer;
use async_std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    task::{self, JoinHandle},
};
use hardlight_driver::Work;
use hardlight_ws::{FuturesIo, Resolve, Runtime};

/// The runtime of [`Server`](crate::Server).
#[derive(Debug)]
pub enum AsyncStd {}

impl Runtime for AsyncStd {
    type Listener = TcpListener;
    type Tcp = Tcp;
    type Task = Task;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(Some(task::spawn(future)))
    }

    fn detach(mut task: Task) {
        // A handle that is dropped lets its task go on.
        drop(task.0.take());
    }

    async fn cancel(mut task: Task) {
        if let Some(handle) = task.0.take() {
            handle.cancel().await;
        }
    }

    async fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        task::spawn_blocking(work).await
    }

    fn offload(work: Work) {
        drop(task::spawn_blocking(work));
    }

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs().await?.collect())
    }

    async fn listen(addresses: &[SocketAddr]) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(addresses).await?;
        let local_addr = listener.local_addr()?;
        Ok((listener, local_addr))
    }

    async fn accept(listener: &TcpListener) -> io::Result<(Tcp, SocketAddr)> {
        let (tcp, peer) = listener.accept().await?;
        // It fails if the client is gone, which is found soon enough.
        let _ = tcp.set_nodelay(true);
        Ok((Tcp(tcp), peer))
    }

    async fn connect(address: SocketAddr) -> io::Result<Tcp> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        Ok(Tcp(tcp))
    }
}

/// async-std's own timers are these, and cannot be set anew.
impl FuturesIo for AsyncStd {
    type Sleep = Timer;

    fn sleep_until(instant: Instant) -> Timer {
        Timer::at(instant)
    }

    fn reset(sleep: &mut Timer, instant: Instant) {
        sleep.set_at(instant);
    }
}

impl<A: ToSocketAddrs> Resolve<A> for AsyncStd {
    async fn resolve(addr: A) -> io::Result<Vec<SocketAddr>> {
        Ok(addr.to_socket_addrs().await?.collect())
    }
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub struct Task(Option<JoinHandle<()>>);

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(handle) = &mut self.0 {
            ready!(Pin::new(handle).poll(cx));
            self.0 = None;
        }
        Poll::Ready(())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            // The first poll cancels it; those after it would wait for its end.
            let _ = pin!(handle.cancel()).poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// A TCP connection that tells the peer when it is closed, which async-std's own does only once it is dropped.
#[derive(Debug)]
pub struct Tcp(TcpStream);

impl Read for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.0).poll_flush(cx))?;
        Poll::Ready(self.0.shutdown(Shutdown::Write))
    }
}
