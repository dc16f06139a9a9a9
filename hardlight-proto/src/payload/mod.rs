//! Payloads: the one checked door to rkyv. SPEC.md, section 21, has their layout.
//!
//! A payload is one value in rkyv's default format: little-endian, aligned, with 32-bit relative pointers. Positions
//! count from the payload's first byte, so that its bytes are the same wherever it stands. Maps and sets travel as lists
//! sorted by key; no other type differs from what rkyv itself would write.
//!
//! # What a received payload may do
//!
//! Nothing but fail. Before a byte is read as a value, all of them are validated: bounds, alignment, UTF-8, variants,
//! and at most 63 levels of nesting, so that neither the check nor the decoding nor the drop of the value overflows the
//! stack, unless the type is too large for it (see below). rkyv's own entry points have no such limit, which is why
//! `clippy.toml` forbids them everywhere else. Types with shared pointers are no part of the wire profile.
//!
//! What decoding allocates is in proportion to the payload, at its peak and with the copy that aligns it: at most 5 times
//! the payload's length for types without maps and sets, at most 80 times for any. (An ordered map keeps room for eleven
//! entries where there is one; an empty hash map takes 8 bytes in a payload and 48 in memory.) What breaks the format is
//! refused before anything else is allocated.
//!
//! On the stack, a type that contains itself takes up to 63 times what one of its values takes by itself, and some copies.
//! With 4 KiB by itself it fits on a stack of 2 MiB even without optimization, with 8 KiB it does not even with it: put
//! what is large into a list or a box of its own.
//!
//! A type that is *flat*, which means that it has no strings, boxes, lists or maps in it, takes the same number of bytes
//! whatever its value, and a payload of any other length is refused.
//!
//! Elements that take no bytes are refused at compile time, since a list of them has no bound:
//!
//! ```compile_fail,E0080
//! hardlight_proto::payload::encode_to_bytes(&vec![()]);
//! ```
//!
//! rkyv's format has no room for change: bytes of one type may well decode as another. Peers therefore compare
//! [fingerprints](crate::Fingerprint) before they decode anything.

mod codable;
mod compounds;
mod encoder;
mod error;
mod lists;
mod maps;
pub(crate) mod member;
mod scalars;

use core::num::NonZeroUsize;

use bytes::{Bytes, BytesMut};
use rkyv::{
    api::{access_with_context, serialize_using},
    primitive::{ArchivedU16, ArchivedU64, ArchivedU128, ArchivedUsize},
    rancor::Failure,
    ser::{Serializer, allocator::SubAllocator},
    util::{Align, AlignedVec},
    validation::{Validator, archive::ArchiveValidator},
};

pub(crate) use self::encoder::MAX_LEVELS;
pub use self::{
    codable::{Codable, PayloadValidator},
    encoder::{PayloadEncoder, PayloadWriter},
    error::{DecodeError, EncodeError},
};
use self::{
    encoder::{Lent, Piece},
    lists::ListOf,
};
use crate::error::CallError;

// rkyv's format features are chosen once for a whole build, by any crate in it. None is set here, since that would be a
// choice for everyone; a build in which somebody chose otherwise fails here, rather than at the first message.
const _: () = {
    assert!(
        size_of::<ArchivedUsize>() == 4,
        "HardLight needs rkyv with 32-bit pointers: some crate of this build enables rkyv's `pointer_width_16` or \
         `pointer_width_64`"
    );
    assert!(
        align_of::<ArchivedU64>() == 8 && align_of::<ArchivedU128>() == 16,
        "HardLight needs rkyv with aligned primitives: some crate of this build enables rkyv's `unaligned`"
    );
    assert!(
        <ArchivedU16 as ByteOrder>::IS_LITTLE_ENDIAN,
        "HardLight needs rkyv with little-endian primitives: some crate of this build enables rkyv's `big_endian`"
    );
};

/// The byte order of rkyv's forms of `u16`, one of which is the one in use.
trait ByteOrder {
    const IS_LITTLE_ENDIAN: bool;
}

macro_rules! byte_order {
    ($($($ty:ident)::+ is little-endian: $answer:literal),* $(,)?) => {$(
        impl ByteOrder for rkyv::rend::$($ty)::+ {
            const IS_LITTLE_ENDIAN: bool = $answer;
        }
    )*};
}

byte_order!(u16_le is little-endian: true, u16_be is little-endian: false);

// With `unaligned` it is one of these; the assertion above says so.
byte_order!(unaligned::u16_ule is little-endian: true, unaligned::u16_ube is little-endian: false);

/// Payloads of up to this many bytes are aligned on the stack.
const SMALL: usize = 256;

/// The alignment that suits every type of the wire profile.
const MAX_ALIGN: usize = align_of::<Align<()>>();

