//! Extensions: what frames say besides (SPEC.md, section 7).

mod support;

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;
use support::*;

fn all() -> Extensions {
    let with_all = || {
        Extensions::new()
            .with_application(127, b"")?
            .with_idempotency_key(b"key")?
            .with_tracestate(b"vendor=1")?
            .with_deadline(Duration::from_micros(1_500))?
            .with_traceparent(b"00-trace-span-01")?
            .with_application(64, b"mine")
    };
    with_all().expect("all of it fits")
}

#[test]
fn what_a_call_says_arrives_with_it() {
    let mut pair = Pair::open();
    let id = pair.client.call_with(0, INPUT, all()).expect("an id is free");
    pair.drive();
    let call = ServerEvent::Call { id, method: 0, extensions: all(), payload: INPUT };
    assert_eq!(pair.take_server_events(), [call]);
    assert_eq!(all().deadline(), Some(Duration::from_micros(1_500)));
    assert_eq!(all().traceparent().as_deref(), Some(&b"00-trace-span-01"[..]));
    assert_eq!(all().tracestate().as_deref(), Some(&b"vendor=1"[..]));
    assert_eq!(all().idempotency_key().as_deref(), Some(&b"key"[..]));
    assert_eq!(all().get(64).as_deref(), Some(&b"mine"[..]));
    assert_eq!(all().get(127).as_deref(), Some(&b""[..]));
    assert_eq!(all().get(65), None);
}

#[test]
fn what_a_call_that_waits_for_the_connection_says_arrives_with_it() {
    let mut pair = Pair::new();
    let id = pair.client.call_with(0, INPUT, all()).expect("an id is free");
    pair.drive();
    let call = ServerEvent::Call { id, method: 0, extensions: all(), payload: INPUT };
    assert_eq!(pair.server_events.last(), Some(&call));
}

#[test]
fn what_answers_and_errors_say_arrives_with_them() {
    let mut pair = Pair::open();
    let (good, bad) = (pair.call(0), pair.call(0));
    let later = Extensions::new().with_retry_after(Duration::from_secs(3)).expect("it fits");
    pair.server.answer_with(good, Ok(OUTPUT), all());
    pair.server.answer_with(bad, Err(CallError::Busy), later.clone());
    pair.drive();
    let expected = [
        ClientEvent::Answer { id: good, result: Ok(OUTPUT), extensions: all() },
        ClientEvent::Answer { id: bad, result: Err(CallError::Busy), extensions: later.clone() },
    ];
    assert_eq!(pair.take_client_events(), expected);
    assert_eq!(later.retry_after(), Some(Duration::from_secs(3)));
}

#[test]
fn what_events_say_arrives_with_them() {
    let mut client = client(quiet());
    receive(&mut client, &topic_frame(7, 0, TopicStart::Fresh, CHAT));
    let payload = OUTPUT.into();
    let event = Frame::Event { topic: 7, sequence: 0, event: 0, extensions: all(), payload };
    receive(&mut client, &event);
    let (extensions, payload) = (all(), OUTPUT);
    let event = ClientEvent::Event { topic: CHAT, sequence: 0, event: 0, extensions, payload };
    assert_eq!(client_events(&mut client), [subscribed(CHAT), event]);
}

#[test]
fn they_are_in_order_of_their_tags_however_they_were_added() {
    let tags: Vec<_> = all().iter().map(|(tag, _)| tag).collect();
    assert_eq!(tags, [1, 2, 3, 4, 64, 127]);
    let again = all().with_application(64, b"other").expect("it fits");
    assert_eq!(again.iter().count(), 6);
    assert_eq!(again.get(64).as_deref(), Some(&b"other"[..]));
}

#[test]
fn a_trace_is_taken_out_and_all_else_stays() {
    let without = all().without_trace();
    assert_eq!((without.traceparent(), without.tracestate()), (None, None));
    assert_eq!(without.iter().map(|(tag, _)| tag).collect::<Vec<_>>(), [1, 4, 64, 127]);
    let only = Extensions::new().with_traceparent(b"00-trace-span-01").expect("it fits");
    assert!(only.without_trace().is_empty());
}

