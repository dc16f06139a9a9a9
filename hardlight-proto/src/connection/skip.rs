//! Leaving out the state operations on fields of which the client has another type.

use alloc::{collections::BTreeSet, vec::Vec};

use bytes::Bytes;

use crate::varint;

/// Bits of a tag below the field's index (SPEC.md, section 12.1).
const KIND_BITS: u32 = 2;

/// The operations on all other fields. From where they are malformed they are left as they are: to be refused by whoever
/// applies them.
pub(super) fn skip_fields(operations: Bytes, fields: &BTreeSet<u32>) -> Bytes {
    if fields.is_empty() {
        return operations;
    }
    let mut kept = Vec::new();
    let mut rest = operations;
    while let Some((field, len)) = first_operation(&rest) {
        let operation = rest.split_to(len);
        if u32::try_from(field).map_or(true, |field| !fields.contains(&field)) {
            kept.extend_from_slice(&operation);
        }
    }
    kept.extend_from_slice(&rest);
    kept.into()
}

/// Whether there may be an operation on one of these fields.
pub(super) fn touches(operations: &[u8], is_one: impl Fn(u64) -> bool) -> bool {
    let mut rest = operations;
    while let Some((field, len)) = first_operation(rest) {
        if is_one(field) {
            return true;
        }
        rest = &rest[len..];
    }
    // What cannot be read may hold anything.
    !rest.is_empty()
}

/// The field of the first operation, and its length with its body; `None` if there is none, or it is malformed.
fn first_operation(operations: &[u8]) -> Option<(u64, usize)> {
    let (tag, tag_len) = varint::read(operations).ok()?;
    let (len, len_len) = varint::read(&operations[tag_len..]).ok()?;
    let start = tag_len + len_len;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    (end <= operations.len()).then_some((tag >> KIND_BITS, end))
}
