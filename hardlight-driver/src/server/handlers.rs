//! The handlers that run on one connection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use hardlight_proto::{CallError, CallId, ConnectionState, Extensions, Time};
use tracing::Span;

use super::{deadlines::Deadlines, state::Shared};
use crate::{
    context::{Current, Peer, Running},
    telemetry::{server::ServerCall, wants_calls},
};

/// The futures of the calls that run, one place for each call id. A place is used again and again.
pub(super) struct Handlers<F> {
    places: Vec<Option<Place<F>>>,
    running: usize,
    /// How many places there were calls in since memory was given back last.
    used: usize,
    deadlines: Deadlines,
    peer: Arc<Peer>,
    /// For the next call: most are over before another one begins.
    spare: Option<Box<Running>>,
    /// Somebody wants to know of calls, or did: then those that run may have been told of.
    tells: bool,
}

/// A call that is to run.
pub(super) struct Start {
    pub(super) id: CallId,
    pub(super) method: u32,
    /// It runs to its end, whoever gives it up.
    pub(super) no_cancel: bool,
    pub(super) deadline: Option<Time>,
    /// What the call says besides its input.
    pub(super) wire: Extensions,
}

struct Place<F> {
    /// Of the call that runs here, or ran last.
    method: u32,
    no_cancel: bool,
    future: Pin<Box<Option<F>>>,
    waker: Waker,
    /// With the thread while the future is polled.
    call: Option<Box<Running>>,
}

impl<F: Future<Output = Result<Bytes, CallError>>> Handlers<F> {
    pub(super) fn new(peer: Arc<Peer>) -> Self {
        let tells = peer.telemetry.tells_all();
        Self {
            places: Vec::new(),
            running: 0,
            used: 0,
            deadlines: Deadlines::default(),
            peer,
            spare: None,
            tells,
        }
    }

    /// Starts a handler and polls it once: most are done with that, and never see an executor.
    pub(super) fn start<S: ConnectionState>(
        &mut self,
        start: Start,
        shared: &Arc<Shared<S>>,
        future: impl FnOnce() -> F,
    ) -> Poll<F::Output> {
        let Start { id, method, no_cancel, deadline, wire } = start;
        if self.places.len() <= id.index() {
            self.places.resize_with(id.index() + 1, || None);
        }
        let place = self.places[id.index()].get_or_insert_with(|| Place {
            method,
            no_cancel,
            future: Box::pin(None),
            waker: Waker::from(Arc::new(CallWaker { id, shared: Arc::clone(shared) })),
            call: None,
        });
        (place.method, place.no_cancel) = (method, no_cancel);
        self.used = self.used.max(id.index() + 1);
        let Ok(future) = catch_unwind(AssertUnwindSafe(future)) else {
            return Poll::Ready(Err(CallError::HandlerPanicked));
        };
        let spare = self.spare.take();
        let call = place.call.insert(spare.unwrap_or_else(|| Box::new(Running::new(&self.peer))));
        call.method = method;
        if self.tells {
            call.told = self.peer.begin(method, &wire);
        }
        call.wire = wire;
        if let Some(at) = deadline {
            call.deadline = deadline;
            self.deadlines.insert(at, id);
        }
        place.future.set(Some(future));
        self.running += 1;
        self.poll(id)
    }

    /// Polls the handler of a call, if it runs. Once it is ready it is gone.
    pub(super) fn poll(&mut self, id: CallId) -> Poll<F::Output> {
        let Some(Some(place)) = self.places.get_mut(id.index()) else {
            return Poll::Pending;
        };
        let (Some(future), Some(mut call)) =
            (place.future.as_mut().as_pin_mut(), place.call.take())
        else {
            return Poll::Pending;
        };
        let mut cx = Context::from_waker(&place.waker);
        let poll = || catch_unwind(AssertUnwindSafe(|| future.poll(&mut cx)));
        if self.tells {
            call.enter();
        }
        let (polled, call) = Current::run(call, poll);
        place.call = call;
        let polled = polled.unwrap_or(Poll::Ready(Err(CallError::HandlerPanicked)));
        if self.tells
            && let Some(told) = place.told()
        {
            told.leave();
            told.end(&polled);
        }
        if polled.is_ready() {
            self.remove(id);
        }
        polled
    }

