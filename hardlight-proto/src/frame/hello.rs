//! Hello: what each side tells the other before anything else (SPEC.md, section 6).

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use bytes::{Buf, Bytes};

use crate::{
    error::ProtocolError,
    features,
    limits::{MAX_MESSAGE_BYTES, MAX_TOPIC_NAME_BYTES},
    schema::{EventSchema, FieldSchema, Fingerprint, MethodSchema},
    sink::{self, Sink},
    varint,
};

/// The revision of the wire format. Peers of different revisions do not talk.
pub const REVISION: u32 = 1;

/// The WebSocket subprotocol of this revision (SPEC.md, section 3.1).
pub const SUBPROTOCOL: &str = "hl.1";

const LIMITS: u64 = 1;
const CAPABILITIES: u64 = 2;
const EPOCH: u64 = 3;
const FEATURES: u64 = 4;
const STATE: u64 = 5;
const METHODS: u64 = 6;
const EVENTS: u64 = 7;
const RESUME: u64 = 8;

const MAX_FRAME_BYTES: u64 = 1;
const HEARTBEAT_INTERVAL: u64 = 2;

const DEFLATE: u64 = 1;

/// What each side tells the other before anything else: first the server, then the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The revision of the wire format that the sender speaks. Nothing else is read of another one.
    pub revision: u32,
    /// The longest frame that the sender accepts, in bytes; at least 66,560.
    pub max_frame_bytes: usize,
    /// How often something is to be heard of either side. Server only.
    pub heartbeat_interval: Option<Duration>,
    /// Whether the sender reads compressed payloads.
    pub deflate: bool,
    /// Which life of the server's event numbering this is. Server only.
    pub epoch: Option<u64>,
    /// The names of the connection's features, in ascending order. Server only.
    pub features: Vec<String>,
    /// The fields of the connection state, in ascending order of their indexes. Server only.
    pub state: Vec<HelloField>,
    /// The methods that the client may call, in the order it numbers them. Client only.
    pub methods: Vec<HelloEntry>,
    /// The types of events that the server may send, in the order it numbers them. Server only.
    pub events: Vec<HelloEntry>,
    /// What the client was subscribed to on an earlier connection. Client only.
    pub resume: Option<Resume>,
}

/// A field of the connection state, as a server announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloField {
    /// The number that state operations use.
    pub index: u32,
    /// Of its type.
    pub fingerprint: Fingerprint,
    /// Its name.
    pub name: String,
    /// The feature that it belongs to; empty if every connection has it.
    pub feature: String,
}

/// A method as a client announces it, or a type of event as a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloEntry {
    /// The FNV-1a-64 hash of its name.
    pub name_hash: u64,
    /// Of a method's input and output, or of an event's fields.
    pub fingerprint: Fingerprint,
}

/// The topics that a client was subscribed to on an earlier connection, and how far it came (SPEC.md, section 13.5).
///
/// [`Connection::resume_point`](crate::Connection::resume_point) makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// The server's epoch then.
    pub epoch: u64,
    /// The topics, in ascending order of their names.
    pub topics: Vec<ResumeTopic>,
}

/// How far a client came on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeTopic {
    /// The topic's name, at most 512 bytes.
    pub name: Bytes,
    /// The sequence number of the event that was expected next.
    pub next: u64,
}

impl Hello {
    /// A Hello that says no more than it must.
    pub const fn new() -> Self {
        Self {
            revision: REVISION,
            max_frame_bytes: MAX_MESSAGE_BYTES,
            heartbeat_interval: None,
            deflate: false,
            epoch: None,
            features: Vec::new(),
            state: Vec::new(),
            methods: Vec::new(),
            events: Vec::new(),
            resume: None,
        }
    }

    /// Whether it says what only a server may say.
    pub(crate) fn is_servers(&self) -> bool {
        self.heartbeat_interval.is_some()
            || self.epoch.is_some()
            || !(self.features.is_empty() && self.state.is_empty() && self.events.is_empty())
    }

    /// Whether it says what only a client may say.
    pub(crate) fn is_clients(&self) -> bool {
        !self.methods.is_empty() || self.resume.is_some()
    }

    /// Bytes that it takes in a frame, with the frame's header.
    pub(crate) fn encoded_len(&self) -> usize {
        1 + sink::count(|count| self.put(count))
    }

