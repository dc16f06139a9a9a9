//! What subscribers see of connections and calls.

mod support;

use std::time::Duration;

use futures_executor::LocalPool;
use hardlight_driver::{
    Propagation, Telemetry, TraceContext,
    layer::{Authorize, Call, Layers, Next, Timeout},
    proto::{CallError, CloseReason},
};
use support::{
    desk::{Choice, Desk, Odd, Opaque},
    joined::{Joined, counter, note_end},
    recorder::{Recorder, Seen},
};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::filter::Targets;

const SECOND: Duration = Duration::from_secs(1);

fn calls() -> Targets {
    Targets::new()
        .with_target("hardlight::call", Level::DEBUG)
        .with_target("hardlight::connection", Level::INFO)
        .with_target("app", Level::INFO)
}

fn fields<'a>(span: &'a Seen, names: &[&str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| span.field(name)).collect()
}

#[test]
fn a_call_has_a_span_on_either_side_with_the_fields_of_opentelemetry() {
    let recorder = Recorder::default();
    recorder.run(calls(), || {
        let mut pool = LocalPool::new();
        let desk = Desk::new(&mut pool);
        let caller = tracing::info_span!(target: "app", "caller");
        let call = caller.in_scope(|| desk.client.get());
        assert_eq!(pool.run_until(tracing::Instrument::instrument(call, caller)), Ok(3));
    });
    let (server, client) = (recorder.span("rpc.server.call"), recorder.span("rpc.client.call"));
    for span in [&server, &client] {
        let names = ["otel.name", "rpc.system.name", "rpc.method", "rpc.status_code", "error.type"];
        let expected = [Some("Work/get"), Some("hardlight"), Some("Work/get"), Some("OK"), None];
        assert_eq!(fields(span, &names), expected);
        assert_eq!(span.field("otel.status_code"), None);
        assert!(span.is_closed);
    }
    assert_eq!(
        fields(&client, &["otel.kind", "server.address", "server.port"]),
        [Some("client"), Some("desk.example"), Some("443")]
    );
    // The caller's span is around the client's, and nothing around the server's: no connection makes its calls one trace.
    assert_eq!((client.parent, server.parent), (Some("caller"), None));
    assert_eq!(server.follows, ["rpc.server.connection"]);
    let names = ["otel.kind", "network.peer.address", "network.peer.port", "client.address"];
    let expected = [Some("server"), Some("10.0.0.7"), Some("50000"), Some("192.0.2.1")];
    assert_eq!(fields(&server, &names), expected);
    assert!(server.field("hardlight.connection.id").is_some());
}

#[test]
fn what_a_handler_logs_is_in_its_calls_span_at_each_poll() {
    let recorder = Recorder::default();
    recorder.run(calls(), || {
        let mut pool = LocalPool::new();
        let desk = Desk::new(&mut pool);
        let client = desk.client.clone();
        let call = note_end(&pool, async move { client.say().await });
        pool.run_until_stalled();
        desk.seen.open_gate();
        pool.run_until_stalled();
        assert_eq!(*call.borrow(), Some(Ok(5)));
    });
    assert_eq!(recorder.span("rpc.server.call").events, ["before", "after"]);
    assert!(recorder.span("rpc.client.call").events.is_empty());
}

