//! Events from one server to others, by a backplane of the application's choice.

use std::{
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_core::Stream;
use hardlight_proto::{EventSchema, Events, Fingerprint, MAX_TOPIC_NAME_BYTES, Topic};
use parking_lot::Mutex;
use thiserror::Error;

use super::{
    TopicNotices,
    hub::{Emission, Hub, Patience},
};
use crate::wakes::wake_later;

/// What a place in the queue counts for, besides its event.
const PLACE_BYTES: usize = 64;

/// An event on its way from one server to others. It says which event it is by name and fingerprint, so servers of
/// different versions take only what they know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayedEvent {
    /// Stands for the hub that it was emitted on.
    origin: u64,
    /// Counts the events of that hub.
    number: u64,
    name_hash: u64,
    fingerprint: Fingerprint,
    topic: Topic,
    payload: Bytes,
}

/// Why an event from another server went to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The bytes are no event.
    #[error("the bytes are no relayed event")]
    Malformed,
    /// The topic's name is too long: nothing is emitted on such a topic.
    #[error("the topic's name takes {bytes} bytes, at most {MAX_TOPIC_NAME_BYTES} are allowed")]
    NameTooLong {
        /// The length of the name in bytes.
        bytes: usize,
    },
    /// This server has no event of that name with these fields: the other one is of another version.
    #[error("an event of this name and fingerprint ({fingerprint}) is not known here")]
    UnknownEvent {
        /// The fingerprint of its fields.
        fingerprint: Fingerprint,
    },
}

impl RelayedEvent {
    /// What the event is about.
    pub const fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The event as bytes, for a backplane: origin, number, hash of the event's name and fingerprint, 8 bytes each with the
    /// lowest first; the length of the topic's name in 2; the name; the payload.
    pub fn to_bytes(&self) -> Bytes {
        let name = self.topic.as_bytes();
        let mut bytes = BytesMut::with_capacity(34 + name.len() + self.payload.len());
        for number in [self.origin, self.number, self.name_hash, self.fingerprint.to_u64()] {
            bytes.put_u64_le(number);
        }
        let length = u16::try_from(name.len());
        bytes.put_u16_le(length.expect("a topic that was emitted on has at most 512 bytes"));
        bytes.put_slice(name);
        bytes.put_slice(&self.payload);
        bytes.freeze()
    }

    /// What [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    ///
    /// [`RelayError::Malformed`], if it did not; [`RelayError::NameTooLong`], if the topic's name has more than
    /// [`MAX_TOPIC_NAME_BYTES`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RelayError> {
        let mut rest = bytes;
        let mut number = || read(&mut rest).map(u64::from_le_bytes);
        let (origin, sequence) = (number()?, number()?);
        let (name_hash, fingerprint) = (number()?, Fingerprint::from_u64(number()?));
        let length = usize::from(u16::from_le_bytes(read(&mut rest)?));
        if length > MAX_TOPIC_NAME_BYTES {
            return Err(RelayError::NameTooLong { bytes: length });
        }
        let (name, payload) = rest.split_at_checked(length).ok_or(RelayError::Malformed)?;
        let (topic, payload) = (Topic::from(name), Bytes::copy_from_slice(payload));
        Ok(Self { origin, number: sequence, name_hash, fingerprint, topic, payload })
    }
}

fn read<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], RelayError> {
    let (first, rest) = bytes.split_first_chunk().ok_or(RelayError::Malformed)?;
    *bytes = rest;
    Ok(*first)
}

/// Joins the hubs of several servers, with a backplane of the application's choice between them: NATS, Redis, a message
/// bus.
///
/// What is emitted here comes out of [`emitted`](Self::emitted), for the application to publish; what others published
/// goes in by [`deliver`](Self::deliver), and from there to whoever is subscribed here, but not out again.
/// [`notices`](Self::notices) says which topics and patterns are worth to be brought here.
///
/// ```text
/// emit --> subscribers of this server
///     \--> emitted() --> backplane --> deliver() --> subscribers of another server
/// ```
///
/// Clones are of the same hub.
pub struct Relay<E> {
    hub: Arc<Hub>,
    schema: Arc<[EventSchema]>,
    events: PhantomData<fn(E)>,
}

