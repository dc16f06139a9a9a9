//! Topic notices, and events from one hub to others.

mod support;

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

use hardlight_driver::{
    EventHub, Interest, Keep, RelayError, RelayedEvent, TopicNotice, TopicNotices, TopicOptions,
};
use hardlight_macros::Events;
use support::house::{ChatEvent, House, message, numbered, on, pattern, waiting};

fn created(interest: impl Into<Interest>) -> TopicNotice {
    TopicNotice::Created(interest.into())
}

fn removed(interest: impl Into<Interest>) -> TopicNotice {
    TopicNotice::Removed(interest.into())
}

fn all(notices: &mut TopicNotices) -> Vec<TopicNotice> {
    std::iter::from_fn(|| notices.try_next()).collect()
}

#[test]
fn a_topic_is_created_with_its_first_subscriber_and_removed_with_the_last() {
    let mut house = House::new();
    let mut notices = house.hub.notices();
    let (first, second) = (house.guest(), house.guest());
    first.connection.subscriptions.add("blue").unwrap();
    assert_eq!(all(&mut notices), [created("blue")]);
    second.connection.subscriptions.add("blue").unwrap();
    first.connection.subscriptions.remove("blue");
    assert_eq!(all(&mut notices), []);
    second.connection.subscriptions.remove("blue");
    assert_eq!(all(&mut notices), [removed("blue")]);
}

#[test]
fn patterns_have_notices_of_their_own_and_what_they_bring_has_none() {
    let mut house = House::new();
    let mut notices = house.hub.notices();
    let (first, second) = (house.guest(), house.guest());
    first.connection.subscriptions.add(pattern("a/#")).unwrap();
    second.connection.subscriptions.add(pattern("a/#")).unwrap();
    house.emitter().emit("a/b", message("0"));
    assert_eq!(all(&mut notices), [created(pattern("a/#"))]);
    first.connection.subscriptions.add("a/b").unwrap();
    assert_eq!(all(&mut notices), [created("a/b")]);
    first.connection.subscriptions.remove(pattern("a/#"));
    assert_eq!(all(&mut notices), []);
    second.connection.subscriptions.remove(pattern("a/#"));
    first.connection.subscriptions.remove("a/b");
    assert_eq!(all(&mut notices), [removed(pattern("a/#")), removed("a/b")]);
}

#[test]
fn a_disconnect_removes_at_once() {
    let mut house = House::new();
    let guest = house.guest();
    guest.connection.subscriptions.add("blue").unwrap();
    guest.connection.subscriptions.add(pattern("#")).unwrap();
    let mut notices = house.hub.notices();
    assert_eq!(all(&mut notices), [created("blue"), created(pattern("#"))]);
    let told = house.spawn(async move { [notices.next().await, notices.next().await] });
    house.pool.run_until_stalled();
    guest.cut();
    house.pool.run_until_stalled();
    let expected = [Some(removed(pattern("#"))), Some(removed("blue"))];
    assert_eq!(*told.borrow(), Some(expected));
}

#[test]
fn a_watcher_that_does_not_read_takes_no_more_than_what_differs() {
    let mut house = House::new();
    let guest = house.guest();
    let mut notices = house.hub.notices();
    for _ in 0..1000 {
        guest.connection.subscriptions.add("blue").unwrap();
        guest.connection.subscriptions.remove("blue");
    }
    assert_eq!(all(&mut notices), []);
    guest.connection.subscriptions.add("blue").unwrap();
    assert_eq!(all(&mut notices), [created("blue")]);
    guest.connection.subscriptions.remove("blue");
    guest.connection.subscriptions.add("blue").unwrap();
    assert_eq!(all(&mut notices), []);
}

#[test]
fn a_topic_that_keeps_events_is_wanted_until_it_is_forgotten() {
    let mut house = House::new();
    house.hub.configure("kept", TopicOptions::new().keep(Keep::events(10)));
    let mut notices = house.hub.notices();
    house.emitter().emit("kept", message("0"));
    assert_eq!(all(&mut notices), [created("kept")]);
    let guest = house.guest();
    guest.connection.subscriptions.add("kept").unwrap();
    guest.cut();
    house.pool.run_until_stalled();
    assert_eq!(all(&mut notices), []);
    house.hub.set_max_kept_bytes(0);
    assert_eq!(all(&mut notices), [removed("kept")]);
}

