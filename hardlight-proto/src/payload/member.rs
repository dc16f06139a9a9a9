//! The fields of the types that `#[codable]` is put on.

use core::{
    marker::PhantomData,
    mem::{ManuallyDrop, needs_drop},
};

use rkyv::{
    Place, Portable, bytecheck::CheckBytes, munge::munge, rancor::Fallible, with::ArchiveWith,
};

use super::{Codable, DecodeError, EncodeError, PayloadEncoder, PayloadValidator};
use crate::schema::TypeDescription;

/// Says that the field with this index, of the type `T`, travels. Implemented for the type that has the field, once for
/// each field.
///
/// All that is done to a field is done here or asks for this trait rather than for `T: Codable`. A type that cannot
/// travel is then reported where the trait is implemented, and not for every use.
pub trait Member<const INDEX: usize, T>: Sized {
    /// `T`.
    type Value: Codable;

    /// Whether the field has no out-of-line parts.
    const FLAT: bool = <Self::Value as Codable>::FLAT;

    /// Nothing but a change of type.
    fn lend(value: &T) -> &Self::Value;

    /// Nothing but a change of type.
    fn lend_mut(value: &mut T) -> &mut Self::Value;

    /// Nothing but a change of type.
    fn give(value: Self::Value) -> T;

    /// Writes the field's out-of-line parts.
    ///
    /// # Errors
    ///
    /// If the value cannot be encoded.
    fn encode_parts(
        value: &T,
        encoder: &mut PayloadEncoder<'_>,
    ) -> Result<MemberResolver<Self, INDEX, T>, EncodeError> {
        let resolver = <Self::Value as Codable>::encode_parts(Self::lend(value), encoder)?;
        const { assert!(!needs_drop::<<Self::Value as Codable>::Resolver>(), "resolvers own nothing") };
        Ok(MemberResolver(ManuallyDrop::new(resolver), PhantomData))
    }

    /// Reads the field.
    ///
    /// # Errors
    ///
    /// If the value does not decode.
    fn decode_from(archived: &ArchivedMember<Self, INDEX, T>) -> Result<T, DecodeError> {
        <Self::Value as Codable>::decode_from(&archived.0).map(Self::give)
    }

    /// Describes the field's type.
    fn describe(description: &mut TypeDescription) {
        <Self::Value as Codable>::describe(description);
    }
}

/// The form of a field of `M` in a payload: that of the field's type, under another name, which can be mentioned whether
/// or not the type travels.
// The compiler takes what stands last to see that the type is `Sized`, and so looks at nothing of `M`.
#[derive(Portable, CheckBytes)]
#[bytecheck(crate = rkyv::bytecheck, bounds(M: CheckedBy<__C, INDEX, T>))]
#[repr(transparent)]
#[allow(missing_debug_implementations)]
pub struct ArchivedMember<M: Member<INDEX, T>, const INDEX: usize, T>(
    #[bytecheck(omit_bounds)] <M::Value as Codable>::Archived,
    PhantomData<fn() -> (M, T)>,
);

/// Where the out-of-line parts of a field of `M` are.
#[allow(missing_debug_implementations)]
pub struct MemberResolver<M: Member<INDEX, T>, const INDEX: usize, T>(
    // What has to be dropped is looked into, whether or not the type travels.
    ManuallyDrop<<M::Value as Codable>::Resolver>,
    PhantomData<fn() -> (M, T)>,
);

/// What `#[codable]` puts on every field of a mirrored type, so that rkyv's derive takes the field's form from
/// [`Codable`] instead of from rkyv's own traits.
///
/// It is found by the field's type, not by its spelling: an alias of a map, or a map in a tuple in a list, is handled as
/// the map it is.
#[derive(Debug)]
pub struct MemberWire<M, const INDEX: usize>(PhantomData<fn() -> M>);

impl<M: Member<INDEX, T>, const INDEX: usize, T> ArchiveWith<T> for MemberWire<M, INDEX> {
    type Archived = ArchivedMember<M, INDEX, T>;
    type Resolver = MemberResolver<M, INDEX, T>;

    fn resolve_with(field: &T, resolver: Self::Resolver, out: Place<Self::Archived>) {
        munge!(let ArchivedMember(out, _) = out);
        <M::Value as Codable>::resolve(M::lend(field), ManuallyDrop::into_inner(resolver.0), out);
    }
}

/// A [`Member`] whose form `C` checks. It is the bound of checks that are generic over `C`: to ask for the form's own
/// check would be to ask, of a type that contains itself, for what is being proven.
pub trait CheckedBy<C: Fallible + ?Sized, const INDEX: usize, T>:
    Member<INDEX, T, Value: Codable<Archived: CheckBytes<C>>>
{
}

impl<'a, M: Member<INDEX, T>, const INDEX: usize, T> CheckedBy<PayloadValidator<'a>, INDEX, T>
    for M
{
}

/// Always `T`. It lets a mirror mention a parameter that is none of its fields' types.
pub trait Beside<T> {
    /// `T`.
    type Type;
}

impl<M: ?Sized, T> Beside<T> for M {
    type Type = T;
}
