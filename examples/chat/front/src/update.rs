//! What a front end and its connection tell each other.

use std::{collections::BTreeSet, fmt};

use chat_shared::Message;

/// What the user wants done on the server. In this order, also while there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To enter a thread.
    Join(String),
    /// To leave it.
    Leave(String),
    /// To say something.
    Send {
        /// Where.
        thread: String,
        /// What.
        text: String,
    },
    /// The messages before one that is known.
    Older {
        /// Where.
        thread: String,
        /// Its id.
        before: i64,
    },
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The connection.
    Status(Status),
    /// The threads that this connection is in, as its state says.
    Threads(BTreeSet<String>),
    /// Somebody said something.
    Said {
        /// Where.
        thread: String,
        /// What, and by whom.
        message: Message,
    },
    /// A page of what was said before.
    Older {
        /// Where.
        thread: String,
        /// The oldest first.
        messages: Vec<Message>,
    },
    /// Events were missing. These are all messages that came since, from the store; or the last ones, if `is_all` is not
    /// set, and there are more between them and what was known.
    Filled {
        /// Where.
        thread: String,
        /// Why they were missing.
        why: Gap,
        /// The oldest first.
        messages: Vec<Message>,
        /// Whether there are no others.
        is_all: bool,
    },
    /// Who is in a thread.
    Present {
        /// Where.
        thread: String,
        /// All who are, in order.
        users: Vec<String>,
    },
    /// What the user wanted was done, and there is nothing to tell of it: the state and the events have.
    Done,
    /// Something was not done: why.
    Refused(String),
}

/// The connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is being made.
    Connecting,
    /// It is there.
    Online,
    /// It is lost.
    Offline {
        /// How.
        why: String,
    },
}

/// Why events of a thread are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The server was started anew, and does not know what this client has.
    Restarted,
    /// The server does not keep that many.
    Expired,
    /// This client did not read them in time.
    TooSlow,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restarted => "the server was started anew",
            Self::Expired => "away for too long",
            Self::TooSlow => "too slow",
        })
    }
}
