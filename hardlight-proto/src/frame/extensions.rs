//! Extensions: what a frame may say besides what every frame of its kind says (SPEC.md, section 7).

use alloc::boxed::Box;
use core::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::{
    error::ProtocolError,
    sink::{self, Sink},
    varint,
};

/// The longest block of extensions, in bytes.
pub const MAX_EXTENSION_BYTES: usize = 4096;

/// A duration: what is left until the caller gives the call up.
const DEADLINE: u64 = 1;
const TRACEPARENT: u64 = 2;
const TRACESTATE: u64 = 3;
const IDEMPOTENCY_KEY: u64 = 4;
/// A duration: an ERROR's call is not worth trying again before.
const RETRY_AFTER: u64 = 5;

/// The tags that applications may use as they like.
pub const APPLICATION_EXTENSIONS: core::ops::RangeInclusive<u64> = 64..=127;

/// What a frame says besides what every frame of its kind says: tagged bytes, in ascending order of their tags.
///
/// Without any it costs nothing on the wire. A received one was checked: what it says under a tag that this revision
/// defines has the right form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    /// As on the wire, without the length before it; not empty. In a box, since most frames have none.
    block: Option<Box<Bytes>>,
}

/// Why an extension was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// All extensions of a frame may take 4,096 bytes together.
    #[error("the extensions of a frame take more than {MAX_EXTENSION_BYTES} bytes")]
    TooLong,
    /// What an extension holds is empty, or longer than that extension may be.
    #[error("extension {tag} may not hold this many bytes")]
    InvalidBody {
        /// The extension's tag.
        tag: u64,
    },
    /// The tag is not one that applications may use.
    #[error("extension tag {tag} is reserved: applications may use 64 to 127")]
    ReservedTag {
        /// The tag.
        tag: u64,
    },
}

impl Extensions {
    /// None.
    pub const fn new() -> Self {
        Self { block: None }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.block.is_none()
    }

    /// Tells how long the caller will wait for the answer; truncated to microseconds.
    ///
    /// # Errors
    ///
    /// [`ExtensionError::TooLong`], as for every other of these methods.
    pub fn with_deadline(self, left: Duration) -> Result<Self, ExtensionError> {
        self.with_duration(DEADLINE, left)
    }

    /// The header `traceparent` of W3C Trace Context: 1 to 255 bytes.
    ///
    /// # Errors
    ///
    /// [`ExtensionError::InvalidBody`] if it has another length.
    pub fn with_traceparent(self, traceparent: &[u8]) -> Result<Self, ExtensionError> {
        self.with(TRACEPARENT, traceparent)
    }

    /// The header `tracestate` of W3C Trace Context: 1 to 512 bytes.
    ///
    /// # Errors
    ///
    /// [`ExtensionError::InvalidBody`] if it has another length.
    pub fn with_tracestate(self, tracestate: &[u8]) -> Result<Self, ExtensionError> {
        self.with(TRACESTATE, tracestate)
    }

    /// The same without what W3C Trace Context says: neither `traceparent` nor `tracestate`.
    #[must_use]
    pub fn without_trace(self) -> Self {
        let mut block = BytesMut::new();
        let others = |(tag, _): &(u64, Bytes)| !matches!(*tag, TRACEPARENT | TRACESTATE);
        self.iter().filter(others).for_each(|(tag, body)| put_entry(&mut block, tag, &body));
        Self { block: (!block.is_empty()).then(|| Box::new(block.freeze())) }
    }

    /// Calls with the same key ask for the same thing to be done once: 1 to 64 bytes.
    ///
    /// # Errors
    ///
    /// [`ExtensionError::InvalidBody`] if it has another length.
    pub fn with_idempotency_key(self, key: &[u8]) -> Result<Self, ExtensionError> {
        self.with(IDEMPOTENCY_KEY, key)
    }

    /// On an error: the call is not worth trying again before; truncated to microseconds.
    ///
    /// # Errors
    ///
    /// [`ExtensionError::TooLong`].
    pub fn with_retry_after(self, wait: Duration) -> Result<Self, ExtensionError> {
        self.with_duration(RETRY_AFTER, wait)
    }

    /// An extension of the application's own; `tag` is from 64 to 127.
    ///
    /// # Errors
    ///
    /// [`ExtensionError::ReservedTag`] for any other tag.
    pub fn with_application(self, tag: u64, body: &[u8]) -> Result<Self, ExtensionError> {
        if !APPLICATION_EXTENSIONS.contains(&tag) {
            return Err(ExtensionError::ReservedTag { tag });
        }
        self.with(tag, body)
    }

    /// How long the caller will wait for the answer.
    pub fn deadline(&self) -> Option<Duration> {
        self.duration(DEADLINE)
    }

