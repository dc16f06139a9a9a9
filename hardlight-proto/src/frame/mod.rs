//! Frames: the envelope of everything on the wire, written by hand so that a port can route frames without rkyv
//! (SPEC.md, sections 4 to 9).

mod codec;
mod extensions;
mod hello;
mod message;

use alloc::{boxed::Box, string::String, vec::Vec};
use core::time::Duration;

use bytes::Bytes;

pub(crate) use codec::{
    ANSWER, BATCH, CALL, COMPRESSED, EVENT, KIND_MASK, SNAPSHOT, STATE, ShortHead,
};
pub use extensions::{APPLICATION_EXTENSIONS, ExtensionError, Extensions, MAX_EXTENSION_BYTES};
pub use hello::{Hello, HelloEntry, HelloField, REVISION, Resume, ResumeTopic, SUBPROTOCOL};
pub use message::Frames;

use crate::error::CallError;

/// Names one of the 256 calls that may be in flight on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u8);

impl CallId {
    /// The id as an index into a table of 256.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One frame, decoded. Payloads share the memory of the message they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// Opens a connection; the first frame of each side.
    Hello(Box<Hello>),
    /// Methods in the client's table that are not to be called, in ascending order of their places. At least one.
    Methods(Vec<RefusedMethod>),
    /// Calls a method.
    Call {
        /// Free until now; in use until the call's answer.
        id: CallId,
        /// Index in the caller's own method table.
        method: u32,
        /// What the call says besides.
        extensions: Extensions,
        /// The payload of the method's input.
        payload: Content,
    },
    /// The result of a call.
    Answer {
        /// The call.
        id: CallId,
        /// What the answer says besides.
        extensions: Extensions,
        /// The payload of the method's output.
        payload: Content,
    },
    /// A call without a result.
    Error {
        /// The call.
        id: CallId,
        /// Why.
        error: CallError,
        /// What the error says besides.
        extensions: Extensions,
    },
    /// Asks for a call to be given up. It still gets its one answer. Ignored if the call is not running.
    Cancel {
        /// The call.
        id: CallId,
    },
    /// The whole connection state; follows the server's Hello.
    Snapshot {
        /// 0.
        revision: u64,
        /// State operations that set every field.
        operations: Content,
    },
    /// A change of the connection state.
    State {
        /// One more than the last.
        revision: u64,
        /// State operations.
        operations: Content,
    },
    /// A subscription is in force from here on.
    Topic {
        /// Stands for the name in the frames that follow. The same for every subscriber.
        topic: u64,
        /// The sequence number of the next event.
        next: u64,
        /// How this goes on from an earlier connection.
        start: TopicStart,
        /// The topic's name.
        name: Bytes,
    },
    /// A subscription has ended.
    Leave {
        /// The topic.
        topic: u64,
    },
    /// An event on a topic. Its bytes are the same for every subscriber.
    Event {
        /// The topic.
        topic: u64,
        /// Counts the events of the topic.
        sequence: u64,
        /// Index of the event's type in the server's table.
        event: u32,
        /// What the event says besides.
        extensions: Extensions,
        /// The payload of the event's fields.
        payload: Content,
    },
    /// Events of a topic that this connection does not get.
    Gap {
        /// The topic.
        topic: u64,
        /// Sequence number of the first.
        first: u64,
        /// Sequence number of the last; not less than `first`.
        last: u64,
        /// Why.
        reason: GapReason,
    },
    /// The first piece of a frame that is sent in pieces.
    Begin {
        /// Counts the transfers of the sender.
        transfer: u64,
        /// Length of the whole frame, in bytes.
        length: u64,
        /// 1 to 32,768 bytes.
        piece: Bytes,
    },
    /// A further piece.
    Chunk {
        /// The transfer.
        transfer: u64,
        /// 1 to 32,768 bytes.
        piece: Bytes,
    },
    /// More of a transfer may be sent.
    Credit {
        /// The transfer; of the peer's, not of the sender's.
        transfer: u64,
        /// How many bytes more.
        bytes: u64,
    },
    /// The sender gives up a transfer of its own.
    Abort {
        /// The transfer.
        transfer: u64,
    },
    /// The features of the connection from here on, in ascending order.
    Features(Vec<String>),
    /// The server is stopping: calls that it reads after this do not run.
    GoingAway {
        /// How long it waits for those that run; in whole microseconds.
        grace: Duration,
    },
    /// To be answered with [`Pong`](Self::Pong).
    Ping {
        /// To be repeated.
        token: u64,
    },
    /// Answers [`Ping`](Self::Ping).
    Pong {
        /// The ping's.
        token: u64,
    },
}

/// A payload as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// As it is.
    Plain(Bytes),
    /// Compressed: SPEC.md, section 8.
    Deflated {
        /// Length of the plain payload, in bytes; as the sender says. Not 0.
        length: u64,
        /// A raw DEFLATE stream (RFC 1951), not read yet.
        stream: Bytes,
    },
}

impl Content {
    /// The bytes as they travel.
    const fn bytes(&self) -> &Bytes {
        match self {
            Self::Plain(bytes) | Self::Deflated { stream: bytes, .. } => bytes,
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Plain(bytes)
    }
}

/// A method in the client's table that is not to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedMethod {
    /// Its place in the table.
    pub method: u32,
    /// Why.
    pub why: Mismatch,
}

/// How what one side has differs from what the other has of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mismatch {
    /// The other side has nothing of that name.
    Unknown,
    /// The other side has another type of that name.
    Incompatible,
}

/// How a subscription goes on from an earlier connection (SPEC.md, section 13.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TopicStart {
    /// It does not: the client did not ask for it.
    Fresh,
    /// Where the client left off. What it missed follows, as events or as gaps.
    Resumed,
    /// It does not: the server numbers anew, and how much was missed is not known.
    Restarted,
}

/// Why events did not reach a client (SPEC.md, section 13.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The client reads too slowly.
    Lagged,
    /// A later event replaced them.
    Conflated,
    /// They are not for this client.
    Withheld,
    /// The client asked for them after a reconnect, and they are no longer kept.
    Expired,
    /// They are longer than the client accepts.
    TooLong,
    /// A reason that this revision does not know.
    Unknown(u32),
}

impl Frame {
    /// The frame's name in SPEC.md, section 5.2.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "HELLO",
            Self::Methods(_) => "METHODS",
            Self::Call { .. } => "CALL",
            Self::Answer { .. } => "ANSWER",
            Self::Error { .. } => "ERROR",
            Self::Cancel { .. } => "CANCEL",
            Self::Snapshot { .. } => "SNAPSHOT",
            Self::State { .. } => "STATE",
            Self::Topic { .. } => "TOPIC",
            Self::Leave { .. } => "LEAVE",
            Self::Event { .. } => "EVENT",
            Self::Gap { .. } => "GAP",
            Self::Begin { .. } => "BEGIN",
            Self::Chunk { .. } => "CHUNK",
            Self::Credit { .. } => "CREDIT",
            Self::Abort { .. } => "ABORT",
            Self::Features(_) => "FEATURES",
            Self::GoingAway { .. } => "GOING_AWAY",
            Self::Ping { .. } => "PING",
            Self::Pong { .. } => "PONG",
        }
    }

    /// Whether it brings state operations.
    pub(crate) const fn is_state(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::State { .. })
    }

    /// What comes last in the frame, and may be long.
    const fn payload(&self) -> Option<&Content> {
        match self {
            Self::Call { payload, .. }
            | Self::Answer { payload, .. }
            | Self::Event { payload, .. }
            | Self::Snapshot { operations: payload, .. }
            | Self::State { operations: payload, .. } => Some(payload),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
