//! The connection state, from the guard that is dropped to the client's copy: step by step, without a runtime.

mod support;

use std::{
    pin::pin,
    sync::atomic::Ordering,
    task::{Context, Waker},
};

use bytes::Bytes;
use futures_executor::LocalPool;
use futures_util::{
    FutureExt,
    future::{abortable, join_all},
};
use hardlight_driver::{
    Acceptor, Error, EventHub, Incoming, client,
    proto::{CallError, CloseReason, ConnectionError, Limits, ProtocolError},
};
use support::{
    ManualTimer,
    joined::{App, Holder, Joined, Seen, counter, long_name, note_end},
    transport,
};

#[test]
fn the_state_holds_a_change_before_the_answer_of_the_call_that_made_it() {
    let mut joined = Joined::new();
    let seen = joined.start(async |client| {
        let answer = client.increment(5).await;
        (answer, client.state().counter)
    });
    joined.settle();
    assert_eq!(*seen.borrow(), Some((Ok(5), 5)));
}

#[test]
fn what_the_factory_wrote_is_in_the_snapshot() {
    let (client_side, server_side, ..) = transport();
    let mut pool = LocalPool::new();
    let acceptor = Acceptor::<counter::Connection>::new(Limits::new(), &EventHub::new());
    let connection = acceptor.connection();
    connection.state.lock().name = "factory".into();
    let app = App { connection, seen: Seen::default() };
    let _server = note_end(&pool, acceptor.serve(app, server_side, ManualTimer::default()));
    let (connecting, driver) =
        client::<counter::Client, _, _>(client_side, ManualTimer::default(), Limits::new());
    let _client = note_end(&pool, driver);
    let client = pool.run_until(connecting).expect("the server answers");
    assert_eq!(client.state().name, "factory");
}

#[test]
fn a_guard_that_was_only_read_or_changed_nothing_sends_nothing() {
    let mut joined = Joined::new();
    let sent = joined.to_client.sent().len();
    assert_eq!(joined.connection.state.lock().counter, 0);
    joined.connection.state.lock().counter = 0;
    joined.settle();
    assert_eq!(joined.to_client.sent().len(), sent);
}

#[test]
fn a_change_sends_the_changed_fields_only() {
    let mut joined = Joined::new();
    joined.connection.state.lock().name = "a name that is quite long".into();
    joined.settle();
    joined.connection.state.lock().counter = 0x0403_0201;
    joined.settle();
    let sent = joined.to_client.sent();
    // STATE, revision 2; SET field 0, 4 bytes.
    assert_eq!(sent.last().expect("a message"), &[0x08, 2, 0, 4, 1, 2, 3, 4][..]);
    let state = joined.client().state();
    assert_eq!((state.counter, &*state.name), (0x0403_0201, "a name that is quite long"));
}

#[test]
fn a_watch_sees_changes_that_the_application_makes_without_a_call() {
    let mut joined = Joined::new();
    let mut watch = joined.client().watch();
    let seen = joined.start(async move |_client| watch.changed().await.map(|state| state.counter));
    joined.settle();
    assert_eq!(*seen.borrow(), None);
    joined.connection.state.lock().counter = 7;
    joined.settle();
    assert_eq!(*seen.borrow(), Some(Ok(7)));
}

#[test]
fn a_snapshot_that_a_reader_holds_does_not_change() {
    let mut joined = Joined::new();
    let before = joined.client().state();
    joined.connection.state.lock().counter = 7;
    joined.settle();
    assert_eq!((before.counter, joined.client().state().counter), (0, 7));
}

#[test]
fn a_panic_while_the_state_is_locked_leaves_and_sends_it_as_it_was_left() {
    let mut joined = Joined::new();
    let seen = joined.start(async |client| {
        let answer = client.panic_locked(42).await;
        (answer, client.state().counter)
    });
    joined.settle();
    assert_eq!(*seen.borrow(), Some((Err(Error::Call(CallError::HandlerPanicked)), 42)));
    let next = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(*next.borrow(), Some(Ok(43)));
}

