//! What waits to be sent, in order. Behind a slow peer events may be dropped, oldest first; nothing else is.

use alloc::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::packer::Packer;
use crate::frame::Frame;

/// What a place in the line counts for, besides its frame.
const PLACE_BYTES: usize = 64;

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
    /// There is no event before this place in the backlog.
    first_event: usize,
    /// Places in the backlog whose event was dropped.
    empty_places: usize,
    max_event_bytes: usize,
    /// Counts the subscriptions: a topic may be left and announced again while all of it waits.
    subscriptions: u64,
    /// The subscription of each topic as far as it was queued.
    queued_topics: BTreeMap<u64, u64>,
    /// The subscription of each topic as far as it was packed.
    packed_topics: BTreeMap<u64, Subscription>,
    /// Topic and last event of each subscription that has events dropped which no gap covers yet.
    dropped: BTreeMap<u64, (u64, u64)>,
    /// The peer has said what it accepts. Events wait for that: nobody could say before whether one is too large.
    greeted: bool,
    /// Nothing can be sent any longer.
    shut: bool,
}

#[derive(Debug)]
struct Subscription {
    number: u64,
    /// The sequence number that the peer expects next.
    next: u64,
}

#[derive(Debug)]
enum Item {
    Frame(Frame),
    /// The announcement of a topic.
    Topic {
        subscription: u64,
        frame: Frame,
    },
    /// An event, encoded, in memory that all subscribers share.
    Event {
        subscription: u64,
        topic: u64,
        sequence: u64,
        frame: Bytes,
    },
    /// An event that was dropped.
    Empty,
}

