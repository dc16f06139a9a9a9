//! Subscriptions that follow from a connection's state.

use std::{
    collections::HashSet,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use hardlight_proto::MAX_TOPIC_NAME_BYTES;
use parking_lot::Mutex;

use crate::events::{Interest, SubscribeError, Subscriptions};

/// What an application says of the topics of a connection.
type Topics<S> = dyn Fn(&S) -> Vec<Interest> + Send + Sync;

/// Keeps a connection subscribed to what its state says.
pub(super) struct StateTopics<S> {
    /// `None` once the connection has ended.
    topics: Mutex<Option<Arc<Topics<S>>>>,
    subscriptions: Subscriptions,
    followed: Mutex<Followed>,
}

/// What came of the state so far.
#[derive(Debug, Default)]
struct Followed {
    /// What the state said last.
    wanted: Vec<Interest>,
    /// What of it the connection was subscribed to here.
    chosen: HashSet<Interest>,
    /// A subscription failed, and that was logged.
    warned: bool,
}

impl<S> StateTopics<S> {
    pub(super) fn new(
        topics: impl Fn(&S) -> Vec<Interest> + Send + Sync + 'static,
        subscriptions: Subscriptions,
    ) -> Self {
        let topics: Arc<Topics<S>> = Arc::new(topics);
        Self { topics: Mutex::new(Some(topics)), subscriptions, followed: Mutex::default() }
    }

    /// The state is this now. Called under its lock, so that the order of its changes is that of the subscriptions.
    ///
    /// If the application's code panics, the connection lives on with the subscriptions that it has then.
    pub(super) fn follow(&self, state: &S) {
        let topics = self.topics.lock().clone();
        let Some(topics) = topics else {
            return;
        };
        let follows = || self.followed.lock().follow(topics(state), &self.subscriptions);
        if catch_unwind(AssertUnwindSafe(follows)).is_err() {
            tracing::error!("what chooses topics from the state panicked: subscriptions stay");
        }
    }

    /// The connection has ended, and what the application gave is dropped: it may hold the connection.
    pub(super) fn forget(&self) {
        let topics = self.topics.lock().take();
        drop(topics);
    }
}

impl Followed {
    fn follow(&mut self, wanted: Vec<Interest>, subscriptions: &Subscriptions) {
        if wanted == self.wanted && self.chosen.len() == wanted.len() {
            return;
        }
        let asked: HashSet<_> = wanted.iter().collect();
        self.chosen.retain(|interest| {
            let stays = asked.contains(interest);
            if !stays {
                subscriptions.remove(interest.clone());
            }
            stays
        });
        for interest in &wanted {
            // What a handler has subscribed the connection to is the handler's to end.
            if self.chosen.contains(interest) || subscriptions.contains(interest.clone()) {
                continue;
            }
            match subscriptions.add(interest.clone()) {
                Ok(()) => drop(self.chosen.insert(interest.clone())),
                // It is tried again with every change of the state.
                Err(error) => self.warn(interest, &error, subscriptions),
            }
        }
        self.wanted = wanted;
    }

    /// Once for each connection: its client may have chosen the name, and change the state again and again.
    fn warn(&mut self, interest: &Interest, error: &SubscribeError, subscriptions: &Subscriptions) {
        if std::mem::replace(&mut self.warned, true) {
            return;
        }
        let (bytes, connection) = (interest.as_bytes().len(), subscriptions.id());
        let interest = (bytes <= MAX_TOPIC_NAME_BYTES).then_some(interest);
        let what = "the connection is not subscribed to a topic that its state asks for; others of it are not logged";
        tracing::warn!(%connection, ?interest, %error, "{what}");
    }
}

impl<S> fmt::Debug for StateTopics<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateTopics")
            .field("followed", &self.followed.lock())
            .finish_non_exhaustive()
    }
}
