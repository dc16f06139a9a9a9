//! Events, from the emitter to the streams and handlers of clients, step by step, without a runtime.

mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hardlight_driver::{
    Acceptor, EventHub, Received, SubscribeError, Topic,
    proto::{GapReason, Limits},
};
use support::house::{
    ChatEvent, House, OnChatEvent as _, chat, lagged, message, on, pattern, waiting,
};

#[test]
fn an_event_reaches_the_clients_that_are_subscribed_and_no_other() {
    let mut house = House::new();
    let (alice, bob) = (house.guest(), house.guest());
    let (mut to_alice, mut to_bob) = (alice.client.events(), bob.client.events());
    house.run(alice.client.join("blue".into())).unwrap();
    assert_eq!(house.run(bob.client.say("blue".into(), "hi".into())), Ok(1));
    assert_eq!(waiting(&mut to_alice), [on("blue", message("hi"))]);
    assert_eq!(waiting(&mut to_bob), []);
}

#[test]
fn an_event_that_a_handler_emits_is_there_before_its_answer() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    let in_time = house.run(async {
        guest.client.join("blue".into()).await.unwrap();
        guest.client.say("blue".into(), "hi".into()).await.unwrap();
        waiting(&mut events).len()
    });
    assert_eq!(in_time, 1);
}

#[test]
fn what_is_emitted_once_a_subscription_was_answered_is_never_missed() {
    let mut house = House::new();
    let guest = house.guest();
    let emitter = house.emitter();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    assert_eq!(emitter.emit("blue", ChatEvent::Cleared), 1);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), [on("blue", ChatEvent::Cleared)]);
}

#[test]
fn a_driver_that_sends_an_event_does_not_look_at_its_timer_and_one_whose_time_has_come_does() {
    let mut house = House::new();
    let guest = house.guest_with(|connection| connection.subscriptions.add("blue").unwrap());
    guest.timer.advance(Duration::from_secs(1));
    house.pool.run_until_stalled();
    let looked = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&looked);
    guest.timer.on_poll(move || note.store(true, Ordering::Relaxed));
    house.emitter().emit("blue", ChatEvent::Cleared);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut guest.client.events()), [on("blue", ChatEvent::Cleared)]);
    assert!(!looked.load(Ordering::Relaxed));
    guest.timer.advance(house.limits.heartbeat_interval().unwrap());
    house.pool.run_until_stalled();
    assert!(looked.load(Ordering::Relaxed));
}

#[test]
fn events_that_arrive_before_there_is_a_stream_wait_for_the_first() {
    let mut house = House::new();
    let guest = house.guest_with(|connection| connection.subscriptions.add("blue").unwrap());
    house.emitter().emit("blue", ChatEvent::Cleared);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut guest.client.events()), [on("blue", ChatEvent::Cleared)]);
    assert_eq!(waiting(&mut guest.client.events()), []);
}

/// Keeps what a handler is told, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn events_that_arrive_before_there_is_a_handler_are_given_to_it_in_order() {
    let mut house = House::new();
    let guest = house.guest_with(|connection| connection.subscriptions.add("blue").unwrap());
    for text in ["a", "b"] {
        house.emitter().emit("blue", message(text));
        house.emitter().emit("blue", ChatEvent::Left(text.into()));
    }
    house.pool.run_until_stalled();
    let notes = Notes::default();
    let (messages, left) = (notes.clone(), notes.clone());
    guest.client.on_message(move |_, _, text| messages.write(format!("{text} said")));
    guest.client.on_left(move |_, who| left.write(format!("{who} left")));
    house.emitter().emit("blue", message("c"));
    house.pool.run_until_stalled();
    assert_eq!(notes.lines(), ["a said", "a left", "b said", "b left", "c said"]);
}

