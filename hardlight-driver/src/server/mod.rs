//! The server's side of a connection: handles, and the driver that runs the handlers.

mod driver;
mod handlers;
mod mailbox;
mod state;

use std::{fmt, sync::Arc};

use hardlight_proto::{CloseReason, ConnectionError, ConnectionState, Limits};

pub use state::{StateCell, StateGuard};

use crate::{
    mailbox::Mailbox,
    service::{Dispatch, Service},
    timer::Timer,
    transport::Transport,
};
use driver::ServerDriver;
use mailbox::{Close, Commands};
use state::Shared;

/// The server's handle of a connection. Clones share it.
pub struct ServerConnection<S: ConnectionState> {
    state: StateCell<S>,
}

impl<S: ConnectionState> ServerConnection<S> {
    /// A handle that belongs to no connection: its state can be used, and goes nowhere. For tests, and for calling a
    /// handler without a transport.
    pub fn detached() -> Self {
        let shared = Shared::new(Mailbox::new(Commands::default()));
        Self { state: StateCell { shared: Arc::new(shared) } }
    }

    /// The connection's state.
    pub const fn state(&self) -> &StateCell<S> {
        &self.state
    }

    const fn shared(&self) -> &Arc<Shared<S>> {
        &self.state.shared
    }
}

impl<S: ConnectionState> Clone for ServerConnection<S> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone() }
    }
}

impl<S: ConnectionState> fmt::Debug for ServerConnection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConnection").finish_non_exhaustive()
    }
}

/// A connection that a server is about to serve: first its handle goes to whoever makes the handler, then it is served.
#[derive(Debug)]
pub struct Acceptor<S: Service> {
    connection: ServerConnection<S::State>,
    limits: Limits,
}

impl<S: Service> Acceptor<S> {
    /// A connection with these limits, its state at the initial value.
    pub fn new(limits: Limits) -> Self {
        Self { connection: ServerConnection::detached(), limits }
    }

    /// The handle for the handler. What is written to its state before [`serve`](Self::serve) is in the snapshot that
    /// the client gets first.
    pub fn connection(&self) -> S {
        S::new(self.connection.clone())
    }

    /// A handle to close the connection with.
    pub fn closer(&self) -> Closer<S> {
        Closer { shared: Arc::clone(self.connection.shared()) }
    }

    /// Serves the connection with `handler`, over a transport that is connected already. The future does all the work
    /// and must be polled until it ends, with the reason; dropping it drops the connection and its handlers.
    pub fn serve<H, T, M>(
        self,
        handler: H,
        transport: T,
        timer: M,
    ) -> impl Future<Output = ConnectionError>
    where
        S: Dispatch<H>,
        T: Transport,
        M: Timer,
    {
        let handler = Arc::new(handler);
        let dispatch = move |method, input| S::dispatch(Arc::clone(&handler), method, input);
        let shared = Arc::clone(self.connection.shared());
        ServerDriver::new(shared, S::schema(), self.limits, transport, timer, dispatch)
    }
}

/// Closes a connection that is being served. Clones close the same.
pub struct Closer<S: Service> {
    shared: Arc<Shared<S::State>>,
}

impl<S: Service> Closer<S> {
    /// Closes the connection once the calls that run have ended; new ones are answered
    /// [`GoingAway`](hardlight_proto::CallError::GoingAway). Calls that still run after [`Limits::close_timeout`] are
    /// given up.
    pub fn close(&self, reason: CloseReason) {
        self.shared.mailbox.post(|commands| commands.close = Some(Close::Drain(reason)));
    }

    /// Closes the connection at once. Calls that run are given up, output that waits is lost.
    pub fn abort(&self, reason: CloseReason) {
        self.shared.mailbox.post(|commands| commands.close = Some(Close::Abort(reason)));
    }
}

impl<S: Service> Clone for Closer<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: Service> fmt::Debug for Closer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closer").finish_non_exhaustive()
    }
}
