//! The layout of each kind of frame (SPEC.md, section 5).
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::{
    CallId, Content, Extensions, Frame, GapReason, Hello, Mismatch, RefusedMethod, TopicStart,
};
use crate::{
    error::{CallError, ProtocolError},
    features,
    sink::{self, Sink},
    varint,
};

/// Marks a message that holds several frames.
pub(crate) const BATCH: u8 = 0x00;
const HELLO: u8 = 0x01;
const METHODS: u8 = 0x02;
pub(crate) const CALL: u8 = 0x03;
pub(crate) const ANSWER: u8 = 0x04;
const ERROR: u8 = 0x05;
const CANCEL: u8 = 0x06;
pub(crate) const SNAPSHOT: u8 = 0x07;
pub(crate) const STATE: u8 = 0x08;
const TOPIC: u8 = 0x09;
const LEAVE: u8 = 0x0a;
pub(crate) const EVENT: u8 = 0x0b;
const GAP: u8 = 0x0c;
const BEGIN: u8 = 0x0d;
const CHUNK: u8 = 0x0e;
const CREDIT: u8 = 0x0f;
const ABORT: u8 = 0x10;
const FEATURES: u8 = 0x11;
const GOING_AWAY: u8 = 0x12;
const PING: u8 = 0x13;
const PONG: u8 = 0x14;

pub(crate) const KIND_MASK: u8 = 0x3f;
/// The bit of a kind that allows a receiver to ignore it.
const IGNORABLE: u8 = 0x20;

/// Flag E: a block of extensions follows the ids.
const EXTENDED: u8 = 0x40;
/// Flag C: the payload is compressed.
pub(crate) const COMPRESSED: u8 = 0x80;

impl Frame {
    /// Decodes a frame; `None` for one that is unknown and may be ignored.
    ///
    /// # Errors
    ///
    /// Every deviation from the layout: see [`ProtocolError`].
    #[inline]
    pub fn decode(mut body: Bytes) -> Result<Option<Self>, ProtocolError> {
        let extensions = Extensions::new();
        // What most frames are, in one look. Others, and those that are cut short, go the long way.
        if let Some((id, method)) = short_call(&body) {
            body.advance(SHORT_CALL_BYTES);
            Ok(Some(Self::Call { id, method, extensions, payload: Content::Plain(body) }))
        } else if let Some(id) = short_answer(&body) {
            body.advance(SHORT_ANSWER_BYTES);
            Ok(Some(Self::Answer { id, extensions, payload: Content::Plain(body) }))
        } else {
            decode_any(body)
        }
    }

