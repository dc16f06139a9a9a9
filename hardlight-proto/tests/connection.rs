//! What a connection does, seen from both sides.

mod support;

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;
use proptest::prelude::*;
use support::{Pair, counter, schema};

const INPUT: Bytes = Bytes::from_static(b"in");
const OUTPUT: Bytes = Bytes::from_static(b"out");

fn closed_by(initiator: Initiator, code: CloseCode, reason: &'static str) -> ConnectionError {
    ConnectionError::Closed { initiator, reason: CloseReason::new(code, reason) }
}

fn messages<R: Role>(connection: &mut Connection<R>) -> Vec<Bytes> {
    std::iter::from_fn(|| connection.poll_transmit())
        .map(|transmit| match transmit {
            Transmit::Message(message) => message,
            Transmit::Close(reason) => panic!("closed: {reason}"),
        })
        .collect()
}

#[test]
fn the_client_says_nothing_before_it_has_read_the_servers_hello() {
    let mut pair = Pair::new();
    assert_eq!(pair.client.poll_transmit(), None);
    pair.drive();
    let snapshot = Bytes::from_static(b"snap");
    assert_eq!(pair.take_client_events(), [ClientEvent::Open { snapshot }]);
    assert_eq!(pair.take_server_events(), [ServerEvent::Open]);
}

#[test]
fn hello_and_snapshot_share_a_message() {
    assert_eq!(messages(&mut Pair::new().server).len(), 1);
}

#[test]
fn a_call_is_answered_once_and_its_id_is_free_again() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    let call = ServerEvent::Call { id, method: 0, payload: INPUT };
    assert_eq!(pair.take_server_events(), [call]);
    pair.server.answer(id, Ok(OUTPUT));
    pair.server.answer(id, Ok(OUTPUT));
    pair.drive();
    assert_eq!(pair.take_client_events(), [ClientEvent::Answer { id, result: Ok(OUTPUT) }]);
    assert_eq!(pair.call(1), id);
}

#[test]
fn a_call_made_early_goes_out_behind_the_hello() {
    let mut pair = Pair::new();
    let id = pair.client.call(0, INPUT).expect("an id is free");
    assert_eq!(pair.client.poll_transmit(), None);
    pair.drive();
    let call = ServerEvent::Call { id, method: 0, payload: INPUT };
    assert_eq!(pair.take_server_events(), [ServerEvent::Open, call]);
}

#[test]
fn an_early_call_that_turns_out_too_large_is_refused_alone() {
    let small = Limits::new().with_max_message_bytes(1024);
    let mut pair = Pair::with(counter(), counter(), Limits::new(), small);
    let large = pair.client.call(0, Bytes::from(vec![0; 1024])).expect("an id is free");
    let good = pair.client.call(0, INPUT).expect("an id is free");
    pair.drive();
    let error = CallError::InputTooLarge { bytes: 1024, limit: 1021 };
    assert!(pair.client_events.contains(&ClientEvent::Answer { id: large, result: Err(error) }));
    let call = ServerEvent::Call { id: good, method: 0, payload: INPUT };
    assert!(pair.server_events.contains(&call));
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
}

#[test]
fn methods_may_be_reordered_added_and_removed() {
    let client = schema(&[("get", ""), ("gone", ""), ("increment", "u32")], &[("counter", "u32")]);
    let mut pair = Pair::with(client, counter(), Limits::new(), Limits::new());
    pair.drive();
    let get = pair.call(0);
    let gone = pair.call(1);
    let increment = pair.call(2);
    let calls = [
        ServerEvent::Open,
        ServerEvent::Call { id: get, method: 1, payload: INPUT },
        ServerEvent::Call { id: increment, method: 0, payload: INPUT },
    ];
    assert_eq!(pair.take_server_events(), calls);
    let refused = ClientEvent::Answer { id: gone, result: Err(CallError::UnknownMethod) };
    assert_eq!(pair.take_client_events()[1..], [refused]);
}

