//! What could make two sides wait for each other for ever, by name. Every test ends with both at rest: what was asked for
//! has happened, and nothing stays behind.

mod support;

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;
use support::*;

/// Longer than a transfer's credit ahead.
const LONG: usize = 400_000;

const MINUTE: Duration = Duration::from_secs(60);

/// So much room that nothing is refused as BUSY, and no heartbeats: whoever waits, waits for ever.
fn roomy() -> Limits {
    quiet().with_max_input_bytes(1 << 30)
}

/// A pair at a distance, on whose links little is under way.
fn pair(client: Limits, server: Limits) -> Pair {
    let pair = Pair::with(counter(), counter(), client, server);
    pair.over(Duration::from_millis(5), 16 * KIB).opened()
}

/// Makes so many calls of this length.
fn call(pair: &mut Pair, count: usize, len: usize) -> Vec<CallId> {
    let calls = (0..count).map(|_| pair.client.call(0, zeros(len)).expect("an id is free"));
    calls.collect()
}

/// Answers with outputs of this length whatever is given to the server's handlers, until nothing moves.
fn serve(pair: &mut Pair, len: usize) {
    loop {
        pair.drive();
        let events = pair.take_server_events();
        if events.is_empty() {
            return;
        }
        for event in events {
            if let ServerEvent::Call { id, .. } = event {
                pair.server.answer(id, Ok(zeros(len)));
            }
        }
    }
}

/// How many calls have ended with an output.
fn outputs(pair: &Pair) -> usize {
    let output = |event: &&ClientEvent| matches!(event, ClientEvent::Answer { result: Ok(_), .. });
    pair.client_events.iter().filter(output).count()
}

fn errors(pair: &Pair, error: &CallError) -> usize {
    let is = |event: &&ClientEvent| matches!(event, ClientEvent::Answer { result: Err(it), .. } if it == error);
    pair.client_events.iter().filter(is).count()
}

fn states(pair: &Pair) -> usize {
    let state = |event: &&ClientEvent| matches!(event, ClientEvent::State { .. });
    pair.client_events.iter().filter(state).count()
}

// Both sides have much to say.

#[test]
fn both_sides_only_write() {
    // Neither polls its events before all is queued, and both are far beyond what either buffers.
    let small = roomy().with_max_frame_bytes(500_000).with_max_buffered_bytes(1000);
    let mut pair = pair(small.clone(), small);
    let running = call(&mut pair, 20, 10);
    pair.drive();
    running.iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
    call(&mut pair, 20, LONG);
    assert!(pair.server.is_congested());
    serve(&mut pair, LONG);
    assert_eq!(outputs(&pair), 40);
}

#[test]
fn long_calls_against_long_changes_of_the_state() {
    let mut pair = pair(roomy(), roomy().with_max_buffered_bytes(1000));
    call(&mut pair, 20, LONG);
    (0..20).for_each(|_| pair.server.send_state(zeros(LONG)));
    serve(&mut pair, 10);
    assert_eq!((outputs(&pair), states(&pair)), (20, 20));
}

#[test]
fn long_calls_against_long_events() {
    let mut pair = pair(roomy(), roomy().with_max_queued_event_bytes(1 << 30));
    pair.server.announce_topic(7, 0, CHAT);
    call(&mut pair, 20, LONG);
    for sequence in 0..20 {
        pair.server.send_event(&EncodedEvent::new(7, sequence, 0, zeros(LONG)));
    }
    serve(&mut pair, 10);
    let arrived = |event: &&ClientEvent| matches!(event, ClientEvent::Event { .. });
    assert_eq!((outputs(&pair), pair.client_events.iter().filter(arrived).count()), (20, 20));
}

#[test]
fn a_congested_server_takes_long_calls_again_once_it_has_sent() {
    // Anything that waits makes it withhold credit.
    let mut pair = pair(roomy(), roomy().with_max_buffered_bytes(0));
    call(&mut pair, 3, LONG);
    for _ in 0..200 {
        pair.server.send_state(zeros(100));
        pair.step();
    }
    serve(&mut pair, LONG);
    assert_eq!((outputs(&pair), states(&pair)), (3, 200));
}

