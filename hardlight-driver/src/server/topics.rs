//! Subscriptions that follow from a connection's state.

use std::{collections::HashSet, fmt};

use parking_lot::Mutex;

use crate::events::{Interest, Subscriptions};

/// What an application says of the topics of a connection.
type Topics<S> = Box<dyn Fn(&S) -> Vec<Interest> + Send + Sync>;

/// Keeps a connection subscribed to what its state says.
pub(super) struct StateTopics<S> {
    topics: Topics<S>,
    subscriptions: Subscriptions,
    /// What it has subscribed the connection to.
    chosen: Mutex<HashSet<Interest>>,
}

impl<S> StateTopics<S> {
    pub(super) fn new(topics: Topics<S>, subscriptions: Subscriptions) -> Self {
        Self { topics, subscriptions, chosen: Mutex::default() }
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
                Err(error) => {
                    let what =
                        "the connection is not subscribed to a topic that its state asks for";
                    tracing::warn!(?interest, %error, "{what}");
                }
            }
        }
    }
}

impl<S> fmt::Debug for StateTopics<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateTopics").field("chosen", &self.chosen.lock()).finish_non_exhaustive()
    }
}