/// The events that are emitted on a hub, in order, for its [`Relay`].
///
/// It holds as many as fit into its bound; behind that the oldest are dropped and [counted](Self::lost).
pub struct Emitted {
    queue: Arc<Queue>,
}

/// All that take what is emitted.
#[derive(Default)]
pub(super) struct Exports {
    /// Whether there may be any: looked at for every event.
    any: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The number of the next event.
    next: u64,
    queues: Vec<Weak<Queue>>,
}

struct Queue(Mutex<Waiting>);

struct Waiting {
    events: VecDeque<RelayedEvent>,
    bytes: usize,
    max_bytes: usize,
    lost: u64,
    schema: Arc<[EventSchema]>,
    /// The hub is gone.
    ended: bool,
    waker: Option<Waker>,
}

impl Exports {
    pub(super) fn is_active(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    fn add(&self, schema: Arc<[EventSchema]>, max_bytes: usize) -> Emitted {
        let (events, waker) = (VecDeque::new(), None);
        let waiting = Waiting { events, bytes: 0, max_bytes, lost: 0, schema, ended: false, waker };
        let queue = Arc::new(Queue(Mutex::new(waiting)));
        self.inner.lock().queues.push(Arc::downgrade(&queue));
        self.any.store(true, Ordering::Relaxed);
        Emitted { queue }
    }

    /// An event was emitted here. Called under the topic's lock, if there is one, so that the order is the same.
    pub(super) fn push(&self, origin: u64, topic: &Topic, event: u32, payload: &Bytes) {
        let mut inner = self.inner.lock();
        let number = inner.next;
        inner.next += 1;
        inner.queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else { return false };
            let mut waiting = queue.0.lock();
            waiting.push(origin, number, topic, event, payload);
            wake_later(waiting.waker.take());
            true
        });
        if inner.queues.is_empty() {
            self.any.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Exports {
    fn drop(&mut self) {
        for queue in self.inner.get_mut().queues.iter().filter_map(Weak::upgrade) {
            let mut waiting = queue.0.lock();
            waiting.ended = true;
            let waker = waiting.waker.take();
            drop(waiting);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl Waiting {
    fn push(&mut self, origin: u64, number: u64, topic: &Topic, event: u32, payload: &Bytes) {
        let Some(schema) = self.schema.get(event as usize) else { return };
        let (name_hash, fingerprint) = (schema.name_hash, schema.fingerprint);
        let (topic, payload) = (topic.clone(), payload.clone());
        let event = RelayedEvent { origin, number, name_hash, fingerprint, topic, payload };
        self.bytes += size(&event);
        self.events.push_back(event);
        while self.bytes > self.max_bytes && self.pop().is_some() {
            self.lost += 1;
        }
    }

    fn pop(&mut self) -> Option<RelayedEvent> {
        let event = self.events.pop_front()?;
        self.bytes -= size(&event);
        Some(event)
    }
}

fn size(event: &RelayedEvent) -> usize {
    PLACE_BYTES + event.topic.as_bytes().len() + event.payload.len()
}

impl Emitted {
    /// Waits for the next event that was emitted here; `None` once the hub is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<RelayedEvent> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// How many events were dropped so far, because they were not taken in time.
    pub fn lost(&self) -> u64 {
        self.queue.0.lock().lost
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<RelayedEvent>> {
        let mut waiting = self.queue.0.lock();
        match waiting.pop() {
            None if !waiting.ended => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            event => Poll::Ready(event),
        }
    }
}

impl Stream for Emitted {
    type Item = RelayedEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl<E: Events> Relay<E> {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, schema: E::schema().into(), events: PhantomData }
    }

    /// What is emitted on this hub from here on. At most `max_bytes` of it wait: events, the names of their topics, and 64
    /// bytes for each.
    pub fn emitted(&self, max_bytes: usize) -> Emitted {
        self.hub.exports.add(Arc::clone(&self.schema), max_bytes)
    }

    /// Which topics and patterns somebody is subscribed to here, as it changes.
    pub fn notices(&self) -> TopicNotices {
        self.hub.notices()
    }

    /// Sends an event of another server to whoever is subscribed here: to how many. It is not sent on.
    ///
    /// An event that was emitted here is ignored, and so is one that came already: a backplane may bring back what was given
    /// to it, and bring twice what two subscriptions of this server match. The events of another server must come in the
    /// order in which they were emitted, those of one topic at least.
    ///
    /// # Errors
    ///
    /// [`RelayError::UnknownEvent`], if the other server is of a version whose event is not known here.
    pub fn deliver(&self, event: &RelayedEvent) -> Result<usize, RelayError> {
        let RelayedEvent { origin, number, name_hash, fingerprint, topic, payload } = event;
        if *origin == self.hub.epoch() {
            return Ok(0);
        }
        let known =
            |our: &EventSchema| our.name_hash == *name_hash && our.fingerprint == *fingerprint;
        let unknown = RelayError::UnknownEvent { fingerprint: *fingerprint };
        let index = self.schema.iter().position(known).ok_or(unknown)?;
        let emission = Emission::new::<E>(topic, index as u32, payload);
        let emission = Emission { origin: Some((*origin, *number)), ..emission };
        // Without patience there is nothing to wait for.
        Ok(self.hub.send(&emission, Patience::None).unwrap_or(0))
    }

    /// Whether somebody is subscribed here to what covers the topic.
    pub fn is_wanted(&self, topic: impl Into<Topic>) -> bool {
        self.hub.is_wanted(&topic.into())
    }
}

impl<E> Clone for Relay<E> {
    fn clone(&self) -> Self {
        let (hub, schema) = (Arc::clone(&self.hub), Arc::clone(&self.schema));
        Self { hub, schema, events: PhantomData }
    }
}

impl<E> fmt::Debug for Relay<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

impl fmt::Debug for Emitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.queue.0.lock();
        f.debug_struct("Emitted")
            .field("waiting", &waiting.events.len())
            .field("lost", &waiting.lost)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> RelayedEvent {
        RelayedEvent {
            origin: 1,
            number: 2,
            name_hash: 3,
            fingerprint: Fingerprint::from_u64(4),
            topic: "chat".into(),
            payload: Bytes::from_static(b"hi"),
        }
    }

    #[test]
    fn what_was_made_bytes_is_read_again() {
        let bytes = event().to_bytes();
        assert_eq!(bytes.len(), 34 + 4 + 2);
        assert_eq!(RelayedEvent::from_bytes(&bytes), Ok(event()));
    }

    #[test]
    fn a_topic_of_a_longer_name_than_any_is_refused() {
        let named = |bytes: usize| RelayedEvent { topic: "/".repeat(bytes).into(), ..event() };
        let read = |event: &RelayedEvent| RelayedEvent::from_bytes(&event.to_bytes());
        assert_eq!(read(&named(512)), Ok(named(512)));
        assert_eq!(read(&named(513)), Err(RelayError::NameTooLong { bytes: 513 }));
        assert_eq!(read(&named(60_000)), Err(RelayError::NameTooLong { bytes: 60_000 }));
    }

    #[test]
    fn bytes_that_are_no_event_are_refused() {
        let bytes = event().to_bytes();
        for length in 0..38 {
            let cut = RelayedEvent::from_bytes(&bytes[..length]);
            assert_eq!(cut, Err(RelayError::Malformed), "{length}");
        }
    }
}
