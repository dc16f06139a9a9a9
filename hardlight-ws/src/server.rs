//! The server: listening, and stopping.

use std::{
    any::{TypeId, type_name},
    fmt,
    future::{pending, poll_fn},
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hardlight_driver::{
    Dispatch, EventEmitter, EventHub, Relay, Service, TimeLimit, layer::Layer, proto::Events,
};
use rustls::ServerConfig;

use crate::{
    AcceptError, Adapter, BindError, Closers, Identity, Mount, Refusal, Request, Resolve, Runtime,
    Scheme, ServerOptions,
    connection::{self, Came, Make, Shared},
    entrance::{ClosedOnDrop, Entrance},
    identity::CurrentIdentity,
    signal::{GivenOnDrop, Signal},
    url,
};

/// How long to wait when no connection can be accepted, because file descriptors or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// A server of one service, on the runtime `R`: adapters have a `Server` that is one of theirs.
///
/// It serves while [`run`](Self::run) is polled, each connection in a task of its own: those who connect to the address that it
/// listens at, and those that the application brings by a [`Mount`]. A server that is [`unbound`](Self::unbound) has only
/// the latter.
#[must_use = "a server serves while `run` is polled"]
pub struct Server<R: Adapter, L = Listening<R>> {
    listening: L,
    options: ServerOptions,
    make: Arc<Make<R>>,
    hub: EventHub,
    /// The type of the service's events, and its name.
    events: (TypeId, &'static str),
    handle: ServerHandle,
    closers: Closers,
    entrance: Entrance,
    /// A mount has the options as they were then.
    is_mounted: AtomicBool,
    /// Nobody enters any longer, however the server ends.
    closed: ClosedOnDrop,
    /// Tells handles that the server has ended, however it ended.
    ended: GivenOnDrop,
}

/// What a server has that listens.
pub struct Listening<R: Runtime> {
    listener: R::Listener,
    local_addr: SocketAddr,
    identity: Option<CurrentIdentity>,
}

/// What a server has that does not listen: nothing.
#[derive(Debug)]
pub struct Unbound;

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
        make: Arc<Make<R>>,
    ) -> Result<Self, BindError>
    where
        R: Resolve<A>,
    {
        let addresses = R::resolve(addr).await.map_err(BindError::Lookup)?;
        let (listener, local_addr) = match R::listen(&addresses).await {
            Ok(bound) => bound,
            Err(source) => return Err(BindError::Listen { addresses, source }),
        };
        let identity = identity.map(CurrentIdentity::new);
        let listening = Listening { listener, local_addr, identity: identity.clone() };
        let mut server = Self::new::<S>(listening, make);
        server.handle.identity = identity;
        Ok(server)
    }

    /// The address that the server listens at, with the port it was given.
    pub const fn local_addr(&self) -> SocketAddr {
        self.listening.local_addr
    }

    /// The URL of this server for clients that know its machine as `host`: a name or an IP address.
    pub fn url(&self, host: &str) -> String {
        let scheme = if self.listening.identity.is_some() { Scheme::Secure } else { Scheme::Plain };
        url(scheme, host, self.local_addr().port())
    }

    /// Serves until a [`ServerHandle`] stops it and all connections have ended.
    ///
    /// Dropping the future aborts all connections. A panic in the factory ends the connection it was called for.
    pub async fn run(self) {
        let Self { listening, .. } = &self;
        let tls = listening.identity.as_ref();
        let tls = tls.map(|identity| identity.server_config(&self.options.client_auth));
        let (serving, Listening { listener, .. }) = self.into_serving();
        serving.serve(Some((listener, tls))).await;
    }
}

