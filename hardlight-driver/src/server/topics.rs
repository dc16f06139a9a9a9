//! Subscriptions that follow from a connection's state.

use std::{
    collections::HashSet,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use hardlight_proto::MAX_TOPIC_NAME_BYTES;
use parking_lot::Mutex;

use crate::events::{Interest, SubscribeError, Subscriptions};

/// What an application says of the topics of a connection.
type Topics<S> = Box<dyn Fn(&S) -> Vec<Interest> + Send + Sync>;

/// Keeps a connection subscribed to what its state says.
pub(super) struct StateTopics<S> {
    topics: Topics<S>,
    subscriptions: Subscriptions,
    /// What it has subscribed the connection to.
    chosen: Mutex<HashSet<Interest>>,
    /// A subscription failed, and that was logged.
    warned: AtomicBool,
}

impl<S> StateTopics<S> {
    pub(super) fn new(topics: Topics<S>, subscriptions: Subscriptions) -> Self {
        Self { topics, subscriptions, chosen: Mutex::default(), warned: AtomicBool::new(false) }
    }

    /// The state is this now. Called under its lock, so that the order of its changes is that of the subscriptions.
    pub(super) fn follow(&self, state: &S) {
        let wanted: HashSet<_> = (self.topics)(state).into_iter().collect();
        let mut chosen = self.chosen.lock();
        chosen.retain(|interest| {
            let stays = wanted.contains(interest);
            if !stays {
                self.subscriptions.remove(interest.clone());
            }
            stays
        });
        for interest in wanted {
            // What a handler has subscribed the connection to is the handler's to end.
            if chosen.contains(&interest) || self.subscriptions.contains(interest.clone()) {
                continue;
            }
            match self.subscriptions.add(interest.clone()) {
                Ok(()) => drop(chosen.insert(interest)),
                Err(error) => self.warn(&interest, &error),
            }
        }
    }

    /// Once for each connection: its client may have chosen the name, and change the state again and again.
    fn warn(&self, interest: &Interest, error: &SubscribeError) {
        if self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        let (bytes, connection) = (interest.as_bytes().len(), self.subscriptions.id());
        let interest = (bytes <= MAX_TOPIC_NAME_BYTES).then_some(interest);
        let what = "the connection is not subscribed to a topic that its state asks for; others of it are not logged";
        tracing::warn!(%connection, ?interest, %error, "{what}");
    }
}

impl<S> fmt::Debug for StateTopics<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateTopics").field("chosen", &self.chosen.lock()).finish_non_exhaustive()
    }
}
