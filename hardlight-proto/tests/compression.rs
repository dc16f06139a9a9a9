//! Compressed payloads (SPEC.md, section 8).
#![cfg(feature = "deflate")]

mod support;

use bytes::Bytes;
use hardlight_proto::*;
use proptest::{collection::vec, prelude::*};
use support::*;

/// Payloads below this are left as they are.
const THRESHOLD: usize = 1024;

/// Two methods and two fields, of which the second is secret; and a type of event.
fn service() -> &'static ServiceSchema {
    let mut schema = schema(&[("get", ""), ("log_in", "")], &[("name", ""), ("token", "")]).clone();
    schema.methods[1] = schema.methods[1].clone().secret();
    schema.state[1] = schema.state[1].clone().secret();
    schema.events = counter().events.clone();
    leak(schema)
}

fn pair_of(client: bool, server: bool) -> Pair {
    let client = ClientConfig::new(service()).with_limits(quiet()).with_compression(client);
    let server = ServerConfig::new(service()).with_limits(quiet()).with_compression(server);
    Pair::of(client, server, SNAPSHOT).opened()
}

fn pair() -> Pair {
    pair_of(true, true)
}

/// A server that has agreed on compression, and whose client is the test.
fn deflating_server(limits: Limits) -> Connection<Server> {
    let config = server_config(limits).with_compression(true);
    server_of(config, Hello { deflate: true, ..client_hello() })
}

/// A client that has agreed on compression, and whose server is the test.
fn deflating_client(limits: Limits) -> Connection<Client> {
    let config = client_config(limits).with_compression(true);
    client_of(config, Hello { deflate: true, ..server_hello() })
}

/// What a payload is, compressed.
fn deflated(payload: Bytes) -> (u64, Bytes) {
    let event = EncodedEvent::new(0, 0, 0, payload);
    match Frame::decode(event.frame(true).clone()) {
        Ok(Some(Frame::Event { payload: Content::Deflated { length, stream }, .. })) => {
            (length, stream)
        }
        other => panic!("{other:?}"),
    }
}

fn call(content: Content) -> Frame {
    Frame::Call { id: CallId(0), method: 0, extensions: Extensions::new(), payload: content }
}

fn of(length: u64, stream: impl Into<Bytes>) -> Content {
    Content::Deflated { length, stream: stream.into() }
}

fn is_deflated(frame: &Frame) -> bool {
    let (Frame::Call { payload, .. }
    | Frame::Answer { payload, .. }
    | Frame::State { operations: payload, .. }) = frame
    else {
        panic!("{frame:?}")
    };
    matches!(payload, Content::Deflated { .. })
}

// Agreement.

#[test]
fn it_takes_both_sides_to_agree() {
    for (client, server) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut pair = pair_of(client, server);
        let agreed = client && server;
        assert_eq!((pair.client.deflates(), pair.server.deflates()), (agreed, agreed));
        pair.client.call(0, zeros(60_000)).expect("an id is free");
        assert_eq!(is_deflated(&sent(&mut pair.client)[0]), agreed);
        // SET field 0 to 59,996 zeros.
        pair.server.send_state([&[0, 0xdc, 0xd4, 0x03][..], &zeros(59_996)].concat().into());
        assert_eq!(is_deflated(&sent(&mut pair.server)[0]), agreed);
        pair.part();
    }
}

#[test]
fn a_client_that_agrees_to_what_was_not_offered_is_refused() {
    let mut server = Connection::server(server_config(quiet()), SNAPSHOT, Time::ZERO);
    let hello = Hello { deflate: true, ..client_hello() };
    receive(&mut server, &Frame::Hello(hello.into()));
    assert_eq!(server_events(&mut server), [server_failed(ProtocolError::InvalidHello)]);
}

