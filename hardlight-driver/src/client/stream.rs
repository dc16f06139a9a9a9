//! A stream of events, and what waits for its reader.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use hardlight_proto::{Events, GapReason, Topic};
use parking_lot::Mutex;

/// Topics whose dropped events a stream counts apart.
const MAX_DROPPED_TOPICS: usize = 1024;

/// What a place in the queue counts for, besides its event.
const PLACE_BYTES: usize = 64;

enum Item {
    Event { topic: Topic, event: u32, payload: Bytes },
    Lagged { topic: Topic, missed: u64, reason: GapReason },
    Restarted { topic: Topic },
}

/// Events that wait for the reader of one stream.
#[derive(Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    max_bytes: usize,
    /// The only topic that it takes events of.
    topic: Option<Topic>,
    /// What was dropped from the front of the queue, by topic.
    dropped: BTreeMap<Topic, u64>,
    ended: bool,
    waker: Option<Waker>,
}

impl Queue {
    pub(super) fn new(max_bytes: usize, topic: Option<Topic>, ended: bool) -> Self {
        Self { max_bytes, topic, ended, ..Self::default() }
    }

    /// Whether it takes what is of a topic.
    pub(super) fn takes(&self, topic: &Topic) -> bool {
        self.topic.as_ref().is_none_or(|own| own == topic)
    }

    pub(super) fn push(&mut self, topic: &Topic, event: u32, payload: &Bytes) {
        // A slice would keep the whole message it came in.
        let payload = Bytes::copy_from_slice(payload);
        self.push_item(Item::Event { topic: topic.clone(), event, payload });
    }

    pub(super) fn lag(&mut self, topic: &Topic, missed: u64, reason: GapReason) {
        if let Some(Item::Lagged { topic: last, missed: total, reason: why }) =
            self.items.back_mut()
            && last == topic
        {
            *total = total.saturating_add(missed);
            *why = reason.min(*why);
            return;
        }
        self.push_item(Item::Lagged { topic: topic.clone(), missed, reason });
    }

    pub(super) fn restart(&mut self, topic: &Topic) {
        self.push_item(Item::Restarted { topic: topic.clone() });
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
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
                Item::Lagged { topic, missed, .. } => (topic, missed),
                Item::Restarted { topic } => (topic, 0),
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
        PLACE_BYTES
            + match self {
                Self::Event { topic, payload, .. } => topic.as_bytes().len() + payload.len(),
                Self::Lagged { topic, .. } | Self::Restarted { topic } => topic.as_bytes().len(),
            }
    }
}

/// The events that arrive on a connection, of all topics or of one.
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
    /// Events of a topic are missing here.
    ///
    /// Those that the server replaced by later ones of the topic, because only the latest counts, are not told here:
    /// [`EventCounts`](crate::EventCounts) has them.
    Lagged {
        /// The topic.
        topic: Topic,
        /// How many; with [`GapReason::Expired`] no more than so many.
        missed: u64,
        /// Why: this client, or the reader of this stream, is too slow ([`GapReason::Lagged`]), they are no longer kept for
        /// one that comes back ([`GapReason::Expired`]), or they are longer than this client accepts
        /// ([`GapReason::TooLong`]). From a server that breaks the protocol one may not decode, which counts as the first.
        reason: GapReason,
    },
    /// Events of a topic may be missing here, nobody knows how many: the connection goes on from an earlier one, and the
    /// server was started anew since, or another one took its place.
    Restarted {
        /// The topic.
        topic: Topic,
    },
}

impl<E: Events> EventStream<E> {
    pub(super) const fn new(queue: Arc<Mutex<Queue>>) -> Self {
        Self { queue, events: PhantomData }
    }

    /// Waits for the next event; `None` once the connection has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Received<E>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Received<E>>> {
        let mut queue = self.queue.lock();
        if let Some((topic, missed)) = queue.dropped.pop_first() {
            let reason = GapReason::Lagged;
            return Poll::Ready(Some(Received::Lagged { topic, missed, reason }));
        }
        if let Some(item) = queue.items.pop_front() {
            queue.bytes -= item.size();
            drop(queue);
            return Poll::Ready(Some(receive(item)));
        }
        if queue.ended {
            return Poll::Ready(None);
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn receive<E: Events>(item: Item) -> Received<E> {
    match item {
        Item::Lagged { topic, missed, reason } => Received::Lagged { topic, missed, reason },
        Item::Restarted { topic } => Received::Restarted { topic },
        Item::Event { topic, event, payload } => match decode(&topic, event, &payload) {
            Some(event) => Received::Event { topic, event },
            None => Received::Lagged { topic, missed: 1, reason: GapReason::Lagged },
        },
    }
}

/// An event whose fingerprint was compared does not decode only if the server breaks the protocol.
pub(super) fn decode<E: Events>(topic: &Topic, event: u32, payload: &[u8]) -> Option<E> {
    E::decode(event, payload)
        .inspect_err(|error| tracing::warn!(?topic, event, %error, "an event does not decode"))
        .ok()
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
