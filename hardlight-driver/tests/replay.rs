//! Events that are kept, and clients that come back.

mod support;

use std::sync::{Arc, Mutex};

use hardlight_driver::{
    EventHub, Keep, Received, SubscribeOptions, TopicOptions,
    proto::{GapReason, Limits, Resume, ResumeTopic, TOPIC_OVERHEAD_BYTES},
};
use support::house::{ChatEvent, Guest, House, lagged, message, numbered, on, pattern, waiting};

fn keeping(events: usize) -> House {
    let house = House::new();
    house.hub.configure(pattern("chat/#"), TopicOptions::new().keep(Keep::events(events)));
    house
}

fn emit(house: &mut House, topic: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        house.emitter().emit(topic, message(&number.to_string()));
    }
    house.pool.run_until_stalled();
}

/// Loses the connection of a guest that has read everything: where it left off.
fn leave(house: &mut House, guest: &Guest) -> Option<Resume> {
    house.pool.run_until_stalled();
    guest.cut();
    house.pool.run_until_stalled();
    assert!(guest.client.is_closed());
    house.run(guest.client.resume_point())
}

fn come_back(house: &mut House, resume: Option<Resume>, topic: &str) -> Guest {
    let guest = house.guest_resuming(resume, |_| {});
    house.run(guest.client.join(topic.into())).unwrap();
    guest
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed_exactly_once_and_in_order() {
    let mut house = keeping(100);
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("chat/blue".into())).unwrap();
    emit(&mut house, "chat/blue", 0..5);
    assert_eq!(waiting(&mut events), numbered("chat/blue", 0..5));
    let resume = leave(&mut house, &guest);
    // Nobody is subscribed now.
    emit(&mut house, "chat/blue", 5..20);
    let back = come_back(&mut house, resume, "chat/blue");
    let mut events = back.client.events();
    emit(&mut house, "chat/blue", 20..25);
    assert_eq!(waiting(&mut events), numbered("chat/blue", 5..25));
    // And again, on a connection that goes on itself.
    let resume = leave(&mut house, &back);
    emit(&mut house, "chat/blue", 25..27);
    let back = come_back(&mut house, resume, "chat/blue");
    assert_eq!(waiting(&mut back.client.events()), numbered("chat/blue", 25..27));
}

#[test]
fn what_is_no_longer_kept_is_one_gap_before_what_is() {
    let mut house = keeping(10);
    let guest = house.guest();
    house.run(guest.client.join("chat/blue".into())).unwrap();
    emit(&mut house, "chat/blue", 0..5);
    let resume = leave(&mut house, &guest);
    emit(&mut house, "chat/blue", 5..40);
    let back = come_back(&mut house, resume, "chat/blue");
    let expected =
        [vec![lagged("chat/blue", 25, GapReason::Expired)], numbered("chat/blue", 30..40)];
    assert_eq!(waiting(&mut back.client.events()), expected.concat());
    assert_eq!(back.client.event_counts().missed, 25);
}

#[test]
fn of_a_topic_that_keeps_nothing_all_that_was_missed_is_one_gap() {
    let mut house = keeping(10);
    let (guest, other) = (house.guest(), house.guest());
    house.run(guest.client.join("red".into())).unwrap();
    house.run(other.client.join("red".into())).unwrap();
    emit(&mut house, "red", 0..5);
    let resume = leave(&mut house, &guest);
    emit(&mut house, "red", 5..8);
    let back = come_back(&mut house, resume, "red");
    let mut events = back.client.events();
    emit(&mut house, "red", 8..9);
    let expected = [vec![lagged("red", 3, GapReason::Expired)], numbered("red", 8..9)];
    assert_eq!(waiting(&mut events), expected.concat());
}

