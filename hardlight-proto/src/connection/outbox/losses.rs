//! Events that are not sent: what is lost of a subscription is stated before its next event, or once nothing waits.

use super::{Outbox, Subscription};
use crate::{
    connection::sealed::Role,
    frame::{Frame, GapReason},
};

/// Events of a subscription that were dropped.
#[derive(Clone, Copy, Debug)]
pub(in crate::connection) struct Loss {
    pub(super) topic: u64,
    pub(super) last: u64,
    pub(super) reason: GapReason,
}

impl<R: Role> Outbox<R> {
    /// The events of a topic up to this one are dropped, as far as they were not sent.
    pub(in crate::connection) fn skip_events(&mut self, topic: u64, last: u64, reason: GapReason) {
        if let Some(queued) = self.queued_topics.get(&topic)
            && !self.shut
        {
            self.note_dropped(queued.subscription, Loss { topic, last, reason });
            self.state_losses();
        }
    }

    /// Once nothing waits any longer, no later event would state what was lost.
    pub(super) fn state_losses(&mut self) {
        while self.waiting.line.is_empty()
            && self.has_room()
            && !self.waiting.outgoing.blocks_line()
            && let Some((subscription, loss)) = self.waiting.dropped.pop_first()
        {
            self.pack_gap(subscription, loss);
        }
    }

    /// A gap of several reasons gives the first of them in order of their codes.
    pub(super) fn note_dropped(&mut self, subscription: u64, loss: Loss) {
        let noted = self.waiting.dropped.entry(subscription).or_insert(loss);
        noted.last = noted.last.max(loss.last);
        noted.reason = noted.reason.min(loss.reason);
    }

    /// A subscription ends: what was dropped of it is stated before.
    pub(super) fn pack_end(&mut self, topic: u64) {
        let Some(Subscription { number, .. }) = self.packed_topics.get(&topic) else { return };
        let number = *number;
        if let Some(loss) = self.waiting.dropped.remove(&number) {
            self.pack_gap(number, loss);
        }
        self.packed_topics.remove(&topic);
    }

    /// States that the events of a subscription up to one are missing, as far as that was not stated and they were not
    /// sent.
    pub(super) fn pack_gap(&mut self, subscription: u64, loss: Loss) {
        let Loss { topic, last, reason } = loss;
        let packed = self.packed_topics.get_mut(&topic);
        let Some(packed) = packed.filter(|packed| packed.number == subscription) else { return };
        let first = packed.next;
        if let Some(next) = last.checked_add(1).filter(|_| first <= last) {
            packed.next = next;
            self.tally.lose(next - first, reason);
            self.pack_frame(&Frame::Gap { topic, first, last, reason });
        }
    }
}
