//! Leaving out the state operations on fields of which the client has another type.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::{
    operation::{KIND_BITS, Operation, Operations},
    varint,
};

/// The operations on all other fields. Those that are malformed are left as they are, all of them: to be refused by
/// whoever applies them.
pub(super) fn skip_fields(operations: Bytes, fields: &[u32]) -> Bytes {
    if fields.is_empty() {
        return operations;
    }
    let Ok(read) = Operations::new(&operations).collect::<Result<Vec<_>, _>>() else {
        return operations;
    };
    let mut kept = BytesMut::new();
    for Operation { field, kind, body } in read {
        if !fields.contains(&field) {
            varint::put(&mut kept, u64::from(field) << KIND_BITS | kind);
            varint::put_section(&mut kept, body);
        }
    }
    kept.freeze()
}

/// Whether there may be an operation on one of these fields: what cannot be read may hold anything.
pub(super) fn touches(operations: &[u8], is_one: impl Fn(u32) -> bool) -> bool {
    Operations::new(operations).any(|read| read.map_or(true, |operation| is_one(operation.field)))
}
