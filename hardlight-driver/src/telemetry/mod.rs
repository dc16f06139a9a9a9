//! What a connection tells of itself besides logs: spans, trace contexts.

mod endpoint;
pub(crate) mod meters;
#[cfg(feature = "opentelemetry")]
mod open_telemetry;
mod options;
mod outcome;
mod propagation;
mod spans;
mod trace_context;
mod trace_ids;

pub(crate) mod client;
pub(crate) mod server;

pub use endpoint::Endpoint;
pub use meters::note_refused_handshake;
#[cfg(feature = "metrics")]
pub use meters::table::{METRICS, Metric, MetricKind};
pub use options::Telemetry;
pub use propagation::{Propagation, Propagator};
pub use trace_context::{TraceContext, TraceContextError};

pub(crate) use outcome::Outcome;
pub(crate) use spans::{MethodName, end_connection, enter, leave, server_connection, wants_calls};
