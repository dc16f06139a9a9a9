//! What stands in the line, and what it counts for.

use bytes::Bytes;

use super::replay::Replay;
use crate::{
    event::Announcement,
    frame::{CallId, Frame},
    limits::MAX_MESSAGE_BYTES,
};

/// What a place in the line counts for, besides its frame.
const PLACE_BYTES: usize = 64;

#[derive(Debug)]
pub(in crate::connection) enum Item {
    /// Opens the connection: waits for nobody.
    Greeting(Frame),
    Frame(Frame),
    /// The announcement of a topic.
    Topic {
        subscription: u64,
        announcement: Announcement,
    },
    /// The end of a subscription.
    Leave {
        subscription: u64,
        topic: u64,
    },
    /// Events that are kept, for one who comes back.
    Replay(Replay),
    /// An event, encoded, in memory that all subscribers share.
    Event {
        subscription: u64,
        topic: u64,
        sequence: u64,
        /// It may be dropped to make room for others.
        yields: bool,
        /// The index of its type.
        event: u32,
        frame: Bytes,
    },
    /// An event that was dropped.
    Empty,
}

impl Item {
    /// What it counts for: its bytes, and its place.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Greeting(frame) | Self::Frame(frame) => PLACE_BYTES + frame.encoded_len(),
            Self::Topic { .. } | Self::Leave { .. } => self.change_len(),
            Self::Replay(_) => PLACE_BYTES,
            Self::Event { frame, .. } => PLACE_BYTES + frame.len(),
            Self::Empty => 0,
        }
    }

    pub(super) fn event_len(&self) -> usize {
        match self {
            Self::Event { .. } => self.len(),
            _ => 0,
        }
    }

    /// What it takes and does not make room for others with.
    pub(super) fn firm_len(&self) -> usize {
        match self {
            Self::Event { yields: true, .. } => 0,
            _ => self.event_len(),
        }
    }

    pub(super) fn change_len(&self) -> usize {
        match self {
            Self::Topic { announcement, .. } => PLACE_BYTES + announcement.name.len(),
            Self::Leave { topic, .. } => PLACE_BYTES + Frame::Leave { topic: *topic }.encoded_len(),
            Self::Frame(Frame::Features(_)) => self.len(),
            _ => 0,
        }
    }

    pub(super) fn state_len(&self) -> usize {
        match self {
            Self::Greeting(frame) | Self::Frame(frame) if frame.is_state() => self.len(),
            _ => 0,
        }
    }

    /// Whether it is sent in pieces, or may bring what is.
    pub(super) fn is_long(&self) -> bool {
        match self {
            Self::Topic { announcement, .. } => announcement.kept.is_some(),
            Self::Replay(_) => true,
            _ => self.len() > MAX_MESSAGE_BYTES + PLACE_BYTES,
        }
    }

    pub(super) const fn call(&self) -> Option<CallId> {
        match self {
            Self::Frame(Frame::Call { id, .. } | Frame::Answer { id, .. }) => Some(*id),
            _ => None,
        }
    }
}
