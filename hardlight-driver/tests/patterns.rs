//! Subscriptions by pattern, and who is subscribed to what.

mod support;

use hardlight_driver::{
    ConnectionId, Interest, Keep, Overflow, Pattern, SubscribeError, SubscribeOptions, Topic,
    TopicOptions,
    proto::{Limits, TOPIC_OVERHEAD_BYTES},
};
use support::house::{House, message, numbered, on, pattern, waiting};

#[test]
fn a_pattern_brings_the_topics_that_it_matches_and_no_others() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    guest.connection.subscriptions.add(pattern("chat/+/typing")).unwrap();
    guest.connection.subscriptions.add(pattern("news/#")).unwrap();
    let emitter = house.emitter();
    for (topic, reached) in [
        ("chat/blue/typing", 1),
        ("chat/blue", 0),
        ("news", 1),
        ("news/today/sports", 1),
        ("newspaper", 0),
    ] {
        assert_eq!(emitter.emit(topic, message(topic)), reached, "{topic}");
    }
    house.pool.run_until_stalled();
    let expected = ["chat/blue/typing", "news", "news/today/sports"];
    assert_eq!(waiting(&mut events), expected.map(|topic| on(topic, message(topic))));
}

#[test]
fn however_many_subscriptions_match_an_event_comes_once() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    let subscriptions = &guest.connection.subscriptions;
    for text in ["#", "a/#", "+/b", "a/+", "a/b"] {
        subscriptions.add(pattern(text)).unwrap();
    }
    let emitter = house.emitter();
    assert_eq!(emitter.emit("a/b", message("0")), 1);
    subscriptions.add("a/b").unwrap();
    assert_eq!(emitter.emit("a/b", message("1")), 1);
    subscriptions.add(pattern("+/+")).unwrap();
    assert_eq!(emitter.emit("a/b", message("2")), 1);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), numbered("a/b", 0..3));
}

#[test]
fn a_topic_stays_until_the_last_subscription_that_brings_it_is_gone() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    let subscriptions = &guest.connection.subscriptions;
    let emitter = house.emitter();
    subscriptions.add("a/b").unwrap();
    subscriptions.add(pattern("a/#")).unwrap();
    subscriptions.add(pattern("+/b")).unwrap();
    let interests: [Interest; 3] = [pattern("a/#").into(), "a/b".into(), pattern("+/b").into()];
    for (number, interest) in interests.into_iter().enumerate() {
        assert!(subscriptions.covers("a/b"));
        assert_eq!(emitter.emit("a/b", message(&number.to_string())), 1);
        assert!(subscriptions.remove(interest.clone()));
        assert!(!subscriptions.remove(interest));
    }
    assert!(!subscriptions.covers("a/b"));
    assert_eq!(emitter.emit("a/b", message("too late")), 0);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), numbered("a/b", 0..3));
}

#[test]
fn a_pattern_that_came_after_a_topic_was_emitted_on_brings_it_from_there_on() {
    let mut house = House::new();
    let (first, second) = (house.guest(), house.guest());
    let (mut to_first, mut to_second) = (first.client.events(), second.client.events());
    let emitter = house.emitter();
    first.connection.subscriptions.add(pattern("#")).unwrap();
    assert_eq!(emitter.emit("a", message("0")), 1);
    second.connection.subscriptions.add(pattern("+")).unwrap();
    assert_eq!(emitter.emit("a", message("1")), 2);
    first.connection.subscriptions.remove(pattern("#"));
    assert_eq!(emitter.emit("a", message("2")), 1);
    first.connection.subscriptions.add(pattern("#")).unwrap();
    assert_eq!(emitter.emit("a", message("3")), 2);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut to_first), numbered("a", [0, 1, 3]));
    assert_eq!(waiting(&mut to_second), numbered("a", 1..4));
}

#[test]
fn wildcards_in_a_text_mean_nothing() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    // As if a client had chosen the name.
    house.run(guest.client.join("chat/#".into())).unwrap();
    house.run(guest.client.join("+".into())).unwrap();
    let emitter = house.emitter();
    assert_eq!(emitter.emit("chat/blue", message("secret")), 0);
    assert_eq!(emitter.emit("x", message("secret")), 0);
    assert_eq!(emitter.emit("chat/#", message("0")), 1);
    assert_eq!(emitter.emit("+", message("0")), 1);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), [on("chat/#", message("0")), on("+", message("0"))]);
}

