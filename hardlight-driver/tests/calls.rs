//! Calls, from the client's future to the handler and back: step by step, without a runtime.

mod support;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::future::join_all;
use hardlight_driver::{
    Error, Incoming,
    proto::{CallError, Limits},
};
use support::joined::{Joined, Underflow, counter};

#[test]
fn an_error_of_the_application_arrives_as_its_variant() {
    let mut joined = Joined::new();
    let result = joined.start(async |client| client.decrement(1).await);
    joined.settle();
    assert_eq!(*result.borrow(), Some(Err(Error::Application(Underflow { counter: 0 }))));
}

#[test]
fn a_call_with_a_payload_gets_the_payload_of_its_answer() {
    let mut joined = Joined::new();
    let increment = counter::Method::Increment.index();
    let answers = joined.start(async move |client| {
        let good = client.call_encoded(increment, Bytes::from_static(&[5, 0, 0, 0])).await;
        let bad = client.call_encoded(increment, Bytes::from_static(&[5])).await;
        (good, bad)
    });
    joined.settle();
    let refused = Err(Error::Call(CallError::InvalidInput));
    assert_eq!(*answers.borrow(), Some((Ok(Bytes::from_static(&[5, 0, 0, 0])), refused)));
    assert_eq!(joined.client().state().counter, 5);
}

#[test]
fn more_than_256_calls_wait_in_line_and_all_are_answered() {
    let mut joined = Joined::new();
    let sums = joined.start(async |client| {
        join_all((0..1000).map(|_| client.increment(1))).await.into_iter().sum::<Result<u32, _>>()
    });
    joined.settle();
    assert_eq!(*sums.borrow(), Some(Ok(1000 * 1001 / 2)));
    assert_eq!(joined.client().state().counter, 1000);
}

#[test]
fn at_most_256_calls_run_and_a_call_that_does_not_wait_is_refused() {
    let mut joined = Joined::new();
    let hanging = joined.start(async |client| join_all((0..300).map(|_| client.hang())).await);
    joined.settle();
    assert_eq!(joined.seen.most_hanging.load(Ordering::SeqCst), 256);
    let refused = joined.start(async |client| client.try_get().await);
    joined.settle();
    assert_eq!(*refused.borrow(), Some(Err(Error::Call(CallError::TooManyCallsInFlight))));
    assert!(hanging.borrow().is_none());
}

#[test]
fn dropping_a_call_cancels_its_handler_and_frees_its_place() {
    let mut joined = Joined::new();
    let client = joined.client();
    let mut hanging: Vec<_> = (0..256).map(|_| Box::pin(client.hang())).collect();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for call in &mut hanging {
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
    let waiting = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 256);
    assert_eq!(*waiting.borrow(), None);
    hanging.truncate(100);
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 100);
    assert_eq!(*waiting.borrow(), Some(Ok(1)));
}

#[test]
fn a_call_dropped_while_it_waits_in_line_is_never_sent() {
    let mut joined = Joined::new();
    let client = joined.client();
    let _hanging = joined.start(async |client| join_all((0..256).map(|_| client.hang())).await);
    joined.settle();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut dropped = Box::pin(client.increment(1));
    assert!(dropped.as_mut().poll(&mut cx).is_pending());
    let sent = joined.to_server.sent().len();
    drop(dropped);
    joined.settle();
    assert_eq!(joined.to_server.sent().len(), sent);
    assert_eq!(joined.connection.state.lock().counter, 0);
}

#[test]
fn a_handler_that_panics_ends_its_call_alone() {
    let mut joined = Joined::new();
    let panicked = joined.start(async |client| client.panic_later().await);
    joined.settle();
    assert_eq!(*panicked.borrow(), Some(Err(Error::Call(CallError::HandlerPanicked))));
    let good = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(*good.borrow(), Some(Ok(1)));
}

