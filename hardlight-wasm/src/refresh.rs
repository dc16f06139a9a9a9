//! Options that are asked for anew before each attempt to connect again.

use std::{fmt, pin::Pin, rc::Rc};

use hardlight_driver::proto::ConnectionError;

use crate::ClientOptions;

/// The options of one attempt, or why there are none.
pub(crate) type Refreshing = Pin<Box<dyn Future<Output = Result<ClientOptions, String>>>>;

/// What [`ClientOptions::refresh`] was given. Clones share it.
#[derive(Clone)]
pub struct Refresh(Rc<dyn Fn(ClientOptions, ConnectionError) -> Refreshing>);

impl Refresh {
    pub(crate) fn new<F, X>(refresh: impl Fn(ClientOptions, ConnectionError) -> F + 'static) -> Self
    where
        F: Future<Output = Result<ClientOptions, X>> + 'static,
        X: fmt::Display,
    {
        Self(Rc::new(move |options, error| {
            let refreshing = refresh(options, error);
            Box::pin(async { refreshing.await.map_err(|error| error.to_string()) })
        }))
    }

    /// Asks for the options of the next attempt.
    pub(crate) fn of(&self, options: ClientOptions, error: ConnectionError) -> Refreshing {
        (self.0)(options, error)
    }
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh").finish_non_exhaustive()
    }
}