#[test]
fn what_is_compressed_without_agreement_is_refused() {
    let (length, stream) = deflated(zeros(THRESHOLD));
    let error = ProtocolError::InvalidCompression;
    let mut server = server(quiet());
    receive(&mut server, &call(of(length, stream.clone())));
    assert_eq!(server_events(&mut server), [server_failed(error)]);
    let extensions = Extensions::new();
    for frame in [
        Frame::State { revision: 1, operations: of(length, stream.clone()) },
        Frame::Answer {
            id: CallId(0),
            extensions: extensions.clone(),
            payload: of(1, stream.clone()),
        },
        Frame::Event { topic: 7, sequence: 0, event: 0, extensions, payload: of(1, stream) },
    ] {
        let mut client = client(quiet());
        client.call(0, INPUT).expect("an id is free");
        receive(&mut client, &topic_frame(7, 0, TopicStart::Fresh, CHAT));
        receive(&mut client, &frame);
        let name = frame.name();
        assert_eq!(
            client_events(&mut client).get(1),
            Some(&ClientEvent::Unanswered { id: CallId(0), may_have_run: true }),
            "{name}"
        );
        assert_eq!(client.error(), Some(&error.into()), "{name}");
    }
    let mut client = Connection::client(client_config(quiet()), Time::ZERO);
    receive(&mut client, &Frame::Hello(server_hello().into()));
    receive(&mut client, &Frame::Snapshot { revision: 0, operations: of(9, OUTPUT) });
    assert_eq!(client_events(&mut client), [client_failed(error)]);
}

// What is compressed.

#[test]
fn what_travels_compressed_arrives_as_it_was() {
    let mut pair = pair();
    pair.server.announce_topic(7, 0, CHAT);
    let before = pair.up.bytes;
    let id = pair.call_of(0, zeros(3 * MIB));
    assert!(pair.up.bytes - before < 60_000);
    assert_eq!(pair.server.input_bytes(), 3 * MIB);
    assert_eq!(pair.take_server_events(), [started(id, 0, zeros(3 * MIB))]);
    let before = pair.down.bytes;
    pair.server.send_event(&EncodedEvent::new(7, 0, 0, zeros(MIB)));
    pair.server.answer(id, Ok(zeros(3 * MIB)));
    pair.drive();
    assert!(pair.down.bytes - before < 80_000);
    let expected = [subscribed(CHAT), arrived(CHAT, 0, zeros(MIB)), answered(id, zeros(3 * MIB))];
    assert!(pair.take_client_events() == expected);
}

#[test]
fn what_is_long_also_when_it_is_compressed_travels_in_pieces() {
    let mut pair = pair();
    // Half of it shrinks.
    let payload = Bytes::from([noise(MIB), zeros(MIB)].concat());
    let before = pair.up.bytes;
    let id = pair.call_of(0, payload.clone());
    let took = pair.up.bytes - before;
    assert!((MIB..MIB + 100_000).contains(&took), "{took}");
    assert!(pair.take_server_events() == [started(id, 0, payload)]);
}

#[test]
fn payloads_below_1_kib_and_those_that_would_not_shrink_are_left_as_they_are() {
    for (payload, shrinks) in [
        (zeros(THRESHOLD - 1), false),
        (zeros(THRESHOLD), true),
        (noise(THRESHOLD), false),
        (noise(60_000), false),
        (Bytes::new(), false),
    ] {
        let mut pair = pair();
        pair.client.call(0, payload.clone()).expect("an id is free");
        assert_eq!(is_deflated(&sent(&mut pair.client)[0]), shrinks, "{} bytes", payload.len());
        let event = EncodedEvent::new(0, 0, 0, payload.clone());
        assert_eq!(event.frame(true).len() < payload.len(), shrinks);
        pair.part();
    }
}

#[test]
fn what_is_secret_is_not_compressed() {
    let mut pair = pair();
    pair.is_tapped = false;
    let (plain, secret) = (0, 1);
    for (method, compressed) in [(plain, true), (secret, false)] {
        let id = pair.client.call(method, zeros(THRESHOLD)).expect("an id is free");
        let frames = sent(&mut pair.client);
        assert_eq!(is_deflated(&frames[0]), compressed);
        receive(&mut pair.server, &frames[0]);
        server_events(&mut pair.server);
        pair.server.answer(id, Ok(zeros(THRESHOLD)));
        assert_eq!(is_deflated(&sent(&mut pair.server)[0]), compressed);
    }
    // A SET of 1,024 zeros, of either field, and of both.
    let set = |field: u8| [&[field << 2, 0x80, 0x08][..], &[0; 1024]].concat();
    for (operations, compressed) in [
        (set(0), true),
        (set(1), false),
        ([set(0), set(1)].concat(), false),
        // What cannot be read may be about anything.
        (vec![0xff; 2000], false),
    ] {
        pair.server.send_state(operations.into());
        assert_eq!(is_deflated(&sent(&mut pair.server)[0]), compressed);
    }
    pair.part();
}