#[test]
fn an_input_does_not_outlive_its_decoding() {
    let mut joined = Joined::new();
    let _call = joined.start(async |client| client.hang().await);
    joined.settle();
    let message = Bytes::from(vec![0x2f; 1000]);
    // A call in the same message as a frame that is ignored.
    let call = [&[0x00, 0xe8, 0x07][..], &message, &[0x03, 0x03, 0x09, 0x03]].concat();
    let call = Bytes::from(call);
    joined.to_server.inject(Incoming::Message(call.clone()));
    joined.to_server.forget();
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 2);
    assert!(call.is_unique(), "something holds the message");
}

#[test]
fn calls_dropped_while_they_wait_in_line_leave_room() {
    let mut joined = Joined::new();
    let client = joined.client();
    let _hanging = joined.start(async |client| join_all((0..255).map(|_| client.hang())).await);
    joined.settle();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..1000 {
        let mut dropped = Box::pin(client.increment(1));
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
    }
    let mut last = Box::pin(client.try_get());
    assert!(last.as_mut().poll(&mut cx).is_pending());
    joined.settle();
    assert_eq!(last.as_mut().poll(&mut cx), std::task::Poll::Ready(Ok(0)));
}

#[test]
fn the_server_goes_on_reading_behind_a_batch_of_any_length() {
    let mut joined = Joined::new();
    // 100 calls of `hang` in one message, and nothing else to wake the driver afterwards.
    let calls = (0..100).flat_map(|id| [3, 0x03, id, 3]);
    let message: Vec<u8> = [0x00].into_iter().chain(calls).collect();
    joined.to_server.inject(Incoming::Message(message.into()));
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 100);
    let quiet = [&[0x00][..], &[1, 0x20].repeat(10_000)].concat();
    joined.to_server.inject(Incoming::Message(quiet.into()));
    joined.settle();
    joined.to_server.inject(Incoming::Message(Bytes::from_static(&[0x03, 200, 3])));
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 101);
}

#[test]
fn the_server_goes_on_reading_once_a_slow_client_reads_again() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(1000));
    joined.to_client.stall();
    let first = joined.start(async |client| client.large(100_000).await.map(|bytes| bytes.len()));
    joined.settle();
    let held = joined.start(async |client| join_all((0..100).map(|_| client.get())).await);
    joined.settle();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*first.borrow(), Some(Ok(100_000)));
    assert_eq!(*held.borrow(), Some(vec![Ok(0); 100]));
    let last = joined.start(async |client| client.get().await);
    joined.settle();
    assert_eq!(*last.borrow(), Some(Ok(0)));
}

#[test]
fn an_answer_too_large_for_the_client_fails_alone() {
    let mut joined = Joined::with(Limits::new().with_max_frame_bytes(100_000));
    let large = joined.start(async |client| client.large(100_000).await);
    let piecewise = joined.start(async |client| client.large(90_000).await);
    let small = joined.start(async |client| client.large(10).await);
    joined.settle();
    assert_eq!(*large.borrow(), Some(Err(Error::Call(CallError::OutputTooLarge))));
    assert_eq!(*piecewise.borrow(), Some(Ok(vec![0; 90_000])));
    assert_eq!(*small.borrow(), Some(Ok(vec![0; 10])));
}

#[test]
fn what_calls_run_in_is_kept_for_as_many_as_came_last() {
    let mut joined = Joined::new();
    let mut allocations = |calls: usize| {
        let measured = allocation_counter::measure(|| {
            let calls: Vec<_> = (0..calls)
                .map(|_| joined.start(async |client| client.increment(1).await.is_ok()))
                .collect();
            joined.settle();
            assert!(calls.iter().all(|call| *call.borrow() == Some(true)));
        });
        measured.count_total
    };
    allocations(200);
    let again = allocations(200);
    allocations(1);
    let anew = allocations(200);
    // A place takes two: its future, and its waker.
    assert!(again + 2 * 199 <= anew, "{again} {anew}");
}
