//! What a page takes one after the other: events, changes.

use std::{
    cell::{Cell, RefCell},
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Poll, Waker},
};

use futures_core::Stream;
use wasm_bindgen::prelude::*;

/// A stream that the page pulls at, until it stops it.
#[wasm_bindgen]
pub struct Source {
    stream: RefCell<Option<Pin<Box<dyn Stream<Item = JsValue>>>>>,
    waker: Cell<Option<Waker>>,
}

impl Source {
    pub(super) fn new(stream: impl Stream<Item = JsValue> + 'static) -> Self {
        Self { stream: RefCell::new(Some(Box::pin(stream))), waker: Cell::new(None) }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

#[wasm_bindgen]
impl Source {
    /// The next; `undefined` at the end, or once it is stopped. One waits at a time.
    pub async fn next(&self) -> JsValue {
        let next = poll_fn(|cx| {
            let mut stream = self.stream.borrow_mut();
            let Some(stream) = &mut *stream else { return Poll::Ready(None) };
            let next = stream.as_mut().poll_next(cx);
            if next.is_pending() {
                self.waker.set(Some(cx.waker().clone()));
            }
            next
        });
        next.await.unwrap_or(JsValue::UNDEFINED)
    }

    /// Ends it, also for who waits.
    pub fn stop(&self) {
        drop(self.stream.take());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
