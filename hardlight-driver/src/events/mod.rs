//! Events on the server: topics, who is subscribed, sending.

mod emitter;
mod hub;
mod subscriptions;

use std::sync::Arc;

pub use emitter::EventEmitter;
pub use hardlight_proto::Topic;
pub(crate) use hub::Hub;
pub use subscriptions::{SubscribeError, Subscriptions};

/// Where the events of a server's connections meet: one for each server. Clones are the same hub.
#[derive(Clone)]
pub struct EventHub {
    pub(crate) hub: Arc<Hub>,
}

impl EventHub {
    /// A hub without topics.
    pub fn new() -> Self {
        Self { hub: Arc::new(Hub::new()) }
    }

    /// An emitter of events of type `E`, which must be the events of the service whose connections meet here.
    pub fn emitter<E: hardlight_proto::Events>(&self) -> EventEmitter<E> {
        EventEmitter::new(Arc::clone(&self.hub))
    }
}

impl Default for EventHub {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for EventHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventHub").finish_non_exhaustive()
    }
}