#[test]
fn a_server_that_is_congested_by_answers_alone_takes_long_calls_again() {
    let mut pair = pair(roomy(), roomy().with_max_frame_bytes(500_000));
    let running = call(&mut pair, 10, 10);
    pair.drive();
    running.iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
    assert!(pair.server.is_congested());
    call(&mut pair, 10, LONG);
    serve(&mut pair, 10);
    assert_eq!(outputs(&pair), 20);
}

#[test]
fn a_server_whose_congestion_ends_with_a_cancel_takes_long_calls_again() {
    let mut pair = pair(roomy(), roomy().with_max_frame_bytes(500_000));
    let running = call(&mut pair, 3, 10);
    pair.drive();
    // The client reads none of it, so that nothing but the cancels makes room.
    pair.to_client.set_pace(Pace::Paused, pair.now);
    running.iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
    call(&mut pair, 1, LONG);
    pair.drive();
    assert!(pair.server.is_congested());
    running.iter().for_each(|&id| pair.client.cancel(id));
    pair.drive();
    assert!(!pair.server.is_congested());
    pair.to_client.set_pace(Pace::Free, pair.now);
    serve(&mut pair, 10);
    assert_eq!((outputs(&pair), errors(&pair, &CallError::Cancelled)), (1, 3));
}

// Credit.

#[test]
fn transfers_that_wait_for_their_turn_do_not_use_up_the_credit() {
    // One of the longest at a time is taken in; 14 others have begun, and the rest wait.
    let limits = roomy().with_max_frame_bytes(500_000).with_max_transfer_bytes(0);
    let mut pair = pair(limits.clone(), limits);
    call(&mut pair, 40, LONG);
    serve(&mut pair, LONG);
    assert_eq!(outputs(&pair), 40);
}

#[test]
fn a_short_transfer_behind_one_that_waits_for_its_turn_arrives() {
    let limits = roomy().with_max_frame_bytes(500_000).with_max_transfer_bytes(500_000);
    let mut pair = pair(limits.clone(), limits);
    let calls = call(&mut pair, 2, LONG);
    call(&mut pair, 1, MAX_MESSAGE_BYTES);
    serve(&mut pair, 10);
    assert_eq!(outputs(&pair), 3);
    assert_eq!(pair.client.call(0, INPUT), Ok(calls[0]));
}

#[test]
fn the_window_of_what_was_given_up_goes_to_others() {
    // As with h2's streams that are reset: what they were allowed must not be lost to the rest.
    let mut pair = pair(roomy(), roomy());
    for _ in 0..50 {
        let given_up = call(&mut pair, 15, LONG);
        (0..12).for_each(|_| assert!(pair.step()));
        given_up.iter().for_each(|&id| pair.client.cancel(id));
        pair.client_events.clear();
    }
    call(&mut pair, 15, MIB);
    serve(&mut pair, 10);
    assert_eq!(outputs(&pair), 15);
}

#[test]
fn calls_that_wait_for_a_place_begin_when_all_before_them_are_given_up() {
    let mut pair = pair(roomy(), roomy());
    // No credit comes, so that fifteen have begun and go no further.
    pair.to_client.set_pace(Pace::Paused, pair.now);
    let calls = call(&mut pair, 20, LONG);
    pair.drive();
    calls[..15].iter().for_each(|&id| pair.client.cancel(id));
    pair.to_client.set_pace(Pace::Free, pair.now);
    serve(&mut pair, 10);
    assert_eq!((outputs(&pair), errors(&pair, &CallError::Cancelled)), (5, 15));
}

#[test]
fn answers_that_wait_for_a_place_begin_when_all_before_them_are_given_up() {
    let mut pair = pair(roomy(), roomy());
    let running = call(&mut pair, 20, 10);
    pair.drive();
    // No credit comes, but for what the client said before.
    running[..15].iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
    pair.to_client.set_pace(Pace::Paused, pair.now);
    while pair.server.poll_transmit().is_some() {}
    running[15..].iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
    assert!(!pair.server.has_transmit());
    for &id in &running[..15] {
        receive(&mut pair.server, &Frame::Cancel { id });
    }
    assert_eq!(server_events(&mut pair.server), []);
    let begun = sent(&mut pair.server).into_iter();
    let begun = begun.filter(|frame| matches!(frame, Frame::Begin { .. }));
    assert_eq!(begun.count(), 5);
    pair.part();
}

