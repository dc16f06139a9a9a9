//! Who waits for the same rate.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use parking_lot::Mutex;

/// How many wait, by key. Keys for which nobody waits are not there.
#[derive(Clone)]
pub(super) struct Lines<K>(Arc<Mutex<HashMap<K, u32>>>);

impl<K> Default for Lines<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// One who waits. It leaves by being dropped.
pub(super) struct InLine {
    /// How long those take who were there before.
    pub(super) ahead: Duration,
    leave: Option<Box<dyn FnOnce() + Send>>,
}

impl<K: Clone + Eq + Hash + Send + 'static> Lines<K> {
    /// Waits behind those of the same key, one of whom may go in each interval.
    pub(super) fn join(&self, key: K, interval: Duration) -> InLine {
        let mut lines = self.0.lock();
        let waiting = lines.entry(key.clone()).or_default();
        let ahead = interval.saturating_mul(*waiting);
        *waiting += 1;
        drop(lines);
        let lines = self.clone();
        InLine { ahead, leave: Some(Box::new(move || lines.leave(&key))) }
    }

    fn leave(&self, key: &K) {
        let mut lines = self.0.lock();
        if let Some(waiting) = lines.get_mut(key) {
            *waiting -= 1;
            if *waiting == 0 {
                lines.remove(key);
            }
        }
    }
}

impl InLine {
    /// One who has nobody ahead.
    pub(super) fn of_nobody() -> Self {
        Self { ahead: Duration::ZERO, leave: None }
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}