    /// Gives memory back if no handler runs. As many places are kept as were needed since this was done last: calls that come
    /// together come together again. The first is always kept.
    pub(super) fn shrink(&mut self) {
        if self.running == 0 {
            let keeps = std::mem::take(&mut self.used).max(1);
            if keeps < self.places.len() {
                self.places.truncate(keeps);
                self.places.shrink_to_fit();
            }
        }
    }
}

impl<F> Handlers<F> {
    /// The index of the method that a call runs, or ran last.
    pub(super) fn method(&self, id: CallId) -> Option<u32> {
        let place = self.places.get(id.index())?.as_ref()?;
        Some(place.method)
    }

    /// Looks whether somebody wants to know of the calls to come.
    #[inline(always)]
    pub(super) fn look_for_listeners(&mut self) {
        if wants_calls() {
            self.tells = true;
        }
    }

    /// Tells of a call that is not started.
    pub(super) fn note_refusal(&self, method: u32, wire: &Extensions, why: &CallError) {
        let told = self.tells.then(|| self.peer.begin(method, wire)).flatten();
        if let Some(mut told) = told {
            told.give_up(why);
        }
    }

    /// The span of the connection.
    pub(super) fn connection_span(&self) -> &Span {
        &self.peer.telemetry.span
    }

    /// Whether none runs.
    pub(super) const fn is_empty(&self) -> bool {
        self.running == 0
    }

    /// When the next of those that run is to end.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.next()
    }

    /// One that should have ended by now. Each is named once.
    pub(super) fn pop_overdue(&mut self, now: Time) -> Option<CallId> {
        self.deadlines.pop_passed(now)
    }

    /// Gives the handler of a call up, if it runs: drops it, unless it runs to its end all the same. Whether nothing of it is
    /// left.
    pub(super) fn give_up(&mut self, id: CallId, why: &CallError) -> bool {
        let Some(Some(place)) = self.places.get_mut(id.index()) else {
            return true;
        };
        if place.future.is_none() {
            return true;
        }
        if let Some(call) = &mut place.call {
            call.cancel();
        }
        if place.no_cancel {
            return false;
        }
        if let Some(told) = place.told() {
            told.give_up(why);
        }
        self.remove(id);
        true
    }

    /// Drops the handler of a call, if it runs.
    fn remove(&mut self, id: CallId) {
        let Some(Some(place)) = self.places.get_mut(id.index()) else {
            return;
        };
        if place.future.is_none() {
            return;
        }
        self.running -= 1;
        if let Some(at) = place.call.as_ref().and_then(|call| call.deadline) {
            self.deadlines.remove(at, id);
        }
        if self.tells
            && let Some(told) = place.told()
        {
            told.enter();
        }
        let mut future = place.future.as_mut();
        let call = &mut place.call;
        // Either may hold what panics when it is dropped.
        let drop_both = || {
            future.set(None);
            call.as_deref_mut().map(Running::clear)
        };
        if catch_unwind(AssertUnwindSafe(drop_both)).is_ok() {
            self.spare = place.call.take();
        } else {
            // What is left of it is not touched again.
            self.places[id.index()] = None;
        }
    }

    /// Gives all handlers up: those are left that run to their end all the same.
    pub(super) fn give_up_all(&mut self) {
        (0..=u8::MAX).map(CallId).for_each(|id| {
            self.give_up(id, &CallError::Cancelled);
        });
        if self.is_empty() {
            self.places = Vec::new();
        }
    }

    /// Drops all handlers.
    fn clear(&mut self) {
        self.give_up_all();
        (0..=u8::MAX).map(CallId).for_each(|id| self.remove(id));
        self.places = Vec::new();
    }
}

impl<F> Place<F> {
    /// What is told of the call, if anybody wants to know.
    #[cold]
    fn told(&mut self) -> Option<&mut ServerCall> {
        self.call.as_mut()?.told.as_deref_mut()
    }
}

/// A future may panic while it is dropped; that must not end the others'.
impl<F> Drop for Handlers<F> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Wakes one call: notes which, and wakes the driver.
struct CallWaker<S: ConnectionState> {
    id: CallId,
    shared: Arc<Shared<S>>,
}

impl<S: ConnectionState> Wake for CallWaker<S> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.shared.mailbox.post(|commands| commands.wake_call(self.id));
    }
}
