//! How connections end, and what becomes of the calls and handlers they have: step by step, without a runtime.

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use futures_executor::LocalPool;
use futures_util::future::join_all;
use hardlight_driver::{
    Error, Incoming, client,
    proto::{CallError, CloseCode, CloseReason, ConnectionError, Initiator, Limits, ProtocolError},
};
use support::{
    ManualTimer,
    joined::{Joined, closed_by, counter, note_end},
    transport,
};

#[test]
fn a_lost_connection_ends_every_call_at_once_and_says_which_may_have_run() {
    let mut joined = Joined::new();
    let calls = joined.start(async |client| join_all((0..300).map(|_| client.hang())).await);
    let mut watch = joined.client().watch();
    let watching = joined.start(async move |_client| watch.changed().await.map(|_| ()));
    joined.settle();
    joined.to_client.cut();
    // One wake of the driver, and no time passes.
    joined.settle();
    let lost = ConnectionError::Lost("the transport ended without a close".into());
    let results = calls.borrow_mut().take().expect("all calls have ended");
    // Those that had an id may have run, those in line have not.
    assert_eq!(results[..256], vec![Err(Error::Indeterminate(lost.clone())); 256]);
    assert_eq!(results[256..], vec![Err(Error::NotSent(lost.clone())); 44]);
    assert_eq!(*watching.borrow(), Some(Err(lost.clone())));
    assert_eq!(*joined.client_end.borrow(), Some(lost.clone()));
    let late = joined.start(async |client| client.get().await);
    joined.settle();
    assert_eq!(*late.borrow(), Some(Err(Error::NotSent(lost))));
    // The server's task and its handlers are gone as well.
    assert!(joined.server_end.borrow().is_some());
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn whatever_breaks_the_protocol_ends_both_sides_with_a_reason() {
    let garbage = Incoming::Message(Bytes::from_static(&[0x1f]));
    for (to_client, incoming, error) in [
        (true, garbage.clone(), ProtocolError::UnknownFrame(0x1f)),
        (false, garbage, ProtocolError::UnknownFrame(0x1f)),
        (true, Incoming::Text, ProtocolError::TextMessage),
        (false, Incoming::Text, ProtocolError::TextMessage),
        (
            true,
            Incoming::Message(Bytes::from_static(&[0x08, 1, 0, 3, 1, 2, 3])),
            ProtocolError::InvalidState,
        ),
    ] {
        let mut joined = Joined::new();
        let call = joined.start(async |client| client.hang().await);
        joined.settle();
        let pipe = if to_client { &joined.to_client } else { &joined.to_server };
        pipe.inject(incoming);
        joined.settle();
        let (detector, told) = if to_client {
            (&joined.client_end, &joined.server_end)
        } else {
            (&joined.server_end, &joined.client_end)
        };
        assert_eq!(*detector.borrow(), Some(ConnectionError::Protocol(error)));
        let told = told.borrow_mut().take();
        let by_peer = matches!(
            &told,
            Some(ConnectionError::Closed { initiator: Initiator::Remote, reason })
                if reason.code() == CloseCode::PROTOCOL_ERROR
        );
        assert!(by_peer, "{told:?}");
        assert!(matches!(*call.borrow(), Some(Err(Error::Indeterminate(_)))));
    }
}

#[test]
fn a_server_that_never_says_hello_is_given_up_after_the_hello_timeout() {
    let (client_side, _server_side, ..) = transport();
    let mut pool = LocalPool::new();
    let timer = ManualTimer::default();
    let (connecting, driver) =
        client::<counter::Client, _, _>(client_side, timer.clone(), Limits::new());
    let _driver = note_end(&pool, driver);
    let connected = note_end(&pool, async { connecting.await.map(|_| ()) });
    pool.run_until_stalled();
    timer.advance(Duration::from_micros(9_999_999));
    pool.run_until_stalled();
    assert_eq!(*connected.borrow(), None);
    timer.advance(Duration::from_micros(1));
    pool.run_until_stalled();
    assert_eq!(*connected.borrow(), Some(Err(ConnectionError::HandshakeTimeout)));
}

#[test]
fn dropping_the_last_client_closes_the_connection() {
    let mut joined = Joined::new();
    joined.client = None;
    joined.settle();
    let closed = closed_by(Initiator::Local, CloseCode::NORMAL, "");
    assert_eq!(*joined.client_end.borrow(), Some(closed));
    let closed = closed_by(Initiator::Remote, CloseCode::NORMAL, "");
    assert_eq!(*joined.server_end.borrow(), Some(closed));
}

#[test]
fn a_close_by_the_client_waits_for_its_calls() {
    let mut joined = Joined::new();
    joined.to_server.stall();
    let call = joined.start(async |client| client.increment(1).await);
    joined.settle();
    let closed = joined.start(async |client| client.close().await);
    joined.settle();
    let late = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(*closed.borrow(), None);
    assert_eq!(*late.borrow(), Some(Err(Error::Call(CallError::GoingAway))));
    joined.to_server.resume();
    joined.settle();
    assert_eq!((*call.borrow()).clone(), Some(Ok(1)));
    assert_eq!(*closed.borrow(), Some(()));
}

#[test]
fn a_close_by_the_server_gives_calls_up_only_after_the_close_timeout() {
    let mut joined = Joined::new();
    let call = joined.start(async |client| client.hang().await);
    joined.settle();
    joined.connection.close(CloseReason::new(CloseCode::GOING_AWAY, "stopping"));
    joined.settle();
    joined.server_timer.advance(Duration::from_micros(9_999_999));
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 1);
    joined.server_timer.advance(Duration::from_micros(1));
    joined.settle();
    let closed = closed_by(Initiator::Remote, CloseCode::GOING_AWAY, "stopping");
    assert_eq!(*call.borrow(), Some(Err(Error::Indeterminate(closed))));
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn a_peer_that_does_not_take_the_close_is_not_waited_for_longer_than_the_close_timeout() {
    let mut joined = Joined::new();
    joined.to_client.stall();
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    assert!(joined.server_end.borrow().is_none());
    joined.server_timer.advance(Duration::from_secs(10));
    joined.settle();
    assert!(joined.server_end.borrow().is_some());
}

#[test]
fn a_driver_that_is_dropped_ends_every_call() {
    let mut joined = Joined::new();
    let client = joined.client();
    let mut call = Box::pin(client.hang());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    joined.settle();
    joined.pool = LocalPool::new();
    let std::task::Poll::Ready(Err(Error::Indeterminate(ConnectionError::Lost(_)))) =
        call.as_mut().poll(&mut cx)
    else {
        panic!("the call goes on without a driver");
    };
}

#[test]
fn handlers_are_gone_as_soon_as_the_connection_has_ended() {
    let mut joined = Joined::new();
    let _call = joined.start(async |client| client.hang().await);
    joined.settle();
    // The client does not take the close, so the transport stays open for a while.
    joined.to_client.stall();
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    assert!(joined.server_end.borrow().is_none());
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn handlers_that_panic_when_they_are_dropped_harm_nobody() {
    let mut joined = Joined::new();
    let calls = joined.start(async |client| {
        join_all([client.panic_when_dropped(), client.panic_when_dropped()]).await
    });
    joined.settle();
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    let calls = calls.borrow_mut().take().expect("both have ended");
    assert!(calls.iter().all(|call| matches!(call, Err(Error::Indeterminate(_)))));
    assert!(joined.server_end.borrow().is_some());
}

#[test]
fn a_write_that_fails_ends_the_connection_and_its_handlers() {
    let mut joined = Joined::new();
    let _call = joined.start(async |client| client.hang().await);
    joined.settle();
    joined.to_client.break_off();
    joined.connection.state.lock().counter = 5;
    joined.settle();
    let lost = ConnectionError::Lost("broken pipe".into());
    assert_eq!(*joined.server_end.borrow(), Some(lost));
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn a_write_that_fails_because_the_peer_has_closed_ends_with_the_peers_reason() {
    let mut joined = Joined::new();
    joined.to_client.break_off();
    let reason = CloseReason::new(CloseCode::GOING_AWAY, "bye");
    joined.to_server.inject(Incoming::Message(Bytes::from_static(&[0x20])));
    joined.to_server.inject(Incoming::Close(Some(reason)));
    joined.connection.state.lock().counter = 5;
    joined.settle();
    let closed = closed_by(Initiator::Remote, CloseCode::GOING_AWAY, "bye");
    assert_eq!(*joined.server_end.borrow(), Some(closed));
}

#[test]
fn the_close_timeout_is_kept_whatever_timer_was_set_before() {
    let limits = Limits::new()
        .with_hello_timeout(Duration::from_secs(60))
        .with_close_timeout(Duration::from_secs(1));
    let mut joined = Joined::with(limits);
    let call = joined.start(async |client| client.hang().await);
    joined.settle();
    joined.connection.close(CloseReason::new(CloseCode::GOING_AWAY, "stopping"));
    joined.settle();
    joined.server_timer.advance(Duration::from_secs(1));
    joined.settle();
    let closed = closed_by(Initiator::Remote, CloseCode::GOING_AWAY, "stopping");
    assert_eq!(*call.borrow(), Some(Err(Error::Indeterminate(closed))));
}

#[test]
fn calls_that_nobody_waits_for_any_longer_do_not_run() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(0));
    joined.to_client.stall();
    joined.connection.state.lock().counter = 5;
    joined.settle();
    let _calls = joined.start(async |client| join_all((0..100).map(|_| client.hang())).await);
    joined.settle();
    joined.to_server.cut();
    joined.settle();
    assert_eq!(joined.seen.most_hanging.load(Ordering::SeqCst), 0);
}
