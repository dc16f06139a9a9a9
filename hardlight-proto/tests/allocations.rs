//! In the steady state the core allocates nothing: what it sends and queues goes into memory that it has.

mod support;

use std::sync::LazyLock;

use allocation_counter::measure;
use bytes::Bytes;
use hardlight_macros::codable;
use hardlight_proto::{payload::decode, *};
use support::*;

/// Makes this many calls at once and answers them, without a harness that would allocate for itself.
fn round(client: &mut Connection<Client>, server: &mut Connection<Server>, calls: u32) {
    for number in 0..calls {
        client.call_value(0, &number).expect("an id is free");
    }
    carry(client, server);
    while let Some(event) = server.poll_event() {
        let ServerEvent::Call { id, payload, .. } = event else { panic!("{event:?}") };
        let number: u32 = decode(&payload).expect("a number");
        server.answer_value(id, &(number + 1));
    }
    carry(server, client);
    while let Some(event) = client.poll_event() {
        assert!(matches!(event, ClientEvent::Answer { result: Ok(_), .. }), "{event:?}");
    }
}

fn carry<A: Role, B: Role>(from: &mut Connection<A>, to: &mut Connection<B>) {
    while let Some(Transmit::Message(message)) = from.poll_transmit() {
        to.handle_message(message);
    }
}

fn allocations_of(rounds: u32, calls: u32) -> u64 {
    let Pair { client, server, .. } = &mut Pair::open();
    // The buffers grow to what this load needs.
    (0..500).for_each(|_| round(client, server, calls));
    measure(|| (0..rounds).for_each(|_| round(client, server, calls))).count_total
}

#[test]
fn calls_one_after_another_allocate_nothing() {
    assert_eq!(allocations_of(10_000, 1), 0);
}

#[test]
fn calls_256_at_once_allocate_nothing() {
    assert_eq!(allocations_of(200, 256), 0);
}

#[test]
fn calls_of_any_number_at_once_allocate_nothing() {
    for calls in [2, 3, 64, 65, 200] {
        assert_eq!(allocations_of(200, calls), 0, "{calls} at once");
    }
}

#[test]
fn short_calls_allocate_nothing_where_compression_is_agreed() {
    let client = client_config(quiet()).with_compression(true);
    let server = server_config(quiet()).with_compression(true);
    let Pair { client, server, .. } = &mut Pair::of(client, server, SNAPSHOT).opened();
    assert!(client.deflates() && server.deflates());
    (0..500).for_each(|_| round(client, server, 256));
    assert_eq!(measure(|| (0..200).for_each(|_| round(client, server, 256))).count_total, 0);
}

/// As much as a batch takes, and what its length and its header may.
const BATCH: u64 = MAX_MESSAGE_BYTES as u64 + 16;

#[test]
fn a_batch_of_long_frames_takes_one_place_in_memory_while_earlier_ones_are_held() {
    let Pair { server, .. } = &mut Pair::open();
    let mut held = Vec::with_capacity(64);
    let mut batch = || {
        (0..64).for_each(|_| server.send_state(Bytes::from_static(&[7; 1000])));
        while let Some(Transmit::Message(message)) = server.poll_transmit() {
            held.push(message);
        }
    };
    // The buffers grow to what this load needs.
    (0..4).for_each(|_| batch());
    let measured = measure(|| (0..8).for_each(|_| batch()));
    // Each has what stands beside it, to count who holds it.
    assert!(measured.count_total <= 2 * 8, "{measured:?}");
    assert!(measured.bytes_total <= 8 * (BATCH + 100), "{measured:?}");
}

/// State and events that the application has encoded are packed into the same memory.
#[test]
fn state_and_events_on_a_known_topic_allocate_nothing() {
    let Pair { client, server, .. } = &mut Pair::open();
    server.announce_topic(7, 0, CHAT);
    let mut sequence = 0;
    let mut round = || {
        let event = EncodedEvent::new(7, sequence, 0, Bytes::from_static(b"event"));
        // The first connection that it is sent on makes its memory one that can be shared.
        drop(event.clone());
        sequence += 1;
        let own = measure(|| {
            server.send_state(Bytes::from_static(b"\x00\x01\x00"));
            server.send_event(&event);
            carry(server, client);
            while client.poll_event().is_some() {}
        });
        own.count_total
    };
    (0..1_000).for_each(|_| _ = round());
    assert_eq!((0..1_000).map(|_| round()).sum::<u64>(), 0);
}

/// Nested as deep as it likes, beside as much as it likes.
#[codable]
struct Nested {
    bytes: Vec<u8>,
    next: Option<Box<Self>>,
}

/// A value that cannot be encoded, which shows only once `len` bytes of it are.
fn too_deep(len: usize) -> Nested {
    let innermost = Nested { bytes: vec![7; len], next: None };
    (0..100).fold(innermost, |next, _| Nested { bytes: Vec::new(), next: Some(Box::new(next)) })
}

/// The service of both sides, which is no memory of theirs.
static SERVICE: LazyLock<&'static ServiceSchema> = LazyLock::new(counter);

type Ends = (Connection<Client>, Connection<Server>);

