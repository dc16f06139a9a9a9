//! Lists: all of them are one `vec` on the wire.

use alloc::{collections::VecDeque, vec::Vec};

use bytes::Bytes;
use rkyv::{
    Place,
    vec::{ArchivedVec, VecResolver},
};

use super::{
    Codable, DecodeError, EncodeError, PayloadEncoder,
    encoder::{Piece, encode_sequence},
};
use crate::{schema::TypeDescription, topic::Topic};

/// Refuses at compile time elements that take no bytes.
pub(super) const fn assert_takes_bytes<A>() {
    assert!(
        size_of::<A>() != 0,
        "the elements of a list or set, and the entries of a map, must take at least one byte on the wire: eight bytes \
         could otherwise claim to hold four billion of them; send their number instead"
    );
}

impl<T: Codable> Codable for Vec<T> {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    const FLAT: bool = false;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        const { assert_takes_bytes::<T::Archived>() };
        T::encode_slice(value, encoder)
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(value.len(), resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        const { assert_takes_bytes::<T::Archived>() };
        T::decode_slice(archived)
    }

    fn describe(description: &mut TypeDescription) {
        description.text("vec<");
        T::describe(description);
        description.text(">");
    }
}

/// A list that holds these elements.
pub(super) struct ListOf<'a, T>(pub(super) &'a [T]);

impl<T> Clone for ListOf<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ListOf<'_, T> {}

impl<T: Codable> Piece for ListOf<'_, T> {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    fn encode_parts(self, encoder: &mut PayloadEncoder<'_>) -> Result<Self::Resolver, EncodeError> {
        const { assert_takes_bytes::<T::Archived>() };
        T::encode_slice(self.0, encoder)
    }

    fn resolve(self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(self.0.len(), resolver, out);
    }
}

impl<T: Codable> Codable for VecDeque<T> {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    const FLAT: bool = false;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        const { assert_takes_bytes::<T::Archived>() };
        match value.as_slices() {
            (all, []) => T::encode_slice(all, encoder),
            _ => encode_sequence(value.iter(), encoder),
        }
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(value.len(), resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        Vec::decode_from(archived).map(Self::from)
    }

    fn describe(description: &mut TypeDescription) {
        Vec::<T>::describe(description);
    }
}

impl Codable for Bytes {
    type Archived = ArchivedVec<u8>;
    type Resolver = VecResolver;

    const FLAT: bool = false;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        u8::encode_slice(value, encoder)
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(value.len(), resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        Ok(Self::copy_from_slice(archived))
    }

    fn describe(description: &mut TypeDescription) {
        Vec::<u8>::describe(description);
    }
}

impl Codable for Topic {
    type Archived = ArchivedVec<u8>;
    type Resolver = VecResolver;

    const FLAT: bool = false;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        u8::encode_slice(value.as_bytes(), encoder)
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(value.as_bytes().len(), resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        Ok(Self::from(archived.as_slice()))
    }

    fn describe(description: &mut TypeDescription) {
        Vec::<u8>::describe(description);
    }
}