#[test]
fn state_changes_for_a_slow_client_are_sent_together_once_it_reads() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(1000));
    joined.to_client.stall();
    for round in 0..10_000 {
        joined.connection.state.lock().name = format!("{round:0100}");
        if round % 10 == 0 {
            joined.settle();
        }
    }
    let call =
        joined.start(async |client| (client.increment(1).await, client.state().name.clone()));
    joined.settle();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*call.borrow(), Some((Ok(1), format!("{:0100}", 9999))));
    let bytes: usize = joined.to_client.sent().iter().map(Bytes::len).sum();
    assert!(bytes < 10_000, "{bytes}");
}

#[test]
fn state_changes_that_the_driver_cannot_take_in_time_are_sent_together() {
    let mut joined = Joined::new();
    let call =
        joined.start(async |client| (client.churn(10_000).await, client.state().name.clone()));
    joined.settle();
    assert_eq!(*call.borrow(), Some((Ok(10_000), long_name(9999))));
    let bytes: usize = joined.to_client.sent().iter().map(Bytes::len).sum();
    // 10,000 of them would be 10 MB.
    assert!(bytes < 100_000, "{bytes}");
}

#[test]
fn a_state_change_held_back_for_a_slow_client_goes_out_once_it_reads() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.hold_back_a_change();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(joined.client().state().counter, 5);
}

#[test]
fn a_guard_dropped_just_before_the_driver_falls_asleep_wakes_it() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.hold_back_a_change();
    let waiting = joined.start(async |client| client.large(3).await.map(|bytes| bytes.len()));
    let holder = Holder::lock(&joined.connection);
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*waiting.borrow(), None);
    // The driver runs once more, to close: the state is locked when it looks, and free before it falls asleep.
    joined.server_timer.on_poll(move || holder.unlock());
    joined.connection.close(CloseReason::normal());
    joined.settle();
    assert_eq!(*waiting.borrow(), Some(Ok(3)));
}

#[test]
fn what_is_posted_while_somebody_holds_the_state_does_not_wait_for_it() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.hold_back_a_change();
    // It stays until it is woken, also while the connection drains.
    let _waiting = joined.start(async |client| client.hang().await);
    let holder = Holder::lock(&joined.connection);
    joined.to_client.resume();
    joined.settle();
    let sent = joined.to_client.sent().len();
    // Posted when the driver has looked for the last time before it falls asleep; it is awake, so nothing wakes it.
    let subscriptions = joined.connection.subscriptions.clone();
    joined.server_timer.on_poll(move || subscriptions.add("room").unwrap());
    joined.connection.close(CloseReason::normal());
    joined.settle();
    let announced = |message: &Bytes| message.windows(4).any(|bytes| bytes == b"room");
    assert!(joined.to_client.sent()[sent..].iter().any(announced));
    holder.unlock();
}

#[test]
fn while_an_answer_waits_for_the_state_nothing_piles_up_behind_it() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.hold_back_a_change();
    let holder = Holder::lock(&joined.connection);
    let first = joined.start(async |client| client.large(3).await.map(|bytes| bytes.len()));
    joined.to_client.resume();
    joined.settle();
    let others = joined.start(async |client| join_all((0..100).map(|_| client.hang())).await);
    joined.settle();
    assert_eq!(joined.seen.most_hanging.load(Ordering::SeqCst), 0);
    holder.unlock();
    joined.settle();
    assert_eq!(*first.borrow(), Some(Ok(3)));
    assert_eq!(joined.seen.most_hanging.load(Ordering::SeqCst), 100);
    drop(others);
}

#[test]
fn an_answer_waits_for_state_that_another_thread_holds() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.hold_back_a_change();
    let call = joined.start(async |client| {
        let answer = client.large(3).await.map(|bytes| bytes.len());
        (answer, client.state().counter)
    });
    let holder = Holder::lock(&joined.connection);
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*call.borrow(), None);
    holder.unlock();
    joined.settle();
    assert_eq!(*call.borrow(), Some((Ok(3), 5)));
}