#[test]
fn a_stream_of_short_transfers_does_not_hold_a_long_one_back() {
    let limits = roomy().with_max_frame_bytes(500_000).with_max_transfer_bytes(500_000);
    let mut pair = pair(limits.clone(), limits);
    call(&mut pair, 1, LONG);
    // It does not fit in beside the first, nor beside one of those that follow; these fit in beside the first.
    let long = call(&mut pair, 1, 450_000)[0];
    for round in 0.. {
        assert!(round < 10_000, "it does not arrive");
        if pair.client.open_calls() < 5 {
            call(&mut pair, 1, 90_000);
        }
        pair.step();
        for event in pair.take_server_events() {
            if let ServerEvent::Call { id, .. } = event {
                pair.server.answer(id, Ok(OUTPUT));
            }
        }
        if pair.client_events.contains(&answered(long, OUTPUT)) {
            break;
        }
    }
}

#[test]
fn the_window_of_an_answer_that_was_given_up_goes_to_others() {
    let mut pair = pair(roomy(), roomy());
    for _ in 0..20 {
        let running = call(&mut pair, 15, 10);
        pair.drive();
        running.iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
        (0..30).for_each(|_| assert!(pair.step()));
        running.iter().for_each(|&id| pair.client.cancel(id));
        pair.drive();
    }
    pair.client_events.clear();
    pair.server_events.clear();
    call(&mut pair, 15, 10);
    serve(&mut pair, MIB);
    assert_eq!(outputs(&pair), 15);
}

#[test]
fn a_place_that_stays_free_is_not_the_only_one_left() {
    // All places for answers are taken by those that wait for credit; a change of the state still begins.
    let limits = roomy().with_max_frame_bytes(500_000).with_max_transfer_bytes(0);
    let mut pair = pair(limits.clone(), limits);
    let running = call(&mut pair, 30, 10);
    pair.drive();
    running.iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
    (0..5).for_each(|_| pair.server.send_state(zeros(LONG)));
    pair.drive();
    assert_eq!((outputs(&pair), states(&pair)), (30, 5));
}

#[test]
fn an_abort_that_crosses_credit() {
    let mut pair = pair(roomy(), roomy());
    // Each time a little later, so that the abort meets the credit everywhere on its way.
    for steps in 0..60 {
        let long = call(&mut pair, 1, LONG);
        pair.steps(steps);
        pair.client.cancel(long[0]);
        serve(&mut pair, 10);
    }
    assert!(pair.client.is_open() && pair.server.is_open());
    let ended = outputs(&pair) + errors(&pair, &CallError::Cancelled);
    assert_eq!(ended, 60);
}

#[test]
fn a_cancel_that_crosses_the_last_piece_of_an_answer() {
    let mut pair = pair(roomy(), roomy());
    for steps in 0..80 {
        let id = call(&mut pair, 1, 10)[0];
        pair.drive();
        pair.server.answer(id, Ok(zeros(LONG)));
        pair.steps(steps);
        pair.client.cancel(id);
        pair.drive();
    }
    let ended = outputs(&pair) + errors(&pair, &CallError::Cancelled);
    assert_eq!(ended, 80);
}

#[test]
fn credit_arrives_while_the_client_has_calls_without_end_to_send() {
    let mut pair = pair(roomy(), roomy());
    let running = call(&mut pair, 1, 10)[0];
    pair.drive();
    pair.server.answer(running, Ok(zeros(MIB)));
    pair.take_server_events();
    // Credit for the answer has to get by the calls, which never stop.
    for round in 0.. {
        assert!(round < 10_000, "the answer does not arrive");
        if pair.client.open_calls() < 100 {
            call(&mut pair, 1, 1000);
        }
        pair.step();
        for event in pair.take_server_events() {
            if let ServerEvent::Call { id, .. } = event {
                pair.server.answer(id, Ok(OUTPUT));
            }
        }
        if pair.client_events.contains(&answered(running, zeros(MIB))) {
            break;
        }
    }
}

// Order.

