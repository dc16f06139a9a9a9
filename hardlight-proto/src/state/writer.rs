use bytes::{BufMut, BytesMut};

use super::diff::{Change, patch};
use crate::{
    operation::{DEFAULT, KIND_BITS, PATCH, SET},
    payload::{self, Codable, EncodeError, MAX_LEVELS},
    varint,
};

/// Appends operations on a value and on the values within it.
#[doc(hidden)]
#[derive(Debug)]
pub struct PatchWriter<'a> {
    out: &'a mut BytesMut,
    /// How many levels are over the value that is being compared.
    above: usize,
}

impl<'a> PatchWriter<'a> {
    pub(super) fn new(out: &'a mut BytesMut) -> Self {
        Self { out, above: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    pub(super) fn varint(&mut self, value: u64) {
        varint::put(self.out, value);
    }

    /// Appends a place in a list or a text, or a number of elements or bytes.
    pub(super) fn place(&mut self, place: usize) {
        self.varint(place as u64);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.out.put_slice(text.as_bytes());
    }

    /// Appends a value as a whole.
    pub(super) fn archive<T: Codable>(&mut self, value: &T) -> Result<(), EncodeError> {
        payload::encode_below(value, self.out, self.above)
    }

    /// Appends the payload of a list of these elements.
    pub(super) fn list<T: Codable>(&mut self, elements: &[T]) -> Result<(), EncodeError> {
        payload::encode_list_below(elements, self.out, self.above)
    }

    /// Appends what `write` does, behind its length.
    pub(super) fn section<R>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<R, EncodeError>,
    ) -> Result<R, EncodeError> {
        let start = self.out.len();
        // Most are short: the length takes one byte. A longer one has what was written make room for it.
        self.out.put_u8(0);
        let written = write(self)?;
        let end = self.out.len();
        let len = (end - start - 1) as u64;
        let width = varint::len(len);
        self.out.resize(end + width - 1, 0);
        self.out.copy_within(start + 1..end, start + width);
        varint::put(&mut &mut self.out[start..], len);
        Ok(written)
    }

    /// Writes about what a value points to, which is one level below the value itself.
    pub(super) fn below<R>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<R, EncodeError>,
    ) -> Result<R, EncodeError> {
        if self.above + 1 == MAX_LEVELS {
            return Err(EncodeError::too_deep());
        }
        self.above += 1;
        let written = write(self);
        self.above -= 1;
        written
    }

    /// Writes operations on fields: whether there were any.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    pub fn fields(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<Change, EncodeError> {
        let start = self.len();
        write(self)?;
        Ok(if self.len() == start { Change::Nothing } else { Change::Patch })
    }

    /// Writes operations on the fields of a variant: whether there were any.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    pub fn variant(
        &mut self,
        number: u8,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<Change, EncodeError> {
        let start = self.len();
        self.varint(u64::from(number));
        let change = self.fields(write)?;
        if change == Change::Nothing {
            self.truncate(start);
        }
        Ok(change)
    }

    /// Sets a field.
    pub(super) fn set<T: Codable>(&mut self, index: u32, value: &T) -> Result<(), EncodeError> {
        self.varint(u64::from(index) << KIND_BITS | SET);
        self.section(|out| out.archive(value))
    }

    /// Has a field go back to its default.
    pub(super) fn reset(&mut self, index: u32) -> Result<(), EncodeError> {
        self.varint(u64::from(index) << KIND_BITS | DEFAULT);
        self.section(|_| Ok(()))
    }

    /// Writes the operation that brings what is kept of a state's field up to date, if there is a difference.
    pub(super) fn field<T: Codable>(
        &mut self,
        index: u32,
        value: &mut T,
        shadow: &mut T,
    ) -> Result<(), EncodeError> {
        if T::is_unchanged(value, shadow) {
            return Ok(());
        }
        let start = self.len();
        let change = self.operation::<T>(index, |out| T::diff_kept(value, shadow, out))?;
        self.settle(change, start, index, value)
    }

    /// Writes the operation that brings the shadow of a part of a value up to date, if there is a difference.
    pub(super) fn part<T: Codable>(
        &mut self,
        index: u32,
        value: &T,
        shadow: &mut T,
    ) -> Result<(), EncodeError> {
        let start = self.len();
        let change = self.operation::<T>(index, |out| patch(value, shadow, out))?;
        self.settle(change, start, index, value)
    }

    /// Writes what `diff` does as the PATCH of a field.
    fn operation<T: Codable>(
        &mut self,
        index: u32,
        diff: impl FnOnce(&mut Self) -> Result<Change, EncodeError>,
    ) -> Result<Change, EncodeError> {
        if T::LEAF {
            // It writes nothing.
            return diff(self);
        }
        self.varint(u64::from(index) << KIND_BITS | PATCH);
        self.section(diff)
    }

    /// Sees to it that what was written from `start` on about a field is what became of it.
    fn settle<T: Codable>(
        &mut self,
        change: Change,
        start: usize,
        index: u32,
        value: &T,
    ) -> Result<(), EncodeError> {
        if change != Change::Patch {
            self.truncate(start);
        }
        if change == Change::Set { self.set(index, value) } else { Ok(()) }
    }
}
