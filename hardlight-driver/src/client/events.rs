//! Events on the client: who takes them, and how many there were.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    task::Waker,
};

use bytes::Bytes;
use hardlight_proto::{__private::SortedMap, Events, GapReason, Topic};
use parking_lot::Mutex;

use super::{
    queue::{Item, Kind, Queue},
    stream::{EventStream, Received},
};

/// Topics with streams of their own before it is looked which of those are gone.
const MIN_SWEPT_TOPICS: usize = 16;

/// The streams and handlers of one client.
pub(super) struct Receivers<E> {
    inner: Mutex<Inner>,
    /// Apart, so that a handler may make streams.
    handlers: Mutex<Vec<Handler<E>>>,
}

struct Inner {
    /// Of all topics.
    streams: Vec<Weak<Mutex<Queue>>>,
    /// Of one topic.
    topics: SortedMap<Topic, Vec<Weak<Mutex<Queue>>>>,
    /// So many topics with streams are no reason to look which of them are gone.
    max_topics: usize,
    /// What there are handlers of.
    handled: Vec<Kind>,
    /// What nobody has taken yet: it is for whoever comes first. What there are handlers of is theirs.
    early: Queue,
    /// There was no stream of all topics yet.
    is_early: bool,
    /// There may be something for handlers in `early`.
    is_behind: bool,
    counts: EventCounts,
    ended: bool,
}

/// What became of the events of a client so far, on all of its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventCounts {
    /// Events that arrived and were given to streams and handlers.
    pub received: u64,
    /// Events that arrived and were skipped, because this client does not know their type, or knows another one of that
    /// name.
    pub skipped: u64,
    /// Events that did not arrive, as the server has said. What the reader of a stream misses is not among them.
    pub missed: u64,
    /// Events that arrived and were dropped, because the reader of a stream is too slow, or because nothing took them. An
    /// event that several streams dropped counts for each. The streams say so too, each where it has the hole, but of no
    /// more than 1,024 topics at a time.
    pub dropped: u64,
    /// Events that the server replaced by later ones, because of their topic only the latest counts.
    pub replaced: u64,
}

type Handle<E> = Box<dyn FnMut(Received<E>) + Send>;

struct Handler<E> {
    kind: Kind,
    handle: Handle<E>,
}

impl<E: Events> Receivers<E> {
    pub(super) fn new(max_bytes: usize) -> Self {
        let inner = Inner {
            streams: Vec::new(),
            topics: SortedMap::new(),
            max_topics: MIN_SWEPT_TOPICS,
            handled: Vec::new(),
            early: Queue::new(max_bytes),
            is_early: true,
            is_behind: false,
            counts: EventCounts::default(),
            ended: false,
        };
        Self { inner: Mutex::new(inner), handlers: Mutex::new(Vec::new()) }
    }

    /// What arrives from here on, and what arrived before and nobody took.
    pub(super) fn stream(&self) -> EventStream<E> {
        let mut inner = self.inner.lock();
        inner.is_early = false;
        let queue = inner.take_early(|_| true);
        inner.streams.push(Arc::downgrade(&queue));
        EventStream::new(queue)
    }

    /// The same of one topic.
    pub(super) fn stream_of(&self, topic: Topic) -> EventStream<E> {
        let mut inner = self.inner.lock();
        let queue = inner.take_early(|other| *other == topic);
        inner.sweep();
        inner.topics.get_or_insert(topic, Vec::new()).push(Arc::downgrade(&queue));
        EventStream::new(queue)
    }

    /// Adds a handler, if there is anything still to come: whether [`catch_up`](Self::catch_up) has something to do.
    pub(super) fn handle(&self, kind: Kind, handle: Handle<E>) -> bool {
        let mut inner = self.inner.lock();
        if inner.ended {
            return false;
        }
        if !inner.handled.contains(&kind) {
            inner.handled.push(kind);
        }
        inner.is_behind = true;
        self.handlers.lock().push(Handler { kind, handle });
        true
    }

    /// Gives handlers what arrived before they were there.
    pub(super) fn catch_up(&self) {
        let early = self.inner.lock().take_handled();
        self.tell_all(early);
    }

    /// An event has arrived.
    pub(super) fn receive(&self, topic: &Topic, event: u32, payload: &Bytes) {
        let item = Item::Event { topic: topic.clone(), event, payload: payload.clone() };
        self.arrive(item, |counts| counts.received += 1);
    }

    /// Events do not come to this client.
    pub(super) fn gap(&self, topic: &Topic, missed: u64, reason: GapReason) {
        match reason {
            GapReason::Withheld => {}
            GapReason::Conflated => self.inner.lock().counts.replaced += missed,
            reason => {
                let item = Item::Lagged { topic: topic.clone(), missed, reason };
                self.arrive(item, |counts| counts.missed = counts.missed.saturating_add(missed));
            }
        }
    }

