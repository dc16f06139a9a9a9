//! What becomes of the events of a client that does not read, by what the server chose.

mod support;

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use hardlight_driver::{
    Overflow, Received, SubscribeOptions, TopicOptions,
    proto::{CloseCode, CloseReason, ConnectionError, GapReason, Initiator, Limits},
};
use support::house::{
    ChatEvent, Guest, House, OnChatEvent as _, lagged, message, numbered, on, pattern, waiting,
};

const LIMIT: usize = 10_000;

/// A house with a guest in "blue" who does not read.
fn stalled(overflow: Overflow) -> (House, Guest) {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(LIMIT);
    let guest = house.guest();
    let options = SubscribeOptions::new().overflow(overflow);
    guest.connection.subscriptions.add_with("blue", options).unwrap();
    house.pool.run_until_stalled();
    guest.to_client.stall();
    // So much is packed ahead, beyond what waits.
    let filler = "x".repeat(70_000);
    guest.connection.subscriptions.add("filler").unwrap();
    assert_eq!(house.emitter().emit("filler", message(&filler)), 1);
    house.pool.run_until_stalled();
    (house, guest)
}

/// What came to the guest behind what was packed ahead, once it reads again.
fn read(house: &mut House, guest: &Guest) -> Vec<Received<ChatEvent>> {
    let mut events = guest.client.events_of("blue");
    guest.to_client.resume();
    house.pool.run_until_stalled();
    waiting(&mut events)
}

/// Emits events one at a time, with the driver running after each.
fn emit(house: &mut House, numbers: std::ops::Range<u32>) {
    for number in numbers {
        house.emitter().emit("blue", message(&number.to_string()));
        house.pool.run_until_stalled();
    }
}

/// How many events came before the first loss, and how many in all are accounted for.
fn account(received: &[Received<ChatEvent>]) -> (usize, u64, u64) {
    let before = received.iter().take_while(|it| matches!(it, Received::Event { .. })).count();
    let events = received.iter().filter(|it| matches!(it, Received::Event { .. })).count();
    let missed = received.iter().map(|it| match it {
        Received::Lagged { missed, .. } => *missed,
        _ => 0,
    });
    (before, events as u64, missed.sum())
}

#[test]
fn by_default_the_oldest_are_dropped() {
    let (mut house, guest) = stalled(Overflow::DropOldest);
    emit(&mut house, 0..500);
    let received = read(&mut house, &guest);
    let (before, events, missed) = account(&received);
    assert_eq!((before, events + missed), (0, 500));
    assert_eq!(received.last(), Some(&on("blue", message("499"))));
    assert!((50..150).contains(&events), "{events}");
}

#[test]
fn those_that_wait_may_stay_and_the_new_ones_go() {
    let (mut house, guest) = stalled(Overflow::DropNewest);
    emit(&mut house, 0..500);
    let received = read(&mut house, &guest);
    let (before, events, missed) = account(&received);
    assert_eq!((before as u64, events + missed), (events, 500));
    assert_eq!(received.last(), Some(&lagged("blue", missed, GapReason::Lagged)));
    assert!((50..150).contains(&events), "{events}");
}

#[test]
fn only_the_latest_may_wait() {
    let (mut house, guest) = stalled(Overflow::Latest);
    emit(&mut house, 0..500);
    assert_eq!(read(&mut house, &guest), numbered("blue", [499]));
    assert_eq!(guest.client.event_counts().replaced, 499);
    assert_eq!(guest.client.event_counts().missed, 0);
}

#[test]
fn a_client_may_have_to_keep_up_or_go() {
    let (mut house, guest) = stalled(Overflow::Disconnect);
    emit(&mut house, 0..500);
    guest.to_client.resume();
    house.pool.run_until_stalled();
    let reason = CloseReason::new(CloseCode::LIMIT_EXCEEDED, "max_queued_event_bytes");
    let closed = ConnectionError::Closed { initiator: Initiator::Remote, reason };
    assert_eq!(house.run(guest.client.closed()), closed);
    assert_eq!(house.hub.subscribers("blue"), []);
}

