//! What one side has and the other has not, or has otherwise: it alone does not work (SPEC.md, section 6.3).

mod support;

use bytes::Bytes;
use hardlight_proto::*;
use support::*;

/// The client can do without state fields that do not fit.
fn pair(client: &'static ServiceSchema, server: &'static ServiceSchema) -> Pair {
    let client = ClientConfig::new(client).with_limits(quiet()).with_partial_state(true);
    Pair::of(client, ServerConfig::new(server).with_limits(quiet()), SNAPSHOT)
}

fn mismatch(part: SchemaPart, index: u32, name: &'static str, why: Mismatch) -> ClientEvent {
    ClientEvent::Mismatch(SchemaMismatch { part, index, name, why, ty: "", name_there: None })
}

/// A client of `counter` that has read this frame.
fn client_that_read(methods: &[(u32, Mismatch)]) -> Connection<Client> {
    let mut client = client(quiet());
    let methods = methods.iter().map(|&(method, why)| RefusedMethod { method, why });
    receive(&mut client, &Frame::Methods(methods.collect()));
    client
}

// Methods.

#[test]
fn methods_may_be_reordered_added_and_removed() {
    let client = schema(&[("get", ""), ("gone", ""), ("increment", "u32")], &[("counter", "u32")]);
    let mut pair = pair(client, counter());
    pair.drive();
    let gone = mismatch(SchemaPart::Method, 1, "gone", Mismatch::Unknown);
    assert_eq!(pair.take_client_events(), [opened(), gone]);
    pair.take_server_events();
    let (get, increment) = (pair.call(0), pair.call(2));
    let expected = [started(get, 1, INPUT), started(increment, 0, INPUT)];
    assert_eq!(pair.take_server_events(), expected);
    assert_eq!(pair.client.call(1, INPUT), Err(CallError::UnknownMethod));
}

#[test]
fn a_method_with_other_types_is_refused_alone() {
    let client = schema(&[("increment", "u64"), ("get", "")], &[]);
    let mut pair = pair(client, counter());
    pair.drive();
    let other = mismatch(SchemaPart::Method, 0, "increment", Mismatch::Incompatible);
    assert_eq!(pair.take_client_events(), [opened(), other]);
    assert_eq!(pair.client.call(0, INPUT), Err(CallError::IncompatibleMethod));
    let get = pair.call(1);
    assert_eq!(pair.server_events[1..], [started(get, 1, INPUT)]);
}

#[test]
fn a_call_that_crossed_the_servers_word_gets_an_error_and_is_not_decoded() {
    let client = schema(&[("gone", ""), ("increment", "u64"), ("get", "")], &[]);
    let mut pair = pair(client, counter());
    let ids: Vec<_> = (0..3).map(|n| pair.client.call(n, INPUT).expect("an id is free")).collect();
    pair.drive();
    for (id, error) in [(ids[0], CallError::UnknownMethod), (ids[1], CallError::IncompatibleMethod)]
    {
        assert!(pair.client_events.contains(&failed(id, error)));
    }
    assert_eq!(pair.server_events, [ServerEvent::Open, started(ids[2], 1, INPUT)]);
    assert_eq!(pair.server.input_bytes(), INPUT.len());
}

#[test]
fn a_server_says_nothing_if_it_has_all_methods_as_they_are() {
    let mut server = Connection::server(server_config(quiet()), SNAPSHOT, Time::ZERO);
    sent(&mut server);
    let mut hello = client_hello();
    hello.methods.reverse();
    receive(&mut server, &Frame::Hello(hello.into()));
    assert_eq!(server_events(&mut server), [ServerEvent::Open]);
    assert_eq!(sent(&mut server), []);
}

