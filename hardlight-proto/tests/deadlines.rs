//! Deadlines of calls on a server that cannot start them at once (SPEC.md, section 10.4), in a time that only the test moves.

mod support;

use std::time::Duration;

use hardlight_proto::*;
use support::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Time {
    Time::from_micros(1_000_000 * seconds)
}

/// A call that somebody waits for.
fn call(id: u8, left: Duration) -> Frame {
    let extensions = Extensions::new().with_deadline(left).expect("it fits");
    Frame::Call { id: CallId(id), method: 1, extensions, payload: INPUT.into() }
}

fn refused(id: u8, error: CallError) -> Frame {
    Frame::Error { id: CallId(id), error, extensions: Extensions::new() }
}

/// A server that holds the calls that come.
fn holding() -> Connection<Server> {
    let mut server = server(quiet());
    server.hold_calls(true);
    server
}

/// The ids of calls that are given out, and what is left of their time.
fn started(server: &mut Connection<Server>) -> Vec<(u8, Option<Duration>)> {
    let started = |event| match event {
        ServerEvent::Call { id, extensions, .. } => (id.0, extensions.deadline()),
        event => panic!("{event:?}"),
    };
    server_events(server).into_iter().map(started).collect()
}

#[test]
fn a_call_with_nothing_left_never_starts() {
    let mut server = server(quiet());
    receive(&mut server, &call(0, Duration::ZERO));
    receive(&mut server, &call(1, Duration::from_micros(1)));
    assert_eq!(started(&mut server), [(1, Some(Duration::from_micros(1)))]);
    assert_eq!(sent(&mut server), [refused(0, CallError::DeadlineExceeded)]);
}

#[test]
fn other_refusals_come_before_a_deadline_that_has_passed() {
    let mut server = server(quiet().with_max_input_bytes(1));
    receive(&mut server, &call(0, Duration::ZERO));
    assert_eq!(started(&mut server), []);
    assert_eq!(sent(&mut server), [refused(0, CallError::Busy)]);
}

#[test]
fn a_call_whose_deadline_passes_while_it_is_held_never_starts() {
    let mut server = holding();
    for (id, left) in [(0, 3 * SECOND), (1, SECOND), (2, 2 * SECOND)] {
        receive(&mut server, &call(id, left));
    }
    assert_eq!(started(&mut server), []);
    assert!(server.wants_time());
    server.handle_timeout(at(10));
    assert_eq!(server.poll_timeout(), Some(at(11)));
    server.handle_timeout(at(11));
    assert_eq!(sent(&mut server), [refused(1, CallError::DeadlineExceeded)]);
    assert_eq!(server.poll_timeout(), Some(at(12)));
    server.handle_timeout(at(20));
    let passed = [0, 2].map(|id| refused(id, CallError::DeadlineExceeded));
    assert_eq!(sent(&mut server), passed);
    assert_eq!((server.poll_timeout(), server.wants_time()), (None, false));
    server.hold_calls(false);
    assert_eq!(started(&mut server), []);
    assert_eq!((server.running_calls(), server.input_bytes()), (0, 0));
}

#[test]
fn a_call_that_was_held_says_what_is_left_when_it_starts() {
    let mut server = holding();
    receive(&mut server, &call(0, 3 * SECOND));
    receive(
        &mut server,
        &Frame::Call {
            id: CallId(1),
            method: 1,
            extensions: Extensions::new(),
            payload: INPUT.into(),
        },
    );
    assert_eq!(started(&mut server), []);
    server.handle_timeout(at(10));
    server.handle_timeout(at(12));
    server.hold_calls(false);
    assert_eq!(started(&mut server), [(0, Some(SECOND)), (1, None)]);
}

#[test]
fn a_time_that_was_told_long_ago_ends_no_call() {
    let mut server = holding();
    server.handle_timeout(at(10));
    // An hour later, which nobody has told.
    receive(&mut server, &call(0, SECOND));
    assert_eq!(started(&mut server), []);
    server.handle_timeout(at(3610));
    server.hold_calls(false);
    assert_eq!(started(&mut server), [(0, Some(SECOND))]);
}

#[test]
fn calls_without_a_deadline_ask_for_no_time() {
    let mut server = holding();
    let extensions = Extensions::new().with_idempotency_key(b"key").expect("it fits");
    let call = Frame::Call { id: CallId(0), method: 1, extensions, payload: INPUT.into() };
    receive(&mut server, &call);
    assert_eq!(started(&mut server), []);
    assert!(!server.wants_time());
    server.handle_timeout(at(1));
    assert_eq!(server.poll_timeout(), None);
}

#[test]
fn an_id_is_free_once_the_deadline_of_its_call_was_told() {
    let mut server = holding();
    receive(&mut server, &call(7, SECOND));
    assert_eq!(started(&mut server), []);
    server.handle_timeout(at(0));
    // A cancel that crosses the answer.
    server.handle_timeout(at(1));
    receive(&mut server, &Frame::Cancel { id: CallId(7) });
    assert_eq!(started(&mut server), []);
    let answers = sent(&mut server);
    assert!(matches!(answers[..], [Frame::Error { id: CallId(7), .. }]), "{answers:?}");
    server.hold_calls(false);
    receive(&mut server, &call(7, SECOND));
    assert_eq!(started(&mut server), [(7, Some(SECOND))]);
}