#[test]
fn what_no_handler_takes_waits_for_the_first_stream() {
    let mut house = House::new();
    let guest = house.guest_with(|connection| connection.subscriptions.add("blue").unwrap());
    house.emitter().emit("blue", message("a"));
    house.emitter().emit("blue", ChatEvent::Left("bob".into()));
    house.pool.run_until_stalled();
    let notes = Notes::default();
    let messages = notes.clone();
    guest.client.on_message(move |_, _, text| messages.write(text));
    // What was before the stream is the handler's, whether or not that has come to it.
    let mut events = guest.client.events();
    house.emitter().emit("blue", message("b"));
    house.pool.run_until_stalled();
    let expected = [on("blue", ChatEvent::Left("bob".into())), on("blue", message("b"))];
    assert_eq!(waiting(&mut events), expected);
    assert_eq!(notes.lines(), ["a", "b"]);
}

#[test]
fn events_that_arrive_before_the_first_stream_of_their_topic_wait_for_it() {
    let mut house = House::new();
    let guest = house.guest_with(|connection| {
        connection.subscriptions.add("blue").unwrap();
        connection.subscriptions.add("red").unwrap();
    });
    house.emitter().emit("blue", message("a"));
    house.emitter().emit("red", message("b"));
    house.pool.run_until_stalled();
    let mut blue = guest.client.events_of("blue");
    house.emitter().emit("blue", message("c"));
    house.emitter().emit("red", message("d"));
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut blue), [on("blue", message("a")), on("blue", message("c"))]);
    let mut red = guest.client.events_of("red");
    assert_eq!(waiting(&mut red), [on("red", message("b")), on("red", message("d"))]);
    assert_eq!(waiting(&mut guest.client.events_of("red")), []);
    assert_eq!(waiting(&mut guest.client.events()), []);
}

#[test]
fn holes_that_nobody_was_told_of_wait_for_the_handler_of_holes() {
    let mut house = House::new();
    house.client_limits = Limits::new().with_max_queued_event_bytes(10_000);
    let guest = house.guest();
    house.run(guest.client.join("blue".into())).unwrap();
    // More than waits for somebody to take it.
    house.run(guest.client.flood("blue".into(), 100)).unwrap();
    let notes = Notes::default();
    let (left, lagged) = (notes.clone(), notes.clone());
    guest.client.on_left(move |_, _| left.write("left"));
    guest.client.on_lagged(move |topic, missed, reason| {
        lagged.write(format!("{topic}: {missed} {reason:?}"));
    });
    house.pool.run_until_stalled();
    assert_eq!(notes.lines()[0], "blue: 91 Lagged");
    assert_eq!(notes.lines()[1..], ["left"; 9]);
}

#[test]
fn early_events_are_given_to_a_handler_before_the_connection_ends() {
    let mut house = House::new();
    let guest = house.guest_with(|connection| connection.subscriptions.add("blue").unwrap());
    house.emitter().emit("blue", message("a"));
    house.pool.run_until_stalled();
    let notes = Notes::default();
    let messages = notes.clone();
    guest.cut();
    guest.client.on_message(move |_, _, text| messages.write(text));
    house.pool.run_until_stalled();
    assert!(guest.client.is_closed());
    assert_eq!(notes.lines(), ["a"]);
    assert_eq!(Arc::strong_count(&notes.0), 1);
}

#[test]
fn every_stream_gets_every_event_in_order() {
    let mut house = House::new();
    let guest = house.guest();
    let mut streams = [guest.client.events(), guest.client.events()];
    house.run(guest.client.join("blue".into())).unwrap();
    let emitter = house.emitter();
    let sent: Vec<_> = (0..100).map(|number| message(&number.to_string())).collect();
    for event in &sent {
        assert_eq!(emitter.emit("blue", event.clone()), 1);
    }
    house.pool.run_until_stalled();
    let expected: Vec<_> = sent.into_iter().map(|event| on("blue", event)).collect();
    for stream in &mut streams {
        assert_eq!(waiting(stream), expected);
    }
}

#[test]
fn a_handler_of_one_type_gets_its_fields_and_its_panic_harms_nobody() {
    let mut house = House::new();
    let guest = house.guest();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    guest.client.on_message(move |topic, from, text| {
        noted.lock().unwrap().push(format!("{topic}: {from}: {text}"));
    });
    guest.client.on_left(|_, _| panic!("on purpose"));
    house.run(guest.client.join("blue".into())).unwrap();
    let emitter = house.emitter();
    emitter.emit("blue", ChatEvent::Left("bob".into()));
    emitter.emit("blue", message("hi"));
    house.pool.run_until_stalled();
    assert_eq!(*seen.lock().unwrap(), ["blue: somebody: hi"]);
}