    /// Bytes that [`encode`](Self::encode) appends.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        match self.short_parts() {
            Some((head, payload)) => head.len + payload.len(),
            None => self.any_len(),
        }
    }

    /// Appends the frame.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub fn encode(&self, out: &mut BytesMut) {
        match self.short_parts() {
            Some((head, payload)) => {
                head.put(out);
                out.extend_from_slice(payload);
            }
            None => self.encode_any(out),
        }
    }

    /// What stands before the payload, and that, of a call or an answer that says nothing besides.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn short_parts(&self) -> Option<(ShortHead, &Bytes)> {
        match self {
            Self::Call { id, method, extensions, payload: Content::Plain(payload) }
                if extensions.is_empty() =>
            {
                Some((ShortHead::call(*id, *method), payload))
            }
            Self::Answer { id, extensions, payload: Content::Plain(payload) }
                if extensions.is_empty() =>
            {
                Some((ShortHead::answer(*id), payload))
            }
            _ => None,
        }
    }

    fn any_len(&self) -> usize {
        sink::count(|count| self.put_head(count)) + self.payload_bytes().len()
    }

    fn encode_any(&self, out: &mut BytesMut) {
        self.put_head(out);
        out.extend_from_slice(self.payload_bytes());
    }

    /// The frame in two parts, the second of which is shared and not copied.
    pub(crate) fn split(&self) -> (Bytes, Bytes) {
        let mut head = BytesMut::new();
        self.put_head(&mut head);
        (head.freeze(), self.payload().map_or_else(Bytes::new, |payload| payload.bytes().clone()))
    }

    fn payload_bytes(&self) -> &[u8] {
        self.payload().map_or(&[], |payload| payload.bytes())
    }

    fn flags(&self) -> u8 {
        let compressed = match self.payload() {
            Some(Content::Deflated { .. }) => COMPRESSED,
            _ => 0,
        };
        let extended = match self {
            Self::Call { extensions, .. }
            | Self::Answer { extensions, .. }
            | Self::Error { extensions, .. }
            | Self::Event { extensions, .. }
                if !extensions.is_empty() =>
            {
                EXTENDED
            }
            _ => 0,
        };
        compressed | extended
    }

    /// Everything but the payload.
    fn put_head(&self, out: &mut impl Sink) {
        out.put(&[self.kind() | self.flags()]);
        match self {
            Self::Hello(hello) => hello.put(out),
            Self::Methods(methods) => methods.iter().for_each(|method| method.put(out)),
            Self::Call { id, method, extensions, .. } => {
                out.put(ShortHead::call(*id, *method).behind_kind());
                extensions.put(out);
            }
            Self::Answer { id, extensions, .. } => {
                out.put(ShortHead::answer(*id).behind_kind());
                extensions.put(out);
            }
            Self::Error { id, error, extensions } => {
                out.put(&[id.0]);
                varint::put(out, u64::from(error.code()));
                extensions.put(out);
            }
            Self::Cancel { id } => out.put(&[id.0]),
            Self::Snapshot { revision, .. } | Self::State { revision, .. } => {
                varint::put(out, *revision);
            }
            Self::Topic { topic, next, start, name } => {
                put_varints(out, &[*topic, *next]);
                out.put(&[start.code()]);
                out.put(name);
            }
            Self::Leave { topic } => varint::put(out, *topic),
            Self::Event { topic, sequence, event, extensions, .. } => {
                put_varints(out, &[*topic, *sequence, u64::from(*event)]);
                extensions.put(out);
            }
            Self::Gap { topic, first, last, reason } => {
                put_varints(out, &[*topic, *first, *last, u64::from(reason.code())]);
            }
            Self::Begin { transfer, length, piece } => {
                put_varints(out, &[*transfer, *length]);
                out.put(piece);
            }
            Self::Chunk { transfer, piece } => {
                varint::put(out, *transfer);
                out.put(piece);
            }
            Self::Credit { transfer, bytes } => put_varints(out, &[*transfer, *bytes]),
            Self::Abort { transfer } => varint::put(out, *transfer),
            Self::Features(features) => features::put(out, features),
            Self::GoingAway { grace } => varint::put(out, varint::micros(*grace)),
            Self::Ping { token } | Self::Pong { token } => varint::put(out, *token),
        }
        if let Some(Content::Deflated { length, .. }) = self.payload() {
            varint::put(out, *length);
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => HELLO,
            Self::Methods(_) => METHODS,
            Self::Call { .. } => CALL,
            Self::Answer { .. } => ANSWER,
            Self::Error { .. } => ERROR,
            Self::Cancel { .. } => CANCEL,
            Self::Snapshot { .. } => SNAPSHOT,
            Self::State { .. } => STATE,
            Self::Topic { .. } => TOPIC,
            Self::Leave { .. } => LEAVE,
            Self::Event { .. } => EVENT,
            Self::Gap { .. } => GAP,
            Self::Begin { .. } => BEGIN,
            Self::Chunk { .. } => CHUNK,
            Self::Credit { .. } => CREDIT,
            Self::Abort { .. } => ABORT,
            Self::Features(_) => FEATURES,
            Self::GoingAway { .. } => GOING_AWAY,
            Self::Ping { .. } => PING,
            Self::Pong { .. } => PONG,
        }
    }
}

/// What stands before the payload of a short call, and of a short answer.
pub(super) const SHORT_CALL_BYTES: usize = 3;
pub(super) const SHORT_ANSWER_BYTES: usize = 2;

/// The id and the method of a call in its shortest form: without flags, of a method that takes one byte.
#[inline]
pub(super) fn short_call(frame: &[u8]) -> Option<(CallId, u32)> {
    match *frame {
        [CALL, id, method @ ..0x80, ..] => Some((CallId(id), u32::from(method))),
        _ => None,
    }
}

/// The id of an answer in its shortest form: without flags.
#[inline]
pub(super) fn short_answer(frame: &[u8]) -> Option<CallId> {
    match *frame {
        [ANSWER, id, ..] => Some(CallId(id)),
        _ => None,
    }
}

/// The beginning of a call or an answer: a kind, an id and a method of up to five bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortHead {
    bytes: [u8; 8],
    len: usize,
}

