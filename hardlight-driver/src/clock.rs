//! Clocks that may be asked from anywhere, and points in time that know theirs.

use std::{fmt, sync::Arc, time::Duration};

use hardlight_proto::Time;

/// The clock of a [`Timer`](crate::Timer), to be asked without it. Clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Time + Send + Sync>);

impl Clock {
    /// A clock that `now` is asked of. It must not run backwards.
    pub fn new(now: impl Fn() -> Time + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    pub fn now(&self) -> Time {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// Until when somebody waits, by the clock of whoever knows it.
///
/// Clocks of different connections need not agree, nor have the same origin, so what goes from one to the other is what is
/// [left](Self::remaining). It needs no `std::time::Instant`, which a browser has not.
#[derive(Clone)]
pub struct Deadline {
    at: Time,
    clock: Clock,
}

impl Deadline {
    /// That long from now on.
    pub fn after(clock: &Clock, duration: Duration) -> Self {
        Self::at(clock.now() + duration, clock)
    }

    pub(crate) fn at(at: Time, clock: &Clock) -> Self {
        Self { at, clock: clock.clone() }
    }

    /// What is left; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        self.at.saturating_since(self.clock.now())
    }

    /// Whether nothing is left.
    pub fn has_passed(&self) -> bool {
        self.at <= self.clock.now()
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_deadline_has_passed_when_nothing_is_left() {
        let micros = Arc::new(AtomicU64::new(7));
        let clock = Clock::new({
            let micros = Arc::clone(&micros);
            move || Time::from_micros(micros.load(Ordering::Relaxed))
        });
        let deadline = Deadline::after(&clock, Duration::from_micros(3));
        for (now, left) in [(7, 3), (9, 1), (10, 0), (11, 0)] {
            micros.store(now, Ordering::Relaxed);
            assert_eq!(deadline.remaining(), Duration::from_micros(left));
            assert_eq!(deadline.has_passed(), left == 0);
        }
        assert!(!Deadline::after(&clock, Duration::MAX).has_passed());
    }
}
