//! What the handles of a server's connection tell its driver.

use bytes::Bytes;
use hardlight_proto::{CallId, CloseReason, EncodeError};

use crate::mailbox::Mailbox;

pub(super) type ServerMailbox = Mailbox<Commands>;

/// What waits for the driver.
#[derive(Default)]
pub(super) struct Commands {
    /// In the order in which it is to go out.
    pub(super) queue: Vec<Command>,
    /// Changes of the state are sent: there was a snapshot, and the connection has not ended.
    pub(super) live: bool,
    /// The state has changes that were not encoded.
    pub(super) dirty: bool,
    /// Much output waits: changes of the state are encoded later, together.
    pub(super) congested: bool,
    /// The driver waits for the state's lock.
    pub(super) awaits_state: bool,
    pub(super) close: Option<Close>,
    /// Calls whose future was woken, a bit each.
    pub(super) woken: [u64; 4],
}

pub(super) enum Command {
    /// State operations.
    State(Bytes),
    /// The state could not be encoded.
    Fail(EncodeError),
}

/// How the application ends the connection.
pub(super) enum Close {
    /// After the calls that run.
    Drain(CloseReason),
    /// At once.
    Abort(CloseReason),
}

impl Commands {
    pub(super) fn wake_call(&mut self, id: CallId) {
        self.woken[id.index() / 64] |= 1 << (id.0 % 64);
    }

    /// Whether the driver has something to do.
    pub(super) fn wants_driver(&self) -> bool {
        !self.queue.is_empty() || self.close.is_some() || self.woken != [0; 4]
    }
}
