//! What arrives of events, and what of it waits for whoever takes it.

use std::{
    collections::VecDeque,
    task::{Context, Waker},
};

use bytes::Bytes;
use hardlight_proto::{__private::SortedMap, GapReason, Topic};

/// Losses that a queue tells apart, by topic.
const MAX_LOSSES: usize = 1024;

/// What a place in the queue counts for, besides its event.
const PLACE_BYTES: usize = 64;

/// Something that arrived of a topic.
#[derive(Clone)]
pub(super) enum Item {
    Event { topic: Topic, event: u32, payload: Bytes },
    Lagged { topic: Topic, missed: u64, reason: GapReason },
    Restarted { topic: Topic },
}

/// What handlers tell items apart by. Of one topic's losses that the server began anew comes first, as it does on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Restarted,
    Lagged,
    Event(u32),
}

impl Item {
    pub(super) const fn topic(&self) -> &Topic {
        match self {
            Self::Event { topic, .. } | Self::Lagged { topic, .. } | Self::Restarted { topic } => {
                topic
            }
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Event { event, .. } => Kind::Event(*event),
            Self::Lagged { .. } => Kind::Lagged,
            Self::Restarted { .. } => Kind::Restarted,
        }
    }

    /// The same, in memory of its own: a slice would keep the whole message it came in.
    pub(super) fn detach(&self) -> Self {
        let mut item = self.clone();
        if let Self::Event { payload, .. } = &mut item {
            *payload = Bytes::copy_from_slice(payload);
        }
        item
    }

    /// What it counts for: its bytes, and its place.
    fn size(&self) -> usize {
        let payload = if let Self::Event { payload, .. } = self { payload.len() } else { 0 };
        PLACE_BYTES + self.topic().as_bytes().len() + payload
    }
}

/// What waits for one reader: at most so many bytes, beyond which the oldest go.
#[derive(Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    max_bytes: usize,
    /// What went from its front: how many and why, of a topic; or that the topic began anew.
    losses: SortedMap<(Topic, Kind), (u64, GapReason)>,
    ended: bool,
    waker: Option<Waker>,
}

impl Queue {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, ..Self::default() }
    }

    /// Puts something behind the rest: how many events that cost.
    pub(super) fn push(&mut self, item: Item) -> u64 {
        if let Item::Lagged { topic, missed, reason } = &item
            && let Some(Item::Lagged { topic: last, missed: total, reason: why }) =
                self.items.back_mut()
            && last == topic
        {
            *total = total.saturating_add(*missed);
            *why = (*reason).min(*why);
            return 0;
        }
        self.bytes += item.size();
        self.items.push_back(item);
        let mut dropped = 0;
        while self.bytes > self.max_bytes
            && let Some(item) = self.items.pop_front()
        {
            self.bytes -= item.size();
            dropped += u64::from(matches!(item, Item::Event { .. }));
            self.note_loss(item);
        }
        dropped
    }

    /// The next one. Losses are from the front, so they come first.
    pub(super) fn pop(&mut self) -> Option<Item> {
        if let Some(((topic, kind), (missed, reason))) = self.losses.pop_first() {
            return Some(match kind {
                Kind::Restarted => Item::Restarted { topic },
                _ => Item::Lagged { topic, missed, reason },
            });
        }
        let item = self.items.pop_front()?;
        self.bytes -= item.size();
        Some(item)
    }

    /// Takes out what `takes` says, in its order.
    pub(super) fn split(&mut self, mut takes: impl FnMut(&Topic, Kind) -> bool) -> Self {
        let mut taken = Self { ended: self.ended, ..Self::new(self.max_bytes) };
        for (key, loss) in std::mem::take(&mut self.losses) {
            let losses = if takes(&key.0, key.1) { &mut taken.losses } else { &mut self.losses };
            losses.insert(key, loss);
        }
        let items = std::mem::take(&mut self.items).into_iter();
        (taken.items, self.items) = items.partition(|item| takes(item.topic(), item.kind()));
        taken.bytes = taken.items.iter().map(Item::size).sum();
        self.bytes -= taken.bytes;
        taken
    }

    /// Nothing follows.
    pub(super) const fn end(&mut self) {
        self.ended = true;
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Has a reader that found nothing woken once there is something.
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
    }

    pub(super) const fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    fn note_loss(&mut self, item: Item) {
        let (key, missed, reason) = match item {
            Item::Event { topic, .. } => ((topic, Kind::Lagged), 1, GapReason::Lagged),
            Item::Lagged { topic, missed, reason } => ((topic, Kind::Lagged), missed, reason),
            Item::Restarted { topic } => ((topic, Kind::Restarted), 0, GapReason::Lagged),
        };
        // A reader that never comes is not told of every topic there was.
        if self.losses.len() == MAX_LOSSES && !self.losses.contains_key(&key) {
            self.losses.pop_first();
        }
        let (total, why) = self.losses.get_or_insert(key, (0, reason));
        *total = total.saturating_add(missed);
        *why = reason.min(*why);
    }
}
