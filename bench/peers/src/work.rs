//! What clients do while they are measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

/// How far a measurement is. All that work look at it after each call.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Dial>);

#[derive(Debug)]
struct Dial {
    phase: AtomicU8,
    has_counted: AtomicBool,
}

/// Where a measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Nothing counts yet.
    WarmUp,
    /// Calls count.
    Measured,
    /// Calls count that are made beside long answers; of `Beside` only.
    Busy,
    /// Nothing is to be begun.
    Over,
}

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(Dial {
            phase: AtomicU8::new(Phase::WarmUp as u8),
            has_counted: AtomicBool::new(false),
        }))
    }

    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Relaxed) {
            0 => Phase::WarmUp,
            1 => Phase::Measured,
            2 => Phase::Busy,
            _ => Phase::Over,
        }
    }

    pub fn set(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Adds what a call has taken to those that count. Only the first of a task touches what tasks have in common.
    pub fn count(&self, times: &mut Vec<u32>, time: u32) {
        if times.is_empty() {
            self.0.has_counted.store(true, Ordering::Relaxed);
        }
        times.push(time);
    }

    /// Whether there is any call that counts.
    pub fn has_counted(&self) -> bool {
        self.0.has_counted.load(Ordering::Relaxed)
    }
}

/// What is sent, and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A number to the next one; a message of 8 bytes where there are no calls.
    Number,
    /// So many bytes.
    Bytes(usize),
}

/// Calls, so many at a time.
#[derive(Clone, Debug)]
pub struct Work {
    pub in_flight: usize,
    pub payload: Payload,
    pub clock: Clock,
}

/// Calls of a number at a steady pace, and in the end long answers beside them.
#[derive(Clone, Debug)]
pub struct Beside {
    pub answer_bytes: u32,
    pub clock: Clock,
}

/// What these calls have taken, in nanoseconds.
#[derive(Debug)]
pub struct Answered {
    pub alone: Vec<u32>,
    pub busy: Vec<u32>,
    /// Long answers that have arrived, and in what time.
    pub answers: u32,
    pub took: Duration,
}

/// What lies between two moments, in nanoseconds. Four seconds and more are four.
pub fn nanoseconds(from: Instant, to: Instant) -> u32 {
    u32::try_from((to - from).as_nanos()).unwrap_or(u32::MAX)
}
