//! What a connection does, seen from both sides.

mod support;

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;
use support::{
    INPUT, OUTPUT, Pair, SNAPSHOT, answered, changed, client_failed, closed_by, counter, exceeded,
    failed, messages, noise, opened, quiet, server_config, server_events, server_failed, started,
    zeros,
};

/// What a client reads of a server that stops, with the default timeout.
const GOING_AWAY: ClientEvent = ClientEvent::GoingAway { grace: Duration::from_secs(10) };

#[test]
fn the_client_says_nothing_before_it_has_read_the_servers_hello() {
    let mut pair = Pair::new();
    assert_eq!(pair.client.poll_transmit(), None);
    pair.drive();
    assert_eq!(pair.take_client_events(), [opened()]);
    assert_eq!(pair.take_server_events(), [ServerEvent::Open]);
}

#[test]
fn hello_and_snapshot_share_a_message() {
    let mut server = Connection::server(server_config(Limits::new()), SNAPSHOT, Time::ZERO);
    assert_eq!(messages(&mut server).len(), 1);
}

#[test]
fn a_call_is_answered_once_and_its_id_is_free_again() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    let call = started(id, 0, INPUT);
    assert_eq!(pair.take_server_events(), [call]);
    pair.server.answer(id, Ok(OUTPUT));
    pair.server.answer(id, Ok(OUTPUT));
    pair.drive();
    assert_eq!(pair.take_client_events(), [answered(id, OUTPUT)]);
    assert_eq!(pair.call(1), id);
}

#[test]
fn a_call_made_early_goes_out_behind_the_hello() {
    let mut pair = Pair::new();
    let id = pair.client.call(0, INPUT).expect("an id is free");
    assert_eq!(pair.client.poll_transmit(), None);
    pair.drive();
    let call = started(id, 0, INPUT);
    assert_eq!(pair.take_server_events(), [ServerEvent::Open, call]);
}

#[test]
fn an_early_call_that_turns_out_too_large_is_refused_alone() {
    let small = Limits::new().with_max_frame_bytes(100_000);
    let mut pair = Pair::with(counter(), counter(), Limits::new(), small);
    let large = pair.client.call(0, zeros(100_000)).expect("an id is free");
    let good = pair.client.call(0, INPUT).expect("an id is free");
    pair.drive();
    let error = CallError::InputTooLarge { bytes: 100_000, limit: 99_997 };
    assert!(pair.client_events.contains(&failed(large, error)));
    assert!(pair.server_events.contains(&started(good, 0, INPUT)));
}

#[test]
fn up_to_256_calls_are_in_flight_and_the_next_is_refused() {
    let mut pair = Pair::open();
    for _ in 0..256 {
        pair.client.call(0, INPUT).expect("an id is free");
    }
    assert_eq!(pair.client.call(0, INPUT), Err(CallError::TooManyCallsInFlight));
    pair.drive();
    assert_eq!(pair.take_server_events().len(), 256);
    pair.server.answer(CallId(77), Ok(OUTPUT));
    pair.drive();
    assert_eq!(pair.client.call(0, INPUT), Ok(CallId(77)));
}

#[test]
fn a_lone_call_has_no_batch_header_and_several_share_one() {
    let mut pair = Pair::open();
    pair.client.call(1, INPUT).expect("an id is free");
    assert_eq!(messages(&mut pair.client), [&b"\x03\x00\x01in"[..]]);
    pair.client.call(0, INPUT).expect("an id is free");
    pair.client.call(1, Bytes::new()).expect("an id is free");
    assert_eq!(messages(&mut pair.client), [&b"\x00\x05\x03\x01\x00in\x03\x03\x02\x01"[..]]);
    pair.part();
}

#[test]
fn a_batch_holds_64_frames_or_64_kib() {
    let mut pair = Pair::open();
    for _ in 0..65 {
        pair.client.call(0, INPUT).expect("an id is free");
    }
    assert_eq!(messages(&mut pair.client).len(), 2);
    for _ in 0..3 {
        pair.client.call(0, Bytes::from(vec![0; 30_000])).expect("an id is free");
    }
    let sizes: Vec<_> = messages(&mut pair.client).iter().map(Bytes::len).collect();
    assert_eq!(sizes, [1 + 2 * (3 + 30_003), 30_003]);
    pair.part();
}

