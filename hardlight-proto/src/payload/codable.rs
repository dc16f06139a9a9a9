use alloc::vec::Vec;

use rkyv::{
    Place, Portable,
    api::low::LowValidator,
    bytecheck::CheckBytes,
    rancor::Failure,
    vec::VecResolver,
    with::{ArchiveWith, SerializeWith},
};

use super::{DecodeError, EncodeError, PayloadEncoder, encoder::encode_sequence};
use crate::{schema::TypeDescription, state::StateDiff};

/// What a payload is checked with before anything reads it.
#[doc(hidden)]
pub type PayloadValidator<'a> = LowValidator<'a, Failure>;

/// A type that may travel in a call, an answer, an event or connection state.
///
/// Put `#[codable]` on your own structs and enums; every field must be `Codable` too. The types that are so from the
/// start make up the *wire profile*:
///
/// - integers of a fixed size, `f32`, `f64`, `bool`, `char`, `()`, [`String`](alloc::string::String), `Box<str>`
/// - `Vec<T>`, `VecDeque<T>`, `Box<T>`, `Option<T>`, `Result<T, E>`, `[T; N]`, tuples of up to 12, `bytes::Bytes`,
///   [`Topic`](crate::Topic)
/// - `BTreeMap`, `BTreeSet`, and with the feature `std` `HashMap` and `HashSet`, with keys that are `Ord`: they travel
///   sorted by key, so that a value has one encoding. A type of your own that is a key derives `Ord`: peers in other
///   languages sort fields and variants as the derive does
/// - `Duration`, `IpAddr`, `Ipv4Addr`, `Ipv6Addr`, `SocketAddr`, and with the feature `uuid` `uuid::Uuid`
///
/// `usize` and `isize` are not among them, since their size differs between machines, nor is anything shared or
/// borrowed. The elements of a list, and the entries of a map, must take at least one byte: eight bytes could otherwise
/// claim to hold four billion of them. That is checked at compile time, where a payload is encoded or decoded.
///
/// The trait's items are what the macro and this crate agree on. They may change in any release: do not implement the
/// trait by hand, and do not call its functions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel over HardLight",
    label = "not `Codable`",
    note = "put `#[codable]` on your own struct or enum, whose fields must be `Codable` too",
    note = "instead of `usize` or `isize` use `u32` or `u64`; instead of `&str` use `String`; instead of `&[T]` use `Vec<T>`",
    note = "`Rc`, `Arc`, references and trait objects cannot travel; maps and sets need keys that are `Ord`"
)]
pub trait Codable: StateDiff {
    /// The value's form in a payload.
    #[doc(hidden)]
    type Archived: Portable + for<'a> CheckBytes<PayloadValidator<'a>>;

    /// What is known once the value's out-of-line parts are written: where they are.
    #[doc(hidden)]
    type Resolver;

    /// Whether a value has no out-of-line parts, so that every payload of the type has the same length.
    #[doc(hidden)]
    const FLAT: bool;

    /// Writes the value's out-of-line parts.
    #[doc(hidden)]
    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError>;

    /// Fills in the value's own place.
    #[doc(hidden)]
    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>);

    /// Reads a value from a payload that was checked.
    #[doc(hidden)]
    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError>;

    /// Describes the type: its name, and the names, types and order of its fields or variants.
    #[doc(hidden)]
    fn describe(description: &mut TypeDescription);

    /// Writes the elements of a list. Numbers do it in one copy.
    #[doc(hidden)]
    fn encode_slice(
        values: &[Self],
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<VecResolver, EncodeError> {
        encode_sequence(values.iter(), encoder)
    }

    /// Reads the elements of a list.
    #[doc(hidden)]
    fn decode_slice(archived: &[Self::Archived]) -> Result<Vec<Self>, DecodeError> {
        // The validator saw every one of these elements in the payload: the length is no claim but a fact.
        let mut values = Vec::with_capacity(archived.len());
        for element in archived {
            values.push(Self::decode_from(element)?);
        }
        Ok(values)
    }
}

/// Has rkyv's containers take the form of what they hold from [`Codable`] instead of from rkyv's own traits.
pub(super) struct Wire;

impl<T: Codable> ArchiveWith<T> for Wire {
    type Archived = T::Archived;
    type Resolver = T::Resolver;

    fn resolve_with(field: &T, resolver: Self::Resolver, out: Place<Self::Archived>) {
        T::resolve(field, resolver, out);
    }
}

impl<'a, T: Codable> SerializeWith<T, PayloadEncoder<'a>> for Wire {
    fn serialize_with(
        field: &T,
        encoder: &mut PayloadEncoder<'a>,
    ) -> Result<Self::Resolver, EncodeError> {
        T::encode_parts(field, encoder)
    }
}
