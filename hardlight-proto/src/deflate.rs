//! Compressed payloads: raw DEFLATE streams that depend on nothing else (SPEC.md, section 8).

use bytes::Bytes;

use crate::{error::ProtocolError, frame::Content};

/// Whether this build reads and writes compressed payloads.
pub(crate) const IS_SUPPORTED: bool = cfg!(feature = "deflate");

/// Payloads below this are left as they are, in bytes.
pub(crate) const MIN_BYTES: usize = 1024;

/// Speed over size: what a connection sends is to be sent now.
#[cfg(feature = "deflate")]
const LEVEL: u8 = 1;

/// A payload compressed, if that makes it shorter.
#[cfg(feature = "deflate")]
pub(crate) fn deflate(payload: Bytes) -> Content {
    if payload.len() < MIN_BYTES {
        return Content::Plain(payload);
    }
    let stream = miniz_oxide::deflate::compress_to_vec(&payload, LEVEL);
    let length = payload.len() as u64;
    if stream.len() + crate::varint::len(length) < payload.len() {
        Content::Deflated { length, stream: stream.into() }
    } else {
        Content::Plain(payload)
    }
}

#[cfg(not(feature = "deflate"))]
pub(crate) fn deflate(payload: Bytes) -> Content {
    Content::Plain(payload)
}

/// What a stream may take more than it gives, in bytes, from its beginning to anywhere in it.
#[cfg(feature = "deflate")]
const MAX_OVERHEAD: usize = 1024;

/// How much of a stream is read at a time, in bytes.
#[cfg(feature = "deflate")]
const STEP: usize = 1024;

/// The `length` bytes that a stream gives. Memory: that many, whatever the stream holds. The work is in proportion to them
/// too: a stream of much that gives nothing is refused as soon as that shows.
#[cfg(feature = "deflate")]
pub(crate) fn inflate(stream: &[u8], length: usize) -> Result<Bytes, ProtocolError> {
    use miniz_oxide::inflate::{
        TINFLStatus,
        core::{
            DecompressorOxide, decompress,
            inflate_flags::{
                TINFL_FLAG_HAS_MORE_INPUT as MORE,
                TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF as INTO_ONE_BUFFER,
            },
        },
    };

    if stream.len() > length.saturating_add(MAX_OVERHEAD) {
        return Err(ProtocolError::InvalidCompression);
    }
    let mut out = alloc::vec![0; length];
    let mut state = alloc::boxed::Box::new(DecompressorOxide::new());
    let (mut read, mut written) = (0, 0);
    loop {
        let end = stream.len().min(read + STEP);
        let flags = if end < stream.len() { INTO_ONE_BUFFER | MORE } else { INTO_ONE_BUFFER };
        let step = decompress(&mut state, &stream[read..end], &mut out, written, flags);
        let (status, step_read, step_written) = step;
        read += step_read;
        written += step_written;
        match status {
            TINFLStatus::Done if read == stream.len() && written == length => {
                return Ok(out.into());
            }
            // All of the output may be there before the stream's end is: then there is more to read as well.
            TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput
                if read == end && end < stream.len() && read <= written + MAX_OVERHEAD => {}
            _ => return Err(ProtocolError::InvalidCompression),
        }
    }
}

#[cfg(not(feature = "deflate"))]
pub(crate) fn inflate(_stream: &[u8], _length: usize) -> Result<Bytes, ProtocolError> {
    Err(ProtocolError::InvalidCompression)
}
