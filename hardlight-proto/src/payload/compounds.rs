//! Types made of a fixed number of others.

use alloc::boxed::Box;

use rkyv::{
    Archive, Place,
    boxed::{ArchivedBox, BoxResolver},
    option::ArchivedOption,
    result::ArchivedResult,
    tuple::{
        ArchivedTuple1, ArchivedTuple2, ArchivedTuple3, ArchivedTuple4, ArchivedTuple5,
        ArchivedTuple6, ArchivedTuple7, ArchivedTuple8, ArchivedTuple9, ArchivedTuple10,
        ArchivedTuple11, ArchivedTuple12,
    },
    with::{ArchiveWith, Map, SerializeWith},
};

use super::{
    Codable, DecodeError, EncodeError, PayloadEncoder,
    codable::Wire,
    encoder::{Lent, nested},
};
use crate::schema::TypeDescription;

impl<T: Codable> Codable for Box<T> {
    type Archived = ArchivedBox<T::Archived>;
    type Resolver = BoxResolver;

    const FLAT: bool = false;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        nested(encoder, |encoder| ArchivedBox::serialize_from_ref(&Lent(&**value), encoder))
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedBox::resolve_from_ref(&Lent(&**value), resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        T::decode_from(archived.get()).map(Self::new)
    }

    fn describe(description: &mut TypeDescription) {
        description.text("box<");
        T::describe(description);
        description.text(">");
    }
}

impl<T: Codable> Codable for Option<T> {
    type Archived = ArchivedOption<T::Archived>;
    type Resolver = Option<T::Resolver>;

    const FLAT: bool = T::FLAT;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        value.as_ref().map(|value| T::encode_parts(value, encoder)).transpose()
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        value.as_ref().map(Lent).resolve(resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        archived.as_ref().map(T::decode_from).transpose()
    }

    fn describe(description: &mut TypeDescription) {
        description.text("option<");
        T::describe(description);
        description.text(">");
    }
}

impl<T: Codable, E: Codable> Codable for Result<T, E> {
    type Archived = ArchivedResult<T::Archived, E::Archived>;
    type Resolver = Result<T::Resolver, E::Resolver>;

    const FLAT: bool = T::FLAT && E::FLAT;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        match value {
            Ok(value) => T::encode_parts(value, encoder).map(Ok),
            Err(error) => E::encode_parts(error, encoder).map(Err),
        }
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        value.as_ref().map(Lent).map_err(Lent).resolve(resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        match archived {
            ArchivedResult::Ok(value) => T::decode_from(value).map(Ok),
            ArchivedResult::Err(error) => E::decode_from(error).map(Err),
        }
    }

    fn describe(description: &mut TypeDescription) {
        description.text("result<");
        T::describe(description);
        description.text(",");
        E::describe(description);
        description.text(">");
    }
}

impl<T: Codable, const N: usize> Codable for [T; N] {
    type Archived = [T::Archived; N];
    type Resolver = [T::Resolver; N];

    const FLAT: bool = T::FLAT;

    fn encode_parts(
        value: &Self,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<Self::Resolver, EncodeError> {
        Map::<Wire>::serialize_with(value, encoder)
    }

    fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
        Map::<Wire>::resolve_with(value, resolver, out);
    }

    fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
        // Not by rkyv's own impl, which leaks the elements before one that fails.
        let mut failure = None;
        let elements: [Option<T>; N] = core::array::from_fn(|index| match failure {
            None => T::decode_from(&archived[index]).map_err(|error| failure = Some(error)).ok(),
            Some(_) => None,
        });
        match failure {
            None => {
                Ok(elements
                    .map(|element| element.expect("nothing failed, so every element is there")))
            }
            Some(error) => Err(error),
        }
    }

    fn describe(description: &mut TypeDescription) {
        description.text("array<");
        T::describe(description);
        description.text(",");
        description.number(N as u64);
        description.text(">");
    }
}

macro_rules! tuple {
    ($archived:ident, $first:ident 0 $(, $rest:ident $index:tt)*) => {
        impl<$first: Codable $(, $rest: Codable)*> Codable for ($first, $($rest,)*) {
            type Archived = $archived<$first::Archived $(, $rest::Archived)*>;
            type Resolver = ($first::Resolver, $($rest::Resolver,)*);

            const FLAT: bool = $first::FLAT $(&& $rest::FLAT)*;

            fn encode_parts(value: &Self, encoder: &mut PayloadEncoder<'_>) -> Result<Self::Resolver, EncodeError> {
                Ok(($first::encode_parts(&value.0, encoder)?, $($rest::encode_parts(&value.$index, encoder)?,)*))
            }

            fn resolve(value: &Self, resolver: Self::Resolver, out: Place<Self::Archived>) {
                (Lent(&value.0), $(Lent(&value.$index),)*).resolve(resolver, out);
            }

            fn decode_from(archived: &Self::Archived) -> Result<Self, DecodeError> {
                Ok(($first::decode_from(&archived.0)?, $($rest::decode_from(&archived.$index)?,)*))
            }

            fn describe(description: &mut TypeDescription) {
                description.text("tuple<");
                $first::describe(description);
                $(
                    description.text(",");
                    $rest::describe(description);
                )*
                description.text(">");
            }
        }
    };
}

tuple!(ArchivedTuple1, A 0);
tuple!(ArchivedTuple2, A 0, B 1);
tuple!(ArchivedTuple3, A 0, B 1, C 2);
tuple!(ArchivedTuple4, A 0, B 1, C 2, D 3);
tuple!(ArchivedTuple5, A 0, B 1, C 2, D 3, E 4);
tuple!(ArchivedTuple6, A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(ArchivedTuple7, A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(ArchivedTuple8, A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(ArchivedTuple9, A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(ArchivedTuple10, A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(ArchivedTuple11, A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(ArchivedTuple12, A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
