//! A value that the driver publishes, and that handles wait for to change.

use event_listener::Event;
use parking_lot::Mutex;

/// The value as it is, and who waits for another.
pub(super) struct Published<T> {
    now: Mutex<Numbered<T>>,
    pub(super) changed: Event,
}

struct Numbered<T> {
    value: T,
    /// How often it has changed.
    number: u64,
}

impl<T: Clone + PartialEq> Published<T> {
    pub(super) fn new(value: T) -> Self {
        Self { now: Mutex::new(Numbered { value, number: 0 }), changed: Event::new() }
    }

    pub(super) fn get(&self) -> T {
        self.now.lock().value.clone()
    }

    /// Which version it is.
    pub(super) fn number(&self) -> u64 {
        self.now.lock().number
    }

    /// The value, if it has changed since version `seen`, which is brought up to date.
    pub(super) fn newer_than(&self, seen: &mut u64) -> Option<T> {
        let now = self.now.lock();
        (now.number != *seen).then(|| {
            *seen = now.number;
            now.value.clone()
        })
    }

    pub(super) fn publish(&self, value: T) {
        {
            let mut now = self.now.lock();
            if now.value == value {
                return;
            }
            now.value = value;
            now.number += 1;
        }
        self.tell();
    }

    pub(super) fn tell(&self) {
        self.changed.notify(usize::MAX);
    }
}
