//! Features: what a connection may do (SPEC.md, section 14).

mod support;

use std::sync::Arc;

use hardlight_proto::*;
use support::*;

/// A service whose method 1 needs the feature `paid`, and whose field belongs to it.
fn service() -> &'static ServiceSchema {
    let mut schema = counter().clone();
    schema.methods[1] = schema.methods[1].clone().with_feature("paid");
    schema.state[0] = schema.state[0].clone().with_feature("paid");
    leak(schema)
}

fn pair(with: FeatureSet) -> Pair {
    let server = ServerConfig::new(service()).with_limits(quiet()).with_features(with);
    Pair::of(ClientConfig::new(service()).with_limits(quiet()), server, SNAPSHOT).opened()
}

#[test]
fn the_servers_hello_says_what_the_connection_begins_with() {
    let pair = pair(features(["beta", "paid"]));
    assert_eq!(*pair.client.features(), features(["paid", "beta"]));
    assert_eq!(pair.client.features(), pair.server.features());
}

#[test]
fn the_hello_says_which_feature_a_field_belongs_to() {
    let config = ServerConfig::new(service()).with_limits(quiet());
    let mut server = Connection::server(config, SNAPSHOT, Time::ZERO);
    let frames = sent(&mut server);
    let Frame::Hello(hello) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(hello.state[0].feature, "paid");
}

#[test]
fn a_call_of_a_method_that_needs_a_feature_is_refused_without_it() {
    let mut pair = pair(FeatureSet::new());
    let (free, paid) = (pair.call(0), pair.call(1));
    assert_eq!(pair.take_server_events(), [started(free, 0, INPUT)]);
    assert_eq!(pair.take_client_events(), [failed(paid, CallError::MissingFeature)]);
    assert_eq!(pair.server.input_bytes(), INPUT.len());
}

#[test]
fn what_was_gained_may_be_used_and_what_was_lost_may_not() {
    let mut pair = pair(FeatureSet::new());
    pair.server.set_features(features(["paid"]));
    let id = pair.call(1);
    assert_eq!(pair.take_server_events(), [started(id, 1, INPUT)]);
    assert_eq!(pair.take_client_events(), [ClientEvent::Features]);
    assert!(pair.client.features().contains("paid"));
    pair.server.set_features(FeatureSet::new());
    let refused = pair.call(1);
    assert_eq!(pair.take_server_events(), []);
    let expected = [ClientEvent::Features, failed(refused, CallError::MissingFeature)];
    assert_eq!(pair.take_client_events(), expected);
    assert_eq!(pair.client.features().iter().len(), 0);
}

#[test]
fn a_call_that_waits_to_be_started_is_refused_once_its_feature_is_lost() {
    let mut pair = pair(features(["paid"]));
    pair.server.hold_calls(true);
    let (free, paid) = (pair.call(0), pair.call(1));
    assert_eq!(pair.take_server_events(), []);
    pair.server.set_features(FeatureSet::new());
    pair.server.hold_calls(false);
    pair.drive();
    assert_eq!(pair.take_server_events(), [started(free, 0, INPUT)]);
    let expected = [ClientEvent::Features, failed(paid, CallError::MissingFeature)];
    assert_eq!(pair.take_client_events(), expected);
    assert_eq!(pair.server.input_bytes(), INPUT.len());
}

#[test]
fn a_change_comes_before_the_state_and_the_answer_of_the_call_that_made_it() {
    let mut pair = pair(FeatureSet::new());
    let id = pair.call(0);
    pair.server.set_features(features(["paid"]));
    pair.server.send_state(OUTPUT);
    pair.server.answer(id, Ok(OUTPUT));
    pair.drive();
    let expected = [ClientEvent::Features, changed(OUTPUT), answered(id, OUTPUT)];
    assert_eq!(pair.take_client_events(), expected);
}

#[test]
fn what_is_no_change_is_not_told() {
    let mut pair = pair(features(["paid"]));
    pair.server.set_features(features(["paid"]));
    assert!(!pair.server.has_transmit());
}