#[test]
fn a_state_change_sent_before_an_answer_arrives_before_it() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.send_state(Bytes::from_static(b"ops"));
    pair.server.answer(id, Ok(OUTPUT));
    pair.drive();
    let operations = Bytes::from_static(b"ops");
    assert_eq!(pair.take_client_events(), [changed(operations), answered(id, OUTPUT)]);
}

#[test]
fn state_that_does_not_apply_ends_the_connection() {
    let mut pair = Pair::open();
    pair.client.reject_state();
    pair.drive();
    let error = ConnectionError::Protocol(ProtocolError::InvalidState);
    assert_eq!(pair.take_client_events(), [ClientEvent::Closed(error)]);
}

#[test]
fn a_cancelled_call_keeps_its_id_until_its_one_answer() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_server_events()[1..], [ServerEvent::Cancel { id }]);
    assert_ne!(pair.call(0), id);
    pair.server.answer(id, Err(CallError::Cancelled));
    pair.drive();
    assert_eq!(pair.take_client_events(), [failed(id, CallError::Cancelled)]);
}

#[test]
fn a_cancel_that_crosses_the_answer_is_ignored() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.answer(id, Ok(OUTPUT));
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_server_events().len(), 1);
    assert_eq!(pair.take_client_events(), [answered(id, OUTPUT)]);
    pair.client.cancel(id);
    assert_eq!(pair.client.poll_transmit(), None);
}

#[test]
fn an_answer_larger_than_the_client_accepts_becomes_an_error() {
    let small = Limits::new().with_max_frame_bytes(100_000);
    let mut pair = Pair::with(counter(), counter(), small, Limits::new()).opened();
    let (fits, large) = (pair.call(0), pair.call(0));
    pair.server.answer(fits, Ok(zeros(99_998)));
    pair.server.answer(large, Ok(zeros(99_999)));
    pair.drive();
    // The longer one is an ERROR, which overtakes what travels in pieces.
    let expected = [failed(large, CallError::OutputTooLarge), answered(fits, zeros(99_998))];
    assert_eq!(pair.take_client_events(), expected);
}

#[test]
fn an_answer_larger_than_the_server_sends_becomes_an_error() {
    let small = Limits::new().with_max_frame_bytes(100_000);
    let mut pair = Pair::with(counter(), counter(), Limits::new(), small).opened();
    let large = pair.call(0);
    pair.server.answer(large, Ok(zeros(99_999)));
    pair.drive();
    assert_eq!(pair.take_client_events(), [failed(large, CallError::OutputTooLarge)]);
}

#[test]
fn an_input_larger_than_the_server_accepts_is_not_sent() {
    let small = Limits::new().with_max_frame_bytes(100_000);
    let mut pair = Pair::with(counter(), counter(), Limits::new(), small).opened();
    let error = CallError::InputTooLarge { bytes: 99_998, limit: 99_997 };
    assert_eq!(pair.client.call(0, zeros(99_998)), Err(error));
    let id = pair.call_of(0, zeros(99_997));
    assert_eq!(pair.take_server_events(), [started(id, 0, zeros(99_997))]);
}

#[test]
fn a_message_beyond_65_kib_ends_the_connection_whatever_the_limits() {
    let mut pair = Pair::open();
    pair.server.handle_message(Bytes::from(vec![0x20; MAX_MESSAGE_BYTES]));
    pair.drive();
    assert!(pair.server.is_open());
    pair.server.handle_message(Bytes::from(vec![0x20; MAX_MESSAGE_BYTES + 1]));
    pair.drive();
    let limit = exceeded("max_message_bytes", MAX_MESSAGE_BYTES);
    assert_eq!(pair.take_server_events(), [ServerEvent::Closed(limit)]);
    let error = closed_by(Initiator::Remote, CloseCode::LIMIT_EXCEEDED, "max_message_bytes");
    assert_eq!(pair.take_client_events(), [ClientEvent::Closed(error)]);
}

