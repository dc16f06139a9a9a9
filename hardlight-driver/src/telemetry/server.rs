//! What a server tells of its calls.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Poll,
};

use hardlight_proto::{CallError, Extensions, ServiceSchema};
use tracing::Span;

use super::{
    Endpoint, Outcome, Propagator, Telemetry, TraceContext,
    meters::{CallMeter, Meters},
    spans::{self, MethodName},
};
use crate::{clock::Clock, events::ConnectionId};

/// What is told of the calls of a connection.
pub(crate) struct ServerTelemetry {
    pub(crate) options: Telemetry,
    pub(crate) endpoint: Endpoint,
    pub(crate) meters: Arc<Meters>,
    /// The connection's own span.
    pub(crate) span: Span,
}

impl ServerTelemetry {
    /// Whether all calls are told of, whoever listens.
    pub(crate) fn tells_all(&self) -> bool {
        Meters::IS_ON || self.options.propagation.get().is_some()
    }

    /// A call begins, and somebody wants to know.
    #[cold]
    pub(crate) fn begin(
        &self,
        schema: &ServiceSchema,
        id: ConnectionId,
        clock: &Clock,
        method: u32,
        wire: &Extensions,
    ) -> Option<Box<ServerCall>> {
        let name = MethodName::of(schema, method)?;
        let span = spans::server_call(&name, &self.endpoint, id, &self.span);
        let propagator = self.options.propagation.get();
        let trace = propagator.and_then(|by| extract(by, &span, wire));
        let meter = CallMeter::begin(&self.meters, clock, method);
        Some(Box::new(ServerCall {
            meter,
            span,
            trace,
            is_error: false,
            is_entered: false,
            outcome: Outcome::CANCELLED,
        }))
    }
}

/// What an application's propagator makes of what a call says. If it panics the call is of no trace, and the connection goes on.
fn extract(by: &dyn Propagator, span: &Span, wire: &Extensions) -> Option<TraceContext> {
    let extracted = catch_unwind(AssertUnwindSafe(|| by.extract(span, TraceContext::of(wire))));
    extracted.unwrap_or_else(|_| {
        tracing::error!("a propagator panicked");
        None
    })
}

/// What is told of a call that runs. It tells when it is dropped.
pub(crate) struct ServerCall {
    meter: CallMeter,
    span: Span,
    /// What calls are to say that it makes.
    trace: Option<TraceContext>,
    /// Its answer is an error of the application's own.
    is_error: bool,
    is_entered: bool,
    outcome: Outcome,
}

impl ServerCall {
    /// What happens from here on happens in the call, until it is [left](Self::leave) or dropped. A guard would cost those calls
    /// that nobody wants to know of.
    #[cold]
    pub(crate) fn enter(&mut self) {
        self.is_entered = true;
        self.span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
    }

    #[cold]
    pub(crate) fn leave(&mut self) {
        if std::mem::take(&mut self.is_entered) {
            self.span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
        }
    }

    /// What calls are to say that it makes.
    pub(crate) const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// Whether its answer is an error of the application's own.
    pub(crate) const fn set_failure(&mut self, is_error: bool) {
        self.is_error = is_error;
    }

    /// The call may have an answer.
    #[cold]
    pub(crate) fn end<T>(&mut self, answer: &Poll<Result<T, CallError>>) {
        self.outcome = match answer {
            Poll::Pending => return,
            Poll::Ready(Ok(_)) if self.is_error => Outcome::REFUSED_BY_APPLICATION,
            Poll::Ready(Ok(_)) => Outcome::OK,
            Poll::Ready(Err(error)) => Outcome::on_server(error),
        };
    }

    /// The call ends without what its handler would have answered.
    pub(crate) const fn give_up(&mut self, why: &CallError) {
        self.outcome = Outcome::on_server(why);
    }
}

impl Drop for ServerCall {
    #[cold]
    fn drop(&mut self) {
        self.leave();
        self.meter.end(self.outcome);
        spans::end_call(&self.span, self.outcome);
    }
}
