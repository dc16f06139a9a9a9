//! Calls that have arrived and may not start yet, and until when their callers wait for them.

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use super::call::Call;
use crate::{
    frame::{CallId, Extensions},
    time::Time,
};

/// In the order in which they arrived.
#[derive(Debug, Default)]
pub(super) struct Held(VecDeque<HeldCall>);

#[derive(Debug)]
struct HeldCall {
    call: Call,
    /// How long its caller said to wait. Looked for once: what else a call says may be long.
    left: Option<Duration>,
    /// When its deadline passes: known once the time is told, for no message carries it.
    until: Option<Time>,
}

impl Held {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, id: CallId) -> bool {
        self.0.iter().any(|held| held.call.id == id)
    }

    pub(super) fn push(&mut self, call: Call) {
        let left = call.extensions.deadline();
        self.0.push_back(HeldCall { call, left, until: None });
    }

    /// The first one, which says how long its caller still waits.
    pub(super) fn pop(&mut self, now: Time) -> Option<Call> {
        let HeldCall { mut call, until, .. } = self.0.pop_front()?;
        if let Some(until) = until {
            call.extensions = waiting_for(call.extensions, until, now);
        }
        Some(call)
    }

    /// Whether this call was among them; it is not any longer.
    pub(super) fn remove(&mut self, id: CallId) -> bool {
        let place = self.0.iter().position(|held| held.call.id == id);
        place.is_some_and(|place| self.0.remove(place).is_some())
    }

    /// Takes out those that may not go on.
    pub(super) fn remove_unless(
        &mut self,
        mut may_go_on: impl FnMut(&Call) -> bool,
    ) -> Vec<CallId> {
        self.remove_if(|held| !may_go_on(&held.call))
    }

    fn remove_if(&mut self, mut is_to_go: impl FnMut(&HeldCall) -> bool) -> Vec<CallId> {
        let mut removed = Vec::new();
        self.0.retain(|held| {
            let goes = is_to_go(held);
            if goes {
                removed.push(held.call.id);
            }
            !goes
        });
        removed
    }

    /// Whether the caller of one of them waits for some time only.
    #[inline(never)]
    pub(super) fn have_deadlines(&self) -> bool {
        self.0.iter().any(|held| held.left.is_some())
    }

    /// When the first deadline passes, as far as that is known.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.0.iter().filter_map(|held| held.until).min()
    }

    /// The time of those that came since it was told last begins; takes out those whose deadline has passed.
    pub(super) fn tell_time(&mut self, now: Time) -> Vec<CallId> {
        for held in &mut self.0 {
            if held.until.is_none() {
                held.until = held.left.map(|left| now + left);
            }
        }
        self.remove_if(|held| held.until.is_some_and(|until| until <= now))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }
}

/// What a call says, with the time that is left now.
fn waiting_for(extensions: Extensions, until: Time, now: Time) -> Extensions {
    let left = until.saturating_since(now);
    // It is no more than what stood there, so there is room for it.
    extensions.clone().with_deadline(left).unwrap_or(extensions)
}
