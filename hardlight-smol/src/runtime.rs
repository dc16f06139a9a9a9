//! smol, as servers and clients use it.

use std::{io, net::SocketAddr, time::Instant};

use hardlight_driver::Work;
use hardlight_ws::{FuturesIo, Resolve, Runtime};
use smol::{
    Task, Timer,
    net::{AsyncToSocketAddrs, TcpListener, TcpStream, resolve},
};

/// The runtime of [`Server`](crate::Server).
#[derive(Debug)]
pub enum Smol {}

impl Runtime for Smol {
    type Listener = TcpListener;
    type Tcp = TcpStream;
    type Task = Task<()>;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Task<()> {
        smol::spawn(future)
    }

    fn detach(task: Task<()>) {
        task.detach();
    }

    async fn cancel(task: Task<()>) {
        task.cancel().await;
    }

    async fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        smol::unblock(work).await
    }

    fn offload(work: Work) {
        smol::unblock(work).detach();
    }

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        resolve((host, port)).await
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

impl FuturesIo for Smol {
    type Sleep = Timer;

    fn sleep_until(instant: Instant) -> Timer {
        Timer::at(instant)
    }

    fn reset(sleep: &mut Timer, instant: Instant) {
        sleep.set_at(instant);
    }
}

impl<A: AsyncToSocketAddrs> Resolve<A> for Smol {
    async fn resolve(addr: A) -> io::Result<Vec<SocketAddr>> {
        resolve(addr).await
    }
}