    /// The server numbers the events of a topic anew.
    pub(super) fn restart(&self, topic: &Topic) {
        self.arrive(Item::Restarted { topic: topic.clone() }, |_| {});
    }

    /// Events of unknown types have arrived.
    pub(super) fn skip(&self, skipped: u64) {
        self.inner.lock().counts.skipped += skipped;
    }

    pub(super) fn counts(&self) -> EventCounts {
        self.inner.lock().counts
    }

    /// The connection has ended: so do the streams, once they are read.
    pub(super) fn end(&self) {
        let wakers = self.inner.lock().end();
        wakers.into_iter().for_each(Waker::wake);
        // Dropped without the lock: one may hold the last handle of the client.
        let handlers = std::mem::take(&mut *self.handlers.lock());
        drop(handlers);
    }

    /// Gives something to all who take it.
    fn arrive(&self, item: Item, count: impl FnOnce(&mut EventCounts)) {
        let mut inner = self.inner.lock();
        count(&mut inner.counts);
        let early = inner.take_handled();
        let wakers = inner.give(&item);
        let handled = inner.handled.contains(&item.kind());
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        self.tell_all(early);
        if handled {
            self.tell(&item);
        }
    }

    fn tell_all(&self, early: Option<Queue>) {
        let Some(mut early) = early else { return };
        while let Some(item) = early.pop() {
            self.tell(&item);
        }
    }

    /// Gives something to the handlers.
    fn tell(&self, item: &Item) {
        // Not under the lock: a handler may add another one.
        let mut handlers = std::mem::take(&mut *self.handlers.lock());
        for handler in handlers.iter_mut().filter(|handler| handler.kind == item.kind()) {
            let received = Received::of(item.clone());
            let handle = AssertUnwindSafe(|| (handler.handle)(received));
            if catch_unwind(handle).is_err() {
                tracing::error!(topic = ?item.topic(), "an event handler panicked");
            }
        }
        let mut added = self.handlers.lock();
        handlers.append(&mut added);
        *added = handlers;
    }
}

impl Inner {
    /// The queue of a new stream, with what waits for it.
    fn take_early(&mut self, mut takes: impl FnMut(&Topic) -> bool) -> Arc<Mutex<Queue>> {
        let handled = &self.handled;
        let queue = self.early.split(|topic, kind| !handled.contains(&kind) && takes(topic));
        Arc::new(Mutex::new(queue))
    }

    /// What waits for handlers, if any has come.
    fn take_handled(&mut self) -> Option<Queue> {
        let is_behind = std::mem::take(&mut self.is_behind);
        is_behind.then(|| self.early.split(|_, kind| self.handled.contains(&kind)))
    }

    /// Gives something to the streams that take it, or keeps it for one: the wakers of those who wait for that.
    #[must_use]
    fn give(&mut self, item: &Item) -> Vec<Waker> {
        let streams = self.topics.get_mut(item.topic());
        // One for all of them, unless there is one only.
        let several = self.streams.len() + streams.as_ref().map_or(0, |streams| streams.len()) > 1;
        let shared = several.then(|| item.detach());
        let (mut wakers, mut dropped, mut taken) = (Vec::new(), 0, false);
        let mut give = |queue: &Weak<Mutex<Queue>>| {
            let Some(queue) = queue.upgrade() else { return false };
            let mut queue = queue.lock();
            dropped += queue.push(shared.as_ref().map_or_else(|| item.detach(), Item::clone));
            wakers.extend(queue.take_waker());
            taken = true;
            true
        };
        self.streams.retain(&mut give);
        if let Some(streams) = streams {
            streams.retain(give);
        }
        if !taken && self.is_early && !self.handled.contains(&item.kind()) {
            dropped += self.early.push(item.detach());
        }
        self.counts.dropped += dropped;
        wakers
    }

    /// Now and then forgets the topics whose streams are gone.
    fn sweep(&mut self) {
        if self.topics.len() < self.max_topics {
            return;
        }
        self.topics.retain(|_, streams| streams.iter().any(|stream| stream.strong_count() > 0));
        self.max_topics = MIN_SWEPT_TOPICS.max(2 * self.topics.len());
    }

    #[must_use]
    fn end(&mut self) -> Vec<Waker> {
        self.ended = true;
        self.early.end();
        let streams = self.streams.iter().chain(self.topics.values().flatten());
        let end = |queue: Arc<Mutex<Queue>>| {
            let mut queue = queue.lock();
            queue.end();
            queue.take_waker()
        };
        streams.filter_map(Weak::upgrade).filter_map(end).collect()
    }
}
