//! Calls and answers of values.

mod support;

use hardlight_macros::{Events, codable};
use hardlight_proto::{payload::decode, *};
use support::*;

/// Nested as deep as it likes.
#[codable]
struct Chain {
    next: Option<Box<Self>>,
}

fn chain(levels: usize) -> Chain {
    (1..levels).fold(Chain { next: None }, |next, _| Chain { next: Some(Box::new(next)) })
}

/// The input of the one call that the server was given, decoded.
fn input<T: Codable>(pair: &mut Pair) -> (CallId, T) {
    pair.drive();
    match &pair.take_server_events()[..] {
        [ServerEvent::Call { id, payload, .. }] => (*id, decode(payload).expect("it decodes")),
        events => panic!("{events:?}"),
    }
}

fn output<T: Codable>(pair: &mut Pair) -> T {
    pair.drive();
    match &pair.take_client_events()[..] {
        [ClientEvent::Answer { result: Ok(payload), .. }] => decode(payload).expect("it decodes"),
        events => panic!("{events:?}"),
    }
}

#[test]
fn values_of_any_length_travel_there_and_back() {
    let mut pair = Pair::open();
    // Around every border: of a batch's lengths, of what is kept, of a message, of a piece.
    for len in [0, 1, 100, 127, 128, 4096, 4097, 66_500, 66_560, 66_561, 200_000, 1_000_000] {
        let sent: Vec<u8> = (0..len).map(|at: u32| at as u8).collect();
        pair.client.call_value(0, &sent).expect("an id is free");
        let (id, got) = input::<Vec<u8>>(&mut pair);
        assert!(got == sent, "{len} bytes there");
        pair.server.answer_value(id, &got);
        assert!(output::<Vec<u8>>(&mut pair) == sent, "{len} bytes back");
    }
}

#[test]
fn values_keep_their_order_among_other_calls() {
    let mut pair = Pair::open();
    for number in 0..100_u32 {
        if number % 3 == 0 {
            let payload = payload::encode_to_bytes(&number).expect("a number encodes");
            pair.client.call(0, payload).expect("an id is free");
        } else {
            pair.client.call_value(0, &number).expect("an id is free");
        }
    }
    pair.drive();
    let inputs = pair.take_server_events().into_iter().map(|event| match event {
        ServerEvent::Call { payload, .. } => decode::<u32>(&payload).expect("a number"),
        event => panic!("{event:?}"),
    });
    assert!(inputs.eq(0..100));
}

#[test]
fn a_value_waits_for_the_handshake() {
    let mut pair = Pair::new();
    pair.client.call_value(0, &7_u32).expect("an id is free");
    pair.drive();
    assert!(matches!(pair.take_server_events()[..], [ServerEvent::Open, ServerEvent::Call { .. }]));
}

#[test]
fn a_value_that_has_no_payload_is_not_called_with() {
    let mut pair = Pair::open();
    assert_eq!(pair.client.call_value(0, &chain(64)), Err(CallError::EncodeFailed));
    assert_eq!(pair.client.open_calls(), 0);
    // What was begun is not sent with the next.
    pair.client.call_value(0, &7_u32).expect("an id is free");
    let (id, got) = input::<u32>(&mut pair);
    assert_eq!(got, 7);
    pair.server.answer_value(id, &chain(64));
    pair.drive();
    assert_eq!(pair.take_client_events(), [failed(id, CallError::EncodeFailed)]);
}

#[test]
fn calls_with_values_fail_as_others_do() {
    let mut pair = Pair::open();
    let unknown = pair.client.call_value(u32::MAX, &7_u32);
    assert_eq!(unknown, Err(CallError::UnknownMethod));
    let too_long = pair.client.call_value(0, &vec![0_u8; 5 << 20]);
    assert!(matches!(too_long, Err(CallError::InputTooLarge { .. })), "{too_long:?}");
    for _ in 0..MAX_CALLS_IN_FLIGHT {
        pair.client.call_value(0, &7_u32).expect("an id is free");
    }
    let one_more = pair.client.call_value(0, &7_u32);
    assert_eq!(one_more, Err(CallError::TooManyCallsInFlight));
    pair.client.abort(CloseReason::normal());
    assert_eq!(pair.client.call_value(0, &7_u32), Err(CallError::GoingAway));
}