#[test]
fn a_method_with_other_types_is_refused_alone() {
    let client = schema(&[("increment", "u64"), ("get", "")], &[]);
    let mut pair = Pair::with(client, counter(), Limits::new(), Limits::new());
    pair.drive();
    let increment = pair.call(0);
    pair.call(1);
    let result = Err(CallError::IncompatibleMethod);
    assert_eq!(pair.client_events[1..], [ClientEvent::Answer { id: increment, result }]);
    assert_eq!(pair.server_events.len(), 2);
}

#[test]
fn a_state_field_of_another_type_or_name_is_refused_by_name() {
    for (client, words) in [
        (
            schema(&[], &[("counter", "u64")]),
            "state field `counter` of Counter has another type there",
        ),
        (
            schema(&[], &[("count", "u32")]),
            "state field 0 of Counter is `count` here and `counter` there",
        ),
    ] {
        let mut pair = Pair::with(client, counter(), Limits::new(), Limits::new());
        pair.drive();
        let error = ConnectionError::Incompatible(words.into());
        assert_eq!(pair.take_client_events(), [ClientEvent::Closed(error)]);
        assert!(matches!(
            pair.take_server_events()[..],
            [ServerEvent::Closed(ConnectionError::Closed { initiator: Initiator::Remote, ref reason })]
                if reason.code() == CloseCode::INCOMPATIBLE && reason.reason().contains(words)
        ));
    }
}

#[test]
fn a_state_field_that_only_one_side_has_is_no_obstacle() {
    let more = schema(&[], &[("counter", "u32"), ("name", "string")]);
    for (client, server) in [(more, counter()), (counter(), more)] {
        let mut pair = Pair::with(client, server, Limits::new(), Limits::new());
        pair.drive();
        assert!(pair.client.is_open());
    }
}

#[test]
fn a_state_change_sent_before_an_answer_arrives_before_it() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.send_state(Bytes::from_static(b"ops"));
    pair.server.answer(id, Ok(OUTPUT));
    pair.drive();
    let operations = Bytes::from_static(b"ops");
    let expected =
        [ClientEvent::State { operations }, ClientEvent::Answer { id, result: Ok(OUTPUT) }];
    assert_eq!(pair.take_client_events(), expected);
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
    let result = Err(CallError::Cancelled);
    assert_eq!(pair.take_client_events(), [ClientEvent::Answer { id, result }]);
}

#[test]
fn a_cancel_that_crosses_the_answer_is_ignored() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.answer(id, Ok(OUTPUT));
    pair.client.cancel(id);
    pair.drive();
    assert_eq!(pair.take_server_events().len(), 1);
    assert_eq!(pair.take_client_events(), [ClientEvent::Answer { id, result: Ok(OUTPUT) }]);
    pair.client.cancel(id);
    assert_eq!(pair.client.poll_transmit(), None);
}

#[test]
fn an_answer_larger_than_the_client_accepts_becomes_an_error() {
    let small = Limits::new().with_max_message_bytes(1024);
    let mut pair = Pair::with(counter(), counter(), small, Limits::new());
    pair.drive();
    let (fits, large) = (pair.call(0), pair.call(0));
    pair.server.answer(fits, Ok(Bytes::from(vec![0; 1022])));
    pair.server.answer(large, Ok(Bytes::from(vec![0; 1023])));
    pair.drive();
    let fitted = ClientEvent::Answer { id: fits, result: Ok(Bytes::from(vec![0; 1022])) };
    let refused = ClientEvent::Answer { id: large, result: Err(CallError::OutputTooLarge) };
    assert_eq!(pair.client_events[1..], [fitted, refused]);
}

#[test]
fn an_input_larger_than_the_server_accepts_is_not_sent() {
    let small = Limits::new().with_max_message_bytes(1024);
    let mut pair = Pair::with(counter(), counter(), Limits::new(), small);
    pair.drive();
    let error = CallError::InputTooLarge { bytes: 1022, limit: 1021 };
    assert_eq!(pair.client.call(0, Bytes::from(vec![0; 1022])), Err(error));
    pair.client.call(0, Bytes::from(vec![0; 1021])).expect("it fits");
    pair.drive();
    assert!(pair.server.is_open());
}