#[test]
fn a_handler_may_add_a_handler() {
    let mut house = House::new();
    let guest = house.guest();
    let seen = Arc::new(Mutex::new(0));
    let (client, noted) = (guest.client.clone(), Arc::clone(&seen));
    guest.client.on_left(move |_, _| {
        let noted = Arc::clone(&noted);
        client.on_cleared(move |_| *noted.lock().unwrap() += 1);
    });
    house.run(guest.client.join("blue".into())).unwrap();
    house.emitter().emit("blue", ChatEvent::Left("bob".into()));
    house.emitter().emit("blue", ChatEvent::Cleared);
    house.pool.run_until_stalled();
    assert_eq!(*seen.lock().unwrap(), 1);
}

#[test]
fn after_leaving_a_topic_nothing_of_it_arrives() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    house.run(guest.client.join("red".into())).unwrap();
    assert!(guest.connection.subscriptions.contains("blue"));
    assert_eq!(house.run(guest.client.leave("blue".into())), Ok(true));
    assert_eq!(house.run(guest.client.leave("blue".into())), Ok(false));
    assert_eq!(house.emitter().emit("blue", ChatEvent::Cleared), 0);
    assert_eq!(house.emitter().emit("red", ChatEvent::Cleared), 1);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), [on("red", ChatEvent::Cleared)]);
    let topics: Vec<Topic> = guest.connection.subscriptions.iter().collect();
    assert_eq!(topics, ["red"]);
}

#[test]
fn subscribing_twice_delivers_once() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    house.run(guest.client.join("blue".into())).unwrap();
    assert_eq!(house.emitter().emit("blue", ChatEvent::Cleared), 1);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events).len(), 1);
}

#[test]
fn a_connection_that_ends_leaves_its_topics_and_ends_its_streams() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    house.emitter().emit("blue", ChatEvent::Cleared);
    house.pool.run_until_stalled();
    guest.to_client.cut();
    guest.to_server.cut();
    house.pool.run_until_stalled();
    assert_eq!(house.emitter().emit("blue", ChatEvent::Cleared), 0);
    assert_eq!(guest.connection.subscriptions.add("red"), Err(SubscribeError::Closed));
    let (first, second) = house.run(async { (events.next().await, events.next().await) });
    assert_eq!((first, second), (Some(on("blue", ChatEvent::Cleared)), None));
}

#[test]
fn a_connection_that_is_refused_by_its_factory_leaves_no_subscription() {
    let house = House::new();
    let acceptor = Acceptor::<chat::Connection>::new(Limits::new(), &house.hub);
    let connection = acceptor.connection();
    connection.subscriptions.add("blue").unwrap();
    drop(acceptor);
    assert_eq!(house.emitter().emit("blue", ChatEvent::Cleared), 0);
}

#[test]
fn a_slow_client_is_told_how_many_events_it_missed_and_where() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(20_000);
    let (slow, quick) = (house.guest(), house.guest());
    let mut events = slow.client.events();
    house.run(slow.client.join("blue".into())).unwrap();
    slow.to_client.stall();
    for _ in 0..10 {
        house.run(quick.client.flood("blue".into(), 100)).unwrap();
    }
    house.emitter().emit("blue", ChatEvent::Cleared);
    house.pool.run_until_stalled();
    slow.to_client.resume();
    house.pool.run_until_stalled();
    // Every event has its number in it, so that a hole shows.
    let mut next = 0;
    let mut missed_in_all = 0;
    for received in waiting(&mut events) {
        match received {
            Received::Event { event: ChatEvent::Left(number), .. } => {
                assert_eq!(number.parse(), Ok(next % 100));
                next += 1;
            }
            Received::Lagged { missed, .. } => {
                next += missed;
                missed_in_all += missed;
            }
            last => {
                assert_eq!(last, on("blue", ChatEvent::Cleared));
                next += 1;
            }
        }
    }
    assert_eq!(next, 1001);
    assert!(missed_in_all > 800, "{missed_in_all}");
}

