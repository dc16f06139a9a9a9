//! Events: what a server pushes to the clients that are subscribed to a topic (SPEC.md, section 13).

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use bytes::{Bytes, BytesMut};
use once_cell::race::OnceBox;

use crate::{
    deflate,
    frame::{Content, Extensions, Frame},
};
#[cfg(feature = "payload")]
use crate::{
    payload::{DecodeError, EncodeError},
    schema::EventSchema,
};

/// The types of events that a service has. `#[derive(Events)]` implements it for an enum; each variant is a type.
/// It may gain members in any release.
#[cfg(feature = "payload")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the events of a service",
    label = "not events",
    note = "write `#[derive(Events)]` on the enum"
)]
pub trait Events: Sized + Send + 'static {
    /// The types of events, in order of declaration; a type's place is its index.
    fn schema() -> Vec<EventSchema>;

    /// The index of the event's type, and the payload of its fields.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded.
    fn encode(self) -> Result<(u32, Bytes), EncodeError>;

    /// Whether events of the type with this index are never compressed (SPEC.md, section 22). Default: none is secret.
    fn is_secret(_event: u32) -> bool {
        false
    }

    /// The event of the type with this index, from the payload of its fields.
    ///
    /// # Errors
    ///
    /// If there is no such type, or the fields do not decode.
    fn decode(event: u32, payload: &[u8]) -> Result<Self, DecodeError>;
}

/// The events of a service that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoEvents {}

#[cfg(feature = "payload")]
impl Events for NoEvents {
    fn schema() -> Vec<EventSchema> {
        Vec::new()
    }

    fn encode(self) -> Result<(u32, Bytes), EncodeError> {
        match self {}
    }

    fn decode(_event: u32, _payload: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::Malformed)
    }
}

/// What becomes of the events of a subscription once more of them wait than
/// [`Limits::max_queued_event_bytes`](crate::Limits::with_max_queued_event_bytes) allows. Whatever is dropped is stated to
/// the client, where it is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest that wait are dropped, of this subscription and of others that allow it.
    #[default]
    DropOldest,
    /// Those that wait stay, and the new ones are dropped.
    DropNewest,
    /// Of this subscription no more than one waits, the latest: it takes the place of an earlier one whether or not there
    /// is room.
    Latest,
    /// The connection ends, with [`CloseCode::LIMIT_EXCEEDED`](crate::CloseCode::LIMIT_EXCEEDED).
    Disconnect,
}

impl Overflow {
    /// Whether an event that waits may be dropped to make room for others.
    pub const fn yields(self) -> bool {
        matches!(self, Self::DropOldest | Self::Latest)
    }
}

/// The events of a topic that are kept, wherever an application keeps them: see [`Announcement::with_kept`].
pub trait KeptEvents: fmt::Debug + Send + Sync {
    /// The first that is kept of the events from number `sequence` on.
    fn first_from(&self, sequence: u64) -> Option<Arc<EncodedEvent>>;
}

/// In the order of their numbers.
impl KeptEvents for Vec<Arc<EncodedEvent>> {
    fn first_from(&self, sequence: u64) -> Option<Arc<EncodedEvent>> {
        self.get(self.partition_point(|event| event.sequence < sequence)).cloned()
    }
}

/// How a server begins a subscription; see [`Connection::announce`](crate::Connection::announce).
#[derive(Clone, Debug)]
pub struct Announcement {
    pub(crate) topic: u64,
    pub(crate) next: u64,
    pub(crate) name: Bytes,
    pub(crate) overflow: Overflow,
    pub(crate) kept: Option<Arc<dyn KeptEvents>>,
    pub(crate) history: usize,
}

impl Announcement {
    /// `topic` stands for `name` from here on, and the next event that is sent has the sequence number `next`. No event
    /// from before is sent, and the oldest that wait are dropped if too many do.
    pub const fn new(topic: u64, next: u64, name: Bytes) -> Self {
        let overflow = Overflow::DropOldest;
        Self { topic, next, name, overflow, kept: None, history: 0 }
    }

    /// What becomes of events that the client does not read in time.
    #[must_use]
    pub const fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Where the events before `next` are kept. A client that goes on from an earlier connection is sent those that it
    /// missed, and is told of what is no longer kept. Events of another topic, or from `next` on, are not looked at.
    ///
    /// Memory: each is asked for when there is room to send it, so none waits here, and those of one topic take no room
    /// from others. One that is let go of meanwhile is stated as missing.
    #[must_use]
    pub fn with_kept(mut self, kept: Arc<dyn KeptEvents>) -> Self {
        self.kept = Some(kept);
        self
    }

