//! The layout of operations on the fields of a state (SPEC.md, section 12.1). What is in them is for `state` to know.

use crate::{error::ProtocolError, varint};

/// The kind of an operation is in the lowest bits of its tag.
pub(crate) const KIND_BITS: u32 = 2;
pub(crate) const SET: u64 = 0;
pub(crate) const PATCH: u64 = 1;
pub(crate) const DEFAULT: u64 = 2;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) field: u32,
    /// [`SET`], [`PATCH`] or [`DEFAULT`].
    pub(crate) kind: u64,
    /// Empty for [`DEFAULT`].
    pub(crate) body: &'a [u8],
}

/// Why there is no operation to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Malformed(ProtocolError),
    /// The fields do not ascend.
    Order {
        field: u32,
    },
    UnknownKind {
        field: u32,
        kind: u8,
    },
}

impl From<ProtocolError> for Flaw {
    fn from(error: ProtocolError) -> Self {
        Self::Malformed(error)
    }
}

/// Reads operations one by one.
#[derive(Clone, Debug)]
pub(crate) struct Operations<'a> {
    rest: &'a [u8],
    /// The lowest field that may come next.
    next: u64,
}

impl<'a> Operations<'a> {
    pub(crate) const fn new(operations: &'a [u8]) -> Self {
        Self { rest: operations, next: 0 }
    }

    fn read(&mut self) -> Result<Operation<'a>, Flaw> {
        let tag = self.varint()?;
        let field = u32::try_from(tag >> KIND_BITS).map_err(|_| ProtocolError::InvalidVarint)?;
        let len = self.varint()?;
        let body = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let (body, rest) = body.ok_or(ProtocolError::Truncated)?;
        self.rest = rest;
        if u64::from(field) < self.next {
            return Err(Flaw::Order { field });
        }
        self.next = u64::from(field) + 1;
        match tag & ((1 << KIND_BITS) - 1) {
            DEFAULT if !body.is_empty() => Err(ProtocolError::TrailingBytes.into()),
            kind @ (SET | PATCH | DEFAULT) => Ok(Operation { field, kind, body }),
            kind => Err(Flaw::UnknownKind { field, kind: kind as u8 }),
        }
    }

    fn varint(&mut self) -> Result<u64, ProtocolError> {
        let (value, used) = varint::read(self.rest)?;
        self.rest = &self.rest[used..];
        Ok(value)
    }
}

/// After a flaw there are no more.
impl<'a> Iterator for Operations<'a> {
    type Item = Result<Operation<'a>, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let operation = self.read();
        if operation.is_err() {
            self.rest = &[];
        }
        Some(operation)
    }
}