    pub(super) fn put(&self, out: &mut impl Sink) {
        varint::put(out, u64::from(self.revision));
        let (limits, state) = (self.limits(), &self.state);
        put_section(out, LIMITS, |out| limits.iter().for_each(|&value| varint::put(out, value)));
        if self.deflate {
            out.put(&[CAPABILITIES as u8, 1, DEFLATE as u8]);
        }
        if let Some(epoch) = self.epoch {
            out.put(&[EPOCH as u8, 8]);
            out.put(&epoch.to_le_bytes());
        }
        put_section(out, FEATURES, |out| features::put(out, &self.features));
        put_section(out, STATE, |out| state.iter().for_each(|field| field.put(out)));
        put_section(out, METHODS, |out| put_table(out, &self.methods));
        put_section(out, EVENTS, |out| put_table(out, &self.events));
        if let Some(resume) = &self.resume {
            put_section(out, RESUME, |out| resume.put(out));
        }
    }

    /// The keys and values of the limits that differ from what holds without them.
    fn limits(&self) -> Vec<u64> {
        let mut limits = Vec::new();
        if self.max_frame_bytes != MAX_MESSAGE_BYTES {
            limits.extend([MAX_FRAME_BYTES, self.max_frame_bytes as u64]);
        }
        if let Some(interval) = self.heartbeat_interval {
            limits.extend([HEARTBEAT_INTERVAL, varint::micros(interval)]);
        }
        limits
    }

    pub(super) fn decode(mut body: Bytes) -> Result<Self, ProtocolError> {
        let mut hello = Self { revision: varint::take_u32(&mut body)?, ..Self::new() };
        // What follows the revision may mean something else in another one.
        if hello.revision != REVISION {
            return Ok(hello);
        }
        let mut last_tag = 0;
        while body.has_remaining() {
            let tag = take_ascending(&mut body, &mut last_tag)?;
            let section = varint::take_section(&mut body)?;
            if section.is_empty() {
                return Err(ProtocolError::InvalidHello);
            }
            hello.decode_section(tag, section)?;
        }
        Ok(hello)
    }

    fn decode_section(&mut self, tag: u64, section: Bytes) -> Result<(), ProtocolError> {
        match tag {
            LIMITS => self.decode_limits(section)?,
            CAPABILITIES => self.decode_capabilities(section)?,
            EPOCH => self.epoch = Some(decode_epoch(section)?),
            FEATURES => {
                let features = features::decode(section);
                // What is wrong with a name says itself; what is wrong with the list is the Hello's.
                self.features = features.map_err(|error| match error {
                    ProtocolError::InvalidFeatures => ProtocolError::InvalidHello,
                    error => error,
                })?;
            }
            STATE => self.state = decode_state(section)?,
            METHODS => self.methods = decode_table(section)?,
            EVENTS => self.events = decode_table(section)?,
            RESUME => self.resume = Some(Resume::decode(section)?),
            _ => {}
        }
        Ok(())
    }

