//! The calls of one client: from the caller's future to the driver and back.

use std::{
    collections::{BinaryHeap, VecDeque},
    task::Waker,
    time::Duration,
};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CloseReason, ConnectionError, Extensions, MAX_CALLS_IN_FLIGHT, Resume,
    SchemaMismatch, SchemaPart, ServiceSchema, Time,
};
use slab::Slab;

mod special;

pub(crate) use special::Special;

use super::attached::Attached;
use crate::error::Error;
use special::{Specials, deadline_exceeded};

/// How often a call is made by itself that may be made twice: one that ends its server had better not go to all of them.
const MAX_ATTEMPTS: u8 = 4;

/// Names a call between its future and the driver.
pub(super) type CallKey = usize;

/// What the handles of a client and its driver share.
#[derive(Default)]
pub(super) struct Calls {
    slots: Slab<Slot>,
    /// Calls that wait in line for an id, in the order in which they were made.
    line: VecDeque<CallKey>,
    /// Those that go first, since others wait for what they do.
    first_line: VecDeque<CallKey>,
    /// Calls in either line that nobody waits for any longer.
    abandoned: usize,
    /// Counts the calls.
    made: u64,
    /// Calls whose id is in use.
    in_flight: usize,
    /// Calls in flight that nobody waits for any longer.
    cancelled: Vec<CallKey>,
    /// What is special about some calls.
    specials: Specials,
    pub(super) gate: Gate,
    /// The service, if the client comes back on another connection: then calls are kept until they are answered.
    comes_back: Option<&'static ServiceSchema>,
    /// Why the last connection was lost, until all calls may go out on another.
    pub(super) lost: Option<ConnectionError>,
    pub(super) pause: Pause,
    /// Which connection it is that is being restored. Another number once it is.
    pub(super) restoring: u64,
    /// Since when all calls may go out, by the clock of the deadlines.
    pub(super) connected_at: Option<Time>,
    /// How long the last connection lasted from then on; `None` if it did not get as far.
    pub(super) lasted: Option<Duration>,
    /// Why the client ends, whatever its connection ends with.
    pub(super) failed: Option<ConnectionError>,
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

/// Which calls may leave the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gate {
    #[default]
    Open,
    /// Those that go first: the connection is not yet what the others count on.
    First,
    /// None: there is no connection, or it takes no more calls.
    Closed,
}

/// The time between two attempts to connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pause {
    /// It is not that time.
    #[default]
    None,
    Waiting,
    /// Somebody does not want to wait any longer.
    CutShort,
}

/// What is called.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: u32,
    pub(super) payload: Bytes,
}

struct Slot {
    /// Goes up with every call.
    number: u64,
    /// It goes before the others.
    first: bool,
    when_full: WhenFull,
    /// How often it went out.
    attempts: u8,
    stage: Stage,
}

enum Stage {
    InLine {
        request: Request,
        waker: Option<Waker>,
    },
    InFlight {
        /// To make it again on another connection.
        again: Option<Request>,
        may_have_run: bool,
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
    pub(super) request: Request,
    /// What it says besides.
    pub(super) wire: Extensions,
}

/// Whether a call waits while all ids are in use, or there is no connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenFull {
    Wait,
    Fail,
}

/// When the calls of a handle leave the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    InOrder,
    /// First, while the connection of this number is restored; in order at any other time.
    First(u64),
}

impl Calls {
    pub(super) fn new(comes_back: Option<&'static ServiceSchema>) -> Self {
        Self { comes_back, ..Self::default() }
    }

    /// Whether the server has the method of this name as it is here, as far as it has said.
    pub(super) fn fits(&self, method: &str) -> bool {
        let is_it =
            |other: &SchemaMismatch| other.part == SchemaPart::Method && other.name == method;
        !self.mismatches.iter().any(is_it)
    }