#[test]
fn answers_behind_state_behind_a_long_snapshot() {
    let limits = roomy();
    let config = server_config(limits.clone());
    let pair = Pair::of(client_config(limits), config, zeros(MIB));
    let mut pair = pair.over(Duration::from_millis(5), 16 * KIB);
    pair.server.send_state(zeros(LONG));
    call(&mut pair, 5, LONG);
    pair.server.send_state(zeros(10));
    serve(&mut pair, LONG);
    assert_eq!((outputs(&pair), states(&pair)), (5, 2));
}

#[test]
fn a_change_of_the_state_waits_for_no_answer_that_waits_for_it() {
    // The answers have begun, and are overtaken by the state that the line waits for.
    let mut pair = pair(roomy(), roomy());
    let running = call(&mut pair, 16, 10);
    pair.drive();
    for &id in &running {
        pair.server.send_state(zeros(LONG));
        pair.server.answer(id, Ok(zeros(LONG)));
        pair.step();
    }
    pair.drive();
    assert_eq!((outputs(&pair), states(&pair)), (16, 16));
}

#[test]
fn a_loss_behind_a_long_event_is_stated() {
    let mut pair = pair(roomy(), roomy().with_max_queued_event_bytes(0));
    pair.server.announce_topic(7, 0, CHAT);
    pair.drive();
    for sequence in 0..10 {
        let len = if sequence == 3 { LONG } else { 70_000 };
        pair.server.send_event(&EncodedEvent::new(7, sequence, 0, zeros(len)));
    }
    pair.drive();
    let last = pair.client_events.last();
    assert!(matches!(last, Some(ClientEvent::Gap { last: 9, .. })), "{last:?}");
}

// Calls that are held.

#[test]
fn all_calls_are_held_and_given_up() {
    let mut pair = pair(roomy(), roomy().with_max_buffered_bytes(1000));
    pair.to_client.set_pace(Pace::Paused, pair.now);
    (0..100).for_each(|_| pair.server.send_state(zeros(1000)));
    let calls = call(&mut pair, 256, 10);
    pair.drive();
    assert_eq!((pair.server.running_calls(), pair.take_server_events().len()), (256, 0));
    calls.iter().for_each(|&id| pair.client.cancel(id));
    pair.drive();
    // They are ended, but that cannot be told yet.
    assert_eq!((pair.server.running_calls(), pair.client.open_calls()), (0, 256));
    assert_eq!(pair.client.call(0, INPUT), Err(CallError::TooManyCallsInFlight));
    pair.to_client.set_pace(Pace::Free, pair.now);
    pair.drive();
    assert_eq!(errors(&pair, &CallError::Cancelled), 256);
    assert!(pair.client.call(0, INPUT).is_ok());
}

#[test]
fn calls_that_are_held_run_once_the_client_reads() {
    let mut pair = pair(roomy(), roomy().with_max_buffered_bytes(1000));
    pair.to_client.set_pace(Pace::Paused, pair.now);
    (0..100).for_each(|_| pair.server.send_state(zeros(1000)));
    call(&mut pair, 256, 10);
    pair.drive();
    pair.to_client.set_pace(Pace::Bytes(1_000_000), pair.now);
    serve(&mut pair, 2000);
    assert_eq!(outputs(&pair), 256);
}

#[test]
fn calls_are_held_behind_events_for_a_client_that_reads_slowly_and_no_longer() {
    let mut pair = pair(roomy(), roomy().with_max_buffered_bytes(0));
    pair.server.announce_topic(7, 0, CHAT);
    pair.to_client.set_pace(Pace::Messages(Duration::from_millis(100)), pair.now);
    for sequence in 0..1000 {
        pair.server.send_event(&EncodedEvent::new(7, sequence, 0, zeros(1000)));
    }
    call(&mut pair, 10, 10);
    serve(&mut pair, 10);
    assert_eq!(outputs(&pair), 10);
}

