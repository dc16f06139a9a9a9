//! A snapshot in pieces, before and after the client's Hello.

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;

use crate::{support::*, *};

fn pair_with_snapshot(len: usize) -> Pair {
    Pair::of(client_config(quiet()), server_config(quiet()), noise(len))
}

#[test]
fn before_the_hello_a_server_sends_64_kib_of_a_long_snapshot_and_nothing_else() {
    let mut server = Connection::server(server_config(quiet()), noise(LONG), Time::ZERO);
    server.send_state(OUTPUT);
    server.announce_topic(7, 0, CHAT);
    server.set_features(features(["paid"]));
    let frames = sent(&mut server);
    assert!(matches!(frames[..2], [Frame::Hello(_), Frame::Begin { transfer: 0, .. }]));
    assert_eq!(piece_lens(&frames), [(0, PIECE), (0, PIECE)]);
    assert_eq!(frames.len(), 3);
    receive(&mut server, &Frame::Hello(client_hello().into()));
    // The snapshot is not complete: it goes first.
    assert_eq!(server_events(&mut server), [ServerEvent::Open]);
    assert_eq!(sent(&mut server), []);
    receive(&mut server, &credit(0, LONG as u64 + 2 - INITIAL_CREDIT as u64));
    assert_eq!(server_events(&mut server), []);
    let names: Vec<_> = sent(&mut server).iter().map(Frame::name).collect();
    let expected = ["CHUNK", "CHUNK", "CHUNK", "CHUNK", "CHUNK", "STATE", "TOPIC", "FEATURES"];
    assert_eq!(names, expected);
}

#[test]
fn a_client_opens_when_the_last_piece_of_the_snapshot_has_come() {
    let mut pair = pair_with_snapshot(LONG);
    let early = pair.client.call(0, INPUT).expect("an id is free");
    pair.drive();
    assert_eq!(pair.take_client_events(), [ClientEvent::Open { snapshot: noise(LONG) }]);
    assert_eq!(pair.take_server_events(), [ServerEvent::Open, started(early, 0, INPUT)]);
}

#[test]
fn what_may_come_before_the_snapshot_may_come_within_it() {
    let mut client = Connection::client(client_config(quiet()), Time::ZERO);
    receive(&mut client, &Frame::Hello(server_hello().into()));
    let snapshot = pieces(0, &Frame::Snapshot { revision: 0, operations: noise(LONG).into() });
    receive(&mut client, &snapshot[0]);
    receive(&mut client, &Frame::Ping { token: 3 });
    receive(
        &mut client,
        &Frame::Methods(vec![RefusedMethod { method: 1, why: Mismatch::Unknown }]),
    );
    receive(&mut client, &Frame::GoingAway { grace: Duration::ZERO });
    snapshot[1..].iter().for_each(|piece| receive(&mut client, piece));
    let events = client_events(&mut client);
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(matches!(events[2], ClientEvent::Open { .. }));
    assert!(sent(&mut client).contains(&Frame::Pong { token: 3 }));
}

#[test]
fn a_snapshot_beyond_what_the_client_accepts_ends_the_connection_on_either_side() {
    let small = quiet().with_max_frame_bytes(100_000);
    let mut server = Connection::server(server_config(quiet()), noise(LONG), Time::ZERO);
    sent(&mut server);
    let hello = Hello { max_frame_bytes: 100_000, ..client_hello() };
    receive(&mut server, &Frame::Hello(hello.into()));
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]));
    let reason = CloseReason::new(CloseCode::INTERNAL_ERROR, "");
    assert_eq!(server.poll_transmit(), Some(Transmit::Close(reason)));

    let mut pair = Pair::of(client_config(small), server_config(quiet()), noise(LONG));
    pair.drive();
    let error = exceeded("max_frame_bytes", 100_000);
    assert_eq!(pair.client_events, [ClientEvent::Closed(error)]);
}

#[test]
fn state_that_waited_for_the_hello_and_is_longer_than_the_client_accepts_ends_the_connection() {
    let mut server = Connection::server(server_config(quiet()), SNAPSHOT, Time::ZERO);
    server.send_state(noise(LONG));
    sent(&mut server);
    let hello = Hello { max_frame_bytes: LONG, ..client_hello() };
    receive(&mut server, &Frame::Hello(hello.into()));
    let events = server_events(&mut server);
    assert!(
        matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]),
        "{events:?}"
    );
    assert!(matches!(server.poll_transmit(), Some(Transmit::Close(_))));
}

#[test]
fn a_client_of_another_revision_is_told_so_whatever_the_snapshot() {
    let mut server = Connection::server(server_config(quiet()), noise(LONG), Time::ZERO);
    sent(&mut server);
    server.handle_message(Bytes::from_static(b"\x01\x02"));
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Incompatible(_))]));
    let Some(Transmit::Close(reason)) = server.poll_transmit() else { panic!() };
    assert_eq!(reason.code(), CloseCode::INCOMPATIBLE);
}

#[test]
fn a_snapshot_or_a_change_longer_than_the_server_sends_ends_the_connection() {
    let small = quiet().with_max_frame_bytes(100_000);
    let mut server = Connection::server(server_config(small.clone()), noise(100_000), Time::ZERO);
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]));
    let mut server = support::server(small);
    server.send_state(noise(100_000));
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Closed(ConnectionError::Internal(_))]));
}
