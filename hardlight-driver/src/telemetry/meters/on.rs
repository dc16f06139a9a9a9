//! What is measured, through the facade `metrics`.

use std::sync::Arc;

use hardlight_proto::{
    CallError, Client, Connection, ConnectionError, EventTally, Server, ServiceSchema, Time,
};
use metrics::{Counter, Gauge, Histogram, Label, SharedString, Unit};
use parking_lot::{Mutex, RwLock};

use super::{
    Side, exceeded_limit,
    table::{METRICS, Metric, MetricKind},
};
use crate::{
    client::EventCounts,
    clock::Clock,
    telemetry::{
        Outcome,
        spans::{MethodName, SYSTEM},
    },
};

/// In place of the name of a method that there is not, or is not known.
const NO_METHOD: &str = "_OTHER";

/// A handshake did not become a connection.
#[doc(hidden)]
pub fn note_refused_handshake(reason: &str) {
    let reason = reason.to_owned();
    metrics::counter!("hardlight.server.handshakes.refused", "reason" => reason).increment(1);
}

/// Tells the recorder what the metrics are. It may be told more than once.
fn describe() {
    for &Metric { name, kind, unit, description, .. } in METRICS {
        let unit = match unit {
            "seconds" => Unit::Seconds,
            "bytes" => Unit::Bytes,
            _ => Unit::Count,
        };
        match kind {
            MetricKind::Counter => metrics::describe_counter!(name, unit, description),
            MetricKind::Gauge => metrics::describe_gauge!(name, unit, description),
            MetricKind::Histogram => metrics::describe_histogram!(name, unit, description),
        }
    }
}

/// What all connections of a service on a server have in common, or those of a client: it is registered once, with the recorder
/// that there is then.
pub(crate) struct Meters {
    side: Side,
    /// By the method's index; the last is for those that are none.
    methods: Vec<MethodMeters>,
    connections: Counter,
    open: Gauge,
    received: Counter,
    sent: Counter,
    queued: Gauge,
    events: EventMeters,
}

