//! Layers around the calls of a server, and calls that a client makes again: step by step, without a runtime, in a time that only
//! the test moves.

#[path = "../support/mod.rs"]
mod support;

mod around;
mod authorize;
mod concurrency;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod retry;
mod several;
mod timeout;
#[cfg(feature = "tower")]
mod tower;

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};

use futures_executor::LocalPool;
use hardlight_driver::{
    Error,
    layer::{Layer, Layers},
    proto::CallError,
};
use support::{
    desk::{Choice, Desk, work},
    joined::note_end,
};

const SECOND: Duration = Duration::from_secs(1);
const MICROSECOND: Duration = Duration::from_micros(1);
const BUSY: Result<u32, Error> = Err(Error::Call(CallError::Busy));
const EXCEEDED: Result<u32, Error> = Err(Error::Call(CallError::DeadlineExceeded));

/// A desk whose server has this layer.
fn desk(pool: &mut LocalPool, layer: impl Layer) -> Desk {
    desk_of(pool, Layers::none().with(layer))
}

fn desk_of(pool: &mut LocalPool, layers: Layers) -> Desk {
    Desk::with(pool, Choice { layers, ..Choice::default() })
}

/// Makes a call in the background: where its result will be.
fn start<F: Future + 'static>(
    pool: &mut LocalPool,
    desk: &Desk,
    call: impl FnOnce(work::Client) -> F,
) -> Rc<RefCell<Option<F::Output>>> {
    let result = note_end(pool, call(desk.client.clone()));
    pool.run_until_stalled();
    result
}

/// Makes a call that is answered without further ado.
fn call<F: Future + 'static>(
    pool: &mut LocalPool,
    desk: &Desk,
    call: impl FnOnce(work::Client) -> F,
) -> F::Output {
    let result = start(pool, desk, call);
    result.borrow_mut().take().expect("it was answered")
}

/// Polls what a test is to drop half-way.
fn is_pending<F: Future>(future: &mut Pin<Box<F>>) -> bool {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}
