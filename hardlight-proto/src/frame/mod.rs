//! Frames: the envelope of everything on the wire, written by hand so that a port can route frames without rkyv.
//!
//! # Layout
//!
//! A *message* (one binary WebSocket message) is one frame, or a batch:
//!
//! ```text
//! message = frame | batch
//! batch   = 0x00 2*( length:varint frame )          at least two frames, no batch within
//! frame   = header:u8 body                          header = flags << 6 | kind
//! ```
//!
//! Varints are LEB128 in their shortest form, up to 64 bits. Other integers are little-endian. A frame's payload is its
//! rest, so a lone call is 3 bytes and its payload, a lone answer 2 bytes and its payload.
//!
//! | kind | name | body | sent by |
//! |---|---|---|---|
//! | 0x01 | HELLO | `revision:varint *( tag:varint length:varint section )` | both |
//! | 0x03 | CALL | `id:u8 method:varint payload` | client |
//! | 0x04 | ANSWER | `id:u8 payload` | server |
//! | 0x05 | ERROR | `id:u8 code:varint` | server |
//! | 0x06 | CANCEL | `id:u8` | client |
//! | 0x07 | SNAPSHOT | `revision:varint operations` | server |
//! | 0x08 | STATE | `revision:varint operations` | server |
//! | 0x09 | TOPIC | `topic:varint next:varint name` | server |
//! | 0x0a | LEAVE | `topic:varint` | server |
//! | 0x0b | EVENT | `topic:varint sequence:varint event:varint payload` | server |
//! | 0x0c | GAP | `topic:varint first:varint last:varint` | server |
//!
//! The kinds 0x20 to 0x3f may be ignored by a receiver that does not know them; any other unknown kind closes the
//! connection. Of the two flags 0x40 is kept for a block of extensions behind the ids, 0x80 for a compressed payload; no
//! kind has them yet. Kept free are 0x02 for an answer to METHODS, 0x0d to 0x0f for chunks, credit and abort, 0x10 and
//! 0x11 for features and going away, 0x12 to 0x15 for streams (calls and answers of many items), and 0x20 to 0x22 for
//! heartbeats and busy.

mod batch;
mod hello;

use alloc::boxed::Box;

use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(crate) use batch::{Inbox, Next};
pub use hello::{Hello, HelloEntry, HelloField, REVISION};

use crate::{
    error::{CallError, ProtocolError},
    varint,
};

/// Marks a message that holds several frames.
pub(crate) const BATCH: u8 = 0x00;
const HELLO: u8 = 0x01;
pub(crate) const CALL: u8 = 0x03;
const ANSWER: u8 = 0x04;
const ERROR: u8 = 0x05;
const CANCEL: u8 = 0x06;
const SNAPSHOT: u8 = 0x07;
const STATE: u8 = 0x08;
const TOPIC: u8 = 0x09;
const LEAVE: u8 = 0x0a;
const EVENT: u8 = 0x0b;
const GAP: u8 = 0x0c;

const KIND_MASK: u8 = 0x3f;
/// The bit of a kind that allows a receiver to ignore it.
const IGNORABLE: u8 = 0x20;

/// Names one of the 256 calls that may be in flight on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u8);

