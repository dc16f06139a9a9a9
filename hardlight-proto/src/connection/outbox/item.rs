//! What stands in the line, and what it counts for.

use alloc::vec::Vec;

use bytes::Bytes;

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
        /// What the events that are kept count for.
        kept_bytes: usize,
    },
    /// An event, encoded, in memory that all subscribers share.
    Event {
        subscription: u64,
        topic: u64,
        sequence: u64,
        /// It may be dropped to make room for others.
        yields: bool,
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
            Self::Topic { kept_bytes, .. } => self.change_len() + kept_bytes,
            Self::Event { frame, .. } => PLACE_BYTES + frame.len(),
            Self::Empty => 0,
        }
    }

    pub(super) fn event_len(&self) -> usize {
        match self {
            Self::Event { .. } => self.len(),
            Self::Topic { kept_bytes, .. } => *kept_bytes,
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
            Self::Frame(Frame::Leave { .. } | Frame::Features(_)) => self.len(),
            _ => 0,
        }
    }

    pub(super) fn state_len(&self) -> usize {
        match self {
            Self::Greeting(frame) | Self::Frame(frame) if frame.is_state() => self.len(),
            _ => 0,
        }
    }

    /// Whether it is sent in pieces.
    pub(super) fn is_long(&self) -> bool {
        !matches!(self, Self::Topic { .. }) && self.len() > MAX_MESSAGE_BYTES + PLACE_BYTES
    }

    pub(super) const fn call(&self) -> Option<CallId> {
        match self {
            Self::Frame(Frame::Call { id, .. } | Frame::Answer { id, .. }) => Some(*id),
            _ => None,
        }
    }
}

/// Leaves out the oldest of the events that are kept, as far as they take more than `room`: what the others count for.
pub(super) fn trim(kept: &mut Vec<Bytes>, room: usize) -> usize {
    let mut bytes = 0;
    let newest = kept.iter().rev().take_while(|frame| {
        let len = PLACE_BYTES + frame.len();
        let fits = bytes + len <= room;
        if fits {
            bytes += len;
        }
        fits
    });
    let newest = newest.count();
    drop(kept.drain(..kept.len() - newest));
    bytes
}
