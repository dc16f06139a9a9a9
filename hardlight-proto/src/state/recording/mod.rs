//! Collections that record their changes. The crate's module `sync` shows them.

mod edits;
mod list;
mod map;
mod record;
mod text;

pub(super) use self::edits::Edit;
pub use self::{list::List, map::Map, text::Text};

/// Implements what a collection has from the standard type that it holds in `items`: it is the same on the wire. As the
/// field of a state it writes what it has recorded, for which it has `no_changes`, `has_no_changes` and `write_changes`.
macro_rules! same_on_the_wire {
    ([$($generics:tt)*] $name:ty, $plain:ty) => {
        impl<$($generics)*> crate::payload::Codable for $name {
            type Archived = <$plain as crate::payload::Codable>::Archived;
            type Resolver = <$plain as crate::payload::Codable>::Resolver;

            const FLAT: bool = <$plain as crate::payload::Codable>::FLAT;

            fn encode_parts(
                value: &Self,
                encoder: &mut crate::payload::PayloadEncoder<'_>,
            ) -> Result<Self::Resolver, crate::payload::EncodeError> {
                crate::payload::Codable::encode_parts(&value.items, encoder)
            }

            fn resolve(value: &Self, resolver: Self::Resolver, out: rkyv::Place<Self::Archived>) {
                crate::payload::Codable::resolve(&value.items, resolver, out);
            }

            fn decode_from(archived: &Self::Archived) -> Result<Self, crate::payload::DecodeError> {
                <$plain as crate::payload::Codable>::decode_from(archived).map(Self::from)
            }

            fn describe(description: &mut crate::schema::TypeDescription) {
                <$plain as crate::payload::Codable>::describe(description);
            }
        }

        impl<$($generics)*> crate::state::StateDiff for $name {
            const LEAF: bool = <$plain as crate::state::StateDiff>::LEAF;

            fn same(value: &Self, other: &Self) -> bool {
                crate::state::StateDiff::same(&value.items, &other.items)
            }

            fn copy(value: &Self) -> Self {
                Self::from(<$plain as crate::state::StateDiff>::copy(&value.items))
            }

            fn out_of_line(value: &Self, enough: usize) -> usize {
                crate::state::StateDiff::out_of_line(&value.items, enough)
            }

            fn diff(
                value: &Self,
                shadow: &mut Self,
                out: &mut crate::state::PatchWriter<'_>,
            ) -> Result<crate::state::Change, crate::payload::EncodeError> {
                crate::state::StateDiff::diff(&value.items, &mut shadow.items, out)
            }

            fn keep(value: &mut Self) -> Self {
                let record = value.record.tie(value.no_changes());
                Self { items: Default::default(), record }
            }

            fn is_unchanged(value: &Self, kept: &Self) -> bool {
                value.record.is_tied_to(&kept.record) && value.has_no_changes()
            }

            fn diff_kept(
                value: &mut Self,
                kept: &mut Self,
                out: &mut crate::state::PatchWriter<'_>,
            ) -> Result<crate::state::Change, crate::payload::EncodeError> {
                if !value.record.is_tied_to(&kept.record) {
                    *kept = Self::keep(value);
                    return Ok(crate::state::Change::Set);
                }
                let start = out.len();
                let change = value.write_changes(out)?;
                Ok(crate::state::diff::shorter(change, &value.items, start, out))
            }

            fn check(
                value: &Self,
                patch: crate::state::PatchReader<'_>,
            ) -> Result<(), crate::state::PatchError> {
                crate::state::StateDiff::check(&value.items, patch)
            }

            fn apply(
                value: &mut Self,
                patch: crate::state::PatchReader<'_>,
            ) -> Result<(), crate::state::PatchError> {
                crate::state::StateDiff::apply(value.whole_mut(), patch)
            }
        }

        impl<$($generics)*> PartialEq for $name
        where
            $plain: PartialEq,
        {
            fn eq(&self, other: &Self) -> bool {
                self.items == other.items
            }
        }

        impl<$($generics)*> PartialEq<$plain> for $name
        where
            $plain: PartialEq,
        {
            fn eq(&self, other: &$plain) -> bool {
                self.items == *other
            }
        }

        impl<$($generics)*> PartialEq<$name> for $plain
        where
            $plain: PartialEq,
        {
            fn eq(&self, other: &$name) -> bool {
                *self == other.items
            }
        }

        impl<$($generics)*> Eq for $name where $plain: Eq {}

        // It is the canonical one wherever the elements have no more than a partial order.
        #[allow(clippy::non_canonical_partial_ord_impl)]
        impl<$($generics)*> PartialOrd for $name
        where
            $plain: PartialOrd,
        {
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                self.items.partial_cmp(&other.items)
            }
        }

        impl<$($generics)*> Ord for $name
        where
            $plain: Ord,
        {
            fn cmp(&self, other: &Self) -> core::cmp::Ordering {
                self.items.cmp(&other.items)
            }
        }

        impl<$($generics)*> core::hash::Hash for $name
        where
            $plain: core::hash::Hash,
        {
            fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
                self.items.hash(state);
            }
        }

        /// Read like the standard type.
        impl<$($generics)*> core::ops::Deref for $name {
            type Target = $plain;

            fn deref(&self) -> &Self::Target {
                &self.items
            }
        }
    };
}

use same_on_the_wire;
