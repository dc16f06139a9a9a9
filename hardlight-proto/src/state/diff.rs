use super::{PatchError, PatchReader, PatchWriter};
use crate::payload::{Codable, EncodeError};

/// How a value is compared with what was last sent of it, and how it is changed in place.
///
/// Every [`Codable`] type has it: `#[codable]` implements both. Types that have parts are compared and changed part by
/// part, whatever their own `PartialEq` says, and floats by their bits.
///
/// The trait's items are what the macro and this crate agree on. They may change in any release: do not implement the
/// trait by hand, and do not call its functions.
pub trait StateDiff: Sized + Send + Sync + 'static {
    /// Whether a value is only ever replaced as a whole: there are no patches of it.
    #[doc(hidden)]
    const LEAF: bool = true;

    /// Whether both have the same encoding.
    #[doc(hidden)]
    fn same(value: &Self, other: &Self) -> bool;

    /// A copy to compare with later.
    #[doc(hidden)]
    fn copy(value: &Self) -> Self;

    /// At least how many bytes the value's archive takes besides the value's own place. What is beyond `enough` need
    /// not be counted.
    #[doc(hidden)]
    fn out_of_line(_value: &Self, _enough: usize) -> usize {
        0
    }

    /// Writes what has to be done to `shadow`, and does it.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded. The shadow may then be anything.
    #[doc(hidden)]
    fn diff(
        value: &Self,
        shadow: &mut Self,
        _out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError> {
        if Self::same(value, shadow) {
            return Ok(Change::Nothing);
        }
        *shadow = Self::copy(value);
        Ok(Change::Set)
    }

    /// What is kept of the value of a state's field, to tell later what has changed since: a copy, or for a value that
    /// records its changes what ties the record to what the peer has. What it has recorded so far is forgotten.
    #[doc(hidden)]
    fn keep(value: &mut Self) -> Self {
        Self::copy(value)
    }

    /// Whether nothing has changed since `kept`, which is so of most fields most of the time; `false` if to find out takes
    /// as long as to find out what has.
    #[doc(hidden)]
    fn is_unchanged(value: &Self, kept: &Self) -> bool {
        Self::same(value, kept)
    }

    /// Writes what has changed since `kept`, unless the value as a whole is no longer than that, and brings `kept` up to
    /// date.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded. What is kept may then be anything.
    #[doc(hidden)]
    fn diff_kept(
        value: &mut Self,
        kept: &mut Self,
        out: &mut PatchWriter<'_>,
    ) -> Result<Change, EncodeError>
    where
        Self: Codable,
    {
        patch(value, kept, out)
    }

    /// Whether the patch can be applied: then [`apply`](Self::apply) will succeed.
    ///
    /// # Errors
    ///
    /// If it is malformed, or asks for what the value does not have.
    #[doc(hidden)]
    fn check(_value: &Self, _patch: PatchReader<'_>) -> Result<(), PatchError> {
        Err(PatchError::Leaf)
    }

    /// Applies a patch.
    ///
    /// # Errors
    ///
    /// If it cannot be applied. The value may then be anything.
    #[doc(hidden)]
    fn apply(_value: &mut Self, _patch: PatchReader<'_>) -> Result<(), PatchError> {
        Err(PatchError::Leaf)
    }

    /// Whether all of them are the same. Numbers do it in one comparison.
    #[doc(hidden)]
    fn same_slice(values: &[Self], others: &[Self]) -> bool {
        values.len() == others.len()
            && values.iter().zip(others).all(|(value, other)| Self::same(value, other))
    }
}

/// What became of the difference between a value and its shadow.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is none.
    Nothing,
    /// It was written as a patch.
    Patch,
    /// Nothing was written: the value has to be sent as a whole.
    Set,
}

/// Writes the patch of a value, unless the value as a whole is no longer than that.
pub(super) fn patch<T: Codable>(
    value: &T,
    shadow: &mut T,
    out: &mut PatchWriter<'_>,
) -> Result<Change, EncodeError> {
    let start = out.len();
    let change = T::diff(value, shadow, out)?;
    Ok(shorter(change, value, start, out))
}

/// Takes back the patch that was written from `start` on, if the value as a whole is no longer than that.
pub(super) fn shorter<T: Codable>(
    change: Change,
    value: &T,
    start: usize,
    out: &mut PatchWriter<'_>,
) -> Change {
    let written = out.len() - start;
    if change == Change::Patch && written > archive_len(value, written) {
        out.truncate(start);
        return Change::Set;
    }
    change
}

/// At least how many bytes the value's archive takes. What is beyond `enough` may not be counted.
fn archive_len<T: Codable>(value: &T, enough: usize) -> usize {
    let own = size_of::<T::Archived>();
    own + T::out_of_line(value, enough.saturating_sub(own))
}

/// The sum of what the parts of a value take out of line, as far as it is needed.
pub(super) fn out_of_line_sum<'a, T: Codable>(
    parts: impl IntoIterator<Item = &'a T>,
    enough: usize,
) -> usize {
    let mut sum = 0;
    if T::FLAT {
        return sum;
    }
    for part in parts {
        if sum >= enough {
            break;
        }
        sum += T::out_of_line(part, enough - sum);
    }
    sum
}
