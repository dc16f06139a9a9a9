//! Calls and answers that are given up on their way.

use hardlight_proto::*;

use crate::{support::*, *};

#[test]
fn a_call_that_waits_for_its_turn_is_withdrawn_without_a_word() {
    let mut client = client(quiet());
    let ids: Vec<_> = (0..16).map(|_| client.call(0, noise(LONG)).expect("it fits")).collect();
    let last = ids[15];
    client.cancel(last);
    assert_eq!(client_events(&mut client), [failed(last, CallError::Cancelled)]);
    let frames = sent(&mut client);
    assert!(frames.iter().all(|frame| !matches!(frame, Frame::Cancel { .. })));
    assert_eq!(aborts(&frames), 0);
}

#[test]
fn a_call_in_line_is_withdrawn_without_a_word() {
    let mut client = client(quiet());
    // No room is left.
    (0..3).for_each(|_| drop(client.call(0, noise(60_000))));
    let queued = client.queued_bytes();
    let id = client.call(0, noise(LONG)).expect("it fits");
    assert!(client.queued_bytes() > queued + LONG);
    client.cancel(id);
    assert_eq!(client.queued_bytes(), queued);
    assert_eq!(client_events(&mut client), [failed(id, CallError::Cancelled)]);
    let frames = sent(&mut client);
    assert_eq!(frames.len(), 3, "{frames:?}");
}

#[test]
fn a_call_that_has_begun_is_aborted_and_its_id_is_free_at_once() {
    let mut pair = roomy();
    let id = pair.client.call(0, noise(LONG)).expect("it fits");
    (0..2).for_each(|_| assert!(pair.step()));
    assert!(pair.server.arriving_bytes() > 0);
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_client_events(), [failed(id, CallError::Cancelled)]);
    assert_eq!(pair.server.arriving_bytes(), 0);
    assert!(pair.server_events.is_empty());
    assert_eq!(pair.call(0), id);
    assert_eq!(pair.take_server_events(), [started(id, 0, INPUT)]);
    // Transfers go on to be numbered.
    assert_eq!(pair.call_of(0, noise(LONG)), CallId(1));
    assert_eq!(pair.take_server_events().len(), 1);
}

#[test]
fn a_call_that_went_out_as_a_whole_is_cancelled_as_any_other() {
    let mut pair = roomy();
    let id = pair.call_of(0, noise(LONG));
    pair.take_server_events();
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_server_events(), [ServerEvent::Cancel { id }]);
    assert!(pair.client_events.is_empty());
}

#[test]
fn an_answer_that_nobody_wants_any_longer_is_given_up_for_an_error() {
    let mut pair = roomy();
    let id = pair.call(0);
    pair.server.answer(id, Ok(noise(MIB)));
    (0..4).for_each(|_| assert!(pair.step()));
    assert!(pair.client.arriving_bytes() > 0);
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_client_events(), [failed(id, CallError::Cancelled)]);
    assert_eq!(pair.client.arriving_bytes(), 0);
    assert_eq!(pair.server.queued_bytes(), 0);
    assert!(pair.down.bytes < MIB);
    assert_eq!(pair.call(0), id);
}

#[test]
fn an_answer_that_has_not_begun_is_given_up_without_an_abort() {
    let (mut server, _) = server_with_answers(16, LONG);
    receive(&mut server, &Frame::Cancel { id: CallId(15) });
    assert!(server_events(&mut server).is_empty());
    assert_eq!(sent(&mut server), [error_frame(15, CallError::Cancelled)]);
    receive(&mut server, &call_frame(15, 0, INPUT));
    assert_eq!(server_events(&mut server), [started(CallId(15), 0, INPUT)]);
}

#[test]
fn an_answer_that_was_given_up_lets_the_next_begin() {
    let (mut server, _) = server_with_answers(16, LONG);
    receive(&mut server, &Frame::Cancel { id: CallId(3) });
    assert!(server_events(&mut server).is_empty());
    let frames = sent(&mut server);
    assert!(frames.contains(&Frame::Abort { transfer: 3 }));
    assert!(frames.contains(&error_frame(3, CallError::Cancelled)));
    let begun = |frame: &Frame| matches!(frame, Frame::Begin { transfer: 15, .. });
    assert!(frames.iter().any(begun), "{frames:?}");
}

#[test]
fn an_answer_that_is_sent_is_not_given_up() {
    let mut pair = roomy();
    let id = pair.call(0);
    pair.server.answer(id, Ok(noise(LONG)));
    pair.drive();
    receive(&mut pair.server, &Frame::Cancel { id });
    pair.drive();
    assert!(pair.take_client_events() == [answered(id, noise(LONG))]);
}

#[test]
fn an_id_is_in_use_until_the_last_piece_of_its_answer_is_out() {
    let (mut server, _) = server_with_answers(1, LONG);
    receive(&mut server, &call_frame(0, 0, INPUT));
    assert_eq!(server_events(&mut server), [server_failed(ProtocolError::CallIdInUse(0))]);
}
