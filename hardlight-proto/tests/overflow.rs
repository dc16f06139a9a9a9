//! What becomes of events that a client does not read in time, by what the server chose for the subscription; and events
//! that are kept, for those who come back (SPEC.md, sections 13.4 and 13.5).

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use hardlight_proto::*;
use support::{
    CHAT, Pair, arrived, client_config, counter, exceeded, missed, quiet, server_config,
    subscribed, zeros,
};

const NEWS: Bytes = Bytes::from_static(b"news");
const EPOCH: u64 = 0xe90c;

/// The events of which ten fit, and no eleventh: what the place and the header of one take, and its payload.
const SMALL: usize = 68 + 32;
const LIMIT: usize = 10 * SMALL;

/// A pair whose client is subscribed to topic 7, "chat", in a way, and to topic 8, "news"; what is sent to it waits behind
/// a long event.
fn blocked(overflow: Overflow) -> Pair {
    let limits = quiet().with_max_queued_event_bytes(LIMIT).with_max_topic_bytes(8 << 20);
    let mut pair = Pair::with(counter(), counter(), limits.clone(), limits);
    pair.server.announce(Announcement::new(7, 1, CHAT).with_overflow(overflow));
    pair.server.announce_topic(8, 0, NEWS);
    pair.drive();
    pair.take_client_events();
    send(&mut pair, 8, 0, zeros(70_000));
    pair
}

fn send(pair: &mut Pair, topic: u64, sequence: u64, payload: Bytes) {
    pair.server.send_event(&EncodedEvent::new(topic, sequence, 0, payload));
}

fn small(number: u64) -> Bytes {
    Bytes::from(format!("{number:032}"))
}

fn send_small(pair: &mut Pair, topic: u64, numbers: std::ops::RangeInclusive<u64>) {
    numbers.for_each(|number| send(pair, topic, number, small(number)));
}

/// What arrives behind the long event, once the client reads.
fn rest(pair: &mut Pair) -> Vec<ClientEvent> {
    pair.drive();
    let mut events = pair.take_client_events();
    assert_eq!(events.remove(0), arrived(NEWS, 0, zeros(70_000)));
    events
}