#[test]
fn state_outlives_its_connection_without_collecting_anything() {
    let mut joined = Joined::new();
    joined.to_client.cut();
    joined.to_server.cut();
    joined.settle();
    for value in 0..1000 {
        joined.connection.state.lock().counter = value;
    }
    assert_eq!(joined.connection.state.lock().counter, 999);
}

#[test]
fn a_state_that_changes_for_ever_stays_and_one_that_grows_beyond_the_limit_ends_the_connection() {
    let mut joined = Joined::with(Limits::new().with_max_state_bytes(2000));
    for round in 0..1000 {
        joined.connection.state.lock().name = long_name(round % 2);
        joined.settle();
    }
    let call = joined.start(async |client| client.get().await);
    joined.settle();
    assert_eq!(*call.borrow(), Some(Ok(0)));
    let waits = joined.start(async |client| client.hang().await);
    joined.settle();
    for _ in 0..30 {
        joined.connection.state.lock().name.push_str(&"x".repeat(100));
        joined.settle();
    }
    let limit = ConnectionError::LimitExceeded { limit: "max_state_bytes", allowed: 2000 };
    assert_eq!(*waits.borrow(), Some(Err(Error::Indeterminate(limit))));
}

#[test]
fn a_message_of_many_changes_lets_others_run_between_them() {
    let (client_side, _server_side, to_client, _) = transport();
    let (connecting, driver) =
        client::<counter::Client, _, _>(client_side, ManualTimer::default(), Limits::new());
    let mut driver = pin!(driver);
    let mut cx = Context::from_waker(Waker::noop());
    // HELLO and SNAPSHOT, of a server that announces nothing.
    to_client.inject(Incoming::Message(Bytes::from_static(&[0, 2, 1, 1, 2, 7, 0])));
    assert!(driver.as_mut().poll(&mut cx).is_pending());
    let client = connecting.now_or_never().expect("it is open").expect("it is open");
    // Each STATE behind its length: its revision, and SET field 0.
    let changes = (1..=100).flat_map(|value| [8, 8, value, 0, 4, value, 0, 0, 0]);
    let batch: Vec<u8> = std::iter::once(0).chain(changes).collect();
    to_client.inject(Incoming::Message(batch.into()));
    assert!(driver.as_mut().poll(&mut cx).is_pending());
    assert!((1..100).contains(&client.state().counter), "{}", client.state().counter);
    assert!(driver.as_mut().poll(&mut cx).is_pending());
    assert_eq!(client.state().counter, 100);
}

#[test]
fn a_client_that_does_not_read_makes_the_server_hold_no_more_than_its_state() {
    let mut joined = Joined::new();
    joined.to_client.stall();
    let held = allocation_counter::measure(|| {
        for time in 0..10_000 {
            joined.connection.state.lock().name = long_name(time);
            if time % 10 == 0 {
                joined.settle();
            }
        }
    });
    // 10 MB of changes; 64 KiB of them are packed and as many wait.
    assert!(held.bytes_max < 300_000, "{held:?}");
    joined.to_client.resume();
    joined.settle();
    assert_eq!(joined.client().state().name, long_name(9999));
}

#[test]
fn calls_that_change_much_and_whose_answers_are_not_read_make_it_hold_no_more_either() {
    const BYTES: u32 = 256 * 1024;
    let mut joined = Joined::new();
    let to_server = joined.to_server.clone();
    to_server.stall();
    let calls =
        joined.start(async |client| join_all((0..50).map(|turn| client.fill(BYTES, turn))).await);
    joined.settle();
    joined.to_client.stall();
    to_server.resume();
    let held = allocation_counter::measure(|| joined.settle());
    // What the first has changed is on its way, the answer of the second waits, no other runs.
    assert!(joined.connection.state.read().name.starts_with('1'));
    // The state, its shadow, what is sent, and two copies while they are made.
    assert!(held.bytes_max < 8 * u64::from(BYTES), "{held:?}");
    joined.to_client.resume();
    joined.settle();
    assert_eq!(calls.borrow().as_ref().map(|calls| calls.iter().all(Result::is_ok)), Some(true));
    assert_eq!(joined.client().state().name.len(), BYTES as usize);
}

