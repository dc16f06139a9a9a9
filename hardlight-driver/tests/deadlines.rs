//! Deadlines of calls, on both sides: step by step, without a runtime, in a time that only the test moves.

mod support;

use std::{
    cell::RefCell,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};

use futures_executor::LocalPool;
use futures_util::future::join_all;
use hardlight_driver::{
    Error,
    proto::{CallError, CallId, Extensions, Frame, Limits},
};
use support::{
    desk::{Choice, Desk, work},
    joined::note_end,
};

const SECOND: Duration = Duration::from_secs(1);
const MICROSECOND: Duration = Duration::from_micros(1);
const EXCEEDED: Result<u32, Error> = Err(Error::Call(CallError::DeadlineExceeded));

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

#[test]
fn the_client_ends_a_call_by_its_own_clock_and_cancels_its_handler() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let client = desk.client.with_timeout(5 * SECOND);
    let call = start(&mut pool, &client, async |client| client.hang().await);
    desk.client_timer.advance(5 * SECOND - MICROSECOND);
    pool.run_until_stalled();
    assert_eq!((*call.borrow()).clone(), None);
    assert_eq!(desk.seen.running(), 1);
    desk.client_timer.advance(MICROSECOND);
    pool.run_until_stalled();
    assert_eq!(*call.borrow(), Some(EXCEEDED));
    assert_eq!(desk.seen.running(), 0);
}

#[test]
fn the_server_ends_a_call_by_its_own_clock() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let client = desk.client.with_timeout(5 * SECOND);
    let call = start(&mut pool, &client, async |client| client.hang().await);
    desk.server_timer.advance(5 * SECOND - MICROSECOND);
    pool.run_until_stalled();
    assert_eq!(desk.seen.running(), 1);
    desk.server_timer.advance(MICROSECOND);
    pool.run_until_stalled();
    assert_eq!(desk.seen.running(), 0);
    assert_eq!(*call.borrow(), Some(EXCEEDED));
    // Neither has anything left to wait for.
    let cancels = |frame: &Frame| matches!(frame, Frame::Cancel { .. });
    assert!(!desk.calls().iter().any(cancels));
}

#[test]
fn a_call_says_how_much_time_is_left_and_one_without_a_deadline_nothing() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    desk.to_server.forget();
    let client = desk.client.with_timeout(5 * SECOND);
    start(&mut pool, &client, async |client| client.get().await);
    start(&mut pool, &desk.client, async |client| client.get().await);
    let frames = desk.calls();
    let left = |frame: &Frame| match frame {
        Frame::Call { extensions, .. } => extensions.deadline(),
        frame => panic!("{frame:?}"),
    };
    assert_eq!(frames.iter().map(left).collect::<Vec<_>>(), [Some(5 * SECOND), None]);
    assert_eq!(desk.to_server.sent().last().map(|message| &message[..]), Some(&[3, 0, 3][..]));
}

#[test]
fn a_call_that_waits_in_line_ends_at_its_deadline_and_is_never_sent() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    start(&mut pool, &desk.client, async |client| join_all((0..256).map(|_| client.hang())).await);
    let sent = desk.to_server.sent().len();
    let late = desk.client.with_timeout(5 * SECOND);
    let late = start(&mut pool, &late, async |client| client.get().await);
    // An earlier one, of which the driver hears while it sleeps.
    let early = desk.client.with_timeout(2 * SECOND);
    let early = start(&mut pool, &early, async |client| client.get().await);
    desk.client_timer.advance(2 * SECOND);
    pool.run_until_stalled();
    assert_eq!((early.borrow().clone(), late.borrow().clone()), (Some(EXCEEDED), None));
    desk.client_timer.advance(3 * SECOND);
    pool.run_until_stalled();
    assert_eq!(*late.borrow(), Some(EXCEEDED));
    assert_eq!(desk.to_server.sent().len(), sent);
}

#[test]
fn what_a_call_has_left_when_it_leaves_the_line_is_what_the_server_is_told() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let hanging = start(&mut pool, &desk.client, async |client| {
        join_all((0..256).map(|_| client.wait())).await
    });
    let timed = desk.client.with_timeout(5 * SECOND);
    let timed = start(&mut pool, &timed, async |client| client.look().await);
    desk.client_timer.advance(2 * SECOND);
    pool.run_until_stalled();
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert!(hanging.borrow().is_some());
    let look = timed.borrow_mut().take().expect("it was answered").unwrap();
    assert_eq!(look.remaining, Some(3 * SECOND));
}

