//! Events on the client: streams, and handlers for one type of event each.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use hardlight_proto::Events;
use parking_lot::Mutex;

use crate::events::Topic;

/// Topics whose dropped events a stream counts apart.
const MAX_DROPPED_TOPICS: usize = 1024;

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
    ended: bool,
}

type Lagged = Box<dyn FnMut(&Topic, u64) + Send>;

type Handle<E> = Box<dyn FnMut(&Topic, E) + Send>;

struct Handler<E> {
    event: u32,
    handle: Handle<E>,
}

enum Item {
    Event { topic: Topic, event: u32, payload: Bytes },
    Lagged { topic: Topic, missed: u64 },
}

/// Events that wait for the reader of one stream.
#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    max_bytes: usize,
    /// What was dropped from the front of the queue, by topic.
    dropped: BTreeMap<Topic, u64>,
    ended: bool,
    waker: Option<Waker>,
}

impl<E: Events> Receivers<E> {
    pub(super) fn new(max_bytes: usize) -> Self {
        let early = Some(Arc::new(Mutex::new(Queue { max_bytes, ..Queue::default() })));
        let inner = Inner { streams: Vec::new(), early, ended: false };
        Self {
            inner: Mutex::new(inner),
            lagged: Mutex::new(Vec::new()),
            handlers: Mutex::new(Vec::new()),
            max_bytes,
        }
    }

    pub(super) fn stream(&self) -> EventStream<E> {
        let mut inner = self.inner.lock();
        let ended = inner.ended;
        let queue = inner.early.take().unwrap_or_else(|| {
            Arc::new(Mutex::new(Queue { max_bytes: self.max_bytes, ended, ..Queue::default() }))
        });
        inner.streams.push(Arc::downgrade(&queue));
        EventStream { queue, events: PhantomData }
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
        self.for_each_queue(|queue| queue.push(topic, event, payload));
        // Not under the lock: a handler may add another one.
        let mut handlers = std::mem::take(&mut *self.handlers.lock());
        for handler in handlers.iter_mut().filter(|handler| handler.event == event) {
            let Some(event) = decode(topic, event, payload) else { break };
            let handle = AssertUnwindSafe(|| (handler.handle)(topic, event));
            if catch_unwind(handle).is_err() {
                tracing::error!(%topic, "an event handler panicked");
            }
        }
        let mut added = self.handlers.lock();
        handlers.append(&mut added);
        *added = handlers;
    }

    /// Events did not reach this client.
    pub(super) fn lag(&self, topic: &Topic, missed: u64) {
        self.for_each_queue(|queue| queue.lag(topic, missed));
        // Not under the lock: a handler may add another one.
        let mut handlers = std::mem::take(&mut *self.lagged.lock());
        for handle in &mut handlers {
            if catch_unwind(AssertUnwindSafe(|| handle(topic, missed))).is_err() {
                tracing::error!(%topic, "an event handler panicked");
            }
        }
        let mut added = self.lagged.lock();
        handlers.append(&mut added);
        *added = handlers;
    }

    /// The connection has ended: so do the streams, once they are read.
    pub(super) fn end(&self) {
        self.inner.lock().ended = true;
        self.for_each_queue(|queue| queue.ended = true);
        // Dropped without the lock: one may hold the last handle of the client.
        let handlers = std::mem::take(&mut *self.handlers.lock());
        let lagged = std::mem::take(&mut *self.lagged.lock());
        drop((handlers, lagged));
    }