impl ShortHead {
    #[inline]
    pub(crate) const fn len(self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn call(id: CallId, method: u32) -> Self {
        if method < 0x80 {
            let bytes = [CALL, id.0, method as u8, 0, 0, 0, 0, 0];
            return Self { bytes, len: SHORT_CALL_BYTES };
        }
        let mut head = Self { bytes: [CALL, id.0, 0, 0, 0, 0, 0, 0], len: 2 };
        varint::put(&mut head, u64::from(method));
        head
    }

    #[inline]
    pub(crate) const fn answer(id: CallId) -> Self {
        Self { bytes: [ANSWER, id.0, 0, 0, 0, 0, 0, 0], len: SHORT_ANSWER_BYTES }
    }

    /// It without the kind, which flags may come to.
    fn behind_kind(&self) -> &[u8] {
        &self.bytes[1..self.len]
    }

    /// Appends a byte, and it.
    #[inline]
    pub(crate) fn put_behind(self, byte: u8, out: &mut BytesMut) {
        let end = out.len() + 1 + self.len;
        let [a, b, c, d, e, f, g, _] = self.bytes;
        out.extend_from_slice(&[byte, a, b, c, d, e, f, g]);
        out.truncate(end);
    }

    /// Appends it. All of the array is written, which takes one instruction, and what is too much cut off.
    #[inline]
    pub(crate) fn put(self, out: &mut BytesMut) {
        let end = out.len() + self.len;
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

impl Sink for ShortHead {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
    }
}

/// Decodes whatever frame it is.
fn decode_any(mut body: Bytes) -> Result<Option<Frame>, ProtocolError> {
    let header = varint::take_u8(&mut body).map_err(|_| ProtocolError::Empty)?;
    let kind = header & KIND_MASK;
    let allowed = match kind {
        HELLO..=PONG => allowed_flags(kind),
        BATCH => return Err(ProtocolError::InvalidBatch),
        kind if kind & IGNORABLE != 0 => return Ok(None),
        kind => return Err(ProtocolError::UnknownFrame(kind)),
    };
    let flags = header & !KIND_MASK;
    if flags & !allowed != 0 {
        return Err(ProtocolError::InvalidFlags(flags));
    }
    decode_body(kind, flags, body).map(Some)
}

const fn allowed_flags(kind: u8) -> u8 {
    match kind {
        CALL | ANSWER | EVENT => EXTENDED | COMPRESSED,
        ERROR => EXTENDED,
        SNAPSHOT | STATE => COMPRESSED,
        _ => 0,
    }
}

fn decode_body(kind: u8, flags: u8, mut body: Bytes) -> Result<Frame, ProtocolError> {
    let frame = match kind {
        HELLO => return Hello::decode(body).map(|hello| Frame::Hello(Box::new(hello))),
        METHODS => return decode_methods(body),
        CALL..=CANCEL => return decode_call_frame(kind, flags, body),
        SNAPSHOT | STATE => {
            let revision = varint::take(&mut body)?;
            let operations = decode_content(flags, body)?;
            return Ok(match kind {
                SNAPSHOT => Frame::Snapshot { revision, operations },
                _ => Frame::State { revision, operations },
            });
        }
        TOPIC..=GAP => return decode_event_frame(kind, flags, body),
        BEGIN => {
            let (transfer, length) = (varint::take(&mut body)?, varint::take(&mut body)?);
            return Ok(Frame::Begin { transfer, length, piece: body });
        }
        CHUNK => return Ok(Frame::Chunk { transfer: varint::take(&mut body)?, piece: body }),
        FEATURES => return features::decode(body).map(Frame::Features),
        CREDIT => {
            Frame::Credit { transfer: varint::take(&mut body)?, bytes: varint::take(&mut body)? }
        }
        ABORT => Frame::Abort { transfer: varint::take(&mut body)? },
        GOING_AWAY => Frame::GoingAway { grace: Duration::from_micros(varint::take(&mut body)?) },
        PING => Frame::Ping { token: varint::take(&mut body)? },
        _ => Frame::Pong { token: varint::take(&mut body)? },
    };
    end_of(&body).map(|()| frame)
}

fn decode_call_frame(kind: u8, flags: u8, mut body: Bytes) -> Result<Frame, ProtocolError> {
    let id = CallId(varint::take_u8(&mut body)?);
    match kind {
        CALL => {
            let method = varint::take_u32(&mut body)?;
            let extensions = decode_extensions(flags, &mut body)?;
            let payload = decode_content(flags, body)?;
            Ok(Frame::Call { id, method, extensions, payload })
        }
        ANSWER => {
            let extensions = decode_extensions(flags, &mut body)?;
            Ok(Frame::Answer { id, extensions, payload: decode_content(flags, body)? })
        }
        ERROR => {
            let error = CallError::from_code(varint::take_u32(&mut body)?);
            let extensions = decode_extensions(flags, &mut body)?;
            end_of(&body).map(|()| Frame::Error { id, error, extensions })
        }
        _ => end_of(&body).map(|()| Frame::Cancel { id }),
    }
}

fn decode_event_frame(kind: u8, flags: u8, mut body: Bytes) -> Result<Frame, ProtocolError> {
    let topic = varint::take(&mut body)?;
    match kind {
        TOPIC => {
            let next = varint::take(&mut body)?;
            let start = TopicStart::from_code(varint::take_u8(&mut body)?)?;
            Ok(Frame::Topic { topic, next, start, name: body })
        }
        EVENT => {
            let sequence = varint::take(&mut body)?;
            let event = varint::take_u32(&mut body)?;
            let extensions = decode_extensions(flags, &mut body)?;
            let payload = decode_content(flags, body)?;
            Ok(Frame::Event { topic, sequence, event, extensions, payload })
        }
        GAP => {
            let (first, last) = (varint::take(&mut body)?, varint::take(&mut body)?);
            let reason = GapReason::from_code(varint::take_u32(&mut body)?);
            end_of(&body).map(|()| Frame::Gap { topic, first, last, reason })
        }
        _ => end_of(&body).map(|()| Frame::Leave { topic }),
    }
}

fn decode_methods(mut body: Bytes) -> Result<Frame, ProtocolError> {
    let mut methods = Vec::<RefusedMethod>::new();
    while body.has_remaining() {
        let method = RefusedMethod::decode(&mut body)?;
        if methods.last().is_some_and(|last| last.method >= method.method) {
            return Err(ProtocolError::InvalidMethods);
        }
        methods.push(method);
    }
    if methods.is_empty() {
        return Err(ProtocolError::InvalidMethods);
    }
    Ok(Frame::Methods(methods))
}

fn decode_extensions(flags: u8, body: &mut Bytes) -> Result<Extensions, ProtocolError> {
    if flags & EXTENDED == 0 { Ok(Extensions::new()) } else { Extensions::take(body) }
}

fn decode_content(flags: u8, mut body: Bytes) -> Result<Content, ProtocolError> {
    if flags & COMPRESSED == 0 {
        return Ok(Content::Plain(body));
    }
    match varint::take(&mut body)? {
        0 => Err(ProtocolError::InvalidCompression),
        length => Ok(Content::Deflated { length, stream: body }),
    }
}

fn end_of(body: &Bytes) -> Result<(), ProtocolError> {
    if body.has_remaining() { Err(ProtocolError::TrailingBytes) } else { Ok(()) }
}

fn put_varints(out: &mut impl Sink, varints: &[u64]) {
    varints.iter().for_each(|&value| varint::put(out, value));
}

impl RefusedMethod {
    fn put(self, out: &mut impl Sink) {
        put_varints(out, &[u64::from(self.method), u64::from(self.why.code())]);
    }

    fn decode(body: &mut Bytes) -> Result<Self, ProtocolError> {
        let method = varint::take_u32(body)?;
        let why = match CallError::from_code(varint::take_u32(body)?) {
            CallError::UnknownMethod => Mismatch::Unknown,
            CallError::IncompatibleMethod => Mismatch::Incompatible,
            _ => return Err(ProtocolError::InvalidMethods),
        };
        Ok(Self { method, why })
    }
}

impl Mismatch {
    const fn code(self) -> u32 {
        self.to_call_error().code()
    }

    /// What a call of such a method ends with.
    pub(crate) const fn to_call_error(self) -> CallError {
        match self {
            Self::Unknown => CallError::UnknownMethod,
            Self::Incompatible => CallError::IncompatibleMethod,
        }
    }
}

impl TopicStart {
    const fn code(self) -> u8 {
        match self {
            Self::Fresh => 0,
            Self::Resumed => 1,
            Self::Restarted => 2,
        }
    }

    const fn from_code(code: u8) -> Result<Self, ProtocolError> {
        match code {
            0 => Ok(Self::Fresh),
            1 => Ok(Self::Resumed),
            2 => Ok(Self::Restarted),
            _ => Err(ProtocolError::InvalidTopic),
        }
    }
}

impl GapReason {
    const fn code(self) -> u32 {
        match self {
            Self::Lagged => 1,
            Self::Conflated => 2,
            Self::Withheld => 3,
            Self::Expired => 4,
            Self::TooLong => 5,
            Self::Unknown(code) => code,
        }
    }

    const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Lagged,
            2 => Self::Conflated,
            3 => Self::Withheld,
            4 => Self::Expired,
            5 => Self::TooLong,
            code => Self::Unknown(code),
        }
    }
}