#[test]
fn events_that_the_driver_cannot_take_in_time_are_bounded_too() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(20_000);
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    // All in one go, before the driver of the subscriber runs.
    house.run(guest.client.flood("blue".into(), 1000)).unwrap();
    let events = waiting(&mut events);
    let missed = 1000 - (events.len() as u64 - 1);
    assert_eq!(events[0], lagged("blue", missed, GapReason::Lagged));
    assert!(events.len() < 30, "{}", events.len());
}

#[test]
fn a_hole_stands_in_a_stream_where_the_events_are_missing() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(100_000);
    let (guest, other) = (house.guest(), house.guest());
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    house.emitter().emit("blue", message("first"));
    house.pool.run_until_stalled();
    // The rest is too much for the server to hold, though not for the stream, which nobody has read yet.
    guest.to_client.stall();
    for _ in 0..6 {
        house.run(other.client.flood("blue".into(), 50)).unwrap();
    }
    guest.to_client.resume();
    house.pool.run_until_stalled();
    let events = waiting(&mut events);
    assert_eq!(events[0], on("blue", message("first")));
    let holes = events.iter().filter(|event| matches!(event, Received::Lagged { .. })).count();
    assert_eq!(holes, 1);
}

#[test]
fn a_stream_that_nobody_reads_drops_its_oldest_and_counts_them_first() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    for _ in 0..30 {
        house.run(guest.client.flood("blue".into(), 100)).unwrap();
    }
    let events = waiting(&mut events);
    let missed = 3000 - (events.len() as u64 - 1);
    assert_eq!(events[0], lagged("blue", missed, GapReason::Lagged));
    assert!((1000..2900).contains(&missed), "{missed}");
}

#[test]
fn a_stream_that_is_read_too_slowly_has_its_hole_behind_what_was_read_and_before_what_is_left() {
    let mut house = House::new();
    house.client_limits = Limits::new().with_max_queued_event_bytes(10_000);
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    house.run(guest.client.join("red".into())).unwrap();
    house.emitter().emit("red", message("first"));
    house.emitter().emit("blue", message("first"));
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events).len(), 2);
    // "red" stays whole.
    house.run(guest.client.flood("blue".into(), 100)).unwrap();
    house.emitter().emit("red", message("last"));
    house.pool.run_until_stalled();
    let events = waiting(&mut events);
    assert_eq!(events[0], lagged("blue", 91, GapReason::Lagged));
    assert_eq!(events.last(), Some(&on("red", message("last"))));
    assert_eq!(events.len(), 1 + 9 + 1);
}

#[test]
fn a_stream_that_nobody_reads_takes_no_more_memory_than_its_limit_says() {
    const LIMIT: usize = 100_000;
    let mut house = House::new();
    house.client_limits = Limits::new().with_max_queued_event_bytes(LIMIT);
    let guest = house.guest();
    let events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    // Short events take the most besides.
    for _ in 0..10_000 {
        house.emitter().emit("blue", ChatEvent::Cleared);
        house.pool.run_until_stalled();
    }
    let freed = -allocation_counter::measure(|| drop(events)).bytes_current;
    assert!((LIMIT as i64..2 * LIMIT as i64).contains(&freed), "{freed}");
}

#[test]
fn of_more_topics_than_a_stream_tells_apart_what_it_drops_is_counted() {
    let mut house = House::new();
    house.client_limits = Limits::new().with_max_queued_event_bytes(10_000);
    let guest = house.guest();
    let mut events = guest.client.events();
    guest.connection.subscriptions.add(pattern("+")).unwrap();
    for topic in 0..2_000 {
        house.emitter().emit(topic.to_string(), ChatEvent::Cleared);
        house.pool.run_until_stalled();
    }
    let events = waiting(&mut events);
    let stays = events.iter().filter(|event| matches!(event, Received::Event { .. })).count();
    assert_eq!(events.len(), 1024 + stays);
    let counts = guest.client.event_counts();
    assert_eq!((counts.received, counts.missed), (2_000, 0));
    assert_eq!(counts.dropped, 2_000 - stays as u64);
}