    /// Puts a call in line.
    pub(super) fn insert(
        &mut self,
        request: Request,
        turn: Turn,
        when_full: WhenFull,
    ) -> Result<CallKey, Error> {
        if let Some(error) = &self.ended {
            return Err(Error::NotSent(error.clone()));
        }
        let first = turn == Turn::First(self.restoring);
        let waits = if first { self.gate != Gate::Closed } else { when_full == WhenFull::Wait };
        if let Some(error) = self.lost.as_ref().filter(|_| !waits) {
            return Err(Error::NotSent(error.clone()));
        }
        if when_full == WhenFull::Fail {
            self.check_room()?;
        }
        self.made += 1;
        let stage = Stage::InLine { request, waker: None };
        let slot = Slot { number: self.made, first, when_full, attempts: 0, stage };
        let key = self.slots.insert(slot);
        let line = if first { &mut self.first_line } else { &mut self.line };
        line.push_back(key);
        Ok(key)
    }

    /// Whether a call would go out at once.
    fn check_room(&self) -> Result<(), CallError> {
        if self.gate == Gate::Closed {
            Err(CallError::GoingAway)
        } else if self.in_flight + self.waiting() >= MAX_CALLS_IN_FLIGHT {
            Err(CallError::TooManyCallsInFlight)
        } else {
            Ok(())
        }
    }

    /// Takes the result of a call, or sees to it that `waker` is woken when it is there.
    pub(super) fn poll(&mut self, key: CallKey, waker: &Waker) -> Option<Result<Bytes, Error>> {
        match &mut self.slots[key].stage {
            Stage::InLine { waker: slot, .. } | Stage::InFlight { waker: slot, .. } => {
                match slot {
                    Some(old) => old.clone_from(waker),
                    None => *slot = Some(waker.clone()),
                }
                None
            }
            stage @ Stage::Expired => {
                // Whoever has it in hand removes it.
                *stage = Stage::Abandoned;
                Some(deadline_exceeded())
            }
            Stage::Done(_) | Stage::Abandoned => match self.slots.remove(key).stage {
                Stage::Done(result) => Some(result),
                _ => None,
            },
        }
    }

    /// The caller went away. What it leaves is handed out, to be dropped without the lock.
    pub(super) fn abandon(&mut self, key: CallKey) -> impl Sized + use<> {
        let left = std::mem::replace(&mut self.slots[key].stage, Stage::Abandoned);
        self.specials.remove(key);
        match &left {
            Stage::InLine { .. } => self.leave_line(),
            Stage::InFlight { .. } => self.cancelled.push(key),
            Stage::Done(_) => drop(self.slots.remove(key)),
            Stage::Expired | Stage::Abandoned => {}
        }
        left
    }

    /// Takes the next calls out of the line, as long as there are ids for them.
    pub(super) fn take_line(&mut self, now: Time, calls: &mut Vec<Taken>) {
        while self.in_flight < MAX_CALLS_IN_FLIGHT
            && let Some(key) = self.pop_line()
        {
            let slot = &mut self.slots[key];
            match std::mem::replace(&mut slot.stage, Stage::Abandoned) {
                Stage::InLine { request, waker } => {
                    let again = self.comes_back.is_some().then(|| request.clone());
                    slot.stage = Stage::InFlight { again, may_have_run: true, waker };
                    slot.attempts = slot.attempts.saturating_add(1);
                    self.in_flight += 1;
                    let special = !self.specials.is_empty();
                    let wire =
                        if special { self.specials.wire(key, now) } else { Extensions::new() };
                    calls.push(Taken { key, request, wire });
                }
                stage => {
                    self.abandoned -= 1;
                    slot.stage = stage;
                    self.remove_unheeded(key);
                }
            }
        }
    }

    fn pop_line(&mut self) -> Option<CallKey> {
        match self.gate {
            Gate::Open if self.first_line.is_empty() => self.line.pop_front(),
            Gate::Open | Gate::First => self.first_line.pop_front(),
            Gate::Closed => None,
        }
    }

    /// Whether a call may leave the line, ids aside.
    fn has_next(&self) -> bool {
        match self.gate {
            Gate::Open => !self.line.is_empty() || !self.first_line.is_empty(),
            Gate::First => !self.first_line.is_empty(),
            Gate::Closed => false,
        }
    }

    /// Calls in line that somebody waits for.
    fn waiting(&self) -> usize {
        self.line.len() + self.first_line.len() - self.abandoned
    }

