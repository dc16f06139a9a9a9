//! Calls that are not made as usual: until a deadline, with more to say than their input, or again after a pause.

use std::{cmp::Reverse, collections::BinaryHeap, mem, task::Waker};

use hardlight_proto::{__private::SortedMap, CallError, Extensions, Time};

use super::{CallKey, Calls, Stage};
use crate::error::Error;

/// What memory is kept for, where there are no special calls.
const MAX_KEPT_CALLS: usize = 64;

/// What is special about a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Special {
    /// Until when its caller waits, by the clock of the driver's timer.
    pub(in crate::client) deadline: Option<Time>,
    pub(crate) wire: Extensions,
}

/// The special ones among the calls that are made. The others cost nothing here.
#[derive(Default)]
pub(super) struct Specials {
    /// By their keys, which are low numbers.
    calls: Vec<Option<Box<Special>>>,
    special: usize,
    /// Those with a deadline, the next one first; and some that have ended since, fewer than there are others or very few.
    deadlines: BinaryHeap<Reverse<(Time, CallKey)>>,
    with_deadline: usize,
    /// Those who wait before they make a call again, by the time that they wait for.
    pauses: SortedMap<(Time, u64), Waker>,
    /// Counts these.
    paused: u64,
    /// The next one, of either, is earlier than the driver knows.
    pub(super) is_earlier: bool,
}

impl Specials {
    pub(super) fn is_empty(&self) -> bool {
        self.special == 0 && self.pauses.is_empty()
    }

    fn insert(&mut self, key: CallKey, special: Box<Special>) {
        if let Some(at) = special.deadline {
            self.is_earlier |= self.next().is_none_or(|next| at < next);
            self.deadlines.push(Reverse((at, key)));
            self.with_deadline += 1;
        }
        if self.calls.len() <= key {
            self.calls.resize_with(key + 1, || None);
        }
        self.calls[key] = Some(special);
        self.special += 1;
    }

    /// The call has ended, or nobody waits for it any longer.
    pub(super) fn remove(&mut self, key: CallKey) {
        let Some(special) = self.calls.get_mut(key).and_then(Option::take) else { return };
        self.special -= 1;
        if special.deadline.is_some() {
            self.with_deadline -= 1;
            self.forget_ended();
        }
        if self.special == 0 {
            self.calls.clear();
            self.calls.shrink_to(MAX_KEPT_CALLS);
        }
    }

    /// What a call that goes out now says besides its input.
    pub(super) fn wire(&self, key: CallKey, now: Time) -> Extensions {
        let Some(Special { deadline, wire }) = self.get(key) else {
            return Extensions::new();
        };
        let Some(deadline) = deadline else { return wire.clone() };
        // Where there is no room the server is not told; the call ends in time all the same.
        wire.clone().with_deadline(deadline.saturating_since(now)).unwrap_or_else(|_| wire.clone())
    }

    fn get(&self, key: CallKey) -> Option<&Special> {
        self.calls.get(key)?.as_deref()
    }

    /// The earliest time that somebody waits for.
    fn next(&mut self) -> Option<Time> {
        let deadline = self.next_deadline();
        let pause = self.pauses.iter().next().map(|(&(at, _), _)| at);
        deadline.into_iter().chain(pause).min()
    }

    /// Those whose pause is over.
    fn take_rested(&mut self, now: Time, wakers: &mut Vec<Waker>) {
        self.pauses.retain(|&(at, _), waker| {
            let waits = at > now;
            if !waits {
                wakers.push(mem::replace(waker, Waker::noop().clone()));
            }
            waits
        });
    }

    /// The client has ended: nobody waits any longer.
    pub(super) fn end(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(mem::take(self).pauses.into_iter().map(|(_, waker)| waker));
    }

    fn pop_passed(&mut self, now: Time) -> Option<CallKey> {
        self.next_deadline().filter(|at| *at <= now)?;
        let Reverse((_, key)) = self.deadlines.pop()?;
        self.remove(key);
        Some(key)
    }

    /// The next deadline of a call that has not ended.
    fn next_deadline(&mut self) -> Option<Time> {
        while let Some(&Reverse((at, key))) = self.deadlines.peek() {
            if self.get(key).is_some_and(|special| special.deadline == Some(at)) {
                return Some(at);
            }
            self.deadlines.pop();
        }
        None
    }

    /// How many places there are, of calls and of deadlines.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.calls.len() + self.deadlines.len()
    }

    /// Once those that have ended are most of them, and many.
    fn forget_ended(&mut self) {
        if self.deadlines.len() > 2 * self.with_deadline + MAX_KEPT_CALLS {
            let Self { calls, deadlines, .. } = self;
            deadlines.retain(|&Reverse((at, key))| {
                let call = calls.get(key).and_then(Option::as_deref);
                call.is_some_and(|special| special.deadline == Some(at))
            });
        }
    }
}

pub(super) fn deadline_exceeded<T>() -> Result<T, Error> {
    Err(Error::Call(CallError::DeadlineExceeded))
}

impl Calls {
    /// Says what is special about a call that was just put in line.
    pub(in crate::client) fn set_special(&mut self, key: CallKey, special: Box<Special>) {
        self.specials.insert(key, special);
    }

    /// Whether a special call is under way, or was since the driver looked last.
    pub(in crate::client) fn has_specials(&self) -> bool {
        self.specials.is_earlier || !self.specials.is_empty()
    }

    /// When the next deadline passes, for the driver to come back then.
    pub(in crate::client) fn next_deadline(&mut self) -> Option<Time> {
        self.specials.is_earlier = false;
        self.specials.next()
    }

    /// Has somebody woken at that time, unless the client has ended: the waker that was there before, if any. `number` tells them
    /// apart.
    pub(in crate::client) fn pause_until(
        &mut self,
        at: Time,
        number: &mut Option<u64>,
        waker: Waker,
    ) -> Option<impl Sized + use<>> {
        if self.ended.is_some() {
            return None;
        }
        let Specials { paused, .. } = &mut self.specials;
        let number = *number.get_or_insert_with(|| {
            *paused += 1;
            *paused
        });
        self.specials.is_earlier |= self.specials.next().is_none_or(|next| at < next);
        Some(self.specials.pauses.insert((at, number), waker))
    }

    /// Nobody waits for that any longer. What is left of it is handed out, to be dropped without the lock.
    pub(in crate::client) fn end_pause(&mut self, at: Time, number: u64) -> impl Sized + use<> {
        self.specials.pauses.remove(&(at, number))
    }

    /// Ends the calls whose deadline has passed, in line or in flight. Wakers are handed out, to be woken without the lock.
    pub(in crate::client) fn expire(&mut self, now: Time, wakers: &mut Vec<Waker>) {
        self.specials.take_rested(now, wakers);
        while let Some(key) = self.specials.pop_passed(now) {
            match mem::replace(&mut self.slots[key].stage, Stage::Expired) {
                Stage::InLine { waker, .. } => {
                    wakers.extend(waker);
                    self.leave_line();
                }
                Stage::InFlight { waker, .. } => {
                    wakers.extend(waker);
                    self.cancelled.push(key);
                }
                other => self.slots[key].stage = other,
            }
        }
    }
}
