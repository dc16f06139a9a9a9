//! What became of a call, as spans and metrics say it.

use hardlight_proto::CallError;

use crate::error::Error;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `rpc.status_code`.
    pub(crate) status: &'static str,
    /// Whether it is a failure of whoever tells of it.
    pub(crate) is_failure: bool,
}

impl Outcome {
    /// The method's output, or its error.
    pub(crate) const OK: Self = Self { status: "OK", is_failure: false };

    /// The method's own error, to the server that answered it: a result like others.
    pub(crate) const REFUSED_BY_APPLICATION: Self =
        Self { status: "APPLICATION_ERROR", is_failure: false };

    /// The same to the client, which has not got what it wanted.
    pub(crate) const FAILED_BY_APPLICATION: Self =
        Self { status: "APPLICATION_ERROR", is_failure: true };

    /// A call that a server answers with an error. Its own are those that no client can do anything about.
    pub(crate) const fn on_server(error: &CallError) -> Self {
        let is_failure = matches!(
            error,
            CallError::HandlerPanicked
                | CallError::EncodeFailed
                | CallError::DeadlineExceeded
                | CallError::Unknown(_)
        );
        Self { status: error.name(), is_failure }
    }

    /// A call of a client that has failed.
    pub(crate) const fn on_client(error: &Error) -> Self {
        let status = match error {
            Error::Call(error) => error.name(),
            Error::NotSent(_) => "NOT_SENT",
            Error::Indeterminate(_) => "INDETERMINATE",
            Error::Application(never) => match *never {},
        };
        Self { status, is_failure: true }
    }

    /// A call whose caller is gone: nobody is told.
    pub(crate) const CANCELLED: Self = Self { status: "CANCELLED", is_failure: false };
}