#[test]
fn calls_are_held_while_too_much_output_waits_and_reading_goes_on() {
    let limits = Limits::new().with_max_buffered_bytes(1000);
    let mut pair = Pair::with(counter(), counter(), Limits::new(), limits).opened();
    let first = pair.call(0);
    pair.take_server_events();
    pair.server.answer(first, Ok(zeros(2000)));
    let second = pair.client.call(1, INPUT).expect("an id is free");
    messages(&mut pair.client).into_iter().for_each(|message| pair.server.handle_message(message));
    assert_eq!(pair.server.poll_event(), None);
    assert!(pair.server.wants_message());
    assert_eq!(pair.server.running_calls(), 1);
    assert!(!pair.server.has_ready_call());
    assert!(pair.server.poll_transmit().is_some());
    assert!(pair.server.has_ready_call());
    assert_eq!(pair.server.poll_event(), Some(started(second, 1, INPUT)));
    pair.part();
}

#[test]
fn calls_are_held_for_as_long_as_a_server_is_told_to_and_reading_goes_on() {
    let mut pair = Pair::open();
    pair.server.hold_calls(true);
    let first = pair.client.call(0, INPUT).expect("an id is free");
    let second = pair.client.call(1, INPUT).expect("an id is free");
    pair.drive();
    assert_eq!(pair.take_server_events(), []);
    assert_eq!((pair.server.running_calls(), pair.server.has_ready_call()), (2, false));
    pair.client.cancel(first);
    pair.drive();
    assert_eq!(pair.server.running_calls(), 1);
    pair.server.hold_calls(false);
    assert!(pair.server.has_ready_call());
    assert_eq!(pair.server.poll_event(), Some(started(second, 1, INPUT)));
    pair.part();
}

#[test]
fn what_of_the_state_is_not_packed_is_counted_until_it_is_sent() {
    const PLACE: usize = 64;
    let mut pair = Pair::open();
    assert_eq!(pair.server.state_bytes(), 0);
    // The first is packed, the second waits behind it, the third behind both and in pieces.
    pair.server.send_state(noise(MAX_MESSAGE_BYTES - 100));
    assert_eq!(pair.server.state_bytes(), 0);
    pair.server.send_state(zeros(1000));
    let waits = pair.server.state_bytes();
    assert!((1000 + PLACE..1010 + PLACE).contains(&waits), "{waits}");
    pair.server.send_state(noise(1_000_000));
    assert!((waits + 1_000_000..waits + 1_000_100).contains(&pair.server.state_bytes()));
    let mut before = pair.server.state_bytes();
    while pair.step() {
        assert!(pair.server.state_bytes() <= before);
        before = pair.server.state_bytes();
    }
    assert_eq!(before, 0);
    pair.part();
}

#[test]
fn a_close_waits_for_open_calls_and_refuses_new_ones() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.client.close(CloseReason::normal(), pair.now);
    assert_eq!(pair.client.call(0, INPUT), Err(CallError::GoingAway));
    pair.drive();
    assert!(!pair.client.is_ended());
    pair.server.answer(id, Ok(OUTPUT));
    pair.drive();
    let closed = ClientEvent::Closed(closed_by(Initiator::Local, CloseCode::NORMAL, ""));
    assert_eq!(pair.take_client_events(), [answered(id, OUTPUT), closed]);
    let closed = ServerEvent::Closed(closed_by(Initiator::Remote, CloseCode::NORMAL, ""));
    assert_eq!(pair.take_server_events()[1..], [closed]);
}

#[test]
fn a_server_that_closes_answers_what_runs_and_refuses_the_rest() {
    let mut pair = Pair::open();
    let running = pair.call(0);
    pair.server.close(CloseReason::new(CloseCode::GOING_AWAY, "bye"), pair.now);
    let late = pair.call(0);
    let expected = [GOING_AWAY, failed(late, CallError::GoingAway)];
    assert_eq!(pair.take_client_events(), expected);
    pair.server.answer(running, Ok(OUTPUT));
    pair.drive();
    let closed = closed_by(Initiator::Remote, CloseCode::GOING_AWAY, "bye");
    let expected = [answered(running, OUTPUT), ClientEvent::Closed(closed)];
    assert_eq!(pair.take_client_events(), expected);
}