#[test]
fn a_message_beyond_the_limit_ends_the_connection_and_names_the_limit() {
    let mut pair = Pair::open();
    pair.server.handle_message(Bytes::from(vec![3; (1 << 20) + 1]));
    pair.drive();
    let limit = ConnectionError::LimitExceeded { limit: "max_message_bytes", allowed: 1 << 20 };
    assert_eq!(pair.take_server_events(), [ServerEvent::Closed(limit)]);
    let error = closed_by(Initiator::Remote, CloseCode::LIMIT_EXCEEDED, "max_message_bytes");
    assert_eq!(pair.take_client_events(), [ClientEvent::Closed(error)]);
}

#[test]
fn calls_wait_while_too_much_output_waits() {
    let limits = Limits::new().with_max_buffered_bytes(1000);
    let mut pair = Pair::with(counter(), counter(), Limits::new(), limits);
    pair.drive();
    let first = pair.call(0);
    pair.server.answer(first, Ok(Bytes::from(vec![0; 2000])));
    let second = pair.client.call(1, INPUT).expect("an id is free");
    messages(&mut pair.client).into_iter().for_each(|message| {
        // Behind a frame that is ignored, in a batch: it is held all the same.
        let batch = [&[0x00, 1, 0x20, message.len() as u8][..], &message].concat();
        pair.server.handle_message(batch.into());
    });
    assert_eq!(pair.server.poll_event(), None);
    assert!(!pair.server.wants_message());
    assert!(pair.server.poll_transmit().is_some());
    let call = ServerEvent::Call { id: second, method: 1, payload: INPUT };
    assert_eq!(pair.server.poll_event(), Some(call));
    assert!(pair.server.wants_message());
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
    assert_eq!(pair.take_client_events(), [ClientEvent::Answer { id, result: Ok(OUTPUT) }, closed]);
    let closed = ServerEvent::Closed(closed_by(Initiator::Remote, CloseCode::NORMAL, ""));
    assert_eq!(pair.take_server_events()[1..], [closed]);
}

#[test]
fn a_server_that_closes_answers_what_runs_and_refuses_the_rest() {
    let mut pair = Pair::open();
    let running = pair.call(0);
    pair.server.close(CloseReason::new(CloseCode::GOING_AWAY, "bye"), pair.now);
    let late = pair.call(0);
    let refused = ClientEvent::Answer { id: late, result: Err(CallError::GoingAway) };
    assert_eq!(pair.take_client_events(), [refused]);
    pair.server.answer(running, Ok(OUTPUT));
    pair.drive();
    let answer = ClientEvent::Answer { id: running, result: Ok(OUTPUT) };
    let closed = closed_by(Initiator::Remote, CloseCode::GOING_AWAY, "bye");
    assert_eq!(pair.take_client_events(), [answer, ClientEvent::Closed(closed)]);
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
    assert_eq!(pair.take_client_events(), [ClientEvent::Unanswered { id }, closed]);
}

#[test]
fn an_abort_is_at_once_and_loses_what_waits() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.answer(id, Ok(OUTPUT));
    pair.server.abort(CloseReason::normal());
    pair.drive();
    let closed = ClientEvent::Closed(closed_by(Initiator::Remote, CloseCode::NORMAL, ""));
    assert_eq!(pair.take_client_events(), [ClientEvent::Unanswered { id }, closed]);
}

