//! The driver's timer, over `performance.now()` and `setTimeout`, which pages and workers have alike.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use hardlight_driver::{Clock, Timer, proto::Time};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure, prelude::wasm_bindgen};

/// The longest that `setTimeout` takes, in milliseconds.
const MAX_TIMEOUT: u64 = i32::MAX as u64;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &js_sys::Function, milliseconds: i32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timeout: &JsValue);
}

/// A clock and an alarm of the page or the worker. Browsers let the alarms of pages that nobody looks at ring late, once a second
/// or less often; the clock stands still while the machine sleeps.
pub struct BrowserTimer {
    deadline: Option<Time>,
    ring: Rc<Ring>,
    callback: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct Ring {
    /// The browser's timeout that is under way, and when it is due.
    timeout: RefCell<Option<(JsValue, Time)>>,
    waker: Cell<Option<Waker>>,
}

impl BrowserTimer {
    /// A timer without an alarm.
    pub fn new() -> Self {
        let ring = Rc::new(Ring::default());
        let rung = Rc::clone(&ring);
        let callback = Closure::<dyn FnMut()>::new(move || {
            rung.timeout.take();
            if let Some(waker) = rung.waker.take() {
                waker.wake();
            }
        });
        Self { deadline: None, ring, callback }
    }

    /// Has the browser ring at the deadline. A timeout that rings earlier is left alone: it costs one look at the clock, and
    /// deadlines are moved on far more often than they pass.
    fn schedule(&self, now: Time, deadline: Time) {
        let mut timeout = self.ring.timeout.borrow_mut();
        if timeout.as_ref().is_some_and(|(_, due)| *due <= deadline) {
            return;
        }
        if let Some((timeout, _)) = timeout.take() {
            clear_timeout(&timeout);
        }
        let wait = deadline.saturating_since(now).as_micros().div_ceil(1000);
        let wait = u64::try_from(wait).unwrap_or(MAX_TIMEOUT).min(MAX_TIMEOUT);
        let due = now + Duration::from_millis(wait);
        let milliseconds = i32::try_from(wait).unwrap_or(i32::MAX);
        let callback = self.callback.as_ref().unchecked_ref();
        *timeout = Some((set_timeout(callback, milliseconds), due));
    }
}

fn now() -> Time {
    // Milliseconds since the page was loaded, with a fraction.
    Time::from_micros((performance_now() * 1000.0) as u64)
}

impl Timer for BrowserTimer {
    fn now(&self) -> Time {
        now()
    }

    fn clock(&self) -> Clock {
        Clock::new(now)
    }

    fn reset(&mut self, deadline: Time) {
        self.deadline = Some(deadline);
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let now = self.now();
        if now >= deadline {
            return Poll::Ready(());
        }
        self.ring.waker.set(Some(cx.waker().clone()));
        self.schedule(now, deadline);
        Poll::Pending
    }
}

impl Default for BrowserTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BrowserTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserTimer").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Drop for BrowserTimer {
    fn drop(&mut self) {
        if let Some((timeout, _)) = self.ring.timeout.take() {
            clear_timeout(&timeout);
        }
    }
}