#[test]
fn a_change_before_the_hello_is_told_behind_it_and_holds_for_the_first_call() {
    let server = ServerConfig::new(service()).with_limits(quiet());
    let client = ClientConfig::new(service()).with_limits(quiet());
    let mut pair = Pair::of(client, server, SNAPSHOT);
    pair.server.set_features(features(["paid"]));
    let id = pair.client.call(1, INPUT).expect("an id is free");
    pair.drive();
    assert_eq!(pair.client_events, [opened(), ClientEvent::Features]);
    assert_eq!(pair.server_events, [ServerEvent::Open, started(id, 1, INPUT)]);
}

#[test]
fn a_name_has_1_to_64_bytes_and_a_set_at_most_256() {
    let mut set = FeatureSet::new();
    assert_eq!(set.insert(""), Err(FeatureError::InvalidName));
    assert_eq!(set.insert("x".repeat(65)), Err(FeatureError::InvalidName));
    // Bytes count, not characters.
    assert_eq!(set.insert("é".repeat(33)), Err(FeatureError::InvalidName));
    for n in 0..MAX_FEATURES {
        let name = format!("{n:064}");
        assert_eq!(set.insert(name.as_str()), Ok(()));
        assert_eq!(set.insert(name), Ok(()), "it is there already");
    }
    assert_eq!(set.insert("one more"), Err(FeatureError::TooMany));
    assert!(set.remove(&format!("{:064}", 7)));
    assert!(!set.remove(&format!("{:064}", 7)));
    assert_eq!(set.insert("one more"), Ok(()));
    let mut pair = pair(set.clone());
    assert_eq!(*pair.client.features(), set);
    set.remove("one more");
    pair.server.set_features(set.clone());
    pair.drive();
    assert_eq!(*pair.client.features(), set);
}

#[test]
fn a_server_that_lists_names_out_of_order_or_of_no_length_is_left() {
    for message in [&b"\x11\x00"[..], b"\x11\x01b\x01a", b"\x11\x01a\x01a"] {
        let mut client = client(quiet());
        client.handle_message(message.into());
        let error = client_failed(ProtocolError::InvalidFeatures);
        assert_eq!(client_events(&mut client), [error], "{message:?}");
    }
}

#[test]
fn features_that_change_without_end_behind_a_slow_client_end_the_connection() {
    let limits = quiet().with_max_buffered_bytes(1000).with_max_topic_bytes(1000);
    let mut server = server(limits);
    for n in 0..100_000 {
        server.set_features(if n % 2 == 0 { features(["paid"]) } else { FeatureSet::new() });
        assert!(server.queued_bytes() < 64 * KIB + 5000);
    }
    assert!(server.is_ended());
}

// Events.

/// A service with two types of events, the second of which needs a feature.
fn reporting() -> &'static ServiceSchema {
    let mut schema = events(&[("said", "a"), ("reported", "b")]).clone();
    schema.events[1] = schema.events[1].clone().with_feature("paid");
    leak(schema)
}

/// A pair whose client is subscribed to topic 7, "chat", whose events `kept` has up to number `next`.
fn subscribed_pair(with: FeatureSet, next: u64, kept: &[Arc<EncodedEvent>]) -> Pair {
    let limits = quiet().with_max_buffered_bytes(1000);
    let server = ServerConfig::new(reporting()).with_limits(limits).with_features(with);
    let client = ClientConfig::new(reporting()).with_limits(quiet());
    let mut pair = Pair::of(client, server, SNAPSHOT).opened();
    let announcement = Announcement::new(7, next, CHAT).with_history(kept.len());
    pair.server.announce(announcement.with_kept(Arc::new(kept.to_vec())));
    pair
}

fn event(sequence: u64, event: u32) -> EncodedEvent {
    EncodedEvent::new(7, sequence, event, INPUT)
}

fn came(sequence: u64, event: u32) -> ClientEvent {
    let extensions = Extensions::new();
    ClientEvent::Event { topic: CHAT, sequence, event, extensions, payload: INPUT }
}