#[test]
fn answers_that_arrived_before_the_end_of_the_transport_count() {
    let mut pair = Pair::open();
    let (answered, open) = (pair.call(0), pair.call(0));
    pair.server.answer(answered, Ok(OUTPUT));
    messages(&mut pair.server).into_iter().for_each(|message| pair.client.handle_message(message));
    pair.client.handle_lost("cable cut");
    pair.client.handle_lost("again");
    pair.drive();
    let expected = [
        ClientEvent::Answer { id: answered, result: Ok(OUTPUT) },
        ClientEvent::Unanswered { id: open },
        ClientEvent::Closed(ConnectionError::Lost("cable cut".into())),
    ];
    assert_eq!(pair.take_client_events(), expected);
    assert_eq!(pair.client.poll_transmit(), None);
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
    assert_eq!(pair.client.poll_event(), Some(ClientEvent::Unanswered { id }));
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
    assert_eq!(Pair::open().server.poll_timeout(), None);
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
        (b"\x01\x01\x01\x03\x01\x80\x08", ProtocolError::UnexpectedFrame("HELLO")),
        (b"\x04\x00", ProtocolError::UnexpectedFrame("ANSWER")),
        (b"\x05\x00\x01", ProtocolError::UnexpectedFrame("ERROR")),
        (b"\x07\x00", ProtocolError::UnexpectedFrame("SNAPSHOT")),
        (b"\x08\x01", ProtocolError::UnexpectedFrame("STATE")),
        (b"\x03\x00\x02", ProtocolError::NoSuchMethod(2)),
        (b"\x03\x00\xff\xff\xff\xff\x1f", ProtocolError::InvalidVarint),
        (b"\x03\x00", ProtocolError::Truncated),
        (b"\x00\x03\x03\x00\x00\x03\x03\x00\x00", ProtocolError::CallIdInUse(0)),
        (b"\x0e", ProtocolError::UnknownFrame(0x0e)),
        (b"\x09\x00\x00", ProtocolError::UnexpectedFrame("TOPIC")),
        (b"\x0b\x00\x00\x00", ProtocolError::UnexpectedFrame("EVENT")),
    ] {
        let mut pair = Pair::open();
        pair.server.handle_message(Bytes::from_static(message));
        pair.drive();
        let closed = ServerEvent::Closed(error.into());
        assert_eq!(pair.server_events.last(), Some(&closed), "{message:?}");
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
        (&b"\x01\x01\x01\x03\x01\x80\x08"[..], ProtocolError::UnexpectedFrame("HELLO")),
        (b"\x03\x00\x00", ProtocolError::UnexpectedFrame("CALL")),
        (b"\x06\x00", ProtocolError::UnexpectedFrame("CANCEL")),
        (b"\x07\x00", ProtocolError::UnexpectedFrame("SNAPSHOT")),
        (b"\x08\x02", ProtocolError::StateRevision),
        (b"\x08\x00", ProtocolError::StateRevision),
        (b"\x04\x05", ProtocolError::NoSuchCall(5)),
        (b"\x05\x05\x01", ProtocolError::NoSuchCall(5)),
    ] {
        let mut pair = Pair::open();
        pair.client.handle_message(Bytes::from_static(message));
        pair.drive();
        let closed = ClientEvent::Closed(error.into());
        assert_eq!(pair.client_events.last(), Some(&closed), "{message:?}");
    }
}

#[test]
fn frames_before_the_hello_are_refused() {
    let mut pair = Pair::new();
    pair.server.handle_message(Bytes::from_static(b"\x03\x00\x00"));
    let error = ProtocolError::UnexpectedFrame("CALL");
    assert_eq!(pair.server.poll_event(), Some(ServerEvent::Closed(error.into())));
    pair.client.handle_message(Bytes::from_static(b"\x07\x00"));
    let error = ProtocolError::UnexpectedFrame("SNAPSHOT");
    assert_eq!(pair.client.poll_event(), Some(ClientEvent::Closed(error.into())));
}

#[test]
fn a_text_message_ends_the_connection() {
    let mut pair = Pair::open();
    pair.server.handle_text();
    let error = ProtocolError::TextMessage;
    assert_eq!(pair.server.poll_event(), Some(ServerEvent::Closed(error.into())));
}

