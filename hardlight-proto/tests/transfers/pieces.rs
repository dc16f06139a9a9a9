//! Where whole frames end and pieces begin, and what waits in pieces.

use hardlight_proto::*;

use crate::{support::*, *};

#[test]
fn a_frame_of_65_kib_is_sent_whole_and_one_byte_more_in_pieces() {
    let mut client = client(quiet());
    client.call(0, noise(MAX_MESSAGE_BYTES - 3)).expect("it fits");
    assert!(matches!(sent(&mut client)[..], [Frame::Call { .. }]));
    client.call(0, noise(MAX_MESSAGE_BYTES - 2)).expect("it fits");
    let frames = sent(&mut client);
    let length = TOO_SHORT + 1;
    assert!(matches!(frames[0], Frame::Begin { transfer: 0, length: told, .. } if told == length));
    assert_eq!(piece_lens(&frames), [(0, PIECE), (0, PIECE)]);
}

#[test]
fn long_calls_answers_state_and_events_arrive_as_they_were_sent() {
    let mut pair = roomy();
    pair.server.announce_topic(7, 0, CHAT);
    pair.server.send_event(&EncodedEvent::new(7, 0, 0, noise(LONG)));
    pair.server.send_state(noise(LONG + 1));
    let id = pair.call_of(1, noise(LONG + 2));
    assert_eq!(pair.take_server_events(), [started(id, 1, noise(LONG + 2))]);
    pair.server.answer(id, Ok(noise(LONG + 3)));
    pair.drive();
    let expected = [
        subscribed(CHAT),
        arrived(CHAT, 0, noise(LONG)),
        changed(noise(LONG + 1)),
        answered(id, noise(LONG + 3)),
    ];
    assert!(pair.take_client_events() == expected);
    assert_eq!((pair.client.arriving_bytes(), pair.server.arriving_bytes()), (0, 0));
    assert_eq!((pair.client.queued_bytes(), pair.server.queued_bytes()), (0, 0));
}

#[test]
fn extensions_travel_in_pieces_too() {
    let mut pair = roomy();
    let says = Extensions::new().with_application(64, b"hi").expect("it fits");
    pair.client.call_with(0, noise(LONG), says.clone()).expect("an id is free");
    pair.drive();
    let [ServerEvent::Call { extensions, .. }] = &pair.server_events[..] else { panic!() };
    assert_eq!(*extensions, says);
}

#[test]
fn long_events_keep_the_order_of_their_topic() {
    let mut pair = roomy();
    pair.server.announce_topic(7, 0, CHAT);
    let lens = [9, LONG, 9, LONG, LONG, 9];
    for (sequence, len) in (0..).zip(lens) {
        pair.server.send_event(&EncodedEvent::new(7, sequence, 0, noise(len)));
    }
    pair.server.leave_topic(7);
    pair.drive();
    let events = pair.take_client_events();
    let expected = (0..).zip(lens).map(|(sequence, len)| arrived(CHAT, sequence, noise(len)));
    assert!(events[1..=6] == expected.collect::<Vec<_>>());
    assert_eq!(events[7..], [ClientEvent::Unsubscribed { topic: CHAT }]);
}

#[test]
fn a_long_event_that_waits_may_be_dropped_and_one_that_has_begun_may_not() {
    let limits = quiet().with_max_queued_event_bytes(100_000);
    let mut pair = Pair::with(counter(), counter(), quiet(), limits).opened();
    pair.server.announce_topic(7, 0, CHAT);
    for sequence in 0..3 {
        pair.server.send_event(&EncodedEvent::new(7, sequence, 0, noise(LONG)));
    }
    pair.server.send_event(&EncodedEvent::new(7, 3, 0, OUTPUT));
    pair.drive();
    let expected = [
        subscribed(CHAT),
        arrived(CHAT, 0, noise(LONG)),
        missed(CHAT, 1, 2, GapReason::Lagged),
        arrived(CHAT, 3, OUTPUT),
    ];
    assert!(pair.take_client_events() == expected);
}

#[test]
fn what_is_sent_in_pieces_counts_as_waiting_until_it_is_sent() {
    let mut server = server(quiet());
    server.send_state(noise(MIB));
    sent(&mut server);
    let rest = MIB - INITIAL_CREDIT;
    assert!((rest..rest + 100).contains(&server.queued_bytes()), "{}", server.queued_bytes());
    let (server, _) = server_with_answers(2, MIB);
    assert!((2 * rest..2 * rest + 100).contains(&server.queued_bytes()));
}