/// Appends the payload of `value` to `out`.
///
/// What stands in `out` before makes no difference to the payload's bytes.
///
/// # Errors
///
/// [`EncodeError::TooLarge`] if the payload would take more than 1 GiB, [`EncodeError::TooDeep`] if it would be nested
/// more than 63 levels deep. `out` is then as it was.
pub fn encode<T: Codable>(value: &T, out: &mut BytesMut) -> Result<(), EncodeError> {
    encode_below(value, out, 0)
}

/// Appends the payload of `value`, which stands in another value with `above` levels over it, of [`MAX_LEVELS`] in all.
pub(crate) fn encode_below<T: Codable>(
    value: &T,
    out: &mut BytesMut,
    above: usize,
) -> Result<(), EncodeError> {
    encode_piece(value, out, above)
}

/// As [`encode_below`], of a list that holds these elements.
pub(crate) fn encode_list_below<T: Codable>(
    elements: &[T],
    out: &mut BytesMut,
    above: usize,
) -> Result<(), EncodeError> {
    encode_piece(ListOf(elements), out, above)
}

fn encode_piece<P: Piece>(piece: P, out: &mut BytesMut, above: usize) -> Result<(), EncodeError> {
    let start = out.len();
    let writer = PayloadWriter::new(out, MAX_LEVELS - 1 - above);
    let mut serializer = Serializer::new(writer, SubAllocator::empty(), ());
    let written = serialize_using::<_, EncodeError>(&Lent(piece), &mut serializer);
    if written.is_err() {
        out.truncate(start);
    }
    written.map(drop)
}

/// At least how many bytes the payload of `value` has, found out without encoding it. What is beyond `enough` need not be counted.
///
/// It takes a step for each element of a list that has parts of its own, up to `enough`.
pub fn min_bytes<T: Codable>(value: &T, enough: usize) -> usize {
    size_of::<T::Archived>() + T::out_of_line(value, enough)
}

/// The payload of `value`, by itself.
///
/// # Errors
///
/// As for [`encode`].
pub fn encode_to_bytes<T: Codable>(value: &T) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::with_capacity(size_of::<T::Archived>());
    encode(value, &mut out)?;
    Ok(out.freeze())
}

/// Reads a value from its payload, whatever the bytes are and wherever they stand.
///
/// A payload whose first byte is suitably aligned is read in place; another is copied once.
///
/// # Errors
///
/// [`DecodeError::WrongLength`] for a flat type, [`DecodeError::KeysNotAscending`] for a map or set,
/// [`DecodeError::Malformed`] for everything else that the format forbids.
pub fn decode<T: Codable>(payload: &[u8]) -> Result<T, DecodeError> {
    decode_below(payload, 0)
}

/// The input of a call, from its payload, which may be anything.
///
/// # Errors
///
/// [`CallError::InvalidInput`], which is what the call is to be answered.
pub fn decode_input<T: Codable>(payload: &[u8]) -> Result<T, CallError> {
    decode(payload).map_err(|_| CallError::InvalidInput)
}

/// The output of a call, from its payload, which may be anything.
///
/// # Errors
///
/// [`CallError::InvalidOutput`]: the call has no result.
pub fn decode_output<T: Codable>(payload: &[u8]) -> Result<T, CallError> {
    decode(payload).map_err(|_| CallError::InvalidOutput)
}

/// Reads a value that stands in another one with `above` levels over it, of [`MAX_LEVELS`] in all.
pub(crate) fn decode_below<T: Codable>(payload: &[u8], above: usize) -> Result<T, DecodeError> {
    let (expected, actual) = (size_of::<T::Archived>(), payload.len());
    if T::FLAT && actual != expected {
        return Err(DecodeError::WrongLength { expected, actual });
    }
    // What is out of line may be aligned more strictly than the value itself.
    let align = if T::FLAT { align_of::<T::Archived>() } else { MAX_ALIGN };
    if payload.as_ptr().addr().is_multiple_of(align) {
        decode_aligned(payload, above)
    } else if actual <= SMALL {
        let mut aligned = Align([0; SMALL]);
        aligned.0[..actual].copy_from_slice(payload);
        decode_aligned(&aligned.0[..actual], above)
    } else {
        let mut aligned = AlignedVec::<MAX_ALIGN>::with_capacity(actual);
        aligned.extend_from_slice(payload);
        decode_aligned(&aligned, above)
    }
}

/// Checks and reads a payload that is aligned. If it were not, the check would fail.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the checked door that the others are kept shut for"
)]
fn decode_aligned<T: Codable>(payload: &[u8], above: usize) -> Result<T, DecodeError> {
    // rkyv lets one level less pass than it is told; it takes zero for no limit, which `above` never leads to.
    let limit = NonZeroUsize::new(MAX_LEVELS - above + 1);
    let archive = ArchiveValidator::with_max_depth(payload, limit);
    let mut validator = Validator::new(archive, ());
    match access_with_context::<T::Archived, _, Failure>(payload, &mut validator) {
        Ok(archived) => T::decode_from(archived),
        Err(Failure) => Err(DecodeError::Malformed),
    }
}
