//! Who is in which thread.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chat_shared::{ChatEvent, presence_of};
use hardlight::{ConnectionId, EventEmitter};

/// Whose the connections are. Which threads they are in the hub knows: they are subscribed to them.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    users: Mutex<HashMap<ConnectionId, String>>,
}

impl Presence {
    /// The connection is this user's.
    pub(crate) fn arrive(&self, id: ConnectionId, user: String) {
        self.lock().insert(id, user);
    }

    /// The connection has ended, and was in these threads.
    pub(crate) fn depart<'a>(
        &self,
        id: ConnectionId,
        events: &EventEmitter<ChatEvent>,
        threads: impl IntoIterator<Item = &'a String>,
    ) {
        self.lock().remove(&id);
        for thread in threads {
            self.tell(events, thread);
        }
    }

    /// Tells those who are in a thread who they are, since that has changed.
    ///
    /// Each event has all of them, so one that is lost is made up for by the next. They are counted and told under one lock:
    /// of two changes at once, what is told last is what is true.
    pub(crate) fn tell(&self, events: &EventEmitter<ChatEvent>, thread: &str) {
        let users = self.lock();
        let topic = presence_of(thread);
        let connections = events.subscribers(&topic);
        let present: BTreeSet<_> = connections.iter().filter_map(|id| users.get(id)).collect();
        let users = present.into_iter().cloned().collect();
        events.emit(topic, ChatEvent::Present { users });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, String>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