struct MethodMeters {
    name: SharedString,
    active: Gauge,
    /// By what became of them: as far as there were any.
    ended: RwLock<Vec<(&'static str, Counter, Histogram)>>,
}

enum EventMeters {
    Server {
        sent: Counter,
        dropped: [(&'static str, Counter); 5],
    },
    Client {
        received: Counter,
        missed: Counter,
        skipped: Counter,
        dropped: Counter,
        last: Mutex<EventCounts>,
    },
}

impl Meters {
    pub(crate) const IS_ON: bool = true;

    pub(crate) fn new(side: Side, schema: &'static ServiceSchema) -> Arc<Self> {
        describe();
        let names = schema.methods.iter().map(|method| MethodName { schema, method }.to_string());
        let names = names.map(SharedString::from).chain([NO_METHOD.into()]);
        let gauge = side.pick("hardlight.server.calls.active", "hardlight.client.calls.active");
        let methods = names.map(|name| MethodMeters {
            active: metrics::gauge!(gauge, "rpc.method" => name.clone()),
            name,
            ended: RwLock::default(),
        });
        let counter = |server, client| metrics::counter!(side.pick(server, client));
        let gauge = |server, client| metrics::gauge!(side.pick(server, client));
        Arc::new(Self {
            side,
            methods: methods.collect(),
            connections: counter("hardlight.server.connections", "hardlight.client.connections"),
            open: gauge("hardlight.server.connections.open", "hardlight.client.connections.open"),
            received: counter("hardlight.server.received", "hardlight.client.received"),
            sent: counter("hardlight.server.sent", "hardlight.client.sent"),
            queued: gauge("hardlight.server.queued", "hardlight.client.queued"),
            events: EventMeters::new(side),
        })
    }

    /// An attempt of a client to connect again has come to this.
    pub(crate) fn reconnected(&self, succeeded: bool) {
        let outcome = if succeeded { "connected" } else { "failed" };
        metrics::counter!("hardlight.client.reconnects", "outcome" => outcome).increment(1);
    }

    /// A layer has refused a call.
    pub(crate) fn refused(&self, limit: &'static str) {
        metrics::counter!("hardlight.server.calls.refused", "limit" => limit).increment(1);
    }

    fn method(&self, method: u32) -> &MethodMeters {
        let known = usize::try_from(method).ok().and_then(|method| self.methods.get(method));
        known.unwrap_or_else(|| self.methods.last().expect("there is one for none"))
    }

    /// A call has ended. `seconds` is how long it ran, if it did.
    fn end_call(
        &self,
        method: &MethodMeters,
        status: &'static str,
        calls: u64,
        seconds: Option<f64>,
    ) {
        let find = |ended: &[(&'static str, Counter, Histogram)]| {
            let place = ended.iter().find(|(known, ..)| *known == status);
            place.map(|(_, calls, duration)| (calls.clone(), duration.clone()))
        };
        let known = find(&method.ended.read());
        let (counter, duration) = known.unwrap_or_else(|| {
            let made = self.register(method, status);
            method.ended.write().push((status, made.0.clone(), made.1.clone()));
            made
        });
        counter.increment(calls);
        seconds.into_iter().for_each(|seconds| duration.record(seconds));
    }

    fn register(&self, method: &MethodMeters, status: &'static str) -> (Counter, Histogram) {
        let labels = vec![
            Label::new("rpc.method", method.name.clone()),
            Label::from_static_parts("rpc.status_code", status),
        ];
        let calls = self.side.pick("hardlight.server.calls", "hardlight.client.calls");
        let calls = metrics::counter!(calls, labels.clone());
        let labels: Vec<_> = [Label::from_static_parts("rpc.system.name", SYSTEM)]
            .into_iter()
            .chain(labels)
            .collect();
        let duration = self.side.pick("rpc.server.call.duration", "rpc.client.call.duration");
        (calls, metrics::histogram!(duration, labels))
    }
}

impl Side {
    const fn pick(self, server: &'static str, client: &'static str) -> &'static str {
        match self {
            Self::Server => server,
            Self::Client => client,
        }
    }
}

impl EventMeters {
    fn new(side: Side) -> Self {
        let dropped = |reason| {
            let counter = metrics::counter!("hardlight.server.events.dropped", "reason" => reason);
            (reason, counter)
        };
        match side {
            Side::Server => Self::Server {
                sent: metrics::counter!("hardlight.server.events.sent"),
                dropped: ["lagged", "conflated", "withheld", "expired", "too_long"].map(dropped),
            },
            Side::Client => Self::Client {
                received: metrics::counter!("hardlight.client.events.received"),
                missed: metrics::counter!("hardlight.client.events.missed"),
                skipped: metrics::counter!("hardlight.client.events.skipped"),
                dropped: metrics::counter!("hardlight.client.events.dropped"),
                last: Mutex::default(),
            },
        }
    }

    fn add_tally(&self, now: &EventTally, before: &EventTally) {
        let Self::Server { sent, dropped } = self else { return };
        sent.increment(now.sent - before.sent);
        let counts = |tally: &EventTally| {
            [tally.lagged, tally.conflated, tally.withheld, tally.expired, tally.too_long]
        };
        for (((_, counter), now), before) in dropped.iter().zip(counts(now)).zip(counts(before)) {
            counter.increment(now - before);
        }
    }

    fn add_counts(&self, now: EventCounts) {
        let Self::Client { received, missed, skipped, dropped, last } = self else { return };
        let before = std::mem::replace(&mut *last.lock(), now);
        received.increment(now.received - before.received);
        missed.increment(now.missed - before.missed);
        skipped.increment(now.skipped - before.skipped);
        dropped.increment(now.dropped - before.dropped);
    }
}

/// The meters of each service whose connections meet in a hub: of one server there is one.
#[derive(Default)]
pub(crate) struct MetersOfServices(Mutex<Vec<(&'static ServiceSchema, Arc<Meters>)>>);

impl MetersOfServices {
    pub(crate) fn of(&self, schema: &'static ServiceSchema) -> Arc<Meters> {
        let mut all = self.0.lock();
        if let Some((_, meters)) = all.iter().find(|(known, _)| std::ptr::eq(*known, schema)) {
            return Arc::clone(meters);
        }
        let meters = Meters::new(Side::Server, schema);
        all.push((schema, Arc::clone(&meters)));
        meters
    }
}

/// Counts what messages hold.
#[derive(Clone)]
pub(crate) struct ByteMeter {
    received: Counter,
    sent: Counter,
}

impl ByteMeter {
    pub(crate) fn received(&self, bytes: usize) {
        self.received.increment(bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.increment(bytes as u64);
    }
}

/// Measures one connection, from its beginning until this is dropped.
pub(crate) struct ConnectionMeter {
    meters: Arc<Meters>,
    queued: usize,
    events: EventTally,
    /// Calls that were refused before they began: by their error, in order.
    refused: Vec<(CallError, u64)>,
}

impl ConnectionMeter {
    pub(crate) fn new(meters: &Arc<Meters>) -> Self {
        meters.connections.increment(1);
        meters.open.increment(1);
        let (meters, events) = (Arc::clone(meters), EventTally::default());
        Self { meters, queued: 0, events, refused: Vec::new() }
    }

    pub(crate) fn bytes(&self) -> ByteMeter {
        let Meters { received, sent, .. } = &*self.meters;
        ByteMeter { received: received.clone(), sent: sent.clone() }
    }

    pub(crate) fn look_at_server(&mut self, connection: &Connection<Server>) {
        self.look_at_queue(connection.queued_bytes());
        let events = connection.event_tally();
        if events != self.events {
            self.meters.events.add_tally(&events, &self.events);
            self.events = events;
        }
        for (error, calls) in connection.refusals() {
            self.count_refusals(error, calls);
        }
    }

    pub(crate) fn look_at_client(
        &mut self,
        connection: &Connection<Client>,
        counts: impl Fn() -> EventCounts,
    ) {
        self.look_at_queue(connection.queued_bytes());
        self.meters.events.add_counts(counts());
    }

    pub(crate) fn end(&self, error: &ConnectionError) {
        let side = self.meters.side;
        let ended =
            side.pick("hardlight.server.connections.ended", "hardlight.client.connections.ended");
        metrics::counter!(ended, "reason" => error.name()).increment(1);
        if let Some(limit) = exceeded_limit(error) {
            let limits =
                side.pick("hardlight.server.limits.exceeded", "hardlight.client.limits.exceeded");
            metrics::counter!(limits, "limit" => limit).increment(1);
        }
    }

    /// So many calls were refused with this error by now. Of which method is not known any longer.
    fn count_refusals(&mut self, error: CallError, calls: u64) {
        let place = self.refused.iter().position(|(known, _)| *known == error);
        let place = place.unwrap_or_else(|| {
            self.refused.push((error.clone(), 0));
            self.refused.len() - 1
        });
        let before = std::mem::replace(&mut self.refused[place].1, calls);
        if calls > before {
            let meters = &self.meters;
            meters.end_call(meters.method(u32::MAX), error.name(), calls - before, None);
        }
    }

    fn look_at_queue(&mut self, queued: usize) {
        if queued != self.queued {
            self.meters.queued.increment(queued as f64 - self.queued as f64);
            self.queued = queued;
        }
    }
}

impl Drop for ConnectionMeter {
    fn drop(&mut self) {
        self.look_at_queue(0);
        self.meters.open.decrement(1);
    }
}

/// Measures one call, from its beginning.
pub(crate) struct CallMeter {
    meters: Arc<Meters>,
    clock: Clock,
    began: Time,
    method: u32,
}

impl CallMeter {
    pub(crate) fn begin(meters: &Arc<Meters>, clock: &Clock, method: u32) -> Self {
        meters.method(method).active.increment(1);
        Self { meters: Arc::clone(meters), clock: clock.clone(), began: clock.now(), method }
    }

    pub(crate) fn end(&self, outcome: Outcome) {
        let method = self.meters.method(self.method);
        method.active.decrement(1);
        let took = self.clock.now().saturating_since(self.began);
        self.meters.end_call(method, outcome.status, 1, Some(took.as_secs_f64()));
    }
}
