//! What a handler finds around its call, and what becomes of handlers whose caller or connection is gone.

mod support;

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures_executor::LocalPool;
use futures_util::FutureExt;
use hardlight_driver::{
    CallContext, Error,
    proto::{CallError, CloseReason},
};
use support::{
    desk::{Choice, Desk, Look, User, look, work},
    joined::note_end,
};

const SECOND: Duration = Duration::from_secs(1);

/// Makes a call in the background: where its result will be.
fn start<F: Future + 'static>(
    pool: &mut LocalPool,
    client: &work::Client,
    call: impl FnOnce(work::Client) -> F,
) -> Rc<RefCell<Option<F::Output>>> {
    let result = note_end(pool, call(client.clone()));
    pool.run_until_stalled();
    result
}

fn looked(pool: &mut LocalPool, client: &work::Client) -> Look {
    let look = start(pool, client, async |client| client.look().await);
    let look = look.borrow_mut().take().expect("it was answered");
    look.expect("it is there")
}

#[test]
fn a_handler_finds_its_method_and_what_is_left_of_its_time() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let found = looked(&mut pool, &desk.client.with_timeout(5 * SECOND));
    assert_eq!((found.service.as_str(), found.method.as_str()), ("Work", "look"));
    assert_eq!(found.remaining, Some(5 * SECOND));
    assert_eq!(looked(&mut pool, &desk.client).remaining, None);
}

#[test]
fn outside_of_a_call_there_is_a_context_of_none() {
    assert!(CallContext::try_current().is_none());
    let detached = CallContext::current();
    assert_eq!((detached.service(), detached.method()), ("", ""));
    assert!(detached.deadline().is_none() && !detached.is_cancelled());
    assert!(detached.connection_id().is_none() && detached.connection_extensions().is_none());
    assert!(detached.request::<u32>().is_none() && detached.wire_extensions().is_empty());
}

#[test]
fn what_is_kept_for_a_connection_is_found_by_its_handlers_alone() {
    let mut pool = LocalPool::new();
    let alice = Desk::with(&mut pool, Choice { user: Some("alice"), ..Choice::default() });
    let bob = Desk::with(&mut pool, Choice { user: Some("bob"), ..Choice::default() });
    let nobody = Desk::new(&mut pool);
    for (desk, user) in [(&alice, Some("alice")), (&bob, Some("bob")), (&nobody, None)] {
        assert_eq!(looked(&mut pool, &desk.client).user.as_deref(), user);
    }
}

#[test]
fn handlers_that_take_turns_each_find_their_own_call() {
    let mut pool = LocalPool::new();
    let next = Desk::new(&mut pool);
    let desk = Desk::with(&mut pool, Choice { next: Some(next.client), ..Choice::default() });
    let calls: Vec<_> = [7, 5, 9]
        .map(|seconds| {
            let client = desk.client.with_timeout(seconds * SECOND);
            start(&mut pool, &client, async |client| client.ask().await)
        })
        .into();
    desk.seen.open_gate();
    pool.run_until_stalled();
    let left = calls.iter().map(|call| call.borrow_mut().take().unwrap().unwrap().remaining);
    assert_eq!(left.collect::<Vec<_>>(), [7, 5, 9].map(|seconds| Some(seconds * SECOND)));
}

#[test]
fn a_handler_that_panics_leaves_no_context_behind() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let call = start(&mut pool, &desk.client, async |client| client.panic().await);
    assert_eq!(*call.borrow(), Some(Err(Error::Call(CallError::HandlerPanicked))));
    assert!(CallContext::try_current().is_none());
    assert_eq!(looked(&mut pool, &desk.client).method, "look");
}

#[test]
fn a_call_that_is_made_for_another_one_has_what_is_left_of_its_time_and_its_trace() {
    let mut pool = LocalPool::new();
    let behind = Desk::new(&mut pool);
    // The longer timeout of the inner client changes nothing.
    let next = Some(behind.client.with_timeout(60 * SECOND));
    let desk = Desk::with(&mut pool, Choice { next, ..Choice::default() });
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let parent = hardlight_driver::proto::Extensions::new()
        .with_traceparent(trace.as_bytes())
        .expect("it fits");
    let caller = CallContext::detached().with_wire_extensions(parent);
    let client = desk.client.with_timeout(5 * SECOND).with_context(&caller);
    let call = start(&mut pool, &client, async |client| client.ask().await);
    desk.server_timer.advance(2 * SECOND);
    desk.seen.open_gate();
    pool.run_until_stalled();
    let found = call.borrow_mut().take().expect("it was answered").unwrap();
    assert_eq!(found.remaining, Some(3 * SECOND));
    assert_eq!(found.traceparent.as_deref(), Some(trace));
}

#[test]
fn a_context_tells_that_its_call_was_given_up_and_not_that_it_was_answered() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let call = Box::pin(desk.client.hang());
    let mut call = Some(call);
    assert!(call.as_mut().unwrap().as_mut().now_or_never().is_none());
    start(&mut pool, &desk.client.with_timeout(SECOND), async |client| client.hang().await);
    start(&mut pool, &desk.client, async |client| client.hang().await);
    start(&mut pool, &desk.client, async |client| client.get().await);
    let contexts = desk.seen.contexts.lock().clone();
    let cancelled = || contexts.iter().map(CallContext::is_cancelled).collect::<Vec<_>>();
    assert_eq!(cancelled(), [false; 4]);
    let mut waiting = Box::pin(contexts[0].cancellation().cancelled());
    assert!(waiting.as_mut().now_or_never().is_none());
    call = None;
    pool.run_until_stalled();
    assert!(call.is_none() && waiting.now_or_never().is_some());
    assert_eq!(cancelled(), [true, false, false, false]);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!(cancelled(), [true, true, false, false]);
    desk.to_server.cut();
    pool.run_until_stalled();
    assert_eq!(cancelled(), [true, true, true, false]);
}