fn chats(numbers: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = ClientEvent> {
    numbers.map(|number| arrived(CHAT, number, small(number)))
}

fn lost(topic: Bytes, first: u64, last: u64) -> ClientEvent {
    missed(topic, first, last, GapReason::Lagged)
}

#[test]
fn the_oldest_are_dropped_where_nothing_else_was_chosen() {
    let mut pair = blocked(Overflow::default());
    send_small(&mut pair, 7, 1..=15);
    let expected: Vec<_> = [lost(CHAT, 1, 5)].into_iter().chain(chats(6..=15)).collect();
    assert_eq!(rest(&mut pair), expected);
}

#[test]
fn those_that_wait_stay_and_the_new_ones_are_dropped() {
    let mut pair = blocked(Overflow::DropNewest);
    send_small(&mut pair, 7, 1..=15);
    assert_eq!(pair.server.firm_event_bytes(), LIMIT);
    let expected: Vec<_> = chats(1..=10).chain([lost(CHAT, 11, 15)]).collect();
    assert_eq!(rest(&mut pair), expected);
    assert_eq!(pair.server.firm_event_bytes(), 0);
    send_small(&mut pair, 7, 16..=16);
    pair.drive();
    assert_eq!(pair.take_client_events(), chats(16..=16).collect::<Vec<_>>());
}

#[test]
fn events_that_may_be_dropped_make_room_for_those_that_may_not() {
    let mut pair = blocked(Overflow::DropNewest);
    send_small(&mut pair, 8, 1..=10);
    send_small(&mut pair, 7, 1..=11);
    assert!(pair.server.queued_bytes() < 70_000 + 64 * 1024 + LIMIT);
    let expected: Vec<_> = chats(1..=10).chain([lost(NEWS, 1, 10), lost(CHAT, 11, 11)]).collect();
    let mut events = rest(&mut pair);
    events.sort_by_key(|event| matches!(event, ClientEvent::Gap { .. }));
    let (arrived, mut gaps) = (events[..10].to_vec(), events[10..].to_vec());
    gaps.sort_by_key(|gap| format!("{gap:?}").contains("chat"));
    assert_eq!([arrived, gaps].concat(), expected);
}

#[test]
fn one_that_may_be_dropped_goes_itself_where_all_others_may_not() {
    let mut pair = blocked(Overflow::DropNewest);
    send_small(&mut pair, 7, 1..=10);
    send_small(&mut pair, 8, 1..=1);
    let expected: Vec<_> = chats(1..=10).chain([lost(NEWS, 1, 1)]).collect();
    assert_eq!(rest(&mut pair), expected);
}

#[test]
fn only_the_latest_waits_and_the_others_are_said_to_be_replaced() {
    let mut pair = blocked(Overflow::Latest);
    send_small(&mut pair, 7, 1..=1000);
    let expected = [missed(CHAT, 1, 999, GapReason::Conflated), arrived(CHAT, 1000, small(1000))];
    let before = pair.server.event_tally();
    assert_eq!(rest(&mut pair), expected);
    let tally = pair.server.event_tally();
    assert_eq!((tally.sent - before.sent, tally.conflated, tally.lagged), (1, 999, 0));
}

#[test]
fn the_latest_of_each_topic_keeps_its_own_place_among_the_others() {
    let mut pair = blocked(Overflow::Latest);
    pair.server.announce(Announcement::new(9, 0, "a".into()).with_overflow(Overflow::Latest));
    for number in 1..=3 {
        send(&mut pair, 7, number, small(number));
        send(&mut pair, 8, number, small(number));
        send(&mut pair, 9, number - 1, small(number));
    }
    let conflated = |topic, first, last| missed(topic, first, last, GapReason::Conflated);
    let expected = [
        subscribed("a".into()),
        arrived(NEWS, 1, small(1)),
        arrived(NEWS, 2, small(2)),
        conflated(CHAT, 1, 2),
        arrived(CHAT, 3, small(3)),
        arrived(NEWS, 3, small(3)),
        conflated("a".into(), 0, 1),
        arrived("a".into(), 2, small(3)),
    ];
    assert_eq!(rest(&mut pair), expected);
}

#[test]
fn an_event_is_not_taken_for_an_earlier_one_of_a_subscription_that_was_left() {
    let mut pair = blocked(Overflow::Latest);
    send_small(&mut pair, 7, 1..=1);
    pair.server.leave_topic(7);
    pair.server.announce(Announcement::new(7, 2, CHAT).with_overflow(Overflow::Latest));
    send_small(&mut pair, 7, 2..=2);
    let left = ClientEvent::Unsubscribed { topic: CHAT };
    let expected = [arrived(CHAT, 1, small(1)), left, subscribed(CHAT), arrived(CHAT, 2, small(2))];
    assert_eq!(rest(&mut pair), expected);
}

#[test]
fn a_client_that_is_read_to_in_time_gets_all_of_them() {
    for overflow in [Overflow::DropNewest, Overflow::Latest, Overflow::Disconnect] {
        let mut pair = blocked(overflow);
        rest(&mut pair);
        for number in 1..=100 {
            send(&mut pair, 7, number, small(number));
            pair.drive();
        }
        assert_eq!(pair.take_client_events(), chats(1..=100).collect::<Vec<_>>());
    }
}

#[test]
fn a_client_that_is_to_keep_up_and_does_not_is_disconnected_and_told_why() {
    let mut pair = blocked(Overflow::Disconnect);
    send_small(&mut pair, 7, 1..=10);
    assert!(pair.server.is_open());
    send_small(&mut pair, 7, 11..=11);
    assert!(pair.server.is_ended());
    let exceeded = exceeded("max_queued_event_bytes", LIMIT);
    assert_eq!(pair.server.error(), Some(&exceeded));
    let last = std::iter::from_fn(|| pair.server.poll_transmit()).last();
    let reason = CloseReason::new(CloseCode::LIMIT_EXCEEDED, "max_queued_event_bytes");
    assert_eq!(last, Some(Transmit::Close(reason)));
}

#[test]
fn a_hundred_thousand_replacements_behind_many_frames_cost_the_same() {
    // Quadratic work would take minutes here.
    let mut pair = blocked(Overflow::Latest);
    for topic in 1000..10_000 {
        pair.server.announce_topic(topic, 0, NEWS);
    }
    send_small(&mut pair, 7, 1..=100_000);
    let expected = arrived(CHAT, 100_000, small(100_000));
    assert_eq!(rest(&mut pair).last(), Some(&expected));
}

// Events that are kept.

/// A pair whose client goes on at event `next` of "chat", of an earlier connection to a server of this epoch.
fn resuming(next: u64, epoch: u64, limits: Limits) -> Pair {
    let topics = vec![ResumeTopic { name: CHAT, next }];
    let client = client_config(quiet()).with_resume(Some(Resume { epoch: EPOCH, topics }));
    Pair::of(client, server_config(limits).with_epoch(epoch), Bytes::new())
}

/// Events of topic 7.
fn kept(numbers: std::ops::Range<u64>) -> Arc<Vec<Arc<EncodedEvent>>> {
    let event = |number| Arc::new(EncodedEvent::new(7, number, 0, small(number)));
    Arc::new(numbers.map(event).collect())
}

/// Announces "chat", whose next event is number 10, with events 4 to 9 kept.
fn announce_kept(pair: &mut Pair, history: usize, overflow: Overflow) {
    let announcement = Announcement::new(7, 10, CHAT).with_kept(kept(4..10)).with_history(history);
    pair.server.announce(announcement.with_overflow(overflow));
    send_small(pair, 7, 10..=10);
}

fn behind_the_snapshot(pair: &mut Pair) -> Vec<ClientEvent> {
    pair.drive();
    pair.take_client_events().split_off(1)
}

fn began(start: TopicStart) -> ClientEvent {
    ClientEvent::Subscribed { topic: CHAT, start }
}

#[test]
fn one_who_comes_back_gets_what_was_missed_once_and_in_order_before_what_is_new() {
    for (asked, expired) in [(2, Some((2, 3))), (4, None), (7, None), (9, None), (10, None)] {
        for greeted in [false, true] {
            let mut pair = resuming(asked, EPOCH, quiet());
            if greeted {
                pair = pair.opened();
                assert_eq!(pair.server.resume_hint(&CHAT), Some(asked));
            }
            announce_kept(&mut pair, 0, Overflow::default());
            let gap = expired.map(|(first, last)| missed(CHAT, first, last, GapReason::Expired));
            let expected = [began(TopicStart::Resumed)].into_iter().chain(gap);
            let expected: Vec<_> = expected.chain(chats(asked.max(4)..=10)).collect();
            pair.drive();
            let events = pair.take_client_events();
            assert_eq!(events[usize::from(!greeted)..], expected, "{asked}, {greeted}");
            assert_eq!(pair.server.resume_hint(&CHAT), None);
        }
    }
}

#[test]
fn one_who_comes_to_another_epoch_or_for_the_first_time_gets_the_history_that_was_chosen() {
    for (history, first) in [(0, 10), (2, 8), (6, 4), (7, 4), (usize::MAX, 4)] {
        let mut pair = resuming(7, EPOCH + 1, quiet());
        announce_kept(&mut pair, history, Overflow::default());
        let expected: Vec<_> =
            [began(TopicStart::Restarted)].into_iter().chain(chats(first..=10)).collect();
        assert_eq!(behind_the_snapshot(&mut pair), expected);

        let mut pair = Pair::open();
        announce_kept(&mut pair, history, Overflow::default());
        pair.drive();
        let expected: Vec<_> = [subscribed(CHAT)].into_iter().chain(chats(first..=10)).collect();
        assert_eq!(pair.take_client_events(), expected);
    }
}

#[test]
fn of_a_topic_of_which_the_latest_counts_the_latest_is_replayed() {
    let mut pair = resuming(2, EPOCH, quiet());
    let announcement = Announcement::new(7, 10, CHAT).with_kept(kept(4..10));
    pair.server.announce(announcement.with_overflow(Overflow::Latest));
    let gap = missed(CHAT, 2, 8, GapReason::Conflated);
    let expected = [began(TopicStart::Resumed), gap, arrived(CHAT, 9, small(9))];
    assert_eq!(behind_the_snapshot(&mut pair), expected);
}

#[test]
fn what_is_kept_takes_no_room_from_what_waits() {
    let limits = quiet().with_max_queued_event_bytes(2 * SMALL);
    let mut pair = resuming(4, EPOCH, limits);
    for topic in [9, 8] {
        let name = Bytes::from(format!("topic {topic}"));
        let numbers = 0..100;
        let event = |number| Arc::new(EncodedEvent::new(topic, number, 0, small(number)));
        let kept: Vec<_> = numbers.map(event).collect();
        let announcement = Announcement::new(topic, 100, name).with_kept(Arc::new(kept));
        pair.server.announce(announcement.with_history(100));
    }
    announce_kept(&mut pair, 0, Overflow::default());
    assert!(pair.server.queued_bytes() < 1000);
    assert_eq!(pair.server.firm_event_bytes(), 0);
    let events = behind_the_snapshot(&mut pair);
    assert_eq!(pair.server.queued_bytes(), 0);
    assert_eq!(events.len(), 101 + 101 + 8);
    assert!(!events.iter().any(|event| matches!(event, ClientEvent::Gap { .. })));
}

#[test]
fn what_is_let_go_of_while_the_client_does_not_read_is_one_gap_where_it_is_missing() {
    /// Lets go of what is older than this.
    #[derive(Debug)]
    struct Log(AtomicU64);
    impl KeptEvents for Log {
        fn first_from(&self, sequence: u64) -> Option<Arc<EncodedEvent>> {
            let number = sequence.max(self.0.load(Ordering::Relaxed));
            Some(Arc::new(EncodedEvent::new(7, number, 0, zeros(30_000))))
        }
    }
    let mut pair = resuming(0, EPOCH, quiet()).opened();
    let log = Arc::new(Log(AtomicU64::new(0)));
    pair.server.announce(Announcement::new(7, 20, CHAT).with_kept(log.clone()));
    // Some are packed ahead.
    log.0.store(15, Ordering::Relaxed);
    pair.drive();
    let events = pair.take_client_events();
    let packed = events.iter().position(|event| matches!(event, ClientEvent::Gap { .. })).unwrap();
    let packed = packed as u64 - 1;
    assert!((1..5).contains(&packed), "{packed}");
    let long = |numbers: std::ops::Range<u64>| numbers.map(|n| arrived(CHAT, n, zeros(30_000)));
    let expected: Vec<_> = [began(TopicStart::Resumed)]
        .into_iter()
        .chain(long(0..packed))
        .chain([missed(CHAT, packed, 14, GapReason::Expired)])
        .chain(long(15..20))
        .collect();
    assert_eq!(events, expected);
}

#[test]
fn a_later_event_takes_the_place_of_the_latest_that_is_kept() {
    let mut pair = resuming(2, EPOCH, quiet());
    announce_kept(&mut pair, 0, Overflow::Latest);
    let gap = missed(CHAT, 2, 9, GapReason::Conflated);
    let expected = [began(TopicStart::Resumed), gap, arrived(CHAT, 10, small(10))];
    assert_eq!(behind_the_snapshot(&mut pair), expected);
}

#[test]
fn a_connection_that_closes_sends_what_is_kept_first() {
    let mut pair = resuming(4, EPOCH, quiet()).opened();
    pair.server.send_state(zeros(65_000));
    pair.server.send_state(zeros(65_000));
    announce_kept(&mut pair, 0, Overflow::default());
    pair.server.close(CloseReason::normal(), Time::ZERO);
    assert!(!pair.server.is_ended());
    pair.drive();
    let arrived = pair.take_client_events();
    let arrived = arrived.iter().filter(|event| matches!(event, ClientEvent::Event { .. }));
    assert_eq!(arrived.count(), 7);
    assert!(pair.server.is_ended());
}

#[test]
fn long_events_that_are_kept_travel_in_pieces_and_stay_in_order() {
    let mut pair = resuming(0, EPOCH, quiet());
    let event = |number, payload| Arc::new(EncodedEvent::new(7, number, 0, payload));
    let kept = vec![event(0, zeros(100_000)), event(1, small(1)), event(2, zeros(70_000))];
    pair.server.announce(Announcement::new(7, 3, CHAT).with_kept(Arc::new(kept)));
    send_small(&mut pair, 7, 3..=3);
    let expected = [
        began(TopicStart::Resumed),
        arrived(CHAT, 0, zeros(100_000)),
        arrived(CHAT, 1, small(1)),
        arrived(CHAT, 2, zeros(70_000)),
        arrived(CHAT, 3, small(3)),
    ];
    assert_eq!(behind_the_snapshot(&mut pair), expected);
}

#[test]
fn events_of_another_topic_or_that_are_still_to_come_are_not_taken_for_kept() {
    for (kept, number) in [((8, 6), 4), ((7, 10), 4), ((7, u64::MAX), 10), ((7, 3), 10)] {
        let mut pair = resuming(number, EPOCH, quiet());
        let (topic, sequence) = kept;
        let kept = vec![Arc::new(EncodedEvent::new(topic, sequence, 0, small(0)))];
        pair.server.announce(Announcement::new(7, 10, CHAT).with_kept(Arc::new(kept)));
        let gap = (number < 10).then(|| missed(CHAT, number, 9, GapReason::Expired));
        let expected: Vec<_> = [began(TopicStart::Resumed)].into_iter().chain(gap).collect();
        assert_eq!(behind_the_snapshot(&mut pair), expected);
    }
}

#[test]
fn a_hole_in_what_is_kept_is_stated() {
    let mut pair = resuming(4, EPOCH, quiet());
    let event = |number| Arc::new(EncodedEvent::new(7, number, 0, small(number)));
    let kept = [4, 5, 7, 8].map(event).to_vec();
    pair.server.announce(Announcement::new(7, 10, CHAT).with_kept(Arc::new(kept)));
    let gap = |number| [missed(CHAT, number, number, GapReason::Expired)];
    let expected: Vec<_> = [began(TopicStart::Resumed)]
        .into_iter()
        .chain(chats(4..=5))
        .chain(gap(6))
        .chain(chats(7..=8))
        .chain(gap(9))
        .collect();
    assert_eq!(behind_the_snapshot(&mut pair), expected);
}

// Subscriptions that come and go while the client does not read.

fn topic_name(topic: u64) -> Bytes {
    Bytes::from(format!("{topic:0100}"))
}

/// Subscribes to a topic and leaves it again, with an event between.
fn come_and_go(pair: &mut Pair, topic: u64, overflow: Overflow) {
    pair.server.announce(Announcement::new(topic, 0, topic_name(topic)).with_overflow(overflow));
    send(pair, topic, 0, small(topic));
    pair.server.leave_topic(topic);
}

#[test]
fn subscriptions_that_come_and_go_cost_no_more_than_events_however_many() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Latest] {
        let mut pair = blocked(overflow);
        let before = pair.server.queued_bytes();
        for topic in 1000..100_000 {
            come_and_go(&mut pair, topic, overflow);
        }
        assert!(pair.server.is_open(), "{:?}", pair.server.error());
        assert!(pair.server.queued_bytes() < before + 4 * LIMIT);
        // What was there before is there still.
        send_small(&mut pair, 8, 1..=1);
        let events = rest(&mut pair);
        assert!(events.len() < 30, "{events:?}");
        let news = |event: &ClientEvent| {
            *event == arrived(NEWS, 1, small(1)) || *event == lost(NEWS, 1, 1)
        };
        assert!(events.iter().any(news));
        assert_eq!(pair.server.queued_bytes(), 0);
        send_small(&mut pair, 8, 2..=2);
        pair.drive();
        assert_eq!(pair.take_client_events(), [arrived(NEWS, 2, small(2))]);
    }
}

