//! Trace contexts: what calls say, and what becomes of it.

mod support;

use futures_executor::LocalPool;
use hardlight_driver::{
    CallContext, Propagation, Propagator, Telemetry, TraceContext, proto::CallError,
};
use support::desk::{Choice, Desk, Look};
use tracing::Span;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn trace() -> TraceContext {
    let trace = TraceContext::parse(TRACEPARENT.as_bytes()).expect("it is one");
    trace.with_state("vendor=1").expect("it is one")
}

fn takes_part(seed: u64) -> Telemetry {
    Telemetry::new().propagation(Propagation::trace_ids_from(seed))
}

fn said(look: &Look) -> TraceContext {
    let said = look.traceparent.as_deref().expect("the call says its trace");
    TraceContext::parse(said.as_bytes()).expect("it is one")
}

#[test]
fn calls_say_nothing_of_a_trace_unless_they_are_to() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let look = pool.run_until(desk.client.look()).unwrap();
    assert_eq!((look.traceparent, look.trace), (None, None));
}

#[test]
fn a_trace_that_is_known_from_elsewhere_goes_along_as_it_is() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let look = pool.run_until(desk.client.with_trace_context(&trace()).look()).unwrap();
    assert_eq!(look.traceparent.as_deref(), Some(TRACEPARENT));
    // To a server that takes no part the call is in the caller's span.
    assert_eq!(look.trace.as_deref(), Some(TRACEPARENT));
    assert_eq!(look.tracestate.as_deref(), Some("vendor=1"));
    let caller = CallContext::detached().with_trace_context(trace());
    let look = pool.run_until(desk.client.with_context(&caller).look()).unwrap();
    assert_eq!(look.traceparent.as_deref(), Some(TRACEPARENT));
}

#[test]
fn a_client_that_takes_part_begins_a_trace_for_each_call_and_a_span_within_a_known_one() {
    let mut pool = LocalPool::new();
    let choice = Choice { client_telemetry: takes_part(1), ..Choice::default() };
    let desk = Desk::with(&mut pool, choice);
    let looks = [(); 2].map(|()| pool.run_until(desk.client.look()).unwrap());
    let [first, second] = looks.each_ref().map(said);
    assert_ne!(first.trace_id(), second.trace_id());
    let look = pool.run_until(desk.client.with_trace_context(&trace()).look()).unwrap();
    assert_eq!(said(&look).trace_id(), trace().trace_id());
    assert_ne!(said(&look).parent_id(), trace().parent_id());
    assert!(said(&look).is_sampled());
    assert_eq!(look.tracestate.as_deref(), Some("vendor=1"));
}

#[test]
fn what_a_handler_calls_belongs_to_its_trace_also_where_it_does_not_say_so() {
    let mut pool = LocalPool::new();
    let choice = || Choice { client_telemetry: takes_part(4), ..Choice::default() };
    let behind = Desk::with(&mut pool, choice());
    let desk = Desk::with(&mut pool, Choice { next: Some(behind.client), ..choice() });
    let look = pool.run_until(desk.client.with_trace_context(&trace()).pass_on()).unwrap();
    assert_eq!(said(&look).trace_id(), trace().trace_id());
}

#[test]
fn a_malformed_trace_is_none() {
    let mut pool = LocalPool::new();
    let choice = Choice { server_telemetry: takes_part(5), ..Choice::default() };
    let desk = Desk::with(&mut pool, choice);
    let wire = hardlight_driver::proto::Extensions::new().with_traceparent(b"00-zero").unwrap();
    let caller = CallContext::detached().with_wire_extensions(wire);
    assert_eq!(caller.trace_context(), None);
    let look = pool.run_until(desk.client.with_context(&caller).look()).unwrap();
    assert_eq!(look.traceparent, None);
    // The server's call begins a trace of its own.
    assert!(look.trace.is_some());
}

/// Takes what no server takes.
struct Panicking;

impl Propagator for Panicking {
    fn inject(&self, _: &Span, cause: Option<&TraceContext>) -> Option<TraceContext> {
        cause.cloned()
    }

    fn extract(&self, _: &Span, _: Option<TraceContext>) -> Option<TraceContext> {
        panic!("on purpose")
    }
}

#[test]
fn a_propagator_that_panics_costs_the_trace_and_not_the_connection() {
    let mut pool = LocalPool::new();
    let telemetry = Telemetry::new().propagation(Propagation::by(Panicking));
    let choice = Choice { server_telemetry: telemetry, ..Choice::default() };
    let desk = Desk::with(&mut pool, choice);
    assert_eq!(pool.run_until(desk.client.get()), Ok(3));
    let refused = pool.run_until(desk.client.guarded());
    assert_eq!(refused, Err(CallError::MissingFeature.into()));
    assert_eq!(pool.run_until(desk.client.get()), Ok(3));
}