#[test]
fn a_timeout_of_zero_makes_no_call() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let sent = desk.to_server.sent().len();
    let client = desk.client.with_timeout(Duration::ZERO);
    let call = start(&mut pool, &client, async |client| client.get().await);
    let attempt = start(&mut pool, &client, async |client| client.try_get().await);
    assert_eq!((call.borrow().clone(), attempt.borrow().clone()), (Some(EXCEEDED), Some(EXCEEDED)));
    assert_eq!(desk.to_server.sent().len(), sent);
}

#[test]
fn a_call_that_is_dropped_before_the_driver_has_seen_its_deadline_keeps_nobody_busy() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let client = desk.client.with_timeout(5 * SECOND);
    let mut call = Box::pin(client.get());
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(call);
    // Which ends only once nobody is awake.
    pool.run_until_stalled();
}

#[test]
fn the_longest_timeout_there_is_ends_nothing() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let client = desk.client.with_timeout(Duration::MAX);
    let call = start(&mut pool, &client, async |client| client.wait().await);
    desk.client_timer.advance(1_000_000 * SECOND);
    desk.server_timer.advance(1_000_000 * SECOND);
    pool.run_until_stalled();
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!(*call.borrow(), Some(Ok(1)));
}

#[test]
fn an_answer_that_comes_behind_the_deadline_is_dropped_and_its_id_goes_on() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let client = desk.client.with_timeout(5 * SECOND);
    let call = start(&mut pool, &client, async |client| client.wait().await);
    desk.to_server.stall();
    desk.client_timer.advance(5 * SECOND);
    pool.run_until_stalled();
    assert_eq!(*call.borrow(), Some(EXCEEDED));
    // The cancel has not got through yet.
    desk.seen.open_gate();
    pool.run_until_stalled();
    desk.to_server.resume();
    let next = start(&mut pool, &desk.client, async |client| client.get().await);
    assert_eq!(*next.borrow(), Some(Ok(3)));
}

#[test]
fn an_answer_that_has_arrived_counts_though_the_deadline_has_passed_when_it_is_read() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let client = desk.client.with_timeout(5 * SECOND);
    let call = start(&mut pool, &client, async |client| client.wait().await);
    desk.client_timer.advance(5 * SECOND - MICROSECOND);
    desk.seen.open_gate();
    pool.run_until_stalled();
    desk.client_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!(*call.borrow(), Some(Ok(1)));
}

#[test]
fn calls_end_in_the_order_of_their_deadlines() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let calls: Vec<_> = [3, 1, 2]
        .map(|seconds| {
            let client = desk.client.with_timeout(seconds * SECOND);
            start(&mut pool, &client, async |client| client.hang().await)
        })
        .into();
    for ended in [[false, true, false], [false, true, true], [true, true, true]] {
        desk.client_timer.advance(SECOND);
        pool.run_until_stalled();
        let now: Vec<_> = calls.iter().map(|call| call.borrow().is_some()).collect();
        assert_eq!(now, ended);
    }
}

#[test]
fn a_timeout_is_of_the_handle_that_has_it_and_the_last_one_counts() {
    let mut pool = LocalPool::new();
    let choice = Choice { call_timeout: Some(4 * SECOND), ..Choice::default() };
    let desk = Desk::with(&mut pool, choice);
    let (shorter, longer) = (
        desk.client.with_timeout(SECOND),
        desk.client.with_timeout(SECOND).with_timeout(9 * SECOND),
    );
    let remaining = |client: &work::Client, pool: &mut LocalPool| {
        let look = start(pool, client, async |client| client.look().await);
        look.borrow_mut().take().expect("it was answered").unwrap().remaining
    };
    assert_eq!(remaining(&desk.client, &mut pool), Some(4 * SECOND));
    assert_eq!(remaining(&shorter, &mut pool), Some(SECOND));
    assert_eq!(remaining(&longer.clone(), &mut pool), Some(9 * SECOND));
}

#[test]
fn a_deadline_is_one_for_all_calls_and_the_earliest_counts() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let (near, far) =
        (desk.client.deadline_after(5 * SECOND), desk.client.deadline_after(9 * SECOND));
    let client = desk.client.with_deadline(&near).with_deadline(&far);
    let remaining = |client: &work::Client, pool: &mut LocalPool| {
        let look = start(pool, client, async |client| client.look().await);
        look.borrow_mut().take().expect("it was answered").map(|look| look.remaining)
    };
    assert_eq!(remaining(&client, &mut pool), Ok(Some(5 * SECOND)));
    assert_eq!(remaining(&client.with_timeout(2 * SECOND), &mut pool), Ok(Some(2 * SECOND)));
    desk.client_timer.advance(4 * SECOND);
    assert_eq!(remaining(&client, &mut pool), Ok(Some(SECOND)));
    assert_eq!(remaining(&client.with_timeout(2 * SECOND), &mut pool), Ok(Some(SECOND)));
    desk.client_timer.advance(SECOND);
    let passed = Err(Error::Call(CallError::DeadlineExceeded));
    assert_eq!(remaining(&client, &mut pool), passed);
}