    fn decode_limits(&mut self, mut section: Bytes) -> Result<(), ProtocolError> {
        let mut last_key = 0;
        while section.has_remaining() {
            let key = take_ascending(&mut section, &mut last_key)?;
            let value = varint::take(&mut section)?;
            match key {
                MAX_FRAME_BYTES if value < MAX_MESSAGE_BYTES as u64 => {
                    return Err(ProtocolError::InvalidHello);
                }
                MAX_FRAME_BYTES => {
                    self.max_frame_bytes = usize::try_from(value).unwrap_or(usize::MAX);
                }
                HEARTBEAT_INTERVAL if value == 0 => return Err(ProtocolError::InvalidHello),
                HEARTBEAT_INTERVAL => {
                    self.heartbeat_interval = Some(Duration::from_micros(value));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn decode_capabilities(&mut self, mut section: Bytes) -> Result<(), ProtocolError> {
        let mut last = 0;
        while section.has_remaining() {
            self.deflate |= take_ascending(&mut section, &mut last)? == DEFLATE;
        }
        Ok(())
    }
}

impl Default for Hello {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&FieldSchema> for HelloField {
    fn from(field: &FieldSchema) -> Self {
        Self {
            index: field.index,
            fingerprint: field.fingerprint,
            name: field.name.into(),
            feature: field.feature.unwrap_or_default().into(),
        }
    }
}

impl From<&MethodSchema> for HelloEntry {
    fn from(method: &MethodSchema) -> Self {
        Self { name_hash: method.name_hash, fingerprint: method.fingerprint }
    }
}

impl From<&EventSchema> for HelloEntry {
    fn from(event: &EventSchema) -> Self {
        Self { name_hash: event.name_hash, fingerprint: event.fingerprint }
    }
}

impl HelloField {
    fn put(&self, out: &mut (impl Sink + ?Sized)) {
        varint::put(out, u64::from(self.index));
        out.put(&self.fingerprint.to_u64().to_le_bytes());
        varint::put_section(out, self.name.as_bytes());
        varint::put_section(out, self.feature.as_bytes());
    }

    fn decode(section: &mut Bytes) -> Result<Self, ProtocolError> {
        Ok(Self {
            index: varint::take_u32(section)?,
            fingerprint: Fingerprint::from_u64(varint::take_u64(section)?),
            name: features::take_text(section)?,
            feature: features::take_text(section)?,
        })
    }
}

impl Resume {
    /// Of how many topics, the first, the section takes no more than this in a Hello.
    pub(crate) fn count_fitting(&self, max_bytes: usize) -> usize {
        // The tag, and a length of what fits into a message.
        let mut left = max_bytes.saturating_sub(1 + 3 + 8);
        let fits = self.topics.iter().take_while(|topic| {
            let name = topic.name.len();
            let len = varint::len(topic.next) + varint::len(name as u64) + name;
            let fits = len <= left;
            left = left.saturating_sub(len);
            fits
        });
        fits.count()
    }

    fn put(&self, out: &mut (impl Sink + ?Sized)) {
        out.put(&self.epoch.to_le_bytes());
        for topic in &self.topics {
            varint::put(out, topic.next);
            varint::put_section(out, &topic.name);
        }
    }

    fn decode(mut section: Bytes) -> Result<Self, ProtocolError> {
        let mut resume = Self { epoch: varint::take_u64(&mut section)?, topics: Vec::new() };
        while section.has_remaining() {
            let next = varint::take(&mut section)?;
            let name = varint::take_section(&mut section)?;
            let ascends = resume.topics.last().is_none_or(|last| last.name < name);
            if !ascends || name.len() > MAX_TOPIC_NAME_BYTES {
                return Err(ProtocolError::InvalidHello);
            }
            resume.topics.push(ResumeTopic { name, next });
        }
        if resume.topics.is_empty() { Err(ProtocolError::InvalidHello) } else { Ok(resume) }
    }
}

fn decode_epoch(mut section: Bytes) -> Result<u64, ProtocolError> {
    let epoch = varint::take_u64(&mut section)?;
    if section.has_remaining() { Err(ProtocolError::TrailingBytes) } else { Ok(epoch) }
}

fn decode_state(mut section: Bytes) -> Result<Vec<HelloField>, ProtocolError> {
    let mut fields = Vec::<HelloField>::new();
    while section.has_remaining() {
        let field = HelloField::decode(&mut section)?;
        if fields.last().is_some_and(|last| last.index >= field.index) {
            return Err(ProtocolError::InvalidHello);
        }
        fields.push(field);
    }
    Ok(fields)
}

fn put_table(out: &mut (impl Sink + ?Sized), table: &[HelloEntry]) {
    for entry in table {
        out.put(&entry.name_hash.to_le_bytes());
        out.put(&entry.fingerprint.to_u64().to_le_bytes());
    }
}

fn decode_table(mut section: Bytes) -> Result<Vec<HelloEntry>, ProtocolError> {
    let mut table = Vec::with_capacity(section.len() / size_of::<HelloEntry>());
    while section.has_remaining() {
        let name_hash = varint::take_u64(&mut section)?;
        let fingerprint = Fingerprint::from_u64(varint::take_u64(&mut section)?);
        table.push(HelloEntry { name_hash, fingerprint });
    }
    Ok(table)
}

/// An empty section is left out.
fn put_section(out: &mut impl Sink, tag: u64, write: impl Fn(&mut dyn Sink)) {
    let len = sink::count(|count| write(count));
    if len > 0 {
        varint::put(out, tag);
        varint::put(out, len as u64);
        write(out);
    }
}

fn take_ascending(body: &mut Bytes, last: &mut u64) -> Result<u64, ProtocolError> {
    let next = varint::take(body)?;
    if next <= *last {
        return Err(ProtocolError::InvalidHello);
    }
    *last = next;
    Ok(next)
}