#[test]
fn what_was_emitted_while_nobody_was_there_is_a_gap_too() {
    let mut house = House::new();
    let guest = house.guest();
    house.run(guest.client.join("red".into())).unwrap();
    emit(&mut house, "red", 0..5);
    let resume = leave(&mut house, &guest);
    // The topic is gone, and this is sent to nobody.
    emit(&mut house, "red", 5..8);
    let back = come_back(&mut house, resume, "red");
    let mut events = back.client.events();
    emit(&mut house, "red", 8..9);
    let events = waiting(&mut events);
    let Received::Lagged { missed, reason: GapReason::Expired, .. } = events[0] else {
        panic!("{events:?}");
    };
    // No more than that many were missed.
    assert!(missed >= 3);
    assert_eq!(events[1..], numbered("red", 8..9));
}

#[test]
fn a_server_that_was_started_anew_says_that_it_does_not_know_what_was_missed() {
    let mut house = keeping(100);
    let guest = house.guest();
    house.run(guest.client.join("chat/blue".into())).unwrap();
    emit(&mut house, "chat/blue", 0..5);
    let resume = leave(&mut house, &guest);
    house.hub = EventHub::new();
    let back = come_back(&mut house, resume, "chat/blue");
    let mut events = back.client.events();
    emit(&mut house, "chat/blue", 0..2);
    let restarted = Received::Restarted { topic: "chat/blue".into() };
    let expected = [vec![restarted], numbered("chat/blue", 0..2)].concat();
    assert_eq!(waiting(&mut events), expected);
}

/// A guest who comes back to "chat/blue" on another server, where he reads nothing yet.
fn restarted(client_limits: Limits) -> (House, Guest) {
    let mut house = keeping(100);
    house.client_limits = client_limits;
    let guest = house.guest();
    house.run(guest.client.join("chat/blue".into())).unwrap();
    let resume = leave(&mut house, &guest);
    house.hub = EventHub::new();
    let back = come_back(&mut house, resume, "chat/blue");
    (house, back)
}

#[test]
fn those_who_take_events_by_handlers_are_told_that_a_server_was_started_anew() {
    let (mut house, back) = restarted(Limits::new());
    let topics = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&topics);
    back.client.on_restarted(move |topic| noted.lock().unwrap().push(topic.clone()));
    house.pool.run_until_stalled();
    assert_eq!(*topics.lock().unwrap(), ["chat/blue"]);
}

#[test]
fn that_a_server_was_started_anew_is_not_lost_on_a_reader_that_is_slow() {
    let (mut house, back) = restarted(Limits::new().with_max_queued_event_bytes(10_000));
    let mut events = back.client.events_of("chat/blue");
    house.run(back.client.flood("chat/blue".into(), 100)).unwrap();
    let events = waiting(&mut events);
    assert_eq!(events[0], Received::Restarted { topic: "chat/blue".into() });
    assert_eq!(events[1], lagged("chat/blue", 91, GapReason::Lagged));
    assert_eq!((events.len(), back.client.event_counts().dropped), (2 + 9, 91));
}

#[test]
fn that_a_server_was_started_anew_is_told_though_a_connection_between_was_subscribed_to_nothing() {
    let mut house = keeping(100);
    let guest = house.guest();
    house.run(guest.client.join("chat/blue".into())).unwrap();
    let resume = leave(&mut house, &guest);
    house.hub = EventHub::new();
    let between = house.guest_resuming(resume, |_| {});
    let resume = leave(&mut house, &between);
    let back = come_back(&mut house, resume, "chat/blue");
    let restarted = Received::Restarted { topic: "chat/blue".into() };
    assert_eq!(waiting(&mut back.client.events()), [restarted]);
}

#[test]
fn more_topics_than_a_hello_asks_for_go_on_or_have_a_hole() {
    let mut house = keeping(100);
    let topics: Vec<_> = (0..200).map(|number| format!("chat/{number:0500}")).collect();
    let guest = house.guest();
    for topic in &topics {
        house.run(guest.client.join(topic.clone())).unwrap();
    }
    let resume = leave(&mut house, &guest);
    for topic in &topics {
        emit(&mut house, topic, 0..1);
    }
    let back = house.guest_resuming(resume, |_| {});
    for topic in &topics {
        house.run(back.client.join(topic.clone())).unwrap();
    }
    let received = waiting(&mut back.client.events());
    let is_told_of = |received: &Received<ChatEvent>, topic: &str| match received {
        Received::Event { topic: of, .. } => of == topic,
        Received::Lagged { topic: of, reason: GapReason::Expired, .. } => of == topic,
        _ => false,
    };
    for topic in &topics {
        assert!(received.iter().any(|received| is_told_of(received, topic)), "{topic}");
    }
}