#[test]
fn a_topic_that_comes_and_goes_without_an_event_is_not_told_at_all() {
    let mut pair = blocked(Overflow::default());
    let before = pair.server.queued_bytes();
    for round in 0..1000 {
        pair.server.announce_topic(9, round, "red".into());
        pair.server.leave_topic(9);
    }
    assert!(pair.server.queued_bytes() <= before);
    // Of one that the client knows it hears the end, and the beginning that counts.
    pair.server.leave_topic(7);
    for _ in 0..1000 {
        pair.server.announce_topic(7, 5, CHAT);
        pair.server.leave_topic(7);
    }
    pair.server.announce_topic(7, 9, CHAT);
    send_small(&mut pair, 7, 9..=9);
    let left = ClientEvent::Unsubscribed { topic: CHAT };
    assert_eq!(rest(&mut pair), [left, subscribed(CHAT), arrived(CHAT, 9, small(9))]);
}

#[test]
fn of_topics_that_come_and_go_all_is_told_while_there_is_room_also_what_was_lost() {
    let mut pair = blocked(Overflow::default());
    // One event too many, and what their topics take is not too much.
    for topic in 1000..1002 {
        come_and_go(&mut pair, topic, Overflow::DropOldest);
    }
    send_small(&mut pair, 8, 1..=8);
    let mut events = rest(&mut pair);
    let (first, second) = (topic_name(1000), topic_name(1001));
    let left = |topic: &Bytes| ClientEvent::Unsubscribed { topic: topic.clone() };
    events.truncate(6);
    let expected = [
        subscribed(first.clone()),
        lost(first.clone(), 0, 0),
        left(&first),
        subscribed(second.clone()),
        arrived(second.clone(), 0, small(1001)),
        left(&second),
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_topic_that_came_and_went_unheard_is_still_to_be_resumed() {
    let mut pair = resuming(4, EPOCH, quiet()).opened();
    pair.server.send_state(zeros(65_000));
    pair.server.send_state(zeros(65_000));
    pair.server.announce(Announcement::new(7, 10, CHAT).with_kept(kept(4..10)));
    assert_eq!(pair.server.resume_hint(&CHAT), None);
    pair.server.leave_topic(7);
    assert_eq!(pair.server.resume_hint(&CHAT), Some(4));
    announce_kept(&mut pair, 0, Overflow::default());
    pair.drive();
    let events = pair.take_client_events();
    let begins = events.iter().position(|event| *event == began(TopicStart::Resumed)).unwrap();
    assert_eq!(events[begins + 1..], chats(4..=10).collect::<Vec<_>>());
}