#[test]
fn what_is_refused_is_said_before_all_else() {
    let mut server = Connection::server(server_config(quiet()), SNAPSHOT, Time::ZERO);
    server.send_state(OUTPUT);
    sent(&mut server);
    let mut hello = client_hello();
    hello.methods[0].name_hash ^= 1;
    hello.methods[1].fingerprint = Fingerprint::from_u64(7);
    receive(&mut server, &Frame::Hello(hello.into()));
    assert_eq!(server_events(&mut server), [ServerEvent::Open]);
    let refused = [
        RefusedMethod { method: 0, why: Mismatch::Unknown },
        RefusedMethod { method: 1, why: Mismatch::Incompatible },
    ];
    let expected = [Frame::Methods(refused.into()), state_frame(1, OUTPUT)];
    assert_eq!(sent(&mut server), expected);
}

#[test]
fn a_place_outside_the_table_is_refused() {
    let mut client = client_that_read(&[(1, Mismatch::Unknown), (2, Mismatch::Unknown)]);
    let error = client_failed(ProtocolError::InvalidMethods);
    assert_eq!(client_events(&mut client), [error]);
}

#[test]
fn a_second_word_is_refused() {
    let mut client = client_that_read(&[(1, Mismatch::Unknown)]);
    receive(
        &mut client,
        &Frame::Methods(vec![RefusedMethod { method: 0, why: Mismatch::Unknown }]),
    );
    let error = client_failed(ProtocolError::UnexpectedFrame("METHODS"));
    assert_eq!(client_events(&mut client).last(), Some(&error));
}

#[test]
fn a_call_of_a_method_that_is_in_no_schema_is_not_sent() {
    let mut client = client(quiet());
    assert_eq!(client.call(2, INPUT), Err(CallError::UnknownMethod));
    assert_eq!(client.call(u32::MAX, INPUT), Err(CallError::UnknownMethod));
    let mut early = Connection::client(client_config(quiet()), Time::ZERO);
    assert_eq!(early.call(2, INPUT), Err(CallError::UnknownMethod));
}

// Types of events.

#[test]
fn an_event_type_with_other_fields_is_reported_and_one_that_only_one_side_has_is_not() {
    let server = events(&[("joined", "b"), ("message", "other fields"), ("left", "c")]);
    let client = events(&[("message", "a"), ("joined", "b"), ("renamed", "d")]);
    let mut pair = pair(client, server);
    pair.drive();
    let message = mismatch(SchemaPart::Event, 0, "message", Mismatch::Incompatible);
    assert_eq!(pair.take_client_events(), [message, opened()]);
}

// Fields of the state.

/// A SET of a field.
fn set(field: u8, body: &[u8]) -> Vec<u8> {
    [&[field << 2, body.len() as u8][..], body].concat()
}

#[test]
fn a_field_of_another_type_or_name_is_reported() {
    for client in [
        schema(&[], &[("counter", "u64"), ("name", "string")]),
        schema(&[], &[("count", "u32"), ("name", "string")]),
    ] {
        let server = schema(&[], &[("counter", "u32"), ("name", "string")]);
        let name = client.state[0].name;
        let mut pair = pair(client, server);
        pair.drive();
        let counter = ClientEvent::Mismatch(SchemaMismatch {
            part: SchemaPart::StateField,
            index: 0,
            name,
            why: Mismatch::Incompatible,
            ty: "",
            name_there: (name != "counter").then(|| "counter".into()),
        });
        assert_eq!(pair.take_client_events()[0], counter);
        assert!(pair.client.is_open());
    }
}

#[test]
fn a_client_that_cannot_do_without_refuses_the_connection_and_names_the_fields() {
    let server = schema(&[], &[("counter", "u32"), ("name", "string"), ("other", "u8")]);
    let client = schema(&[], &[("counter", "u64"), ("name", "string"), ("more", "u8")]);
    let mut pair = Pair::with(client, server, quiet(), quiet());
    let id = pair.client.call(0, INPUT);
    assert_eq!(id, Err(CallError::UnknownMethod));
    pair.drive();
    let why = "state field `counter` is of another type on the server; \
               state field `more` has the place of `other` on the server";
    let error = ConnectionError::Incompatible(why.into());
    assert_eq!(pair.client_events, [ClientEvent::Closed(error)]);
    let [ServerEvent::Closed(ConnectionError::Closed { initiator: Initiator::Remote, reason })] =
        pair.server_events.as_slice()
    else {
        panic!("{:?}", pair.server_events);
    };
    assert_eq!(reason.code(), CloseCode::INCOMPATIBLE);
    assert!(reason.reason().starts_with("the peer is incompatible: state field `counter`"));
}

