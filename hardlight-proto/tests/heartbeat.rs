//! Signs of life (SPEC.md, section 15), in a time that only the test moves.

mod support;

use std::time::Duration;

use hardlight_proto::*;
use support::*;

const INTERVAL: Duration = Duration::from_secs(20);

/// A pair whose first interval begins now.
fn beating() -> Pair {
    let server = quiet().with_heartbeat_interval(Some(INTERVAL));
    let mut pair = Pair::with(counter(), counter(), quiet(), server).opened();
    pair.pass(Duration::ZERO);
    pair
}

/// A server whose first interval begins now, and whose client is the test.
fn beating_server() -> Connection<Server> {
    let mut server = server(quiet().with_heartbeat_interval(Some(INTERVAL)));
    server.handle_timeout(Time::ZERO);
    server
}

/// A client whose first interval begins now, and whose server is the test.
fn beating_client() -> Connection<Client> {
    let hello = Hello { heartbeat_interval: Some(INTERVAL), ..server_hello() };
    let mut client = client_of(client_config(quiet()), hello);
    client.handle_timeout(Time::ZERO);
    client
}

/// The end of the nth interval.
fn end(n: u64) -> Time {
    Time::from_micros(20_000_000 * n)
}

#[test]
fn an_idle_connection_lives_on() {
    let mut pair = beating();
    for _ in 0..100 {
        pair.pass(INTERVAL);
    }
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!(pair.client_events, []);
    assert_eq!(pair.server_events, []);
}

#[test]
fn a_server_that_was_silent_or_heard_nothing_asks_for_a_sign_of_life() {
    for (hears, says) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut server = beating_server();
        if hears {
            receive(&mut server, &Frame::Pong { token: 77 });
        }
        if says {
            server.send_state(OUTPUT);
        }
        assert_eq!(server_events(&mut server), []);
        sent(&mut server);
        server.handle_timeout(end(1));
        let expected = if hears && says { vec![] } else { vec![Frame::Ping { token: 0 }] };
        assert_eq!(sent(&mut server), expected, "{hears}, {says}");
    }
}

#[test]
fn each_ping_has_another_token() {
    let mut server = beating_server();
    let mut tokens = Vec::new();
    for n in 1..=9 {
        // A client that answers every third.
        if n % 3 == 0 {
            receive(&mut server, &Frame::Pong { token: 1000 });
            assert_eq!(server_events(&mut server), []);
        }
        server.handle_timeout(end(n));
        tokens.extend(sent(&mut server));
    }
    let expected: Vec<_> = (0..6).map(|token| Frame::Ping { token }).collect();
    assert_eq!(tokens, expected);
}

#[test]
fn a_client_answers_with_the_same_token_and_of_several_the_last() {
    let mut client = beating_client();
    for token in [3, u64::MAX, 5] {
        receive(&mut client, &Frame::Ping { token });
    }
    assert_eq!(client_events(&mut client), []);
    assert_eq!(sent(&mut client), [Frame::Pong { token: 5 }]);
}

#[test]
fn a_client_asks_for_nothing() {
    let mut client = beating_client();
    for n in 1..=2 {
        client.handle_timeout(end(n));
        assert!(!client.has_transmit());
    }
}

#[test]
fn after_three_intervals_in_which_nothing_was_heard_either_side_gives_up() {
    let mut server = beating_server();
    let mut client = beating_client();
    let before = Time::from_micros(end(3).as_micros() - 1);
    for now in [end(1), end(2), before] {
        server.handle_timeout(now);
        client.handle_timeout(now);
        // What a side says does not count.
        server.send_state(OUTPUT);
        drop(client.call(0, INPUT));
        sent(&mut server);
        sent(&mut client);
    }
    assert!(server.is_open() && client.is_open());
    server.handle_timeout(end(3));
    client.handle_timeout(end(3));
    let error = ConnectionError::HeartbeatTimeout;
    assert_eq!(server_events(&mut server), [ServerEvent::Closed(error.clone())]);
    assert_eq!(client_events(&mut client).last(), Some(&ClientEvent::Closed(error)));
    for transmit in [server.poll_transmit(), client.poll_transmit()] {
        let Some(Transmit::Close(reason)) = transmit else { panic!("{transmit:?}") };
        assert_eq!(reason.code(), CloseCode::HEARTBEAT_TIMEOUT);
    }
}

#[test]
fn whatever_arrives_begins_the_count_anew() {
    for sign in [
        Frame::Pong { token: 9 },
        Frame::Cancel { id: CallId(0) },
        call_frame(0, 0, INPUT),
        Frame::Begin { transfer: 0, length: 100_000, piece: vec![3].into() },
    ] {
        let mut server = beating_server();
        server.handle_timeout(end(1));
        server.handle_timeout(end(2));
        receive(&mut server, &sign);
        server.handle_timeout(end(3));
        server.handle_timeout(end(4));
        server.handle_timeout(end(5));
        assert!(server.is_open(), "{sign:?}");
        server.handle_timeout(end(6));
        assert!(server.is_ended(), "{sign:?}");
    }
}

