//! Topics and their events. Of those that wait some make room for others, or for a later one of their subscription.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Outbox, Overflowed, Queued, item::Item, losses::Loss, unannounced::Untold};
use crate::{
    connection::{sealed::Role, transfer::outgoing::LongFrame},
    event::{Announcement, Overflow},
    frame::{COMPRESSED, Content, Frame, GapReason},
    limits::MAX_MESSAGE_BYTES,
};

impl<R: Role> Outbox<R> {
    /// Announces a topic.
    pub(in crate::connection) fn push_topic(&mut self, announcement: Announcement) {
        self.subscriptions += 1;
        let (subscription, overflow) = (self.subscriptions, announcement.overflow);
        self.queued_topics.insert(announcement.topic, Queued { subscription, overflow });
        let item = Item::Topic { subscription, announcement };
        if self.waits(&item) && !self.shut {
            self.unannounced.begin(subscription, item.len());
        }
        self.push_item(item);
        self.refill();
    }

    /// Whether a topic is announced, or waits to be.
    pub(in crate::connection) fn has_topic(&self, topic: u64) -> bool {
        self.queued_topics.contains_key(&topic)
    }

    /// Ends the subscription to a topic. If it was not announced yet, and there is nothing else to tell of it, the client
    /// hears nothing of it.
    pub(in crate::connection) fn push_leave(&mut self, topic: u64) {
        let Some(Queued { subscription, .. }) = self.queued_topics.remove(&topic) else { return };
        self.latest.remove(&subscription);
        if !self.waiting.dropped.contains_key(&subscription)
            && let Some(untold) = self.unannounced.cancel(subscription)
        {
            return self.leave_out(&untold);
        }
        let item = Item::Leave { subscription, topic };
        self.unannounced.end(subscription, item.len());
        self.push_item(item);
        self.leave_out_ended();
    }

    /// Subscriptions that came and went while the client did not read are told as far as they take no more than events
    /// may: then those are left out, with what was lost of them, of whose events none waits.
    fn leave_out_ended(&mut self) {
        while self.unannounced.ended_bytes() > self.max_event_bytes {
            match self.unannounced.cancel_oldest() {
                Some(untold) => self.leave_out(&untold),
                None if self.drop_oldest_event() => {}
                None => return,
            }
        }
    }

    fn leave_out(&mut self, untold: &Untold) {
        self.line_bytes -= untold.bytes;
        self.change_bytes -= untold.bytes;
        self.waiting.dropped.remove(&untold.subscription);
        self.note_empty_places(untold.places);
    }

    /// Queues an event that is encoded already. If too many wait, some are dropped.
    pub(in crate::connection) fn push_event(
        &mut self,
        topic: u64,
        sequence: u64,
        event: u32,
        frame: Bytes,
    ) -> Result<(), Overflowed> {
        let Some(&Queued { subscription, overflow }) = self.queued_topics.get(&topic) else {
            return Ok(());
        };
        let yields = overflow.yields();
        let item = Item::Event { subscription, topic, sequence, yields, event, frame };
        if overflow == Overflow::Latest {
            self.drop_earlier(subscription);
        }
        if !yields && self.waits(&item) && !self.has_firm_room(item.len()) {
            self.skip_events(topic, sequence, GapReason::Lagged);
            return if overflow == Overflow::Disconnect { Err(Overflowed) } else { Ok(()) };
        }
        self.unannounced.add_event(subscription);
        self.push_item(item);
        if overflow == Overflow::Latest && !self.waiting.line.is_empty() {
            self.latest.insert(subscription, self.popped + (self.waiting.line.len() - 1) as u64);
        }
        while self.event_bytes > self.max_event_bytes && self.drop_oldest_event() {}
        self.refill();
        Ok(())
    }

    /// Whether an event may wait that does not make room for others.
    fn has_firm_room(&self, len: usize) -> bool {
        self.firm_bytes + len <= self.max_event_bytes
            && self.unannounced.ended_bytes() <= self.max_event_bytes
    }

    /// A later event of a subscription takes the place of the one that waits, if any does.
    fn drop_earlier(&mut self, subscription: u64) {
        if let Some(index) = self.latest_place(subscription) {
            self.drop_event(index, GapReason::Conflated);
        }
        self.latest.remove(&subscription);
    }

