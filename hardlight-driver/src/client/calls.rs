//! The calls of one client: from the caller's future to the driver and back.

use std::{collections::VecDeque, task::Waker};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CloseReason, ConnectionError, Extensions, MAX_CALLS_IN_FLIGHT, Resume,
    SchemaMismatch, SchemaPart, Time,
};
use slab::Slab;

mod special;

pub(super) use special::Special;

use super::attached::Attached;
use crate::error::Error;
use special::{Specials, deadline_exceeded};

/// Names a call between its future and the driver.
pub(super) type CallKey = usize;

/// What the handles of a client and its driver share.
#[derive(Default)]
pub(super) struct Calls {
    slots: Slab<Slot>,
    /// Calls that wait in line for an id, in order.
    line: VecDeque<CallKey>,
    /// Calls in the line that nobody waits for any longer.
    abandoned: usize,
    /// Calls whose id is in use.
    in_flight: usize,
    /// Calls in flight that nobody waits for any longer.
    cancelled: Vec<CallKey>,
    /// What is special about some calls.
    specials: Specials,
    pub(super) close: Option<CloseReason>,
    /// The snapshot is there.
    pub(super) opened: bool,
    /// What of this side's schema does not fit the server's.
    pub(super) mismatches: Vec<SchemaMismatch>,
    /// Why the connection has ended.
    pub(super) ended: Option<ConnectionError>,
    /// The driver has let go of the transport.
    pub(super) finished: bool,
    /// Handlers that were attached since the driver looked last.
    pub(super) attached: Vec<Attached>,
    /// Attached handlers were woken.
    pub(super) attached_woken: bool,
    /// How often it was asked how far the connection came on its topics.
    pub(super) resume_asked: u64,
    /// How often of these that was answered.
    pub(super) resume_answered: u64,
    /// How far it had come by then, or by its end.
    pub(super) resume: Option<Resume>,
}

enum Slot {
    InLine {
        method: u32,
        payload: Bytes,
        waker: Option<Waker>,
    },
    InFlight {
        waker: Option<Waker>,
    },
    Done(Result<Bytes, Error>),
    /// Its deadline has passed, in line or in flight, and its caller was not told yet.
    Expired,
    /// Nobody waits for it any longer; the driver removes it.
    Abandoned,
}

/// A call that goes out.
pub(super) struct Taken {
    pub(super) key: CallKey,
    pub(super) method: u32,
    pub(super) payload: Bytes,
    /// What it says besides.
    pub(super) wire: Extensions,
}

/// Whether a call waits while all ids are in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenFull {
    Wait,
    Fail,
}

impl Calls {
    /// Whether the server has the method of this name as it is here, as far as it has said.
    pub(super) fn fits(&self, method: &str) -> bool {
        let is_it =
            |other: &SchemaMismatch| other.part == SchemaPart::Method && other.name == method;
        !self.mismatches.iter().any(is_it)
    }

    /// Puts a call in line.
    pub(super) fn insert(
        &mut self,
        method: u32,
        payload: Bytes,
        when_full: WhenFull,
    ) -> Result<CallKey, Error> {
        if let Some(error) = &self.ended {
            return Err(Error::Connection(error.clone()));
        }
        if when_full == WhenFull::Fail && self.in_flight + self.waiting() >= MAX_CALLS_IN_FLIGHT {
            return Err(Error::Call(CallError::TooManyCallsInFlight));
        }
        let key = self.slots.insert(Slot::InLine { method, payload, waker: None });
        self.line.push_back(key);
        Ok(key)
    }

    /// Takes the result of a call, or sees to it that `waker` is woken when it is there.
    pub(super) fn poll(&mut self, key: CallKey, waker: &Waker) -> Option<Result<Bytes, Error>> {
        match &mut self.slots[key] {
            Slot::InLine { waker: slot, .. } | Slot::InFlight { waker: slot } => {
                match slot {
                    Some(old) => old.clone_from(waker),
                    None => *slot = Some(waker.clone()),
                }
                None
            }
            slot @ Slot::Expired => {
                // Whoever has it in hand removes it.
                *slot = Slot::Abandoned;
                Some(deadline_exceeded())
            }
            Slot::Done(_) | Slot::Abandoned => match self.slots.remove(key) {
                Slot::Done(result) => Some(result),
                _ => None,
            },
        }
    }

    /// The caller went away. What it leaves is handed out, to be dropped without the lock.
    pub(super) fn abandon(&mut self, key: CallKey) -> impl Sized + use<> {
        let left = std::mem::replace(&mut self.slots[key], Slot::Abandoned);
        self.specials.remove(key);
        match &left {
            Slot::InLine { .. } => self.leave_line(),
            Slot::InFlight { .. } => self.cancelled.push(key),
            Slot::Done(_) => drop(self.slots.remove(key)),
            Slot::Expired | Slot::Abandoned => {}
        }
        left
    }

