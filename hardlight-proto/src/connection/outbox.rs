//! What waits to be sent, in order. Behind a slow peer events may be dropped, oldest first; nothing else is.

use alloc::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::packer::Packer;
use crate::frame::Frame;

/// Frames are packed while no more than this waits in messages; the rest waits where events can still be dropped.
const MAX_PACKED_BYTES: usize = 64 * 1024;

/// Frames on their way out, in order.
#[derive(Debug)]
pub(super) struct Outbox {
    packer: Packer,
    backlog: VecDeque<Item>,
    backlog_bytes: usize,
    /// Of these, what events take.
    event_bytes: usize,
    max_event_bytes: usize,
    /// The topics that were announced, and the sequence number that the peer expects next.
    topics: BTreeMap<u64, u64>,
    /// The last event of a topic that was dropped and that no gap covers yet.
    dropped: BTreeMap<u64, u64>,
    /// Nothing can be sent any longer.
    shut: bool,
}

#[derive(Debug)]
enum Item {
    Frame(Frame),
    /// An event, encoded, in memory that all subscribers share.
    Event {
        topic: u64,
        sequence: u64,
        frame: Bytes,
    },
}

impl Outbox {
    pub(super) fn new(max_event_bytes: usize) -> Self {
        Self {
            packer: Packer::new(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            event_bytes: 0,
            max_event_bytes,
            topics: BTreeMap::new(),
            dropped: BTreeMap::new(),
            shut: false,
        }
    }

    pub(super) fn set_max_message_bytes(&mut self, bytes: usize) {
        self.packer.set_max_message_bytes(bytes);
    }

    /// The longest message the peer accepts, in bytes.
    pub(super) fn max_message_bytes(&self) -> usize {
        self.packer.max_message_bytes()
    }

    /// Bytes that wait to be sent.
    pub(super) fn queued_bytes(&self) -> usize {
        self.packer.queued_bytes() + self.backlog_bytes
    }

    /// Of these, what events take that may still be dropped.
    pub(super) fn event_bytes(&self) -> usize {
        self.event_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packer.is_empty() && self.backlog.is_empty()
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.packer.clear();
        self.backlog.clear();
        self.dropped.clear();
        self.backlog_bytes = 0;
        self.event_bytes = 0;
    }

    /// Forgets everything that waits, and all that is still to come.
    pub(super) fn shut(&mut self) {
        self.clear();
        self.shut = true;
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.push_item(Item::Frame(frame));
    }

    /// Queues an event that is encoded already. If too many wait, the oldest are dropped.
    pub(super) fn push_event(&mut self, topic: u64, sequence: u64, frame: Bytes) {
        self.push_item(Item::Event { topic, sequence, frame });
        while self.event_bytes > self.max_event_bytes && self.drop_oldest_event() {}
    }

    /// The events of a topic up to this one are dropped, as far as they were not sent.
    pub(super) fn skip_events(&mut self, topic: u64, last: u64) {
        if !self.shut {
            self.dropped.insert(topic, last);
            self.state_losses();
        }
    }

    /// The next message to send.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let message = self.packer.pop();
        while self.has_room()
            && let Some(item) = self.backlog.pop_front()
        {
            self.uncount(&item);
            self.pack(item);
        }
        self.state_losses();
        message
    }

    fn has_room(&self) -> bool {
        self.packer.queued_bytes() < MAX_PACKED_BYTES
    }

    fn push_item(&mut self, item: Item) {
        if self.shut {
            return;
        }
        if self.backlog.is_empty() && self.has_room() {
            return self.pack(item);
        }
        self.backlog_bytes += item.len();
        self.event_bytes += item.event_len();
        self.backlog.push_back(item);
    }

    fn drop_oldest_event(&mut self) -> bool {
        let is_event = |item: &Item| matches!(item, Item::Event { .. });
        let Some(oldest) = self.backlog.iter().position(is_event) else { return false };
        if let Some(item) = self.backlog.remove(oldest) {
            self.uncount(&item);
            if let Item::Event { topic, sequence, .. } = item {
                self.dropped.insert(topic, sequence);
            }
        }
        true
    }

    /// Once nothing waits any longer, no later event would state what was lost.
    fn state_losses(&mut self) {
        if self.backlog.is_empty() {
            while let Some((topic, last)) = self.dropped.pop_first() {
                self.pack_gap(topic, last);
            }
        }
    }

    fn uncount(&mut self, item: &Item) {
        self.backlog_bytes -= item.len();
        self.event_bytes -= item.event_len();
    }

    fn pack(&mut self, item: Item) {
        match item {
            Item::Frame(frame) => {
                match &frame {
                    Frame::Topic { topic, next, .. } => drop(self.topics.insert(*topic, *next)),
                    Frame::Leave { topic } => {
                        if let Some(last) = self.dropped.remove(topic) {
                            self.pack_gap(*topic, last);
                        }
                        self.topics.remove(topic);
                    }
                    _ => {}
                }
                self.pack_frame(&frame);
            }
            Item::Event { topic, sequence, frame } => self.pack_event(topic, sequence, &frame),
        }
    }

    fn pack_frame(&mut self, frame: &Frame) {
        self.packer.push(frame.encoded_len(), |out| frame.encode(out));
    }

    /// Packs an event, behind a statement of those before it that were dropped. One that does not fit into a message is
    /// dropped itself.
    fn pack_event(&mut self, topic: u64, sequence: u64, frame: &Bytes) {
        let fits = frame.len() <= self.max_message_bytes();
        match self.topics.get(&topic) {
            Some(&next) if next <= sequence => {}
            _ => return,
        }
        if !fits {
            return self.pack_gap(topic, sequence);
        }
        if let Some(before) = sequence.checked_sub(1) {
            self.pack_gap(topic, before);
        }
        self.packer.push(frame.len(), |out| out.extend_from_slice(frame));
        self.topics.insert(topic, sequence + 1);
    }

    /// States that the events of a topic up to `last` are missing, as far as that was not stated or they were not sent.
    fn pack_gap(&mut self, topic: u64, last: u64) {
        let Some(next) = self.topics.get_mut(&topic) else { return };
        let first = *next;
        if first <= last {
            *next = last + 1;
            self.pack_frame(&Frame::Gap { topic, first, last });
        }
    }
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.encoded_len(),
            Self::Event { frame, .. } => frame.len(),
        }
    }

    fn event_len(&self) -> usize {
        match self {
            Self::Frame(_) => 0,
            Self::Event { frame, .. } => frame.len(),
        }
    }
}