#[test]
fn inputs_that_are_held_make_room_again_when_they_are_given_up() {
    let limits = quiet().with_max_buffered_bytes(1000).with_max_input_bytes(100_000);
    let mut pair = pair(quiet(), limits);
    pair.to_client.set_pace(Pace::Paused, pair.now);
    (0..100).for_each(|_| pair.server.send_state(zeros(1000)));
    for _ in 0..5 {
        let held = call(&mut pair, 10, 9000);
        pair.drive();
        assert_eq!(pair.server.running_calls(), 10);
        held.iter().for_each(|&id| pair.client.cancel(id));
        pair.drive();
        assert_eq!(pair.server.input_bytes(), 0);
    }
    pair.to_client.set_pace(Pace::Free, pair.now);
    pair.drive();
    assert_eq!(errors(&pair, &CallError::Cancelled), 50);
}

// Closing.

#[test]
fn a_server_closes_while_transfers_wait_for_credit() {
    let limits = roomy().with_max_frame_bytes(500_000).with_max_transfer_bytes(0);
    let mut pair = pair(limits.clone(), limits);
    let running = call(&mut pair, 30, 10);
    pair.drive();
    running.iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
    pair.server.send_state(zeros(LONG));
    pair.server.close(CloseReason::normal(), pair.now);
    pair.drive();
    assert_eq!((outputs(&pair), states(&pair)), (30, 1));
    assert!(pair.client.is_ended() && pair.server.is_ended());
}

#[test]
fn a_server_that_closes_does_not_wait_for_calls_that_are_still_coming_in() {
    let mut pair = pair(roomy(), roomy());
    let running = call(&mut pair, 1, 10)[0];
    pair.drive();
    call(&mut pair, 15, 4 * MIB - 10);
    (0..20).for_each(|_| assert!(pair.step()));
    pair.server.close(CloseReason::normal(), pair.now);
    (0..20).for_each(|_| assert!(pair.step()));
    pair.server.answer(running, Ok(OUTPUT));
    pair.drive();
    assert_eq!(outputs(&pair), 1);
    assert!(pair.client.is_ended() && pair.server.is_ended());
}

#[test]
fn a_congested_server_that_closes_refuses_what_it_held() {
    let mut pair = pair(roomy(), roomy().with_max_buffered_bytes(1000));
    pair.to_client.set_pace(Pace::Paused, pair.now);
    (0..100).for_each(|_| pair.server.send_state(zeros(1000)));
    call(&mut pair, 100, 10);
    call(&mut pair, 3, LONG);
    pair.drive();
    pair.server.close(CloseReason::normal(), pair.now);
    pair.to_client.set_pace(Pace::Free, pair.now);
    pair.drive();
    assert_eq!(errors(&pair, &CallError::GoingAway), 100);
    assert!(pair.client.is_ended() && pair.server.is_ended());
}

#[test]
fn a_client_closes_while_its_calls_wait_for_credit() {
    let limits = roomy().with_max_frame_bytes(500_000).with_max_transfer_bytes(0);
    let mut pair = pair(limits.clone(), limits);
    call(&mut pair, 30, LONG);
    pair.client.close(CloseReason::normal(), pair.now);
    serve(&mut pair, LONG);
    assert_eq!(outputs(&pair), 30);
    assert!(pair.client.is_ended() && pair.server.is_ended());
}

#[test]
fn a_client_that_closes_waits_no_longer_for_what_it_gave_up() {
    let mut pair = pair(roomy(), roomy());
    let calls = call(&mut pair, 20, LONG);
    (0..10).for_each(|_| assert!(pair.step()));
    pair.client.close(CloseReason::normal(), pair.now);
    calls.iter().for_each(|&id| pair.client.cancel(id));
    pair.drive();
    assert_eq!(errors(&pair, &CallError::Cancelled), 20);
    assert!(pair.client.is_ended() && pair.server.is_ended());
}

#[test]
fn both_close_while_both_have_transfers_open() {
    let mut pair = pair(roomy(), roomy());
    let running = call(&mut pair, 5, 10);
    pair.drive();
    call(&mut pair, 5, LONG);
    running.iter().for_each(|&id| pair.server.answer(id, Ok(zeros(LONG))));
    (0..10).for_each(|_| assert!(pair.step()));
    pair.client.close(CloseReason::normal(), pair.now);
    pair.server.close(CloseReason::normal(), pair.now);
    serve(&mut pair, 10);
    assert_eq!(outputs(&pair), 5);
    assert!(pair.client.is_ended() && pair.server.is_ended());
}