    /// Takes the next calls out of the line, as long as there are ids for them.
    pub(super) fn take_line(&mut self, now: Time, calls: &mut Vec<Taken>) {
        while self.in_flight < MAX_CALLS_IN_FLIGHT {
            let Some(key) = self.line.pop_front() else {
                break;
            };
            match std::mem::replace(&mut self.slots[key], Slot::InFlight { waker: None }) {
                Slot::InLine { method, payload, waker } => {
                    self.slots[key] = Slot::InFlight { waker };
                    self.in_flight += 1;
                    let special = !self.specials.is_empty();
                    let wire =
                        if special { self.specials.wire(key, now) } else { Extensions::new() };
                    calls.push(Taken { key, method, payload, wire });
                }
                Slot::Expired => {
                    self.abandoned -= 1;
                    self.slots[key] = Slot::Done(deadline_exceeded());
                }
                _ => {
                    self.abandoned -= 1;
                    self.slots.remove(key);
                }
            }
        }
    }

    /// Calls in the line that somebody waits for.
    fn waiting(&self) -> usize {
        self.line.len() - self.abandoned
    }

    /// A call in the line was abandoned. Now and then the line is cleared of them.
    fn leave_line(&mut self) {
        self.abandoned += 1;
        if self.waiting() < self.abandoned {
            self.line.retain(|&key| match &mut self.slots[key] {
                Slot::Abandoned => {
                    self.slots.remove(key);
                    false
                }
                slot @ Slot::Expired => {
                    *slot = Slot::Done(deadline_exceeded());
                    false
                }
                _ => true,
            });
            self.abandoned = 0;
        }
    }

    pub(super) fn take_cancelled(&mut self) -> Vec<CallKey> {
        std::mem::take(&mut self.cancelled)
    }

    /// A call that was taken out of the line has ended. Its waker is handed out, to be woken without the lock.
    pub(super) fn finish(
        &mut self,
        key: CallKey,
        result: Result<Bytes, Error>,
        wakers: &mut Vec<Waker>,
    ) {
        self.in_flight -= 1;
        if !self.specials.is_empty() {
            self.specials.remove(key);
        }
        let slot = match std::mem::replace(&mut self.slots[key], Slot::Done(result)) {
            Slot::InFlight { waker } => return wakers.extend(waker),
            slot => slot,
        };
        // The key may stand for another call from here on.
        self.cancelled.retain(|&cancelled| cancelled != key);
        if matches!(slot, Slot::Expired) {
            self.slots[key] = Slot::Done(deadline_exceeded());
        } else {
            self.slots.remove(key);
        }
    }