#[test]
fn a_client_makes_no_calls_once_it_knows_that_the_server_is_stopping() {
    let mut pair = Pair::open();
    pair.call(0);
    pair.server.close(CloseReason::normal(), pair.now);
    pair.drive();
    assert_eq!(pair.client.call(0, INPUT), Err(CallError::GoingAway));
    assert!(pair.client.is_open());
    pair.client.handle_message(Bytes::from_static(b"\x12\x00"));
    let error = ProtocolError::UnexpectedFrame("GOING_AWAY");
    pair.drive();
    assert_eq!(pair.client_events.last(), Some(&client_failed(error)));
}

#[test]
fn a_server_without_anything_to_wait_for_closes_without_saying_so_before() {
    let mut pair = Pair::open();
    pair.server.close(CloseReason::normal(), pair.now);
    pair.drive();
    let closed = closed_by(Initiator::Remote, CloseCode::NORMAL, "");
    assert_eq!(pair.take_client_events(), [ClientEvent::Closed(closed)]);
}

#[test]
fn a_close_gives_up_on_calls_that_run_too_long() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.close(CloseReason::normal(), pair.now);
    pair.pass(Duration::from_micros(9_999_999));
    assert!(!pair.server.is_ended());
    pair.pass(Duration::from_micros(1));
    let closed = ClientEvent::Closed(closed_by(Initiator::Remote, CloseCode::NORMAL, ""));
    assert_eq!(
        pair.take_client_events(),
        [GOING_AWAY, ClientEvent::Unanswered { id, may_have_run: true }, closed]
    );
}

#[test]
fn an_abort_is_at_once_and_loses_what_waits() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.answer(id, Ok(OUTPUT));
    pair.server.abort(CloseReason::normal());
    pair.drive();
    let closed = ClientEvent::Closed(closed_by(Initiator::Remote, CloseCode::NORMAL, ""));
    assert_eq!(
        pair.take_client_events(),
        [ClientEvent::Unanswered { id, may_have_run: true }, closed]
    );
}

#[test]
fn answers_that_arrived_before_the_end_of_the_transport_count() {
    let mut pair = Pair::open();
    let (done, open) = (pair.call(0), pair.call(0));
    pair.server.answer(done, Ok(OUTPUT));
    messages(&mut pair.server).into_iter().for_each(|message| pair.client.handle_message(message));
    pair.client.handle_lost("cable cut");
    pair.client.handle_lost("again");
    pair.drive();
    let expected = [
        answered(done, OUTPUT),
        ClientEvent::Unanswered { id: open, may_have_run: true },
        ClientEvent::Closed(ConnectionError::Lost("cable cut".into())),
    ];
    assert_eq!(pair.take_client_events(), expected);
    assert_eq!(pair.client.poll_transmit(), None);
}

#[test]
fn a_message_that_is_too_long_to_be_read_ends_the_connection_as_if_it_had_been() {
    let mut pair = Pair::open();
    pair.server.handle_oversized();
    let limit = exceeded("max_message_bytes", MAX_MESSAGE_BYTES);
    assert_eq!(pair.server.poll_event(), Some(ServerEvent::Closed(limit)));
    let reason = CloseReason::new(CloseCode::LIMIT_EXCEEDED, "max_message_bytes");
    assert_eq!(pair.server.poll_transmit(), Some(Transmit::Close(reason)));
}

#[test]
fn a_connection_is_finished_once_its_end_was_both_told_and_sent() {
    let mut pair = Pair::open();
    pair.client.close(CloseReason::normal(), pair.now);
    assert!(pair.client.is_ended() && !pair.client.is_finished());
    assert!(matches!(pair.client.poll_event(), Some(ClientEvent::Closed(_))));
    assert!(!pair.client.is_finished());
    assert_eq!(pair.client.poll_transmit(), Some(Transmit::Close(CloseReason::normal())));
    assert!(pair.client.is_finished());

    pair.server.handle_close(Some(CloseReason::normal()));
    assert!(!pair.server.is_finished());
    assert!(matches!(pair.server.poll_event(), Some(ServerEvent::Closed(_))));
    assert!(pair.server.is_finished());
}

