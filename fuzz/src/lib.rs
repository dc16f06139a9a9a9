//! What holds for any input, one function a fuzz target. A violation is a panic.
//!
//! The logic is here and not in the targets, so that stable Rust can run it: `cargo test --lib` runs every seed.

mod client;
mod diff;
mod frame;
mod inflate;
mod message;
mod noise;
mod pair;
mod payload;
mod script;
pub mod seeds;
mod server;
mod state;
mod types;
mod wire;

pub use client::client;
pub use diff::diff;
pub use frame::frame;
pub use inflate::inflate;
pub use message::message;
pub use pair::pair;
pub use payload::payload;
pub use server::server;
pub use state::state;

/// A fuzz target: what it is called, and what runs one input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 9] = [
    ("client", client),
    ("diff", diff),
    ("frame", frame),
    ("inflate", inflate),
    ("message", message),
    ("pair", pair),
    ("payload", payload),
    ("server", server),
    ("state", state),
];