impl CallId {
    /// The id as an index into a table of 256.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One frame, decoded. Payloads share the memory of the message they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// Opens a connection; the first frame of each side.
    Hello(Box<Hello>),
    /// Calls a method.
    Call {
        /// Free until now; in use until the call's answer.
        id: CallId,
        /// Index in the caller's own method table.
        method: u32,
        /// The archive of the method's input.
        payload: Bytes,
    },
    /// The result of a call.
    Answer {
        /// The call.
        id: CallId,
        /// The archive of the method's output.
        payload: Bytes,
    },
    /// A call without a result.
    Error {
        /// The call.
        id: CallId,
        /// Why.
        error: CallError,
    },
    /// Asks for a call to be given up. It still gets its one answer. Ignored if the call is not running.
    Cancel {
        /// The call.
        id: CallId,
    },
    /// The whole connection state; follows the server's Hello.
    Snapshot {
        /// Counts the state frames of a connection.
        revision: u64,
        /// State operations that set every field.
        operations: Bytes,
    },
    /// A change of the connection state.
    State {
        /// One more than the last.
        revision: u64,
        /// State operations.
        operations: Bytes,
    },
    /// A subscription is in force from here on.
    Topic {
        /// Stands for the name in the frames that follow. The same for every subscriber.
        topic: u64,
        /// The sequence number of the next event.
        next: u64,
        /// The topic's name.
        name: Bytes,
    },
    /// A subscription has ended.
    Leave {
        /// The topic.
        topic: u64,
    },
    /// An event on a topic. Its bytes are the same for every subscriber.
    Event {
        /// The topic.
        topic: u64,
        /// Counts the events of the topic.
        sequence: u64,
        /// Index of the event's type in the server's table.
        event: u32,
        /// The archive of the event's fields.
        payload: Bytes,
    },
    /// Events of a topic that this connection does not get.
    Gap {
        /// The topic.
        topic: u64,
        /// Sequence number of the first.
        first: u64,
        /// Sequence number of the last; not less than `first`.
        last: u64,
    },
}

impl Frame {
    /// Decodes a frame; `None` for one that is unknown and may be ignored.
    ///
    /// # Errors
    ///
    /// Every deviation from the layout: see [`ProtocolError`].
    pub fn decode(mut body: Bytes) -> Result<Option<Self>, ProtocolError> {
        let header = take_u8(&mut body).map_err(|_| ProtocolError::Empty)?;
        let kind = header & KIND_MASK;
        let known = matches!(kind, HELLO | CALL..=GAP);
        if !known {
            return match kind {
                BATCH => Err(ProtocolError::InvalidBatch),
                kind if kind & IGNORABLE != 0 => Ok(None),
                kind => Err(ProtocolError::UnknownFrame(kind)),
            };
        }
        if header != kind {
            return Err(ProtocolError::InvalidFlags(header & !KIND_MASK));
        }
        Self::decode_body(kind, body).map(Some)
    }

    fn decode_body(kind: u8, mut body: Bytes) -> Result<Self, ProtocolError> {
        let frame = match kind {
            HELLO => return Hello::decode(body).map(|hello| Self::Hello(Box::new(hello))),
            SNAPSHOT => {
                return Ok(Self::Snapshot { revision: varint::take(&mut body)?, operations: body });
            }
            STATE => {
                return Ok(Self::State { revision: varint::take(&mut body)?, operations: body });
            }
            TOPIC..=GAP => return Self::decode_event_frame(kind, body),
            kind => {
                let id = CallId(take_u8(&mut body)?);
                match kind {
                    CALL => {
                        let method = varint::take_u32(&mut body)?;
                        return Ok(Self::Call { id, method, payload: body });
                    }
                    ANSWER => return Ok(Self::Answer { id, payload: body }),
                    ERROR => {
                        let code = varint::take_u32(&mut body)?;
                        Self::Error { id, error: CallError::from_code(code) }
                    }
                    _ => Self::Cancel { id },
                }
            }
        };
        if body.has_remaining() { Err(ProtocolError::TrailingBytes) } else { Ok(frame) }
    }

    fn decode_event_frame(kind: u8, mut body: Bytes) -> Result<Self, ProtocolError> {
        let topic = varint::take(&mut body)?;
        let frame = match kind {
            TOPIC => {
                return Ok(Self::Topic { topic, next: varint::take(&mut body)?, name: body });
            }
            EVENT => {
                let sequence = varint::take(&mut body)?;
                let event = varint::take_u32(&mut body)?;
                return Ok(Self::Event { topic, sequence, event, payload: body });
            }
            GAP => {
                let (first, last) = (varint::take(&mut body)?, varint::take(&mut body)?);
                Self::Gap { topic, first, last }
            }
            _ => Self::Leave { topic },
        };
        if body.has_remaining() { Err(ProtocolError::TrailingBytes) } else { Ok(frame) }
    }