/// Both sides, once they have exchanged their Hellos.
fn ends(limits: Limits) -> Ends {
    let server = ServerConfig::new(&SERVICE).with_limits(limits.clone());
    let client = ClientConfig::new(&SERVICE).with_limits(limits);
    let mut server = Connection::server(server, SNAPSHOT, Time::ZERO);
    let mut client = Connection::client(client, Time::ZERO);
    exchange(&mut client, &mut server);
    assert!(client.is_open() && server.is_open());
    (client, server)
}

/// Until both sides have nothing more to say.
fn exchange(client: &mut Connection<Client>, server: &mut Connection<Server>) {
    while client.has_transmit() || server.has_transmit() {
        carry(server, client);
        carry(client, server);
        while client.poll_event().is_some() || server.poll_event().is_some() {}
    }
}

/// What both sides hold at last, besides what they are themselves, in bytes.
fn held_by(make: impl FnOnce() -> Ends) -> usize {
    LazyLock::force(&SERVICE);
    let mut ends = None;
    let measured = measure(|| ends = Some(make()));
    drop(ends);
    usize::try_from(measured.bytes_current).expect("nothing is let go that was there before")
}

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// What both hold that were busy with this, once they are quiet.
fn held_when_quiet(load: impl FnOnce(&mut Connection<Client>, &mut Connection<Server>)) -> usize {
    held_by(|| {
        let (mut client, mut server) = ends(Limits::new().with_heartbeat_interval(Some(SECOND)));
        load(&mut client, &mut server);
        for beat in 1..9 {
            client.handle_timeout(Time::ZERO + SECOND * beat);
            server.handle_timeout(Time::ZERO + SECOND * beat);
            exchange(&mut client, &mut server);
        }
        assert!(client.is_idle() && server.is_idle());
        (client, server)
    })
}

/// What the two sides of a quiet connection hold together, at most: what they told each other of their service, and what the
/// heartbeats themselves go through.
const QUIET: usize = 1024;

type Load = fn(&mut Connection<Client>, &mut Connection<Server>);

/// All that makes a side keep memory.
const LOADS: [(&str, Load); 8] = [
    ("nothing", |_, _| {}),
    ("many calls at once", |client, server| {
        (0..50).for_each(|_| round(client, server, 256));
    }),
    ("long values", |client, server| {
        for len in [100, 4_000, 9_000, 60_000, 66_000, 300_000] {
            let id = client.call_value(0, &vec![7_u8; len]).expect("an id is free");
            exchange(client, server);
            server.answer_value(id, &vec![7_u8; len]);
            exchange(client, server);
        }
    }),
    ("long values that cannot be encoded", |client, server| {
        let failed = client.call_value(0, &too_deep(60_000));
        assert_eq!(failed, Err(CallError::EncodeFailed));
        let id = client.call(0, INPUT).expect("an id is free");
        exchange(client, server);
        server.answer_value(id, &too_deep(60_000));
        exchange(client, server);
    }),
    ("a long line", |client, server| {
        (0..1_000).for_each(|_| server.send_state(Bytes::from_static(&[7; 1000])));
        exchange(client, server);
    }),
    ("calls that were held", |client, server| {
        server.hold_calls(true);
        (0..256).for_each(|_| _ = client.call(0, INPUT).expect("an id is free"));
        exchange(client, server);
        server.hold_calls(false);
        while server.poll_event().is_some() {}
        (0..=255).for_each(|id| server.answer(CallId(id), Ok(OUTPUT)));
        exchange(client, server);
    }),
    ("messages that came all at once", |_, server| {
        (0..1_000).for_each(|_| receive(server, &Frame::Cancel { id: CallId(0) }));
        while server.poll_event().is_some() {}
    }),
    ("frames in pieces, and calls that were given up", |client, server| {
        for _ in 0..200 {
            client.call(0, zeros(100_000)).expect("an id is free");
        }
        (0..200).step_by(2).for_each(|id| client.cancel(CallId(id)));
        exchange(client, server);
        (0..200).for_each(|id| server.answer(CallId(id), Ok(zeros(100_000))));
        exchange(client, server);
    }),
];

/// What is kept without heartbeats, by both sides: two buffers each, a value and places in the line.
const KEPT: usize = 2 * (256 * KIB);

#[test]
fn a_connection_without_heartbeats_keeps_a_bounded_amount_and_lets_it_go_when_told() {
    for (name, load) in LOADS {
        let kept = held_by(|| {
            let (mut client, mut server) = ends(quiet());
            load(&mut client, &mut server);
            (client, server)
        });
        assert!(kept <= KEPT, "{name}: {kept} bytes");
        let held = held_by(|| {
            let (mut client, mut server) = ends(quiet());
            load(&mut client, &mut server);
            client.release_memory();
            server.release_memory();
            (client, server)
        });
        assert!(held <= QUIET, "{name}: {held} bytes");
    }
}

#[test]
fn a_quiet_connection_holds_next_to_nothing_whatever_it_was_busy_with() {
    for (name, load) in LOADS {
        let held = held_when_quiet(load);
        assert!(held <= QUIET, "{name}: {held} bytes");
    }
}