#[test]
fn a_client_may_have_to_keep_up_with_what_comes_before_its_driver_runs() {
    let (mut house, guest) = stalled(Overflow::Disconnect);
    for number in 0..500 {
        house.emitter().emit("blue", message(&number.to_string()));
    }
    guest.to_client.resume();
    house.pool.run_until_stalled();
    assert!(guest.client.is_closed());
}

#[test]
fn what_holds_for_a_topic_is_overridden_by_the_subscription() {
    for (chosen, latest) in [(None, true), (Some(Overflow::DropOldest), false)] {
        let mut house = House::new();
        let guest = house.guest();
        let mut events = guest.client.events();
        house.hub.configure(pattern("#"), TopicOptions::new().overflow(Overflow::DropNewest));
        house.hub.configure(pattern("blue"), TopicOptions::new().overflow(Overflow::Latest));
        let mut options = SubscribeOptions::new();
        options.overflow = chosen;
        guest.connection.subscriptions.add_with("blue", options).unwrap();
        for number in 0..3 {
            house.emitter().emit("blue", message(&number.to_string()));
        }
        house.pool.run_until_stalled();
        let expected = if latest { numbered("blue", [2]) } else { numbered("blue", 0..3) };
        assert_eq!(waiting(&mut events), expected);
    }
}

#[test]
fn a_gap_of_several_reasons_gives_the_worst() {
    let (mut house, guest) = stalled(Overflow::Latest);
    // The latest of one topic gives way to others, and is then followed by a later one.
    emit(&mut house, 0..2);
    for _ in 0..200 {
        house.emitter().emit("filler", message("y"));
    }
    house.pool.run_until_stalled();
    emit(&mut house, 2..3);
    let expected = [vec![lagged("blue", 2, GapReason::Lagged)], numbered("blue", [2])].concat();
    assert_eq!(read(&mut house, &guest), expected);
}

#[test]
fn a_client_that_reads_well_is_refused_nothing_while_its_driver_is_busy() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(LIMIT);
    let guest = house.guest();
    let options = SubscribeOptions::new().overflow(Overflow::DropNewest);
    guest.connection.subscriptions.add_with("blue", options).unwrap();
    let mut events = guest.client.events_of("blue");
    // More than the limit together, from calls that come all at once.
    let client = guest.client.clone();
    house.spawn(async move {
        let say = |number: u32| client.say("blue".into(), number.to_string());
        futures_util::future::join_all((0..200).map(say)).await
    });
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), numbered("blue", 0..200));
}

// Emitters that wait.

const PATIENCE: Duration = Duration::from_secs(5);

fn patient() -> (House, Guest) {
    let (mut house, guest) = stalled(Overflow::Wait { up_to: PATIENCE });
    // As many as there is room for.
    emit(&mut house, 0..500);
    (house, guest)
}

#[test]
fn an_emitter_waits_until_there_is_room() {
    let (mut house, guest) = patient();
    let emitter = house.emitter();
    let sent = house.spawn(async move { emitter.emit_wait("blue", message("waited")).await });
    house.pool.run_until_stalled();
    assert_eq!(*sent.borrow(), None);
    let received = read(&mut house, &guest);
    assert_eq!(*sent.borrow(), Some(1));
    assert_eq!(received.last(), Some(&on("blue", message("waited"))));
    // What did not wait is missing where it would have been.
    let missed = received.iter().filter(|it| matches!(it, Received::Lagged { .. })).count();
    assert_eq!(missed, 1);
}

#[test]
fn with_emitters_that_wait_nothing_is_lost_however_slow_the_reader() {
    let (mut house, guest) = stalled(Overflow::Wait { up_to: PATIENCE });
    let mut events = guest.client.events_of("blue");
    let emitter = house.emitter();
    let sent = house.spawn(async move {
        for number in 0..2000 {
            emitter.emit_wait("blue", message(&number.to_string())).await;
        }
    });
    let mut received = Vec::new();
    for _ in 0..10_000 {
        guest.to_client.resume();
        house.pool.try_run_one();
        guest.to_client.stall();
        received.extend(waiting(&mut events));
        if sent.borrow().is_some() {
            break;
        }
    }
    guest.to_client.resume();
    house.pool.run_until_stalled();
    received.extend(waiting(&mut events));
    assert_eq!(received, numbered("blue", 0..2000));
}

