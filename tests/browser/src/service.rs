//! A service that uses everything.

use hardlight::{ConnectionState, Events, Feature, rpc};

/// What a connection may be allowed.
#[derive(Feature, Clone, Copy, Debug)]
pub enum Allowed {
    /// What one may who has logged in.
    Account,
}

/// The service.
#[rpc(state = State, events = News)]
pub trait Suite {
    /// Adds to the counter of the state.
    async fn add(&self, amount: u32) -> u32;
    /// Subscribes the connection to a topic.
    async fn follow(&self, topic: String);
    /// Emits an event.
    async fn tell(&self, topic: String, text: String);
    /// Gives the bytes back.
    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
    /// Answers once the test lets it.
    #[rpc(idempotent)]
    async fn wait_again(&self, number: u32) -> u32;
    /// Answers once the test lets it.
    async fn wait(&self, number: u32) -> u32;
    /// Lets the connection do what needs an account.
    async fn log_in(&self, name: String);
    /// Takes that away again.
    #[rpc(feature = Allowed::Account)]
    async fn log_out(&self);
}

/// What the server tells a client of itself.
#[derive(Debug, ConnectionState)]
pub struct State {
    /// What was added.
    pub counter: u32,
    /// The cookie `session` of the client's request.
    pub cookie: String,
    /// The token of the client's request.
    pub token: String,
    /// Who has logged in.
    #[state(feature = Allowed::Account)]
    pub user: String,
}

/// The events.
#[derive(Debug, PartialEq, Eq, Events)]
pub enum News {
    /// Somebody said something.
    Told {
        /// What.
        text: String,
    },
}
