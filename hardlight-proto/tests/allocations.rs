//! In the steady state the core allocates nothing: what it sends and queues goes into memory that it has.

mod support;

use allocation_counter::measure;
use bytes::Bytes;
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

/// State and events that the application has encoded are packed into the same memory.
#[test]
fn state_and_events_allocate_nothing_but_what_tells_the_client_their_topic() {
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

#[test]
fn a_quiet_connection_lets_go_of_the_memory_that_it_kept() {
    let second = std::time::Duration::from_secs(1);
    let limits = Limits::new().with_heartbeat_interval(Some(second));
    let mut open = Pair::with(counter(), counter(), limits.clone(), limits).opened();
    (0..50).for_each(|_| round(&mut open.client, &mut open.server, 256));
    let released = measure(|| {
        for beat in 1..4 {
            let now = open.now + second * beat;
            open.client.handle_timeout(now);
            open.server.handle_timeout(now);
            carry(&mut open.server, &mut open.client);
            carry(&mut open.client, &mut open.server);
            while open.client.poll_event().is_some() || open.server.poll_event().is_some() {}
        }
    });
    assert!(released.bytes_current < -4_096, "{released:?}");
}