    fn for_each_queue(&self, mut change: impl FnMut(&mut Queue)) {
        let mut wakers = Vec::new();
        let mut inner = self.inner.lock();
        let mut apply = |queue: &Mutex<Queue>| {
            let mut queue = queue.lock();
            change(&mut queue);
            wakers.extend(queue.waker.take());
        };
        inner.early.iter().for_each(|queue| apply(queue));
        inner.streams.retain(|queue| queue.upgrade().map(|queue| apply(&queue)).is_some());
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// An event whose fingerprint was compared does not decode only if the server breaks the protocol.
fn decode<E: Events>(topic: &Topic, event: u32, payload: &[u8]) -> Option<E> {
    E::decode(event, payload)
        .inspect_err(|error| tracing::warn!(%topic, event, %error, "an event does not decode"))
        .ok()
}

impl Queue {
    fn push(&mut self, topic: &Topic, event: u32, payload: &Bytes) {
        // A slice would keep the whole message it came in.
        let payload = Bytes::copy_from_slice(payload);
        self.push_item(Item::Event { topic: topic.clone(), event, payload });
    }

    fn lag(&mut self, topic: &Topic, missed: u64) {
        if let Some(Item::Lagged { topic: last, missed: total }) = self.items.back_mut()
            && last == topic
        {
            *total = total.saturating_add(missed);
            return;
        }
        self.push_item(Item::Lagged { topic: topic.clone(), missed });
    }

    fn push_item(&mut self, item: Item) {
        self.bytes += item.size();
        self.items.push_back(item);
        while self.bytes > self.max_bytes
            && let Some(item) = self.items.pop_front()
        {
            self.bytes -= item.size();
            let (topic, missed) = match item {
                Item::Event { topic, .. } => (topic, 1),
                Item::Lagged { topic, missed } => (topic, missed),
            };
            self.note_dropped(topic, missed);
        }
    }

    fn note_dropped(&mut self, topic: Topic, missed: u64) {
        // A reader that never comes is not told of every topic there was.
        if self.dropped.len() == MAX_DROPPED_TOPICS && !self.dropped.contains_key(&topic) {
            self.dropped.pop_first();
        }
        let total = self.dropped.entry(topic).or_default();
        *total = total.saturating_add(missed);
    }
}

impl Item {
    /// What it counts for: its bytes, and its place.
    fn size(&self) -> usize {
        64 + match self {
            Self::Event { topic, payload, .. } => topic.as_bytes().len() + payload.len(),
            Self::Lagged { topic, .. } => topic.as_bytes().len(),
        }
    }
}

/// The events that arrive on a connection, of all topics.
///
/// It holds as many as [`Limits::max_queued_event_bytes`](hardlight_proto::Limits::with_max_queued_event_bytes) allows;
/// behind that the oldest are dropped and counted. It ends with the connection, once everything was read.
pub struct EventStream<E> {
    queue: Arc<Mutex<Queue>>,
    events: PhantomData<fn() -> E>,
}

/// What an [`EventStream`] yields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received<E> {
    /// An event.
    Event {
        /// The topic it was emitted on.
        topic: Topic,
        /// The event.
        event: E,
    },
    /// Events of a topic are missing here, because this client, or the reader of this stream, is too slow (or, from a
    /// server that breaks the protocol, because one did not decode).
    Lagged {
        /// The topic.
        topic: Topic,
        /// How many.
        missed: u64,
    },
}

impl<E: Events> EventStream<E> {
    /// Waits for the next event; `None` once the connection has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Received<E>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Received<E>>> {
        let mut queue = self.queue.lock();
        if let Some((topic, missed)) = queue.dropped.pop_first() {
            return Poll::Ready(Some(Received::Lagged { topic, missed }));
        }
        if let Some(item) = queue.items.pop_front() {
            queue.bytes -= item.size();
            drop(queue);
            return Poll::Ready(Some(match item {
                Item::Lagged { topic, missed } => Received::Lagged { topic, missed },
                Item::Event { topic, event, payload } => match decode(&topic, event, &payload) {
                    Some(event) => Received::Event { topic, event },
                    None => Received::Lagged { topic, missed: 1 },
                },
            }));
        }
        if queue.ended {
            return Poll::Ready(None);
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<E: Events> Stream for EventStream<E> {
    type Item = Received<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}

impl<E> fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("waiting", &self.queue.lock().items.len()).finish()
    }
}