#[test]
fn a_connection_whose_last_words_cannot_be_sent_is_finished_without() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.answer(id, Ok(OUTPUT));
    pair.server.close(CloseReason::normal(), pair.now);
    assert!(matches!(server_events(&mut pair.server)[..], [.., ServerEvent::Closed(_)]));
    assert!(pair.server.has_transmit() && !pair.server.is_finished());
    pair.server.handle_lost("cable cut");
    assert!(pair.server.is_finished());
}

#[test]
fn nothing_is_sent_once_the_transport_has_ended() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.handle_lost("cable cut");
    pair.server.answer(id, Ok(OUTPUT));
    pair.server.send_state(OUTPUT);
    assert_eq!(pair.server.queued_bytes(), 0);
    pair.server.abort(CloseReason::normal());
    assert!(!pair.server.has_transmit());
    assert_eq!(pair.server.poll_transmit(), None);
    pair.client.handle_message(Bytes::from_static(&[0x1f]));
    pair.client.handle_lost("cable cut");
    let error = ConnectionError::Protocol(ProtocolError::UnknownFrame(0x1f));
    assert_eq!(pair.client.poll_event(), Some(ClientEvent::Unanswered { id, may_have_run: true }));
    assert_eq!(pair.client.poll_event(), Some(ClientEvent::Closed(error)));
    assert_eq!(pair.client.poll_transmit(), None);
}

#[test]
fn a_peer_that_does_not_say_hello_in_time_is_dropped() {
    let mut pair = Pair::new();
    assert_eq!(pair.server.poll_timeout(), Some(Time::from_micros(10_000_000)));
    pair.client.handle_timeout(Time::from_micros(9_999_999));
    assert_eq!(pair.client.poll_event(), None);
    pair.client.handle_timeout(Time::from_micros(10_000_000));
    pair.server.handle_timeout(Time::from_micros(10_000_000));
    let closed = ClientEvent::Closed(ConnectionError::HandshakeTimeout);
    assert_eq!(pair.client.poll_event(), Some(closed));
    let closed = ServerEvent::Closed(ConnectionError::HandshakeTimeout);
    assert_eq!(pair.server.poll_event(), Some(closed));
    let pair = Pair::with(counter(), counter(), quiet(), quiet()).opened();
    assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None));
}

#[test]
fn peers_of_different_revisions_part_and_say_so() {
    let mut pair = Pair::new();
    pair.client.handle_message(Bytes::from_static(&[0x01, 2]));
    let why = "it speaks revision 2, this side speaks 1";
    let closed = ClientEvent::Closed(ConnectionError::Incompatible(why.into()));
    assert_eq!(pair.client.poll_event(), Some(closed));
}

/// What a server must not accept from a client that has said hello, and why.
#[test]
fn a_server_ends_the_connection_of_a_client_that_breaks_the_rules() {
    for (message, error) in [
        (&b""[..], ProtocolError::Empty),
        (b"\x01\x01", ProtocolError::UnexpectedFrame("HELLO")),
        (b"\x04\x00", ProtocolError::UnexpectedFrame("ANSWER")),
        (b"\x05\x00\x01", ProtocolError::UnexpectedFrame("ERROR")),
        (b"\x07\x00", ProtocolError::UnexpectedFrame("SNAPSHOT")),
        (b"\x08\x01", ProtocolError::UnexpectedFrame("STATE")),
        (b"\x03\x00\x02", ProtocolError::NoSuchMethod(2)),
        (b"\x03\x00\xff\xff\xff\xff\x1f", ProtocolError::InvalidVarint),
        (b"\x03\x00", ProtocolError::Truncated),
        (b"\x00\x03\x03\x00\x00\x03\x03\x00\x00", ProtocolError::CallIdInUse(0)),
        (b"\x1f", ProtocolError::UnknownFrame(0x1f)),
        (b"\x02\x00\x03", ProtocolError::UnexpectedFrame("METHODS")),
        (b"\x0a\x00", ProtocolError::UnexpectedFrame("LEAVE")),
        (b"\x0c\x00\x00\x00\x01", ProtocolError::UnexpectedFrame("GAP")),
        (b"\x11", ProtocolError::UnexpectedFrame("FEATURES")),
        (b"\x12\x00", ProtocolError::UnexpectedFrame("GOING_AWAY")),
        (b"\x13\x00", ProtocolError::UnexpectedFrame("PING")),
        (b"\x09\x00\x00\x00", ProtocolError::UnexpectedFrame("TOPIC")),
        (b"\x0b\x00\x00\x00", ProtocolError::UnexpectedFrame("EVENT")),
    ] {
        let mut pair = Pair::open();
        pair.server.handle_message(Bytes::from_static(message));
        pair.drive();
        assert_eq!(pair.server_events.last(), Some(&server_failed(error)), "{message:?}");
        let told = matches!(
            pair.client_events.last(),
            Some(ClientEvent::Closed(ConnectionError::Closed { reason, .. }))
                if reason.code() == CloseCode::PROTOCOL_ERROR
        );
        assert!(told, "{message:?}");
    }
}

