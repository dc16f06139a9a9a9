//! The calls of one client: from the caller's future to the driver and back.

use std::{collections::VecDeque, task::Waker};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CloseReason, ConnectionError, MAX_CALLS_IN_FLIGHT, Resume, SchemaMismatch,
    SchemaPart, ServiceSchema,
};
use slab::Slab;

use super::attached::Attached;
use crate::error::Error;

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
    pub(super) gate: Gate,
    /// The service, if the client comes back on another connection: then calls are kept until they are answered.
    comes_back: Option<&'static ServiceSchema>,
    /// Why the last connection was lost, until all calls may go out on another.
    pub(super) lost: Option<ConnectionError>,
    pub(super) pause: Pause,
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
    turn: Turn,
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
    /// Nobody waits for it any longer; the driver removes it.
    Abandoned,
}

/// Whether a call waits while all ids are in use, or there is no connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenFull {
    Wait,
    Fail,
}

/// When a call leaves the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    InOrder,
    First,
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
        let waits = match turn {
            Turn::InOrder => when_full == WhenFull::Wait,
            Turn::First => self.gate != Gate::Closed,
        };
        if let Some(error) = self.lost.as_ref().filter(|_| !waits) {
            return Err(Error::NotSent(error.clone()));
        }
        if when_full == WhenFull::Fail {
            self.check_room()?;
        }
        self.made += 1;
        let stage = Stage::InLine { request, waker: None };
        let key = self.slots.insert(Slot { number: self.made, turn, stage });
        match turn {
            Turn::InOrder => self.line.push_back(key),
            Turn::First => self.first_line.push_back(key),
        }
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
            Stage::Done(_) | Stage::Abandoned => match self.slots.remove(key).stage {
                Stage::Done(result) => Some(result),
                _ => None,
            },
        }
    }

    /// The caller went away. What it leaves is handed out, to be dropped without the lock.
    pub(super) fn abandon(&mut self, key: CallKey) -> impl Sized + use<> {
        let left = std::mem::replace(&mut self.slots[key].stage, Stage::Abandoned);
        match &left {
            Stage::InLine { .. } => self.leave_line(),
            Stage::InFlight { .. } => self.cancelled.push(key),
            Stage::Done(_) => drop(self.slots.remove(key)),
            Stage::Abandoned => {}
        }
        left
    }

    /// Takes the next calls out of the line, as long as there are ids for them.
    pub(super) fn take_line(&mut self, calls: &mut Vec<(CallKey, Request)>) {
        while self.in_flight < MAX_CALLS_IN_FLIGHT
            && let Some(key) = self.pop_line()
        {
            let taken = Stage::InFlight { again: None, may_have_run: true, waker: None };
            match std::mem::replace(&mut self.slots[key].stage, taken) {
                Stage::InLine { request, waker } => {
                    let again = self.comes_back.is_some().then(|| request.clone());
                    self.slots[key].stage = Stage::InFlight { again, may_have_run: true, waker };
                    self.in_flight += 1;
                    calls.push((key, request));
                }
                _ => {
                    self.abandoned -= 1;
                    self.slots.remove(key);
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
            let Self { slots, line, first_line, .. } = self;
            for line in [line, first_line] {
                line.retain(|&key| {
                    let waits = !matches!(slots[key].stage, Stage::Abandoned);
                    if !waits {
                        slots.remove(key);
                    }
                    waits
                });
            }
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
        match std::mem::replace(&mut self.slots[key].stage, Stage::Done(result)) {
            Stage::InFlight { waker, .. } => wakers.extend(waker),
            _ => self.remove_abandoned(key),
        }
    }

    /// A call in flight that nobody waits for has ended.
    fn remove_abandoned(&mut self, key: CallKey) {
        // The key may stand for another call from here on.
        self.cancelled.retain(|&cancelled| cancelled != key);
        self.slots.remove(key);
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
        let Slot { number, turn: Turn::InOrder, stage } = &mut self.slots[key] else {
            return false;
        };
        match stage {
            Stage::InFlight { again, waker, .. } => {
                let Some(request) = again.take() else { return false };
                *stage = Stage::InLine { request, waker: waker.take() };
                let number = *number;
                let is_later = |&other: &CallKey| self.slots[other].number > number;
                let place = self.line.iter().position(is_later).unwrap_or(self.line.len());
                self.line.insert(place, key);
            }
            _ => self.remove_abandoned(key),
        }
        self.in_flight -= 1;
        true
    }

    /// The connection was lost, and another one is to take its place: calls that did not go out wait for it, and so do those
    /// that may be made twice. All others end.
    pub(super) fn interrupt(&mut self, error: &ConnectionError, wakers: &mut Vec<Waker>) {
        self.gate = Gate::Closed;
        self.lost = Some(error.clone());
        self.mismatches.clear();
        self.forget_lines();
        let Self { slots, comes_back, .. } = self;
        let is_idempotent = |request: &Request| {
            let methods = comes_back.map(|schema| &schema.methods);
            methods.is_some_and(|methods| methods[request.method as usize].idempotent)
        };
        let mut line = Vec::new();
        slots.retain(|key, slot| {
            slot.stage = match std::mem::replace(&mut slot.stage, Stage::Abandoned) {
                Stage::Abandoned => return false,
                Stage::InLine { request, waker } if slot.turn == Turn::InOrder => {
                    line.push((slot.number, key));
                    Stage::InLine { request, waker }
                }
                Stage::InFlight { again: Some(request), may_have_run, waker }
                    if slot.turn == Turn::InOrder && (!may_have_run || is_idempotent(&request)) =>
                {
                    line.push((slot.number, key));
                    Stage::InLine { request, waker }
                }
                stage => stage.end(error, wakers),
            };
            true
        });
        line.sort_unstable();
        self.line.extend(line.into_iter().map(|(_, key)| key));
    }

    /// The connection has ended: every call ends with it.
    pub(super) fn end(&mut self, error: &ConnectionError, wakers: &mut Vec<Waker>) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(error.clone());
        self.forget_lines();
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
            Self::Done(_) | Self::Abandoned => return self,
        };
        wakers.extend(waker);
        Self::Done(Err(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request { method: 0, payload: Bytes::new() }
    }

    #[test]
    fn a_call_is_not_cancelled_in_the_place_of_an_earlier_one() {
        let mut calls = Calls::default();
        let (mut taken, mut wakers) = (Vec::new(), Vec::new());
        let old = calls.insert(request(), Turn::InOrder, WhenFull::Wait).unwrap();
        calls.take_line(&mut taken);
        drop(calls.abandon(old));
        calls.finish(old, Ok(Bytes::new()), &mut wakers);
        let new = calls.insert(request(), Turn::InOrder, WhenFull::Wait).unwrap();
        assert_eq!(old, new);
        assert_eq!(calls.take_cancelled(), []);
    }
}
