//! What a runtime has: tasks and TCP.

use std::{io, net::SocketAddr};

use hardlight_driver::Work;

/// A runtime. An adapter implements it for a type without values.
pub trait Runtime: Sized + Send + Sync + 'static {
    /// Listens for TCP connections.
    type Listener: Send + Sync;
    /// A TCP connection.
    type Tcp: Send;
    /// A task. To drop it ends the task.
    type Task: Future<Output = ()> + Send + Unpin + 'static;

    /// Runs `future`, which does not panic, in a task of its own.
    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self::Task;

    /// Lets a task go on by itself.
    fn detach(task: Self::Task);

    /// Ends a task, and waits until all that it held is dropped.
    fn cancel(task: Self::Task) -> impl Future<Output = ()> + Send;

    /// Runs what blocks where it may. A panic goes on here.
    fn unblock<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;

    /// Does work elsewhere that would keep a task for too long, and returns at once; or does it here, where there is nowhere
    /// else. It does not panic.
    fn offload(work: Work);

    /// The addresses of a host, with this port.
    fn lookup(host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Listens at the first of these addresses that can be listened at; also the address that this turned out to be.
    fn listen(
        addresses: &[SocketAddr],
    ) -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;

    /// The next client, and where it is. Its socket does not wait for more to send (`TCP_NODELAY`), where the system can do
    /// that.
    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Tcp, SocketAddr)>> + Send;

    /// A TCP connection to this address, with `TCP_NODELAY`.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send;
}

/// A runtime that makes addresses to listen at of an `A`, as its own sockets do.
pub trait Resolve<A>: Runtime {
    /// The addresses.
    fn resolve(addr: A) -> impl Future<Output = io::Result<Vec<SocketAddr>>>;
}
