//! What a page gives up.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
};

use wasm_bindgen::JsValue;
use web_sys::AbortSignal;

use crate::page::Listener;

/// What a future ends with, or the signal's reason if it is aborted first. The future is dropped then.
pub(super) async fn unless_aborted<F: Future>(
    signal: Option<AbortSignal>,
    future: F,
) -> Result<F::Output, JsValue> {
    let Some(signal) = signal else { return Ok(future.await) };
    let waker = Rc::new(Cell::new(None::<Waker>));
    let wake = {
        let waker = Rc::clone(&waker);
        move || {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    };
    let _listener = Listener::of(signal.clone().into(), "abort", wake);
    let mut future = pin!(future);
    poll_fn(|cx| {
        if signal.aborted() {
            return Poll::Ready(Err(signal.reason()));
        }
        waker.set(Some(cx.waker().clone()));
        future.as_mut().poll(cx).map(Ok)
    })
    .await
}
