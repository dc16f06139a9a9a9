//! The server's side of a connection: handles, and the driver that runs the handlers.

mod call_set;
mod deadlines;
mod driver;
mod features;
mod handlers;
mod held;
pub(crate) mod mailbox;
mod state;
mod topics;
mod unfinished;
mod values;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use hardlight_proto::{
    CloseReason, ConnectionError, ConnectionState, EventSchema, Events, Limits, NoEvents,
    ServerConfig,
};
use tracing::Span;

pub use features::FeaturesCell;
pub use state::{StateCell, StateGuard, StateReadGuard};
pub use values::ValuesCell;

use crate::{
    context::TypeMap,
    events::{ConnectionId, EventEmitter, EventHub, Interest, Subscriptions},
    mailbox::Mailbox,
    offload::{Offload, inline},
    opening::Opening,
    service::{Dispatch, Service},
    telemetry::{Endpoint, Telemetry, meters::Meters, server::ServerTelemetry, server_connection},
    timer::Timer,
    transport::Transport,
};
use driver::{ServerDriver, Setup};
use mailbox::{Close, Commands};
use state::Shared;
use topics::StateTopics;
use unfinished::Serving;

/// The server's handle of a connection. Clones share it.
pub struct ServerConnection<S: ConnectionState, E: Events = NoEvents> {
    state: StateCell<S>,
    events: EventEmitter<E>,
    subscriptions: Subscriptions,
    request: Opening,
    extensions: Arc<TypeMap>,
}

impl<S: ConnectionState, E: Events> ServerConnection<S, E> {
    /// A handle that belongs to no connection: its state can be used, and goes nowhere; so do its events. For tests,
    /// and for calling a handler without a transport.
    pub fn detached() -> Self {
        Self::new(&EventHub::new(), &Limits::new(), &[])
    }

    /// `types` are those of the events, as far as it matters which feature they need.
    fn new(hub: &EventHub, limits: &Limits, types: &'static [EventSchema]) -> Self {
        let mailbox = Arc::new(Mailbox::new(Commands::new(limits.max_queued_event_bytes())));
        let shared = Shared::new(Arc::clone(&mailbox), types);
        let topics = limits.max_topic_bytes();
        Self {
            state: StateCell { shared: Arc::new(shared) },
            events: hub.emitter(),
            subscriptions: Subscriptions::new(Arc::clone(&hub.hub), mailbox, topics),
            request: Opening::none(),
            extensions: Arc::default(),
        }
    }

    /// This handle with a request for [`request`](Self::request) to find: for tests of handlers that look at one. Handles
    /// that were taken before have none.
    #[must_use]
    pub fn with_request<R: Send + Sync + 'static>(mut self, request: R) -> Self {
        self.request = Opening::new(request);
        self
    }

    /// What the client asked for before the connection began, of the type that the adapter has for it: `request::<Request>()`
    /// on every adapter that speaks WebSocket. `None` if it is of another type, or there was none: the connection is detached,
    /// or of a transport of your own.
    pub fn request<R: 'static>(&self) -> Option<&R> {
        self.request.get()
    }

    /// What the application keeps for the connection: who its user is, for one. The factory, handlers and
    /// [`CallContext`](crate::CallContext) find the same. It lives as long as a handle of the connection does.
    pub fn extensions(&self) -> &TypeMap {
        &self.extensions
    }

    /// Names the connection among those of its hub: in [`EventHub::subscribers`], for one. Connections of two servers that share
    /// none may have the same; all that are [`detached`](Self::detached) have.
    pub fn id(&self) -> ConnectionId {
        self.subscriptions.id()
    }

    /// The connection's state.
    pub const fn state(&self) -> &StateCell<S> {
        &self.state
    }

    /// Values beside the state, of any type that travels, by name: also for a service without a state.
    pub const fn values(&self) -> ValuesCell<'_, S> {
        ValuesCell::new(&self.state)
    }

    /// What the connection may do.
    pub const fn features(&self) -> FeaturesCell<'_, S> {
        FeaturesCell::new(&self.state)
    }

    /// Sends events to the clients that are subscribed to a topic.
    pub const fn events(&self) -> &EventEmitter<E> {
        &self.events
    }

    /// What this connection is subscribed to.
    pub const fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    /// Has `topics` choose what the connection is subscribed to, from its state, and `check` say what it may be subscribed
    /// to. `#[derive(Events)]` has a trait for it.
    #[track_caller]
    pub(crate) fn attach_topics(
        &self,
        topics: impl Fn(&S) -> Vec<Interest> + Send + Sync + 'static,
        check: impl Fn(&Interest) -> bool + Send + Sync + 'static,
    ) {
        self.subscriptions.set_check(Arc::new(check));
        let topics = StateTopics::new(topics, self.subscriptions.clone());
        self.shared().set_topics(topics);
    }

    /// Closes the connection once the calls that run have ended; new ones are answered
    /// [`GoingAway`](hardlight_proto::CallError::GoingAway). Calls that still run after [`Limits::close_timeout`] are
    /// given up.
    pub fn close(&self, reason: CloseReason) {
        self.shared().mailbox.post(|commands| commands.close = Some(Close::Drain(reason)));
    }

    /// Closes the connection at once. Calls that run are given up, output that waits is lost.
    pub fn abort(&self, reason: CloseReason) {
        self.shared().mailbox.post(|commands| commands.close = Some(Close::Abort(reason)));
    }

    const fn shared(&self) -> &Arc<Shared<S>> {
        &self.state.shared
    }
}

