//! Sending events.

#[cfg(not(target_family = "wasm"))]
use std::time::Duration;
use std::{fmt, marker::PhantomData, sync::Arc};

use bytes::Bytes;
#[cfg(not(target_family = "wasm"))]
use event_listener::Listener;
use hardlight_proto::{EncodeError, Events, Topic};

#[cfg(not(target_family = "wasm"))]
use super::hub::Full;
use super::{
    ConnectionId,
    hub::{Emission, Hub, Patience},
};
#[cfg(not(target_family = "wasm"))]
use crate::inside::Inside;

/// How much later than it should a driver may end a wait, before a blocked thread ends it.
#[cfg(not(target_family = "wasm"))]
const DRIVER_GRACE: Duration = Duration::from_secs(1);

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

    /// Sends an event to every client that is subscribed to the topic, or to a pattern that matches it: to how many.
    ///
    /// It never waits. What a handler emits before it returns reaches its own client before the call's answer. Behind a
    /// client that reads too slowly some are dropped, which ones [`Overflow`](super::Overflow) says, and that client is
    /// told how many it missed.
    ///
    /// Events that one emitter emits on one topic one after the other arrive in that order.
    ///
    /// An event that cannot be encoded (beyond 1 GiB, or nested too deep) is logged as an error and goes to nobody. So is one on
    /// a topic whose name has more than [`MAX_TOPIC_NAME_BYTES`](hardlight_proto::MAX_TOPIC_NAME_BYTES), which nobody can be
    /// subscribed to: the first of them, the second, the fourth and so on, since a client may have chosen the name.
    pub fn emit(&self, topic: impl Into<Topic>, event: E) -> usize {
        let topic = topic.into();
        self.hub.emit(&topic, event).unwrap_or_else(|error| {
            log_failure(&topic, &error);
            0
        })
    }

    /// [`emit`](Self::emit), once there is room for the event with every client whose subscription says
    /// [`Overflow::Wait`](super::Overflow::Wait), or it has been waited for as long as that says.
    ///
    /// It is numbered and sent when the wait is over, so others may emit on the topic meanwhile. Cancel safe: if the future
    /// is dropped before it is ready, nothing was sent.
    ///
    /// In a handler this waits for what the handler's own connection must do if its client is subscribed to the topic: that
    /// is done meanwhile.
    pub async fn emit_wait(&self, topic: impl Into<Topic>, event: E) -> usize {
        let topic = topic.into();
        let Some((event, payload)) = encode(&topic, event) else { return 0 };
        let emission = Emission::new::<E>(&topic, event, &payload);
        loop {
            match self.hub.send(&emission, Patience::Waits) {
                Ok(reached) => return reached,
                Err(full) => full.room.await,
            }
        }
    }

    /// [`emit_wait`](Self::emit_wait) for threads and for blocking code: blocks the thread.
    ///
    /// # Panics
    ///
    /// In a task that drives a connection, as handlers do: the wait might be for that very task. Use
    /// [`emit_wait`](Self::emit_wait) there.
    #[cfg(not(target_family = "wasm"))]
    #[track_caller]
    pub fn emit_blocking(&self, topic: impl Into<Topic>, event: E) -> usize {
        assert!(
            !Inside::is(),
            "`emit_blocking` was called in a task that drives a connection, which it would stop: use `emit_wait`"
        );
        let topic = topic.into();
        let Some((event, payload)) = encode(&topic, event) else { return 0 };
        let emission = Emission::new::<E>(&topic, event, &payload);
        let mut patience = Patience::Waits;
        loop {
            match self.hub.send(&emission, patience) {
                Ok(reached) => return reached,
                Err(Full { room, patience: milliseconds }) => {
                    // The driver measures the time. One that does not come to it is not waited for without end.
                    let limit = Duration::from_millis(milliseconds.into()) + DRIVER_GRACE;
                    if room.wait_timeout(limit).is_none() {
                        patience = Patience::None;
                    }
                }
            }
        }
    }

    /// The connections that are subscribed to a topic, or to a pattern that matches it, in the order in which they
    /// connected: who is present.
    pub fn subscribers(&self, topic: impl Into<Topic>) -> Vec<ConnectionId> {
        self.hub.subscribers(&topic.into())
    }

    /// How many connections these are; see [`EventHub::subscriber_count`](super::EventHub::subscriber_count).
    pub fn subscriber_count(&self, topic: impl Into<Topic>) -> usize {
        self.hub.subscriber_count(&topic.into())
    }
}

fn encode<E: Events>(topic: &Topic, event: E) -> Option<(u32, Bytes)> {
    event.encode().inspect_err(|error| log_failure(topic, error)).ok()
}

fn log_failure(topic: &Topic, error: &EncodeError) {
    tracing::error!(?topic, %error, "an event could not be encoded");
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