#[test]
fn a_call_that_ends_otherwise_says_how_and_whose_failure_it_was() {
    let recorder = Recorder::default();
    recorder.run(calls(), || {
        let mut pool = LocalPool::new();
        let desk = Desk::new(&mut pool);
        assert!(pool.run_until(desk.client.refuse("no".into())).is_err());
        assert!(pool.run_until(desk.client.panic()).is_err());
        let client = desk.client.with_timeout(SECOND);
        note_end(&pool, async move { client.hang().await });
        pool.run_until_stalled();
        desk.server_timer.advance(SECOND);
        pool.run_until_stalled();
        let client = desk.client.clone();
        let mut given_up = Box::pin(async move { client.hang().await });
        let waker = futures_util::task::noop_waker();
        assert!(given_up.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        pool.run_until_stalled();
        drop(given_up);
        pool.run_until_stalled();
    });
    let outcomes = |name: &str| -> Vec<_> {
        let spans = recorder.spans(name);
        assert!(spans.iter().all(|span| span.is_closed));
        spans
            .iter()
            .map(|span| {
                let text = |name| span.field(name).unwrap_or_default().to_owned();
                (text("rpc.status_code"), text("error.type"), text("otel.status_code"))
            })
            .collect()
    };
    let text = |status: &str| (status.to_owned(), String::new(), String::new());
    let failed = |status: &str| (status.to_owned(), status.to_owned(), "ERROR".to_owned());
    // To the server its application's error is an answer, and a caller that goes away is no failure.
    assert_eq!(
        outcomes("rpc.server.call"),
        [
            text("APPLICATION_ERROR"),
            failed("HANDLER_PANICKED"),
            failed("DEADLINE_EXCEEDED"),
            text("CANCELLED"),
        ]
    );
    assert_eq!(
        outcomes("rpc.client.call"),
        [
            failed("APPLICATION_ERROR"),
            failed("HANDLER_PANICKED"),
            failed("DEADLINE_EXCEEDED"),
            text("CANCELLED"),
        ]
    );
}

#[test]
fn calls_that_the_end_of_a_connection_ends_say_so() {
    let recorder = Recorder::default();
    recorder.run(calls(), || {
        let mut pool = LocalPool::new();
        let desk = Desk::new(&mut pool);
        let client = desk.client.clone();
        note_end(&pool, async move { client.hang().await });
        pool.run_until_stalled();
        desk.to_server.cut();
        desk.to_client.cut();
        pool.run_until_stalled();
        assert!(pool.run_until(desk.client.get()).is_err());
    });
    assert_eq!(recorder.span("rpc.server.call").field("rpc.status_code"), Some("CANCELLED"));
    let statuses: Vec<_> = recorder.spans("rpc.client.call");
    let statuses: Vec<_> = statuses.iter().map(|span| span.field("rpc.status_code")).collect();
    assert_eq!(statuses, [Some("INDETERMINATE"), Some("NOT_SENT")]);
    for name in ["rpc.server.connection", "rpc.client.connection"] {
        let span = recorder.span(name);
        assert_eq!(
            fields(&span, &["error.type", "otel.status_code"]),
            [Some("LOST"), Some("ERROR")]
        );
    }
}

#[test]
fn a_connection_has_a_span_until_its_end() {
    let recorder = Recorder::default();
    let targets = calls().with_target("hardlight_driver", Level::DEBUG);
    recorder.run(targets, || {
        let mut pool = LocalPool::new();
        let desk = Desk::new(&mut pool);
        assert!(!recorder.span("rpc.server.connection").is_closed);
        desk.connection.close(CloseReason::normal());
        drop(desk);
        pool.run_until_stalled();
    });
    for name in ["rpc.server.connection", "rpc.client.connection"] {
        let span = recorder.span(name);
        assert!(span.is_closed && span.parent.is_none(), "{span:?}");
        let names = ["rpc.system.name", "rpc.service", "hardlight.close.code", "error.type"];
        assert_eq!(fields(&span, &names), [Some("hardlight"), Some("Work"), Some("1000"), None]);
        assert_eq!(span.events, ["connection ended"]);
    }
}

#[test]
fn payloads_are_logged_only_where_the_application_and_a_subscriber_want_them() {
    let payloads = |telemetry: Telemetry, level: Level| {
        let recorder = Recorder::default();
        let targets = Targets::new().with_target("hardlight::payload", level);
        recorder.run(targets, || {
            let mut pool = LocalPool::new();
            let choice = Choice {
                server_telemetry: telemetry.clone(),
                client_telemetry: telemetry,
                ..Choice::default()
            };
            let desk = Desk::with(&mut pool, choice);
            assert!(pool.run_until(desk.client.refuse("hush".into())).is_err());
            assert_eq!(pool.run_until(desk.client.whisper("hush".into())), Ok("hush".into()));
            assert!(pool.run_until(desk.client.opaque(Opaque { number: 7 })).is_ok());
        });
        let events = recorder.events("hardlight::payload").into_iter();
        let text = |fields: &support::recorder::Fields| {
            ["message", "rpc.method", "payload"].map(|name| fields[name].clone()).join(" ")
        };
        events.map(|fields| text(&fields)).collect::<Vec<_>>()
    };
    let logged = payloads(Telemetry::new().payloads(true), Level::TRACE);
    let refused = "Work/refuse refuse { secret: \"hush\" }";
    let opaque = "Work/opaque opaque { value: _ }";
    assert_eq!(
        logged,
        [
            &format!("input {refused}"),
            &format!("input {refused}"),
            "output Work/refuse Err(\"hush\")",
            "output Work/refuse Err(\"hush\")",
            // Nothing of `whisper`, which is secret, and of a type without `Debug` no more than that there is one.
            &format!("input {opaque}"),
            &format!("input {opaque}"),
            "output Work/opaque 7",
            "output Work/opaque 7",
        ]
    );
    assert!(payloads(Telemetry::new(), Level::TRACE).is_empty());
    assert!(payloads(Telemetry::new().payloads(true), Level::DEBUG).is_empty());
}

#[test]
fn one_trace_goes_through_a_nested_call_and_each_span_says_its_parent() {
    let recorder = Recorder::default();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let trace = TraceContext::parse(trace.as_bytes()).unwrap();
    let takes_part = |seed| Telemetry::new().propagation(Propagation::trace_ids_from(seed));
    let found = recorder.run(calls(), || {
        let mut pool = LocalPool::new();
        let choice = || Choice {
            server_telemetry: takes_part(2),
            client_telemetry: takes_part(3),
            ..Choice::default()
        };
        let behind = Desk::with(&mut pool, choice());
        let desk = Desk::with(&mut pool, Choice { next: Some(behind.client), ..choice() });
        desk.seen.open_gate();
        pool.run_until(desk.client.with_trace_context(&trace).ask()).unwrap()
    });
    let clients = recorder.spans("rpc.client.call");
    let servers = recorder.spans("rpc.server.call");
    let id = |span: &Seen, name| span.field(name).unwrap().to_owned();
    let chain = [&clients[0], &servers[0], &clients[1], &servers[1]];
    for span in chain {
        assert_eq!(id(span, "trace_id"), "0af7651916cd43dd8448eb211c80319c");
    }
    assert_eq!(id(chain[0], "parent_span_id"), "b7ad6b7169203331");
    for pair in chain.windows(2) {
        assert_eq!(id(pair[0], "span_id"), id(pair[1], "parent_span_id"));
    }
    // What the last handler finds is the span of its own call.
    let last = TraceContext::parse(found.trace.unwrap().as_bytes()).unwrap();
    assert_eq!(format!("{:016x}", last.parent_id()), id(chain[3], "span_id"));
}

#[test]
fn nobody_who_does_not_ask_is_told_of_calls() {
    let recorder = Recorder::default();
    recorder.run(Targets::new().with_default(LevelFilter::INFO), || {
        let mut pool = LocalPool::new();
        let desk = Desk::with(&mut pool, Choice::default());
        assert_eq!(pool.run_until(desk.client.get()), Ok(3));
        let refused = pool.run_until(desk.client.with_timeout(Duration::ZERO).get());
        assert_eq!(refused, Err(CallError::DeadlineExceeded.into()));
    });
    assert!(recorder.spans("rpc.server.call").is_empty());
    assert!(recorder.spans("rpc.client.call").is_empty());
    assert_eq!(recorder.spans("rpc.server.connection").len(), 1);
}

/// What is told of a call of `halve` on a server with these layers.
fn status_of_half(number: u32, layers: Layers) -> Option<String> {
    let recorder = Recorder::default();
    recorder.run(calls(), || {
        let mut pool = LocalPool::new();
        let desk = Desk::with(&mut pool, Choice { layers, ..Choice::default() });
        let _ = pool.run_until(desk.client.halve(number));
    });
    recorder.span("rpc.server.call").field("rpc.status_code").map(str::to_owned)
}

#[test]
fn what_layers_make_of_a_call_is_what_is_told_of_it() {
    let status = |number, layers| status_of_half(number, layers).expect("it has ended");
    // The handler runs with another context.
    let timeout = Layers::none().with(Timeout::new(SECOND));
    assert_eq!(status(7, timeout.clone()), "APPLICATION_ERROR");
    assert_eq!(status(8, timeout), "OK");
    let answer =
        |call: Call, _: Next| async move { call.answer(&Err::<u32, _>(Odd { number: 1 })) };
    assert_eq!(status(8, Layers::none().with(answer)), "APPLICATION_ERROR");
    let refuse = |call: &Call| call.answer(&Err::<u32, _>(Odd { number: 2 }));
    let closed = Authorize::closed().refuse_with(refuse);
    assert_eq!(status(8, Layers::none().with(closed)), "APPLICATION_ERROR");
    let busy = |_: Call, _: Next| async { Err(CallError::Busy) };
    assert_eq!(status(8, Layers::none().with(busy)), "BUSY");
    let mend = |call: Call, next: Next| async move {
        let mended = call.answer(&Ok::<u32, Odd>(0));
        next.run(call).await?;
        mended
    };
    assert_eq!(status(7, Layers::none().with(mend)), "OK");
}

#[test]
fn a_call_that_fails_within_a_handler_says_nothing_of_the_handlers_own() {
    let seen = |call: Call, next: Next| async move {
        let outcome = next.run(call).await;
        assert!(!outcome.as_ref().is_ok_and(hardlight_driver::layer::Answer::is_error));
        outcome
    };
    for layers in [Layers::none(), Layers::none().with(seen)] {
        let recorder = Recorder::default();
        recorder.run(calls(), || {
            let mut pool = LocalPool::new();
            let desk = Desk::with(&mut pool, Choice { layers, ..Choice::default() });
            let client = desk.client.clone();
            let nested = note_end(&pool, async move { client.nest().await });
            pool.run_until_stalled();
            desk.seen.open_gate();
            pool.run_until_stalled();
            assert_eq!(*nested.borrow(), Some(Ok(7)));
        });
        assert_eq!(recorder.span("rpc.server.call").field("rpc.status_code"), Some("OK"));
    }
}

#[test]
fn payloads_are_logged_also_behind_layers_that_give_another_context() {
    let recorder = Recorder::default();
    recorder.run(Targets::new().with_target("hardlight::payload", Level::TRACE), || {
        let mut pool = LocalPool::new();
        let choice = Choice {
            server_telemetry: Telemetry::new().payloads(true),
            layers: Layers::none().with(Timeout::new(SECOND)),
            ..Choice::default()
        };
        let desk = Desk::with(&mut pool, choice);
        assert!(pool.run_until(desk.client.refuse("hush".into())).is_err());
    });
    let events = recorder.events("hardlight::payload");
    let texts =
        events.iter().map(|fields| format!("{} {}", fields["rpc.method"], fields["payload"]));
    let expected = ["Work/refuse refuse { secret: \"hush\" }", "Work/refuse Err(\"hush\")"];
    assert_eq!(texts.collect::<Vec<_>>(), expected);
}

#[test]
fn a_call_with_a_payload_has_a_span_as_others() {
    let recorder = Recorder::default();
    recorder.run(calls(), || {
        let mut joined = Joined::new();
        let increment = counter::Method::Increment.index();
        let answers = joined.start(async move |client| {
            let good = client.call_encoded(increment, vec![5, 0, 0, 0].into()).await;
            let bad = client.call_encoded(increment, vec![5].into()).await;
            (good.is_ok(), bad.is_ok())
        });
        joined.settle();
        assert_eq!(*answers.borrow(), Some((true, false)));
    });
    let spans = recorder.spans("rpc.client.call");
    let statuses: Vec<_> = spans.iter().map(|span| span.field("rpc.status_code")).collect();
    assert_eq!(statuses, [Some("OK"), Some("INVALID_INPUT")]);
}