impl<S: ConnectionState, E: Events> Clone for ServerConnection<S, E> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            events: self.events.clone(),
            subscriptions: self.subscriptions.clone(),
            request: self.request.clone(),
            extensions: Arc::clone(&self.extensions),
        }
    }
}

impl<S: ConnectionState, E: Events> fmt::Debug for ServerConnection<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConnection")
            .field("id", &self.id())
            .field("subscriptions", &self.subscriptions)
            .finish_non_exhaustive()
    }
}

/// A connection that a server is about to serve: first its handle goes to whoever makes the handler, then it is served.
pub struct Acceptor<S: Service> {
    connection: ServerConnection<S::State, S::Events>,
    limits: Limits,
    compression: bool,
    max_call_time: Option<Duration>,
    telemetry: Telemetry,
    meters: Arc<Meters>,
    endpoint: Endpoint,
    /// Made when it is first asked for.
    span: OnceLock<Span>,
    offload: Offload,
    end: End<S::State>,
}

/// However a connection ends, nothing is collected for it any longer.
struct End<S: ConnectionState> {
    shared: Arc<Shared<S>>,
    subscriptions: Subscriptions,
}

impl<S: ConnectionState> End<S> {
    fn end(&self) {
        self.shared.mailbox.with(Commands::end);
        self.subscriptions.end();
        self.shared.forget_topics();
    }
}

impl<S: ConnectionState> Drop for End<S> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<S: Service> Acceptor<S> {
    /// A connection with these limits, its state at the initial value, that shares events with the others of `hub`.
    pub fn new(limits: Limits, hub: &EventHub) -> Self {
        let connection = ServerConnection::new(hub, &limits, &S::schema().events);
        let end = End {
            shared: Arc::clone(connection.shared()),
            subscriptions: connection.subscriptions.clone(),
        };
        Self {
            connection,
            limits,
            compression: false,
            max_call_time: None,
            offload: inline,
            telemetry: Telemetry::new(),
            meters: hub.hub.meters.of(S::schema()),
            endpoint: Endpoint::unknown(),
            span: OnceLock::new(),
            end,
        }
    }

    /// Whether payloads may travel compressed, if the client wants it too: see
    /// [`ServerConfig::with_compression`]. Default: no. Without the feature `deflate` never.
    #[must_use]
    pub const fn with_compression(mut self, compression: bool) -> Self {
        self.compression = compression;
        self
    }

    /// How long a call may run: what runs longer is dropped and answered
    /// [`DeadlineExceeded`](hardlight_proto::CallError::DeadlineExceeded), as if its caller had a deadline. A caller may have a
    /// shorter one. Default: for ever. Methods that are marked `#[rpc(no_cancel)]` run on.
    #[must_use]
    pub const fn with_max_call_time(mut self, time: Option<Duration>) -> Self {
        self.max_call_time = time;
        self
    }

    /// Has `offload` do what would keep the connection's task from everything else: to decode the input and to encode the output of
    /// a call, and to give their memory back, where that is a megabyte or more. Default: the task does it.
    #[must_use]
    pub fn with_offload(mut self, offload: Offload) -> Self {
        self.offload = offload;
        self
    }

    /// Has handlers find a request: see [`ServerConnection::request`]. Handles that were taken before have none.
    #[must_use]
    pub fn with_request<R: Send + Sync + 'static>(mut self, request: R) -> Self {
        self.connection = self.connection.with_request(request);
        self
    }

    /// What the connection tells of itself. Default: [`Telemetry::new`].
    #[must_use]
    pub fn with_telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Where its ends are, for its spans. Default: nobody knows.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// The connection's span, with what was said of its ends before this is first called: for what is done before the connection is
    /// [served](Self::serve), which is done in it anyway.
    pub fn span(&self) -> &Span {
        self.span.get_or_init(|| {
            server_connection(S::schema().name, &self.endpoint, self.connection.id())
        })
    }

    /// The handle for the handler. What is written to its state before [`serve`](Self::serve) is in the snapshot that
    /// the client gets first; what it is subscribed to by then is announced right behind it.
    pub fn connection(&self) -> S {
        S::new(self.connection.clone())
    }

    /// The driver's handle of the connection: to close it with, for one.
    pub const fn handle(&self) -> &ServerConnection<S::State, S::Events> {
        &self.connection
    }

    /// Serves the connection with `handler`, over a transport that is connected already. The future does all the work
    /// and must be polled until it ends, with the reason; dropping it drops the connection and its handlers. Handlers of methods
    /// that are marked `#[rpc(no_cancel)]` may outlive the connection: then the transport is dropped before, and the future ends
    /// with the last of them.
    ///
    /// # Panics
    ///
    /// If this thread holds the connection's state, by a guard that is still alive.
    #[track_caller]
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
        let span = self.span().clone();
        let config = ServerConfig::new(S::schema())
            .with_limits(self.limits)
            .with_compression(self.compression)
            .with_epoch(self.end.subscriptions.epoch());
        let telemetry = ServerTelemetry {
            options: self.telemetry,
            endpoint: self.endpoint,
            meters: self.meters,
            span: span.clone(),
        };
        let setup = Setup {
            request: self.connection.request.clone(),
            extensions: Arc::clone(&self.connection.extensions),
            max_call_time: self.max_call_time,
            telemetry,
            offload: self.offload,
        };
        let driver = ServerDriver::new(config, transport, timer, dispatch, setup, self.end);
        Serving::new(driver, span)
    }
}

impl<S: Service> fmt::Debug for Acceptor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("connection", &self.connection).finish_non_exhaustive()
    }
}