#[test]
fn topics_and_patterns_are_told_apart_in_what_a_connection_is_subscribed_to() {
    let mut house = House::new();
    let guest = house.guest();
    let subscriptions = &guest.connection.subscriptions;
    subscriptions.add("a/#").unwrap();
    subscriptions.add(pattern("a/#")).unwrap();
    subscriptions.add(pattern("a/#")).unwrap();
    assert!(subscriptions.contains("a/#") && subscriptions.contains(pattern("a/#")));
    assert!(!subscriptions.contains("a/b") && subscriptions.covers("a/b"));
    house.emitter().emit("a/b", message("brings a topic"));
    assert_eq!(subscriptions.iter().collect::<Vec<Topic>>(), ["a/#"]);
    assert_eq!(subscriptions.patterns().collect::<Vec<Pattern>>(), [pattern("a/#")]);
    assert!(subscriptions.remove("a/#"));
    assert!(subscriptions.contains(pattern("a/#")) && !subscriptions.contains("a/#"));
    assert_eq!(format!("{subscriptions:?}"), r#"{"a/#"}"#);
}

#[test]
fn a_subscription_by_pattern_is_in_force_when_the_answer_arrives() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    guest.connection.subscriptions.add(pattern("#")).unwrap();
    // The event that the handler emits comes before the answer, and its topic before it.
    house.run(guest.client.say("blue".into(), "hi".into())).unwrap();
    assert_eq!(waiting(&mut events), [on("blue", message("hi"))]);
}

#[test]
fn topics_that_a_pattern_brings_are_left_before_they_are_too_many_and_come_again() {
    let mut house = House::new();
    let limits = Limits::new().with_max_topic_bytes(20 * (TOPIC_OVERHEAD_BYTES + 6));
    (house.limits, house.client_limits) = (limits.clone(), limits);
    let guest = house.guest();
    let mut events = guest.client.events();
    guest.connection.subscriptions.add(pattern("+")).unwrap();
    let emitter = house.emitter();
    for round in 0..3 {
        for topic in 0..100 {
            let topic = format!("room{topic:02}");
            assert_eq!(emitter.emit(topic, message(&round.to_string())), 1);
        }
        house.pool.run_until_stalled();
    }
    // Every event came, and the client never held more topics than it allows: it would have gone.
    let events = waiting(&mut events);
    assert_eq!(events.len(), 300);
    for (place, event) in events.iter().enumerate() {
        let topic = format!("room{:02}", place % 100);
        assert_eq!(*event, on(&topic, message(&(place / 100).to_string())));
    }
    assert!(!guest.client.is_closed());
    // What it is subscribed to itself is not among those that are left.
    for topic in 0..18 {
        guest.connection.subscriptions.add(format!("own{topic:03}")).unwrap();
    }
    for topic in 0..30 {
        emitter.emit(format!("room{topic:02}"), message("again"));
    }
    house.pool.run_until_stalled();
    assert!(!guest.client.is_closed());
    assert_eq!(emitter.emit("own007", message("0")), 1);
}

/// A house in which a connection has room for this many topics that a pattern brings, with names of six bytes.
fn with_room_for(topics: usize) -> House {
    let mut house = House::new();
    // The pattern takes a bit of it.
    let limits =
        Limits::new().with_max_topic_bytes((topics + 1) * (TOPIC_OVERHEAD_BYTES + 6) * 4 / 3);
    (house.limits, house.client_limits) = (limits.clone(), limits);
    house
}

#[test]
fn the_history_of_a_topic_that_was_left_for_others_does_not_come_again() {
    let mut house = with_room_for(2);
    house.hub.configure(pattern("#"), TopicOptions::new().keep(Keep::events(100)));
    for number in 0..3 {
        house.emitter().emit("room00", message(&number.to_string()));
    }
    let guest = house.guest();
    let mut events = guest.client.events_of("room00");
    let history = SubscribeOptions::new().history(10);
    guest.connection.subscriptions.add_with(pattern("+"), history).unwrap();
    house.pool.run_until_stalled();
    for number in 3..6 {
        house.emitter().emit("room00", message(&number.to_string()));
        for topic in 1..5 {
            house.emitter().emit(format!("room{topic:02}"), message("other"));
        }
        house.pool.run_until_stalled();
    }
    assert_eq!(waiting(&mut events), numbered("room00", 0..6));
}