    /// How many of those that are kept, the last, are sent to a client that does not go on from an earlier connection.
    /// Default: none.
    #[must_use]
    pub const fn with_history(mut self, events: usize) -> Self {
        self.history = events;
        self
    }
}

/// An event that is encoded once, for any number of subscribers: see [`Connection::send_event`](crate::Connection::send_event).
///
/// Memory: its frame, which all connections share that it waits on; and once more, compressed, as soon as it is sent on
/// one that [agreed](crate::Connection::deflates) on that. A clone shares what there is.
#[derive(Debug)]
pub struct EncodedEvent {
    topic: u64,
    sequence: u64,
    event: u32,
    /// Where the payload begins in the frame.
    payload: usize,
    plain: Bytes,
    /// Made when it is asked for; `None` if it may not be.
    deflated: Option<OnceBox<Bytes>>,
}

impl EncodedEvent {
    /// Event number `sequence` of a topic, of the type with the index `event` in the server's schema.
    pub fn new(topic: u64, sequence: u64, event: u32, payload: Bytes) -> Self {
        let length = payload.len();
        let plain = encode(topic, sequence, event, Content::Plain(payload));
        let payload = plain.len() - length;
        Self { topic, sequence, event, payload, plain, deflated: Some(OnceBox::new()) }
    }

    /// It holds secrets: it is never compressed (SPEC.md, section 22).
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.deflated = None;
        self
    }

    /// The topic's number.
    pub const fn topic(&self) -> u64 {
        self.topic
    }

    /// The index of its type in the server's schema.
    pub const fn event(&self) -> u32 {
        self.event
    }

    /// The event's number among those of the topic.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What it takes, not compressed, in bytes.
    pub const fn encoded_len(&self) -> usize {
        self.plain.len()
    }

    /// The frame, for connections that agreed on compression or for those that did not.
    pub fn frame(&self, deflates: bool) -> &Bytes {
        let Some(deflated) = self.deflated.as_ref().filter(|_| deflates) else {
            return &self.plain;
        };
        deflated.get_or_init(|| {
            let payload = deflate::deflate(self.plain.slice(self.payload..));
            // What is not shorter stays as it is.
            let frame = match payload {
                Content::Plain(_) => self.plain.clone(),
                payload => encode(self.topic, self.sequence, self.event, payload),
            };
            Box::new(frame)
        })
    }
}

impl Clone for EncodedEvent {
    fn clone(&self) -> Self {
        let Self { topic, sequence, event, payload, ref plain, ref deflated } = *self;
        let deflated = deflated.as_ref().map(|made| {
            let made = made.get().cloned().map(Box::new);
            made.map_or_else(OnceBox::new, OnceBox::with_value)
        });
        Self { topic, sequence, event, payload, plain: plain.clone(), deflated }
    }
}

fn encode(topic: u64, sequence: u64, event: u32, payload: Content) -> Bytes {
    let frame = Frame::Event { topic, sequence, event, extensions: Extensions::new(), payload };
    let mut out = BytesMut::with_capacity(frame.encoded_len());
    frame.encode(&mut out);
    out.freeze()
}

#[cfg(all(test, feature = "deflate"))]
mod tests {
    use super::*;

    fn zeros() -> EncodedEvent {
        EncodedEvent::new(7, 300, 2, Bytes::from_static(&[0; 5000]))
    }

    #[test]
    fn both_forms_are_made_once_and_shared() {
        let event = zeros();
        let (plain, deflated) = (event.frame(false), event.frame(true));
        assert!(plain.len() > 5000 && deflated.len() < 100);
        let clone = event.clone();
        for event in [&event, &clone] {
            assert_eq!(event.frame(true).as_ptr(), deflated.as_ptr());
            assert_eq!(event.frame(false).as_ptr(), plain.as_ptr());
        }
    }

    #[test]
    fn what_does_not_shrink_stays_as_it_is() {
        let event = EncodedEvent::new(7, 1, 2, Bytes::from_static(b"hi"));
        assert_eq!(event.frame(true), event.frame(false));
    }

    #[test]
    fn secrets_are_not_compressed() {
        let event = zeros().secret().clone();
        assert_eq!(event.frame(true), event.frame(false));
    }
}
