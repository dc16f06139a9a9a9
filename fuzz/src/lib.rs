//! What holds for any input, one function a fuzz target. A violation is a panic.
//!
//! The logic is here and not in the targets, so that stable Rust can run it: `cargo test --lib` runs every seed.

mod client;
mod frame;
mod noise;
mod pair;
mod payload;
mod script;
pub mod seeds;
mod server;
mod state;
mod wire;

pub use client::client;
pub use frame::frame;
pub use pair::pair;
pub use payload::payload;
pub use server::server;
pub use state::state;

/// A fuzz target: what it is called, and what runs one input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 6] = [
    ("client", client),
    ("frame", frame),
    ("pair", pair),
    ("payload", payload),
    ("server", server),
    ("state", state),
];
