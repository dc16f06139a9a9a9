//! The handlers that run on one connection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use hardlight_proto::{CallError, CallId, ConnectionState};

use super::state::Shared;

/// The futures of the calls that run, one place for each call id. A place is used again and again.
pub(super) struct Handlers<F> {
    places: Vec<Option<Place<F>>>,
    running: usize,
}

struct Place<F> {
    method: u32,
    future: Pin<Box<Option<F>>>,
    waker: Waker,
}

impl<F: Future<Output = Result<Bytes, CallError>>> Handlers<F> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), running: 0 }
    }

    /// Starts a handler and polls it once: most are done with that, and never see an executor.
    pub(super) fn start<S: ConnectionState>(
        &mut self,
        id: CallId,
        method: u32,
        shared: &Arc<Shared<S>>,
        future: impl FnOnce() -> F,
    ) -> Poll<F::Output> {
        if self.places.len() <= id.index() {
            self.places.resize_with(id.index() + 1, || None);
        }
        let place = self.places[id.index()].get_or_insert_with(|| Place {
            method,
            future: Box::pin(None),
            waker: Waker::from(Arc::new(CallWaker { id, shared: Arc::clone(shared) })),
        });
        place.method = method;
        let Ok(future) = catch_unwind(AssertUnwindSafe(future)) else {
            return Poll::Ready(Err(CallError::HandlerPanicked));
        };
        place.future.set(Some(future));
        self.running += 1;
        self.poll(id)
    }

    /// Polls the handler of a call, if it runs. Once it is ready it is gone.
    pub(super) fn poll(&mut self, id: CallId) -> Poll<F::Output> {
        let Some(Some(place)) = self.places.get_mut(id.index()) else {
            return Poll::Pending;
        };
        let mut cx = Context::from_waker(&place.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| match place.future.as_mut().as_pin_mut() {
            Some(future) => future.poll(&mut cx),
            None => Poll::Pending,
        }));
        let polled = polled.unwrap_or(Poll::Ready(Err(CallError::HandlerPanicked)));
        if polled.is_ready() {
            self.remove(id);
        }
        polled
    }

    /// Gives memory back if no handler runs; the first place is kept for the calls that come one at a time.
    pub(super) fn shrink(&mut self) {
        if self.running == 0 && self.places.len() > 1 {
            self.places.truncate(1);
            self.places.shrink_to_fit();
        }
    }
}

impl<F> Handlers<F> {
    /// The index of the method that a call runs.
    pub(super) fn method(&self, id: CallId) -> Option<u32> {
        self.places.get(id.index())?.as_ref().map(|place| place.method)
    }

    /// Drops the handler of a call, if it runs.
    pub(super) fn remove(&mut self, id: CallId) {
        let Some(Some(place)) = self.places.get_mut(id.index()) else {
            return;
        };
        if place.future.is_none() {
            return;
        }
        self.running -= 1;
        let mut future = place.future.as_mut();
        if catch_unwind(AssertUnwindSafe(|| future.set(None))).is_err() {
            // What is left of it is not touched again.
            self.places[id.index()] = None;
        }
    }

    /// Drops all handlers.
    pub(super) fn clear(&mut self) {
        (0..=u8::MAX).map(CallId).for_each(|id| self.remove(id));
        self.places = Vec::new();
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