#[test]
fn the_id_of_a_secret_call_does_not_make_the_next_one_secret() {
    let mut pair = pair();
    pair.is_tapped = false;
    for (method, compressed) in [(1, false), (0, true)] {
        let id = pair.call(method);
        assert_eq!(id, CallId(0));
        pair.server.answer(id, Ok(zeros(THRESHOLD)));
        let frames = sent(&mut pair.server);
        assert_eq!(is_deflated(&frames[0]), compressed);
        receive(&mut pair.client, &frames[0]);
        pair.drive();
    }
}

#[test]
fn the_snapshot_goes_out_before_anything_is_agreed() {
    let config = server_config(quiet()).with_compression(true);
    let mut server = Connection::server(config, zeros(60_000), Time::ZERO);
    let expected = Frame::Snapshot { revision: 0, operations: zeros(60_000).into() };
    assert_eq!(sent(&mut server)[1], expected);
}

// What a reader refuses.

#[test]
fn a_stream_that_is_not_what_it_says_is_refused() {
    let (length, stream) = deflated(zeros(THRESHOLD));
    let trailing = [&stream[..], &[0]].concat();
    let cut = stream.slice(..stream.len() - 1);
    let twice = [&stream[..], &stream[..]].concat();
    for content in [
        of(length - 1, stream.clone()),
        of(length + 1, stream.clone()),
        of(1, stream.clone()),
        of(length, trailing),
        of(length, cut),
        of(length, twice),
        of(length, Bytes::new()),
        of(length, vec![0xff; 100]),
        // A stored block whose length is wrong.
        of(5, vec![1, 5, 0, 0, 0, 1, 2, 3, 4, 5]),
        // A zlib header is none of DEFLATE's.
        of(length, [&[0x78, 0x9c][..], &stream].concat()),
    ] {
        let mut server = deflating_server(quiet());
        receive(&mut server, &call(content.clone()));
        let error = server_failed(ProtocolError::InvalidCompression);
        assert_eq!(server_events(&mut server), [error], "{content:?}");
        assert_eq!(server.input_bytes(), 0);
        let mut client = deflating_client(quiet());
        receive(&mut client, &Frame::State { revision: 1, operations: content.clone() });
        let error = client_failed(ProtocolError::InvalidCompression);
        assert_eq!(client_events(&mut client), [error], "{content:?}");
    }
}

#[test]
fn streams_of_every_kind_of_block_are_read() {
    // Stored, and with fixed codes.
    for (length, stream) in [
        (3, &[1, 3, 0, 0xfc, 0xff, b'a', b'b', b'c'][..]),
        (1, &[0x4b, 0x04, 0x00]),
        // Two blocks, the first not the last.
        (2, &[0, 1, 0, 0xfe, 0xff, b'a', 1, 1, 0, 0xfe, 0xff, b'b']),
    ] {
        let mut server = deflating_server(quiet());
        receive(&mut server, &call(of(length, stream)));
        let payload = Bytes::from_static(&b"abc"[..length as usize]);
        assert_eq!(server_events(&mut server), [started(CallId(0), 0, payload)]);
    }
}

#[test]
fn a_stream_may_end_with_what_gives_nothing_wherever_that_begins() {
    // A stored block, and one of no bytes.
    for length in 1000..1100_u16 {
        let payload = noise(length.into());
        let mut stream = vec![0];
        stream.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        stream.extend_from_slice(&payload);
        stream.extend([1, 0, 0, 0xff, 0xff]);
        let mut server = deflating_server(quiet());
        receive(&mut server, &call(of(length.into(), stream)));
        assert_eq!(server_events(&mut server), [started(CallId(0), 0, payload)]);
    }
}

