//! How transfers end with their connection.

use hardlight_proto::*;

use crate::{support::*, *};

#[test]
fn a_server_that_closes_sends_long_answers_to_their_end() {
    let mut pair = roomy();
    let ids: Vec<_> = (0..20).map(|_| pair.call(0)).collect();
    ids.iter().for_each(|&id| pair.server.answer(id, Ok(noise(LONG))));
    pair.server.send_state(noise(LONG));
    pair.server.close(CloseReason::normal(), pair.now);
    pair.drive();
    let events = pair.take_client_events();
    let answers = events.iter().filter(|event| matches!(event, ClientEvent::Answer { .. }));
    assert_eq!(answers.count(), 20);
    assert!(events.contains(&changed(noise(LONG))));
    let closed = closed_by(Initiator::Remote, CloseCode::NORMAL, "");
    assert_eq!(events.last(), Some(&ClientEvent::Closed(closed)));
}

#[test]
fn a_server_that_closes_sends_what_is_long_behind_what_is_not() {
    let mut pair = roomy();
    let id = pair.call(0);
    // So much that the answer has to wait for its turn to begin.
    (0..3).for_each(|_| pair.server.send_state(noise(MAX_MESSAGE_BYTES - 3)));
    pair.server.answer(id, Ok(noise(LONG)));
    pair.server.close(CloseReason::normal(), pair.now);
    assert!(!pair.server.is_ended());
    pair.drive();
    assert!(pair.client_events.contains(&answered(id, noise(LONG))));
    assert!(pair.client.is_ended());
}

#[test]
fn a_client_that_closes_sends_and_receives_what_is_long_to_its_end() {
    let mut pair = roomy();
    let early = pair.client.call(0, noise(LONG)).expect("an id is free");
    pair.client.close(CloseReason::normal(), pair.now);
    pair.drive();
    assert_eq!(pair.server_events.len(), 1);
    pair.server.answer(early, Ok(noise(LONG)));
    pair.drive();
    let closed = closed_by(Initiator::Local, CloseCode::NORMAL, "");
    let expected = [answered(early, noise(LONG)), ClientEvent::Closed(closed)];
    assert!(pair.take_client_events() == expected);
}

#[test]
fn what_is_not_sent_when_the_grace_is_over_is_dropped() {
    let mut server = server(quiet());
    receive(&mut server, &call_frame(0, 0, INPUT));
    server_events(&mut server);
    server.answer(CallId(0), Ok(noise(MIB)));
    server.close(CloseReason::normal(), Time::ZERO);
    sent(&mut server);
    server.handle_timeout(Time::from_micros(9_999_999));
    assert!(!server.is_ended());
    server.handle_timeout(Time::from_micros(10_000_000));
    assert!(matches!(server_events(&mut server)[..], [ServerEvent::Closed(_)]));
    assert_eq!(server.queued_bytes(), 0);
    assert_eq!(server.poll_transmit(), Some(Transmit::Close(CloseReason::normal())));
    assert_eq!(server.poll_transmit(), None);
}

#[test]
fn behind_a_long_frame_that_is_cut_off_nothing_is_sent_that_would_have_waited_for_it() {
    let mut server = server(quiet().with_max_queued_event_bytes(0));
    server.announce_topic(7, 0, CHAT);
    server.send_event(&EncodedEvent::new(7, 0, 0, noise(MIB)));
    sent(&mut server);
    // It is dropped, and that is still to be stated.
    server.send_event(&EncodedEvent::new(7, 1, 0, OUTPUT));
    server.send_state(OUTPUT);
    server.close(CloseReason::normal(), Time::ZERO);
    server.handle_timeout(Time::from_micros(10_000_000));
    let sent: Vec<_> = std::iter::from_fn(|| server.poll_transmit()).collect();
    let [rest @ .., Transmit::Close(_)] = &sent[..] else { panic!("{sent:?}") };
    let rest = rest.iter().flat_map(|transmit| match transmit {
        Transmit::Message(message) => frames(message.clone()),
        Transmit::Close(_) => panic!("two closes"),
    });
    let names: Vec<_> = rest.map(|frame| frame.name()).collect();
    assert!(names.iter().all(|name| *name == "GOING_AWAY"), "{names:?}");
}

#[test]
fn the_end_of_the_transport_drops_all_transfers() {
    let mut pair = roomy();
    let id = pair.call(0);
    pair.client.call(0, noise(MIB)).expect("an id is free");
    pair.server.answer(id, Ok(noise(MIB)));
    (0..6).for_each(|_| assert!(pair.step()));
    pair.client.handle_lost("cut");
    pair.server.handle_lost("cut");
    pair.drive();
    for left in [pair.client.queued_bytes(), pair.server.queued_bytes()] {
        assert_eq!(left, 0);
    }
    for left in [pair.client.arriving_bytes(), pair.server.arriving_bytes()] {
        assert_eq!(left, 0);
    }
    assert!(!pair.client.has_transmit() && !pair.server.has_transmit());
}
