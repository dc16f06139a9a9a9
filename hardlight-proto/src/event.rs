//! Events: what a server pushes to the clients that are subscribed to a topic (SPEC.md, section 13).

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

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
    note = "write `#[derive(hardlight::Events)]` on the enum"
)]
pub trait Events: Sized + Send + 'static {
    /// The types of events, in order of declaration; a type's place is its index.
    fn schema() -> Vec<EventSchema>;

    /// The index of the event's type, and the archive of its fields.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded.
    fn encode(self) -> Result<(u32, Bytes), EncodeError>;

    /// The event of the type with this index, from the archive of its fields.
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

/// How a server begins a subscription; see [`Connection::announce`](crate::Connection::announce).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub(crate) topic: u64,
    pub(crate) next: u64,
    pub(crate) name: Bytes,
    pub(crate) overflow: Overflow,
    pub(crate) kept: Vec<Bytes>,
    pub(crate) history: usize,
}

impl Announcement {
    /// `topic` stands for `name` from here on, and the next event that is sent has the sequence number `next`. No event
    /// from before is sent, and the oldest that wait are dropped if too many do.
    pub const fn new(topic: u64, next: u64, name: Bytes) -> Self {
        let overflow = Overflow::DropOldest;
        Self { topic, next, name, overflow, kept: Vec::new(), history: 0 }
    }

    /// What becomes of events that the client does not read in time.
    #[must_use]
    pub const fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The events before `next` that are kept, encoded, in order and without a hole: the last has the number before `next`.
    /// A client that goes on from an earlier connection is sent those that it missed.
    ///
    /// Memory: they count as events that wait. Of what is more than
    /// [`Limits::max_queued_event_bytes`](crate::Limits::with_max_queued_event_bytes) allows the oldest are left out, and
    /// the client is told so.
    #[must_use]
    pub fn with_kept(mut self, kept: Vec<Bytes>) -> Self {
        self.kept = kept;
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

/// An event that is encoded for any number of subscribers; see [`Connection::send_event`](crate::Connection::send_event).
///
/// `event` is the index of the event's type in the server's schema.
pub fn encode_event(topic: u64, sequence: u64, event: u32, payload: Bytes) -> Bytes {
    encode(topic, sequence, event, Content::Plain(payload))
}

/// The same event with its payload compressed, for connections that [agreed](crate::Connection::deflates) on that; plain
/// if that is not shorter. It is not for events that hold secrets (SPEC.md, section 22).
pub fn encode_event_deflated(topic: u64, sequence: u64, event: u32, payload: Bytes) -> Bytes {
    encode(topic, sequence, event, deflate::deflate(payload))
}

fn encode(topic: u64, sequence: u64, event: u32, payload: Content) -> Bytes {
    let frame = Frame::Event { topic, sequence, event, extensions: Extensions::new(), payload };
    let mut out = BytesMut::with_capacity(frame.encoded_len());
    frame.encode(&mut out);
    out.freeze()
}
