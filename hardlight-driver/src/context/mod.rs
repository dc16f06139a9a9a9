//! What surrounds a call on the server: which one it is, how long its caller waits, what the application knows of it.

mod cancellation;
mod current;
mod type_map;

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use hardlight_proto::{Extensions, Feature, FeatureSet, ServiceSchema, Time};

pub use cancellation::CancellationToken;
pub use current::InContext;
pub use type_map::TypeMap;

pub(crate) use current::{Current, Running};

use crate::{
    clock::{Clock, Deadline},
    events::ConnectionId,
    offload::Offload,
    opening::Opening,
    server::Alarms,
    telemetry::{
        MethodName, TraceContext,
        server::{ServerCall, ServerTelemetry},
    },
};

/// The call that a handler runs for: its method, its deadline, what its caller said besides, and what the application keeps
/// for it.
///
/// [`current`](Self::current) finds it, in a handler and in whatever the handler calls; nothing is passed on by hand. It is made
/// when it is first asked for, so a call that does not ask pays nothing. Clones are of the same call. A task of the
/// application's own has it too if it is spawned with [`scope`](Self::scope).
#[derive(Clone)]
pub struct CallContext(Arc<Inner>);

struct Inner {
    /// The connection; `None` outside of one.
    peer: Option<Arc<Peer>>,
    method: &'static str,
    /// Its place among those of the connection.
    index: u32,
    deadline: Option<Deadline>,
    wire: Extensions,
    trace: Option<TraceContext>,
    cancellation: CancellationToken,
    /// Shared by all contexts of the call.
    extensions: OnceLock<Arc<TypeMap>>,
}

/// What the calls of a connection have in common.
pub(crate) struct Peer {
    pub(crate) schema: &'static ServiceSchema,
    pub(crate) clock: Clock,
    pub(crate) id: ConnectionId,
    pub(crate) request: Opening,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) extensions: Arc<TypeMap>,
    pub(crate) telemetry: ServerTelemetry,
    pub(crate) offload: Offload,
    pub(crate) allowed: Arc<dyn Allowed>,
    /// Where layers wait for a time, if there are any.
    pub(crate) alarms: Option<Arc<Alarms>>,
}

/// What a connection may do, as its application says just now.
pub(crate) trait Allowed: Send + Sync {
    fn features(&self) -> FeatureSet;

    fn has(&self, feature: &str) -> bool;
}

impl Peer {
    /// The name of a method, if its payloads may be logged.
    fn method_with_payloads(&self, method: u32) -> Option<String> {
        let name = MethodName::of(self.schema, method)?;
        self.telemetry.options.payloads.then(|| name.to_string())
    }

    /// What is told of a call that begins, where somebody wants to know.
    pub(crate) fn begin(&self, method: u32, wire: &Extensions) -> Option<Box<ServerCall>> {
        self.telemetry.begin(self.schema, self.id, &self.clock, method, wire)
    }
}

impl CallContext {
    /// The context of the call that runs here. Outside of one it is [`detached`](Self::detached), so a handler that a test
    /// calls by itself finds one as well.
    pub fn current() -> Self {
        Self::try_current().unwrap_or_else(Self::detached)
    }

    /// The context of the call that runs here; `None` outside of one.
    pub fn try_current() -> Option<Self> {
        Current::context()
    }

    /// A context of no call: without a method, a deadline or a connection, never cancelled. For tests, and for work of the
    /// application's own that calls other servers as if for a call.
    pub fn detached() -> Self {
        Self(Arc::new(Inner {
            peer: None,
            method: "",
            index: 0,
            deadline: None,
            wire: Extensions::new(),
            trace: None,
            cancellation: CancellationToken::new(),
            extensions: OnceLock::new(),
        }))
    }

    pub(crate) fn of(
        peer: &Arc<Peer>,
        method: u32,
        deadline: Option<Time>,
        wire: Extensions,
        trace: Option<TraceContext>,
    ) -> Self {
        Self(Arc::new(Inner {
            method: peer.schema.methods[method as usize].name,
            index: method,
            deadline: deadline.map(|at| Deadline::at(at, &peer.clock)),
            peer: Some(Arc::clone(peer)),
            wire,
            trace,
            cancellation: CancellationToken::new(),
            extensions: OnceLock::new(),
        }))
    }

    /// A context with this deadline, if it is earlier than the one there is, and otherwise as this one is now: a handler gives a part of its time to a part of its work,
    /// or a test has a handler find a deadline. It is of the same call: it is cancelled together with this one, and has the same
    /// [`extensions`](Self::extensions).
    #[must_use]
    pub fn with_deadline(&self, deadline: Deadline) -> Self {
        self.with(|inner| {
            let is_earlier = |known: &Deadline| deadline.remaining() < known.remaining();
            if inner.deadline.as_ref().is_none_or(is_earlier) {
                inner.deadline = Some(deadline);
            }
        })
    }

    /// A context whose call has said this, and otherwise as [`with_deadline`](Self::with_deadline) makes it: calls that are made
    /// for it say the same of their trace.
    #[must_use]
    pub fn with_wire_extensions(&self, wire: Extensions) -> Self {
        self.with(|inner| {
            inner.trace = TraceContext::of(&wire);
            inner.wire = wire;
        })
    }

