//! How handles talk to the driver: they put things into a box, and the driver empties it whole.

use std::task::{Context, Waker};

use atomic_waker::AtomicWaker;
use parking_lot::Mutex;

/// A box of type `B` that handles fill and one driver empties.
///
/// The driver is woken only if it sleeps: what arrives while it runs is seen before it goes to sleep.
pub(crate) struct Mailbox<B> {
    inner: Mutex<Inner<B>>,
    waker: AtomicWaker,
}

struct Inner<B> {
    contents: B,
    /// The driver runs, or was woken and will.
    awake: bool,
}

impl<B> Mailbox<B> {
    pub(crate) fn new(contents: B) -> Self {
        // Awake, since a driver that was never polled registers its waker first.
        let inner = Inner { contents, awake: true };
        Self { inner: Mutex::new(inner), waker: AtomicWaker::new() }
    }

    /// Changes the contents and wakes the driver.
    pub(crate) fn post<R>(&self, change: impl FnOnce(&mut B) -> R) -> R {
        let mut inner = self.inner.lock();
        let result = change(&mut inner.contents);
        let asleep = !std::mem::replace(&mut inner.awake, true);
        drop(inner);
        if asleep {
            self.wake();
        }
        result
    }

    /// Changes the contents, for callers that hold a lock: what is to be woken once they let go of it.
    #[must_use]
    pub(crate) fn post_quietly(&self, change: impl FnOnce(&mut B)) -> Option<Waker> {
        self.post_if(|contents| {
            change(contents);
            true
        })
    }

    /// Changes the contents, for callers that hold a lock: what is to be woken once they let go of it, if there is reason
    /// to.
    #[must_use]
    pub(crate) fn post_if(&self, change: impl FnOnce(&mut B) -> bool) -> Option<Waker> {
        let mut inner = self.inner.lock();
        let asleep = change(&mut inner.contents) && !std::mem::replace(&mut inner.awake, true);
        drop(inner);
        if asleep { self.waker.take() } else { None }
    }

    fn wake(&self) {
        self.waker.wake();
    }

    /// Wakes the driver if there is reason to.
    pub(crate) fn wake_if(&self, reason: impl FnOnce(&mut B) -> bool) {
        let mut inner = self.inner.lock();
        if !reason(&mut inner.contents) {
            return;
        }
        let asleep = !std::mem::replace(&mut inner.awake, true);
        drop(inner);
        if asleep {
            self.waker.wake();
        }
    }

    /// Looks at the contents, or changes what the driver need not know of.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut B) -> R) -> R {
        look(&mut self.inner.lock().contents)
    }

    /// The driver begins to run.
    pub(crate) fn wake_up(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
        self.inner.lock().awake = true;
    }

    /// The driver goes to sleep, if there is nothing to do: whether it may.
    pub(crate) fn fall_asleep(&self, nothing_to_do: impl FnOnce(&mut B) -> bool) -> bool {
        let mut inner = self.inner.lock();
        inner.awake = !nothing_to_do(&mut inner.contents);
        !inner.awake
    }
}
