//! Sending events.

use std::{fmt, marker::PhantomData, sync::Arc};

use hardlight_proto::Events;

use super::{Topic, hub::Hub};

/// Sends events to the clients that are subscribed to a topic. Clones send to the same clients; from any thread.
pub struct EventEmitter<E> {
    hub: Arc<Hub>,
    /// It takes events, it holds none.
    events: PhantomData<fn(E)>,
}

impl<E: Events> EventEmitter<E> {
    pub(crate) const fn new(hub: Arc<Hub>) -> Self {
        Self { hub, events: PhantomData }
    }

    /// Sends an event to every client that is subscribed to the topic: to how many.
    ///
    /// It never waits. What a handler emits before it returns reaches its own client before the call's answer. Behind a
    /// client that reads too slowly the oldest events are dropped, and that client is told how many it missed.
    ///
    /// An event that cannot be encoded (beyond 1 GiB, or nested too deep) is logged as an error and goes to nobody.
    pub fn emit(&self, topic: impl Into<Topic>, event: E) -> usize {
        let topic = topic.into();
        self.hub.emit(&topic, || event.encode()).unwrap_or_else(|error| {
            tracing::error!(%topic, %error, "an event could not be encoded");
            0
        })
    }
}

impl<E> Clone for EventEmitter<E> {
    fn clone(&self) -> Self {
        Self { hub: Arc::clone(&self.hub), events: PhantomData }
    }
}

impl<E> fmt::Debug for EventEmitter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventEmitter").finish_non_exhaustive()
    }
}
