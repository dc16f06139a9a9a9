//! Payloads that tell what they belong to.

use bytes::Bytes;

/// The bytes of `number`, and `len` more that follow from it. Every second payload shrinks when it is compressed.
pub fn content(number: u64, len: usize) -> Bytes {
    let mut out = Vec::with_capacity(8 + len + 8);
    out.extend_from_slice(&number.to_le_bytes());
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while out.len() < 8 + len {
        if number.is_multiple_of(2) {
            out.extend_from_slice(&state.to_le_bytes());
            continue;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(8 + len);
    out.into()
}

/// Whether these bytes are the content of `number`, of whatever length.
pub fn is_content(bytes: &Bytes, number: u64) -> bool {
    let len = bytes.len().checked_sub(8);
    len.is_some_and(|len| *bytes == content(number, len))
}