#[test]
fn a_frame_that_may_be_ignored_is() {
    let mut pair = Pair::open();
    pair.server.handle_message(Bytes::from_static(b"\x00\x02\x2f\x00\x03\x03\x00\x00"));
    pair.drive();
    assert!(matches!(pair.server_events[..], [ServerEvent::Call { .. }]));
}

#[derive(Clone, Debug)]
enum Op {
    Call(u32),
    Cancel(u8),
    Answer(u8, bool),
    State,
    Deliver,
    Pass(u64),
    CloseClient,
    CloseServer,
    AbortClient,
    AbortServer,
    Cut,
    Garbage(Vec<u8>, bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..3_u32).prop_map(Op::Call),
        4 => (0..6_u8, any::<bool>()).prop_map(|(id, ok)| Op::Answer(id, ok)),
        2 => (0..6_u8).prop_map(Op::Cancel),
        2 => Just(Op::State),
        8 => Just(Op::Deliver),
        1 => (0..20_000_000_u64).prop_map(Op::Pass),
        1 => Just(Op::CloseClient),
        1 => Just(Op::CloseServer),
        1 => Just(Op::AbortClient),
        1 => Just(Op::AbortServer),
        1 => Just(Op::Cut),
        1 => (prop::collection::vec(prop_oneof![0..13_u8, Just(0x20)], 0..12), any::<bool>())
            .prop_map(|(bytes, up)| Op::Garbage(bytes, up)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn in_any_order_of_operations_every_call_ends_once_and_closed_comes_last(
        ops in prop::collection::vec(op(), 0..60)
    ) {
        let mut pair = Pair::new();
        let mut made = 0;
        for op in ops {
            match op {
                Op::Call(method) => made += usize::from(pair.client.call(method, INPUT).is_ok()),
                Op::Cancel(id) => pair.client.cancel(CallId(id)),
                Op::Answer(id, ok) => {
                    let result = if ok { Ok(OUTPUT) } else { Err(CallError::HandlerPanicked) };
                    pair.server.answer(CallId(id), result);
                }
                Op::State => pair.server.send_state(OUTPUT),
                Op::Deliver => pair.drive(),
                Op::Pass(micros) => pair.pass(Duration::from_micros(micros)),
                Op::CloseClient => pair.client.close(CloseReason::normal(), pair.now),
                Op::CloseServer => pair.server.close(CloseReason::normal(), pair.now),
                Op::AbortClient => pair.client.abort(CloseReason::normal()),
                Op::AbortServer => pair.server.abort(CloseReason::normal()),
                Op::Cut => {
                    pair.client.handle_lost("cut");
                    pair.server.handle_lost("cut");
                }
                Op::Garbage(bytes, true) => pair.server.handle_message(bytes.into()),
                Op::Garbage(bytes, false) => pair.client.handle_message(bytes.into()),
            }
        }
        pair.drive();
        pair.client.handle_lost("end");
        pair.server.handle_lost("end");
        pair.drive();
        let closed = |event: &ClientEvent| matches!(event, ClientEvent::Closed(_));
        prop_assert_eq!(pair.client_events.iter().filter(|event| closed(event)).count(), 1);
        prop_assert!(pair.client_events.last().is_some_and(closed));
        let closed = |event: &ServerEvent| matches!(event, ServerEvent::Closed(_));
        prop_assert_eq!(pair.server_events.iter().filter(|event| closed(event)).count(), 1);
        prop_assert!(pair.server_events.last().is_some_and(closed));
        let ended = |event: &&ClientEvent| {
            matches!(event, ClientEvent::Answer { .. } | ClientEvent::Unanswered { .. })
        };
        prop_assert_eq!(pair.client_events.iter().filter(ended).count(), made);
        prop_assert_eq!(pair.client.open_calls(), 0);
        prop_assert_eq!(pair.client.queued_bytes() + pair.server.queued_bytes(), 0);
        prop_assert_eq!(pair.client.poll_timeout(), None);
    }
}
