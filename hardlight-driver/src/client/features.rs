//! What the connection may do, as the client was told.

use std::{fmt, sync::Arc};

use hardlight_proto::{ConnectionError, ConnectionState, Events, FeatureSet, NoEvents};

use super::Shared;

/// Watches the features of a client's connection change. Does not keep the connection open.
pub struct FeatureWatch<S: ConnectionState, E: Events = NoEvents> {
    shared: Arc<Shared<S, E>>,
    seen: u64,
}

impl<S: ConnectionState, E: Events> FeatureWatch<S, E> {
    pub(super) fn new(shared: Arc<Shared<S, E>>) -> Self {
        Self { seen: shared.features.number(), shared }
    }

    /// Waits until the features have changed since the last time, or since the watch was made: those there are then.
    /// Several changes may be seen as one. Cancel safe.
    ///
    /// # Errors
    ///
    /// Why the connection ended, once every change was seen.
    pub async fn changed(&mut self) -> Result<Arc<FeatureSet>, ConnectionError> {
        loop {
            let listener = self.shared.features.changed.listen();
            let ended = self.shared.mailbox.with(|calls| calls.ended.clone());
            if let Some(features) = self.shared.features.newer_than(&mut self.seen) {
                return Ok(features);
            }
            if let Some(error) = ended {
                return Err(error);
            }
            listener.await;
        }
    }
}

impl<S: ConnectionState, E: Events> fmt::Debug for FeatureWatch<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureWatch")
            .field("now", &self.shared.features.get())
            .finish_non_exhaustive()
    }
}
