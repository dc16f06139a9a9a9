//! What a call of a generated client can end with.

use std::convert::Infallible;

use hardlight_proto::{CallError, ConnectionError};
use thiserror::Error;

/// Why a call has no result.
///
/// A method without an error of its own fails with `Error`, one that has some with `Error<E>`: in a function that returns
/// the latter, `.map_err(Error::widen)` turns one into the other.
///
/// `E` is the application's own error: a method that returns `Result<T, E>` ends with [`Error::Application`], to be
/// matched by variant. A method that returns a plain value cannot, which `Infallible` says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum Error<E = Infallible> {
    /// The method ran and returned its own error.
    #[error("{0}")]
    Application(E),
    /// This call failed; the connection lives on.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The connection ended before the answer arrived. Whether the method ran is not known.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl Error {
    /// The same failure of a method that has an error of its own.
    pub fn widen<E>(self) -> Error<E> {
        match self {
            Self::Application(never) => match never {},
            Self::Call(error) => Error::Call(error),
            Self::Connection(error) => Error::Connection(error),
        }
    }
}

impl<E> Error<E> {
    /// Whether it is certain that the method did not run, so that calling again cannot do anything twice. See
    /// [`CallError::did_not_run`].
    ///
    /// It is never certain for [`Error::Connection`]: the call may have arrived before the connection ended.
    pub const fn did_not_run(&self) -> bool {
        matches!(self, Self::Call(error) if error.did_not_run())
    }

    /// Whether the same call may be made again: it [did not run](Self::did_not_run), and may well succeed the next time.
    /// See [`CallError::is_retryable`].
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_retryable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_of_the_call_says_that_the_method_did_not_run() {
        assert!(Error::<()>::Call(CallError::GoingAway).is_retryable());
        assert!(Error::<()>::Call(CallError::UnknownMethod).did_not_run());
        assert!(!Error::<()>::Call(CallError::UnknownMethod).is_retryable());
        assert!(!Error::<()>::Call(CallError::HandlerPanicked).did_not_run());
        assert!(!Error::Application(()).did_not_run());
        assert!(!Error::<()>::Connection(ConnectionError::HandshakeTimeout).did_not_run());
    }
}
