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
    /// The connection ended before the call went out, or was lost and the call does not wait for the next one. It did not
    /// run.
    #[error("the call was not sent: {0}")]
    NotSent(#[source] ConnectionError),
    /// The connection ended before the answer arrived. Whether the method ran is not known.
    #[error("no answer, and the call may have run: {0}")]
    Indeterminate(#[source] ConnectionError),
}

impl Error {
    /// The same failure of a method that has an error of its own.
    pub fn widen<E>(self) -> Error<E> {
        match self {
            Self::Application(never) => match never {},
            Self::Call(error) => Error::Call(error),
            Self::NotSent(error) => Error::NotSent(error),
            Self::Indeterminate(error) => Error::Indeterminate(error),
        }
    }
}

impl<E> Error<E> {
    /// Whether it is certain that the method did not run, so that calling again cannot do anything twice:
    /// [`Error::NotSent`], and what [`CallError::did_not_run`] says it of.
    pub const fn did_not_run(&self) -> bool {
        match self {
            Self::Application(_) | Self::Indeterminate(_) => false,
            Self::Call(error) => error.did_not_run(),
            Self::NotSent(_) => true,
        }
    }

    /// Whether the same call may be made again: it [did not run](Self::did_not_run), and may well succeed the next time, on
    /// another connection if this one has ended. See [`CallError::is_retryable`] and [`ConnectionError::is_retryable`].
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Application(_) | Self::Indeterminate(_) => false,
            Self::Call(error) => error.is_retryable(),
            Self::NotSent(error) => error.is_retryable(),
        }
    }

    /// Why the connection ended, if that is why there is no result.
    pub const fn connection(&self) -> Option<&ConnectionError> {
        match self {
            Self::Application(_) | Self::Call(_) => None,
            Self::NotSent(error) | Self::Indeterminate(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_run_and_may_succeed_is_worth_trying_again() {
        let (lost, other) =
            (ConnectionError::HandshakeTimeout, ConnectionError::Internal("".into()));
        for (error, did_not_run, is_retryable) in [
            (Error::Application(()), false, false),
            (Error::Call(CallError::GoingAway), true, true),
            (Error::Call(CallError::UnknownMethod), true, false),
            (Error::Call(CallError::HandlerPanicked), false, false),
            (Error::NotSent(lost.clone()), true, true),
            (Error::NotSent(other), true, false),
            (Error::Indeterminate(lost), false, false),
        ] {
            assert_eq!(error.did_not_run(), did_not_run, "{error:?}");
            assert_eq!(error.is_retryable(), is_retryable, "{error:?}");
        }
    }
}
