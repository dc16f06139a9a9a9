//! Traces of OpenTelemetry, through calls.

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_executor::LocalPool;
use hardlight_driver::{CallContext, Propagation, Telemetry, TraceContext};
use opentelemetry::{Context, trace::TracerProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use support::{
    desk::{Choice, Desk},
    recorder::alone,
};
use tracing::Level;
use tracing_subscriber::{Layer, Registry, filter::Targets, layer::SubscriberExt};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The spans that have ended.
#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Ended {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The spans of calls that `test` leaves, in the order in which they began.
fn exported(test: impl FnOnce()) -> Vec<SpanData> {
    let _alone = alone();
    let ended = Ended::default();
    let provider = SdkTracerProvider::builder().with_span_processor(ended.clone()).build();
    let calls = Targets::new().with_target("hardlight::call", Level::DEBUG);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = Registry::default().with(layer.with_filter(calls));
    tracing::subscriber::with_default(subscriber, test);
    let mut spans = ended.0.lock().unwrap().clone();
    spans.sort_by_key(|span| span.start_time);
    spans
}

fn takes_part() -> Choice {
    let telemetry = Telemetry::new().propagation(Propagation::opentelemetry());
    Choice { server_telemetry: telemetry.clone(), client_telemetry: telemetry, ..Choice::default() }
}

#[test]
fn one_trace_runs_from_a_client_through_a_nested_call_to_another_server() {
    let spans = exported(|| {
        let mut pool = LocalPool::new();
        let behind = Desk::with(&mut pool, takes_part());
        let desk = Desk::with(&mut pool, Choice { next: Some(behind.client), ..takes_part() });
        desk.seen.open_gate();
        let caller = TraceContext::parse(TRACEPARENT.as_bytes()).unwrap();
        pool.run_until(desk.client.with_trace_context(&caller).ask()).unwrap();
    });
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["Work/ask", "Work/ask", "Work/look", "Work/look"]);
    let mut parent = "b7ad6b7169203331".to_owned();
    for span in &spans {
        assert_eq!(span.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span.parent_span_id.to_string(), parent);
        parent = span.span_context.span_id().to_string();
    }
}

#[test]
fn a_call_without_a_cause_begins_a_trace_and_says_so() {
    let mut said = None;
    let spans = exported(|| {
        let mut pool = LocalPool::new();
        let desk = Desk::with(&mut pool, takes_part());
        said = pool.run_until(desk.client.look()).unwrap().traceparent;
    });
    let said = TraceContext::parse(said.unwrap().as_bytes()).unwrap();
    let client = &spans[0].span_context;
    assert_eq!(client.trace_id().to_string(), format!("{:032x}", said.trace_id()));
    assert_eq!(client.span_id().to_string(), format!("{:016x}", said.parent_id()));
    assert!(said.is_sampled());
}

#[test]
fn where_no_subscriber_traces_the_trace_goes_on_all_the_same() {
    let _alone = alone();
    let mut pool = LocalPool::new();
    let desk = Desk::with(&mut pool, takes_part());
    let trace = TraceContext::parse(TRACEPARENT.as_bytes()).unwrap();
    let caller = CallContext::detached().with_trace_context(trace);
    let look = pool.run_until(desk.client.with_context(&caller).look()).unwrap();
    assert_eq!(look.trace.as_deref(), Some(TRACEPARENT));
}