impl<R: Adapter> Server<R, Unbound> {
    /// A server that does not listen: its connections are those that its [`mount`](Self::mount) is given. It is to be
    /// [`run`](Self::run) like any other. `factory` is that of [`bind`](Server::bind).
    ///
    /// # Panics
    ///
    /// If two services on one connection have a method of the same name.
    pub fn unbound<S, H, F, Fut>(factory: F) -> Self
    where
        S: Service + Dispatch<H>,
        H: Send + Sync + 'static,
        F: Fn(S, Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
    {
        Self::new::<S>(Unbound, connection::erase(factory))
    }

    /// Serves until a [`ServerHandle`] stops it and all connections have ended.
    ///
    /// Dropping the future aborts all connections. A panic in the factory ends the connection it was called for.
    pub async fn run(self) {
        let (serving, Unbound) = self.into_serving();
        serving.serve(None).await;
    }
}

impl<R: Adapter, L> Server<R, L> {
    fn new<S: Service>(listening: L, make: Arc<Make<R>>) -> Self {
        // Services that cannot be joined are found here, and not with the first client.
        let _ = S::schema();
        let handle = ServerHandle::default();
        let entrance = Entrance::default();
        Self {
            listening,
            options: ServerOptions::new(),
            make,
            hub: EventHub::new(),
            events: (TypeId::of::<S::Events>(), type_name::<S::Events>()),
            ended: handle.ended.on_drop(),
            handle,
            closers: Closers::new(),
            closed: entrance.on_drop(),
            entrance,
            is_mounted: AtomicBool::new(false),
        }
    }

    /// Replaces the default options.
    ///
    /// # Panics
    ///
    /// If a [mount](Self::mount) was taken already, which would not have them.
    #[track_caller]
    pub fn with_options(mut self, options: ServerOptions) -> Self {
        self.assert_not_mounted();
        self.options = options;
        self
    }

    /// Has one more layer run around every call, within those that were set before: [`ServerOptions::layer`] of the options that the
    /// server has now.
    ///
    /// # Panics
    ///
    /// If a [mount](Self::mount) was taken already, which would not have it.
    #[track_caller]
    pub fn with_layer(mut self, layer: impl Layer) -> Self {
        self.assert_not_mounted();
        self.options = self.options.layer(layer);
        self
    }

    /// Brings connections to this server that were made elsewhere; see [`Mount`]. They have the options and the hub that the
    /// server has now: set these before.
    pub fn mount(&self) -> Mount<R> {
        self.is_mounted.store(true, Ordering::Relaxed);
        Mount::new(Arc::new(self.shared()), self.entrance.clone())
    }

    #[track_caller]
    fn assert_not_mounted(&self) {
        let is_mounted = self.is_mounted.load(Ordering::Relaxed);
        assert!(
            !is_mounted,
            "options and hub are to be set before a mount is taken, which would not have them"
        );
    }

    fn shared(&self) -> Shared<R> {
        Shared {
            options: self.options.clone(),
            make: Arc::clone(&self.make),
            stop: self.handle.stop.clone(),
            closers: self.closers.clone(),
            hub: self.hub.clone(),
        }
    }

    fn into_serving(self) -> (Serving<R>, L) {
        let shared = Arc::new(self.shared());
        let Self { listening, entrance, closed, ended, .. } = self;
        (Serving { shared, entrance, _closed: closed, _ended: ended }, listening)
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
    ///
    /// # Panics
    ///
    /// If a [mount](Self::mount) was taken already, which would not have it.
    #[track_caller]
    pub fn with_hub(mut self, hub: EventHub) -> Self {
        self.assert_not_mounted();
        self.hub = hub;
        self
    }

    /// A handle to stop the server with.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }
}

impl<R: Adapter, L: fmt::Debug> fmt::Debug for Server<R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listening", &self.listening).finish_non_exhaustive()
    }
}

impl<R: Runtime> fmt::Debug for Listening<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("local_addr", &self.local_addr)
            .field("tls", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}

/// A server that runs. Its guards are declared, and hence dropped, behind the tasks.
struct Serving<R: Adapter> {
    shared: Arc<Shared<R>>,
    entrance: Entrance,
    _closed: ClosedOnDrop,
    _ended: GivenOnDrop,
}

