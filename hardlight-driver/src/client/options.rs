//! How the calls of one handle are made, where that is not as usual.

use std::{sync::Arc, time::Duration};

use hardlight_proto::{ConnectionState, Events, Extensions};

use super::{ClientConnection, calls::Special};
use crate::{
    clock::{Clock, Deadline},
    context::CallContext,
    telemetry::TraceContext,
};

/// What a handle says of its calls. Handles that say nothing have none.
#[derive(Clone, Debug, Default)]
pub(super) struct CallOptions {
    /// How long each call may take.
    timeout: Option<Duration>,
    /// Until when all of them may.
    deadline: Option<Deadline>,
    /// What they say besides their input.
    wire: Extensions,
    /// The trace of what they are made for.
    trace: Option<TraceContext>,
}

impl CallOptions {
    /// Those of a handle whose calls may take so long; `None` if it says nothing of that.
    pub(super) fn with_timeout(timeout: Option<Duration>) -> Option<Arc<Self>> {
        timeout.map(|_| Arc::new(Self { timeout, ..Self::default() }))
    }

    /// What is special about a call that begins now; `None` if there is no time left for it.
    pub(super) fn begin(&self, clock: &Clock) -> Option<Special> {
        let left = self.deadline.as_ref().map(Deadline::remaining);
        let left = left.into_iter().chain(self.timeout).min();
        if left == Some(Duration::ZERO) {
            return None;
        }
        let deadline = left.map(|left| clock.now() + left);
        Some(Special { deadline, wire: self.wire.clone() })
    }

    /// The trace of what the calls are made for, if that is known.
    pub(super) const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    fn follow(&mut self, trace: &TraceContext) {
        self.wire = trace.put(std::mem::take(&mut self.wire));
        self.trace = Some(trace.clone());
    }

    /// Until this, if that is earlier.
    fn until(&mut self, deadline: &Deadline) {
        let is_later = |known: &Deadline| known.remaining() > deadline.remaining();
        if self.deadline.as_ref().is_none_or(is_later) {
            self.deadline = Some(deadline.clone());
        }
    }
}

impl<S: ConnectionState, E: Events> ClientConnection<S, E> {
    /// This handle with a timeout: each call that is made with it ends after that long with
    /// [`CallError::DeadlineExceeded`](hardlight_proto::CallError::DeadlineExceeded), whether it waits in line or is with the
    /// server, which is told how long there is (SPEC.md, section 10.4). A timeout of zero makes no call at all.
    ///
    /// It takes the place of another timeout, that of `ClientOptions::call_timeout` among them; a deadline counts beside it.
    /// The handle costs one small allocation, and keeps the connection open as every other does.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        self.with(|options| options.timeout = Some(timeout))
    }

    /// This handle with a deadline for all calls that are made with it together. Of several the earliest counts, and
    /// a [timeout](Self::with_timeout) as well.
    #[must_use]
    pub fn with_deadline(&self, deadline: &Deadline) -> Self {
        self.with(|options| options.until(deadline))
    }

    /// This handle for calls that are made because of another one: they have what is left of that one's time, at most, and say
    /// what it said of its trace (W3C `traceparent` and `tracestate`). They are given up with it as futures are: when its
    /// handler is dropped.
    #[must_use]
    pub fn with_context(&self, context: &CallContext) -> Self {
        self.with(|options| {
            if let Some(deadline) = context.deadline() {
                options.until(deadline);
            }
            if let Some(trace) = context.trace_context() {
                options.follow(trace);
            }
        })
    }

    /// This handle for calls that belong to a trace which is known from elsewhere, such as the headers of an HTTP request. They
    /// say so as it is, unless the client [takes part](crate::Telemetry::propagation) in traces: then they say the span of each,
    /// within that trace.
    #[must_use]
    pub fn with_trace_context(&self, trace: &TraceContext) -> Self {
        self.with(|options| options.follow(trace))
    }

    /// A deadline that long from now on, by the connection's clock: for [`with_deadline`](Self::with_deadline), of this client
    /// or any other.
    pub fn deadline_after(&self, duration: Duration) -> Deadline {
        Deadline::after(&self.shared().clock, duration)
    }

    fn with(&self, change: impl FnOnce(&mut CallOptions)) -> Self {
        let mut options = self.options.as_deref().cloned().unwrap_or_default();
        change(&mut options);
        Self { options: Some(Arc::new(options)), ..self.clone() }
    }
}
