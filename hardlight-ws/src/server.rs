//! The server: listening, and stopping.

use std::{
    any::{TypeId, type_name},
    fmt,
    future::{pending, poll_fn},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hardlight_driver::{Deadline, Dispatch, EventEmitter, EventHub, Relay, Service, proto::Events};

use crate::{
    AcceptError, Adapter, BindError, Closers, Identity, Refusal, Request, Resolve, Scheme,
    ServerOptions,
    connection::{self, Serve, Shared},
    signal::{GivenOnDrop, Signal},
    url,
};

/// How long to wait when no connection can be accepted, because file descriptors or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// A server that listens and serves one service, on the runtime `R`: adapters have a `Server` that is one of theirs.
///
/// It serves while [`run`](Self::run) is polled, each connection in a task of its own.
#[must_use = "a server serves while `run` is polled"]
pub struct Server<R: Adapter> {
    listener: R::Listener,
    local_addr: SocketAddr,
    identity: Option<Identity>,
    options: ServerOptions,
    serve: Arc<Serve<R>>,
    hub: EventHub,
    /// The type of the service's events, and its name.
    events: (TypeId, &'static str),
    handle: ServerHandle,
    /// Tells handles that the server has ended, however it ended.
    ended: GivenOnDrop,
}

impl<R: Adapter> Server<R> {
    /// Listens at `addr` with TLS: whatever the runtime's own sockets take as an address, such as `"localhost:443"`. Port 0
    /// takes any free one; see [`local_addr`](Self::local_addr).
    ///
    /// `factory` is called for every client with the connection and the HTTP request that it begins with. It returns
    /// the handler for this connection, or a [`Refusal`]. State that it writes is in the first thing the client sees. What it
    /// adds to [`Request::response`] is in the HTTP response. It has what is left of
    /// [`ServerOptions::handshake_timeout`]; a web page of an origin that is not allowed ([`ServerOptions::origins`]) does not
    /// get as far.
    ///
    /// # Errors
    ///
    /// [`BindError`], if the name does not resolve or the address cannot be listened at.
    ///
    /// # Panics
    ///
    /// With tokio, outside of a runtime with I/O and time enabled; if two services on one connection have a method of the same name.
    pub async fn bind<A, S, H, F, Fut>(
        addr: A,
        identity: Identity,
        factory: F,
    ) -> Result<Self, BindError>
    where
        R: Resolve<A>,
        S: Service + Dispatch<H>,
        H: Send + Sync + 'static,
        F: Fn(S, Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
    {
        Self::listen::<A, S>(addr, Some(identity), connection::erase(factory)).await
    }

    /// Listens at `addr` **without TLS**: anybody on the way can read and change what is sent. For tests, and behind a
    /// proxy that does TLS. Otherwise as [`bind`](Self::bind).
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
    ///
    /// # Panics
    ///
    /// As [`bind`](Self::bind) does.
    pub async fn bind_plain<A, S, H, F, Fut>(addr: A, factory: F) -> Result<Self, BindError>
    where
        R: Resolve<A>,
        S: Service + Dispatch<H>,
        H: Send + Sync + 'static,
        F: Fn(S, Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
    {
        Self::listen::<A, S>(addr, None, connection::erase(factory)).await
    }

    async fn listen<A, S: Service>(
        addr: A,
        identity: Option<Identity>,
        serve: Arc<Serve<R>>,
    ) -> Result<Self, BindError>
    where
        R: Resolve<A>,
    {
        // Services that cannot be joined are found here, and not with the first client.
        let _ = S::schema();
        let addresses = R::resolve(addr).await.map_err(BindError::Lookup)?;
        let (listener, local_addr) = match R::listen(&addresses).await {
            Ok(bound) => bound,
            Err(source) => return Err(BindError::Listen { addresses, source }),
        };
        let handle = ServerHandle { stop: Signal::default(), ended: Signal::default() };
        let ended = handle.ended.on_drop();
        let options = ServerOptions::new();
        let events = (TypeId::of::<S::Events>(), type_name::<S::Events>());
        let hub = EventHub::new();
        Ok(Self { listener, local_addr, identity, options, serve, hub, events, handle, ended })
    }

    /// Replaces the default options.
    pub fn with_options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }

    /// The address that the server listens at, with the port it was given.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The URL of this server for clients that know its machine as `host`: a name or an IP address.
    pub fn url(&self, host: &str) -> String {
        let scheme = if self.identity.is_some() { Scheme::Secure } else { Scheme::Plain };
        url(scheme, host, self.local_addr.port())
    }

    /// Sends events to the server's clients, from anywhere: handlers have one of their own, this is for the rest of the
    /// application.
    ///
    /// # Panics
    ///
    /// If `E` is not the type of the service's events.
    pub fn emitter<E: Events>(&self) -> EventEmitter<E> {
        self.assert_events::<E>();
        self.hub.emitter()
    }

    /// Joins the server's events with those of other servers, by a backplane of the application's choice.
    ///
    /// # Panics
    ///
    /// If `E` is not the type of the service's events.
    pub fn relay<E: Events>(&self) -> Relay<E> {
        self.assert_events::<E>();
        self.hub.relay()
    }

    fn assert_events<E: Events>(&self) {
        let (events, name) = self.events;
        assert!(
            events == TypeId::of::<E>(),
            "the events of this server's service are `{name}`, not `{}`",
            type_name::<E>()
        );
    }

    /// Where the events of the server's connections meet: to choose what is kept of topics, to watch them, to see who is
    /// there.
    pub const fn hub(&self) -> &EventHub {
        &self.hub
    }

    /// Has the server's connections meet in `hub`, which may be that of another server of the same service: of one that
    /// listens elsewhere, for one. Emitters and relays that were taken before are of the old one. The first connection of a
    /// service with other events panics.
    pub fn with_hub(mut self, hub: EventHub) -> Self {
        self.hub = hub;
        self
    }

    /// A handle to stop the server with.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves until a [`ServerHandle`] stops it and all connections have ended.
    ///
    /// Dropping the future aborts all connections. A panic in the factory ends the connection it was called for.
    pub async fn run(self) {
        let Self { listener, identity, options, serve, hub, handle, ended, .. } = self;
        // Declared before the tasks, hence dropped behind them.
        let _ended = ended;
        let grace = options.stop_grace;
        let tls = identity.map(|identity| identity.server_config(&options.client_auth));
        let (stop, closers) = (handle.stop, Closers::new());
        let shared = Shared { tls, options, serve, stop, closers: closers.clone(), hub };
        let mut tasks = FuturesUnordered::new();
        accept_all::<R>(&listener, &Arc::new(shared), &mut tasks).await;
        drop(listener);
        closers.close_all();
        let drained = Deadline::new(R::timer(), grace).within(drain(&mut tasks)).await;
        if drained.is_err() {
            tracing::warn!(connections = tasks.len(), ?grace, "aborting what is still open");
            drain(&mut tasks.into_iter().map(R::cancel).collect()).await;
        }
    }
}

impl<R: Adapter> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local_addr", &self.local_addr)
            .field("tls", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}

/// Stops a [`Server`]. Clones stop the same one.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    stop: Signal,
    ended: Signal,
}

impl ServerHandle {
    /// Stops the server: it accepts no more connections, lets calls that run finish, answers new ones
    /// [`GoingAway`](hardlight_driver::proto::CallError::GoingAway) and closes its connections. What is still open after
    /// [`ServerOptions::stop_grace`] is aborted.
    ///
    /// Returns once all that has ended. The stop goes on if the future is dropped. A server that was stopped, dropped
    /// or has ended already needs no stopping; one that was never run ends when it is run or dropped.
    pub async fn stop(&self) {
        self.stop.give();
        self.ended.given().await;
    }
}

/// Serves whoever comes, until the server is to stop.
async fn accept_all<R: Adapter>(
    listener: &R::Listener,
    shared: &Arc<Shared<R>>,
    tasks: &mut FuturesUnordered<R::Task>,
) {
    loop {
        let mut accepting = pin!(accept::<R>(listener));
        let next = poll_fn(|cx| {
            // Those that have ended; those that go on wake this again.
            while let Poll::Ready(Some(())) = tasks.poll_next_unpin(cx) {}
            accepting.as_mut().poll(cx)
        });
        let Some((tcp, peer)) = shared.stop.unless_given(next).await else { break };
        tasks.push(R::spawn(connection::run(tcp, peer, Arc::clone(shared))));
    }
}

/// The next connection. Outlives every error: each concerns one connection, or passes.
async fn accept<R: Adapter>(listener: &R::Listener) -> (R::Tcp, SocketAddr) {
    loop {
        match R::accept(listener).await {
            Ok(accepted) => return accepted,
            Err(error) if AcceptError::concerns_one_connection(&error) => {
                tracing::debug!(%error, "a connection was gone before it was accepted");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; trying again shortly");
                let _ = Deadline::new(R::timer(), ACCEPT_PAUSE).within(pending::<()>()).await;
            }
        }
    }
}

/// Waits for all of them.
async fn drain<F: Future>(futures: &mut FuturesUnordered<F>) {
    while futures.next().await.is_some() {}
}
