//! How long calls may take.

use std::sync::Arc;

use futures_executor::LocalPool;
use hardlight_driver::layer::{Call, ConcurrencyLimit, Layers, Next, Timeout};
use parking_lot::Mutex;

use super::{EXCEEDED, MICROSECOND, SECOND, call, desk, desk_of, start};
use crate::support::desk::work::Method;

#[test]
fn a_call_that_takes_too_long_is_dropped_and_one_that_does_not_is_answered() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, Timeout::new(5 * SECOND));
    let hanging = start(&mut pool, &desk, async |client| client.hang().await);
    desk.server_timer.advance(5 * SECOND - MICROSECOND);
    pool.run_until_stalled();
    assert_eq!((hanging.borrow().clone(), desk.seen.running()), (None, 1));
    let waiting = start(&mut pool, &desk, async |client| client.wait().await);
    desk.server_timer.advance(MICROSECOND);
    pool.run_until_stalled();
    assert_eq!((hanging.borrow().clone(), desk.seen.running()), (Some(EXCEEDED), 1));
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!(*waiting.borrow(), Some(Ok(1)));
}

#[test]
fn methods_have_timeouts_of_their_own_or_none() {
    let mut pool = LocalPool::new();
    let layer = Timeout::new(5 * SECOND).of([Method::Wait], 2 * SECOND).of([Method::Hang], None);
    let desk = desk(&mut pool, layer);
    let hanging = start(&mut pool, &desk, async |client| client.hang().await);
    let waiting = start(&mut pool, &desk, async |client| client.wait().await);
    let asking = start(&mut pool, &desk, async |client| client.ask().await);
    desk.server_timer.advance(2 * SECOND);
    pool.run_until_stalled();
    assert!(waiting.borrow().is_some() && asking.borrow().is_none());
    desk.server_timer.advance(3 * SECOND);
    pool.run_until_stalled();
    assert!(asking.borrow().is_some());
    desk.server_timer.advance(1000 * SECOND);
    pool.run_until_stalled();
    assert!(hanging.borrow().is_none());
}

#[test]
fn a_method_that_cannot_be_cancelled_runs_to_its_end() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, Timeout::new(SECOND));
    let finishing = start(&mut pool, &desk, async |client| client.finish().await);
    desk.server_timer.advance(10 * SECOND);
    pool.run_until_stalled();
    assert_eq!(desk.seen.running(), 1);
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!(*finishing.borrow(), Some(Ok(2)));
}

#[test]
fn the_handler_finds_the_time_that_it_has_and_the_shortest_counts() {
    let mut pool = LocalPool::new();
    let layers = Layers::none().with(Timeout::new(5 * SECOND)).with(Timeout::new(7 * SECOND));
    let desk = desk_of(&mut pool, layers);
    let look = call(&mut pool, &desk, async |client| client.look().await).unwrap();
    assert_eq!(look.remaining, Some(5 * SECOND));
    let client = desk.client.with_timeout(3 * SECOND);
    let look = call(&mut pool, &desk, async move |_| client.look().await).unwrap();
    assert_eq!(look.remaining, Some(3 * SECOND));
}

#[test]
fn time_in_a_line_within_counts_and_in_one_around_does_not() {
    for (is_within, expected) in [(true, Some(EXCEEDED)), (false, None)] {
        let mut pool = LocalPool::new();
        let line = ConcurrencyLimit::per_connection(1);
        let layers = if is_within {
            Layers::none().with(Timeout::none().of([Method::Get], SECOND)).with(line)
        } else {
            Layers::none().with(line).with(Timeout::none().of([Method::Get], SECOND))
        };
        let desk = desk_of(&mut pool, layers);
        start(&mut pool, &desk, async |client| client.wait().await);
        let waiting = start(&mut pool, &desk, async |client| client.get().await);
        desk.server_timer.advance(SECOND);
        pool.run_until_stalled();
        assert_eq!(*waiting.borrow(), expected);
    }
}

#[test]
fn a_layer_around_sees_that_the_time_is_over() {
    let mut pool = LocalPool::new();
    let seen = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&seen);
    let outer = move |call: Call, next: Next| {
        let noted = Arc::clone(&noted);
        async move {
            let outcome = next.run(call).await;
            *noted.lock() = outcome.as_ref().err().cloned();
            outcome
        }
    };
    let desk = desk_of(&mut pool, Layers::none().with(outer).with(Timeout::new(SECOND)));
    start(&mut pool, &desk, async |client| client.hang().await);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!(*seen.lock(), Some(hardlight_driver::proto::CallError::DeadlineExceeded));
}

#[test]
fn what_a_handler_has_started_elsewhere_learns_that_the_time_is_over() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, Timeout::new(SECOND));
    start(&mut pool, &desk, async |client| client.hang().await);
    let context = desk.seen.contexts.lock()[0].clone();
    assert!(!context.is_cancelled());
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert!(context.is_cancelled());
    let _ = call(&mut pool, &desk, async |client| client.get().await);
    let context = desk.seen.contexts.lock()[1].clone();
    assert!(!context.is_cancelled());
}