#[test]
fn a_topic_that_a_pattern_brings_is_replayed_at_once() {
    let mut house = keeping(100);
    let guest = house.guest();
    guest.connection.subscriptions.add(pattern("chat/+")).unwrap();
    emit(&mut house, "chat/blue", 0..5);
    emit(&mut house, "chat/red", 0..2);
    let resume = leave(&mut house, &guest);
    emit(&mut house, "chat/blue", 5..8);
    for before_the_hello in [true, false] {
        let factory = |connection: &support::house::chat::Connection| {
            if before_the_hello {
                connection.subscriptions.add(pattern("chat/+")).unwrap();
            }
        };
        let back = house.guest_resuming(resume.clone(), factory);
        let mut events = back.client.events();
        if !before_the_hello {
            back.connection.subscriptions.add(pattern("chat/+")).unwrap();
        }
        house.pool.run_until_stalled();
        assert_eq!(waiting(&mut events), numbered("chat/blue", 5..8));
        guest_is_gone(&mut house, &back);
    }
}

/// A house with a hundred topics that keep three events each.
fn with_many_topics() -> House {
    let mut house = keeping(100);
    for topic in 0..100 {
        emit(&mut house, &format!("chat/room{topic:02}"), 0..3);
    }
    house
}

fn topics_of(house: &mut House, guest: &Guest) -> Vec<ResumeTopic> {
    house.run(guest.client.resume_point()).map_or_else(Vec::new, |resume| resume.topics)
}

#[test]
fn of_many_topics_that_are_kept_a_pattern_brings_only_what_there_is_something_to_send_of() {
    let mut house = with_many_topics();
    let guest = house.guest();
    let mut events = guest.client.events();
    guest.connection.subscriptions.add(pattern("chat/#")).unwrap();
    house.pool.run_until_stalled();
    assert_eq!(topics_of(&mut house, &guest), []);
    emit(&mut house, "chat/room05", 3..5);
    assert_eq!(waiting(&mut events), numbered("chat/room05", 3..5));
    // One who comes back gets what was missed, whenever the pattern is followed.
    let resume = leave(&mut house, &guest);
    emit(&mut house, "chat/room05", 5..7);
    for before_the_hello in [true, false] {
        let subscribe = |connection: &support::house::chat::Connection| {
            connection.subscriptions.add(pattern("chat/#")).unwrap();
        };
        let nothing = |_: &support::house::chat::Connection| {};
        let back = if before_the_hello {
            house.guest_resuming(resume.clone(), subscribe)
        } else {
            house.guest_resuming(resume.clone(), nothing)
        };
        let mut events = back.client.events();
        if !before_the_hello {
            back.connection.subscriptions.add(pattern("#")).unwrap();
        }
        house.pool.run_until_stalled();
        assert_eq!(waiting(&mut events), numbered("chat/room05", 5..7));
        assert_eq!(topics_of(&mut house, &back).len(), 1);
        guest_is_gone(&mut house, &back);
    }
}

