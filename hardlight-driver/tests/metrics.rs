//! What is measured.

mod support;

use std::{collections::BTreeMap, time::Duration};

use futures_executor::LocalPool;
use hardlight_driver::{
    layer::{Authorize, ConcurrencyLimit, Layers},
    metrics::{METRICS, MetricKind},
    note_refused_handshake,
    proto::{CallError, CloseReason},
};
use metrics_util::{
    MetricKind as RecordedKind,
    debugging::{DebugValue, DebuggingRecorder},
};
use support::{
    desk::{Choice, Desk, work::Method},
    joined::note_end,
};

/// What was recorded, by name and labels.
#[derive(Debug, Default)]
struct Recorded(BTreeMap<String, f64>);

impl Recorded {
    /// Runs `test` under a recorder of its own. What is recorded is compared with the table.
    fn of(test: impl FnOnce()) -> Self {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, test);
        let recorded = snapshotter.snapshot().into_vec().into_iter();
        Self(
            recorded
                .map(|(key, unit, description, value)| {
                    let (kind, key) = key.into_parts();
                    let metric = METRICS.iter().find(|metric| metric.name == key.name());
                    let metric = metric.unwrap_or_else(|| panic!("{key} is not in the table"));
                    let expected = match metric.kind {
                        MetricKind::Counter => RecordedKind::Counter,
                        MetricKind::Gauge => RecordedKind::Gauge,
                        _ => RecordedKind::Histogram,
                    };
                    assert_eq!(kind, expected, "{key}");
                    assert_eq!(unit.map(|unit| unit.as_str()), Some(metric.unit), "{key}");
                    assert_eq!(description.as_deref(), Some(metric.description), "{key}");
                    let labels: Vec<_> = key.labels().map(|label| label.key()).collect();
                    assert_eq!(labels, metric.labels, "{key}");
                    let labels: Vec<_> = key.labels().map(|label| label.value()).collect();
                    let value = match value {
                        DebugValue::Counter(value) => value as f64,
                        DebugValue::Gauge(value) => value.into_inner(),
                        DebugValue::Histogram(values) => {
                            values.iter().map(|value| value.into_inner()).sum()
                        }
                    };
                    ([&[key.name()], &labels[..]].concat().join(" "), value)
                })
                .collect(),
        )
    }

    fn get(&self, key: &str) -> Option<f64> {
        self.0.get(key).copied()
    }
}

#[test]
fn calls_are_counted_and_timed_by_method_and_outcome_on_either_side() {
    let recorded = Recorded::of(|| {
        let mut pool = LocalPool::new();
        let desk = Desk::new(&mut pool);
        assert_eq!(pool.run_until(desk.client.get()), Ok(3));
        assert!(pool.run_until(desk.client.refuse("no".into())).is_err());
        let call = note_end(&pool, {
            let client = desk.client.clone();
            async move { client.wait().await }
        });
        pool.run_until_stalled();
        desk.server_timer.advance(Duration::from_millis(1500));
        desk.client_timer.advance(Duration::from_millis(2000));
        desk.seen.open_gate();
        pool.run_until_stalled();
        assert_eq!(*call.borrow(), Some(Ok(1)));
    });
    for side in ["server", "client"] {
        let calls = |call: &str| recorded.get(&format!("hardlight.{side}.calls {call}"));
        assert_eq!(calls("Work/get OK"), Some(1.0), "{recorded:#?}");
        assert_eq!(calls("Work/refuse APPLICATION_ERROR"), Some(1.0));
        let active = |method| recorded.get(&format!("hardlight.{side}.calls.active {method}"));
        assert_eq!(active("Work/wait"), Some(0.0));
    }
    let took = |side| recorded.get(&format!("rpc.{side}.call.duration hardlight Work/wait OK"));
    assert_eq!((took("server"), took("client")), (Some(1.5), Some(2.0)));
}