type Listener<R> = (<R as Runtime>::Listener, Option<Arc<ServerConfig>>);

impl<R: Adapter> Serving<R> {
    async fn serve(self, listener: Option<Listener<R>>) {
        let mut tasks = FuturesUnordered::new();
        self.accept_all(listener.as_ref(), &mut tasks).await;
        drop(listener);
        // Those who came in time are told that the server stops.
        tasks.extend(self.entrance.close().into_iter().map(R::spawn));
        self.shared.closers.close_all();
        let grace = self.shared.options.stop_grace;
        let drained = TimeLimit::new(R::timer(), grace).within(drain(&mut tasks)).await;
        if drained.is_err() {
            tracing::warn!(connections = tasks.len(), ?grace, "aborting what is still open");
            drain(&mut tasks.into_iter().map(R::cancel).collect()).await;
        }
    }

    /// Serves whoever comes, until the server is to stop.
    async fn accept_all(
        &self,
        listener: Option<&Listener<R>>,
        tasks: &mut FuturesUnordered<R::Task>,
    ) {
        let mut entrance_is_first = false;
        loop {
            let mut accepting = pin!(self.accept(listener));
            let next = poll_fn(|cx| {
                // Those that have ended; those that go on wake this again.
                while let Poll::Ready(Some(())) = tasks.poll_next_unpin(cx) {}
                // In turn, so that a flood by one way keeps nobody out who comes by the other.
                entrance_is_first = !entrance_is_first;
                if entrance_is_first && let Poll::Ready(life) = self.entrance.poll_next(cx) {
                    return Poll::Ready(R::spawn(life));
                }
                match accepting.as_mut().poll(cx) {
                    Poll::Pending => self.entrance.poll_next(cx).map(R::spawn),
                    accepted => accepted,
                }
            });
            let Some(task) = self.shared.stop.unless_given(next).await else { break };
            tasks.push(task);
        }
    }

    /// The next connection by the listener.
    async fn accept(&self, listener: Option<&Listener<R>>) -> R::Task {
        let Some((listener, tls)) = listener else { return pending().await };
        let (tcp, addr) = accept::<R>(listener).await;
        let came = Came::Tcp { tcp, addr, tls: tls.clone() };
        R::spawn(connection::run(came, Arc::clone(&self.shared)))
    }
}

/// Stops a [`Server`], or gives it another certificate. Clones are of the same one.
#[derive(Clone, Debug, Default)]
pub struct ServerHandle {
    stop: Signal,
    ended: Signal,
    /// `None` without TLS.
    identity: Option<CurrentIdentity>,
}

impl ServerHandle {
    /// Stops the server: it accepts no more connections, lets calls that run finish, for
    /// [`Limits::close_timeout`](hardlight_driver::proto::Limits::with_close_timeout), answers new ones
    /// [`GoingAway`](hardlight_driver::proto::CallError::GoingAway) and closes its connections. What is still open after
    /// [`ServerOptions::stop_grace`] is aborted.
    ///
    /// Returns once all that has ended. The stop goes on if the future is dropped. A server that was stopped, dropped
    /// or has ended already needs no stopping; one that was never run ends when it is run or dropped.
    pub async fn stop(&self) {
        self.stop.give();
        self.ended.given().await;
    }

    /// Has the server show `identity` in every TLS handshake that begins from now on: a certificate that was renewed, without a
    /// restart. Connections go on, and a client that resumes a TLS session is shown no certificate. Nothing changes for a
    /// server that has no TLS of its own.
    pub fn replace_identity(&self, identity: Identity) {
        if let Some(current) = &self.identity {
            current.replace(identity);
        }
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
                let _ = TimeLimit::new(R::timer(), ACCEPT_PAUSE).within(pending::<()>()).await;
            }
        }
    }
}

/// Waits for all of them.
async fn drain<F: Future>(futures: &mut FuturesUnordered<F>) {
    while futures.next().await.is_some() {}
}
