//! The spans, and their fields: those of OpenTelemetry's conventions for RPC, of version 1.45.

use std::fmt;

use hardlight_proto::{CloseReason, ConnectionError, MethodSchema, ServiceSchema};
use tracing::{Level, Span, field::Empty, span::EnteredSpan};

use super::{Endpoint, Outcome};
use crate::events::ConnectionId;

/// `rpc.system.name`.
pub(super) const SYSTEM: &str = "hardlight";

/// The target of calls' spans.
const CALL: &str = "hardlight::call";

/// The target of connections' spans.
const CONNECTION: &str = "hardlight::connection";

/// A method as traces and metrics name it: `Counter/increment`.
pub(crate) struct MethodName<'a> {
    pub(crate) schema: &'a ServiceSchema,
    pub(crate) method: &'a MethodSchema,
}

impl<'a> MethodName<'a> {
    pub(crate) fn of(schema: &'a ServiceSchema, method: u32) -> Option<Self> {
        let method = schema.methods.get(usize::try_from(method).ok()?)?;
        Some(Self { schema, method })
    }
}

impl fmt::Display for MethodName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of several services on a connection each method has its own.
        let service = match self.method.service {
            "" => self.schema.name,
            service => service,
        };
        write!(f, "{service}/{}", self.method.name)
    }
}

/// Whether a subscriber may want the spans of calls. Cheap where none does.
#[inline(always)]
pub(crate) fn wants_calls() -> bool {
    tracing::span_enabled!(target: CALL, Level::DEBUG)
}

/// The span of a call that a server runs. It begins a trace, or goes on with the caller's: a connection is none.
pub(super) fn server_call(
    name: &MethodName<'_>,
    endpoint: &Endpoint,
    id: ConnectionId,
    connection: &Span,
) -> Span {
    let Endpoint { server, server_port, peer, client } = endpoint;
    let span = tracing::span!(
        target: CALL,
        parent: None,
        Level::DEBUG,
        "rpc.server.call",
        otel.name = %name,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system.name = SYSTEM,
        rpc.method = %name,
        rpc.status_code = Empty,
        error.type = Empty,
        server.address = server.as_deref(),
        server.port = server_port,
        network.peer.address = peer.map(|peer| display(peer.ip())),
        network.peer.port = peer.map(|peer| peer.port()),
        client.address = client.map(display),
        hardlight.connection.id = id.to_u64(),
        trace_id = Empty,
        span_id = Empty,
        parent_span_id = Empty,
    );
    span.follows_from(connection);
    span
}

/// The span of a call that a client makes, within whatever the caller does.
pub(super) fn client_call(name: &MethodName<'_>, endpoint: &Endpoint) -> Span {
    let Endpoint { server, server_port, peer, .. } = endpoint;
    tracing::span!(
        target: CALL,
        Level::DEBUG,
        "rpc.client.call",
        otel.name = %name,
        otel.kind = "client",
        otel.status_code = Empty,
        rpc.system.name = SYSTEM,
        rpc.method = %name,
        rpc.status_code = Empty,
        error.type = Empty,
        server.address = server.as_deref(),
        server.port = server_port,
        network.peer.address = peer.map(|peer| display(peer.ip())),
        network.peer.port = peer.map(|peer| peer.port()),
        trace_id = Empty,
        span_id = Empty,
        parent_span_id = Empty,
    )
}

/// What became of a call.
pub(super) fn end_call(span: &Span, outcome: Outcome) {
    span.record("rpc.status_code", outcome.status);
    if outcome.is_failure {
        span.record("error.type", outcome.status);
        span.record("otel.status_code", "ERROR");
    }
}

/// The span of a server's connection, from before its factory to its end.
pub(crate) fn server_connection(service: &str, endpoint: &Endpoint, id: ConnectionId) -> Span {
    let Endpoint { server, server_port, peer, client } = endpoint;
    tracing::span!(
        target: CONNECTION,
        parent: None,
        Level::INFO,
        "rpc.server.connection",
        rpc.system.name = SYSTEM,
        rpc.service = service,
        server.address = server.as_deref(),
        server.port = server_port,
        network.peer.address = peer.map(|peer| display(peer.ip())),
        network.peer.port = peer.map(|peer| peer.port()),
        client.address = client.map(display),
        hardlight.connection.id = id.to_u64(),
        hardlight.close.code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    )
}

/// The span of a client's connection, from its WebSocket to its end.
pub(crate) fn client_connection(service: &str, endpoint: &Endpoint) -> Span {
    let Endpoint { server, server_port, peer, .. } = endpoint;
    tracing::span!(
        target: CONNECTION,
        parent: None,
        Level::INFO,
        "rpc.client.connection",
        rpc.system.name = SYSTEM,
        rpc.service = service,
        server.address = server.as_deref(),
        server.port = server_port,
        network.peer.address = peer.map(|peer| display(peer.ip())),
        network.peer.port = peer.map(|peer| peer.port()),
        hardlight.close.code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    )
}

/// What happens until this is dropped, best by [`leave`], happens in the span of a connection. It takes next to nothing where nobody
/// wants the span.
#[inline(always)]
pub(crate) fn enter(span: &Span) -> Option<Box<EnteredSpan>> {
    if span.is_disabled() { None } else { enter_enabled(span) }
}

#[cold]
fn enter_enabled(span: &Span) -> Option<Box<EnteredSpan>> {
    Some(Box::new(span.clone().entered()))
}

/// What happens from here on happens elsewhere.
#[inline(always)]
pub(crate) fn leave(entered: Option<Box<EnteredSpan>>) {
    if let Some(entered) = entered {
        leave_now(entered);
    }
}

#[cold]
fn leave_now(entered: Box<EnteredSpan>) {
    drop(entered);
}

/// Why a connection has ended.
pub(crate) fn end_connection(span: &Span, error: &ConnectionError) {
    if let ConnectionError::Closed { reason, .. } = error {
        span.record("hardlight.close.code", reason.code().0);
        if is_orderly(reason) {
            return;
        }
    }
    span.record("error.type", error.name());
    span.record("otel.status_code", "ERROR");
}

fn is_orderly(reason: &CloseReason) -> bool {
    use hardlight_proto::CloseCode;
    matches!(reason.code(), CloseCode::NORMAL | CloseCode::GOING_AWAY | CloseCode::NO_STATUS)
}