#[test]
fn a_call_that_runs_is_active_and_one_that_is_refused_unread_has_no_method() {
    let recorded = Recorded::of(|| {
        let mut pool = LocalPool::new();
        let desk = Desk::new(&mut pool);
        let client = desk.client.clone();
        note_end(&pool, async move { client.hang().await });
        pool.run_until_stalled();
        desk.connection.close(CloseReason::normal());
        pool.run_until_stalled();
        let late = pool.run_until(desk.client.get());
        assert_eq!(late, Err(CallError::GoingAway.into()));
        std::mem::forget(pool);
    });
    assert_eq!(recorded.get("hardlight.server.calls.active Work/hang"), Some(1.0));
    assert_eq!(recorded.get("hardlight.client.calls Work/get GOING_AWAY"), Some(1.0));
}

#[test]
fn connections_bytes_and_ends_are_counted_and_what_is_over_is_not_there() {
    let recorded = Recorded::of(|| {
        let mut pool = LocalPool::new();
        for _ in 0..2 {
            let desk = Desk::with(&mut pool, Choice::default());
            assert_eq!(pool.run_until(desk.client.get()), Ok(3));
            desk.connection.close(CloseReason::normal());
            drop(desk);
            pool.run_until_stalled();
        }
        let desk = Desk::new(&mut pool);
        desk.to_server.cut();
        pool.run_until_stalled();
        note_refused_handshake("403");
    });
    for side in ["server", "client"] {
        let get = |name: &str| recorded.get(&format!("hardlight.{side}.{name}"));
        assert_eq!(get("connections"), Some(3.0));
        assert_eq!(get("connections.open"), Some(0.0), "{recorded:#?}");
        assert_eq!(get("connections.ended CLOSED"), Some(2.0));
        assert_eq!(get("queued"), Some(0.0));
        assert!(get("sent") > Some(0.0));
    }
    assert_eq!(recorded.get("hardlight.server.connections.ended LOST"), Some(1.0));
    assert_eq!(recorded.get("hardlight.server.handshakes.refused 403"), Some(1.0));
    let sent = |side| recorded.get(&format!("hardlight.{side}.sent"));
    assert_eq!(recorded.get("hardlight.server.received"), sent("client"));
}

#[test]
fn what_layers_refuse_is_counted_by_what_it_exceeds() {
    let recorded = Recorded::of(|| {
        let mut pool = LocalPool::new();
        let layers = Layers::none()
            .with(Authorize::closed().all([Method::Get, Method::Hang, Method::Look]))
            .with(ConcurrencyLimit::per_connection(1).waiting(0).only([Method::Hang]));
        #[cfg(feature = "rate-limit")]
        let layers = {
            use hardlight_driver::layer::{Rate, RateLimit};
            layers.with(RateLimit::per_connection(Rate::per_minute(1)).only([Method::Look]))
        };
        let desk = Desk::with(&mut pool, Choice { layers, ..Choice::default() });
        assert_eq!(pool.run_until(desk.client.get()), Ok(3));
        assert_eq!(pool.run_until(desk.client.again()), Err(CallError::MissingFeature.into()));
        let client = desk.client.clone();
        note_end(&pool, async move { client.hang().await });
        pool.run_until_stalled();
        assert_eq!(pool.run_until(desk.client.hang()), Err(CallError::Busy.into()));
        for _ in 0..3 {
            let _ = pool.run_until(desk.client.look());
        }
    });
    let refused = |limit: &str| recorded.get(&format!("hardlight.server.calls.refused {limit}"));
    assert_eq!((refused("authorize"), refused("concurrency")), (Some(1.0), Some(1.0)));
    let often = if cfg!(feature = "rate-limit") { Some(2.0) } else { None };
    assert_eq!(refused("rate"), often);
}

#[test]
fn the_table_of_the_documentation_is_that_of_the_code() {
    let table = include_str!("../src/telemetry/metrics.md");
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> = METRICS
        .iter()
        .map(|metric| {
            let kind = format!("{:?}", metric.kind).to_lowercase();
            let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let row =
                format!("| `{}` | {kind} | {} | {} |", metric.name, metric.unit, labels.join(", "));
            row.replace("|  |", "| |")
        })
        .collect();
    assert_eq!(rows, expected);
}
