//! All metrics that there are.

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// It goes up.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Of many values.
    Histogram,
}

/// A metric: what it is called, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// Its unit: `seconds`, `bytes` or `count`.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub description: &'static str,
}

const CALL: &[&str] = &["rpc.method", "rpc.status_code"];
const TIMED: &[&str] = &["rpc.system.name", "rpc.method", "rpc.status_code"];

/// All metrics that HardLight records.
pub const METRICS: &[Metric] = &[
    histogram(
        "rpc.server.call.duration",
        "seconds",
        TIMED,
        "How long handlers ran, until their answer or their end",
    ),
    counter(
        "hardlight.server.calls",
        "count",
        CALL,
        "Calls that ended, by what became of them; a method of no such name is `_OTHER`, and so is one that was refused before it began",
    ),
    gauge("hardlight.server.calls.active", "count", &["rpc.method"], "Handlers that run"),
    counter(
        "hardlight.server.calls.refused",
        "count",
        &["limit"],
        "Calls that a layer of HardLight's own refused, by which: `rate`, `concurrency`, `authorize`",
    ),
    counter("hardlight.server.connections", "count", &[], "Connections that began"),
    gauge("hardlight.server.connections.open", "count", &[], "Connections that there are"),
    counter(
        "hardlight.server.connections.ended",
        "count",
        &["reason"],
        "Connections that ended, by why: `CLOSED` is an orderly end",
    ),
    counter(
        "hardlight.server.limits.exceeded",
        "count",
        &["limit"],
        "Connections that ended because a limit of this side was exceeded, by the limit",
    ),
    counter(
        "hardlight.server.handshakes.refused",
        "count",
        &["reason"],
        "Handshakes that became no connection, by why: an HTTP status, or `tls`, `timeout`, `io`, `stopping`, `no_upgrade`",
    ),
    counter(
        "hardlight.server.received",
        "bytes",
        &[],
        "What arrived in messages, without what WebSocket and TLS add",
    ),
    counter("hardlight.server.sent", "bytes", &[], "What was sent in messages, likewise"),
    gauge(
        "hardlight.server.queued",
        "bytes",
        &[],
        "What connections have to send and could not yet",
    ),
    counter(
        "hardlight.server.events.sent",
        "count",
        &[],
        "Events that were sent: one for each client that got it",
    ),
    counter(
        "hardlight.server.events.dropped",
        "count",
        &["reason"],
        "Events that a client did not get, likewise, by why: `lagged`, `conflated`, `withheld`, `expired`, `too_long`",
    ),
    histogram(
        "rpc.client.call.duration",
        "seconds",
        TIMED,
        "How long calls took, from when they were made until their answer or their end",
    ),
    counter("hardlight.client.calls", "count", CALL, "Calls that ended, by what became of them"),
    gauge(
        "hardlight.client.calls.active",
        "count",
        &["rpc.method"],
        "Calls that wait for their answer, those in line among them",
    ),
    counter("hardlight.client.connections", "count", &[], "Connections that began"),
    gauge("hardlight.client.connections.open", "count", &[], "Connections that there are"),
    counter(
        "hardlight.client.connections.ended",
        "count",
        &["reason"],
        "Connections that ended, by why: `CLOSED` is an orderly end",
    ),
    counter(
        "hardlight.client.limits.exceeded",
        "count",
        &["limit"],
        "Connections that ended because a limit of this side was exceeded, by the limit",
    ),
    counter(
        "hardlight.client.reconnects",
        "count",
        &["outcome"],
        "Attempts to connect again, by what came of them: `connected` or `failed`",
    ),
    counter(
        "hardlight.client.received",
        "bytes",
        &[],
        "What arrived in messages, without what WebSocket and TLS add",
    ),
    counter("hardlight.client.sent", "bytes", &[], "What was sent in messages, likewise"),
    gauge(
        "hardlight.client.queued",
        "bytes",
        &[],
        "What connections have to send and could not yet",
    ),
    counter("hardlight.client.events.received", "count", &[], "Events that arrived"),
    counter(
        "hardlight.client.events.missed",
        "count",
        &[],
        "Events of which the server said that they are missing",
    ),
    counter(
        "hardlight.client.events.dropped",
        "count",
        &[],
        "Events that arrived and nobody took in time: one for each stream that dropped it",
    ),
    counter(
        "hardlight.client.events.skipped",
        "count",
        &[],
        "Events of a type that this client does not know",
    ),
];

const fn counter(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    description: &'static str,
) -> Metric {
    Metric { name, kind: MetricKind::Counter, unit, labels, description }
}

const fn gauge(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    description: &'static str,
) -> Metric {
    Metric { name, kind: MetricKind::Gauge, unit, labels, description }
}

const fn histogram(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    description: &'static str,
) -> Metric {
    Metric { name, kind: MetricKind::Histogram, unit, labels, description }
}