    /// Where in the line the latest event of a subscription waits, if it does.
    pub(super) fn latest_place(&self, subscription: u64) -> Option<usize> {
        let index =
            usize::try_from(self.latest.get(&subscription)?.checked_sub(self.popped)?).ok()?;
        let item = self.waiting.line.get(index)?;
        matches!(item, Item::Event { subscription: found, .. } if *found == subscription)
            .then_some(index)
    }

    fn drop_oldest_event(&mut self) -> bool {
        while let Some(place) = self.waiting.line.get(self.first_event) {
            self.first_event += 1;
            if let Item::Event { yields: true, .. } = place {
                self.drop_event(self.first_event - 1, GapReason::Lagged);
                return true;
            }
        }
        false
    }

    /// Drops the event at this place of the line.
    fn drop_event(&mut self, index: usize, reason: GapReason) {
        self.empty_place(index, reason);
        self.note_empty_places(1);
    }

    /// [`drop_event`](Self::drop_event), and leaves it to the caller to note the empty place.
    fn empty_place(&mut self, index: usize, reason: GapReason) {
        let item = core::mem::replace(&mut self.waiting.line[index], Item::Empty);
        self.uncount(&item);
        let Item::Event { subscription, topic, sequence, .. } = item else { return };
        self.note_dropped(subscription, Loss { topic, last: sequence, reason });
        self.unannounced.drop_event(subscription);
    }

    /// Events of these types are not for the peer, those that wait among them, as far as they are not packed.
    pub(in crate::connection) fn withhold(&mut self, types: Vec<u32>) {
        let before = core::mem::replace(&mut self.withheld, types);
        if self.withheld.iter().all(|ty| before.contains(ty)) {
            return;
        }
        let mut emptied = 0;
        for index in 0..self.waiting.line.len() {
            if let Item::Event { event, .. } = self.waiting.line[index]
                && self.is_withheld(event)
            {
                self.empty_place(index, GapReason::Withheld);
                emptied += 1;
            }
        }
        self.note_empty_places(emptied);
        self.refill();
        self.state_losses();
    }

    /// Whether events of this type are not for the peer.
    pub(in crate::connection) fn is_withheld(&self, event: u32) -> bool {
        self.withheld.contains(&event)
    }

    /// Finds the places of the latest events again.
    pub(super) fn find_latest(&mut self) {
        if self.latest.is_empty() {
            return;
        }
        for (item, place) in self.waiting.line.iter().zip(self.popped..) {
            if let Item::Event { subscription, .. } = item
                && let Some(latest) = self.latest.get_mut(subscription)
            {
                *latest = place;
            }
        }
    }

    /// Packs an event, behind a statement of those before it that were dropped. One that is longer than the peer accepts
    /// is not sent.
    pub(super) fn pack_event(
        &mut self,
        subscription: u64,
        topic: u64,
        sequence: u64,
        frame: Bytes,
    ) {
        if let Some(last) = sequence.checked_sub(1) {
            let noted = self.waiting.dropped.get(&subscription).copied();
            if noted.is_some_and(|loss| loss.last <= last) {
                self.waiting.dropped.remove(&subscription);
            }
            let reason = noted.map_or(GapReason::Lagged, |loss| loss.reason);
            self.pack_gap(subscription, Loss { topic, last, reason });
        }
        if len_at_peer(&frame) > self.max_frame_bytes() {
            let reason = GapReason::TooLong;
            return self.pack_gap(subscription, Loss { topic, last: sequence, reason });
        }
        let expected = self
            .packed_topics
            .get_mut(&topic)
            .filter(|packed| packed.number == subscription && packed.next == sequence);
        if let Some(packed) = expected
            && let Some(next) = sequence.checked_add(1)
        {
            packed.next = next;
            self.tally.sent += 1;
            if frame.len() > MAX_MESSAGE_BYTES {
                self.waiting.outgoing.push(LongFrame::of_event(frame));
            } else {
                self.packer.push_shared(frame);
            }
        }
    }
}

/// What the peer holds against its limit of an event that is encoded: its length, and its payload's once it is inflated.
fn len_at_peer(frame: &Bytes) -> usize {
    let is_compressed = frame.first().is_some_and(|header| header & COMPRESSED != 0);
    match is_compressed.then(|| Frame::decode(frame.clone())) {
        Some(Ok(Some(Frame::Event { payload: Content::Deflated { length, .. }, .. }))) => {
            frame.len().max(usize::try_from(length).unwrap_or(usize::MAX))
        }
        _ => frame.len(),
    }
}
