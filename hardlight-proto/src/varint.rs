//! LEB128 varints in their shortest form, so that one number has one encoding.

use core::time::Duration;

use bytes::{Buf, Bytes};

use crate::{error::ProtocolError, sink::Sink};

/// Bytes that `value` takes as a varint: 1 to 10.
pub(crate) const fn len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Appends `value`.
pub(crate) fn put(out: &mut (impl Sink + ?Sized), mut value: u64) {
    while value >= 0x80 {
        out.put(&[value as u8 | 0x80]);
        value >>= 7;
    }
    out.put(&[value as u8]);
}

/// Appends a length and that many bytes.
pub(crate) fn put_section(out: &mut (impl Sink + ?Sized), section: &[u8]) {
    put(out, section.len() as u64);
    out.put(section);
}

/// A duration as it travels: in whole microseconds, at most 2^64-1 of them.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Reads a varint from the front of `input`: the value, and how many bytes it took.
///
/// # Errors
///
/// [`ProtocolError::Truncated`] if it goes on behind the end, [`ProtocolError::InvalidVarint`] if it is not in its
/// shortest form or has more than 64 bits.
pub fn read(input: &[u8]) -> Result<(u64, usize), ProtocolError> {
    let mut value = 0;
    for (index, &byte) in input.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let redundant = byte == 0 && index > 0;
            let overflows = index == 9 && byte > 1;
            if redundant || overflows {
                return Err(ProtocolError::InvalidVarint);
            }
            return Ok((value, index + 1));
        }
    }
    Err(if input.len() < 10 { ProtocolError::Truncated } else { ProtocolError::InvalidVarint })
}

/// Takes a varint off the front of `input`.
pub(crate) fn take(input: &mut Bytes) -> Result<u64, ProtocolError> {
    let (value, used) = read(input)?;
    input.advance(used);
    Ok(value)
}

/// Takes a varint that must fit 32 bits off the front of `input`.
pub(crate) fn take_u32(input: &mut Bytes) -> Result<u32, ProtocolError> {
    u32::try_from(take(input)?).map_err(|_| ProtocolError::InvalidVarint)
}

/// Takes a byte off the front of `input`.
pub(crate) fn take_u8(input: &mut Bytes) -> Result<u8, ProtocolError> {
    input.try_get_u8().map_err(|_| ProtocolError::Truncated)
}

/// Takes eight bytes, the lowest first, off the front of `input`.
pub(crate) fn take_u64(input: &mut Bytes) -> Result<u64, ProtocolError> {
    input.try_get_u64_le().map_err(|_| ProtocolError::Truncated)
}

/// Takes a length and that many bytes off the front of `input`.
pub(crate) fn take_section(input: &mut Bytes) -> Result<Bytes, ProtocolError> {
    let len = take(input)?;
    match usize::try_from(len) {
        Ok(len) if len <= input.len() => Ok(input.split_to(len)),
        _ => Err(ProtocolError::Truncated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn encode(value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, value);
        out
    }

    #[test]
    fn every_length_round_trips() {
        for bits in 0..64 {
            for value in [(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1] {
                let bytes = encode(value);
                assert_eq!(bytes.len(), len(value), "{value}");
                assert_eq!(read(&bytes), Ok((value, bytes.len())));
            }
        }
        assert_eq!(encode(u64::MAX).len(), 10);
        assert_eq!(read(&encode(u64::MAX)), Ok((u64::MAX, 10)));
    }

    #[test]
    fn longer_forms_are_refused() {
        assert_eq!(read(&[0x80, 0x00]), Err(ProtocolError::InvalidVarint));
        assert_eq!(read(&[0xff, 0x80, 0x00]), Err(ProtocolError::InvalidVarint));
    }

    #[test]
    fn more_than_64_bits_are_refused() {
        let mut bytes = [0xff; 11];
        assert_eq!(read(&bytes), Err(ProtocolError::InvalidVarint));
        bytes[9] = 0x02;
        assert_eq!(read(&bytes[..10]), Err(ProtocolError::InvalidVarint));
    }

    #[test]
    fn a_cut_varint_is_truncated() {
        assert_eq!(read(&[]), Err(ProtocolError::Truncated));
        assert_eq!(read(&[0x80, 0x80]), Err(ProtocolError::Truncated));
    }
}
