//! What both applications do, undisturbed, and with the transport cut at every step; the client then goes on where it left
//! off.

mod support;

use std::time::Duration;

use hardlight_proto::*;
use support::*;

/// Longer than what may be sent of it without credit.
const LONG: usize = 150_000;

const fn call(len: usize) -> Act {
    Act::Call { method: 0, len }
}

const fn answer(len: usize) -> Act {
    Act::Answer { nth: 0, len }
}

const fn event(topic: usize, len: usize) -> Act {
    Act::Event { topic, len }
}

/// A distance of 30 ms, on which several messages are under way.
fn far(setup: &mut Setup) {
    setup.latency = Duration::from_millis(30);
    setup.window = 128 * KIB;
}

#[test]
fn calls_and_their_answers() {
    let acts = [
        call(10),
        Act::Steps(2),
        call(10),
        call(MAX_MESSAGE_BYTES - 3),
        Act::Drive,
        answer(100),
        Act::Fail(0),
        call(10),
        Act::Steps(1),
        answer(MAX_MESSAGE_BYTES - 2),
        Act::Drive,
        answer(0),
    ];
    Scenario::new(acts.clone()).run_and_cut();
    Scenario::new(acts).with(far).run_and_cut();
}

#[test]
fn calls_that_are_given_up() {
    let acts = [
        call(10),
        Act::Cancel(0),
        Act::Drive,
        call(10),
        call(LONG),
        Act::Steps(1),
        Act::Cancel(1),
        Act::Steps(1),
        Act::Cancel(0),
        Act::Drive,
        call(10),
        call(20),
        Act::Drive,
        answer(LONG),
        Act::Steps(3),
        Act::Cancel(0),
        Act::Cancel(1),
    ];
    Scenario::new(acts.clone()).run_and_cut();
    Scenario::new(acts).with(far).run_and_cut();
}

#[test]
fn state_and_events_before_an_answer() {
    let acts = [
        Act::Announce(0),
        Act::Drive,
        call(10),
        Act::Drive,
        Act::State(10),
        event(0, 10),
        Act::State(LONG),
        event(0, LONG),
        Act::Announce(1),
        event(1, 10),
        answer(LONG),
        Act::Steps(4),
        Act::Features(true),
        Act::State(10),
        Act::Leave(0),
        event(0, 10),
        event(1, 10),
    ];
    Scenario::new(acts.clone()).run_and_cut();
    Scenario::new(acts).with(far).run_and_cut();
}

#[test]
fn events_that_were_missed_between_two_connections() {
    let mut acts = vec![Act::Announce(0), Act::Announce(1), Act::Announce(2), Act::Drive];
    for _ in 0..6 {
        acts.extend([event(0, 10), event(1, 1000), Act::Skip(2), Act::Steps(1)]);
    }
    acts.extend([Act::Leave(1), Act::Steps(1), event(1, 10), Act::Announce(1), event(1, 10)]);
    Scenario::new(acts.clone()).run_and_cut();
    Scenario::new(acts).with(far).run_and_cut();
}

#[test]
fn long_frames_in_both_directions() {
    let acts = [
        call(LONG),
        call(10),
        Act::Steps(2),
        call(LONG),
        Act::Steps(2),
        answer(LONG),
        Act::State(LONG),
        Act::Steps(4),
        answer(LONG),
    ];
    Scenario::new(acts.clone()).run_and_cut();
    Scenario::new(acts).with(far).run_and_cut();
}

#[test]
fn a_beginning_with_a_long_snapshot_and_calls_that_wait_for_it() {
    let acts = [
        call(10),
        Act::Announce(0),
        event(0, 10),
        Act::State(10),
        Act::Steps(1),
        call(LONG),
        Act::Features(true),
        Act::Cancel(0),
    ];
    let scenario = || Scenario::new(acts.clone()).with(|setup| setup.snapshot = LONG);
    scenario().run_and_cut();
    scenario().with(far).run_and_cut();
}

#[test]
fn a_client_that_closes() {
    let acts = [
        call(10),
        call(LONG),
        Act::Drive,
        call(10),
        Act::CloseClient,
        call(10),
        Act::Steps(1),
        Act::State(10),
        answer(10),
        Act::Steps(1),
        answer(LONG),
    ];
    Scenario::new(acts.clone()).run_and_cut();
    Scenario::new(acts).with(far).run_and_cut();
}

#[test]
fn a_server_that_closes() {
    let acts = [
        Act::Announce(0),
        call(10),
        call(20),
        Act::Drive,
        call(10),
        answer(LONG),
        Act::CloseServer,
        Act::Steps(1),
        call(10),
        event(0, 10),
        Act::Steps(2),
        answer(10),
    ];
    Scenario::new(acts.clone()).run_and_cut();
    Scenario::new(acts).with(far).run_and_cut();
}

#[test]
fn both_close_at_once() {
    let acts = [call(10), Act::Drive, Act::CloseServer, Act::CloseClient, call(10), answer(10)];
    Scenario::new(acts.clone()).run_and_cut();
    Scenario::new(acts).with(far).run_and_cut();
    let acts = [call(10), Act::Drive, Act::AbortServer, Act::AbortClient, call(10), answer(10)];
    Scenario::new(acts).with(far).run_and_cut();
}

#[test]
fn a_client_that_reads_slowly() {
    let mut acts = vec![Act::Announce(0), call(10), Act::Drive];
    acts.push(Act::ClientReads(Pace::Bytes(100_000)));
    for _ in 0..8 {
        acts.extend([event(0, 1500), Act::State(100)]);
    }
    acts.extend([answer(LONG), Act::RunFor(Duration::from_secs(1)), event(0, 10)]);
    let small = |setup: &mut Setup| {
        setup.server = Limits::new().with_max_queued_event_bytes(3000).with_max_buffered_bytes(500);
        setup.snapshot = 10;
    };
    Scenario::new(acts.clone()).with(small).run_and_cut();
    Scenario::new(acts).with(small).with(far).run_and_cut();
}

#[test]
fn compressed_payloads() {
    let acts = [
        Act::Announce(0),
        call(LONG),
        Act::Drive,
        Act::State(LONG),
        event(0, 5000),
        answer(LONG),
        Act::Steps(2),
    ];
    let compressed = |setup: &mut Setup| setup.compression = true;
    Scenario::new(acts).with(compressed).run_and_cut();
}