#[test]
fn one_that_is_empty_or_longer_than_it_may_be_is_refused() {
    let new = Extensions::new;
    let invalid = |tag| Err(ExtensionError::InvalidBody { tag });
    let bytes = |len| vec![b'x'; len];
    assert!(new().with_traceparent(&bytes(255)).is_ok());
    assert!(new().with_tracestate(&bytes(512)).is_ok());
    assert!(new().with_idempotency_key(&bytes(64)).is_ok());
    assert_eq!(new().with_traceparent(&bytes(256)), invalid(2));
    assert_eq!(new().with_tracestate(&bytes(513)), invalid(3));
    assert_eq!(new().with_idempotency_key(&bytes(65)), invalid(4));
    assert_eq!(new().with_traceparent(b""), invalid(2));
    assert_eq!(new().with_tracestate(b""), invalid(3));
    assert_eq!(new().with_idempotency_key(b""), invalid(4));
}

#[test]
fn applications_have_the_tags_from_64_to_127() {
    for tag in [0, 1, 6, 63, 128, u64::MAX] {
        let refused = Extensions::new().with_application(tag, b"x");
        assert_eq!(refused, Err(ExtensionError::ReservedTag { tag }));
    }
    for tag in [64, 127] {
        assert!(Extensions::new().with_application(tag, b"x").is_ok());
    }
}

#[test]
fn all_of_a_frame_take_4096_bytes_at_most() {
    // A tag of one byte and a length of two.
    let body = vec![0; MAX_EXTENSION_BYTES - 3];
    let largest = Extensions::new().with_application(64, &body).expect("it fits");
    assert_eq!(largest.clone().with_application(65, b""), Err(ExtensionError::TooLong));
    let body = vec![0; MAX_EXTENSION_BYTES - 2];
    assert_eq!(Extensions::new().with_application(64, &body), Err(ExtensionError::TooLong));
    let mut pair = Pair::open();
    pair.client.call_with(0, INPUT, largest.clone()).expect("an id is free");
    pair.drive();
    assert!(
        matches!(&pair.server_events[..], [ServerEvent::Call { extensions, .. }] if *extensions == largest)
    );
}

#[test]
fn the_longest_deadline_there_is_travels_as_the_longest_that_can() {
    let longest = Extensions::new().with_deadline(Duration::MAX).expect("it fits");
    assert_eq!(longest.deadline(), Some(Duration::from_micros(u64::MAX)));
    let none = Extensions::new().with_deadline(Duration::ZERO).expect("it fits");
    assert_eq!(none.deadline(), Some(Duration::ZERO));
}

#[test]
fn they_count_for_the_length_of_a_frame() {
    let limits = quiet().with_max_frame_bytes(100_000);
    let mut pair = Pair::with(counter(), counter(), limits.clone(), limits).opened();
    let says = Extensions::new().with_application(64, &[0; 95]).expect("it fits");
    // The length of the block, and its tag, length and body.
    let block = 1 + 2 + 95;
    let error = CallError::InputTooLarge { bytes: 99_998 - block, limit: 99_997 - block };
    assert_eq!(pair.client.call_with(0, zeros(99_998 - block), says.clone()), Err(error));
    let id = pair.client.call_with(0, zeros(99_997 - block), says.clone()).expect("it fits");
    pair.drive();
    assert_eq!(pair.server.running_calls(), 1);
    pair.server.answer_with(id, Ok(zeros(99_999 - block)), says);
    pair.drive();
    assert_eq!(pair.take_client_events(), [failed(id, CallError::OutputTooLarge)]);
}

#[test]
fn those_that_are_not_known_are_kept_for_who_knows_them() {
    let mut server = server(quiet());
    // Tags 6 and 200 say nothing in this revision.
    server.handle_message(Bytes::from_static(b"\x43\x00\x00\x06\x06\x01a\xc8\x01\x00in"));
    let events = server_events(&mut server);
    let [ServerEvent::Call { extensions, payload, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(payload, &INPUT);
    let expected = [(6, Bytes::from_static(b"a")), (200, Bytes::new())];
    assert_eq!(extensions.iter().collect::<Vec<_>>(), expected);
}
