//! What a client tells of its calls.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hardlight_proto::ServiceSchema;
use tracing::Span;

use super::{
    Endpoint, Outcome, Telemetry, TraceContext,
    spans::{self, MethodName},
};
use crate::{context::CallContext, error::Error};

/// What is told of the calls of a client.
pub(crate) struct ClientTelemetry {
    options: Telemetry,
    /// Of the connection that there is, or was last.
    endpoint: ArcSwap<Endpoint>,
}

impl ClientTelemetry {
    pub(crate) fn new(options: Telemetry, endpoint: Endpoint) -> Self {
        Self { options, endpoint: ArcSwap::new(Arc::new(endpoint)) }
    }

    /// The client goes on with another connection.
    pub(crate) fn move_to(&self, endpoint: Endpoint) {
        self.endpoint.store(Arc::new(endpoint));
    }

    /// The span of a connection that begins.
    pub(crate) fn connection(&self, service: &str) -> Span {
        spans::client_connection(service, &self.endpoint.load())
    }

    /// A call begins: `None` if nobody wants to know. `cause` is the trace of what it is made for, where that was said.
    #[inline(always)]
    pub(crate) fn begin(
        &self,
        schema: &ServiceSchema,
        method: u32,
        cause: impl FnOnce() -> Option<TraceContext>,
    ) -> Option<Box<ClientCall>> {
        if !spans::wants_calls() && self.options.propagation.get().is_none() {
            return None;
        }
        self.begin_now(schema, method, cause())
    }

    #[cold]
    fn begin_now(
        &self,
        schema: &ServiceSchema,
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
        Some(Box::new(ClientCall { span, trace, outcome: Outcome::CANCELLED }))
    }
}

/// What is told of a call that is made. It tells when it is dropped.
pub(crate) struct ClientCall {
    span: Span,
    /// What the call is to say.
    pub(crate) trace: Option<TraceContext>,
    outcome: Outcome,
}

impl ClientCall {
    pub(crate) fn end<T>(mut self: Box<Self>, result: &Result<T, Error>, is_error: fn(&T) -> bool) {
        self.outcome = match result {
            Ok(output) if is_error(output) => Outcome::FAILED_BY_APPLICATION,
            Ok(_) => Outcome::OK,
            Err(error) => Outcome::on_client(error),
        };
    }
}

impl Drop for ClientCall {
    fn drop(&mut self) {
        spans::end_call(&self.span, self.outcome);
    }
}
