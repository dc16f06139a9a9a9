use super::{Change, PatchWriter, diff::patch};
use crate::payload::{Codable, EncodeError};

/// What is kept of a field of a state, to tell later what has changed since: a copy of its value, or for a value that
/// records its changes what ties the record to what the peer has.
#[doc(hidden)]
pub trait Shadow<T>: Sized + Send + Sync + 'static {
    /// What is kept of this value. What the value has recorded is forgotten.
    fn of(value: &mut T) -> Self;

    /// Whether it is known without a look at the value that there is nothing to send.
    fn knows_no_change(&self, _value: &T) -> bool {
        false
    }

    /// Writes how the value differs from what the peer has, as a patch unless the value as a whole is no longer, and
    /// keeps from now on what there is of this value.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded. The shadow may then be anything.
    fn diff(&mut self, value: &mut T, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError>;
}

/// A copy.
impl<T: Codable> Shadow<T> for T {
    fn of(value: &mut T) -> Self {
        T::copy(value)
    }

    fn diff(&mut self, value: &mut T, out: &mut PatchWriter<'_>) -> Result<Change, EncodeError> {
        patch(value, self, out)
    }
}