/// What it takes to send an event to so many clients, in bytes that are allocated in all.
#[cfg(feature = "deflate")]
fn cost_of_a_long_event(clients: usize) -> u64 {
    let mut house = House::new();
    house.compression = true;
    let guests: Vec<_> = (0..clients).map(|_| house.guest()).collect();
    for guest in &guests {
        house.run(guest.client.join("blue".into())).unwrap();
    }
    let event = message(&"hello ".repeat(5_000));
    let memory = allocation_counter::measure(|| {
        house.emitter().emit("blue", event.clone());
        house.pool.run_until_stalled();
    });
    for guest in &guests {
        assert_eq!(waiting(&mut guest.client.events()), [on("blue", event.clone())]);
    }
    memory.bytes_total
}

#[cfg(feature = "deflate")]
#[test]
fn an_event_is_compressed_once_however_many_it_goes_to() {
    let [one, two, eleven] = [1, 2, 11].map(cost_of_a_long_event);
    // Each further client expands it, which is far less work.
    let further = two - one;
    assert!(further < one / 2, "{one}, {two}");
    assert!(eleven < one + 12 * further, "{one}, {two}, {eleven}");
}

#[test]
fn a_stream_of_a_topic_that_is_dropped_is_forgotten_though_nothing_comes_of_its_topic() {
    let mut house = House::new();
    let guest = house.guest();
    let streams = |topics: std::ops::Range<u32>| {
        for topic in topics {
            drop(guest.client.events_of(topic.to_string()));
        }
    };
    streams(0..100);
    let memory = allocation_counter::measure(|| streams(100..10_000));
    assert!(memory.bytes_current < 10_000, "{memory:?}");
    house.pool.run_until_stalled();
}

#[test]
fn those_who_take_events_by_handlers_are_told_of_holes_too() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(20_000);
    let guest = house.guest();
    let seen = Arc::new(Mutex::new((0, 0)));
    let (events, holes) = (Arc::clone(&seen), Arc::clone(&seen));
    guest.client.on_left(move |_, _| events.lock().unwrap().0 += 1);
    guest.client.on_lagged(move |_, missed, _| holes.lock().unwrap().1 += missed);
    house.run(guest.client.join("blue".into())).unwrap();
    house.run(guest.client.flood("blue".into(), 1000)).unwrap();
    let (events, missed) = *seen.lock().unwrap();
    assert_eq!(events + missed, 1000);
    assert!(missed > 900, "{missed}");
}

#[test]
fn a_wait_for_an_event_that_is_dropped_loses_nothing() {
    let mut house = House::new();
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    assert_eq!(waiting(&mut events), []);
    assert_eq!(waiting(&mut events), []);
    house.emitter().emit("blue", ChatEvent::Cleared);
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), [on("blue", ChatEvent::Cleared)]);
}

#[test]
fn topics_with_names_that_are_too_long_or_too_many_are_refused() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_topic_bytes(2 * (512 + 4));
    let guest = house.guest();
    let subscriptions = &guest.connection.subscriptions;
    let long = SubscribeError::NameTooLong { bytes: 513 };
    assert_eq!(subscriptions.add("x".repeat(513)), Err(long));
    subscriptions.add("blue").unwrap();
    subscriptions.add("gray").unwrap();
    assert_eq!(subscriptions.add("pink"), Err(SubscribeError::TooManyTopics { limit: 1032 }));
    assert!(subscriptions.remove("blue"));
    subscriptions.add("pink").unwrap();
    house.pool.run_until_stalled();
    assert_eq!(house.run(guest.client.say("pink".into(), "hi".into())), Ok(1));
}

#[test]
#[should_panic = "the hub has events of the type"]
fn a_hub_has_events_of_one_type() {
    #[derive(hardlight_macros::Events)]
    enum Other {
        Happened,
    }
    let hub = EventHub::new();
    hub.emitter::<ChatEvent>();
    hub.emitter::<hardlight_driver::proto::NoEvents>();
    hub.emitter::<Other>();
    let _ = Other::Happened;
}