#[test]
fn the_server_lets_no_call_run_longer_than_it_allows() {
    let mut pool = LocalPool::new();
    let choice = Choice { max_call_time: Some(5 * SECOND), ..Choice::default() };
    let desk = Desk::with(&mut pool, choice);
    for (client, ends_after) in [
        (desk.client.clone(), 5 * SECOND),
        (desk.client.with_timeout(9 * SECOND), 5 * SECOND),
        (desk.client.with_timeout(2 * SECOND), 2 * SECOND),
    ] {
        let call = start(&mut pool, &client, async |client| client.hang().await);
        desk.server_timer.advance(ends_after - MICROSECOND);
        pool.run_until_stalled();
        assert_eq!((call.borrow().clone(), desk.seen.running()), (None, 1));
        desk.server_timer.advance(MICROSECOND);
        pool.run_until_stalled();
        assert_eq!((call.borrow().clone(), desk.seen.running()), (Some(EXCEEDED), 0));
    }
}

#[test]
fn a_call_that_is_answered_in_time_leaves_no_deadline_behind() {
    let mut pool = LocalPool::new();
    let choice = Choice { max_call_time: Some(5 * SECOND), ..Choice::default() };
    let desk = Desk::with(&mut pool, choice);
    let first = start(&mut pool, &desk.client, async |client| client.wait().await);
    desk.server_timer.advance(4 * SECOND);
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!(*first.borrow(), Some(Ok(1)));
    // Another one with the same id, which has its own five seconds.
    let second = start(&mut pool, &desk.client, async |client| client.hang().await);
    desk.server_timer.advance(4 * SECOND);
    pool.run_until_stalled();
    assert_eq!(*second.borrow(), None);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!(*second.borrow(), Some(EXCEEDED));
}

/// A desk whose server holds the calls that come, since its client does not read.
fn holding(pool: &mut LocalPool) -> Desk {
    let limits = Limits::new().with_max_buffered_bytes(1000);
    let desk = Desk::with(pool, Choice { limits: Some(limits), ..Choice::default() });
    desk.to_client.stall();
    start(pool, &desk.client, async |client| client.large(200_000).await);
    start(pool, &desk.client, async |client| client.large(200_000).await);
    desk
}

#[test]
fn a_call_whose_deadline_passes_while_the_server_holds_it_never_runs() {
    let mut pool = LocalPool::new();
    let desk = holding(&mut pool);
    let client = desk.client.with_timeout(5 * SECOND);
    let call = start(&mut pool, &client, async |client| client.get().await);
    desk.server_timer.advance(5 * SECOND);
    pool.run_until_stalled();
    desk.to_client.resume();
    pool.run_until_stalled();
    assert_eq!((call.borrow().clone(), desk.seen.started()), (Some(EXCEEDED), 0));
}

#[test]
fn a_call_that_the_server_holds_runs_with_what_is_left() {
    let mut pool = LocalPool::new();
    let desk = holding(&mut pool);
    let client = desk.client.with_timeout(5 * SECOND);
    let call = start(&mut pool, &client, async |client| client.look().await);
    desk.server_timer.advance(3 * SECOND);
    desk.to_client.resume();
    pool.run_until_stalled();
    let look = call.borrow_mut().take().expect("it was answered").unwrap();
    assert_eq!(look.remaining, Some(2 * SECOND));
}

#[test]
fn a_deadline_that_a_client_made_up_ends_its_call_alone() {
    let mut pool = LocalPool::new();
    let desk = Desk::new(&mut pool);
    let call = |id: u8, left| {
        let extensions = Extensions::new().with_deadline(left).expect("it fits");
        let payload = bytes::Bytes::new().into();
        let mut out = bytes::BytesMut::new();
        Frame::Call { id: CallId(id), method: 0, extensions, payload }.encode(&mut out);
        hardlight_driver::Incoming::Message(out.freeze())
    };
    // The client knows of none of these calls, and would not stand answers.
    desk.to_client.stall();
    for (id, left) in [(200, Duration::MAX), (201, SECOND), (202, Duration::ZERO)] {
        desk.to_server.inject(call(id, left));
    }
    pool.run_until_stalled();
    assert_eq!(desk.seen.running(), 2);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!(desk.seen.running(), 1);
}
