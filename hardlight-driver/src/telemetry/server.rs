//! What a server tells of its calls.

use hardlight_proto::{CallError, Extensions, ServiceSchema};
use tracing::{Span, span::Entered};

use super::{
    Endpoint, Outcome, Telemetry, TraceContext,
    spans::{self, MethodName},
};
use crate::events::ConnectionId;

/// What is told of the calls of a connection.
pub(crate) struct ServerTelemetry {
    pub(crate) options: Telemetry,
    pub(crate) endpoint: Endpoint,
    /// The connection's own span.
    pub(crate) span: Span,
}

impl ServerTelemetry {
    /// A call begins: `None` if nobody wants to know.
    #[inline(always)]
    pub(crate) fn begin(
        &self,
        schema: &ServiceSchema,
        id: ConnectionId,
        method: u32,
        wire: &Extensions,
    ) -> Option<Box<ServerCall>> {
        if !spans::wants_calls() && self.options.propagation.get().is_none() {
            return None;
        }
        self.begin_now(schema, id, method, wire)
    }

    #[cold]
    fn begin_now(
        &self,
        schema: &ServiceSchema,
        id: ConnectionId,
        method: u32,
        wire: &Extensions,
    ) -> Option<Box<ServerCall>> {
        let name = MethodName::of(schema, method)?;
        let span = spans::server_call(&name, &self.endpoint, id, &self.span);
        let propagator = self.options.propagation.get();
        let trace = propagator.and_then(|by| by.extract(&span, TraceContext::of(wire)));
        Some(Box::new(ServerCall { span, trace, outcome: Outcome::CANCELLED }))
    }
}

/// What is told of a call that runs. It tells when it is dropped.
pub(crate) struct ServerCall {
    span: Span,
    /// What calls are to say that it makes.
    pub(crate) trace: Option<TraceContext>,
    outcome: Outcome,
}

impl ServerCall {
    /// What happens until this is dropped happens in the call.
    pub(crate) fn enter(&self) -> Entered<'_> {
        self.span.enter()
    }

    /// The call has an answer: `is_error` says whether that is the application's own error.
    pub(crate) fn end<T>(&mut self, result: &Result<T, CallError>, is_error: bool) {
        self.outcome = match result {
            Ok(_) if is_error => Outcome::REFUSED_BY_APPLICATION,
            Ok(_) => Outcome::OK,
            Err(error) => Outcome::on_server(error),
        };
    }

    /// The call ends without what its handler would have answered.
    pub(crate) fn give_up(&mut self, why: &CallError) {
        self.outcome = Outcome::on_server(why);
    }
}

impl Drop for ServerCall {
    fn drop(&mut self) {
        spans::end_call(&self.span, self.outcome);
    }
}
