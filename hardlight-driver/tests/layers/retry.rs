//! Calls that a client makes again.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_executor::LocalPool;
use hardlight_driver::{
    Error, Retry,
    layer::{Call, Layers, Next},
    proto::{CallError, CloseReason},
};

use super::{BUSY, EXCEEDED, SECOND, call, is_pending, start};
use crate::support::desk::{Choice, Desk, Odd, work};

/// A server that fails so many calls.
struct Failing {
    desk: Desk,
    came: Arc<AtomicUsize>,
}

impl Failing {
    fn new(pool: &mut LocalPool, fails: usize, error: CallError, retry: Option<Retry>) -> Self {
        let came = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&came);
        let layer = move |call: Call, next: Next| {
            let (came, error) = (counted.fetch_add(1, Ordering::SeqCst), error.clone());
            async move { if came < fails { Err(error) } else { next.run(call).await } }
        };
        let layers = Layers::none().with(layer);
        let desk = Desk::with(pool, Choice { layers, retry, ..Choice::default() });
        Self { desk, came }
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    /// Lets so much time pass for the client, step by step.
    fn pass(&self, pool: &mut LocalPool, seconds: u32) {
        for _ in 0..seconds * 100 {
            self.desk.client_timer.advance(SECOND / 100);
            pool.run_until_stalled();
        }
    }
}

fn retry() -> Retry {
    Retry::new().min_delay(SECOND).max_delay(4 * SECOND).seed(1)
}

#[test]
fn a_call_that_did_not_run_is_made_again_after_a_pause() {
    let mut pool = LocalPool::new();
    let server = Failing::new(&mut pool, 2, CallError::Busy, Some(retry()));
    let got = start(&mut pool, &server.desk, async |client| client.get().await);
    assert_eq!((server.came(), got.borrow().clone()), (1, None));
    server.desk.client_timer.advance(SECOND - SECOND / 100);
    pool.run_until_stalled();
    assert_eq!(server.came(), 1);
    server.pass(&mut pool, 2);
    assert_eq!((server.came(), got.borrow().clone()), (2, None));
    server.pass(&mut pool, 4);
    assert_eq!((server.came(), got.borrow().clone()), (3, Some(Ok(3))));
}

#[test]
fn the_last_error_is_handed_out_behind_the_last_attempt() {
    let mut pool = LocalPool::new();
    let server = Failing::new(&mut pool, 100, CallError::Busy, Some(retry().max_attempts(3)));
    let got = start(&mut pool, &server.desk, async |client| client.get().await);
    server.pass(&mut pool, 20);
    assert_eq!((server.came(), got.borrow().clone()), (3, Some(BUSY)));
}

#[test]
fn what_may_have_run_or_would_fail_again_is_made_once() {
    let mut pool = LocalPool::new();
    for error in [
        CallError::Cancelled,
        CallError::HandlerPanicked,
        CallError::MissingFeature,
        CallError::InvalidInput,
        CallError::DeadlineExceeded,
        CallError::Unknown(77),
    ] {
        let server = Failing::new(&mut pool, 1, error.clone(), Some(retry()));
        let got = call(&mut pool, &server.desk, async |client| client.get().await);
        assert_eq!((server.came(), got), (1, Err(Error::Call(error))));
    }
    let server = Failing::new(&mut pool, 0, CallError::Busy, Some(retry()));
    let odd = call(&mut pool, &server.desk, async |client| client.halve(1).await);
    assert_eq!((server.came(), odd), (1, Err(Error::Application(Odd { number: 1 }))));
}

#[test]
fn without_retries_and_where_a_call_is_not_to_wait_it_is_made_once() {
    let mut pool = LocalPool::new();
    let server = Failing::new(&mut pool, 100, CallError::Busy, None);
    assert_eq!(call(&mut pool, &server.desk, async |client| client.get().await), BUSY);
    let server = Failing::new(&mut pool, 100, CallError::Busy, Some(retry()));
    assert_eq!(call(&mut pool, &server.desk, async |client| client.try_get().await), BUSY);
    assert_eq!(server.came(), 1);
}

#[test]
fn a_handle_has_retries_of_its_own() {
    let mut pool = LocalPool::new();
    let server = Failing::new(&mut pool, 1, CallError::Busy, None);
    let client: work::Client = server.desk.client.with_retry(retry());
    let got = start(&mut pool, &server.desk, async move |_| client.get().await);
    server.pass(&mut pool, 2);
    assert_eq!((server.came(), got.borrow().clone()), (2, Some(Ok(3))));
}

#[test]
fn a_budget_is_one_for_all_calls() {
    let mut pool = LocalPool::new();
    let retry = retry().max_attempts(10).budget(3, 0);
    let server = Failing::new(&mut pool, 1000, CallError::Busy, Some(retry));
    let calls: Vec<_> = (0..20)
        .map(|_| start(&mut pool, &server.desk, async |client| client.get().await))
        .collect();
    server.pass(&mut pool, 60);
    assert!(calls.iter().all(|call| *call.borrow() == Some(BUSY)));
    assert_eq!(server.came(), 20 + 3);
}

#[test]
fn a_timeout_is_one_for_all_attempts() {
    let mut pool = LocalPool::new();
    let server = Failing::new(&mut pool, 1000, CallError::Busy, Some(retry().max_attempts(100)));
    let client = server.desk.client.with_timeout(7 * SECOND);
    let got = start(&mut pool, &server.desk, async move |_| client.get().await);
    server.pass(&mut pool, 8);
    // There is no attempt that could only begin when the time is over, and nobody waits for that.
    assert_eq!(*got.borrow(), Some(BUSY));
    assert!((2..=4).contains(&server.came()), "{}", server.came());
    // One that hangs ends with the time that is left.
    let server = Failing::new(&mut pool, 1, CallError::Busy, Some(retry()));
    let client = server.desk.client.with_timeout(5 * SECOND);
    let hanging = start(&mut pool, &server.desk, async move |_| client.hang().await);
    server.pass(&mut pool, 4);
    assert_eq!((server.came(), hanging.borrow().clone()), (2, None));
    server.pass(&mut pool, 1);
    assert_eq!(*hanging.borrow(), Some(EXCEEDED));
}

#[test]
fn a_pause_ends_with_the_client() {
    let mut pool = LocalPool::new();
    let server = Failing::new(&mut pool, 1000, CallError::Busy, Some(retry()));
    let got = start(&mut pool, &server.desk, async |client| client.get().await);
    server.desk.connection.close(CloseReason::normal());
    pool.run_until_stalled();
    assert!(matches!(*got.borrow(), Some(Err(Error::NotSent(_)))), "{:?}", got.borrow());
    assert_eq!(server.came(), 1);
    // And so does one that begins afterwards.
    let late = call(&mut pool, &server.desk, async |client| client.get().await);
    assert!(matches!(late, Err(Error::NotSent(_))));
}

#[test]
fn a_call_that_is_dropped_while_it_pauses_is_not_made_again() {
    let mut pool = LocalPool::new();
    let server = Failing::new(&mut pool, 1000, CallError::Busy, Some(retry()));
    let client = server.desk.client.clone();
    let mut pausing = Box::pin(client.get());
    assert!(is_pending(&mut pausing));
    pool.run_until_stalled();
    assert!(is_pending(&mut pausing));
    drop(pausing);
    server.pass(&mut pool, 5);
    assert_eq!(server.came(), 1);
}