#[test]
fn a_close_whose_transfers_get_no_credit_ends_with_its_grace() {
    let mut pair = pair(roomy(), roomy());
    let running = call(&mut pair, 1, 10)[0];
    pair.drive();
    pair.to_client.set_pace(Pace::Paused, pair.now);
    pair.server.answer(running, Ok(zeros(MIB)));
    pair.server.close(CloseReason::normal(), pair.now);
    pair.run_for(Duration::from_micros(9_999_999));
    assert!(!pair.server.is_ended());
    pair.run_for(Duration::from_micros(1));
    assert!(pair.server.is_ended());
    pair.to_client.set_pace(Pace::Free, pair.now);
    pair.drive();
    assert!(pair.client.is_ended());
    let unanswered = ClientEvent::Unanswered { id: running, may_have_run: true };
    assert!(pair.client_events.contains(&unanswered));
}

#[test]
fn a_server_closes_before_the_client_has_said_hello() {
    let long = zeros(MIB);
    for snapshot in [SNAPSHOT, long] {
        let pair = Pair::of(client_config(roomy()), server_config(roomy()), snapshot);
        let mut pair = pair.over(Duration::from_millis(5), 16 * KIB);
        call(&mut pair, 20, LONG);
        pair.server.close(CloseReason::normal(), pair.now);
        pair.drive();
        assert!(pair.client.is_ended() && pair.server.is_ended());
        let unanswered =
            pair.client_events.iter().filter(|it| matches!(it, ClientEvent::Unanswered { .. }));
        assert_eq!(unanswered.count() + errors(&pair, &CallError::GoingAway), 20);
    }
}

#[test]
fn a_client_closes_before_it_has_read_the_snapshot() {
    let pair = Pair::of(client_config(roomy()), server_config(roomy()), zeros(MIB));
    let mut pair = pair.over(Duration::from_millis(5), 16 * KIB);
    call(&mut pair, 3, LONG);
    pair.client.close(CloseReason::normal(), pair.now);
    serve(&mut pair, 10);
    assert_eq!(outputs(&pair), 3);
    assert!(pair.client.is_ended() && pair.server.is_ended());
}

#[test]
fn a_client_with_early_calls_reads_that_the_server_is_going_away() {
    // It has said hello, and waits for the rest of the snapshot.
    let pair = Pair::of(client_config(roomy()), server_config(roomy()), zeros(MIB));
    let mut pair = pair.over(Duration::from_millis(5), 16 * KIB);
    call(&mut pair, 10, LONG);
    while !pair.server.is_open() {
        assert!(pair.step());
    }
    pair.server.close(CloseReason::normal(), pair.now);
    pair.drive();
    assert_eq!(errors(&pair, &CallError::GoingAway), 10);
    assert!(pair.client.is_ended() && pair.server.is_ended());
}

// Signs of life.

#[test]
fn signs_of_life_get_through_while_both_sides_are_congested() {
    let beating = roomy().with_heartbeat_interval(Some(Duration::from_secs(1)));
    let mut pair = pair(roomy(), beating.with_max_buffered_bytes(0));
    // It takes minutes to read all this.
    pair.to_client.set_pace(Pace::Bytes(50_000), pair.now);
    pair.to_server.set_pace(Pace::Bytes(50_000), pair.now);
    call(&mut pair, 10, LONG);
    (0..10).for_each(|_| pair.server.send_state(zeros(LONG)));
    pair.run_for(3 * MINUTE);
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!(states(&pair), 10);
}

#[test]
fn a_client_that_reads_no_more_is_given_up() {
    let beating = roomy().with_heartbeat_interval(Some(Duration::from_secs(1)));
    let mut pair = pair(roomy(), beating);
    let running = call(&mut pair, 1, 10)[0];
    pair.drive();
    // Nor does anything come from it.
    pair.to_client.set_pace(Pace::Paused, pair.now);
    pair.to_server.set_pace(Pace::Paused, pair.now);
    pair.server.answer(running, Ok(zeros(MIB)));
    call(&mut pair, 200, 10);
    (0..10).for_each(|_| pair.server.send_state(zeros(LONG)));
    pair.run_for(MINUTE);
    let closed = ServerEvent::Closed(ConnectionError::HeartbeatTimeout);
    assert_eq!(pair.server_events.last(), Some(&closed));
    // And so is the server, which is not heard any longer.
    let closed = ClientEvent::Closed(ConnectionError::HeartbeatTimeout);
    assert_eq!(pair.client_events.last(), Some(&closed));
}

