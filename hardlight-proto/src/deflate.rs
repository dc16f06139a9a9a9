//! Compressed payloads: raw DEFLATE streams that depend on nothing else (SPEC.md, section 8).

use bytes::Bytes;

use crate::{error::ProtocolError, frame::Content};

/// Whether this build reads and writes compressed payloads.
pub(crate) const IS_SUPPORTED: bool = cfg!(feature = "deflate");

/// Payloads below this are left as they are, in bytes.
#[cfg(feature = "deflate")]
const MIN_BYTES: usize = 1024;

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

/// The `length` bytes that a stream gives. Memory: that many, whatever the stream holds.
#[cfg(feature = "deflate")]
pub(crate) fn inflate(stream: &[u8], length: usize) -> Result<Bytes, ProtocolError> {
    use miniz_oxide::inflate::{
        TINFLStatus,
        core::{
            DecompressorOxide, decompress,
            inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF as INTO_ONE_BUFFER,
        },
    };

    let mut out = alloc::vec![0; length];
    let mut state = alloc::boxed::Box::new(DecompressorOxide::new());
    let (status, read, written) = decompress(&mut state, stream, &mut out, 0, INTO_ONE_BUFFER);
    if status == TINFLStatus::Done && read == stream.len() && written == length {
        Ok(out.into())
    } else {
        Err(ProtocolError::InvalidCompression)
    }
}

#[cfg(not(feature = "deflate"))]
pub(crate) fn inflate(_stream: &[u8], _length: usize) -> Result<Bytes, ProtocolError> {
    Err(ProtocolError::InvalidCompression)
}