#[test]
fn a_topic_that_was_left_for_others_comes_again_by_whichever_pattern_is_left() {
    let mut house = with_room_for(2);
    let (guest, other) = (house.guest(), house.guest());
    let subscriptions = &guest.connection.subscriptions;
    subscriptions.add(pattern("#")).unwrap();
    // So that the topic stays.
    other.connection.subscriptions.add("room00").unwrap();
    let emitter = house.emitter();
    let push_out = || {
        for topic in 1..5 {
            emitter.emit(format!("room{topic:02}"), message("other"));
        }
    };
    assert_eq!(emitter.emit("room00", message("0")), 2);
    push_out();
    assert_eq!(emitter.subscriber_count("room00"), 2);
    assert_eq!(emitter.emit("room00", message("1")), 2);
    push_out();
    // It may come by another pattern.
    subscriptions.add(pattern("+")).unwrap();
    subscriptions.remove(pattern("#"));
    assert_eq!(emitter.emit("room00", message("2")), 2);
    push_out();
    // Or by none.
    subscriptions.remove(pattern("+"));
    assert_eq!(emitter.emit("room00", message("3")), 1);
    subscriptions.add(pattern("+")).unwrap();
    assert_eq!(emitter.emit("room00", message("4")), 2);
    push_out();
    guest.cut();
    house.pool.run_until_stalled();
    assert_eq!(emitter.emit("room00", message("5")), 1);
}

#[test]
fn patterns_count_against_the_limit_and_their_length_is_bounded() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_topic_bytes(2 * (512 + 4));
    let guest = house.guest();
    let subscriptions = &guest.connection.subscriptions;
    subscriptions.add(pattern("ab/#")).unwrap();
    subscriptions.add("blue").unwrap();
    let full = Err(SubscribeError::TooManyTopics { limit: 1032 });
    assert_eq!(subscriptions.add(pattern("cd/#")), full);
    assert!(subscriptions.remove(pattern("ab/#")));
    assert_eq!(subscriptions.add(pattern("cd/#")), Ok(()));
    assert!(Pattern::new("x".repeat(513)).is_err());
}

#[test]
fn a_connection_that_ends_leaves_its_patterns_and_the_topics_they_brought() {
    let mut house = House::new();
    let guest = house.guest();
    guest.connection.subscriptions.add(pattern("#")).unwrap();
    assert_eq!(house.emitter().emit("a", message("0")), 1);
    house.pool.run_until_stalled();
    guest.cut();
    house.pool.run_until_stalled();
    assert_eq!(house.emitter().emit("a", message("1")), 0);
    assert_eq!(house.emitter().emit("b", message("1")), 0);
    assert_eq!(guest.connection.subscriptions.add(pattern("+")), Err(SubscribeError::Closed));
    assert_eq!(guest.connection.subscriptions.patterns().len(), 0);
}

#[test]
fn who_is_present_on_a_topic_is_known_by_topic_and_by_pattern() {
    let mut house = House::new();
    let (first, second, third) = (house.guest(), house.guest(), house.guest());
    let ids: Vec<ConnectionId> =
        [&first, &second, &third].iter().map(|guest| guest.connection.id()).collect();
    assert!(ids.is_sorted() && ids[0] != ids[1]);
    first.connection.subscriptions.add("room").unwrap();
    second.connection.subscriptions.add(pattern("#")).unwrap();
    third.connection.subscriptions.add(pattern("+")).unwrap();
    third.connection.subscriptions.add("room").unwrap();
    assert_eq!(house.hub.subscribers("room"), ids);
    assert_eq!(house.emitter().subscribers("other"), ids[1..]);
    let counts =
        |house: &House| ["room", "other", "$none"].map(|topic| house.hub.subscriber_count(topic));
    assert_eq!(counts(&house), [3, 2, 0]);
    // Once an event has been emitted all are known.
    house.emitter().emit("room", message("0"));
    assert_eq!(counts(&house), [3, 2, 0]);
    third.connection.subscriptions.remove(pattern("+"));
    assert_eq!(house.hub.subscribers("other"), ids[1..2]);
    second.cut();
    house.pool.run_until_stalled();
    assert_eq!(house.hub.subscribers("room"), [ids[0], ids[2]]);
    assert_eq!(house.hub.subscribers("other"), []);
    assert_eq!(counts(&house), [2, 0, 0]);
}

#[test]
fn what_is_done_with_events_that_a_pattern_brings_is_chosen_with_it() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(20_000);
    let (guest, other) = (house.guest(), house.guest());
    let mut events = guest.client.events();
    let latest = SubscribeOptions::new().overflow(Overflow::Latest);
    guest.connection.subscriptions.add_with(pattern("#"), latest).unwrap();
    // All in one go, before the driver of the subscriber runs.
    house.run(other.client.flood("blue".into(), 100)).unwrap();
    let events = waiting(&mut events);
    assert_eq!(events.len(), 1);
    assert_eq!(guest.client.event_counts().replaced, 99);
}