#[test]
fn the_history_of_as_many_topics_comes_at_once_as_there_is_room_for() {
    let mut house = with_many_topics();
    // Names have eleven bytes, and the pattern six; a quarter is not for topics that patterns bring.
    let limit = (10 * (TOPIC_OVERHEAD_BYTES + 11) + TOPIC_OVERHEAD_BYTES + 6) * 4 / 3 + 4;
    let limits = Limits::new().with_max_topic_bytes(limit);
    (house.limits, house.client_limits) = (limits.clone(), limits);
    let guest = house.guest();
    let mut events = guest.client.events();
    let history = SubscribeOptions::new().history(2);
    guest.connection.subscriptions.add_with(pattern("chat/#"), history).unwrap();
    house.pool.run_until_stalled();
    let known: Vec<_> = topics_of(&mut house, &guest);
    assert_eq!((known.len(), waiting(&mut events).len()), (10, 20));
    // The others come with their next event.
    let name = |topic| format!("chat/room{topic:02}");
    let is_known = |name: &String| known.iter().any(|topic| *topic.name == *name.as_bytes());
    let other = (0..100).map(name).find(|name| !is_known(name)).unwrap();
    emit(&mut house, &other, 3..4);
    assert_eq!(waiting(&mut events), numbered(&other, 1..4));
}

fn guest_is_gone(house: &mut House, guest: &Guest) {
    guest.cut();
    house.pool.run_until_stalled();
}

#[test]
fn one_who_comes_for_the_first_time_gets_as_much_history_as_was_chosen() {
    let mut house = keeping(10);
    emit(&mut house, "chat/blue", 0..30);
    for (history, first) in [(0, 30), (3, 27), (100, 20)] {
        let guest = house.guest();
        let mut events = guest.client.events();
        let options = SubscribeOptions::new().history(history);
        guest.connection.subscriptions.add_with("chat/blue", options).unwrap();
        house.pool.run_until_stalled();
        assert_eq!(waiting(&mut events), numbered("chat/blue", first..30));
    }
}

#[test]
fn the_history_and_what_is_emitted_meanwhile_meet_without_a_hole_or_a_double() {
    let mut house = keeping(1000);
    emit(&mut house, "chat/blue", 0..10);
    let guest = house.guest();
    let mut events = guest.client.events();
    let options = SubscribeOptions::new().history(5);
    // All before the driver runs.
    guest.connection.subscriptions.add_with("chat/blue", options).unwrap();
    for number in 10..15 {
        house.emitter().emit("chat/blue", message(&number.to_string()));
    }
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), numbered("chat/blue", 5..15));
}

#[test]
fn of_many_topics_that_are_resumed_at_once_nothing_is_dropped_because_of_the_others() {
    let mut house = keeping(1000);
    // What each keeps is more than may wait.
    house.limits = Limits::new().with_max_queued_event_bytes(10_000);
    let topics: Vec<_> = (0..20).map(|topic| format!("chat/{topic}")).collect();
    for by_pattern in [false, true] {
        let guest = house.guest();
        for topic in &topics {
            house.run(guest.client.join(topic.clone())).unwrap();
            emit(&mut house, topic, 0..1);
        }
        let resume = leave(&mut house, &guest);
        for topic in &topics {
            emit(&mut house, topic, 1..300);
        }
        let back = house.guest_resuming(resume, |connection| {
            if by_pattern {
                connection.subscriptions.add(pattern("chat/+")).unwrap();
            } else {
                topics.iter().for_each(|topic| connection.subscriptions.add(&**topic).unwrap());
            }
        });
        let mut streams: Vec<_> =
            topics.iter().map(|topic| back.client.events_of(&**topic)).collect();
        house.pool.run_until_stalled();
        for (topic, stream) in topics.iter().zip(&mut streams) {
            assert_eq!(waiting(stream), numbered(topic, 1..300), "{by_pattern}");
        }
        guest_is_gone(&mut house, &back);
    }
}

#[test]
fn what_is_kept_no_longer_once_a_slow_client_reads_is_one_gap() {
    let mut house = keeping(100);
    let guest = house.guest();
    house.run(guest.client.join("chat/blue".into())).unwrap();
    emit(&mut house, "chat/blue", 0..1);
    let resume = leave(&mut house, &guest);
    emit(&mut house, "chat/blue", 1..100);
    let back = house.guest_resuming(resume, |_| {});
    let mut events = back.client.events();
    back.to_client.stall();
    // So much is packed ahead of it.
    back.connection.subscriptions.add("filler").unwrap();
    house.emitter().emit("filler", message(&"x".repeat(70_000)));
    back.connection.subscriptions.add("chat/blue").unwrap();
    emit(&mut house, "chat/blue", 100..150);
    back.to_client.resume();
    house.pool.run_until_stalled();
    let events = waiting(&mut events);
    let expected =
        [vec![lagged("chat/blue", 49, GapReason::Expired)], numbered("chat/blue", 50..150)];
    assert_eq!(events[1..], expected.concat());
}

