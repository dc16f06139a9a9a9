//! Topics and events, from the server's connection to the client's.

mod support;

use bytes::Bytes;
use hardlight_proto::*;
use support::{
    CHAT, Pair, answered, arrived, changed, client_failed, events, exceeded, messages, missed,
    started, subscribed, zeros,
};

const HI: Bytes = Bytes::from_static(b"hi");

/// A pair whose client is subscribed to topic 7, "chat"; its next event is number 1.
fn on_chat(limits: Limits) -> Pair {
    let schema = events(&[("message", "a"), ("joined", "b")]);
    let mut pair = Pair::with(schema, schema, limits.clone(), limits);
    pair.server.announce_topic(7, 1, CHAT);
    pair.drive();
    assert_eq!(pair.client_events[1..], [subscribed(CHAT)]);
    pair.client_events.clear();
    pair
}

fn send(pair: &mut Pair, sequence: u64, payload: Bytes) {
    pair.server.send_event(&EncodedEvent::new(7, sequence, 0, payload));
}

fn event(sequence: u64, payload: Bytes) -> ClientEvent {
    arrived(CHAT, sequence, payload)
}

fn lagged(first: u64, last: u64) -> ClientEvent {
    missed(CHAT, first, last, GapReason::Lagged)
}

#[test]
fn events_arrive_in_order_with_the_name_of_their_topic() {
    let mut pair = on_chat(Limits::new());
    send(&mut pair, 1, HI);
    send(&mut pair, 2, CHAT);
    pair.drive();
    assert_eq!(pair.take_client_events(), [event(1, HI), event(2, CHAT)]);
}

#[test]
fn an_event_sent_before_an_answer_arrives_before_it() {
    let mut pair = Pair::open();
    let id = pair.call(0);
    pair.server.announce_topic(7, 1, CHAT);
    pair.server.answer(id, Ok(HI));
    pair.drive();
    let answer = answered(id, HI);
    assert_eq!(pair.take_client_events(), [subscribed(CHAT), answer]);
}

#[test]
fn after_leaving_nothing_of_the_topic_arrives_until_it_is_announced_again() {
    let mut pair = on_chat(Limits::new());
    pair.server.leave_topic(7);
    send(&mut pair, 1, HI);
    pair.server.announce_topic(7, 2, CHAT);
    send(&mut pair, 2, HI);
    pair.drive();
    let expected = [ClientEvent::Unsubscribed { topic: CHAT }, subscribed(CHAT), event(2, HI)];
    assert_eq!(pair.take_client_events(), expected);
}

#[test]
fn an_event_type_that_the_client_does_not_know_is_skipped_and_counted() {
    let server = events(&[("joined", "b"), ("message", "other fields"), ("left", "c")]);
    let client = events(&[("message", "a"), ("joined", "b")]);
    let mut pair = Pair::with(client, server, Limits::new(), Limits::new());
    pair.server.announce_topic(7, 0, CHAT);
    for sequence in 0..3 {
        pair.server.send_event(&EncodedEvent::new(7, sequence, sequence as u32, HI));
    }
    pair.drive();
    // Its own number of `joined` is 1.
    let extensions = Extensions::new();
    let joined = ClientEvent::Event { topic: CHAT, sequence: 0, event: 1, extensions, payload: HI };
    assert_eq!(pair.client_events.last(), Some(&joined));
    assert_eq!(pair.client.skipped_events(), 2);
    assert!(pair.client.is_open());
}