    /// A call in line was abandoned. Now and then the lines are cleared of them.
    fn leave_line(&mut self) {
        self.abandoned += 1;
        if self.waiting() < self.abandoned {
            let (mut line, mut first_line) =
                (std::mem::take(&mut self.line), std::mem::take(&mut self.first_line));
            for line in [&mut line, &mut first_line] {
                line.retain(|&key| {
                    let waits = matches!(self.slots[key].stage, Stage::InLine { .. });
                    if !waits {
                        self.remove_unheeded(key);
                    }
                    waits
                });
            }
            (self.line, self.first_line) = (line, first_line);
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
        let stage = &mut self.slots[key].stage;
        if let Stage::InFlight { waker, .. } = stage {
            wakers.extend(waker.take());
            *stage = Stage::Done(result);
        } else {
            self.remove_unheeded(key);
        }
    }

    /// A call has left the line, or is answered, and its result is not waited for: nobody waits, or not for that.
    fn remove_unheeded(&mut self, key: CallKey) {
        // The key may stand for another call from here on.
        self.cancelled.retain(|&cancelled| cancelled != key);
        match &mut self.slots[key].stage {
            stage @ Stage::Expired => *stage = Stage::Done(deadline_exceeded()),
            _ => drop(self.slots.remove(key)),
        }
    }

    /// The connection has ended, and this call had not gone out.
    pub(super) fn note_unsent(&mut self, key: CallKey) {
        if let Stage::InFlight { may_have_run, .. } = &mut self.slots[key].stage {
            *may_have_run = false;
        }
    }

    /// The server takes no more calls on this connection, and has not run this one: it goes back in line for the next
    /// connection, if it may. Whether it does.
    pub(super) fn hold(&mut self, key: CallKey) -> bool {
        self.gate = Gate::Closed;
        let Slot { number, first, when_full, stage, .. } = &mut self.slots[key];
        match stage {
            Stage::InFlight { .. } if *first || *when_full == WhenFull::Fail => return false,
            Stage::InFlight { again, waker, .. } => {
                let Some(request) = again.take() else { return false };
                *stage = Stage::InLine { request, waker: waker.take() };
                let number = *number;
                let is_later = |&other: &CallKey| self.slots[other].number > number;
                let place = self.line.iter().position(is_later).unwrap_or(self.line.len());
                self.line.insert(place, key);
            }
            _ => self.remove_unheeded(key),
        }
        self.in_flight -= 1;
        true
    }

    /// The connection was lost, and another one is to take its place: calls that did not go out wait for it, and so do those
    /// that may be made twice. All others end.
    pub(super) fn interrupt(
        &mut self,
        error: &ConnectionError,
        now: Time,
        wakers: &mut Vec<Waker>,
    ) {
        self.gate = Gate::Closed;
        self.lasted = self.connected_at.take().map(|at| now.saturating_since(at));
        self.lost = Some(error.clone());
        self.mismatches.clear();
        self.forget_lines();
        let Self { slots, comes_back, specials, .. } = self;
        let is_idempotent = |request: &Request| {
            let methods = comes_back.map(|schema| &schema.methods);
            methods.is_some_and(|methods| methods[request.method as usize].idempotent)
        };
        let mut line = Vec::new();
        slots.retain(|key, slot| {
            let waits = !slot.first && slot.when_full == WhenFull::Wait;
            let stage = std::mem::replace(&mut slot.stage, Stage::Abandoned);
            slot.stage = match stage {
                Stage::Abandoned => return false,
                Stage::InLine { .. } if waits => stage,
                Stage::InFlight { again: Some(request), may_have_run, waker }
                    if waits
                        && (!may_have_run
                            || is_idempotent(&request) && slot.attempts < MAX_ATTEMPTS) =>
                {
                    Stage::InLine { request, waker }
                }
                stage => stage.end(error, wakers),
            };
            if matches!(slot.stage, Stage::InLine { .. }) {
                line.push((slot.number, key));
            } else {
                specials.remove(key);
            }
            true
        });
        // A heap sorts by code that a browser has anyway, for deadlines.
        let line = BinaryHeap::from(line).into_sorted_vec();
        self.line.extend(line.into_iter().map(|(_, key)| key));
    }

    /// The connection has ended: every call ends with it.
    pub(super) fn end(&mut self, error: &ConnectionError, wakers: &mut Vec<Waker>) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(error.clone());
        self.forget_lines();
        self.specials = Specials::default();
        self.slots.retain(|_, slot| {
            let stage = std::mem::replace(&mut slot.stage, Stage::Abandoned);
            let goes_on = !matches!(stage, Stage::Abandoned);
            slot.stage = stage.end(error, wakers);
            goes_on
        });
    }