#[test]
fn what_all_topics_keep_together_is_bounded_and_those_nobody_comes_to_go_first() {
    let mut house = keeping(1000);
    house.hub.set_max_kept_bytes(60_000);
    let guest = house.guest();
    house.run(guest.client.join("chat/used".into())).unwrap();
    emit(&mut house, "chat/used", 0..10);
    for topic in 0..200 {
        emit(&mut house, &format!("chat/idle{topic}"), 0..20);
    }
    let history = SubscribeOptions::new().history(1000);
    let reads = |house: &mut House, topic: &str| {
        let guest = house.guest();
        let mut events = guest.client.events();
        guest.connection.subscriptions.add_with(topic, history).unwrap();
        house.pool.run_until_stalled();
        let events = waiting(&mut events).len();
        guest_is_gone(house, &guest);
        events
    };
    assert_eq!(reads(&mut house, "chat/used"), 10);
    assert_eq!(reads(&mut house, "chat/idle199"), 20);
    assert_eq!(reads(&mut house, "chat/idle0"), 0);
    // One topic alone does not keep more either.
    emit(&mut house, "chat/used", 10..2000);
    let kept = reads(&mut house, "chat/used");
    assert!((500..1000).contains(&kept), "{kept}");
}

#[test]
fn the_numbers_of_a_topic_that_was_forgotten_are_not_given_again() {
    let mut house = keeping(1000);
    let guest = house.guest();
    house.run(guest.client.join("chat/blue".into())).unwrap();
    emit(&mut house, "chat/blue", 0..5);
    let resume = leave(&mut house, &guest);
    emit(&mut house, "chat/blue", 5..7);
    // Everything goes.
    house.hub.set_max_kept_bytes(0);
    house.hub.set_max_kept_bytes(1 << 20);
    let back = come_back(&mut house, resume, "chat/blue");
    let mut events = back.client.events();
    emit(&mut house, "chat/blue", 7..8);
    let expected = [vec![lagged("chat/blue", 2, GapReason::Expired)], numbered("chat/blue", 7..8)];
    assert_eq!(waiting(&mut events), expected.concat());
}

#[test]
fn how_far_a_connection_came_is_known_while_it_lives_and_afterwards() {
    let mut house = keeping(10);
    let guest = house.guest();
    assert_eq!(house.run(guest.client.resume_point()), None);
    house.run(guest.client.join("chat/blue".into())).unwrap();
    emit(&mut house, "chat/blue", 0..3);
    let alive = house.run(guest.client.resume_point()).unwrap();
    let topics = vec![ResumeTopic { name: "chat/blue".into(), next: 3 }];
    assert_eq!(alive.topics, topics);
    assert_eq!(leave(&mut house, &guest), Some(alive));
}

#[test]
fn a_position_that_nobody_could_have_is_answered_with_what_is_known() {
    let mut house = keeping(10);
    let guest = house.guest();
    house.run(guest.client.join("chat/blue".into())).unwrap();
    emit(&mut house, "chat/blue", 0..3);
    let mut resume = leave(&mut house, &guest).unwrap();
    resume.topics[0].next = u64::MAX;
    let back = come_back(&mut house, Some(resume), "chat/blue");
    let mut events = back.client.events();
    house.emitter().emit("chat/blue", ChatEvent::Cleared);
    house.pool.run_until_stalled();
    let restarted = Received::Restarted { topic: "chat/blue".into() };
    assert_eq!(waiting(&mut events), [restarted, on("chat/blue", ChatEvent::Cleared)]);
}
