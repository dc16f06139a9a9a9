//! What the examples run: a counter for each connection, and a client that counts. Neither knows what carries its bytes, nor
//! which thread does the work that takes long.
//!
//! `#[hardlight::rpc]` writes most of this for an application. To the core a method is an index and its input is bytes.

mod client;
mod server;

use std::sync::LazyLock;

use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::{Connection, Role, ServiceSchema, Time};

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

    /// The next work that takes long, of which none is left behind when its call is cancelled.
    fn take_job(&mut self) -> Option<Job> {
        None
    }

    /// Such work is done.
    fn finish(&mut self, _connection: &mut Connection<Self::Side>, _done: Done) {}
}

/// Work that needs neither the connection nor the counter, for any thread.
pub(crate) struct Job {
    /// Never given to another.
    number: u64,
    len: u32,
}

/// What came of it.
pub(crate) struct Done {
    number: u64,
    squares: Vec<u64>,
}

impl Job {
    pub(crate) fn run(self) -> Done {
        let Self { number, len } = self;
        Done { number, squares: (0..u64::from(len)).map(|n| n * n).collect() }
    }
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
const SQUARES: u32 = 3;

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

/// The squares of the first numbers, no more than [`MAX_SQUARES`]: work that takes long, and an answer that is longer than a
/// message.
#[codable]
struct Squares {
    len: u32,
}

/// What a client asks for costs memory here.
const MAX_SQUARES: u32 = 100_000;

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
        ServiceSchema::new("Counter")
            .method::<Add, u32>("add")
            .method::<Take, Result<u32, Underflow>>("take")
            .method::<Reach, u32>("reach")
            .method::<Squares, Vec<u64>>("squares")
            .state::<Counter>()
            .event::<Passed>("Passed")
    });
    &SCHEMA
}
