//! Events on the client: who takes them, and how many there were.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    task::Waker,
};

use bytes::Bytes;
use hardlight_proto::{Events, GapReason, Topic};
use parking_lot::Mutex;

use super::stream::{EventStream, Queue, decode};

/// The streams and handlers of one client.
pub(super) struct Receivers<E> {
    inner: Mutex<Inner>,
    lagged: Mutex<Vec<Lagged>>,
    /// Apart, so that a handler may make streams.
    handlers: Mutex<Vec<Handler<E>>>,
    max_bytes: usize,
}

struct Inner {
    streams: Vec<Weak<Mutex<Queue>>>,
    /// Events that arrive before there is anybody to take them, for the first stream.
    early: Option<Arc<Mutex<Queue>>>,
    counts: EventCounts,
    ended: bool,
}

/// What became of the events of a connection so far.
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
    /// Events that the server replaced by later ones, because of their topic only the latest counts.
    pub replaced: u64,
}

type Lagged = Box<dyn FnMut(&Topic, u64, GapReason) + Send>;

type Handle<E> = Box<dyn FnMut(&Topic, E) + Send>;

struct Handler<E> {
    event: u32,
    handle: Handle<E>,
}

impl<E: Events> Receivers<E> {
    pub(super) fn new(max_bytes: usize) -> Self {
        let early = Some(Arc::new(Mutex::new(Queue::new(max_bytes, None, false))));
        let counts = EventCounts::default();
        let inner = Inner { streams: Vec::new(), early, counts, ended: false };
        Self {
            inner: Mutex::new(inner),
            lagged: Mutex::new(Vec::new()),
            handlers: Mutex::new(Vec::new()),
            max_bytes,
        }
    }

    /// What arrives from here on, and for the first one what arrived before.
    pub(super) fn stream(&self) -> EventStream<E> {
        let mut inner = self.inner.lock();
        let ended = inner.ended;
        let queue = inner
            .early
            .take()
            .unwrap_or_else(|| Arc::new(Mutex::new(Queue::new(self.max_bytes, None, ended))));
        inner.streams.push(Arc::downgrade(&queue));
        EventStream::new(queue)
    }

    /// What arrives of one topic from here on.
    pub(super) fn stream_of(&self, topic: Topic) -> EventStream<E> {
        let mut inner = self.inner.lock();
        let queue = Queue::new(self.max_bytes, Some(topic), inner.ended);
        let queue = Arc::new(Mutex::new(queue));
        inner.streams.push(Arc::downgrade(&queue));
        EventStream::new(queue)
    }

    pub(super) fn handle(&self, event: u32, handle: Handle<E>) {
        self.begin_handling(|| self.handlers.lock().push(Handler { event, handle }));
    }

    pub(super) fn handle_lag(&self, handle: Lagged) {
        self.begin_handling(|| self.lagged.lock().push(handle));
    }

    /// Adds a handler, if there is anything still to come. Who takes events by handlers does not wait for a stream.
    fn begin_handling(&self, add: impl FnOnce()) {
        let mut inner = self.inner.lock();
        inner.early = None;
        if !inner.ended {
            add();
        }
    }

    /// An event has arrived.
    pub(super) fn receive(&self, topic: &Topic, event: u32, payload: &Bytes) {
        self.change(
            topic,
            |counts| counts.received += 1,
            |queue| queue.push(topic, event, payload),
        );
        // Not under the lock: a handler may add another one.
        let mut handlers = std::mem::take(&mut *self.handlers.lock());
        for handler in handlers.iter_mut().filter(|handler| handler.event == event) {
            let Some(event) = decode(topic, event, payload) else { break };
            let handle = AssertUnwindSafe(|| (handler.handle)(topic, event));
            if catch_unwind(handle).is_err() {
                tracing::error!(?topic, "an event handler panicked");
            }
        }
        let mut added = self.handlers.lock();
        handlers.append(&mut added);
        *added = handlers;
    }

    /// Events do not come to this client.
    pub(super) fn gap(&self, topic: &Topic, missed: u64, reason: GapReason) {
        match reason {
            GapReason::Withheld => {}
            GapReason::Conflated => self.inner.lock().counts.replaced += missed,
            reason => self.lag(topic, missed, reason),
        }
    }

    fn lag(&self, topic: &Topic, missed: u64, reason: GapReason) {
        self.change(
            topic,
            |counts| counts.missed = counts.missed.saturating_add(missed),
            |queue| queue.lag(topic, missed, reason),
        );
        // Not under the lock: a handler may add another one.
        let mut handlers = std::mem::take(&mut *self.lagged.lock());
        for handle in &mut handlers {
            if catch_unwind(AssertUnwindSafe(|| handle(topic, missed, reason))).is_err() {
                tracing::error!(?topic, "an event handler panicked");
            }
        }
        let mut added = self.lagged.lock();
        handlers.append(&mut added);
        *added = handlers;
    }

    /// The server numbers the events of a topic anew.
    pub(super) fn restart(&self, topic: &Topic) {
        self.change(topic, |_| {}, |queue| queue.restart(topic));
    }

    pub(super) fn set_skipped(&self, skipped: u64) {
        self.inner.lock().counts.skipped = skipped;
    }

    pub(super) fn counts(&self) -> EventCounts {
        self.inner.lock().counts
    }

    /// The connection has ended: so do the streams, once they are read.
    pub(super) fn end(&self) {
        let mut inner = self.inner.lock();
        inner.ended = true;
        let wakers = inner.change_queues(|queue| {
            queue.end();
            true
        });
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        // Dropped without the lock: one may hold the last handle of the client.
        let handlers = std::mem::take(&mut *self.handlers.lock());
        let lagged = std::mem::take(&mut *self.lagged.lock());
        drop((handlers, lagged));
    }

    /// Gives something of a topic to all streams that take it.
    fn change(
        &self,
        topic: &Topic,
        count: impl FnOnce(&mut EventCounts),
        mut change: impl FnMut(&mut Queue),
    ) {
        let mut inner = self.inner.lock();
        count(&mut inner.counts);
        let wakers = inner.change_queues(|queue| {
            let takes = queue.takes(topic);
            if takes {
                change(queue);
            }
            takes
        });
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Inner {
    /// Changes the queues of all streams: the wakers of those who wait for that.
    #[must_use]
    fn change_queues(&mut self, mut change: impl FnMut(&mut Queue) -> bool) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let mut apply = |queue: &Mutex<Queue>| {
            let mut queue = queue.lock();
            if change(&mut queue) {
                wakers.extend(queue.take_waker());
            }
        };
        self.early.iter().for_each(|queue| apply(queue));
        self.streams.retain(|queue| queue.upgrade().map(|queue| apply(&queue)).is_some());
        wakers
    }
}
