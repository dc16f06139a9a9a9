//! What happens to the page, or the worker, around a connection.

use std::{
    cell::RefCell,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{EventTarget, VisibilityState};

/// A callback for an event of the page or the worker, as long as this lives.
pub(crate) struct Listener {
    target: EventTarget,
    event: &'static str,
    callback: Closure<dyn FnMut()>,
}

impl Listener {
    pub(crate) fn new(event: &'static str, callback: impl FnMut() + 'static) -> Self {
        Self::of(js_sys::global().unchecked_into(), event, callback)
    }

    /// The same of something else than the page or the worker.
    pub(crate) fn of(
        target: EventTarget,
        event: &'static str,
        callback: impl FnMut() + 'static,
    ) -> Self {
        let callback = Closure::<dyn FnMut()>::new(callback);
        // Where there are no such events there is nothing to listen to.
        let _ = target.add_event_listener_with_callback(event, callback.as_ref().unchecked_ref());
        Self { target, event, callback }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let callback = self.callback.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback(self.event, callback);
    }
}

/// Tells who waits to connect again that there is reason not to wait any longer: the network is there again, the page is looked
/// at again, or it was taken out of the browser's cache.
pub(crate) struct Attention {
    state: Rc<RefCell<State>>,
    _listeners: [Listener; 3],
}

#[derive(Default)]
enum State {
    /// Nobody waits, and nothing is noted for those who will.
    #[default]
    Idle,
    Waiting(Waker),
    Called,
}

impl Attention {
    pub(crate) fn new() -> Self {
        let state = Rc::new(RefCell::new(State::Idle));
        let call = || {
            let state = Rc::clone(&state);
            move || call(&state)
        };
        let (online, shown, visible) = (call(), call(), call());
        let listeners = [
            Listener::new("online", online),
            Listener::new("pageshow", shown),
            Listener::new("visibilitychange", move || {
                if is_visible() {
                    visible();
                }
            }),
        ];
        Self { state, _listeners: listeners }
    }

    /// Ready once, if there was reason since this was asked first.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        match std::mem::take(&mut *state) {
            State::Called => Poll::Ready(()),
            State::Idle | State::Waiting(_) => {
                *state = State::Waiting(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Nobody waits any longer.
    pub(crate) fn stop(&self) {
        *self.state.borrow_mut() = State::Idle;
    }
}

fn call(state: &RefCell<State>) {
    let waiting = {
        let mut state = state.borrow_mut();
        match std::mem::replace(&mut *state, State::Called) {
            State::Waiting(waker) => Some(waker),
            State::Called => None,
            State::Idle => {
                *state = State::Idle;
                None
            }
        }
    };
    if let Some(waker) = waiting {
        waker.wake();
    }
}

/// A worker is never looked at.
fn is_visible() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| document.visibility_state() == VisibilityState::Visible)
}
