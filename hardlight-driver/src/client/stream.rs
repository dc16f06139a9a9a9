//! A stream of events.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use hardlight_proto::{Events, GapReason, Topic};
use parking_lot::Mutex;

use super::queue::{Item, Queue};

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
        if let Some(item) = queue.pop() {
            drop(queue);
            return Poll::Ready(Some(Received::of(item)));
        }
        if queue.has_ended() {
            return Poll::Ready(None);
        }
        queue.wait(cx);
        Poll::Pending
    }
}

impl<E: Events> Received<E> {
    pub(super) fn of(item: Item) -> Self {
        match item {
            Item::Lagged { topic, missed, reason } => Self::Lagged { topic, missed, reason },
            Item::Restarted { topic } => Self::Restarted { topic },
            Item::Event { topic, event, payload } => match decode(&topic, event, &payload) {
                Some(event) => Self::Event { topic, event },
                None => Self::Lagged { topic, missed: 1, reason: GapReason::Lagged },
            },
        }
    }
}

/// An event whose fingerprint was compared does not decode only if the server breaks the protocol.
fn decode<E: Events>(topic: &Topic, event: u32, payload: &[u8]) -> Option<E> {
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
        f.debug_struct("EventStream").field("waiting", &self.queue.lock().len()).finish()
    }
}
