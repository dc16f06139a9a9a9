//! Where a subscription begins, and what is kept of its events from there on (SPEC.md, section 13.5).

use alloc::sync::Arc;

use super::{Outbox, Subscription, item::Item, losses::Loss};
use crate::{
    connection::sealed::Role,
    event::{Announcement, EncodedEvent, KeptEvents, Overflow},
    frame::{Frame, GapReason, TopicStart},
};

/// How many events that are not for the peer are left out at a time.
const MAX_SKIPPED: usize = 64;

/// Events that are kept and still to be sent. They are asked for one by one, so they take no memory here.
#[derive(Debug)]
pub(in crate::connection) struct Replay {
    subscription: u64,
    topic: u64,
    /// The number of the next one.
    from: u64,
    /// From here on they wait in the line.
    until: u64,
    kept: Arc<dyn KeptEvents>,
    /// Why those before the next one are missing, if they are.
    reason: GapReason,
    /// Only the latest event counts.
    is_latest: bool,
}

impl Replay {
    fn next(&self) -> Option<Arc<EncodedEvent>> {
        let event = self.kept.first_from(self.from)?;
        let fits =
            event.topic() == self.topic && (self.from..self.until).contains(&event.sequence());
        fits.then_some(event)
    }
}

impl<R: Role> Outbox<R> {
    /// Announces a topic: from where the peer left off, if it asked for that. What is kept of the events from there on is
    /// next in the line.
    pub(super) fn pack_topic(&mut self, subscription: u64, announcement: Announcement) {
        let Announcement { topic, next, name, overflow, kept, history } = announcement;
        let asked = self.peer.as_mut().and_then(|peer| {
            let asked = peer.resume.remove(&name)?;
            Some(asked).filter(|&asked| peer.same_epoch && asked <= next).ok_or(()).into()
        });
        let is_latest = overflow == Overflow::Latest;
        let replay = |from, reason| {
            let kept = kept.clone()?;
            Some(Replay { subscription, topic, from, until: next, kept, reason, is_latest })
        };
        let (start, first, replay) = match asked {
            Some(Ok(asked)) => (TopicStart::Resumed, asked, replay(asked, GapReason::Expired)),
            other => {
                let recent = replay(next.saturating_sub(history as u64), GapReason::Lagged);
                let first =
                    recent.as_ref().and_then(Replay::next).map_or(next, |event| event.sequence());
                let start = other.map_or(TopicStart::Fresh, |_| TopicStart::Restarted);
                (start, first, recent)
            }
        };
        self.packed_topics.insert(topic, Subscription { number: subscription, next: first });
        self.pack_frame(&Frame::Topic { topic, next: first, start, name });
        match replay {
            Some(replay) => self.replay(replay),
            None => self.pack_gap_before(subscription, topic, next, GapReason::Expired),
        }
    }

    /// Puts what is kept at the front of the line.
    fn replay(&mut self, mut replay: Replay) {
        if replay.from == replay.until {
            return;
        }
        if replay.is_latest && replay.next().is_some() {
            (replay.from, replay.reason) = (replay.until - 1, GapReason::Conflated);
        }
        self.push_front(Item::Replay(replay));
    }

    /// Packs the next of the events that are kept, behind a statement of those before it that no longer are.
    pub(super) fn pack_replay(&mut self, mut replay: Replay) {
        let Replay { subscription, topic, until, mut reason, is_latest, .. } = replay;
        // A later one may have come while there was no room.
        let is_replaced = is_latest && self.latest_place(subscription).is_some();
        if is_replaced {
            reason = GapReason::Conflated;
        }
        let Some(event) = replay.next().filter(|_| !is_replaced) else {
            return self.pack_gap_before(subscription, topic, until, reason);
        };
        let sequence = event.sequence();
        replay.from = sequence + 1;
        if self.is_withheld(event.event()) {
            self.pack_gap_before(subscription, topic, sequence, reason);
            self.skip_withheld(&mut replay);
            self.pack_gap_before(subscription, topic, replay.from, GapReason::Withheld);
            return self.go_on_replaying(replay);
        }
        let frame = event.frame(self.deflates()).clone();
        self.line_turn = self.line_turn.saturating_sub(frame.len());
        self.pack_gap_before(subscription, topic, sequence, reason);
        self.pack_event(subscription, topic, sequence, frame);
        self.go_on_replaying(replay);
    }

    /// Leaves out what follows and is not for the peer either, a few at a time.
    fn skip_withheld(&self, replay: &mut Replay) {
        for _ in 0..MAX_SKIPPED {
            let follows = |event: &Arc<EncodedEvent>| event.sequence() == replay.from;
            let next = replay.next().filter(follows);
            if !next.is_some_and(|event| self.is_withheld(event.event())) {
                return;
            }
            replay.from += 1;
        }
    }

    /// What is left of it comes next.
    fn go_on_replaying(&mut self, replay: Replay) {
        if replay.from < replay.until {
            self.push_front(Item::Replay(replay));
        }
    }

    /// Puts at the front of the line what is no event.
    fn push_front(&mut self, item: Item) {
        self.count(&item);
        self.waiting.line.push_front(item);
        self.first_event += 1;
        self.popped -= 1;
    }

    /// States that the events of a subscription before number `next` are missing, as far as they were not sent.
    fn pack_gap_before(&mut self, subscription: u64, topic: u64, next: u64, reason: GapReason) {
        if let Some(last) = next.checked_sub(1) {
            self.pack_gap(subscription, Loss { topic, last, reason });
        }
    }
}
