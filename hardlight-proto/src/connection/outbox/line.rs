//! The line, and how what waits is packed: control frames, the line and pieces, by turns.

use alloc::collections::VecDeque;

use super::{LINE_TURN_BYTES, MAX_IDLE_PLACES, MAX_PACKED_BYTES, Outbox, item::Item};
use crate::{
    connection::{sealed::Role, transfer::outgoing::LongFrame, waiting::Parts},
    frame::Frame,
    limits::MAX_MESSAGE_BYTES,
};

impl<R: Role> Outbox<R> {
    /// Packs what there is room for: what waits for nothing first, then the line and the pieces by turns.
    pub(super) fn refill(&mut self) {
        if self.shut || self.waiting.is_nothing() {
            return;
        }
        while self.has_room()
            && let Some(frame) = self.waiting.control.pop()
        {
            self.pack_frame(&frame);
        }
        while self.has_room() && self.pack_next() {}
        if R::SENDS_EVENTS {
            self.state_losses();
        }
        self.waiting.look();
    }

    /// Packs one frame or piece: whether there was one.
    fn pack_next(&mut self) -> bool {
        let (line, piece) = (self.line_is_ready(), self.waiting.outgoing.is_ready());
        if !piece && !line {
            return false;
        }
        if line && (self.line_turn > 0 || !piece) {
            self.pack_from_line();
        } else {
            self.line_turn = LINE_TURN_BYTES;
            if let Some(id) = self.waiting.outgoing.pack_piece(&mut self.packer) {
                self.unsent.remove(id);
            }
        }
        true
    }

    fn pack_from_line(&mut self) {
        let Some(item) = self.waiting.line.pop_front() else { return };
        let item = self.told(item);
        if self.waiting.line.is_empty() && self.waiting.line.capacity() > MAX_IDLE_PLACES {
            self.waiting.line = VecDeque::new();
        }
        self.first_event = self.first_event.saturating_sub(1);
        self.popped += 1;
        self.line_turn = self.line_turn.saturating_sub(item.len());
        self.uncount(&item);
        self.pack(item);
    }

    pub(super) fn line_is_ready(&self) -> bool {
        self.waiting.line.front().is_some_and(|item| self.takes(item))
    }

    fn takes(&self, item: &Item) -> bool {
        let greets = matches!(item, Item::Greeting(_));
        (greets || self.peer.is_some()) && !self.waiting.outgoing.blocks_line()
    }

    pub(super) fn has_room(&self) -> bool {
        self.packer.queued_bytes() < MAX_PACKED_BYTES
    }

    pub(super) fn push_item(&mut self, item: Item) {
        if self.shut {
            return;
        }
        if !self.waits(&item) {
            return self.pack(item);
        }
        self.count(&item);
        self.waiting.line.push_back(item);
        self.refill();
    }

    /// Whether an item has to wait in the line.
    pub(super) fn waits(&self, item: &Item) -> bool {
        let Parts { control, outgoing, line, .. } = &*self.waiting;
        let waits = !line.is_empty() || !control.is_empty() || outgoing.is_ready();
        waits || !self.has_room() || !self.takes(item)
    }

    pub(super) fn count(&mut self, item: &Item) {
        self.line_bytes += item.len();
        self.event_bytes += item.event_len();
        self.firm_bytes += item.firm_len();
        self.change_bytes += item.change_len();
        self.state_bytes += item.state_len();
        if item.is_long() {
            self.long_items += 1;
            item.call().map(|id| self.long_calls.insert(id));
        }
    }

    pub(super) fn uncount(&mut self, item: &Item) {
        self.line_bytes -= item.len();
        self.event_bytes -= item.event_len();
        self.firm_bytes -= item.firm_len();
        self.change_bytes -= item.change_len();
        self.state_bytes -= item.state_len();
        if item.is_long() {
            self.long_items -= 1;
            item.call().map(|id| self.long_calls.remove(id));
        }
        if matches!(item, Item::Empty) {
            self.empty_places -= 1;
        }
    }

    pub(super) fn truncate_line(&mut self, len: usize) {
        while self.waiting.line.len() > len
            && let Some(item) = self.waiting.line.pop_back()
        {
            let item = self.told(item);
            self.uncount(&item);
        }
        self.first_event = self.first_event.min(len);
    }

    /// What is not told leaves an empty place.
    fn told(&mut self, item: Item) -> Item {
        let is_told = match &item {
            _ if !R::SENDS_EVENTS => true,
            Item::Topic { subscription, .. } => self.unannounced.announce(*subscription),
            Item::Leave { subscription, .. } => self.unannounced.leave(*subscription),
            _ => true,
        };
        if is_told { item } else { Item::Empty }
    }

    /// Empty places are cleared away once they are the greater part, so that each costs little.
    pub(super) fn note_empty_places(&mut self, places: usize) {
        self.empty_places += places;
        if self.empty_places > self.waiting.line.len() / 2 {
            let unannounced = &self.unannounced;
            self.waiting.line.retain(|item| match item {
                Item::Empty => false,
                _ if !R::SENDS_EVENTS => true,
                Item::Topic { subscription, .. } | Item::Leave { subscription, .. } => {
                    unannounced.is_told(*subscription)
                }
                _ => true,
            });
            self.empty_places = 0;
            self.first_event = 0;
            if R::SENDS_EVENTS {
                self.unannounced.clear_untold();
                self.find_latest();
            }
        }
    }

    fn pack(&mut self, item: Item) {
        match item {
            Item::Greeting(frame) => self.pack_frame(&frame),
            Item::Frame(frame) => self.pack_frame(&frame),
            _ if !R::SENDS_EVENTS => {}
            Item::Topic { subscription, announcement } => {
                self.pack_topic(subscription, announcement);
            }
            Item::Leave { topic, .. } => {
                self.pack_end(topic);
                self.pack_frame(&Frame::Leave { topic });
            }
            Item::Replay(replay) => self.pack_replay(replay),
            Item::Event { subscription, topic, sequence, frame, .. } => {
                self.pack_event(subscription, topic, sequence, frame);
            }
            Item::Empty => {}
        }
    }

    /// Packs a frame, or begins to send it in pieces.
    pub(super) fn pack_frame(&mut self, frame: &Frame) {
        let len = frame.encoded_len();
        if len > MAX_MESSAGE_BYTES {
            return self.waiting.outgoing.push(LongFrame::new(frame));
        }
        if let Frame::Call { id, .. } | Frame::Answer { id, .. } | Frame::Error { id, .. } = frame {
            self.unsent.remove(*id);
        }
        self.packer.push(len, |out| frame.encode(out));
    }
}
