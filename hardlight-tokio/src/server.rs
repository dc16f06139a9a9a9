//! The server: listening, and stopping.

use std::{
    any::{TypeId, type_name},
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use hardlight_driver::{Dispatch, EventEmitter, EventHub, Relay, Service, proto::Events};
use hardlight_ws::{
    AcceptError, BindError, Closers, Identity, Refusal, Request, Scheme, ServerOptions, url,
};
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs, lookup_host},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::connection::{self, Serve, Shared};

/// How long to wait when no connection can be accepted, because file descriptors or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// A server that listens and serves one service.
///
/// It serves while [`run`](Self::run) is polled, each connection in a task of its own.
#[must_use = "a server serves while `run` is polled"]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    identity: Option<Identity>,
    options: ServerOptions,
    serve: Arc<Serve>,
    hub: EventHub,
    /// The type of the service's events, and its name.
    events: (TypeId, &'static str),
    handle: ServerHandle,
    /// Tells handles that the server has ended, however it ended.
    ended: DropGuard,
}

impl Server {
    /// Listens at `addr` with TLS. Port 0 takes any free one; see [`local_addr`](Self::local_addr).
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
    /// Outside of a tokio runtime with I/O and time enabled; if two services on one connection have a method of the same name.
    pub async fn bind<S, H, F, Fut>(
        addr: impl ToSocketAddrs,
        identity: Identity,
        factory: F,
    ) -> Result<Self, BindError>
    where
        S: Service + Dispatch<H>,
        H: Send + Sync + 'static,
        F: Fn(S, Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
    {
        Self::listen::<S>(addr, Some(identity), connection::erase(factory)).await
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
    pub async fn bind_plain<S, H, F, Fut>(
        addr: impl ToSocketAddrs,
        factory: F,
    ) -> Result<Self, BindError>
    where
        S: Service + Dispatch<H>,
        H: Send + Sync + 'static,
        F: Fn(S, Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<H, Refusal>> + Send + 'static,
    {
        Self::listen::<S>(addr, None, connection::erase(factory)).await
    }

    async fn listen<S: Service>(
        addr: impl ToSocketAddrs,
        identity: Option<Identity>,
        serve: Arc<Serve>,
    ) -> Result<Self, BindError> {
        // Services that cannot be joined are found here, and not with the first client.
        let _ = S::schema();
        let addresses: Vec<_> = lookup_host(addr).await.map_err(BindError::Lookup)?.collect();
        let bound = TcpListener::bind(&*addresses).await;
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (local_addr, listener) =
            bound.map_err(|source| BindError::Listen { addresses, source })?;
        let handle =
            ServerHandle { stop: CancellationToken::new(), ended: CancellationToken::new() };
        let ended = handle.ended.clone().drop_guard();
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
        let tls = identity.map(|identity| identity.server_config(&options.client_auth).into());
        let (stop, closers) = (handle.stop, Closers::new());
        let shared = Arc::new(Shared {
            tls,
            options,
            serve,
            stop: stop.clone(),
            closers: closers.clone(),
            hub,
        });
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = tasks.join_next() => note_panic(ended),
                (stream, peer) = accept(&listener) => {
                    tasks.spawn(connection::run(stream, peer, Arc::clone(&shared)));
                }
            }
        }
        drop(listener);
        closers.close_all();
        let drained = timeout(grace, async {
            while let Some(ended) = tasks.join_next().await {
                note_panic(ended);
            }
        });
        if drained.await.is_err() {
            tracing::warn!(connections = tasks.len(), ?grace, "aborting what is still open");
            tasks.shutdown().await;
        }
    }
}

impl fmt::Debug for Server {
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
    stop: CancellationToken,
    ended: CancellationToken,
}

impl ServerHandle {
    /// Stops the server: it accepts no more connections, lets calls that run finish, answers new ones
    /// [`GoingAway`](crate::CallError::GoingAway) and closes its connections. What is still open after
    /// [`ServerOptions::stop_grace`] is aborted.
    ///
    /// Returns once all that has ended. The stop goes on if the future is dropped. A server that was stopped, dropped
    /// or has ended already needs no stopping; one that was never run ends when it is run or dropped.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}

/// The next connection. Outlives every error: each concerns one connection, or passes.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if AcceptError::concerns_one_connection(&error) => {
                tracing::debug!(%error, "a connection was gone before it was accepted");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; trying again shortly");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn note_panic(ended: Result<(), JoinError>) {
    // Its message may hold anything; the panic hook has it.
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a connection panicked");
    }
}
