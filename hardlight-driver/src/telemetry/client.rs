//! What a client tells of its calls.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hardlight_proto::ServiceSchema;
use tracing::Span;

use super::{
    Endpoint, Outcome, Telemetry, TraceContext,
    meters::{CallMeter, Meters, Side},
    spans::{self, MethodName},
};
use crate::{client::Special, clock::Clock, context::CallContext, error::Error};

/// What is told of the calls of a client.
pub(crate) struct ClientTelemetry {
    options: Telemetry,
    /// Of the connection that there is, or was last.
    endpoint: ArcSwap<Endpoint>,
    pub(crate) meters: Arc<Meters>,
    clock: Clock,
}

impl ClientTelemetry {
    pub(crate) fn new(
        options: Telemetry,
        endpoint: Endpoint,
        schema: &'static ServiceSchema,
        clock: Clock,
    ) -> Self {
        let meters = Meters::new(Side::Client, schema);
        Self { options, endpoint: ArcSwap::new(Arc::new(endpoint)), meters, clock }
    }

    /// The client goes on with another connection.
    pub(crate) fn move_to(&self, endpoint: Endpoint) {
        self.endpoint.store(Arc::new(endpoint));
    }

    /// The span of a connection that begins.
    pub(crate) fn connection(&self, service: &str) -> Span {
        spans::client_connection(service, &self.endpoint.load())
    }

    /// Whether inputs and outputs may be logged.
    pub(crate) const fn logs_payloads(&self) -> bool {
        self.options.payloads
    }

    /// Whether all calls are told of, whoever listens.
    pub(crate) fn tells(&self) -> bool {
        Meters::IS_ON || self.options.payloads || self.options.propagation.get().is_some()
    }

    /// A call begins, and somebody wants to know. `cause` is the trace of what it is made for, where that was said.
    pub(crate) fn begin(
        &self,
        schema: &ServiceSchema,
        first_method: u32,
        method: u32,
        cause: Option<TraceContext>,
    ) -> Option<Box<ClientCall>> {
        let name = MethodName::of(schema, method)?;
        let span = spans::client_call(&name, &self.endpoint.load());
        let trace = self.options.propagation.get().and_then(|by| {
            // A handler's calls are made because of its own.
            let cause = cause.or_else(|| CallContext::try_current()?.trace_context().cloned());
            by.inject(&span, cause.as_ref())
        });
        let meter = CallMeter::begin(&self.meters, &self.clock, first_method + method);
        Some(Box::new(ClientCall { meter, span, trace, outcome: Outcome::CANCELLED }))
    }
}

/// What is told of a call that is made. It tells when it is dropped.
pub(crate) struct ClientCall {
    meter: CallMeter,
    span: Span,
    /// What the call is to say.
    trace: Option<TraceContext>,
    outcome: Outcome,
}

impl ClientCall {
    /// Has the call say its trace, if it is to.
    #[cold]
    pub(crate) fn say(mut self: Box<Self>, special: &mut Option<Box<Special>>) -> Box<Self> {
        if let Some(trace) = self.trace.take() {
            let special = special.get_or_insert_default();
            special.wire = trace.put(std::mem::take(&mut special.wire));
        }
        self
    }

    /// The call is answered: `is_error` says whether with an error of the application's.
    #[cold]
    pub(crate) const fn end(&mut self, is_error: bool) {
        self.outcome = if is_error { Outcome::FAILED_BY_APPLICATION } else { Outcome::OK };
    }

    pub(crate) const fn fail(&mut self, error: &Error) {
        self.outcome = Outcome::on_client(error);
    }
}

impl Drop for ClientCall {
    #[cold]
    fn drop(&mut self) {
        self.meter.end(self.outcome);
        spans::end_call(&self.span, self.outcome);
    }
}
