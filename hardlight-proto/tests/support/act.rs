//! What applications do, and what happens to the transport between them.

use std::time::Duration;

use super::{Cut, Pace};

#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// The client makes a call, with an input of this length.
    Call {
        method: u32,
        len: usize,
    },
    /// The same, with a value whose payload says as much.
    CallValue {
        method: u32,
        len: usize,
    },
    /// The client gives up one of its open calls: the nth, counted round and round.
    Cancel(usize),
    CloseClient,
    AbortClient,
    /// The server answers one of the calls that run, with an output of this length.
    Answer {
        nth: usize,
        len: usize,
    },
    /// The same, with a value.
    AnswerValue {
        nth: usize,
        len: usize,
    },
    /// The server answers one of the calls that run with an error.
    Fail(usize),
    /// The state changes, by so many bytes.
    State(usize),
    /// The connection has a feature, or none.
    Features(bool),
    /// The client is subscribed to a topic.
    Announce(usize),
    Leave(usize),
    /// An event on a topic, whoever is subscribed.
    Event {
        topic: usize,
        len: usize,
    },
    /// A number of a topic that has no event for this client.
    Skip(usize),
    CloseServer,
    AbortServer,
    ClientReads(Pace),
    ServerReads(Pace),
    /// The client's application takes no events, until it does again.
    ClientSleeps(bool),
    ServerSleeps(bool),
    Steps(usize),
    /// Until nothing is under way.
    Drive,
    RunFor(Duration),
    Cut(Cut),
}
