//! The services that the client's half of the adapter suite uses, on tokio and in a browser, and the server of them.
//!
//! A page cannot start a server, so a native process has all of them, and tests say what to do by a service of its own, the
//! director. On tokio that process is the test's own.

pub mod control;
#[cfg(not(target_arch = "wasm32"))]
mod server;
pub mod service;
#[cfg(not(target_arch = "wasm32"))]
mod stage;
#[cfg(not(target_arch = "wasm32"))]
#[path = "../../tests/adapters/way.rs"]
mod way;

#[cfg(not(target_arch = "wasm32"))]
pub use server::serve;