#[test]
fn behind_a_slow_client_the_oldest_events_are_dropped_and_counted_where_they_are_missing() {
    let mut pair = on_chat(Limits::new().with_max_queued_event_bytes(10_000));
    let payload = zeros(1000);
    for sequence in 1..=500 {
        send(&mut pair, sequence, payload.clone());
        // What is packed already, and what may wait behind it.
        assert!(pair.server.queued_bytes() < 64 * 1024 + 2000 + 10_000);
    }
    pair.drive();
    let mut next = 1;
    let mut missed_in_all = 0;
    for arrived in pair.take_client_events() {
        match arrived {
            ClientEvent::Event { sequence, .. } => {
                assert_eq!(sequence, next);
                next += 1;
            }
            ClientEvent::Gap { topic, first, last, reason } => {
                assert_eq!((topic, first, reason), (CHAT, next, GapReason::Lagged));
                missed_in_all += last + 1 - first;
                next = last + 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(next, 501);
    assert!((400..500).contains(&missed_in_all), "{missed_in_all}");
}

#[test]
fn the_last_events_of_a_topic_are_not_lost_without_a_word() {
    // None may wait, so all behind the first 64 KiB are dropped.
    let mut pair = on_chat(Limits::new().with_max_queued_event_bytes(0));
    for sequence in 1..=100 {
        send(&mut pair, sequence, zeros(1000));
    }
    pair.drive();
    let events = pair.take_client_events();
    let arrived = events.len() as u64 - 1;
    assert_eq!(events.last(), Some(&lagged(arrived + 1, 100)));
    send(&mut pair, 101, HI);
    pair.drive();
    assert_eq!(pair.take_client_events(), [event(101, HI)]);
}

#[test]
fn an_event_sent_before_the_hello_waits_until_it_is_known_to_fit() {
    let schema = events(&[("message", "a")]);
    let mut pair = Pair::with(schema, schema, Limits::new(), Limits::new());
    pair.server.announce_topic(7, 1, CHAT);
    let large = zeros(5000);
    send(&mut pair, 1, large.clone());
    pair.server.send_state(HI);
    pair.drive();
    let expected = [subscribed(CHAT), event(1, large), changed(HI)];
    assert_eq!(pair.client_events[1..], expected);
}

#[test]
fn a_flood_of_events_does_not_hold_calls_back() {
    let mut pair = Pair::open();
    pair.server.announce_topic(7, 1, CHAT);
    for sequence in 1..=2000 {
        send(&mut pair, sequence, zeros(1000));
    }
    assert!(!pair.server.is_congested());
    let id = pair.client.call(0, HI).expect("an id is free");
    messages(&mut pair.client).into_iter().for_each(|message| pair.server.handle_message(message));
    let call = started(id, 0, HI);
    assert_eq!(pair.server.poll_event(), Some(call));
}

#[test]
fn dropping_events_behind_many_frames_costs_the_same() {
    // Quadratic work would take minutes here.
    let mut pair =
        on_chat(Limits::new().with_max_queued_event_bytes(10_000).with_max_topic_bytes(1 << 30));
    send(&mut pair, 1, zeros(100_000));
    for topic in 1000..100_000 {
        pair.server.announce_topic(topic, 0, HI);
    }
    for sequence in 2..100_000 {
        send(&mut pair, sequence, HI);
    }
    pair.drive();
    assert!(pair.client_events.contains(&event(99_999, HI)));
}

#[test]
fn losses_of_a_subscription_are_not_mixed_up_with_those_of_the_next_to_the_same_topic() {
    let mut pair = on_chat(Limits::new().with_max_queued_event_bytes(0));
    let large = zeros(70_000);
    send(&mut pair, 1, large.clone());
    send(&mut pair, 2, HI);
    pair.server.leave_topic(7);
    pair.server.announce_topic(7, 5, CHAT);
    send(&mut pair, 5, HI);
    send(&mut pair, 6, HI);
    pair.drive();
    let expected = [
        event(1, large),
        lagged(2, 2),
        ClientEvent::Unsubscribed { topic: CHAT },
        subscribed(CHAT),
        lagged(5, 6),
    ];
    assert_eq!(pair.take_client_events(), expected);
}

#[test]
fn nothing_follows_a_close_and_nothing_stays_behind_it() {
    let schema = events(&[("message", "a")]);
    let mut pair = Pair::with(schema, schema, Limits::new(), Limits::new());
    pair.server.announce_topic(7, 1, CHAT);
    send(&mut pair, 1, zeros(500));
    pair.server.announce_topic(8, 1, HI);
    pair.server.close(CloseReason::normal(), pair.now);
    let sent: Vec<_> = std::iter::from_fn(|| pair.server.poll_transmit()).collect();
    assert_eq!(sent.last(), Some(&Transmit::Close(CloseReason::normal())));
    assert_eq!(pair.server.queued_bytes(), 0);
    assert!(!pair.server.has_transmit());
}

#[test]
fn what_waits_for_the_hello_is_not_ready_to_be_sent() {
    let schema = events(&[("message", "a")]);
    let mut pair = Pair::with(schema, schema, Limits::new(), Limits::new());
    pair.server.announce_topic(7, 1, CHAT);
    send(&mut pair, 1, HI);
    while pair.server.poll_transmit().is_some() {}
    assert!(!pair.server.has_transmit());
    assert!(pair.server.queued_bytes() > 0);
    pair.part();
}

#[test]
fn a_loss_before_the_hello_is_stated_behind_it() {
    let schema = events(&[("message", "a")]);
    let limits = Limits::new().with_max_queued_event_bytes(0);
    let mut pair = Pair::with(schema, schema, limits.clone(), limits);
    pair.server.announce_topic(7, 1, CHAT);
    while pair.server.poll_transmit().is_some() {}
    // Before the client's Hello events wait, and none may wait here.
    send(&mut pair, 1, HI);
    assert!(!pair.server.has_transmit());
    pair.part();
    let mut pair = Pair::with(schema, schema, Limits::new(), Limits::new());
    pair.server.announce_topic(7, 1, CHAT);
    pair.server.skip_events(7, 4, GapReason::Withheld);
    pair.drive();
    let gap = missed(CHAT, 1, 4, GapReason::Withheld);
    assert_eq!(pair.client_events[1..], [subscribed(CHAT), gap]);
}

#[test]
fn a_loss_is_ready_to_be_stated_at_once() {
    let mut pair = on_chat(Limits::new());
    assert!(!pair.server.has_transmit());
    pair.server.skip_events(7, 1, GapReason::Withheld);
    assert!(pair.server.has_transmit());
}

#[test]
fn the_highest_sequence_number_there_is_ends_nothing() {
    let mut pair = on_chat(Limits::new());
    send(&mut pair, u64::MAX, HI);
    pair.server.skip_events(7, u64::MAX, GapReason::Withheld);
    pair.drive();
    assert!(pair.client.is_open() && pair.server.is_open());
}

#[test]
fn losses_are_stated_before_a_topic_is_left() {
    let mut pair = on_chat(Limits::new().with_max_queued_event_bytes(0));
    for sequence in 1..=100 {
        send(&mut pair, sequence, zeros(1000));
    }
    pair.server.leave_topic(7);
    pair.drive();
    let events = pair.take_client_events();
    let arrived = events.len() as u64 - 2;
    let last = [lagged(arrived + 1, 100), ClientEvent::Unsubscribed { topic: CHAT }];
    assert_eq!(events[events.len() - 2..], last);
}

#[test]
fn events_that_were_dropped_before_they_came_here_are_stated_once() {
    let mut pair = on_chat(Limits::new());
    pair.server.skip_events(7, 3, GapReason::Conflated);
    pair.server.skip_events(7, 2, GapReason::Conflated);
    pair.server.skip_events(8, 9, GapReason::Conflated);
    pair.drive();
    assert_eq!(pair.take_client_events(), [missed(CHAT, 1, 3, GapReason::Conflated)]);
    send(&mut pair, 4, HI);
    pair.server.skip_events(7, 4, GapReason::Conflated);
    pair.drive();
    assert_eq!(pair.take_client_events(), [event(4, HI)]);
}

#[test]
fn a_gap_of_several_reasons_gives_the_lowest_of_them() {
    // None may wait: event 2 is dropped behind what is being sent.
    let mut pair = on_chat(Limits::new().with_max_queued_event_bytes(0));
    send(&mut pair, 1, zeros(70_000));
    send(&mut pair, 2, HI);
    pair.server.skip_events(7, 3, GapReason::Withheld);
    pair.drive();
    assert_eq!(pair.take_client_events(), [event(1, zeros(70_000)), lagged(2, 3)]);
}

#[test]
fn a_hole_that_nobody_stated_is_a_gap_before_the_next_event() {
    let mut pair = on_chat(Limits::new());
    send(&mut pair, 4, HI);
    pair.drive();
    assert_eq!(pair.take_client_events(), [lagged(1, 3), event(4, HI)]);
}

#[test]
fn a_reason_that_is_not_known_is_a_loss_all_the_same() {
    let mut pair = on_chat(Limits::new());
    pair.client.handle_message(Bytes::from_static(b"\x0c\x07\x01\x02\x4d"));
    pair.drive();
    assert_eq!(pair.take_client_events(), [missed(CHAT, 1, 2, GapReason::Unknown(0x4d))]);
}

#[test]
fn subscriptions_without_end_behind_a_slow_client_end_the_connection() {
    let limits = Limits::new().with_max_buffered_bytes(1000).with_max_topic_bytes(1000);
    let mut pair = on_chat(limits);
    for topic in 0..100_000 {
        pair.server.announce_topic(topic, 0, CHAT);
        assert!(pair.server.queued_bytes() < 64 * 1024 + 6000);
    }
    assert!(pair.server.is_ended());
}

#[test]
fn answers_and_state_behind_a_slow_client_are_never_dropped_and_keep_their_order() {
    let mut pair = Pair::with(
        support::counter(),
        support::counter(),
        Limits::new(),
        Limits::new().with_max_queued_event_bytes(0),
    );
    pair.drive();
    let id = pair.call(0);
    pair.take_client_events();
    pair.server.announce_topic(7, 1, CHAT);
    for sequence in 1..200 {
        send(&mut pair, sequence, zeros(1000));
    }
    pair.server.send_state(HI);
    pair.server.answer(id, Ok(HI));
    pair.server.leave_topic(7);
    pair.drive();
    let events = pair.take_client_events();
    let answer = answered(id, HI);
    // None was to wait, so what is missing is stated before the topic is left.
    let missed = 199 - (events.len() as u64 - 5);
    let last =
        [changed(HI), answer, lagged(200 - missed, 199), ClientEvent::Unsubscribed { topic: CHAT }];
    assert_eq!(events[events.len() - 4..], last);
}

#[test]
fn an_event_larger_than_the_client_accepts_is_missed_alone() {
    let mut pair = on_chat(Limits::new().with_max_frame_bytes(100_000));
    send(&mut pair, 1, zeros(100_000));
    pair.drive();
    assert_eq!(pair.take_client_events(), [missed(CHAT, 1, 1, GapReason::TooLong)]);
    send(&mut pair, 2, HI);
    pair.drive();
    assert_eq!(pair.take_client_events(), [event(2, HI)]);
}

#[test]
fn more_topics_than_the_client_allows_end_the_connection_and_name_the_limit() {
    let limits = Limits::new().with_max_topic_bytes(2 * (TOPIC_OVERHEAD_BYTES + 4));
    let mut pair = on_chat(limits);
    pair.server.announce_topic(8, 1, CHAT);
    pair.server.leave_topic(8);
    pair.server.announce_topic(9, 1, CHAT);
    pair.drive();
    assert!(pair.client.is_open());
    pair.server.announce_topic(10, 1, CHAT);
    pair.drive();
    let limit = exceeded("max_topic_bytes", 1032);
    assert_eq!(pair.client_events.last(), Some(&ClientEvent::Closed(limit)));
}

#[test]
fn a_server_that_breaks_the_rules_of_topics_is_left() {
    let long = [&[0x09, 8, 1, 0][..], &[b'x'; 513]].concat();
    for (message, error) in [
        (&b"\x09\x07\x01\x00chat"[..], ProtocolError::InvalidTopic),
        (b"\x09\x08\x01\x03chat", ProtocolError::InvalidTopic),
        (b"\x0a\x08\x00", ProtocolError::TrailingBytes),
        (b"\x0c\x08\x01\x02\x01", ProtocolError::InvalidTopic),
        (&long, ProtocolError::InvalidTopic),
        (b"\x0a\x08", ProtocolError::InvalidTopic),
        (b"\x0b\x08\x01\x00", ProtocolError::InvalidTopic),
        (b"\x0b\x07\x02\x00", ProtocolError::EventSequence),
        (b"\x0b\x07\x00\x00", ProtocolError::EventSequence),
        (b"\x0b\x07\x01\x02", ProtocolError::NoSuchEvent(2)),
        (b"\x0c\x07\x02\x03\x01", ProtocolError::EventSequence),
        (b"\x0c\x07\x01\x00\x01", ProtocolError::EventSequence),
        (b"\x0c\x07\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", ProtocolError::EventSequence),
    ] {
        let mut pair = on_chat(Limits::new());
        pair.client.handle_message(Bytes::copy_from_slice(message));
        pair.drive();
        assert_eq!(pair.client_events.last(), Some(&client_failed(error)), "{message:?}");
    }
}
