//! How many calls run at the same time.

use futures_executor::LocalPool;
use futures_util::future::join_all;
use hardlight_driver::{
    layer::{ConcurrencyLimit, Layers},
    proto::CallError,
};

use super::{BUSY, call, desk, desk_of, is_pending, start};
use crate::support::desk::{Allowed, work::Method};

#[test]
fn what_comes_beyond_the_limit_waits_and_beyond_those_who_may_wait_is_refused() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, ConcurrencyLimit::per_connection(2).waiting(3));
    let calls =
        start(&mut pool, &desk, async |client| join_all((0..7).map(|_| client.wait())).await);
    assert_eq!((desk.seen.running(), desk.seen.started()), (2, 2));
    desk.seen.open_gate();
    pool.run_until_stalled();
    let answers = calls.borrow_mut().take().expect("all were answered");
    assert_eq!(answers, [Ok(1), Ok(1), Ok(1), Ok(1), Ok(1), BUSY, BUSY]);
    assert_eq!((desk.seen.running(), desk.seen.started()), (0, 5));
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), Ok(3));
}

#[test]
fn calls_run_in_the_order_of_their_coming() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, ConcurrencyLimit::per_connection(1).waiting(10));
    let first = start(&mut pool, &desk, async |client| client.wait().await);
    let calls: Vec<_> =
        (0..5).map(|_| start(&mut pool, &desk, async |client| client.get().await)).collect();
    assert_eq!(desk.seen.started(), 1);
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert!(first.borrow().is_some() && calls.iter().all(|call| call.borrow().is_some()));
    let methods: Vec<_> =
        desk.seen.contexts.lock().iter().map(|context| context.method()).collect();
    assert_eq!(methods, ["wait", "get", "get", "get", "get", "get"]);
}

#[test]
fn nobody_waits_where_nobody_may() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, ConcurrencyLimit::per_connection(1).waiting(0));
    start(&mut pool, &desk, async |client| client.hang().await);
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), BUSY);
}

#[test]
fn a_limit_of_connections_is_of_each_and_one_of_the_server_of_all() {
    let mut pool = LocalPool::new();
    for (layer, second) in
        [(ConcurrencyLimit::per_connection(1), Ok(3)), (ConcurrencyLimit::per_server(1), BUSY)]
    {
        let layers = Layers::none().with(layer.waiting(0));
        let (one, other) = (desk_of(&mut pool, layers.clone()), desk_of(&mut pool, layers));
        let hanging = start(&mut pool, &one, async |client| client.hang().await);
        assert_eq!(call(&mut pool, &other, async |client| client.get().await), second);
        one.to_server.cut();
        pool.run_until_stalled();
        assert!(hanging.borrow().is_some());
        assert_eq!(call(&mut pool, &other, async |client| client.get().await), Ok(3));
    }
}

#[test]
fn two_limits_of_a_connection_count_for_themselves() {
    let mut pool = LocalPool::new();
    let layers = Layers::none()
        .with(ConcurrencyLimit::per_connection(1).waiting(0).only([Method::Hang]))
        .with(ConcurrencyLimit::per_connection(2).waiting(0));
    let desk = desk_of(&mut pool, layers);
    start(&mut pool, &desk, async |client| client.hang().await);
    let second = start(&mut pool, &desk, async |client| client.hang().await);
    assert_eq!(*second.borrow(), Some(BUSY));
    start(&mut pool, &desk, async |client| client.wait().await);
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), BUSY);
}

#[test]
fn a_call_that_is_given_up_while_it_waits_leaves_the_line_and_never_runs() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, ConcurrencyLimit::per_connection(1).waiting(1));
    start(&mut pool, &desk, async |client| client.wait().await);
    for _ in 0..3 {
        // Also of a method whose handler is not dropped once it runs.
        let mut waiting = Box::pin(desk.client.finish());
        assert!(is_pending(&mut waiting));
        pool.run_until_stalled();
        drop(waiting);
        pool.run_until_stalled();
    }
    let last = start(&mut pool, &desk, async |client| client.get().await);
    assert_eq!(*last.borrow(), None);
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!(*last.borrow(), Some(Ok(3)));
    assert_eq!((desk.seen.started(), desk.seen.finished()), (2, 0));
}

#[test]
fn a_handler_that_outlives_its_connection_counts_until_it_has_ended() {
    let mut pool = LocalPool::new();
    let layers = Layers::none().with(ConcurrencyLimit::per_server(1).waiting(0));
    let (gone, other) = (desk_of(&mut pool, layers.clone()), desk_of(&mut pool, layers));
    start(&mut pool, &gone, async |client| client.finish().await);
    gone.to_server.cut();
    pool.run_until_stalled();
    assert_eq!(gone.seen.running(), 1);
    assert_eq!(call(&mut pool, &other, async |client| client.get().await), BUSY);
    gone.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!(gone.seen.finished(), 1);
    assert_eq!(call(&mut pool, &other, async |client| client.get().await), Ok(3));
}

#[test]
fn a_call_whose_feature_is_taken_away_while_it_waits_never_runs() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, ConcurrencyLimit::per_server(1));
    desk.connection.features().insert(Allowed::Guarded);
    start(&mut pool, &desk, async |client| client.wait().await);
    let guarded = start(&mut pool, &desk, async |client| client.guarded().await);
    assert_eq!((guarded.borrow().clone(), desk.seen.started()), (None, 1));
    desk.connection.features().remove(Allowed::Guarded);
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!(*guarded.borrow(), Some(Err(CallError::MissingFeature.into())));
    assert_eq!(desk.seen.started(), 1);
    desk.connection.features().insert(Allowed::Guarded);
    assert_eq!(call(&mut pool, &desk, async |client| client.guarded().await), Ok(6));
}

#[test]
#[should_panic(expected = "a limit of no calls")]
fn a_limit_of_no_calls_is_refused() {
    let _ = ConcurrencyLimit::per_server(0);
}
