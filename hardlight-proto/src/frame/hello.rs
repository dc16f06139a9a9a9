//! Hello: what each side tells the other before anything else.

use alloc::{string::String, vec::Vec};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{error::ProtocolError, limits::MIN_MESSAGE_BYTES, schema::Fingerprint, varint};

/// The revision of the wire format. Peers of different revisions do not talk.
pub const REVISION: u32 = 1;

const LIMITS: u64 = 1;
const STATE_SCHEMA: u64 = 2;
const METHODS: u64 = 3;
const EVENTS: u64 = 4;

const MAX_MESSAGE_BYTES: u64 = 1;

/// What each side tells the other before anything else: first the server, then the client.
///
/// Sections stand in ascending order of their tags; an empty one is left out, one with an unknown tag is skipped.
///
/// ```text
/// 1 LIMITS        *( key:varint value:varint )            keys ascending; key 1: max_message_bytes
/// 2 STATE_SCHEMA  *( index:varint length:varint name fingerprint:u64 )     server only; indexes ascending
/// 3 METHODS       *( name hash:u64 fingerprint:u64 )      client only; calls name a method by its place here;
///                                                         at most 4,096
/// 4 EVENTS        *( name hash:u64 fingerprint:u64 )      server only; events name their type by its place here
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The revision of the wire format that the sender speaks.
    pub revision: u32,
    /// The longest message that the sender accepts, in bytes; at least 1,024.
    pub max_message_bytes: usize,
    /// The fields of the connection state. Empty in a client's Hello.
    pub state: Vec<HelloField>,
    /// The methods that the client may call, in the order it numbers them. Empty in a server's Hello.
    pub methods: Vec<HelloEntry>,
    /// The types of events that the server may send, in the order it numbers them. Empty in a client's Hello.
    pub events: Vec<HelloEntry>,
}

/// A field of the connection state, as a server announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloField {
    /// The number that state operations use.
    pub index: u32,
    /// Its name, for the message if it does not fit.
    pub name: String,
    /// Of its type.
    pub fingerprint: Fingerprint,
}

/// A method as a client announces it, or a type of event as a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloEntry {
    /// The FNV-1a-64 hash of its name.
    pub name_hash: u64,
    /// Of a method's input and output, or of an event's fields.
    pub fingerprint: Fingerprint,
}

impl HelloEntry {
    const LEN: usize = 2 * size_of::<u64>();
}

impl HelloField {
    fn encoded_len(&self) -> usize {
        varint::len(u64::from(self.index))
            + varint::len(self.name.len() as u64)
            + self.name.len()
            + size_of::<u64>()
    }
}

impl Hello {
    pub(super) fn encoded_len(&self) -> usize {
        let tables = [self.methods.len(), self.events.len()].map(|len| len * HelloEntry::LEN);
        let sections = [self.limits_len(), self.state_len(), tables[0], tables[1]];
        let sections = sections.into_iter().filter(|&len| len > 0);
        varint::len(u64::from(self.revision))
            + sections.map(|len| 1 + varint::len(len as u64) + len).sum::<usize>()
    }

    fn limits_len(&self) -> usize {
        varint::len(MAX_MESSAGE_BYTES) + varint::len(self.max_message_bytes as u64)
    }

    fn state_len(&self) -> usize {
        self.state.iter().map(HelloField::encoded_len).sum()
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        varint::put(out, u64::from(self.revision));
        put_section_header(out, LIMITS, self.limits_len());
        varint::put(out, MAX_MESSAGE_BYTES);
        varint::put(out, self.max_message_bytes as u64);
        put_section_header(out, STATE_SCHEMA, self.state_len());
        for field in &self.state {
            varint::put(out, u64::from(field.index));
            varint::put(out, field.name.len() as u64);
            out.extend_from_slice(field.name.as_bytes());
            out.put_u64_le(field.fingerprint.to_u64());
        }
        put_table(out, METHODS, &self.methods);
        put_table(out, EVENTS, &self.events);
    }

    pub(super) fn decode(mut body: Bytes) -> Result<Self, ProtocolError> {
        let mut hello = Self {
            revision: varint::take_u32(&mut body)?,
            max_message_bytes: 0,
            state: Vec::new(),
            methods: Vec::new(),
            events: Vec::new(),
        };
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
            match tag {
                LIMITS => hello.decode_limits(section)?,
                STATE_SCHEMA => hello.decode_state(section)?,
                METHODS => hello.methods = decode_table(section)?,
                EVENTS => hello.events = decode_table(section)?,
                _ => {}
            }
        }
        if hello.max_message_bytes < MIN_MESSAGE_BYTES {
            return Err(ProtocolError::InvalidHello);
        }
        Ok(hello)
    }

    fn decode_limits(&mut self, mut section: Bytes) -> Result<(), ProtocolError> {
        let mut last_key = 0;
        while section.has_remaining() {
            let key = take_ascending(&mut section, &mut last_key)?;
            let value = varint::take(&mut section)?;
            if key == MAX_MESSAGE_BYTES {
                self.max_message_bytes = usize::try_from(value).unwrap_or(usize::MAX);
            }
        }
        Ok(())
    }

    fn decode_state(&mut self, mut section: Bytes) -> Result<(), ProtocolError> {
        while section.has_remaining() {
            let index = varint::take_u32(&mut section)?;
            if self.state.last().is_some_and(|last| last.index >= index) {
                return Err(ProtocolError::InvalidHello);
            }
            let name = varint::take_section(&mut section)?;
            let name = core::str::from_utf8(&name).map_err(|_| ProtocolError::InvalidUtf8)?.into();
            let fingerprint = Fingerprint::from_u64(take_u64(&mut section)?);
            self.state.push(HelloField { index, name, fingerprint });
        }
        Ok(())
    }
}

fn put_table(out: &mut BytesMut, tag: u64, table: &[HelloEntry]) {
    put_section_header(out, tag, table.len() * HelloEntry::LEN);
    for entry in table {
        out.put_u64_le(entry.name_hash);
        out.put_u64_le(entry.fingerprint.to_u64());
    }
}

fn decode_table(mut section: Bytes) -> Result<Vec<HelloEntry>, ProtocolError> {
    let mut table = Vec::with_capacity(section.len() / HelloEntry::LEN);
    while section.has_remaining() {
        let name_hash = take_u64(&mut section)?;
        let fingerprint = Fingerprint::from_u64(take_u64(&mut section)?);
        table.push(HelloEntry { name_hash, fingerprint });
    }
    Ok(table)
}

/// An empty section is left out.
fn put_section_header(out: &mut BytesMut, tag: u64, len: usize) {
    if len > 0 {
        varint::put(out, tag);
        varint::put(out, len as u64);
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

fn take_u64(body: &mut Bytes) -> Result<u64, ProtocolError> {
    body.try_get_u64_le().map_err(|_| ProtocolError::Truncated)
}