#[test]
fn a_frame_that_is_ignored_is_a_sign_of_life() {
    let mut client = beating_client();
    for n in 1..=10 {
        client.handle_timeout(end(n));
        client.handle_message(bytes::Bytes::from_static(&[0x20]));
        assert_eq!(client_events(&mut client), []);
    }
    assert!(client.is_open());
}

#[test]
fn a_side_that_slept_for_long_counts_one_interval() {
    let mut server = beating_server();
    server.handle_timeout(end(100));
    server.handle_timeout(end(200));
    assert!(server.is_open());
    // The next interval begins when it was noticed.
    let next = Time::from_micros(end(200).as_micros() + 20_000_000);
    assert_eq!(server.poll_timeout(), Some(next));
    server.handle_timeout(next);
    assert!(server.is_ended());
}

#[test]
fn a_timeout_that_comes_early_does_nothing() {
    let mut server = beating_server();
    for micros in 0..1000 {
        server.handle_timeout(Time::from_micros(micros));
    }
    assert!(!server.has_transmit());
    assert_eq!(server.poll_timeout(), Some(end(1)));
}

#[test]
fn the_server_says_how_often_and_the_client_keeps_to_it() {
    let server = quiet().with_heartbeat_interval(Some(Duration::from_secs(7)));
    let client = quiet().with_heartbeat_interval(Some(Duration::from_secs(1)));
    let mut pair = Pair::with(counter(), counter(), client, server).opened();
    pair.pass(Duration::ZERO);
    let first = Some(Time::from_micros(7_000_000));
    assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (first, first));
}

#[test]
fn without_an_interval_nobody_asks_and_nobody_gives_up() {
    let client = quiet().with_heartbeat_interval(Some(INTERVAL));
    let mut pair = Pair::with(counter(), counter(), client, quiet()).opened();
    pair.client.handle_timeout(end(1000));
    pair.server.handle_timeout(end(1000));
    assert!(pair.client.is_open() && pair.server.is_open());
    assert!(!pair.server.has_transmit());
    assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None));
}

#[test]
fn an_interval_is_at_least_a_microsecond() {
    let limits = quiet().with_heartbeat_interval(Some(Duration::from_nanos(1)));
    assert_eq!(limits.heartbeat_interval(), Some(Duration::from_micros(1)));
    let limits = quiet().with_heartbeat_interval(Some(Duration::ZERO));
    let pair = Pair::with(counter(), counter(), quiet(), limits).opened();
    assert!(pair.client.is_open());
}

#[test]
fn intervals_count_from_the_moment_the_connection_is_open() {
    let limits = quiet().with_heartbeat_interval(Some(Duration::from_secs(1)));
    let mut server = Connection::server(server_config(limits), SNAPSHOT, Time::ZERO);
    let hello = Hello { heartbeat_interval: Some(Duration::from_secs(1)), ..server_hello() };
    let mut client = Connection::client(client_config(quiet()), Time::ZERO);
    receive(&mut client, &Frame::Hello(hello.into()));
    assert_eq!(client_events(&mut client), []);
    sent(&mut server);
    sent(&mut client);
    for second in 0..10 {
        let now = Time::from_micros(1_000_000 * second);
        server.handle_timeout(now);
        client.handle_timeout(now);
        let handshake = Some(Time::from_micros(10_000_000));
        assert_eq!((client.poll_timeout(), server.poll_timeout()), (handshake, handshake));
    }
    assert!(!server.has_transmit());
    assert!(!client.is_ended() && !server.is_ended());
}

#[test]
fn signs_of_life_do_not_wait_for_what_travels_in_pieces() {
    let mut server = beating_server();
    server.send_state(noise(MIB));
    sent(&mut server);
    server.handle_timeout(end(1));
    assert_eq!(sent(&mut server), [Frame::Ping { token: 0 }]);
    let mut client = beating_client();
    client.call(0, noise(MIB)).expect("an id is free");
    sent(&mut client);
    receive(&mut client, &Frame::Ping { token: 8 });
    assert_eq!(client_events(&mut client), []);
    assert_eq!(sent(&mut client), [Frame::Pong { token: 8 }]);
}

#[test]
fn a_connection_that_is_closing_still_notices_that_the_peer_is_gone() {
    let limits = quiet()
        .with_heartbeat_interval(Some(INTERVAL))
        .with_close_timeout(Duration::from_secs(3600));
    let mut server = server(limits);
    server.handle_timeout(Time::ZERO);
    receive(&mut server, &call_frame(0, 0, INPUT));
    server_events(&mut server);
    server.close(CloseReason::normal(), Time::ZERO);
    (1..=4).for_each(|n| server.handle_timeout(end(n)));
    let closed = ServerEvent::Closed(ConnectionError::HeartbeatTimeout);
    assert_eq!(server_events(&mut server), [closed]);
}
