//! A world, as servers and clients use it.

use std::{future::poll_fn, io, net::SocketAddr, time::Instant};

use hardlight_driver::{Clock, Work, proto::Time};
use hardlight_ws::{FuturesIo, Resolve, Runtime};

use crate::{Listener, Sleep, Socket, Task, spawn, world::here};

/// The runtime of [`Server`](crate::Server).
#[derive(Debug)]
pub enum InMemory {}

impl Runtime for InMemory {
    type Listener = Listener;
    type Tcp = Socket;
    type Task = Task;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Task {
        spawn(future)
    }

    fn detach(task: Task) {
        task.detach();
    }

    async fn cancel(task: Task) {
        task.cancel().await;
    }

    async fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        // There is one thread. A test has the time.
        work()
    }

    fn offload(work: Work) {
        // As for `unblock`.
        work();
    }

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![(here().0.network.lookup(host), port).into()])
    }

    async fn listen(addresses: &[SocketAddr]) -> io::Result<(Listener, SocketAddr)> {
        let address = *addresses.first().ok_or(io::ErrorKind::InvalidInput)?;
        let listener = here().0.network.listen(address)?;
        let address = listener.address();
        Ok((listener, address))
    }

    async fn accept(listener: &Listener) -> io::Result<(Socket, SocketAddr)> {
        Ok(poll_fn(|cx| listener.poll_accept(cx)).await)
    }

    async fn connect(address: SocketAddr) -> io::Result<Socket> {
        here().0.network.connect(address)
    }
}

impl FuturesIo for InMemory {
    type Sleep = Sleep;

    fn now() -> Instant {
        here().0.clock.now()
    }

    fn clock(origin: Instant) -> Clock {
        let clock = here().0.clock;
        Clock::new(move || Time::ZERO + clock.now().saturating_duration_since(origin))
    }

    fn sleep_until(instant: Instant) -> Sleep {
        here().0.clock.sleep_until(instant)
    }

    fn reset(sleep: &mut Sleep, instant: Instant) {
        sleep.reset(instant);
    }
}

/// A name and a port, such as `"counter:80"`. Every name is that of a host.
impl Resolve<&str> for InMemory {
    async fn resolve(addr: &str) -> io::Result<Vec<SocketAddr>> {
        let invalid =
            || io::Error::new(io::ErrorKind::InvalidInput, "it is not of the form name:port");
        let (host, port) = addr.rsplit_once(':').ok_or_else(invalid)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self::lookup(host, port.parse().map_err(|_| invalid())?).await
    }
}