#[test]
fn a_topic_that_keeps_nothing_yet_is_forgotten_with_its_last_subscriber() {
    let mut house = House::new();
    house.hub.configure(pattern("chat/+"), TopicOptions::new().keep(Keep::events(10)));
    let mut notices = house.hub.notices();
    let guest = house.guest();
    guest.connection.subscriptions.add("chat/1").unwrap();
    guest.connection.subscriptions.remove("chat/1");
    assert_eq!(all(&mut notices), []);
    guest.connection.subscriptions.add("chat/2").unwrap();
    assert_eq!(all(&mut notices), [created("chat/2")]);
    guest.cut();
    house.pool.run_until_stalled();
    assert_eq!(all(&mut notices), [removed("chat/2")]);
    assert!(!house.hub.relay::<ChatEvent>().is_wanted("chat/2"));
}

#[test]
fn what_a_topic_takes_itself_counts_as_kept() {
    let house = House::new();
    house.hub.configure(pattern("#"), TopicOptions::new().keep(Keep::events(10)));
    house.hub.set_max_kept_bytes(20_000);
    for number in 0..100 {
        house.emitter().emit(format!("{number}{}", "/".repeat(500)), message(""));
    }
    // 5 KB each, of which the event is less than 100 bytes.
    let stay = all(&mut house.hub.notices()).len();
    assert!((2..5).contains(&stay), "{stay}");
}

#[test]
fn nothing_is_emitted_on_a_topic_whose_name_is_too_long() {
    let mut house = House::new();
    house.hub.configure(pattern("#"), TopicOptions::new().keep(Keep::events(10)));
    let guest = house.guest();
    guest.connection.subscriptions.add(pattern("#")).unwrap();
    let mut events = guest.client.events();
    let mut notices = house.hub.notices();
    assert_eq!(all(&mut notices), [created(pattern("#"))]);
    let long = "/".repeat(60_000);
    let emitter = house.emitter();
    assert_eq!(emitter.emit(long.as_str(), message("0")), 0);
    assert_eq!(emitter.emit_blocking(long.as_str(), message("0")), 0);
    let emitted = emitted(&mut house, |house| {
        house.emitter().emit(long.as_str(), message("0"));
    });
    assert!(emitted.is_empty());
    house.pool.run_until_stalled();
    assert_eq!((waiting(&mut events), all(&mut notices)), (vec![], vec![]));
    assert_eq!(house.emitter().emit("/".repeat(512), message("0")), 1);
}

#[test]
fn notices_end_with_the_hub() {
    let mut house = House::new();
    let mut notices = house.hub.notices();
    let mut emitted = house.hub.relay::<ChatEvent>().emitted(1000);
    house.hub = EventHub::new();
    assert_eq!(house.run(notices.next()), None);
    assert_eq!(house.run(emitted.next()), None);
}

/// Two servers with a guest each, who is subscribed to "blue", and what brings events of the first to the second.
fn joined() -> (House, House) {
    let mut houses = (House::new(), House::new());
    for house in [&mut houses.0, &mut houses.1] {
        let guest = house.guest_with(|connection| connection.subscriptions.add("blue").unwrap());
        // It stays until the house goes.
        std::mem::forget(guest);
    }
    houses
}

/// What one hub emitted, as bytes.
fn emitted(house: &mut House, events: impl FnOnce(&House)) -> Vec<bytes::Bytes> {
    let mut emitted = house.hub.relay::<ChatEvent>().emitted(1 << 20);
    events(house);
    let mut cx = Context::from_waker(Waker::noop());
    std::iter::from_fn(|| match std::pin::pin!(emitted.next()).poll(&mut cx) {
        std::task::Poll::Ready(event) => event.map(|event| event.to_bytes()),
        std::task::Poll::Pending => None,
    })
    .collect()
}

fn deliver(house: &House, event: &[u8]) -> Result<usize, RelayError> {
    house.hub.relay::<ChatEvent>().deliver(&RelayedEvent::from_bytes(event)?)
}

#[test]
fn an_event_of_one_server_arrives_once_at_the_subscribers_of_another() {
    let (mut here, mut there) = (House::new(), House::new());
    let guest = there.guest();
    let mut events = guest.client.events();
    guest.connection.subscriptions.add("blue").unwrap();
    guest.connection.subscriptions.add(pattern("#")).unwrap();
    let sent = emitted(&mut here, |here| {
        // Nobody is subscribed here.
        for number in 0..3 {
            assert_eq!(here.emitter().emit("blue", message(&number.to_string())), 0);
        }
        here.emitter().emit("red", message("0"));
    });
    for event in &sent {
        assert_eq!(deliver(&there, event), Ok(1));
    }
    // As a backplane does that brings what matches two subscriptions twice.
    for event in &sent {
        assert_eq!(deliver(&there, event), Ok(0));
    }
    there.pool.run_until_stalled();
    let expected = [numbered("blue", 0..3), vec![on("red", message("0"))]].concat();
    assert_eq!(waiting(&mut events), expected);
}