    /// Bytes that [`encode`](Self::encode) appends.
    pub fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Hello(hello) => hello.encoded_len(),
            Self::Call { method, payload, .. } => {
                1 + varint::len(u64::from(*method)) + payload.len()
            }
            Self::Answer { payload, .. } => 1 + payload.len(),
            Self::Error { error, .. } => 1 + varint::len(u64::from(error.code())),
            Self::Cancel { .. } => 1,
            Self::Snapshot { revision, operations } | Self::State { revision, operations } => {
                varint::len(*revision) + operations.len()
            }
            Self::Topic { topic, next, name } => {
                varint::len(*topic) + varint::len(*next) + name.len()
            }
            Self::Leave { topic } => varint::len(*topic),
            Self::Event { topic, sequence, event, payload } => {
                varint::len(*topic)
                    + varint::len(*sequence)
                    + varint::len(u64::from(*event))
                    + payload.len()
            }
            Self::Gap { topic, first, last } => {
                varint::len(*topic) + varint::len(*first) + varint::len(*last)
            }
        }
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Hello(hello) => {
                out.put_u8(HELLO);
                hello.encode(out);
            }
            Self::Call { id, method, payload } => {
                out.extend_from_slice(&[CALL, id.0]);
                varint::put(out, u64::from(*method));
                out.extend_from_slice(payload);
            }
            Self::Answer { id, payload } => {
                out.extend_from_slice(&[ANSWER, id.0]);
                out.extend_from_slice(payload);
            }
            Self::Error { id, error } => {
                out.extend_from_slice(&[ERROR, id.0]);
                varint::put(out, u64::from(error.code()));
            }
            Self::Cancel { id } => out.extend_from_slice(&[CANCEL, id.0]),
            Self::Snapshot { revision, operations } => {
                put_state(out, SNAPSHOT, *revision, operations);
            }
            Self::State { revision, operations } => put_state(out, STATE, *revision, operations),
            Self::Topic { topic, next, name } => {
                put_varints(out, TOPIC, &[*topic, *next]);
                out.extend_from_slice(name);
            }
            Self::Leave { topic } => put_varints(out, LEAVE, &[*topic]),
            Self::Event { topic, sequence, event, payload } => {
                put_varints(out, EVENT, &[*topic, *sequence, u64::from(*event)]);
                out.extend_from_slice(payload);
            }
            Self::Gap { topic, first, last } => put_varints(out, GAP, &[*topic, *first, *last]),
        }
    }

    /// The frame's name in the table above.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "HELLO",
            Self::Call { .. } => "CALL",
            Self::Answer { .. } => "ANSWER",
            Self::Error { .. } => "ERROR",
            Self::Cancel { .. } => "CANCEL",
            Self::Snapshot { .. } => "SNAPSHOT",
            Self::State { .. } => "STATE",
            Self::Topic { .. } => "TOPIC",
            Self::Leave { .. } => "LEAVE",
            Self::Event { .. } => "EVENT",
            Self::Gap { .. } => "GAP",
        }
    }
}

fn put_varints(out: &mut BytesMut, kind: u8, varints: &[u64]) {
    out.put_u8(kind);
    varints.iter().for_each(|&value| varint::put(out, value));
}

fn put_state(out: &mut BytesMut, kind: u8, revision: u64, operations: &Bytes) {
    put_varints(out, kind, &[revision]);
    out.extend_from_slice(operations);
}

fn take_u8(body: &mut Bytes) -> Result<u8, ProtocolError> {
    body.try_get_u8().map_err(|_| ProtocolError::Truncated)
}

#[cfg(test)]
mod tests;