impl Outbox {
    pub(super) fn new(max_event_bytes: usize) -> Self {
        Self {
            packer: Packer::new(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            event_bytes: 0,
            first_event: 0,
            empty_places: 0,
            max_event_bytes,
            subscriptions: 0,
            queued_topics: BTreeMap::new(),
            packed_topics: BTreeMap::new(),
            dropped: BTreeMap::new(),
            greeted: false,
            shut: false,
        }
    }

    pub(super) fn set_max_message_bytes(&mut self, bytes: usize) {
        self.packer.set_max_message_bytes(bytes);
        self.greeted = true;
        self.refill();
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

    /// What waits behind what is packed, events aside.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.backlog_bytes - self.event_bytes
    }

    /// Whether there is a message to send now.
    pub(super) fn is_ready(&self) -> bool {
        !self.packer.is_empty() || self.backlog.front().is_some_and(|item| self.takes(item))
    }

    /// Nobody is waited for any longer: what is left goes out as it can.
    pub(super) fn release(&mut self) {
        self.greeted = true;
        self.refill();
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.packer.clear();
        self.backlog.clear();
        self.dropped.clear();
        self.backlog_bytes = 0;
        self.event_bytes = 0;
        self.first_event = 0;
        self.empty_places = 0;
    }

    /// Forgets everything that waits, and all that is still to come.
    pub(super) fn shut(&mut self) {
        self.clear();
        self.shut = true;
    }

    pub(super) fn push(&mut self, frame: Frame) {
        let item = match frame {
            Frame::Topic { topic, .. } => {
                self.subscriptions += 1;
                self.queued_topics.insert(topic, self.subscriptions);
                Item::Topic { subscription: self.subscriptions, frame }
            }
            frame => {
                if let Frame::Leave { topic } = &frame {
                    self.queued_topics.remove(topic);
                }
                Item::Frame(frame)
            }
        };
        self.push_item(item);
    }

    /// Queues an event that is encoded already. If too many wait, the oldest are dropped.
    pub(super) fn push_event(&mut self, topic: u64, sequence: u64, frame: Bytes) {
        let Some(&subscription) = self.queued_topics.get(&topic) else { return };
        self.push_item(Item::Event { subscription, topic, sequence, frame });
        while self.event_bytes > self.max_event_bytes && self.drop_oldest_event() {}
        self.refill();
    }

    /// The events of a topic up to this one are dropped, as far as they were not sent.
    pub(super) fn skip_events(&mut self, topic: u64, last: u64) {
        if let Some(&subscription) = self.queued_topics.get(&topic)
            && !self.shut
        {
            self.note_dropped(subscription, topic, last);
            self.state_losses();
        }
    }

    /// The next message to send.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if self.packer.is_empty() {
            self.refill();
        }
        let message = self.packer.pop();
        self.refill();
        message
    }

    /// Packs what there is room for.
    fn refill(&mut self) {
        while self.backlog.front().is_some_and(|item| self.takes(item))
            && let Some(item) = self.backlog.pop_front()
        {
            self.first_event = self.first_event.saturating_sub(1);
            self.uncount(&item);
            self.pack(item);
        }
        self.state_losses();
    }

    fn takes(&self, item: &Item) -> bool {
        self.has_room() && (self.greeted || !matches!(item, Item::Event { .. }))
    }

    fn has_room(&self) -> bool {
        self.packer.queued_bytes() < MAX_PACKED_BYTES
    }

    fn push_item(&mut self, item: Item) {
        if self.shut {
            return;
        }
        if self.backlog.is_empty() && self.takes(&item) {
            return self.pack(item);
        }
        self.backlog_bytes += item.len();
        self.event_bytes += item.event_len();
        self.backlog.push_back(item);
    }

    fn drop_oldest_event(&mut self) -> bool {
        while let Some(place) = self.backlog.get_mut(self.first_event) {
            self.first_event += 1;
            if let Item::Event { subscription, topic, sequence, .. } = *place {
                let item = core::mem::replace(place, Item::Empty);
                self.uncount(&item);
                self.note_dropped(subscription, topic, sequence);
                self.note_empty_place();
                return true;
            }
        }
        false
    }

    /// Empty places are cleared away once they are the greater part, so that each costs little.
    fn note_empty_place(&mut self) {
        self.empty_places += 1;
        if self.empty_places > self.backlog.len() / 2 {
            self.backlog.retain(|item| !matches!(item, Item::Empty));
            self.empty_places = 0;
            self.first_event = 0;
        }
    }

    /// Once nothing waits any longer, no later event would state what was lost.
    fn state_losses(&mut self) {
        while self.backlog.is_empty()
            && self.has_room()
            && let Some((subscription, (topic, last))) = self.dropped.pop_first()
        {
            self.pack_gap(subscription, topic, last);
        }
    }

    fn note_dropped(&mut self, subscription: u64, topic: u64, last: u64) {
        let (_, highest) = self.dropped.entry(subscription).or_insert((topic, last));
        *highest = last.max(*highest);
    }

    fn uncount(&mut self, item: &Item) {
        self.backlog_bytes -= item.len();
        self.event_bytes -= item.event_len();
        if matches!(item, Item::Empty) {
            self.empty_places -= 1;
        }
    }

    fn pack(&mut self, item: Item) {
        match item {
            Item::Frame(frame) => {
                if let Frame::Leave { topic } = &frame {
                    self.pack_end(*topic);
                }
                self.pack_frame(&frame);
            }
            Item::Topic { subscription: number, frame } => {
                if let Frame::Topic { topic, next, .. } = &frame {
                    self.packed_topics.insert(*topic, Subscription { number, next: *next });
                }
                self.pack_frame(&frame);
            }
            Item::Event { subscription, topic, sequence, frame } => {
                self.pack_event(subscription, topic, sequence, &frame);
            }
            Item::Empty => {}
        }
    }

    fn pack_frame(&mut self, frame: &Frame) {
        self.packer.push(frame.encoded_len(), |out| frame.encode(out));
    }

    /// A subscription ends: what was dropped of it is stated before.
    fn pack_end(&mut self, topic: u64) {
        let Some(Subscription { number, .. }) = self.packed_topics.get(&topic) else { return };
        let number = *number;
        if let Some((topic, last)) = self.dropped.remove(&number) {
            self.pack_gap(number, topic, last);
        }
        self.packed_topics.remove(&topic);
    }

    /// Packs an event, behind a statement of those before it that were dropped. One that does not fit into a message is
    /// dropped itself.
    fn pack_event(&mut self, subscription: u64, topic: u64, sequence: u64, frame: &Bytes) {
        if frame.len() > self.max_message_bytes() {
            return self.pack_gap(subscription, topic, sequence);
        }
        if let Some(before) = sequence.checked_sub(1) {
            self.pack_gap(subscription, topic, before);
        }
        let expected = self.packed_topics.get_mut(&topic).filter(|packed| packed.next == sequence);
        if let Some(packed) = expected
            && let Some(next) = sequence.checked_add(1)
        {
            packed.next = next;
            self.packer.push(frame.len(), |out| out.extend_from_slice(frame));
        }
    }

    /// States that the events of a subscription up to `last` are missing, as far as that was not stated and they were not
    /// sent.
    fn pack_gap(&mut self, subscription: u64, topic: u64, last: u64) {
        let packed = self.packed_topics.get_mut(&topic);
        let Some(packed) = packed.filter(|packed| packed.number == subscription) else { return };
        let first = packed.next;
        if let Some(next) = last.checked_add(1).filter(|_| first <= last) {
            packed.next = next;
            self.pack_frame(&Frame::Gap { topic, first, last });
        }
    }
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Frame(frame) | Self::Topic { frame, .. } => PLACE_BYTES + frame.encoded_len(),
            Self::Event { frame, .. } => PLACE_BYTES + frame.len(),
            Self::Empty => 0,
        }
    }

    fn event_len(&self) -> usize {
        match self {
            Self::Frame(_) | Self::Topic { .. } | Self::Empty => 0,
            Self::Event { .. } => self.len(),
        }
    }
}