#[test]
fn a_client_ends_the_connection_of_a_server_that_breaks_the_rules() {
    for (message, error) in [
        (&b"\x01\x01"[..], ProtocolError::UnexpectedFrame("HELLO")),
        (b"\x03\x00\x00", ProtocolError::UnexpectedFrame("CALL")),
        (b"\x06\x00", ProtocolError::UnexpectedFrame("CANCEL")),
        (b"\x07\x00", ProtocolError::UnexpectedFrame("SNAPSHOT")),
        (b"\x08\x02", ProtocolError::StateRevision),
        (b"\x08\x00", ProtocolError::StateRevision),
        (b"\x04\x05", ProtocolError::NoSuchCall(5)),
        (b"\x05\x05\x01", ProtocolError::NoSuchCall(5)),
        (b"\x14\x00", ProtocolError::UnexpectedFrame("PONG")),
    ] {
        let mut pair = Pair::open();
        pair.client.handle_message(Bytes::from_static(message));
        pair.drive();
        assert_eq!(pair.client_events.last(), Some(&client_failed(error)), "{message:?}");
    }
}

#[test]
fn frames_before_the_hello_are_refused() {
    let mut pair = Pair::new();
    pair.server.handle_message(Bytes::from_static(b"\x03\x00\x00"));
    let error = ProtocolError::UnexpectedFrame("CALL");
    assert_eq!(pair.server.poll_event(), Some(server_failed(error)));
    pair.client.handle_message(Bytes::from_static(b"\x07\x00"));
    let error = ProtocolError::UnexpectedFrame("SNAPSHOT");
    assert_eq!(pair.client.poll_event(), Some(client_failed(error)));
}

#[test]
fn a_text_message_ends_the_connection() {
    let mut pair = Pair::open();
    pair.server.handle_text();
    let error = ProtocolError::TextMessage;
    assert_eq!(pair.server.poll_event(), Some(server_failed(error)));
}

#[test]
fn a_frame_that_may_be_ignored_is() {
    let mut pair = Pair::open();
    pair.server.handle_message(Bytes::from_static(b"\x00\x02\x2f\x00\x03\x03\x00\x00"));
    pair.drive();
    assert!(matches!(pair.server_events[..], [ServerEvent::Call { .. }]));
}

#[test]
fn a_flood_of_frames_that_need_no_attention_lets_others_have_their_turn() {
    let mut pair = Pair::open();
    let flood = [&[0x00][..], &[0x01, 0x20].repeat(100)].concat();
    pair.server.handle_message(flood.clone().into());
    pair.client.handle_message(flood.into());
    assert_eq!(pair.server.poll_event(), Some(ServerEvent::Busy));
    assert_eq!(pair.server.poll_event(), None);
    assert_eq!(pair.client.poll_event(), Some(ClientEvent::Busy));
    assert_eq!(pair.client.poll_event(), None);
}