#[test]
fn a_length_beyond_max_frame_bytes_is_refused_before_anything_is_inflated() {
    let allowed = 100_000;
    for length in [allowed as u64 + 1, 1 << 40, u64::MAX] {
        let limits = quiet().with_max_frame_bytes(allowed);
        let mut server = deflating_server(limits.clone());
        // Were it inflated, it would be found to be malformed.
        receive(&mut server, &call(of(length, vec![0xff; 9])));
        let closed = ServerEvent::Closed(exceeded("max_frame_bytes", allowed));
        assert_eq!(server_events(&mut server), [closed]);
        let mut client = deflating_client(limits);
        receive(&mut client, &Frame::State { revision: 1, operations: of(length, vec![0xff; 9]) });
        let closed = ClientEvent::Closed(exceeded("max_frame_bytes", allowed));
        assert_eq!(client_events(&mut client), [closed]);
    }
}

#[test]
fn a_bomb_gives_no_more_than_it_says() {
    let (_, stream) = deflated(zeros(4 * MIB));
    assert!(stream.len() < 60_000);
    let mut server = deflating_server(quiet());
    receive(&mut server, &call(of(2000, stream)));
    let error = server_failed(ProtocolError::InvalidCompression);
    assert_eq!(server_events(&mut server), [error]);
}

#[test]
fn what_nobody_reads_is_not_inflated() {
    let malformed = || of(5000, vec![0xff; 9]);
    // A call beyond the inputs that may wait.
    let mut server = deflating_server(quiet().with_max_input_bytes(4999));
    receive(&mut server, &call(malformed()));
    assert_eq!(server_events(&mut server), []);
    assert_eq!(sent(&mut server), [error_frame(0, CallError::Busy)]);
    // An event of a type that the client does not know.
    let mut hello = Hello { deflate: true, ..server_hello() };
    hello.events[0].name_hash ^= 1;
    let mut client = client_of(client_config(quiet()).with_compression(true), hello);
    receive(&mut client, &topic_frame(7, 0, TopicStart::Fresh, CHAT));
    let (extensions, payload) = (Extensions::new(), malformed());
    let event = Frame::Event { topic: 7, sequence: 0, event: 0, extensions, payload };
    receive(&mut client, &event);
    assert_eq!(client_events(&mut client), [subscribed(CHAT)]);
    assert_eq!(client.skipped_events(), 1);
}

#[test]
fn inputs_count_as_they_are_inflated() {
    let (length, stream) = deflated(zeros(60_000));
    let mut server = deflating_server(quiet().with_max_input_bytes(100_000));
    receive(&mut server, &call(of(length, stream.clone())));
    assert_eq!(server_events(&mut server).len(), 1);
    assert_eq!(server.input_bytes(), 60_000);
    let (extensions, payload) = (Extensions::new(), of(length, stream));
    receive(&mut server, &Frame::Call { id: CallId(1), method: 0, extensions, payload });
    assert_eq!(server_events(&mut server), []);
    assert_eq!(sent(&mut server), [error_frame(1, CallError::Busy)]);
}

#[test]
fn an_answer_longer_than_the_client_accepts_is_not_sent_however_far_it_would_shrink() {
    let config = server_config(quiet()).with_compression(true);
    let hello = Hello { deflate: true, max_frame_bytes: 100_000, ..client_hello() };
    let mut server = server_of(config, hello);
    receive(&mut server, &call_frame(0, 0, INPUT));
    server_events(&mut server);
    server.answer(CallId(0), Ok(zeros(100_000)));
    assert_eq!(sent(&mut server), [error_frame(0, CallError::OutputTooLarge)]);
}

#[test]
fn an_event_longer_than_the_client_accepts_is_not_sent_however_short_it_is_compressed() {
    let config = server_config(quiet()).with_compression(true);
    let hello = Hello { deflate: true, max_frame_bytes: 100_000, ..client_hello() };
    let mut server = server_of(config, hello);
    server.announce_topic(7, 0, CHAT);
    server.send_event(&EncodedEvent::new(7, 0, 0, zeros(100_001)));
    server.send_event(&EncodedEvent::new(7, 1, 0, zeros(2000)));
    let frames = sent(&mut server);
    let gap = Frame::Gap { topic: 7, first: 0, last: 0, reason: GapReason::TooLong };
    assert_eq!(frames[1], gap);
    assert!(matches!(frames[2], Frame::Event { sequence: 1, .. }));
}