#[test]
fn a_call_is_cancelled_while_an_answer_waits_for_a_client_that_does_not_read() {
    let mut joined = Joined::new();
    let client = joined.client();
    let (hang, give_up) = abortable(async move { client.hang().await });
    let given_up = joined.start(|_client| hang);
    joined.settle();
    joined.to_client.stall();
    joined.connection.state.lock().name = "x".repeat(200_000);
    joined.settle();
    joined.connection.state.lock().counter = 5;
    let waits = joined.start(async |client| client.increment(1).await);
    joined.settle();
    give_up.abort();
    joined.settle();
    assert!(given_up.borrow().is_some());
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
    assert_eq!(*waits.borrow(), None);
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*waits.borrow(), Some(Ok(6)));
    // Its id is free again: the server has answered it.
    let all = joined.start(async |client| join_all((0..256).map(|_| client.get())).await);
    joined.settle();
    assert_eq!(all.borrow().as_ref().map(|all| all.iter().all(|one| *one == Ok(6))), Some(true));
}

#[test]
fn a_call_that_is_cancelled_over_and_over_while_an_answer_waits_takes_no_memory() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    let hangs = joined.start(async |client| client.hang().await);
    joined.settle();
    joined.hold_back_a_change();
    let waits = joined.start(async |client| client.large(3).await.map(|bytes| bytes.len()));
    let holder = Holder::lock(&joined.connection);
    joined.to_client.resume();
    joined.settle();
    // A batch of CANCELs of the call that hangs, each behind its length.
    let cancels = std::iter::repeat_n([2, 6, 0], 20_000).flatten();
    let batch = Bytes::from_iter(std::iter::once(0).chain(cancels));
    (0..10).for_each(|_| joined.to_server.inject(Incoming::Message(batch.clone())));
    let held = allocation_counter::measure(|| joined.settle());
    assert_eq!(*joined.server_end.borrow(), None);
    assert_eq!(*waits.borrow(), None);
    assert!(held.bytes_max < 20_000, "{held:?}");
    holder.unlock();
    joined.settle();
    assert_eq!(*waits.borrow(), Some(Ok(3)));
    assert_eq!(*hangs.borrow(), Some(Err(Error::Call(CallError::Cancelled))));
}

#[test]
fn a_client_cannot_send_state() {
    // SNAPSHOT and STATE, with operations or without.
    for frame in [&[7, 0][..], &[7, 0, 0, 4, 1, 0, 0, 0], &[8, 1], &[8, 1, 0, 4, 1, 0, 0, 0]] {
        let mut joined = Joined::new();
        joined.to_server.inject(Incoming::Message(Bytes::copy_from_slice(frame)));
        joined.settle();
        let name = if frame[0] == 7 { "SNAPSHOT" } else { "STATE" };
        let error = ConnectionError::Protocol(ProtocolError::UnexpectedFrame(name));
        assert_eq!(*joined.server_end.borrow(), Some(error));
        assert_eq!(joined.connection.state.read().counter, 0);
    }
}

#[test]
fn a_change_allocates_what_is_sent_and_no_more() {
    let mut joined = Joined::new();
    let change = |joined: &mut Joined| {
        let state = joined.connection.state.clone();
        let counted = allocation_counter::measure(|| {
            for value in 0..100 {
                state.lock().counter = value;
            }
        });
        joined.settle();
        counted.count_total
    };
    // The queue's memory is kept from one time to the next.
    let counts = [change(&mut joined), change(&mut joined), change(&mut joined)];
    assert_eq!(counts[2], 100, "{counts:?}");
}
