//! What the examples run: a counter for each connection, and a client that counts. Neither knows what carries its bytes.
//!
//! `#[hardlight::rpc]` writes most of this for an application. To the core a method is an index and its input is bytes.

mod client;
mod server;

use std::sync::LazyLock;

use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::{
    Codable, Connection, ConnectionState, EventSchema, MethodSchema, Role, ServiceSchema, Time,
};

pub(crate) use self::{client::CounterClient, server::CounterServer};

/// What one side does about what happens on its connection.
pub(crate) trait Application {
    type Side: Role;

    fn handle(
        &mut self,
        connection: &mut Connection<Self::Side>,
        event: <Self::Side as Role>::Event,
        now: Time,
    );
}

/// The state: the server changes it, the client has a copy.
#[derive(ConnectionState)]
struct Counter {
    total: u32,
}

// The methods, by their places in the schema, and the arguments of each.
const ADD: u32 = 0;
const TAKE: u32 = 1;
const REACH: u32 = 2;

/// Adds to the total: the new one.
#[codable]
struct Add {
    amount: u32,
}

/// Takes from the total: the new one, or why not.
#[codable]
struct Take {
    amount: u32,
}

/// Waits until the total is this high: the total then.
#[codable]
struct Reach {
    total: u32,
}

/// The application's own error.
#[codable]
struct Underflow {
    total: u32,
}

// The only type of event, and the only topic.
const PASSED: u32 = 0;
const TENS: &[u8] = b"tens";

/// The total has passed a multiple of ten.
#[codable]
struct Passed {
    total: u32,
}

/// Both sides have the same here. If they differ, because one is older, only what differs does not work.
fn schema() -> &'static ServiceSchema {
    static SCHEMA: LazyLock<ServiceSchema> = LazyLock::new(|| {
        let mut schema = ServiceSchema::new("Counter");
        schema.methods = vec![
            MethodSchema::new::<Add, u32>("add"),
            MethodSchema::new::<Take, Result<u32, Underflow>>("take"),
            MethodSchema::new::<Reach, u32>("reach"),
        ];
        schema.state = Counter::schema();
        schema.events = vec![EventSchema::new::<Passed>("Passed")];
        schema
    });
    &SCHEMA
}

/// Values of this service are flat and small.
fn encode(value: &impl Codable) -> bytes::Bytes {
    hardlight_proto::payload::encode_to_bytes(value).expect("a few numbers fit")
}