    /// Does not wait any longer before the next attempt to connect.
    pub(super) fn hurry(&mut self) {
        if self.pause == Pause::Waiting {
            self.pause = Pause::CutShort;
        }
    }

    fn forget_lines(&mut self) {
        self.line.clear();
        self.first_line.clear();
        self.abandoned = 0;
        self.cancelled.clear();
        self.in_flight = 0;
    }

    /// Whether the driver has something to do.
    pub(super) fn wants_driver(&self) -> bool {
        !self.cancelled.is_empty()
            || self.wants_attention()
            || self.in_flight < MAX_CALLS_IN_FLIGHT && self.has_next()
    }

    /// Whether there is something to do that needs no connection.
    pub(super) fn wants_attention(&self) -> bool {
        self.close.is_some()
            || self.attached_woken
            || self.specials.is_earlier
            || self.resume_asked != self.resume_answered
            || self.pause == Pause::CutShort
    }
}

impl Stage {
    /// What becomes of a call when the connection ends.
    fn end(self, error: &ConnectionError, wakers: &mut Vec<Waker>) -> Self {
        let (waker, error) = match self {
            Self::InLine { waker, .. } | Self::InFlight { waker, may_have_run: false, .. } => {
                (waker, Error::NotSent(error.clone()))
            }
            Self::InFlight { waker, .. } => (waker, Error::Indeterminate(error.clone())),
            Self::Expired => return Self::Done(deadline_exceeded()),
            Self::Done(_) | Self::Abandoned => return self,
        };
        wakers.extend(waker);
        Self::Done(Err(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: u32) -> Request {
        Request { method, payload: Bytes::new() }
    }

    #[test]
    fn a_call_is_not_cancelled_in_the_place_of_an_earlier_one() {
        let mut calls = Calls::default();
        let (mut taken, mut wakers) = (Vec::new(), Vec::new());
        let old = calls.insert(request(0), Turn::InOrder, WhenFull::Wait).unwrap();
        calls.take_line(Time::ZERO, &mut taken);
        drop(calls.abandon(old));
        calls.finish(old, Ok(Bytes::new()), &mut wakers);
        let new = calls.insert(request(0), Turn::InOrder, WhenFull::Wait).unwrap();
        assert_eq!(old, new);
        assert_eq!(calls.take_cancelled(), []);
    }

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    /// A call until that time.
    fn timed(calls: &mut Calls, seconds: u64) -> CallKey {
        let key = calls.insert(request(0), Turn::InOrder, WhenFull::Wait).unwrap();
        let special = Special { deadline: Some(at(seconds)), wire: Extensions::new() };
        calls.set_special(key, Box::new(special));
        key
    }

    /// As many calls in flight as there may be.
    fn full() -> Calls {
        let mut calls = Calls::default();
        for _ in 0..MAX_CALLS_IN_FLIGHT {
            calls.insert(request(0), Turn::InOrder, WhenFull::Wait).unwrap();
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
        let behind = calls.insert(request(7), Turn::InOrder, WhenFull::Wait).unwrap();
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
        assert!(
            matches!(taken[..], [Taken { key, request: Request { method: 7, .. }, .. }] if key == behind)
        );
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
            assert_eq!(taken[0].wire.deadline(), Some(Duration::from_secs(3)));
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
    fn what_has_ended_takes_no_memory_for_its_deadline() {
        let mut calls = Calls::default();
        let last = timed(&mut calls, 1);
        for _ in 0..10_000 {
            let key = timed(&mut calls, 1_000);
            drop(calls.abandon(key));
            calls.take_line(Time::ZERO, &mut Vec::new());
        }
        assert!(calls.specials.kept() < 200);
        assert_eq!(calls.next_deadline(), Some(at(1)));
        drop(calls.abandon(last));
        assert_eq!((calls.next_deadline(), calls.specials.kept()), (None, 0));
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
        assert_eq!(poll(&mut calls, open), Some(Err(Error::NotSent(error))));
        assert!(calls.slots.is_empty());
    }
}
