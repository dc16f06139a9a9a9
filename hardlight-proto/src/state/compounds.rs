//! Types made of a fixed number of others.

use alloc::boxed::Box;

use super::{
    Change, PatchError, PatchReader, PatchWriter, StateDiff,
    diff::{out_of_line_sum, patch},
};
use crate::payload::{Codable, EncodeError};

/// As what is in it, one level below.
impl<T: Codable> StateDiff for Box<T> {
    const LEAF: bool = T::LEAF;

    fn same(value: &Self, other: &Self) -> bool {
        T::same(value, other)
    }

    fn copy(value: &Self) -> Self {
        Self::new(T::copy(value))
    }

    fn out_of_line(value: &Self, enough: usize) -> usize {
        let own = size_of::<T::Archived>();
        own + T::out_of_line(value, enough.saturating_sub(own))
    }

    fn diff(
        value: &Self,
        shadow: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        out.below(|out| T::diff(value, shadow, out))
    }

    fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        T::check(value, patch.below()?)
    }

    fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        T::apply(value, patch.below()?)
    }
}

const NONE: u64 = 0;
const SOME: u64 = 1;
const CHANGE: u64 = 2;

impl<T: Codable> StateDiff for Option<T> {
    const LEAF: bool = false;

    fn same(value: &Self, other: &Self) -> bool {
        match (value, other) {
            (None, None) => true,
            (Some(value), Some(other)) => T::same(value, other),
            _ => false,
        }
    }

    fn copy(value: &Self) -> Self {
        value.as_ref().map(T::copy)
    }

    fn out_of_line(value: &Self, enough: usize) -> usize {
        value.as_ref().map_or(0, |value| T::out_of_line(value, enough))
    }

    fn diff(
        value: &Self,
        shadow: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        match (value, &mut *shadow) {
            (None, None) => Ok(Change::Nothing),
            (None, Some(_)) => {
                *shadow = None;
                out.varint(NONE);
                Ok(Change::Patch)
            }
            (Some(value), None) => {
                *shadow = Some(T::copy(value));
                write_some(value, out)
            }
            (Some(value), Some(old)) => {
                let start = out.len();
                out.varint(CHANGE);
                let change = patch(value, old, out)?;
                if change != Change::Patch {
                    out.truncate(start);
                }
                if change == Change::Set { write_some(value, out) } else { Ok(change) }
            }
        }
    }

    fn check(value: &Self, mut patch: PatchReader<'_>) -> Result<(), PatchError> {
        match (patch.varint()?, value) {
            (NONE, Some(_)) => patch.end(),
            (SOME, _) => patch.value::<T>(patch.rest()).map(drop),
            (CHANGE, Some(value)) => T::check(value, patch),
            (NONE | CHANGE, None) => Err(PatchError::Absent),
            (kind, _) => Err(PatchError::UnknownOperation(kind)),
        }
    }

    fn apply(value: &mut Self, mut patch: PatchReader<'_>) -> Result<(), PatchError> {
        match (patch.varint()?, &mut *value) {
            (SOME, _) => *value = Some(patch.value(patch.rest())?),
            (CHANGE, Some(value)) => T::apply(value, patch)?,
            _ => *value = None,
        }
        Ok(())
    }
}

fn write_some<T: Codable>(value: &T, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError> {
    out.varint(SOME);
    out.archive(value)?;
    Ok(Change::Patch)
}

const OK: u8 = 0;
const ERR: u8 = 1;

/// As an enum of these two variants.
impl<T: Codable, E: Codable> StateDiff for Result<T, E> {
    const LEAF: bool = false;

    fn same(value: &Self, other: &Self) -> bool {
        match (value, other) {
            (Ok(value), Ok(other)) => T::same(value, other),
            (Err(value), Err(other)) => E::same(value, other),
            _ => false,
        }
    }

    fn copy(value: &Self) -> Self {
        value.as_ref().map(T::copy).map_err(E::copy)
    }

    fn out_of_line(value: &Self, enough: usize) -> usize {
        match value {
            Ok(value) => T::out_of_line(value, enough),
            Err(value) => E::out_of_line(value, enough),
        }
    }

    fn diff(
        value: &Self,
        shadow: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        match (value, shadow) {
            (Ok(value), Ok(shadow)) => out.variant(OK, |out| out.part(0, value, shadow)),
            (Err(value), Err(shadow)) => out.variant(ERR, |out| out.part(0, value, shadow)),
            (value, shadow) => {
                *shadow = Self::copy(value);
                Ok(Change::Set)
            }
        }
    }

    fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        let (variant, patch) = patch.variant()?;
        match value {
            Ok(value) if variant == u64::from(OK) => {
                patch.fields(|field| field.only()?.check(value))
            }
            Err(value) if variant == u64::from(ERR) => {
                patch.fields(|field| field.only()?.check(value))
            }
            _ => Err(PatchError::WrongVariant),
        }
    }

    fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        let (_, patch) = patch.variant()?;
        match value {
            Ok(value) => patch.fields(|field| field.apply(value)),
            Err(value) => patch.fields(|field| field.apply(value)),
        }
    }
}

impl<T: Codable, const N: usize> StateDiff for [T; N] {
    const LEAF: bool = false;

    fn same(value: &Self, other: &Self) -> bool {
        T::same_slice(value, other)
    }

    fn copy(value: &Self) -> Self {
        value.each_ref().map(T::copy)
    }

    fn out_of_line(value: &Self, enough: usize) -> usize {
        out_of_line_sum(value, enough)
    }

    fn diff(
        value: &Self,
        shadow: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        out.fields(|out| {
            let mut elements = (0..).zip(value.iter().zip(shadow));
            elements.try_for_each(|(index, (value, shadow))| out.part(index, value, shadow))
        })
    }

    fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        patch.fields(|field| {
            let index = usize::try_from(field.index).ok();
            let element = index.and_then(|index| value.get(index)).ok_or(PatchError::OutOfRange)?;
            field.check(element)
        })
    }

    fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
        patch.fields(|field| {
            let index = usize::try_from(field.index).ok();
            let element = index.and_then(|index| value.get_mut(index));
            field.apply(element.ok_or(PatchError::OutOfRange)?)
        })
    }
}

macro_rules! tuple {
    ($($ty:ident $index:tt),*) => {
        impl<$($ty: Codable),*> StateDiff for ($($ty,)*) {
            const LEAF: bool = false;

            fn same(value: &Self, other: &Self) -> bool {
                $($ty::same(&value.$index, &other.$index))&&*
            }

            fn copy(value: &Self) -> Self {
                ($($ty::copy(&value.$index),)*)
            }

            fn out_of_line(value: &Self, enough: usize) -> usize {
                let mut sum = 0;
                $(sum += out_of_line_sum([&value.$index], enough.saturating_sub(sum));)*
                sum
            }

            fn diff(value: &Self, shadow: &mut Self, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError> {
                out.fields(|out| {
                    $(out.part($index, &value.$index, &mut shadow.$index)?;)*
                    Ok(())
                })
            }

            fn check(value: &Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
                patch.fields(|field| match field.index {
                    $($index => field.check(&value.$index),)*
                    _ => Err(PatchError::OutOfRange),
                })
            }

            fn apply(value: &mut Self, patch: PatchReader<'_>) -> Result<(), PatchError> {
                patch.fields(|field| match field.index {
                    $($index => field.apply(&mut value.$index),)*
                    _ => Err(PatchError::OutOfRange),
                })
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