#[test]
fn an_emitter_waits_no_longer_than_was_chosen_and_then_for_nobody_until_there_is_room_again() {
    let (mut house, guest) = patient();
    let emitter = house.emitter();
    let waits = |house: &House| {
        let emitter = emitter.clone();
        house.spawn(async move { emitter.emit_wait("blue", message("late")).await })
    };
    let first = waits(&house);
    house.pool.run_until_stalled();
    guest.timer.advance(PATIENCE - Duration::from_millis(1));
    house.pool.run_until_stalled();
    assert_eq!(*first.borrow(), None);
    guest.timer.advance(Duration::from_millis(1));
    house.pool.run_until_stalled();
    assert_eq!(*first.borrow(), Some(1));
    // It has been given up: the next one does not wait at all.
    let second = waits(&house);
    house.pool.run_until_stalled();
    assert_eq!(*second.borrow(), Some(1));
    let received = read(&mut house, &guest);
    let late = on("blue", message("late"));
    assert!(!received.contains(&late));
    // It has caught up: it is waited for again.
    guest.to_client.stall();
    house.emitter().emit("filler", message(&"x".repeat(70_000)));
    house.pool.run_until_stalled();
    emit(&mut house, 0..500);
    let third = waits(&house);
    house.pool.run_until_stalled();
    assert_eq!(*third.borrow(), None);
}

#[test]
fn an_emitter_waits_for_all_clients_at_the_same_time() {
    let (mut house, slow) = patient();
    let options = SubscribeOptions::new().overflow(Overflow::Wait { up_to: PATIENCE });
    let others: Vec<_> = (0..3)
        .map(|_| {
            let guest = house.guest();
            guest.connection.subscriptions.add_with("blue", options).unwrap();
            guest.connection.subscriptions.add("filler").unwrap();
            house.pool.run_until_stalled();
            guest.to_client.stall();
            guest
        })
        .collect();
    house.emitter().emit("filler", message(&"x".repeat(70_000)));
    house.pool.run_until_stalled();
    emit(&mut house, 0..500);
    let emitter = house.emitter();
    let sent = house.spawn(async move { emitter.emit_wait("blue", message("late")).await });
    house.pool.run_until_stalled();
    assert_eq!(*sent.borrow(), None);
    for guest in others.iter().chain([&slow]) {
        guest.timer.advance(PATIENCE);
    }
    house.pool.run_until_stalled();
    assert_eq!(*sent.borrow(), Some(4));
}

#[test]
fn a_wait_that_is_dropped_sends_nothing_and_holds_nothing() {
    let (mut house, guest) = patient();
    let emitter = house.emitter();
    let mut waiting = Box::pin(async { emitter.emit_wait("blue", message("dropped")).await });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    drop(waiting);
    let received = read(&mut house, &guest);
    assert!(!received.contains(&on("blue", message("dropped"))));
    let mut events = guest.client.events_of("blue");
    assert_eq!(house.run(emitter.emit_wait("blue", message("next"))), 1);
    assert_eq!(support::house::waiting(&mut events), [on("blue", message("next"))]);
}

#[test]
fn a_client_that_goes_is_waited_for_no_longer() {
    let (mut house, guest) = patient();
    let emitter = house.emitter();
    let sent = house.spawn(async move { emitter.emit_wait("blue", message("late")).await });
    house.pool.run_until_stalled();
    assert_eq!(*sent.borrow(), None);
    guest.cut();
    house.pool.run_until_stalled();
    assert_eq!(*sent.borrow(), Some(0));
}

#[test]
fn others_get_their_events_while_an_emitter_waits_for_one() {
    let (mut house, _slow) = patient();
    let quick = house.guest();
    let mut events = quick.client.events();
    quick.connection.subscriptions.add("blue").unwrap();
    let emitter = house.emitter();
    let sent = house.spawn(async move { emitter.emit_wait("blue", message("late")).await });
    assert_eq!(house.emitter().emit("blue", message("now")), 2);
    house.pool.run_until_stalled();
    assert_eq!(*sent.borrow(), None);
    assert_eq!(waiting(&mut events), [on("blue", message("now"))]);
}