#[test]
fn a_scope_carries_the_context_into_a_task_of_the_applications_own() {
    let mut pool = LocalPool::new();
    let desk = Desk::with(&mut pool, Choice { user: Some("alice"), ..Choice::default() });
    start(&mut pool, &desk.client.with_timeout(5 * SECOND), async |client| client.hang().await);
    let context = desk.seen.contexts.lock()[0].clone();
    let found = pool.run_until(context.scope(async { look() }));
    assert_eq!((found.method.as_str(), found.user.as_deref()), ("hang", Some("alice")));
    assert_eq!(found.remaining, Some(5 * SECOND));
    // A part of the time for a part of the work.
    let part = context.with_deadline(desk.client.deadline_after(SECOND));
    let found = pool.run_until(part.scope(async { look() }));
    assert_eq!((found.method.as_str(), found.remaining), ("hang", Some(SECOND)));
}

#[test]
fn what_is_kept_for_a_call_is_that_calls_alone() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    for _ in 0..2 {
        start(&mut pool, &desk.client, async |client| client.hang().await);
    }
    let contexts = desk.seen.contexts.lock().clone();
    contexts[0].extensions().insert(User("alice"));
    assert!(contexts[0].clone().extensions().contains::<User>());
    assert!(!contexts[1].extensions().contains::<User>());
}

#[test]
fn a_handler_that_cannot_be_cancelled_finishes_for_a_caller_that_is_gone() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let mut call = Box::pin(desk.client.finish());
    assert!(call.as_mut().now_or_never().is_none());
    pool.run_until_stalled();
    drop(call);
    pool.run_until_stalled();
    assert_eq!((desk.seen.running(), desk.seen.finished()), (1, 0));
    assert!(desk.seen.contexts.lock()[0].is_cancelled());
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!((desk.seen.running(), desk.seen.finished()), (0, 1));
    assert_eq!(looked(&mut pool, &desk.client).method, "look");
}

#[test]
fn a_handler_that_cannot_be_cancelled_finishes_behind_its_deadline() {
    let mut pool = LocalPool::new();
    let choice = Choice { max_call_time: Some(3 * SECOND), ..Choice::default() };
    let desk = Desk::with(&mut pool, choice);
    let client = desk.client.with_timeout(5 * SECOND);
    let call = start(&mut pool, &client, async |client| client.finish().await);
    desk.server_timer.advance(9 * SECOND);
    pool.run_until_stalled();
    assert!(desk.seen.contexts.lock()[0].is_cancelled());
    assert_eq!((call.borrow().clone(), desk.seen.running()), (None, 1));
    desk.seen.open_gate();
    pool.run_until_stalled();
    // By the client's clock it is in time.
    assert_eq!(*call.borrow(), Some(Ok(2)));
}

#[test]
fn a_context_that_is_asked_for_once_the_call_was_given_up_says_so() {
    let mut pool = LocalPool::new();
    let behind = Desk::new(&mut pool);
    let desk = Desk::with(&mut pool, Choice { next: Some(behind.client), ..Choice::default() });
    start(&mut pool, &desk.client.with_timeout(SECOND), async |client| client.ask_late().await);
    desk.server_timer.advance(2 * SECOND);
    pool.run_until_stalled();
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert!(desk.seen.contexts.lock()[0].is_cancelled());
}

#[test]
fn a_handler_that_cannot_be_cancelled_outlives_its_connection_and_no_other_does() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    start(&mut pool, &desk.client, async |client| client.hang().await);
    start(&mut pool, &desk.client, async |client| client.finish().await);
    start(&mut pool, &desk.client, async |client| client.finish().await);
    assert_eq!(desk.seen.running(), 3);
    desk.to_server.cut();
    pool.run_until_stalled();
    assert_eq!((desk.seen.running(), desk.seen.finished()), (2, 0));
    // The task that serves goes on for them, and the transport is gone.
    assert!(desk.server_end.borrow().is_none());
    assert!(desk.client.is_closed());
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!((desk.seen.running(), desk.seen.finished()), (0, 2));
    assert!(desk.server_end.borrow().is_some());
}

#[test]
fn a_close_that_gives_calls_up_lets_those_go_on_that_cannot_be_cancelled() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    start(&mut pool, &desk.client, async |client| client.hang().await);
    start(&mut pool, &desk.client, async |client| client.finish().await);
    desk.connection.close(CloseReason::normal());
    pool.run_until_stalled();
    assert_eq!(desk.seen.running(), 2);
    desk.server_timer.advance(20 * SECOND);
    pool.run_until_stalled();
    assert_eq!(desk.seen.running(), 1);
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!((desk.seen.running(), desk.seen.finished()), (0, 1));
    assert!(desk.server_end.borrow().is_some());
}

#[test]
fn dropping_the_task_that_serves_drops_every_handler() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    start(&mut pool, &desk.client, async |client| client.finish().await);
    desk.to_server.cut();
    pool.run_until_stalled();
    assert_eq!(desk.seen.running(), 1);
    drop(pool);
    assert_eq!((desk.seen.running(), desk.seen.finished()), (0, 0));
}
