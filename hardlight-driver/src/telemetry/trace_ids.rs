//! Trace contexts where nothing else makes any.

use std::num::{NonZeroU64, NonZeroU128};

use fastrand::Rng;
use parking_lot::Mutex;
use tracing::{Span, field::display};

use super::{Propagator, TraceContext};

/// Ids of its own making.
pub(super) struct TraceIds(Mutex<Rng>);

impl TraceIds {
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn random() -> Self {
        Self(Mutex::new(Rng::new()))
    }

    pub(super) fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(Rng::with_seed(seed)))
    }

    /// A span of the trace, or of a new one.
    fn begin(&self, parent: Option<&TraceContext>) -> TraceContext {
        let mut random = self.0.lock();
        let span_id = NonZeroU64::new(random.u64(1..)).unwrap_or(NonZeroU64::MIN);
        if let Some(parent) = parent {
            return parent.in_span(span_id);
        }
        let trace_id = NonZeroU128::new(random.u128(1..)).unwrap_or(NonZeroU128::MIN);
        // Random, as W3C has it, and recorded as far as logs are.
        TraceContext::new(trace_id, span_id).with_flags(3)
    }
}

impl Propagator for TraceIds {
    fn inject(&self, span: &Span, cause: Option<&TraceContext>) -> Option<TraceContext> {
        let begun = self.begin(cause);
        note(span, &begun, cause);
        Some(begun)
    }

    fn extract(&self, span: &Span, said: Option<TraceContext>) -> Option<TraceContext> {
        self.inject(span, said.as_ref())
    }
}

fn note(span: &Span, begun: &TraceContext, parent: Option<&TraceContext>) {
    if span.is_disabled() {
        return;
    }
    span.record("trace_id", display(format_args!("{:032x}", begun.trace_id())));
    span.record("span_id", display(format_args!("{:016x}", begun.parent_id())));
    if let Some(parent) = parent {
        span.record("parent_span_id", display(format_args!("{:016x}", parent.parent_id())));
    }
}