#[test]
fn a_thread_may_wait_for_room_and_is_woken() {
    let (mut house, guest) = patient();
    let emitter = house.emitter();
    let (sent, is_sent) = mpsc::channel();
    let (begun, has_begun) = mpsc::channel();
    let thread = thread::spawn(move || {
        begun.send(()).unwrap();
        sent.send(emitter.emit_blocking("blue", message("waited"))).unwrap();
    });
    has_begun.recv().unwrap();
    let received = read(&mut house, &guest);
    let mut events = guest.client.events_of("blue");
    let reached = loop {
        house.pool.run_until_stalled();
        if let Ok(reached) = is_sent.try_recv() {
            break reached;
        }
        thread::yield_now();
    };
    thread.join().unwrap();
    house.pool.run_until_stalled();
    assert_eq!(reached, 1);
    let last = [received, waiting(&mut events)].concat();
    assert_eq!(last.last(), Some(&on("blue", message("waited"))));
}

#[test]
fn a_handler_is_refused_to_block() {
    let mut house = House::new();
    let guest = house.guest();
    let panicked = Arc::new(Mutex::new(String::new()));
    let (noted, emitter) = (Arc::clone(&panicked), house.emitter());
    guest.client.on_cleared(move |_| {
        let blocked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            emitter.emit_blocking("blue", ChatEvent::Cleared)
        }));
        let message = blocked.unwrap_err().downcast::<&str>().unwrap();
        *noted.lock().unwrap() = (*message).to_owned();
    });
    house.run(guest.client.join("blue".into())).unwrap();
    house.emitter().emit("blue", ChatEvent::Cleared);
    house.pool.run_until_stalled();
    let message = panicked.lock().unwrap().clone();
    assert!(message.contains("use `emit_wait`"), "{message}");
    // Elsewhere on the same thread it is as good as `emit`.
    assert_eq!(house.emitter().emit_blocking("blue", message_of_nobody()), 1);
}

fn message_of_nobody() -> ChatEvent {
    ChatEvent::Left("nobody".into())
}

#[test]
fn the_memory_that_a_stalled_client_takes_does_not_grow_with_what_is_emitted() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Latest] {
        let (mut house, guest) = stalled(overflow);
        emit(&mut house, 0..100);
        let emitter = house.emitter();
        for number in 0..100_000 {
            emitter.emit("blue", message(&number.to_string()));
            if number % 1000 == 0 {
                house.pool.run_until_stalled();
            }
        }
        let received = read(&mut house, &guest);
        let (_, events, missed) = account(&received);
        let replaced = guest.client.event_counts().replaced;
        assert_eq!(events + missed + replaced, 100_100, "{overflow:?}");
        assert!(events < 150, "{overflow:?}: {events}");
    }
}

#[test]
fn a_slow_client_that_follows_topics_that_come_and_go_is_not_ended_for_it() {
    for waits_for_state in [false, true] {
        let (mut house, guest) = stalled(Overflow::DropOldest);
        guest.connection.subscriptions.add(pattern("+/here")).unwrap();
        // With an answer that waits for the client nothing is taken from the mailbox.
        let call = if waits_for_state {
            for number in 0..3 {
                guest.connection.values().set("large", &"x".repeat(50_000 + number)).unwrap();
                house.pool.run_until_stalled();
            }
            let client = guest.client.clone();
            Some(house.spawn(async move { client.leave("nowhere".into()).await }))
        } else {
            None
        };
        house.pool.run_until_stalled();
        let name = |topic: u32| format!("{}{topic}/here", "x".repeat(400));
        for topic in 0..60_000 {
            house.emitter().emit(name(topic), message(&topic.to_string()));
            if topic % 100 == 0 {
                house.pool.run_until_stalled();
            }
        }
        house.pool.run_until_stalled();
        assert!(guest.end.borrow().is_none(), "{:?}", guest.end.borrow());
        // It goes on from where it is.
        let mut events = guest.client.events_of(name(59_999));
        guest.to_client.resume();
        house.pool.run_until_stalled();
        assert_eq!(waiting(&mut events), [on(&name(59_999), message("59999"))]);
        assert!(call.is_none_or(|call| call.borrow().is_some()));
        assert!(!guest.client.is_closed());
    }
}