#[test]
fn operations_on_a_field_that_does_not_fit_are_left_out() {
    let server = schema(&[], &[("a", "u8"), ("b", "u8"), ("c", "u8")]);
    let client = schema(&[], &[("a", "u8"), ("b", "u64"), ("c", "u8")]);
    let all = [set(0, b"A"), set(1, b"B"), set(2, b"C")].concat();
    let fits = Bytes::from([set(0, b"A"), set(2, b"C")].concat());
    let client = ClientConfig::new(client).with_partial_state(true);
    let mut pair = Pair::of(client, ServerConfig::new(server), all.clone().into());
    pair.server.send_state(all.into());
    pair.server.send_state(set(1, b"B").into());
    pair.drive();
    let expected = [
        ClientEvent::Open { snapshot: fits.clone() },
        changed(fits),
        // The revision counts all the same.
        changed(Bytes::new()),
    ];
    assert_eq!(pair.client_events[1..], expected);
}

#[test]
fn every_kind_of_operation_on_such_a_field_is_left_out() {
    let server = schema(&[], &[("a", "u8"), ("b", "u8")]);
    let client = schema(&[], &[("a", "u8"), ("b", "u64")]);
    for (kept, left_out) in
        [([0, 1, 9].as_slice(), [4, 1, 9].as_slice()), (&[1, 1, 9], &[5, 1, 9]), (&[2, 0], &[6, 0])]
    {
        let mut pair = pair(client, server);
        pair.drive();
        pair.take_client_events();
        pair.server.send_state([kept, left_out].concat().into());
        pair.drive();
        assert_eq!(pair.take_client_events(), [changed(Bytes::copy_from_slice(kept))]);
    }
}

#[test]
fn malformed_operations_are_left_to_who_applies_them() {
    let server = schema(&[], &[("a", "u8"), ("b", "u8")]);
    let client = schema(&[], &[("a", "u8"), ("b", "u64")]);
    for malformed in [
        &b"\x00"[..],
        b"\x04",
        b"\x04\x05x",
        b"\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x84\x00\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00",
        // What only the tags tell: a field again, an earlier one, an unknown kind, DEFAULT with a body.
        b"\x04\x01B",
        b"\x00\x01A",
        b"\x07\x00",
        b"\x0a\x01x",
    ] {
        let mut pair = pair(client, server);
        pair.drive();
        pair.take_client_events();
        let operations = [&set(0, b"A"), &set(1, b"B"), malformed].concat();
        pair.server.send_state(operations.clone().into());
        pair.drive();
        assert_eq!(pair.take_client_events(), [changed(operations.into())], "{malformed:?}");
    }
}

#[test]
fn a_field_that_only_one_side_has_is_no_obstacle_and_is_not_reported() {
    let more = schema(&[], &[("counter", "u32"), ("name", "string")]);
    let less = schema(&[], &[("counter", "u32")]);
    for (client, server) in [(more, less), (less, more)] {
        let mut pair = pair(client, server);
        pair.drive();
        assert_eq!(pair.take_client_events(), [opened()]);
    }
}

#[test]
fn fields_that_do_not_fit_are_reported_before_the_snapshot_and_methods_when_the_server_says_so() {
    let server = schema(&[("get", "u32")], &[("counter", "u32")]);
    let client = schema(&[("get", "u64")], &[("counter", "u64")]);
    let mut pair = pair(client, server);
    pair.drive();
    let expected = [
        mismatch(SchemaPart::StateField, 0, "counter", Mismatch::Incompatible),
        opened(),
        mismatch(SchemaPart::Method, 0, "get", Mismatch::Incompatible),
    ];
    // The snapshot of a pair is no operation: it is left as it is.
    assert_eq!(pair.take_client_events(), expected);
}