    /// A context of this trace, and otherwise as [`with_deadline`](Self::with_deadline) makes it.
    #[must_use]
    pub fn with_trace_context(&self, trace: TraceContext) -> Self {
        self.with(|inner| inner.trace = Some(trace))
    }

    fn with(&self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Inner {
            peer: self.0.peer.clone(),
            method: self.0.method,
            index: self.0.index,
            deadline: self.0.deadline.clone(),
            wire: self.0.wire.clone(),
            trace: self.0.trace.clone(),
            cancellation: self.0.cancellation.clone(),
            extensions: Arc::clone(self.shared_extensions()).into(),
        };
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// The service's name; empty outside of a call.
    pub fn service(&self) -> &'static str {
        self.0.peer.as_ref().map_or("", |peer| peer.schema.name)
    }

    /// The method's name in the trait; empty outside of a call.
    pub fn method(&self) -> &'static str {
        self.0.method
    }

    /// Until when the caller waits, or the server lets the method run if that is shorter. `None` if there is no such time.
    pub fn deadline(&self) -> Option<&Deadline> {
        self.0.deadline.as_ref()
    }

    /// What is left until the [`deadline`](Self::deadline).
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(Deadline::remaining)
    }

    /// Tells when the call is given up: its caller cancelled it, its deadline has passed, or its connection has ended. An answer
    /// gives nothing up.
    ///
    /// A handler is dropped then, and need not look; but what it has started elsewhere goes on, and may. So may one of a method
    /// that is marked `#[rpc(no_cancel)]`.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.0.cancellation
    }

    /// Whether the call was given up: see [`cancellation`](Self::cancellation).
    pub fn is_cancelled(&self) -> bool {
        self.0.cancellation.is_cancelled()
    }

    /// What the call said besides its input: W3C trace context, an idempotency key, what the application has agreed on with
    /// itself (SPEC.md, section 7). What is left until the deadline stands there as it was when the call began.
    pub fn wire_extensions(&self) -> &Extensions {
        &self.0.wire
    }

    /// The trace that calls belong to which are made because of this one: on a server that
    /// [takes part](crate::Telemetry::propagation) in traces the span of this call, else what its caller said. `None` if that is
    /// nothing.
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.0.trace.as_ref()
    }

    /// What the application keeps for this call.
    pub fn extensions(&self) -> &TypeMap {
        self.shared_extensions()
    }

    fn shared_extensions(&self) -> &Arc<TypeMap> {
        self.0.extensions.get_or_init(Arc::default)
    }

    /// What the application keeps for the connection: the same as
    /// [`ServerConnection::extensions`](crate::ServerConnection::extensions). `None` outside of a call.
    pub fn connection_extensions(&self) -> Option<&TypeMap> {
        self.0.peer.as_deref().map(|peer| &*peer.extensions)
    }

    /// The connection's name among those of its hub; `None` outside of a call.
    pub fn connection_id(&self) -> Option<ConnectionId> {
        self.0.peer.as_deref().map(|peer| peer.id)
    }

    /// What the client asked for before the connection began: see
    /// [`ServerConnection::request`](crate::ServerConnection::request).
    pub fn request<R: 'static>(&self) -> Option<&R> {
        self.0.peer.as_deref().and_then(|peer| peer.request.get())
    }

    /// The IP address of the client, as the adapter knows it: that of whoever has connected, or what a proxy says that is
    /// trusted. `None` outside of a call, and where the transport has none.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.0.peer.as_deref().and_then(|peer| peer.client_ip)
    }

    /// Whether the connection has a feature just now. Not outside of a call.
    pub fn has(&self, feature: impl Feature) -> bool {
        self.has_named(feature.name())
    }

    pub(crate) fn has_named(&self, feature: &str) -> bool {
        self.0.peer.as_deref().is_some_and(|peer| peer.allowed.has(feature))
    }

    /// The features that the connection has just now. None outside of a call.
    pub fn features(&self) -> FeatureSet {
        self.0.peer.as_deref().map(|peer| peer.allowed.features()).unwrap_or_default()
    }

    /// The clock of the connection, by which deadlines are counted; `None` outside of a call.
    pub fn clock(&self) -> Option<&Clock> {
        self.0.peer.as_deref().map(|peer| &peer.clock)
    }

    /// The name of the method, if its payloads may be logged.
    fn method_with_payloads(&self) -> Option<String> {
        self.0.peer.as_deref()?.method_with_payloads(self.0.index)
    }

    /// A layer has refused the call.
    #[cold]
    pub(crate) fn note_refusal(&self, limit: &'static str) {
        if let Some(peer) = &self.0.peer {
            peer.telemetry.meters.refused(limit);
        }
    }

    fn offload(&self) -> Option<Offload> {
        self.0.peer.as_deref().map(|peer| peer.offload)
    }

    pub(crate) fn alarms(&self) -> Option<&Arc<Alarms>> {
        self.0.peer.as_deref().and_then(|peer| peer.alarms.as_ref())
    }

    /// Has `future` find this context as the [`current`](Self::current) one, wherever it is polled: for a task that is spawned.
    pub fn scope<F: Future>(&self, future: F) -> InContext<F> {
        InContext::new(self.clone(), future)
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("service", &self.service())
            .field("method", &self.method())
            .field("remaining", &self.remaining())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
