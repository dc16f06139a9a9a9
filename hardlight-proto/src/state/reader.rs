use super::PatchError;
use crate::{
    error::ProtocolError,
    operation::{KIND_BITS, PATCH, SET},
    payload::{self, Codable, MAX_LEVELS},
    varint,
};

/// Reads a patch, which may be any bytes.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct PatchReader<'a> {
    rest: &'a [u8],
    /// How many levels are over the value that the patch is about.
    above: usize,
}

impl<'a> PatchReader<'a> {
    pub(super) const fn new(patch: &'a [u8]) -> Self {
        Self { rest: patch, above: 0 }
    }

    /// The patch of a part of the value, on the same level.
    pub(super) const fn beside(self, patch: &'a [u8]) -> Self {
        Self { rest: patch, ..self }
    }

    /// The rest as the patch of what the value points to, which is one level below.
    pub(super) fn below(self) -> Result<Self, PatchError> {
        if self.above + 1 == MAX_LEVELS {
            return Err(PatchError::TooDeep);
        }
        Ok(Self { above: self.above + 1, ..self })
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses a patch without operations.
    pub(super) const fn not_empty(self) -> Result<Self, PatchError> {
        if self.is_empty() { Err(PatchError::Empty) } else { Ok(self) }
    }

    pub(super) fn varint(&mut self) -> Result<u64, PatchError> {
        let (value, used) = varint::read(self.rest)?;
        self.rest = &self.rest[used..];
        Ok(value)
    }

    /// A place, or a number of elements or bytes. What is beyond the memory is beyond every value in it.
    pub(super) fn place(&mut self) -> Result<usize, PatchError> {
        usize::try_from(self.varint()?).map_err(|_| PatchError::OutOfRange)
    }

    pub(super) fn section(&mut self) -> Result<&'a [u8], PatchError> {
        let len = self.varint()?;
        let split = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let (section, rest) = split.ok_or(ProtocolError::Truncated)?;
        self.rest = rest;
        Ok(section)
    }

    /// A value on the level of the one that the patch is about.
    pub(super) fn value<T: Codable>(self, archive: &[u8]) -> Result<T, PatchError> {
        Ok(payload::decode_below(archive, self.above)?)
    }

    /// Refuses what is left.
    pub(super) fn end(self) -> Result<(), PatchError> {
        if self.is_empty() { Ok(()) } else { Err(ProtocolError::TrailingBytes.into()) }
    }

    /// Gives every operation on a field to `operate`.
    ///
    /// # Errors
    ///
    /// If the fields do not ascend, there is none, or `operate` fails.
    pub fn fields(
        mut self,
        mut operate: impl FnMut(FieldPatch<'a>) -> Result<(), PatchError>,
    ) -> Result<(), PatchError> {
        self.not_empty()?;
        let mut next = 0;
        while !self.is_empty() {
            let tag = self.varint()?;
            let body = self.section()?;
            let field = FieldPatch::new(tag, self.beside(body))?;
            if field.index < next {
                return Err(PatchError::NotAscending);
            }
            next = field.index + 1;
            operate(field)?;
        }
        Ok(())
    }

    /// The number of the variant that the rest is about.
    ///
    /// # Errors
    ///
    /// If it is cut off.
    pub fn variant(mut self) -> Result<(u64, Self), PatchError> {
        Ok((self.varint()?, self))
    }
}

/// An operation on a field within a value.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct FieldPatch<'a> {
    /// The field's place, or a number that no field has.
    pub index: u64,
    is_patch: bool,
    body: PatchReader<'a>,
}

impl<'a> FieldPatch<'a> {
    fn new(tag: u64, body: PatchReader<'a>) -> Result<Self, PatchError> {
        let kind = tag & ((1 << KIND_BITS) - 1);
        if kind != SET && kind != PATCH {
            return Err(PatchError::UnknownOperation(kind));
        }
        Ok(Self { index: tag >> KIND_BITS, is_patch: kind == PATCH, body })
    }

    /// The operation, which must be on the only field that there is.
    pub(super) fn only(self) -> Result<Self, PatchError> {
        if self.index == 0 { Ok(self) } else { Err(PatchError::OutOfRange) }
    }

    pub(super) fn check<T: Codable>(self, value: &T) -> Result<(), PatchError> {
        if self.is_patch {
            return T::check(value, self.body);
        }
        self.body.value::<T>(self.body.rest).map(drop)
    }

    pub(super) fn apply<T: Codable>(self, value: &mut T) -> Result<(), PatchError> {
        if self.is_patch {
            return T::apply(value, self.body);
        }
        *value = self.body.value(self.body.rest)?;
        Ok(())
    }
}