    /// The connection has ended: every call ends with it.
    pub(super) fn end(&mut self, error: &ConnectionError, wakers: &mut Vec<Waker>) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(error.clone());
        self.line.clear();
        self.abandoned = 0;
        self.cancelled.clear();
        self.specials = Specials::default();
        self.in_flight = 0;
        self.slots.retain(|_, slot| {
            let done = Slot::Done(Err(Error::Connection(error.clone())));
            match std::mem::replace(slot, done) {
                Slot::InLine { waker, .. } | Slot::InFlight { waker } => wakers.extend(waker),
                done @ Slot::Done(_) => *slot = done,
                Slot::Expired => *slot = Slot::Done(deadline_exceeded()),
                Slot::Abandoned => return false,
            }
            true
        });
    }

    /// Whether the driver has something to do.
    pub(super) fn wants_driver(&self) -> bool {
        !self.cancelled.is_empty()
            || self.close.is_some()
            || self.attached_woken
            || self.specials.is_earlier
            || self.resume_asked != self.resume_answered
            || !self.line.is_empty() && self.in_flight < MAX_CALLS_IN_FLIGHT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_not_cancelled_in_the_place_of_an_earlier_one() {
        let mut calls = Calls::default();
        let (mut taken, mut wakers) = (Vec::new(), Vec::new());
        let old = calls.insert(0, Bytes::new(), WhenFull::Wait).unwrap();
        calls.take_line(Time::ZERO, &mut taken);
        drop(calls.abandon(old));
        calls.finish(old, Ok(Bytes::new()), &mut wakers);
        let new = calls.insert(0, Bytes::new(), WhenFull::Wait).unwrap();
        assert_eq!(old, new);
        assert_eq!(calls.take_cancelled(), []);
    }

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    /// A call until that time.
    fn timed(calls: &mut Calls, seconds: u64) -> CallKey {
        let key = calls.insert(0, Bytes::new(), WhenFull::Wait).unwrap();
        let special = Special { deadline: Some(at(seconds)), wire: Extensions::new() };
        calls.set_special(key, special);
        key
    }

    /// As many calls in flight as there may be.
    fn full() -> Calls {
        let mut calls = Calls::default();
        for _ in 0..MAX_CALLS_IN_FLIGHT {
            calls.insert(0, Bytes::new(), WhenFull::Wait).unwrap();
        }
        calls.take_line(Time::ZERO, &mut Vec::new());
        calls
    }

    fn poll(calls: &mut Calls, key: CallKey) -> Option<Result<Bytes, Error>> {
        calls.poll(key, Waker::noop())
    }

    #[test]
    fn calls_that_expire_in_line_leave_it_whether_or_not_their_callers_look() {
        let mut calls = full();
        let mut wakers = Vec::new();
        let waiting: Vec<_> = (0..1000).map(|number| timed(&mut calls, number / 100 + 1)).collect();
        let behind = calls.insert(7, Bytes::new(), WhenFull::Wait).unwrap();
        for seconds in 1..=10 {
            calls.expire(at(seconds), &mut wakers);
            // Every other caller is told, and may make another call in the same place.
            for &key in waiting[100 * (seconds as usize - 1)..][..100].iter().step_by(2) {
                assert_eq!(poll(&mut calls, key), Some(deadline_exceeded()));
            }
        }
        assert!(!calls.has_specials());
        assert_eq!(calls.waiting(), 1);
        calls.finish(0, Ok(Bytes::new()), &mut wakers);
        let mut taken = Vec::new();
        calls.take_line(at(10), &mut taken);
        assert!(matches!(taken[..], [Taken { key, method: 7, .. }] if key == behind));
        for &key in waiting.iter().skip(1).step_by(2) {
            assert_eq!(poll(&mut calls, key), Some(deadline_exceeded()));
        }
        // Only those in flight are left, and the one that was answered.
        assert_eq!(calls.slots.len(), MAX_CALLS_IN_FLIGHT + 1);
        assert_eq!((calls.line.len(), calls.abandoned), (0, 0));
    }

    #[test]
    fn a_call_that_expires_in_flight_is_cancelled_once_and_its_late_answer_is_dropped() {
        for looks_first in [true, false] {
            let mut calls = Calls::default();
            let (mut taken, mut wakers) = (Vec::new(), Vec::new());
            let key = timed(&mut calls, 5);
            assert!(calls.wants_driver());
            calls.take_line(at(2), &mut taken);
            assert_eq!(taken[0].wire.deadline(), Some(std::time::Duration::from_secs(3)));
            assert_eq!(poll(&mut calls, key), None);
            calls.expire(at(4), &mut wakers);
            assert_eq!((wakers.len(), calls.next_deadline()), (0, Some(at(5))));
            calls.expire(at(5), &mut wakers);
            assert_eq!((wakers.len(), calls.next_deadline()), (1, None));
            assert_eq!(calls.take_cancelled(), [key]);
            if looks_first {
                assert_eq!(poll(&mut calls, key), Some(deadline_exceeded()));
            }
            calls.finish(key, Ok(Bytes::from_static(b"late")), &mut wakers);
            if !looks_first {
                assert_eq!(poll(&mut calls, key), Some(deadline_exceeded()));
            }
            assert!(calls.slots.is_empty());
            assert_eq!(calls.in_flight, 0);
        }
    }

    #[test]
    fn a_call_that_is_dropped_or_answered_has_no_deadline_any_longer() {
        let mut calls = Calls::default();
        let (dropped, answered) = (timed(&mut calls, 5), timed(&mut calls, 6));
        calls.take_line(Time::ZERO, &mut Vec::new());
        drop(calls.abandon(dropped));
        assert_eq!(calls.next_deadline(), Some(at(6)));
        calls.finish(answered, Ok(Bytes::new()), &mut Vec::new());
        assert!(!calls.has_specials());
        assert_eq!(calls.next_deadline(), None);
    }

    #[test]
    fn the_driver_is_told_of_a_deadline_only_if_it_is_the_next_one() {
        let mut calls = full();
        timed(&mut calls, 5);
        assert!(calls.wants_driver());
        assert_eq!(calls.next_deadline(), Some(at(5)));
        timed(&mut calls, 6);
        assert!(!calls.wants_driver());
        timed(&mut calls, 4);
        assert!(calls.wants_driver());
        assert_eq!(calls.next_deadline(), Some(at(4)));
    }

    #[test]
    fn the_end_of_a_connection_takes_no_deadline_that_has_passed_back() {
        let mut calls = Calls::default();
        let (expired, open) = (timed(&mut calls, 5), timed(&mut calls, 6));
        calls.expire(at(5), &mut Vec::new());
        let error = ConnectionError::HandshakeTimeout;
        calls.end(&error, &mut Vec::new());
        assert_eq!(poll(&mut calls, expired), Some(deadline_exceeded()));
        assert_eq!(poll(&mut calls, open), Some(Err(Error::Connection(error))));
        assert!(calls.slots.is_empty());
    }
}
