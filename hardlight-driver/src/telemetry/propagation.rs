//! How trace contexts come into calls, and out of them.

use std::{fmt, sync::Arc};

use tracing::Span;

use super::{TraceContext, trace_ids::TraceIds};

/// Joins the spans of calls with traces that go on elsewhere. [`Propagation::by`] makes a client or a server use one.
pub trait Propagator: Send + Sync + 'static {
    /// A call is about to be made in `span`, a span of its own that is disabled if no subscriber wants it: what it is to say of
    /// its trace. `cause` is the trace of the call that it is made because of, if there is one and that is known.
    fn inject(&self, span: &Span, cause: Option<&TraceContext>) -> Option<TraceContext>;

    /// A call has arrived and is to run in `span`; `said` is what its caller has said of its trace. What is returned is the trace for
    /// calls that are made because of it: [`CallContext::trace_context`](crate::CallContext::trace_context).
    fn extract(&self, span: &Span, said: Option<TraceContext>) -> Option<TraceContext>;
}

/// Whether calls carry W3C trace context, and whose. Cheap to clone.
#[derive(Clone, Default)]
pub struct Propagation(Option<Arc<dyn Propagator>>);

impl Propagation {
    /// They carry none: the default. What a caller says is still there for handlers
    /// ([`CallContext::wire_extensions`](crate::CallContext::wire_extensions)), and passed on by calls that are made
    /// [with their context](crate::ClientConnection::with_context), as it is.
    pub const fn none() -> Self {
        Self(None)
    }

    /// They carry ids of HardLight's own making: a new trace begins with a call that is made because of no other. The spans of
    /// calls have them as `trace_id`, `span_id` and `parent_span_id`. For whoever wants logs of several servers to fit together,
    /// and has nothing else that traces.
    #[cfg(not(target_family = "wasm"))]
    pub fn trace_ids() -> Self {
        Self::by(TraceIds::random())
    }

    /// [`trace_ids`](Self::trace_ids), the same in every run for the same seed: for tests, and where there is a source of chance that
    /// the standard library has not, as in a browser.
    pub fn trace_ids_from(seed: u64) -> Self {
        Self::by(TraceIds::from_seed(seed))
    }

    /// They carry the traces of OpenTelemetry, of which the spans of calls become a part: by the layer of `tracing-opentelemetry`
    /// 0.34, which the application adds to its subscriber. With another version of it use a [`Propagator`] of your own: this one
    /// does not find its spans.
    #[cfg(feature = "opentelemetry")]
    pub fn opentelemetry() -> Self {
        Self::by(super::open_telemetry::OpenTelemetry)
    }

    /// As this says.
    pub fn by(propagator: impl Propagator) -> Self {
        Self(Some(Arc::new(propagator)))
    }

    pub(super) fn get(&self) -> Option<&dyn Propagator> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Propagation").field(&self.0.is_some()).finish()
    }
}
