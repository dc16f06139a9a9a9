//! Connection state, and features.

use super::*;

fn state_before_its_answer() -> Session {
    let (client, mut server) = setups(&counter());
    server.snapshot = SET_ONE;
    let mut session = Session::open(&client, &server);
    let id = session.call(0, ONE);
    session.settle();
    session.change_state(Bytes::from_static(&[0, 4, 2, 0, 0, 0]));
    session.answer(id, TWO);
    session.settle();
    session.change_state(Bytes::from_static(&[0, 4, 3, 0, 0, 0]));
    session.settle();
    session
}

fn state_before_the_hello_is_read() -> Session {
    let (client, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    session.change_state(SET_ONE);
    session.settle();
    session
}

fn a_state_field_that_does_not_fit() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.partial_state = true;
    client.service.state = vec![(0, "counter", "u64", None), (1, "other", "u32", None)];
    server.service.state = vec![(0, "counter", "u32", None), (1, "other", "u32", None)];
    server.snapshot = SET_BOTH;
    let mut session = Session::open(&client, &server);
    session.change_state(SET_BOTH);
    session.change_state(SET_ONE);
    session.settle();
    session
}

fn a_state_field_of_another_name() -> Session {
    let (mut client, server) = setups(&counter());
    client.service.state = vec![(0, "total", "u32", None)];
    client.partial_state = true;
    Session::open(&client, &server)
}

fn state_fields_that_are_refused() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.service.state = vec![(0, "counter", "u64", None), (1, "total", "u32", None)];
    server.service.state = vec![(0, "counter", "u32", None), (1, "other", "u32", None)];
    server.snapshot = SET_BOTH;
    let mut session = Session::start(&client, &server);
    session.settle();
    session
}

fn state_fields_of_one_end() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.service.state = vec![(0, "counter", "u32", None), (5, "more", "string", None)];
    server.service.state = vec![(0, "counter", "u32", None), (1, "other", "u32", None)];
    let mut session = Session::open(&client, &server);
    session.change_state(SET_BOTH);
    session.settle();
    session
}

fn values_beside_the_state() -> Session {
    let (mut client, mut server) = setups(&counter());
    for setup in [&mut client, &mut server] {
        setup.service.state.push((4_095, "$values", "map<string,tuple<u64,vec<u8>>>", None));
    }
    server.snapshot = [SET_ONE, values::snapshot()].concat().into();
    let mut session = Session::open(&client, &server);
    let id = session.call(0, ONE);
    session.settle();
    session.change_state([SET_ONE, values::removal()].concat().into());
    session.answer(id, TWO);
    session.settle();
    session
}

fn values_that_only_the_server_has() -> Session {
    let (client, mut server) = setups(&counter());
    server.service.state.push((4_095, "$values", "map<string,tuple<u64,vec<u8>>>", None));
    server.snapshot = [SET_ONE, values::snapshot()].concat().into();
    Session::open(&client, &server)
}

fn features() -> Session {
    let mut service = counter();
    service.methods.push(("reset", "fn{}->unit", Some("admin")));
    service.state.push((1, "secret", "u32", Some("admin")));
    let (client, server) = setups(&service);
    let mut session = Session::open(&client, &server);
    session.call(2, Bytes::new());
    session.settle();
    let login = session.call(0, ONE);
    session.settle();
    session.set_features(&["admin", "beta"]);
    session.change_state(Bytes::from_static(&[4, 4, 9, 0, 0, 0]));
    session.answer(login, ONE);
    session.settle();
    let reset = session.call(2, Bytes::new());
    session.settle();
    session.set_features(&["beta"]);
    // DEFAULT for the field that was lost.
    session.change_state(Bytes::from_static(&[6, 0]));
    session.answer(reset, Bytes::new());
    session.settle();
    session
}

fn events_that_need_a_feature() -> Session {
    let mut service = counter();
    service.events[1].2 = Some("admin");
    let (client, mut server) = setups(&service);
    server.features = &["admin"];
    let mut session = Session::open(&client, &server);
    session.announce(700, 0, "chat");
    session.settle();
    session.emit(700, 0, 1, Bytes::new());
    session.settle();
    // More than is packed ahead, so that what follows waits.
    session.fill(true);
    session.emit(700, 1, 0, bytes(66_000));
    session.emit(700, 2, 1, Bytes::new());
    session.emit(700, 3, 0, ONE);
    session.set_features(&[]);
    session.fill(false);
    session.settle();
    session.emit(700, 4, 1, Bytes::new());
    session.settle();
    session.emit(700, 5, 0, TWO);
    session.set_features(&["admin"]);
    session.emit(700, 6, 1, Bytes::new());
    session.settle();
    session
}

fn a_call_that_waits_and_loses_its_feature() -> Session {
    let mut service = counter();
    service.methods[0].2 = Some("write");
    let (client, mut server) = setups(&service);
    server.features = &["write"];
    server.limits = server.limits.with_max_buffered_bytes(1000);
    let mut session = Session::open(&client, &server);
    let first = session.call(1, Bytes::new());
    session.settle();
    session.fill(true);
    session.answer(first, bytes(1000));
    session.call(0, ONE);
    session.call(1, Bytes::new());
    session.settle();
    session.set_features(&[]);
    session.fill(false);
    session.settle();
    session
}

fn features_from_the_beginning() -> Session {
    let mut service = counter();
    service.methods[0].2 = Some("write");
    let (client, mut server) = setups(&service);
    server.features = &["write"];
    let mut session = Session::open(&client, &server);
    session.call(0, ONE);
    session.settle();
    session
}

pub(super) fn sessions() -> File {
    let cases = vec![
        case("state comes before its answer", &["11.2", "19.3"], state_before_its_answer()),
        case(
            "state changed before the client's HELLO",
            &["11.1", "19.1"],
            state_before_the_hello_is_read(),
        ),
        case(
            "operations on a field of another type are left out",
            &["6.3"],
            a_state_field_that_does_not_fit(),
        ),
        case("a field of another name is another field", &["6.3"], a_state_field_of_another_name()),
        case(
            "fields of another type or name are refused",
            &["6.3", "18.3"],
            state_fields_that_are_refused(),
        ),
        case("fields that only one end has", &["6.3", "12.1"], state_fields_of_one_end()),
        case("values beside the state", &["6.2", "11.3"], values_beside_the_state()),
        case(
            "values that the client knows nothing of",
            &["11.3", "12.1"],
            values_that_only_the_server_has(),
        ),
        case("features gained and lost", &["14.1", "14.2", "14.3", "18.1"], features()),
        case(
            "a call that waits and loses its feature",
            &["14.2", "18.1"],
            a_call_that_waits_and_loses_its_feature(),
        ),
        case("events that need a feature", &["13.4", "14.2"], events_that_need_a_feature()),
        case("features from the beginning", &["6.2", "14.2"], features_from_the_beginning()),
    ];
    file("sessions/state.json", "Connection state, and features.", cases)
}
