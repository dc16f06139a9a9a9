//! The names of topics are patched as the lists of bytes that they are on the wire.

use bytes::Bytes;

use super::{Change, PatchError, PatchReader, PatchWriter, StateDiff};
use crate::{payload::EncodeError, topic::Topic};

impl StateDiff for Topic {
    const LEAF: bool = false;

    fn same(value: &Self, other: &Self) -> bool {
        value == other
    }

    fn copy(value: &Self) -> Self {
        value.clone()
    }

    fn out_of_line(value: &Self, _enough: usize) -> usize {
        value.as_bytes().len()
    }

    fn diff(
        value: &Self,
        shadow: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        if value == shadow {
            return Ok(Change::Nothing);
        }
        let change = Bytes::diff(&value.to_bytes(), &mut shadow.to_bytes(), out)?;
        *shadow = value.clone();
        Ok(change)
    }

    fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        Bytes::check(&value.to_bytes(), patch)
    }

    fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        let mut bytes = value.to_bytes();
        let applied = Bytes::apply(&mut bytes, patch);
        *value = bytes.into();
        applied
    }
}
