//! What clients of the service see.

use hardlight::{ConnectionState, Events, rpc};

/// A number that everybody may add to.
#[rpc(state = State, events = Change)]
pub trait Tally {
    /// Adds to the total, which is returned. It does not go beyond the largest number.
    async fn add(&self, amount: u32) -> u64;
}

/// What a connection knows of itself.
#[derive(Debug, ConnectionState)]
pub struct State {
    /// Where the server sees the client; empty if it does not.
    pub you: String,
    /// Whether the connection has TLS, as the server sees it.
    pub is_secure: bool,
}

/// What is pushed on the topic `total`.
#[derive(Debug, Events)]
pub enum Change {
    /// Somebody has added something.
    Total(u64),
}
