//! The calls of one client: from the caller's future to the driver and back.

use std::{collections::VecDeque, task::Waker};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CloseReason, ConnectionError, MAX_CALLS_IN_FLIGHT, Resume, SchemaMismatch,
    SchemaPart,
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
    /// Calls that wait in line for an id, in order.
    line: VecDeque<CallKey>,
    /// Calls in the line that nobody waits for any longer.
    abandoned: usize,
    /// Calls whose id is in use.
    in_flight: usize,
    /// Calls in flight that nobody waits for any longer.
    cancelled: Vec<CallKey>,
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
    /// Nobody waits for it any longer; the driver removes it.
    Abandoned,
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
            Slot::Done(_) | Slot::Abandoned => match self.slots.remove(key) {
                Slot::Done(result) => Some(result),
                _ => None,
            },
        }
    }

    /// The caller went away. What it leaves is handed out, to be dropped without the lock.
    pub(super) fn abandon(&mut self, key: CallKey) -> impl Sized + use<> {
        let left = std::mem::replace(&mut self.slots[key], Slot::Abandoned);
        match &left {
            Slot::InLine { .. } => self.leave_line(),
            Slot::InFlight { .. } => self.cancelled.push(key),
            Slot::Done(_) => drop(self.slots.remove(key)),
            Slot::Abandoned => {}
        }
        left
    }

    /// Takes the next calls out of the line, as long as there are ids for them.
    pub(super) fn take_line(&mut self, calls: &mut Vec<(CallKey, u32, Bytes)>) {
        while self.in_flight < MAX_CALLS_IN_FLIGHT {
            let Some(key) = self.line.pop_front() else {
                break;
            };
            match std::mem::replace(&mut self.slots[key], Slot::InFlight { waker: None }) {
                Slot::InLine { method, payload, waker } => {
                    self.slots[key] = Slot::InFlight { waker };
                    self.in_flight += 1;
                    calls.push((key, method, payload));
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
            self.line.retain(|&key| {
                let waits = !matches!(self.slots[key], Slot::Abandoned);
                if !waits {
                    self.slots.remove(key);
                }
                waits
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
        match std::mem::replace(&mut self.slots[key], Slot::Done(result)) {
            Slot::InFlight { waker } => wakers.extend(waker),
            _ => {
                // The key may stand for another call from here on.
                self.cancelled.retain(|&cancelled| cancelled != key);
                self.slots.remove(key);
            }
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
        self.in_flight = 0;
        self.slots.retain(|_, slot| {
            let done = Slot::Done(Err(Error::Connection(error.clone())));
            match std::mem::replace(slot, done) {
                Slot::InLine { waker, .. } | Slot::InFlight { waker } => wakers.extend(waker),
                done @ Slot::Done(_) => *slot = done,
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
        calls.take_line(&mut taken);
        drop(calls.abandon(old));
        calls.finish(old, Ok(Bytes::new()), &mut wakers);
        let new = calls.insert(0, Bytes::new(), WhenFull::Wait).unwrap();
        assert_eq!(old, new);
        assert_eq!(calls.take_cancelled(), []);
    }
}
