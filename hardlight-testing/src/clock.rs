//! Time that passes when nothing else happens.

use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::world::here;

/// As good as for ever.
pub(crate) const FAR: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);

/// The clock of a world. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Clock {
    /// Where its time begins. From there on it has nothing to do with the system's.
    origin: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    elapsed: Duration,
    /// Who waits for what time, in the order of their coming where it is the same.
    waiting: BTreeMap<(Instant, u64), Waker>,
    next: u64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), state: Arc::default() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.origin + self.elapsed()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    /// Goes on to the next time that somebody waits for: whether there is one.
    pub(crate) fn jump(&self) -> bool {
        let mut state = self.lock();
        let Some(&(next, _)) = state.waiting.keys().next() else { return false };
        state.elapsed = state.elapsed.max(next - self.origin);
        let later = state.waiting.split_off(&(next, u64::MAX));
        let due = std::mem::replace(&mut state.waiting, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
        true
    }

    pub(crate) fn sleep_until(&self, until: Instant) -> Sleep {
        let mut state = self.lock();
        let key = state.next;
        state.next += 1;
        drop(state);
        Sleep { clock: self.clone(), until, key }
    }

    /// Nothing runs under the lock that could panic halfway, so what it protects is whole in any case.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.elapsed()).finish()
    }
}

/// The time since the world began.
///
/// # Panics
///
/// Outside of [`World::run`](crate::World::run).
#[track_caller]
pub fn now() -> Duration {
    here().0.clock.elapsed()
}

/// Waits for so long, by the clock of the world.
///
/// # Panics
///
/// Outside of [`World::run`](crate::World::run).
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let clock = here().0.clock;
    let now = clock.now();
    clock.sleep_until(now.checked_add(duration).unwrap_or(now + FAR))
}

/// Waits for a time.
#[derive(Debug)]
#[must_use = "time passes for whoever waits"]
pub struct Sleep {
    clock: Clock,
    until: Instant,
    key: u64,
}

impl Sleep {
    pub(crate) fn reset(&mut self, until: Instant) {
        self.forget();
        self.until = until;
    }

    fn forget(&self) {
        let waker = self.clock.lock().waiting.remove(&(self.until, self.key));
        drop(waker);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.until {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let former = self.clock.lock().waiting.insert((self.until, self.key), waker);
        drop(former);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}