fn withheld(first: u64, last: u64) -> ClientEvent {
    missed(CHAT, first, last, GapReason::Withheld)
}

#[test]
fn events_of_a_type_that_needs_a_feature_are_withheld_without_it() {
    let mut pair = subscribed_pair(FeatureSet::new(), 0, &[]);
    for (sequence, kind) in [(0, 0), (1, 1), (2, 1), (3, 0), (4, 1)] {
        pair.server.send_event(&event(sequence, kind));
    }
    pair.drive();
    let expected = [came(0, 0), withheld(1, 1), withheld(2, 2), came(3, 0), withheld(4, 4)];
    assert_eq!(pair.take_client_events()[1..], expected);
    pair.server.set_features(features(["paid"]));
    pair.server.send_event(&event(5, 1));
    pair.drive();
    assert_eq!(pair.take_client_events(), [ClientEvent::Features, came(5, 1)]);
}

#[test]
fn events_that_wait_when_their_feature_is_lost_are_withheld_as_well() {
    let mut pair = subscribed_pair(features(["paid"]), 0, &[]);
    pair.drive();
    pair.take_client_events();
    // More than is packed ahead.
    pair.server.send_event(&EncodedEvent::new(7, 0, 0, noise(70_000)));
    for (sequence, kind) in [(1, 0), (2, 1), (3, 1), (4, 0), (5, 1)] {
        pair.server.send_event(&event(sequence, kind));
    }
    pair.server.set_features(FeatureSet::new());
    pair.drive();
    let events = pair.take_client_events();
    let expected = [came(1, 0), withheld(2, 3), came(4, 0), ClientEvent::Features, withheld(5, 5)];
    assert_eq!(events[1..], expected);
    assert!(pair.server.is_idle());
}

#[test]
fn kept_events_that_need_a_feature_are_withheld_from_who_comes_back_without_it() {
    let kept: Vec<_> = [1, 0, 1, 1, 0, 1]
        .into_iter()
        .zip(0..)
        .map(|(kind, sequence)| Arc::new(event(sequence, kind)))
        .collect();
    let mut pair = subscribed_pair(FeatureSet::new(), 6, &kept);
    pair.drive();
    let expected = [withheld(0, 0), came(1, 0), withheld(2, 3), came(4, 0), withheld(5, 5)];
    assert_eq!(pair.take_client_events()[1..], expected);

    let many: Vec<_> = (0..1000).map(|sequence| Arc::new(event(sequence, 1))).collect();
    let mut pair = subscribed_pair(FeatureSet::new(), 1000, &many);
    pair.drive();
    let gaps = pair.take_client_events().split_off(1);
    assert!(gaps.len() < 20, "they are told together: {}", gaps.len());
    let mut next = 0;
    for gap in gaps {
        let ClientEvent::Gap { first, last, reason: GapReason::Withheld, .. } = gap else {
            panic!("{gap:?}");
        };
        assert_eq!(first, next);
        next = last + 1;
    }
    assert_eq!(next, 1000);
}

#[test]
fn a_withheld_event_right_behind_its_topic_is_told() {
    let mut pair = subscribed_pair(FeatureSet::new(), 0, &[]);
    pair.server.send_event(&event(0, 1));
    pair.drive();
    assert_eq!(pair.take_client_events()[1..], [withheld(0, 0)]);
}

#[test]
fn features_may_be_restricted_before_the_client_is_told() {
    let mut pair = subscribed_pair(features(["paid"]), 0, &[]);
    pair.drive();
    pair.take_client_events();
    pair.server.send_event(&EncodedEvent::new(7, 0, 0, noise(70_000)));
    pair.server.send_event(&event(1, 1));
    pair.server.restrict_features(&FeatureSet::new());
    pair.server.send_event(&event(2, 1));
    // What is gained is not there before it is told.
    pair.server.restrict_features(&features(["paid", "more"]));
    pair.server.send_event(&event(3, 1));
    pair.drive();
    let events = pair.take_client_events();
    assert_eq!(events[1..], [withheld(1, 2), came(3, 1)]);
    assert!(pair.client.features().contains("paid"));
}
