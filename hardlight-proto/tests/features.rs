//! Features: what a connection may do (SPEC.md, section 14).

mod support;

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
