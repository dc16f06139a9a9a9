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

/// The streams and handlers of one client.
pub(super) struct Receivers<E> {
    inner: Mutex<Inner>,
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

struct Handler<E> {
    event: u32,
    handle: Box<dyn FnMut(&Topic, E) + Send>,
}

/// Events that wait for the reader of one stream.
#[derive(Default)]
struct Queue {
    events: VecDeque<(Topic, u32, Bytes)>,
    bytes: usize,
    max_bytes: usize,
    /// What is missing before the first event in the queue.
    missed: BTreeMap<Topic, u64>,
    ended: bool,
    waker: Option<Waker>,
}

impl<E: Events> Receivers<E> {
    pub(super) fn new(max_bytes: usize) -> Self {
        let early = Some(Arc::new(Mutex::new(Queue { max_bytes, ..Queue::default() })));
        let inner = Inner { streams: Vec::new(), early, ended: false };
        Self { inner: Mutex::new(inner), handlers: Mutex::new(Vec::new()), max_bytes }
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

    pub(super) fn handle(&self, event: u32, handle: Box<dyn FnMut(&Topic, E) + Send>) {
        self.inner.lock().early = None;
        self.handlers.lock().push(Handler { event, handle });
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
    }

    /// The connection has ended: so do the streams, once they are read.
    pub(super) fn end(&self) {
        self.inner.lock().ended = true;
        self.for_each_queue(|queue| queue.ended = true);
        self.handlers.lock().clear();
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
        self.bytes += size(topic, &payload);
        self.events.push_back((topic.clone(), event, payload));
        while self.bytes > self.max_bytes
            && let Some((topic, _, payload)) = self.events.pop_front()
        {
            self.bytes -= size(&topic, &payload);
            self.lag(&topic, 1);
        }
    }

    fn lag(&mut self, topic: &Topic, missed: u64) {
        let total = self.missed.entry(topic.clone()).or_default();
        *total = total.saturating_add(missed);
    }
}

/// What an event in a queue counts for: its payload, and its place.
fn size(topic: &Topic, payload: &Bytes) -> usize {
    size_of_val(topic) + payload.len() + 64
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
    /// Events of a topic are missing here, because this client, or the reader of this stream, is too slow.
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
        loop {
            if let Some((topic, missed)) = queue.missed.pop_first() {
                return Poll::Ready(Some(Received::Lagged { topic, missed }));
            }
            let Some((topic, event, payload)) = queue.events.pop_front() else { break };
            queue.bytes -= size(&topic, &payload);
            if let Some(event) = decode(&topic, event, &payload) {
                return Poll::Ready(Some(Received::Event { topic, event }));
            }
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
        f.debug_struct("EventStream").field("waiting", &self.queue.lock().events.len()).finish()
    }
}
