//! Events: what a server pushes to the clients that are subscribed to a topic (SPEC.md, section 13).

#[cfg(feature = "payload")]
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
