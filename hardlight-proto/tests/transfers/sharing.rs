//! Transfers, and other frames, take turns.

use hardlight_proto::*;

use crate::{support::*, *};

#[test]
fn a_small_answer_overtakes_a_long_one() {
    let mut pair = roomy();
    let (long, short) = (pair.call(0), pair.call(0));
    pair.server.answer(long, Ok(noise(4 * MIB - 2)));
    // It is well under way.
    (0..50).for_each(|_| assert!(pair.step()));
    let before = pair.down.bytes;
    pair.server.answer(short, Ok(OUTPUT));
    while !pair.client_events.contains(&answered(short, OUTPUT)) {
        assert!(pair.step());
        pair.client_events.extend(client_events(&mut pair.client));
    }
    let waited = pair.down.bytes - before;
    assert!(waited <= 64 * KIB + 100, "{waited} bytes went before it");
    assert_eq!(pair.client_events.len(), 1);
    pair.drive();
    assert_eq!(pair.client_events.len(), 2);
}

#[test]
fn a_small_call_overtakes_a_long_one() {
    let mut pair = roomy();
    pair.client.call(0, noise(4 * MIB - 3)).expect("an id is free");
    (0..50).for_each(|_| assert!(pair.step()));
    let before = pair.up.bytes;
    let short = pair.client.call(1, INPUT).expect("an id is free");
    while !pair.server_events.contains(&started(short, 1, INPUT)) {
        assert!(pair.step());
        pair.server_events.extend(server_events(&mut pair.server));
    }
    let waited = pair.up.bytes - before;
    assert!(waited <= 64 * KIB + 100, "{waited} bytes went before it");
    assert_eq!(pair.server_events.len(), 1);
}

#[test]
fn long_answers_take_turns() {
    let mut pair = roomy();
    let ids: Vec<_> = (0..5).map(|_| pair.call(0)).collect();
    ids.iter().for_each(|&id| pair.server.answer(id, Ok(noise(MIB))));
    while pair.client_events.is_empty() {
        assert!(pair.step());
    }
    // Had they gone one after another, the first would have arrived within a fifth of this.
    assert!(pair.down.bytes > 4 * MIB, "{}", pair.down.bytes);
}

#[test]
fn a_stream_of_small_frames_does_not_stop_a_long_one() {
    let mut pair = roomy();
    let id = pair.call(0);
    pair.server.answer(id, Ok(noise(MIB)));
    pair.server.announce_topic(7, 0, CHAT);
    for sequence in 0.. {
        // More than a message each time.
        for part in 0..70 {
            let sequence = sequence * 70 + part;
            pair.server.send_event(&EncodedEvent::new(7, sequence, 0, noise(1000)));
        }
        pair.step();
        if pair.client_events.contains(&answered(id, noise(MIB))) {
            break;
        }
        assert!(sequence < 200, "it does not arrive");
    }
}

#[test]
fn what_a_call_changed_arrives_before_its_answer_however_long_either_is() {
    for (state, event, answer) in
        [(9, 9, LONG), (LONG, 9, 9), (9, LONG, 9), (LONG, LONG, LONG), (LONG, LONG, 9)]
    {
        let mut pair = roomy();
        let id = pair.call(0);
        pair.server.announce_topic(7, 0, CHAT);
        pair.server.send_state(noise(state));
        pair.server.send_event(&EncodedEvent::new(7, 0, 0, noise(event)));
        pair.server.answer(id, Ok(noise(answer)));
        pair.drive();
        let expected = [
            subscribed(CHAT),
            changed(noise(state)),
            arrived(CHAT, 0, noise(event)),
            answered(id, noise(answer)),
        ];
        assert!(pair.take_client_events() == expected, "{state}, {event}, {answer}");
    }
}

#[test]
fn no_more_than_16_transfers_are_open_and_all_arrive() {
    let mut pair = roomy();
    let ids: Vec<_> = (0..40).map(|_| pair.call(0)).collect();
    for (&id, index) in ids.iter().zip(0..) {
        pair.server.answer(id, Ok(noise(LONG)));
        if index % 10 == 0 {
            pair.server.send_state(noise(LONG));
        }
    }
    pair.drive();
    assert_eq!(pair.client_events.len(), 44);
    assert!(pair.down.most_open > 4, "{}", pair.down.most_open);
}

#[test]
fn calls_and_answers_leave_one_place_to_what_others_wait_for() {
    let (mut server, frames) = server_with_answers(20, LONG);
    let begun = |frames: &[Frame]| {
        frames.iter().filter(|frame| matches!(frame, Frame::Begin { .. })).count()
    };
    assert_eq!(begun(&frames), 15);
    server.send_state(noise(LONG));
    server.send_state(noise(LONG));
    assert_eq!(begun(&sent(&mut server)), 1);
}

#[test]
fn two_sides_that_both_write_nothing_but_large_things_do_not_wait_for_each_other() {
    let limits = quiet().with_max_frame_bytes(100_000).with_max_input_bytes(1 << 30);
    let mut pair = Pair::with(counter(), counter(), limits.clone(), limits).opened();
    for _ in 0..256 {
        pair.client.call(0, zeros(99_000)).expect("an id is free");
    }
    for _ in 0..100_000 {
        let moved = pair.step();
        let calls = pair.take_server_events();
        for event in &calls {
            let ServerEvent::Call { id, .. } = event else { panic!("{event:?}") };
            pair.server.send_state(zeros(90_000));
            pair.server.answer(*id, Ok(zeros(99_000)));
        }
        if !moved && calls.is_empty() {
            break;
        }
    }
    let answers = pair.client_events.iter();
    let answers = answers.filter(|event| matches!(event, ClientEvent::Answer { .. }));
    assert_eq!(answers.count(), 256);
}