#[test]
fn what_was_delivered_is_not_sent_on_and_what_comes_back_is_ignored() {
    let (mut here, mut there) = joined();
    let sent = emitted(&mut here, |here| {
        here.emitter().emit("blue", message("0"));
    });
    assert_eq!(sent.len(), 1);
    assert_eq!(deliver(&here, &sent[0]), Ok(0));
    let echoed = emitted(&mut there, |there| assert_eq!(deliver(there, &sent[0]), Ok(1)));
    assert!(echoed.is_empty());
}

#[test]
fn events_of_two_servers_are_not_taken_for_one_another() {
    let (mut first, mut second) = (House::new(), House::new());
    let (_, there) = joined();
    let from_first = emitted(&mut first, |house| {
        house.emitter().emit("blue", message("0"));
    });
    let from_second = emitted(&mut second, |house| {
        house.emitter().emit("blue", message("0"));
    });
    assert_eq!(deliver(&there, &from_first[0]), Ok(1));
    assert_eq!(deliver(&there, &from_second[0]), Ok(1));
    assert_eq!(deliver(&there, &from_first[0]), Ok(0));
}

#[test]
fn an_event_that_this_version_does_not_know_is_refused_alone() {
    #[derive(Events)]
    enum Newer {
        /// Known here with other fields.
        Left {
            who: String,
            why: String,
        },
        Cleared,
    }
    let newer = EventHub::new();
    let mut emitted = newer.relay::<Newer>().emitted(1000);
    newer.emitter().emit("blue", Newer::Left { who: "a".into(), why: "b".into() });
    newer.emitter().emit("blue", Newer::Cleared);
    let (_, mut there) = joined();
    let (first, second) = there.run(async { (emitted.next().await, emitted.next().await) });
    let relay = there.hub.relay::<ChatEvent>();
    let refused = relay.deliver(&first.unwrap());
    assert!(matches!(refused, Err(RelayError::UnknownEvent { .. })));
    assert_eq!(relay.deliver(&second.unwrap()), Ok(1));
}

#[test]
fn what_waits_for_a_backplane_that_is_away_is_bounded_and_counted() {
    let house = House::new();
    let relay = house.hub.relay::<ChatEvent>();
    let mut emitted = relay.emitted(10_000);
    for number in 0..1000 {
        house.emitter().emit("blue", message(&number.to_string()));
    }
    let lost = emitted.lost();
    assert!((800..1000).contains(&lost), "{lost}");
    let mut house = house;
    let first = house.run(emitted.next()).unwrap();
    assert_eq!(*first.topic(), "blue");
}

#[test]
fn a_server_knows_whether_a_topic_is_wanted_there() {
    let mut house = House::new();
    let relay = house.hub.relay::<ChatEvent>();
    let guest = house.guest();
    assert!(!relay.is_wanted("a/b"));
    guest.connection.subscriptions.add(pattern("a/+")).unwrap();
    assert!(relay.is_wanted("a/b") && !relay.is_wanted("b"));
    guest.connection.subscriptions.add("b").unwrap();
    assert!(relay.is_wanted("b"));
}

// Wakers do whatever they like.

/// Does this when it is woken.
struct Then<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Then<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn whoever_is_woken_may_use_what_woke_it() {
    let mut house = House::new();
    let guest = house.guest();
    let subscriptions = guest.connection.subscriptions.clone();
    let relay = house.hub.relay::<ChatEvent>();
    let (mut notices, mut emitted) = (relay.notices(), relay.emitted(1000));
    let woken = Arc::new(AtomicUsize::new(0));
    let (noted, hub) = (Arc::clone(&woken), house.hub.clone());
    let waker = Waker::from(Arc::new(Then(move || {
        noted.fetch_add(1, Ordering::SeqCst);
        assert!(!subscriptions.contains("red"));
        assert!(hub.notices().try_next().is_some());
        hub.emitter::<ChatEvent>().emit("blue", ChatEvent::Cleared);
    })));
    let mut cx = Context::from_waker(&waker);
    let mut wait = || {
        assert!(pin!(notices.next()).as_mut().poll(&mut cx).is_pending());
        let taken = pin!(emitted.next()).as_mut().poll(&mut cx);
        assert!(taken.is_pending());
    };
    wait();
    // The notice wakes it, and what is then emitted wakes it again.
    guest.connection.subscriptions.add("blue").unwrap();
    assert_eq!(woken.load(Ordering::SeqCst), 2);
}
