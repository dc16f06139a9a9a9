//! What the connection may do, as the client was told.

use std::{fmt, sync::Arc};

use event_listener::Event;
use hardlight_proto::{ConnectionError, ConnectionState, Events, FeatureSet, NoEvents};
use parking_lot::Mutex;

use super::Shared;

/// The features as they are, and who waits for them to change.
#[derive(Default)]
pub(super) struct PublishedFeatures {
    now: Mutex<Published>,
    changed: Event,
}

#[derive(Default)]
struct Published {
    features: Arc<FeatureSet>,
    /// How often they have changed.
    number: u64,
}

impl PublishedFeatures {
    pub(super) fn get(&self) -> Arc<FeatureSet> {
        Arc::clone(&self.now.lock().features)
    }

    pub(super) fn publish(&self, features: &FeatureSet) {
        {
            let mut now = self.now.lock();
            if *now.features == *features {
                return;
            }
            now.features = Arc::new(features.clone());
            now.number += 1;
        }
        self.tell();
    }

    pub(super) fn tell(&self) {
        self.changed.notify(usize::MAX);
    }
}

/// Watches the features of a client's connection change. Does not keep the connection open.
pub struct FeatureWatch<S: ConnectionState, E: Events = NoEvents> {
    shared: Arc<Shared<S, E>>,
    seen: u64,
}

impl<S: ConnectionState, E: Events> FeatureWatch<S, E> {
    pub(super) fn new(shared: Arc<Shared<S, E>>) -> Self {
        let seen = shared.features.now.lock().number;
        Self { shared, seen }
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
            {
                let now = self.shared.features.now.lock();
                if self.seen != now.number {
                    self.seen = now.number;
                    return Ok(Arc::clone(&now.features));
                }
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