#[test]
fn a_server_that_reads_no_more_is_given_up() {
    let beating = roomy().with_heartbeat_interval(Some(Duration::from_secs(1)));
    let mut pair = pair(roomy(), beating);
    pair.run_for(Duration::ZERO);
    pair.to_server.set_pace(Pace::Paused, pair.now);
    call(&mut pair, 10, LONG);
    pair.run_for(MINUTE);
    // The server hears nothing, asks in vain, and its close is the last that the client reads.
    let closed = ServerEvent::Closed(ConnectionError::HeartbeatTimeout);
    assert_eq!(pair.server_events.last(), Some(&closed));
    assert!(matches!(pair.client_events.last(), Some(ClientEvent::Closed(_))));
}

// Beginning anew.

#[test]
fn a_resume_with_more_to_replay_than_may_wait() {
    const EVENTS: u64 = 5000;
    let resume = Resume { epoch: 1, topics: vec![ResumeTopic { name: CHAT, next: 0 }] };
    let client = client_config(roomy()).with_resume(Some(resume));
    let server = server_config(roomy().with_max_queued_event_bytes(100_000)).with_epoch(1);
    let mut pair = Pair::of(client, server, zeros(LONG)).over(Duration::from_millis(5), 16 * KIB);
    while !pair.server.is_open() {
        assert!(pair.step());
    }
    call(&mut pair, 5, LONG);
    assert_eq!(pair.server.resume_hint(&CHAT), Some(0));
    pair.server.announce_topic(7, 0, CHAT);
    for sequence in 0..EVENTS {
        let len = if sequence % 1000 == 0 { LONG } else { 500 };
        pair.server.send_event(&EncodedEvent::new(7, sequence, 0, zeros(len)));
    }
    serve(&mut pair, LONG);
    // Each number once, in order.
    let mut next = 0;
    for event in &pair.client_events {
        match event {
            ClientEvent::Event { sequence, .. } => {
                assert_eq!(*sequence, next);
                next += 1;
            }
            ClientEvent::Gap { first, last, .. } => {
                assert_eq!(*first, next);
                next = last + 1;
            }
            _ => {}
        }
    }
    assert_eq!((next, outputs(&pair)), (EVENTS, 5));
}

// Messages.

#[test]
fn frames_of_every_length_around_the_bounds_of_messages_and_pieces() {
    let mut pair = pair(roomy(), roomy());
    let mut made = 0;
    for bound in [PIECE, INITIAL_CREDIT, MAX_MESSAGE_BYTES, 2 * PIECE + MAX_MESSAGE_BYTES] {
        for len in bound - 8..bound + 8 {
            call(&mut pair, 1, len);
            pair.server.send_state(zeros(len));
            made += 1;
        }
        serve(&mut pair, bound - 2);
        serve(&mut pair, bound + 1);
    }
    assert_eq!((outputs(&pair), states(&pair)), (made, made));
}

#[test]
fn more_frames_than_a_batch_holds_with_a_long_one_at_every_place() {
    let mut pair = pair(roomy(), roomy());
    for place in [0, 1, 62, 63, 64, 65, 127, 128, 129] {
        for index in 0..200 {
            call(&mut pair, 1, if index == place { LONG } else { 10 });
        }
        serve(&mut pair, 10);
    }
    assert_eq!(outputs(&pair), 9 * 200);
}

#[test]
fn frames_that_need_no_attention_hide_nothing_behind_them() {
    let mut pair = pair(roomy(), roomy());
    pair.is_tapped = false;
    let mut message = vec![0x00];
    (0..1000).for_each(|_| message.extend([1, 0x20]));
    message.extend([3, 0x03, 0, 0]);
    pair.server.handle_message(Bytes::from(message));
    pair.drive();
    assert!(matches!(pair.take_server_events()[..], [ServerEvent::Call { id: CallId(0), .. }]));
    pair.server.abort(CloseReason::normal());
}
