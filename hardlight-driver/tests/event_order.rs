//! The order of events: of one emitter, before answers, behind subscriptions; with emitters on threads of their own.

mod support;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
};

use hardlight_driver::{Interest, Overflow, Received, SubscribeOptions, proto::Limits};
use support::house::{ChatEvent, House, message, on, pattern, waiting};

/// Emits events with ascending numbers on a topic, from a thread of its own, until it is stopped.
struct Racer {
    /// The number of the next event.
    next: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Racer {
    fn start(house: &House, topic: &'static str) -> Self {
        let (next, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (number, stopped, emitter) = (Arc::clone(&next), Arc::clone(&stop), house.emitter());
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                // Taken before it is emitted: whoever reads the counter knows that no earlier one begins after that.
                let number = number.fetch_add(1, Ordering::SeqCst);
                emitter.emit(topic, message(&number.to_string()));
                if number % 64 == 0 {
                    thread::yield_now();
                }
            }
        });
        Self { next, stop, thread }
    }

    fn now(&self) -> u32 {
        self.next.load(Ordering::SeqCst)
    }

    /// How many events there were.
    fn stop(self) -> u32 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        self.next.load(Ordering::SeqCst)
    }
}

fn roomy() -> House {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(1 << 30);
    house.client_limits = house.limits.clone();
    house
}

/// The numbers of the events that came.
fn numbers(received: &[Received<ChatEvent>]) -> Vec<u32> {
    let number = |received: &Received<ChatEvent>| match received {
        Received::Event { event: ChatEvent::Message { text, .. }, .. } => text.parse().unwrap(),
        other => panic!("{other:?}"),
    };
    received.iter().map(number).collect()
}