#[test]
fn a_stream_that_gives_nothing_for_long_is_refused_and_one_that_gives_something_is_not() {
    // Stored blocks of nothing, 5 bytes each, before one that says it: as many as there may be, and one more.
    let block = |last: u8, text: &[u8]| {
        let len = text.len() as u16;
        [&[last][..], &len.to_le_bytes(), &(!len).to_le_bytes(), text].concat()
    };
    let stream = |nothing: usize| [block(0, b"").repeat(nothing), block(1, b"hi")].concat();
    let mut server = deflating_server(quiet());
    receive(&mut server, &call(of(2, stream(1024 / 5 - 1))));
    server_events(&mut server);
    assert_eq!(server.running_calls(), 1);
    for (length, nothing) in [(2, 1024 / 5), (60_000, 10_000)] {
        let mut server = deflating_server(quiet());
        receive(&mut server, &call(of(length, stream(nothing))));
        let error = server_failed(ProtocolError::InvalidCompression);
        assert_eq!(server_events(&mut server), [error]);
    }
}

#[test]
fn a_stream_that_has_given_all_before_its_last_bytes_have_come_is_read() {
    // 1 KiB that does not shrink, and 1 KiB that does, by turns.
    let payload = |len| -> Bytes {
        let halves = noise(8 * KIB);
        let filling = halves.chunks(KIB).flat_map(|noise| [noise, &[0; KIB]].concat());
        filling.take(len).collect()
    };
    let mut client = deflating_client(quiet());
    receive(&mut client, &topic_frame(7, 0, TopicStart::Fresh, CHAT));
    assert_eq!(client_events(&mut client), [subscribed(CHAT)]);
    // Of some of these all but the end of the last block is within a whole number of KiB.
    for (len, sequence) in (2950..3100).chain(5000..5100).zip(0..) {
        let event = EncodedEvent::new(7, sequence, 0, payload(len));
        assert!(event.frame(true).len() < len);
        client.handle_message(event.frame(true).clone());
        let arrived = arrived(CHAT, sequence, payload(len));
        assert!(client_events(&mut client) == [arrived], "{len} bytes");
    }
}

#[test]
fn an_event_is_compressed_for_those_who_agreed_alone_and_secrets_for_nobody() {
    let event = EncodedEvent::new(7, 0, 0, zeros(2000));
    for compression in [true, false] {
        for (event, compressed) in [(event.clone(), compression), (event.clone().secret(), false)] {
            let limits = quiet();
            let client = client_config(limits.clone()).with_compression(compression);
            let server = server_config(limits).with_compression(true);
            let mut pair = Pair::of(client, server, Bytes::new()).opened();
            pair.server.announce_topic(7, 0, CHAT);
            let before = pair.down.bytes;
            pair.server.send_event(&event);
            pair.drive();
            assert_eq!(pair.take_client_events().last(), Some(&arrived(CHAT, 0, zeros(2000))));
            assert_eq!(pair.down.bytes - before < 2000, compressed);
        }
    }
}

/// Parts of a payload that shrink well, a little, and not at all.
fn part() -> impl Strategy<Value = Bytes> {
    let len = || 0..3000_usize;
    prop_oneof![
        len().prop_map(zeros),
        len().prop_map(noise),
        len().prop_map(|len| noise(len).iter().map(|byte| byte & 0x3f).collect()),
        (len(), 0..2000_usize).prop_map(|(len, start)| noise(start + len).slice(start..)),
    ]
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn whatever_is_compressed_arrives_as_it_was(parts in vec(part(), 1..20)) {
        let payload = Bytes::from(parts.concat());
        let mut client = deflating_client(quiet());
        receive(&mut client, &topic_frame(7, 0, TopicStart::Fresh, CHAT));
        let event = EncodedEvent::new(7, 0, 0, payload.clone());
        client.handle_message(event.frame(true).clone());
        let expected = [subscribed(CHAT), arrived(CHAT, 0, payload)];
        prop_assert!(client_events(&mut client) == expected);
    }
}