#[test]
fn nothing_of_a_connection_that_has_ended_goes_out_behind_its_close() {
    let limits = Limits::new().with_max_buffered_bytes(1000);
    let mut pair = Pair::with(counter(), counter(), Limits::new(), limits).opened();
    let first = pair.call(0);
    pair.server.answer(first, Ok(zeros(2000)));
    // This call is held, and is never answered.
    pair.client.call(0, INPUT).expect("an id is free");
    messages(&mut pair.client).into_iter().for_each(|message| pair.server.handle_message(message));
    assert_eq!(pair.server.poll_event(), None);
    pair.server.handle_text();
    assert!(matches!(pair.server.poll_transmit(), Some(Transmit::Close(_))));
    pair.server.close(CloseReason::normal(), pair.now);
    assert_eq!(pair.server.poll_transmit(), None);
}

#[test]
fn what_arrived_before_the_end_of_the_transport_is_not_replied_to() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    // A PING, and behind it an answer, with which handling it pauses.
    pair.client.handle_message(Bytes::from_static(b"\x00\x02\x13\x07\x05\x04\x00out"));
    pair.client.handle_lost("cable cut");
    assert_eq!(pair.client.poll_event(), Some(answered(id, OUTPUT)));
    assert!(!pair.client.has_transmit());
    assert_eq!(pair.client.poll_transmit(), None);
}

#[test]
fn what_is_said_behind_the_end_of_the_transport_is_not_sent() {
    let mut pair = Pair::open();
    pair.call(0);
    pair.server.announce_topic(7, 0, OUTPUT);
    pair.drive();
    pair.server.handle_lost("cable cut");
    pair.server.close(CloseReason::normal(), pair.now);
    pair.server.send_event(&EncodedEvent::new(7, 0, 0, OUTPUT));
    assert_eq!(pair.server.queued_bytes(), 0);
    assert!(!pair.server.has_transmit());
    assert_eq!(pair.server.poll_transmit(), None);
}

#[test]
fn limits_may_be_as_large_as_numbers_are() {
    let limits = Limits::new()
        .with_max_frame_bytes(usize::MAX)
        .with_max_transfer_bytes(usize::MAX)
        .with_max_input_bytes(usize::MAX)
        .with_max_buffered_bytes(usize::MAX)
        .with_max_queued_event_bytes(usize::MAX)
        .with_max_topic_bytes(usize::MAX)
        .with_hello_timeout(Duration::MAX)
        .with_close_timeout(Duration::MAX)
        .with_heartbeat_interval(Some(Duration::MAX));
    let mut pair = Pair::with(counter(), counter(), limits.clone(), limits).opened();
    pair.server.announce_topic(7, 0, OUTPUT);
    let id = pair.call_of(0, zeros(100_000));
    pair.server.answer(id, Ok(zeros(100_000)));
    pair.drive();
    assert_eq!(pair.client_events.last(), Some(&answered(id, zeros(100_000))));
    pair.pass(Duration::from_secs(1));
    assert!(pair.client.is_open() && pair.server.is_open());
}

#[test]
fn an_answer_to_a_call_that_has_not_gone_out_ends_the_connection() {
    let mut pair = Pair::open();
    for _ in 0..3 {
        // The transport takes nothing, and two of these are packed.
        pair.client.call(0, Bytes::from(vec![0; 60_000])).expect("an id is free");
    }
    pair.client.handle_message(Bytes::from_static(&[4, 2]));
    let events: Vec<_> = std::iter::from_fn(|| pair.client.poll_event()).collect();
    let closed = ClientEvent::Closed(ProtocolError::NoSuchCall(2).into());
    assert_eq!(events.last(), Some(&closed));
}

#[test]
fn an_id_whose_call_was_withdrawn_is_answered_when_it_is_used_again() {
    let mut pair = Pair::open();
    let id = pair.client.call(0, Bytes::from(vec![0; 100_000])).expect("an id is free");
    pair.client.cancel(id);
    pair.drive();
    pair.take_client_events();
    assert_eq!(pair.call(0), id);
    pair.server.answer(id, Ok(OUTPUT));
    pair.drive();
    assert!(matches!(pair.take_client_events()[..], [ClientEvent::Answer { result: Ok(_), .. }]));
}
