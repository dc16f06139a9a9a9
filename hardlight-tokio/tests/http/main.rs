//! HardLight on a route of an application's own HTTP server, over real sockets. No test waits for a fixed time.

mod axum_app;
mod hyper_server;
mod service;
