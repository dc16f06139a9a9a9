//! The web example: a page, a JSON route and a HardLight service on one port, with axum. README.md says how to try it.

mod app;
mod plain;
mod routes;
mod serve;
mod service;
mod tls;

pub use app::{App, Total};
pub use plain::PlainListener;
pub use routes::{Arrival, introduce, routes};
pub use serve::serve_until_interrupted;
pub use service::{Change, OnChange, State, Tally, tally};
pub use tls::TlsListener;
