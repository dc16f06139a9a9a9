//! What a test may do to a server.

use hardlight::{codable, rpc};

/// How a server is to be.
#[codable]
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whether it says nothing at all.
    pub silent: bool,
    /// The longest frame that it takes, if it is not the default.
    pub max_frame_bytes: Option<u32>,
    /// Events of each topic that it keeps.
    pub kept_events: u32,
    /// The pages that it lets in: all, if there is nothing here.
    pub origins: Option<Vec<String>>,
}

/// A server.
#[codable]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What the director calls it.
    pub stage: u32,
    /// Where it is, on a way that can be cut.
    pub url: String,
}

/// Has servers, and does to them what tests say. They end with the director's connection.
#[rpc]
pub trait Director {
    /// Starts a server.
    async fn open(&self, plan: Plan) -> Opened;
    /// Waits until so many more calls of `wait` have begun.
    async fn begun(&self, stage: u32, calls: u32);
    /// Whether another call of `wait` has begun.
    async fn has_begun(&self, stage: u32) -> bool;
    /// Lets so many calls of `wait` answer.
    async fn let_answer(&self, stage: u32, calls: u32);
    /// Waits until so many more calls of `wait` were dropped before they answered.
    async fn dropped(&self, stage: u32, calls: u32);
    /// Waits until so many more connections have ended.
    async fn ended(&self, stage: u32, connections: u32);
    /// Cuts the connection that was made first of those that are not cut yet.
    async fn cut(&self, stage: u32);
    /// Emits an event from outside of any handler.
    async fn emit(&self, stage: u32, topic: String, text: String);
    /// The tokens of those who were let in.
    async fn tokens(&self, stage: u32) -> Vec<String>;
    /// Stops the server, in an orderly way.
    async fn stop(&self, stage: u32);
}