#[test]
fn events_of_one_emitter_on_one_topic_arrive_in_order_whatever_others_emit() {
    const EMITTERS: u32 = 4;
    const EVENTS: u32 = 2000;
    let mut house = roomy();
    let guests: Vec<_> = (0..3).map(|_| house.guest()).collect();
    let mut streams: Vec<_> = guests.iter().map(|guest| guest.client.events()).collect();
    guests[0].connection.subscriptions.add("blue").unwrap();
    guests[1].connection.subscriptions.add(pattern("#")).unwrap();
    guests[2].connection.subscriptions.add("blue").unwrap();
    guests[2].connection.subscriptions.add(pattern("+")).unwrap();
    let threads: Vec<_> = (0..EMITTERS)
        .map(|from| {
            let emitter = house.emitter();
            thread::spawn(move || {
                for number in 0..EVENTS {
                    let from = from.to_string();
                    emitter.emit("blue", ChatEvent::Message { from, text: number.to_string() });
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    house.pool.run_until_stalled();
    let mut seen = Vec::new();
    for stream in &mut streams {
        let received = waiting(stream);
        assert_eq!(received.len() as u32, EMITTERS * EVENTS);
        let mut next = HashMap::new();
        for event in &received {
            let Received::Event { event: ChatEvent::Message { from, text }, .. } = event else {
                panic!("{event:?}");
            };
            let next = next.entry(from.clone()).or_insert(0_u32);
            assert_eq!(*text, next.to_string());
            *next += 1;
        }
        seen.push(received);
    }
    // And everybody sees them in one and the same order.
    assert!(seen[0] == seen[1] && seen[1] == seen[2]);
}

#[test]
fn no_event_is_missed_that_is_emitted_once_a_subscription_was_answered() {
    let mut house = roomy();
    let guest = house.guest();
    let racer = Racer::start(&house, "blue");
    for round in 0..200 {
        let mut events = guest.client.events();
        house.pool.run_until(guest.client.join("blue".into())).unwrap();
        let answered = racer.now();
        // Some more are emitted meanwhile.
        while racer.now() < answered + 20 {
            thread::yield_now();
        }
        assert_eq!(house.pool.run_until(guest.client.leave("blue".into())), Ok(true));
        let numbers = numbers(&waiting(&mut events));
        let first = numbers[0];
        assert!(first <= answered, "{round}: {first} came first, after {answered}");
        let expected: Vec<_> = (first..first + numbers.len() as u32).collect();
        assert_eq!(numbers, expected, "{round}");
        assert!(numbers.len() >= 19, "{round}");
    }
    racer.stop();
}

#[test]
fn no_event_is_missed_that_is_emitted_once_a_pattern_was_added() {
    let mut house = roomy();
    let guest = house.guest();
    let racer = Racer::start(&house, "rooms/blue");
    let interests: [Interest; 3] =
        [pattern("rooms/+").into(), pattern("#").into(), "rooms/blue".into()];
    for round in 0..300 {
        let mut events = guest.client.events();
        // One takes the place of the other, now and then with both at a time.
        let interest = &interests[round % 3];
        guest.connection.subscriptions.add(interest.clone()).unwrap();
        let added = racer.now();
        while racer.now() < added + 20 {
            thread::yield_now();
        }
        let other = &interests[(round + 1) % 3];
        guest.connection.subscriptions.add(other.clone()).unwrap();
        guest.connection.subscriptions.remove(interest.clone());
        let upto = racer.now();
        while racer.now() < upto + 20 {
            thread::yield_now();
        }
        guest.connection.subscriptions.remove(other.clone());
        // What was sent is there before an answer that comes later.
        house.pool.run_until(guest.client.leave("nowhere".into())).unwrap();
        let numbers = numbers(&waiting(&mut events));
        assert!(numbers[0] <= added, "{round}");
        let expected: Vec<_> = (numbers[0]..numbers[0] + numbers.len() as u32).collect();
        assert_eq!(numbers, expected, "{round}");
        assert!(*numbers.last().unwrap() >= upto, "{round}");
    }
    racer.stop();
    assert_eq!(house.hub.subscribers("rooms/blue"), []);
}

#[test]
fn what_a_handler_emits_is_there_before_its_answer_also_behind_a_slow_client() {
    let mut house = roomy();
    let guest = house.guest();
    let mut events = guest.client.events();
    house.run(guest.client.join("blue".into())).unwrap();
    guest.to_client.stall();
    for number in 0..100 {
        house.emitter().emit("blue", message(&number.to_string()));
    }
    let client = guest.client.clone();
    let answered = house.spawn(async move { client.say("blue".into(), "last".into()).await });
    house.pool.run_until_stalled();
    assert_eq!(*answered.borrow(), None);
    guest.to_client.resume();
    while answered.borrow().is_none() {
        assert!(house.pool.try_run_one());
    }
    assert_eq!(waiting(&mut events).last(), Some(&on("blue", message("last"))));
}

#[test]
fn subscribing_leaving_emitting_and_disconnecting_at_once_leaves_nothing_behind() {
    const TOPICS: [&str; 4] = ["a", "a/b", "a/c", "b"];
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(10_000);
    let racers: Vec<_> = TOPICS.iter().map(|topic| Racer::start(&house, topic)).collect();
    for _ in 0..20 {
        let guests: Vec<_> = (0..4).map(|_| house.guest()).collect();
        let mut streams: Vec<_> = guests.iter().map(|guest| guest.client.events()).collect();
        let threads: Vec<_> = (0..2)
            .map(|which| {
                let subscriptions: Vec<_> =
                    guests.iter().map(|guest| guest.connection.subscriptions.clone()).collect();
                thread::spawn(move || {
                    let latest = SubscribeOptions::new().overflow(Overflow::DropOldest);
                    for subscriptions in &subscriptions {
                        for round in 0..10 {
                            let topic = TOPICS[(round + which) % 4];
                            let _ = subscriptions.add(topic);
                            let _ = subscriptions.add_with(pattern("a/#"), latest);
                            let _ = subscriptions.add(pattern("+"));
                            subscriptions.remove(topic);
                            subscriptions.remove(pattern(["a/#", "+"][round % 2]));
                        }
                    }
                })
            })
            .collect();
        for guest in &guests {
            let _ = house.pool.run_until(guest.client.say("b".into(), "0".into()));
            guest.cut();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        for (guest, stream) in guests.iter().zip(&mut streams) {
            house.pool.run_until(guest.client.closed());
            // Each topic's events came in ascending order.
            let mut last = HashMap::new();
            for received in waiting(stream) {
                let Received::Event { topic, event: ChatEvent::Message { text, from } } = received
                else {
                    continue;
                };
                let number: u32 = text.parse().unwrap();
                let before = last.insert(topic, number);
                assert!(
                    from == "somebody"
                        && before.is_none_or(|before| before < number || number == 0)
                );
            }
        }
    }
    for racer in racers {
        racer.stop();
    }
    house.pool.run_until_stalled();
    for topic in TOPICS {
        assert_eq!(house.hub.subscribers(topic), []);
        assert_eq!(house.emitter().emit(topic, ChatEvent::Cleared), 0);
    }
    assert!(house.hub.notices().try_next().is_none());
}
