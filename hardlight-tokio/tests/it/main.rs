//! The tokio adapter over real sockets, on the loopback interface. No test waits for a fixed time.

mod brought;
mod connect;
mod handshake;
mod service;
mod stop;
