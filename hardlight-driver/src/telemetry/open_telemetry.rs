//! Trace contexts from and into OpenTelemetry, by `tracing-opentelemetry`.

use std::{
    num::{NonZeroU64, NonZeroU128},
    str::FromStr,
};

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{Propagator, TraceContext};

/// Spans are joined with traces by the layer of `tracing-opentelemetry`.
pub(super) struct OpenTelemetry;

impl Propagator for OpenTelemetry {
    fn inject(&self, span: &Span, cause: Option<&TraceContext>) -> Option<TraceContext> {
        // What surrounds the span knows more than what the call is made for.
        if span_context(&Span::current()).is_none()
            && let Some(cause) = cause
        {
            let _ = span.set_parent(remote(cause));
        }
        // Where there is no such span the trace goes on all the same.
        span_context(span).or_else(|| cause.cloned())
    }

    fn extract(&self, span: &Span, said: Option<TraceContext>) -> Option<TraceContext> {
        if let Some(said) = &said {
            let _ = span.set_parent(remote(said));
        }
        span_context(span).or(said)
    }
}

/// The trace of a span, and its place in it; `None` if it is in none.
fn span_context(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span = context.span();
    let said = span.span_context();
    let trace_id = NonZeroU128::new(u128::from_be_bytes(said.trace_id().to_bytes()))?;
    let span_id = NonZeroU64::new(u64::from_be_bytes(said.span_id().to_bytes()))?;
    let made = TraceContext::new(trace_id, span_id).with_flags(said.trace_flags().to_u8());
    Some(made.clone().with_state(&said.trace_state().header()).unwrap_or(made))
}

/// A span elsewhere.
fn remote(trace: &TraceContext) -> Context {
    let state = TraceState::from_str(trace.state()).unwrap_or_default();
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from_bytes(trace.trace_id().get().to_be_bytes()),
        SpanId::from_bytes(trace.parent_id().get().to_be_bytes()),
        TraceFlags::new(trace.flags()),
        true,
        state,
    ))
}
