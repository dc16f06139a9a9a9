//! Signs of life (SPEC.md, section 15).

use core::time::Duration;

use crate::time::Time;

/// Intervals in a row without a sign of life after which the peer is given up.
const MAX_MISSED: u32 = 3;

#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    /// The end of this interval. Unknown until the time is told for the first time.
    end: Option<Time>,
    heard: bool,
    said: bool,
    missed: u32,
}

/// What an interval's end asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    /// One of both sides was silent: a server asks for a sign of life.
    Ping,
    /// Both were: a server asks as well. What answers it breaks the silence of the next interval, but not of that after it.
    Quiet,
    /// The peer is gone.
    GiveUp,
}

impl Heartbeat {
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, end: None, heard: false, said: false, missed: 0 }
    }

    /// Something arrived.
    pub(super) const fn heard(&mut self) {
        self.heard = true;
    }

    /// Something was sent.
    pub(super) const fn said(&mut self) {
        self.said = true;
    }

    /// When the interval ends; at once, to begin the first.
    pub(super) fn deadline(&self) -> Time {
        self.end.unwrap_or(Time::ZERO)
    }

    pub(super) fn tick(&mut self, now: Time) -> Beat {
        let Some(end) = self.end else {
            self.begin(now);
            return Beat::Nothing;
        };
        if now < end {
            return Beat::Nothing;
        }
        self.missed = if self.heard { 0 } else { self.missed + 1 };
        let (heard, said) = (self.heard, self.said);
        self.begin(now);
        if self.missed == MAX_MISSED {
            Beat::GiveUp
        } else {
            match (heard, said) {
                (true, true) => Beat::Nothing,
                (false, false) => Beat::Quiet,
                _ => Beat::Ping,
            }
        }
    }

    fn begin(&mut self, now: Time) {
        self.end = Some(now + self.interval);
        self.heard = false;
        self.said = false;
    }
}