    /// The header `traceparent` of W3C Trace Context.
    pub fn traceparent(&self) -> Option<Bytes> {
        self.get(TRACEPARENT)
    }

    /// The header `tracestate` of W3C Trace Context.
    pub fn tracestate(&self) -> Option<Bytes> {
        self.get(TRACESTATE)
    }

    /// Calls with the same key ask for the same thing to be done once.
    pub fn idempotency_key(&self) -> Option<Bytes> {
        self.get(IDEMPOTENCY_KEY)
    }

    /// An error's call is not worth trying again before.
    pub fn retry_after(&self) -> Option<Duration> {
        self.duration(RETRY_AFTER)
    }

    /// What the extension with this tag holds.
    pub fn get(&self, tag: u64) -> Option<Bytes> {
        // They are in order: behind a larger tag there is none of this.
        let (found, body) = self.iter().find(|(other, _)| *other >= tag)?;
        (found == tag).then_some(body)
    }

    /// All extensions, known or not: tag and body, in ascending order of their tags.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Bytes)> + use<> {
        let mut rest = self.block.as_deref().cloned().unwrap_or_default();
        core::iter::from_fn(move || take_entry(&mut rest).ok().flatten())
    }

    fn duration(&self, tag: u64) -> Option<Duration> {
        varint::take(&mut self.get(tag)?).ok().map(Duration::from_micros)
    }

    fn with_duration(self, tag: u64, duration: Duration) -> Result<Self, ExtensionError> {
        let mut body = BytesMut::new();
        varint::put(&mut body, varint::micros(duration));
        self.with(tag, &body)
    }

    /// Adds an extension, or replaces the one with the same tag.
    fn with(self, tag: u64, body: &[u8]) -> Result<Self, ExtensionError> {
        if !allowed_len(tag).contains(&body.len()) {
            return Err(ExtensionError::InvalidBody { tag });
        }
        let mut block = BytesMut::new();
        let mut put = |tag, body: &[u8]| put_entry(&mut block, tag, body);
        self.iter().take_while(|(other, _)| *other < tag).for_each(|(tag, body)| put(tag, &body));
        put(tag, body);
        self.iter().filter(|(other, _)| *other > tag).for_each(|(tag, body)| put(tag, &body));
        if block.len() > MAX_EXTENSION_BYTES {
            return Err(ExtensionError::TooLong);
        }
        Ok(Self { block: Some(Box::new(block.freeze())) })
    }

    /// The same in memory of their own.
    #[inline]
    pub(crate) fn detached(mut self) -> Self {
        if let Some(block) = &mut self.block {
            **block = Bytes::copy_from_slice(block);
        }
        self
    }

    /// Bytes that they take in a frame.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        if self.is_empty() { 0 } else { sink::count(|count| self.put(count)) }
    }

    /// The block with its length before it; nothing if there are none.
    pub(super) fn put(&self, out: &mut impl Sink) {
        if let Some(block) = &self.block {
            varint::put_section(out, block);
        }
    }

    /// Takes a block off the front of a frame's body, and checks it.
    pub(super) fn take(body: &mut Bytes) -> Result<Self, ProtocolError> {
        let block = varint::take_section(body)?;
        if block.is_empty() || block.len() > MAX_EXTENSION_BYTES {
            return Err(ProtocolError::InvalidExtensions);
        }
        let (mut rest, mut last) = (block.clone(), 0);
        while let Some((tag, body)) = take_entry(&mut rest)? {
            if tag <= last || !is_valid(tag, body) {
                return Err(ProtocolError::InvalidExtensions);
            }
            last = tag;
        }
        Ok(Self { block: Some(Box::new(block)) })
    }
}

impl core::fmt::Debug for Extensions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

fn put_entry(block: &mut BytesMut, tag: u64, body: &[u8]) {
    varint::put(block, tag);
    varint::put_section(block, body);
}

fn take_entry(rest: &mut Bytes) -> Result<Option<(u64, Bytes)>, ProtocolError> {
    if !rest.has_remaining() {
        return Ok(None);
    }
    let tag = varint::take(rest)?;
    Ok(Some((tag, varint::take_section(rest)?)))
}

/// How long the body of an extension may be, in bytes.
fn allowed_len(tag: u64) -> core::ops::RangeInclusive<usize> {
    match tag {
        DEADLINE | RETRY_AFTER => 1..=10,
        TRACEPARENT => 1..=255,
        TRACESTATE => 1..=512,
        IDEMPOTENCY_KEY => 1..=64,
        _ => 0..=MAX_EXTENSION_BYTES,
    }
}

fn is_valid(tag: u64, mut body: Bytes) -> bool {
    let duration = matches!(tag, DEADLINE | RETRY_AFTER);
    allowed_len(tag).contains(&body.len())
        && (!duration || varint::take(&mut body).is_ok() && body.is_empty())
}