#[test]
fn an_answer_of_a_value_to_a_call_that_does_not_run_goes_nowhere() {
    let mut pair = Pair::open();
    pair.server.answer_value(CallId(3), &7_u32);
    assert!(!pair.server.has_transmit());
}

#[test]
fn calls_that_cannot_be_made_are_refused_before_their_values_are_encoded() {
    let mut pair = Pair::open();
    // Encoding it would fail.
    let value = chain(64);
    assert_eq!(pair.client.call_value(0, &value), Err(CallError::EncodeFailed));
    assert_eq!(pair.client.call_value(u32::MAX, &value), Err(CallError::UnknownMethod));
    for _ in 0..MAX_CALLS_IN_FLIGHT {
        pair.client.call_value(0, &7_u32).expect("an id is free");
    }
    assert_eq!(pair.client.call_value(0, &value), Err(CallError::TooManyCallsInFlight));
    pair.client.abort(CloseReason::normal());
    assert_eq!(pair.client.call_value(0, &value), Err(CallError::GoingAway));
}

#[test]
fn calls_made_before_the_connection_is_open_are_refused_before_their_values_are_encoded() {
    let mut client = Connection::client(client_config(quiet()), Time::ZERO);
    let value = chain(64);
    assert_eq!(client.call_value(0, &value), Err(CallError::EncodeFailed));
    assert_eq!(client.call_value(u32::MAX, &value), Err(CallError::UnknownMethod));
    for _ in 0..MAX_CALLS_IN_FLIGHT {
        client.call_value(0, &7_u32).expect("an id is free");
    }
    assert_eq!(client.call_value(0, &value), Err(CallError::TooManyCallsInFlight));
}

/// An array is its own payload.
fn there_and_back<const N: usize>(pair: &mut Pair) {
    let sent = [7_u8; N];
    pair.client.call_value(0, &sent).expect("an id is free");
    let (id, got) = input::<[u8; N]>(pair);
    assert!(got == sent, "{N} bytes there");
    pair.server.answer_value(id, &sent);
    assert!(output::<[u8; N]>(pair) == sent, "{N} bytes back");
}

/// The longest payload that is surely not too long is 66,544 bytes.
#[test]
fn values_around_the_longest_that_goes_the_short_way_travel_there_and_back() {
    let mut pair = Pair::open();
    there_and_back::<66_543>(&mut pair);
    there_and_back::<66_544>(&mut pair);
    there_and_back::<66_545>(&mut pair);
}

#[test]
fn what_a_method_came_to_is_answered_as_its_output_or_its_error() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.answer_result(id, Ok(7_u32));
    assert_eq!(output::<u32>(&mut pair), 7);
    let id = pair.call(0);
    pair.server.answer_result::<u32>(id, Err(CallError::InvalidInput));
    pair.drive();
    let extensions = Extensions::new();
    let expected = ClientEvent::Answer { id, result: Err(CallError::InvalidInput), extensions };
    assert_eq!(pair.take_client_events(), [expected]);
}

#[test]
fn a_payload_of_another_type_is_an_invalid_input_or_output() {
    let payload = payload::encode_to_bytes(&7_u32).expect("a number encodes");
    assert_eq!(payload::decode_input::<u32>(&payload), Ok(7));
    assert_eq!(payload::decode_output::<u32>(&payload), Ok(7));
    assert_eq!(payload::decode_input::<u64>(&payload), Err(CallError::InvalidInput));
    assert_eq!(payload::decode_output::<u64>(&payload), Err(CallError::InvalidOutput));
}

#[derive(Debug, PartialEq, Events)]
enum News {
    Joined { who: String },
    Left(String, u32),
    Closed,
}

/// What `Joined` is, written by hand.
#[codable]
struct Joined {
    who: String,
}

#[test]
fn an_enum_of_events_needs_nothing_but_the_core() {
    let news = || [News::Joined { who: "me".into() }, News::Left("you".into(), 7), News::Closed];
    for (news, (again, index)) in news().into_iter().zip(news().into_iter().zip(0..)) {
        let (event, payload) = again.encode().expect("it encodes");
        assert_eq!(event, index);
        assert_eq!(News::decode(event, &payload), Ok(news));
    }
    assert!(News::decode(3, &[]).is_err());
    let schema = ServiceSchema::new("Chat").event::<Joined>("Joined");
    assert_eq!(schema.events[0], ServiceSchema::new("Chat").events::<News>().events[0]);
}
