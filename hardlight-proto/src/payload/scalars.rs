//! Types whose form on the wire is rkyv's own.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use rkyv::{
    Archive, Deserialize, Place, Serialize,
    boxed::{ArchivedBox, BoxResolver},
    rancor::{ResultExt, Strategy},
    string::{ArchivedString, StringResolver, repr::INLINE_CAPACITY},
    vec::{ArchivedVec, VecResolver},
};

use super::{Codable, DecodeError, EncodeError, PayloadEncoder, encoder::nested};
use crate::schema::TypeDescription;

/// Implements [`Codable`] for types of a fixed size by way of rkyv's traits.
macro_rules! fixed_size {
    ($($ty:ty => $text:literal),* $(,)?) => {$(
        impl Codable for $ty {
            type Archived = <$ty as Archive>::Archived;
            type Resolver = <$ty as Archive>::Resolver;

            const FLAT: bool = true;

            #[inline]
            fn encode_parts(value: &Self, encoder: &mut PayloadEncoder<'_>) -> Result<Self::Resolver, EncodeError> {
                value.serialize(encoder)
            }

            #[inline]
            fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
                Archive::resolve(value, resolver, out);
            }

            #[inline]
            fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
                Ok(read(archived))
            }

            fn describe(description: &mut TypeDescription) {
                description.text($text);
            }

            fn encode_slice(values: &[Self], encoder: &mut PayloadEncoder<'_>) -> Result<VecResolver, EncodeError> {
                nested(encoder, |encoder| ArchivedVec::serialize_from_slice(values, encoder))
            }

            fn decode_slice(archived: &[Self::Archived]) -> Result<Vec<Self>, DecodeError> {
                // No element can fail, which is what lets this become one copy.
                Ok(archived.iter().map(read).collect())
            }
        }
    )*};
}

fixed_size! {
    u8 => "u8",
    u16 => "u16",
    u32 => "u32",
    u64 => "u64",
    u128 => "u128",
    i8 => "i8",
    i16 => "i16",
    i32 => "i32",
    i64 => "i64",
    i128 => "i128",
    f32 => "f32",
    f64 => "f64",
    bool => "bool",
    char => "char",
    () => "unit",
    Duration => "duration",
    Ipv4Addr => "ipv4",
    Ipv6Addr => "ipv6",
    IpAddr => "ip",
    SocketAddr => "socket",
}

/// Reads a value of a fixed size: any that passed validation is one.
#[inline]
fn read<T: Archive>(archived: &T::Archived) -> T
where
    T::Archived: Deserialize<T, Strategy<(), Infallible>>,
{
    archived.deserialize(Strategy::wrap(&mut ())).always_ok()
}

impl Codable for String {
    type Archived = ArchivedString;
    type Resolver = StringResolver;

    const FLAT: bool = false;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        if value.len() <= INLINE_CAPACITY {
            return ArchivedString::serialize_from_str(value, encoder);
        }
        nested(encoder, |encoder| ArchivedString::serialize_from_str(value, encoder))
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedString::resolve_from_str(value, resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        Ok(archived.as_str().into())
    }

    fn describe(description: &mut TypeDescription) {
        description.text("string");
    }
}

impl Codable for Box<str> {
    type Archived = ArchivedBox<str>;
    type Resolver = BoxResolver;

    const FLAT: bool = false;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        nested(encoder, |encoder| ArchivedBox::serialize_from_ref(&**value, encoder))
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedBox::resolve_from_ref(&**value, resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        Ok(archived.get().into())
    }

    fn describe(description: &mut TypeDescription) {
        description.text("box<str>");
    }
}

#[cfg(feature = "uuid")]
impl Codable for uuid::Uuid {
    type Archived = <uuid::Bytes as Archive>::Archived;
    type Resolver = <uuid::Bytes as Archive>::Resolver;

    const FLAT: bool = true;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        value.as_bytes().serialize(encoder)
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        value.as_bytes().resolve(resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        Ok(Self::from_bytes(*archived))
    }

    fn describe(description: &mut TypeDescription) {
        description.text("uuid");
    }
}
