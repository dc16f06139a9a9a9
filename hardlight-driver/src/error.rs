//! What a call of a generated client can end with.

use std::convert::Infallible;

use hardlight_proto::{CallError, ConnectionError};
use thiserror::Error;

/// Why a call has no result.
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
