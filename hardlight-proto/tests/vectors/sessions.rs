//! Sessions: what goes into two ends, and what comes out.

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::{
    CallError, CloseCode, CloseReason, Extensions, GapReason, Limits, Resume, ResumeTopic,
};

use crate::{
    session::{Service, Session, Setup},
    store::{Case, File, check},
    values,
};

const ONE: Bytes = Bytes::from_static(&[1, 0, 0, 0]);
const TWO: Bytes = Bytes::from_static(&[2, 0, 0, 0]);
/// SET field 0 to 1.
const SET_ONE: Bytes = Bytes::from_static(&[0, 4, 1, 0, 0, 0]);
/// SET field 0 to 2, and field 1 to 1.
const SET_BOTH: Bytes = Bytes::from_static(&[0, 4, 2, 0, 0, 0, 4, 4, 1, 0, 0, 0]);

/// A service with two methods, a state field and two types of events.
pub(crate) fn counter() -> Service {
    Service {
        methods: vec![("increment", "fn{amount:u32}->u32", None), ("get", "fn{}->u32", None)],
        state: vec![(0, "counter", "u32", None)],
        events: vec![("Changed", "event{to:u32}", None), ("Stopped", "event{}", None)],
    }
}

/// Both ends with this service and the default settings, but no heartbeats.
pub(crate) fn setups(service: &Service) -> (Setup, Setup) {
    let mut setup = Setup::new(service.clone());
    setup.limits = Limits::new().with_heartbeat_interval(None);
    (setup.clone(), setup)
}

/// An open session of the counter.
pub(crate) fn open() -> Session {
    let (client, server) = setups(&counter());
    Session::open(&client, &server)
}

fn bytes(len: usize) -> Bytes {
    vec![b'x'; len].into()
}

/// The case that a session is.
fn case(name: &str, sections: &[&str], session: Session) -> Case {
    let (config, steps) = session.into_parts();
    Case::new(name, sections).with("config", config).with("steps", steps)
}

/// A session of which only the events are the same for every implementation.
fn free(name: &str, sections: &[&str], session: Session) -> Case {
    let (config, steps) = session.into_parts();
    Case::new(name, sections).with("exact", false).with("config", config).with("steps", steps)
}

fn file(path: &str, about: &'static str, cases: Vec<Case>) -> File {
    let mut file = File::new(path, "sessions", about);
    cases.into_iter().for_each(|case| file.add(case));
    file
}

fn a_call_and_its_answer() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.answer(id, TWO);
    session.settle();
    session
}

fn calls_answered_in_another_order() -> Session {
    let mut session = open();
    let (first, second) = (session.call(0, ONE), session.call(1, Bytes::new()));
    session.settle();
    session.answer(second, ONE);
    session.settle();
    session.answer(first, TWO);
    session.settle();
    session
}

fn an_early_call() -> Session {
    let (client, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    session.call(0, ONE);
    session.settle();
    session
}

fn an_early_call_that_is_cancelled() -> Session {
    let (client, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    let id = session.call(0, ONE);
    session.cancel(id);
    session.settle();
    session
}

fn a_cancelled_call() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.cancel(id);
    session.settle();
    // Its id is in use: this is another one.
    session.call(1, Bytes::new());
    session.settle();
    session.fail(id, CallError::Cancelled, Extensions::new());
    session.settle();
    session.call(0, ONE);
    session
}

fn a_cancel_that_crosses_the_answer() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.answer(id, TWO);
    session.cancel(id);
    session.settle();
    session
}

fn methods_that_do_not_fit() -> Session {
    let mut older = counter();
    older.methods = vec![
        ("get", "fn{}->u32", None),
        ("gone", "fn{}->unit", None),
        ("increment", "fn{amount:u64}->u64", None),
    ];
    let (client, _) = setups(&older);
    let (_, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    session.call(1, Bytes::new());
    session.call(0, Bytes::new());
    session.settle();
    session.refused_call(1, Bytes::new());
    session.refused_call(2, Bytes::new());
    session
}

fn extensions() -> Session {
    let mut session = open();
    let deadline = Extensions::new().with_deadline(Duration::from_secs(1)).expect("it fits");
    let more = deadline.with_idempotency_key(b"key").expect("it fits");
    let id = session.call_with(0, ONE, more);
    session.settle();
    let wait = Duration::from_millis(250);
    let retry = Extensions::new().with_retry_after(wait).expect("it fits");
    session.fail(id, CallError::Busy, retry);
    session.settle();
    session
}

fn all_ids_in_use() -> Session {
    let mut session = open();
    for _ in 0..256 {
        session.call(1, Bytes::new());
    }
    session.refused_call(1, Bytes::new());
    session.settle();
    session.answer(hardlight_proto::CallId(77), ONE);
    session.settle();
    session.call(1, Bytes::new());
    session
}

fn inputs_beyond_the_limit() -> Session {
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_max_input_bytes(100);
    let mut session = Session::open(&client, &server);
    let first = session.call(0, bytes(60));
    session.call(0, bytes(41));
    session.call(0, bytes(40));
    session.settle();
    session.answer(first, ONE);
    session.settle();
    session.call(0, bytes(60));
    session.settle();
    session
}

fn an_input_and_an_output_too_large() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.limits = client.limits.with_max_frame_bytes(66_560);
    server.limits = server.limits.with_max_frame_bytes(70_000);
    let mut session = Session::open(&client, &server);
    session.refused_call(0, bytes(66_558));
    let id = session.call(0, bytes(66_557));
    session.settle();
    session.answer(id, bytes(66_559));
    session.settle();
    session
}

fn calls_that_wait_behind_output() -> Session {
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_max_buffered_bytes(1000);
    let mut session = Session::open(&client, &server);
    let first = session.call(0, ONE);
    session.settle();
    session.fill(true);
    session.answer(first, bytes(1000));
    let second = session.call(1, Bytes::new());
    session.call(0, TWO);
    session.cancel(second);
    session.settle();
    session.fill(false);
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

fn calls() -> File {
    let cases = vec![
        case("a call and its answer", &["6.1", "10.1", "19.1", "19.2"], a_call_and_its_answer()),
        case(
            "calls answered in another order",
            &["10.1", "19.3"],
            calls_answered_in_another_order(),
        ),
        case("a call made before the snapshot waits for it", &["6.1"], an_early_call()),
        case(
            "a call cancelled before the snapshot is never sent",
            &["6.1", "10.2"],
            an_early_call_that_is_cancelled(),
        ),
        case("a cancelled call keeps its id until its answer", &["10.2"], a_cancelled_call()),
        case(
            "a cancel that crosses the answer is ignored",
            &["10.2"],
            a_cancel_that_crosses_the_answer(),
        ),
        case("methods moved, gone and changed", &["6.3", "6.4", "18.1"], methods_that_do_not_fit()),
        case("extensions reach the other end", &["7"], extensions()),
        case("256 calls are open, and no more", &["10.1", "17"], all_ids_in_use()),
        case("inputs beyond max_input_bytes get BUSY", &["17", "18.1"], inputs_beyond_the_limit()),
        case(
            "calls that wait behind much output",
            &["9.3", "17", "19.1"],
            calls_that_wait_behind_output(),
        ),
        case(
            "an input and an output that are too large",
            &["6.2", "17", "18.1"],
            an_input_and_an_output_too_large(),
        ),
    ];
    file("sessions/calls.json", "Opening a connection, and calls.", cases)
}

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

fn state() -> File {
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

fn subscribed() -> Session {
    let mut session = open();
    session.announce(700, 5, "chat");
    session.settle();
    session
}

fn a_topic() -> Session {
    let mut session = subscribed();
    session.emit(700, 5, 0, ONE);
    session.emit(700, 6, 1, Bytes::new());
    session.settle();
    session.leave(700);
    session.announce(700, 9, "chat");
    session.emit(700, 9, 0, TWO);
    session.settle();
    session
}

fn two_topics() -> Session {
    let mut session = subscribed();
    session.announce(701, 0, "news");
    session.emit(701, 0, 0, ONE);
    session.emit(700, 5, 0, ONE);
    session.emit(701, 1, 0, TWO);
    session.settle();
    session
}

fn events_before_their_answer() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.announce(700, 0, "chat");
    session.emit(700, 0, 0, ONE);
    session.answer(id, ONE);
    session.settle();
    session
}

fn gaps() -> Session {
    let mut session = subscribed();
    session.skip(700, 6, GapReason::Lagged);
    session.skip(700, 7, GapReason::Conflated);
    session.settle();
    session.skip(700, 8, GapReason::Withheld);
    session.emit(700, 9, 0, ONE);
    // Nothing that was not said already.
    session.skip(700, 9, GapReason::Lagged);
    session.settle();
    session
}

fn types_of_events_that_do_not_fit() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.service.events = vec![("Changed", "event{to:u64}", None), ("Stopped", "event{}", None)];
    server.service.events = vec![
        ("New", "event{}", None),
        ("Stopped", "event{}", None),
        ("Changed", "event{to:u32}", None),
    ];
    let mut session = Session::open(&client, &server);
    session.announce(1, 0, "chat");
    (0..3).for_each(|event| session.emit(1, u64::from(event), event, Bytes::new()));
    session.settle();
    session
}

fn an_event_that_is_too_long() -> Session {
    let (mut client, server) = setups(&counter());
    client.limits = client.limits.with_max_frame_bytes(66_560);
    let mut session = Session::open(&client, &server);
    session.announce(1, 0, "chat");
    session.emit(1, 0, 0, bytes(66_557));
    session.emit(1, 1, 0, ONE);
    session.settle();
    session
}

fn events_behind_a_slow_client() -> Session {
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_max_queued_event_bytes(3000);
    let mut session = Session::open(&client, &server);
    session.announce(1, 0, "chat");
    session.fill(true);
    for sequence in 0..80 {
        session.emit(1, sequence, 0, bytes(1000));
    }
    session.fill(false);
    session.settle();
    session
}

fn resume(epoch: u64, topics: &[(&'static str, u64)]) -> Resume {
    let topics = topics
        .iter()
        .map(|&(name, next)| ResumeTopic { name: Bytes::from_static(name.as_bytes()), next });
    Resume { epoch, topics: topics.collect() }
}

fn topics_resumed() -> Session {
    let (mut client, mut server) = setups(&counter());
    server.epoch = Some(77);
    client.resume = Some(resume(77, &[("all", 4), ("behind", 4), ("replayed", 4)]));
    let mut session = Session::open(&client, &server);
    session.announce(1, 4, "all");
    session.emit(1, 4, 0, ONE);
    session.announce(2, 9, "behind");
    session.emit(2, 9, 0, ONE);
    // What the server has kept from 6 on.
    session.announce(3, 6, "replayed");
    session.emit(3, 6, 0, ONE);
    session.announce(4, 0, "other");
    session.settle();
    session.leave(1);
    session.announce(1, 5, "all");
    session.settle();
    assert_eq!(session.client().resume_point().map(|point| point.epoch), Some(77));
    session
}

fn topics_restarted() -> Session {
    let (mut client, mut server) = setups(&counter());
    server.epoch = Some(78);
    client.resume = Some(resume(77, &[("all", 4)]));
    let mut session = Session::open(&client, &server);
    session.announce(1, 9, "all");
    session.settle();
    session
}

fn a_topic_asked_for_ahead_of_the_server() -> Session {
    let (mut client, mut server) = setups(&counter());
    server.epoch = Some(77);
    client.resume = Some(resume(77, &[("all", 10)]));
    let mut session = Session::open(&client, &server);
    session.announce(1, 9, "all");
    session.settle();
    session
}

fn events() -> File {
    let cases = vec![
        case("a topic is subscribed to, left, and subscribed to again", &["13.1"], a_topic()),
        case("the events of two topics", &["13.1", "13.2"], two_topics()),
        case("events come before the answer", &["13.1", "19.3"], events_before_their_answer()),
        case("gaps", &["13.2", "13.4"], gaps()),
        case(
            "types of events unknown and changed",
            &["6.3", "13.3"],
            types_of_events_that_do_not_fit(),
        ),
        case("an event that is too long", &["13.4", "17"], an_event_that_is_too_long()),
        free("events behind a slow client", &["13.4", "17"], events_behind_a_slow_client()),
        case("topics resumed", &["13.4", "13.5"], topics_resumed()),
        case("a topic restarted: another epoch", &["13.5"], topics_restarted()),
        case(
            "a topic restarted: a number above the server's",
            &["13.5"],
            a_topic_asked_for_ahead_of_the_server(),
        ),
    ];
    file("sessions/events.json", "Topics and events.", cases)
}

fn a_long_call_and_a_long_answer() -> Session {
    let mut session = open();
    let id = session.call(0, bytes(200_000));
    session.settle();
    session.answer(id, bytes(100_000));
    session.settle();
    session
}

fn the_longest_whole_frames() -> Session {
    let mut session = open();
    let id = session.call(0, bytes(66_557));
    session.settle();
    session.answer(id, bytes(66_558));
    session.settle();
    session
}

fn the_shortest_transfers() -> Session {
    let mut session = open();
    let id = session.call(0, bytes(66_558));
    session.settle();
    session.answer(id, bytes(66_559));
    session.settle();
    session
}

fn a_long_snapshot() -> Session {
    let (client, mut server) = setups(&counter());
    server.snapshot = bytes(100_000);
    let mut session = Session::start(&client, &server);
    session.call(1, Bytes::new());
    session.settle();
    session
}

fn a_snapshot_longer_than_the_client_accepts() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.limits = client.limits.with_max_frame_bytes(70_000);
    server.snapshot = bytes(100_000);
    let mut session = Session::start(&client, &server);
    // HELLO and the first piece of the SNAPSHOT came in one message.
    session.deliver_to_client();
    session.settle();
    session
}

fn long_state_and_events() -> Session {
    let mut session = open();
    let id = session.call(1, Bytes::new());
    session.settle();
    session.announce(1, 0, "chat");
    session.change_state(bytes(70_000));
    session.emit(1, 0, 0, bytes(70_000));
    session.change_state(SET_ONE);
    session.answer(id, ONE);
    session.settle();
    session
}

fn a_call_given_up_on_its_way() -> Session {
    let mut session = open();
    let id = session.call(0, bytes(200_000));
    session.cancel(id);
    session.settle();
    session.call(0, ONE);
    session.settle();
    session
}

fn an_answer_given_up_on_its_way() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.answer(id, bytes(200_000));
    session.cancel(id);
    session.deliver_to_server();
    session.settle();
    session
}

fn a_short_answer_beside_a_long_one() -> Session {
    let mut session = open();
    let (long, short) = (session.call(0, ONE), session.call(1, Bytes::new()));
    session.settle();
    session.answer(long, bytes(300_000));
    session.answer(short, ONE);
    session.settle();
    session
}

fn transfers() -> File {
    let cases = vec![
        case(
            "frames as long as fit into a message",
            &["4.1", "9.1", "17"],
            the_longest_whole_frames(),
        ),
        case("frames of one byte more", &["9.1", "9.2", "17"], the_shortest_transfers()),
        free("a long call and a long answer", &["9.1", "9.2"], a_long_call_and_a_long_answer()),
        case("a long snapshot", &["6.1", "9.1", "9.2", "19.2"], a_long_snapshot()),
        case(
            "a snapshot longer than the client accepts",
            &["9.6", "18.3"],
            a_snapshot_longer_than_the_client_accepts(),
        ),
        case("long state and events keep their order", &["9.4", "19.3"], long_state_and_events()),
        free("a call given up on its way", &["9.5", "10.2"], a_call_given_up_on_its_way()),
        free("an answer given up on its way", &["9.5", "10.2"], an_answer_given_up_on_its_way()),
        free(
            "a short answer beside a long one",
            &["9.3", "9.4"],
            a_short_answer_beside_a_long_one(),
        ),
    ];
    file("sessions/transfers.json", "Frames in pieces.", cases)
}

fn with_heartbeats() -> Session {
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_heartbeat_interval(Some(Duration::from_secs(20)));
    let mut session = Session::open(&client, &server);
    session.tick();
    session
}

fn an_idle_connection() -> Session {
    let mut session = with_heartbeats();
    for _ in 0..2 {
        session.pass(Duration::from_secs(20));
        session.settle();
    }
    session
}

fn a_busy_connection() -> Session {
    let mut session = with_heartbeats();
    let id = session.call(1, Bytes::new());
    session.settle();
    session.answer(id, ONE);
    session.settle();
    // Both have heard of each other.
    session.pass(Duration::from_secs(20));
    session
}

fn a_peer_that_is_gone() -> Session {
    let mut session = with_heartbeats();
    // Nothing is delivered.
    (0..3).for_each(|_| session.pass(Duration::from_secs(20)));
    session
}

fn no_hello_in_time() -> Session {
    let (client, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    session.pass(Duration::from_micros(9_999_999));
    session.pass(Duration::from_micros(1));
    session
}

fn no_snapshot_in_time() -> Session {
    let (client, mut server) = setups(&counter());
    server.snapshot = bytes(100_000);
    let mut session = Session::start(&client, &server);
    session.deliver_to_client();
    session.pass(Duration::from_secs(10));
    session
}

fn a_server_that_stops() -> Session {
    let mut session = open();
    let running = session.call(0, ONE);
    session.settle();
    session.close_server(CloseReason::new(CloseCode::GOING_AWAY, "restarting"));
    // It crosses GOING_AWAY.
    session.call(0, TWO);
    session.settle();
    session.refused_call(0, ONE);
    session.answer(running, TWO);
    session.settle();
    session
}

fn a_server_that_stops_while_nothing_runs() -> Session {
    let mut session = open();
    session.close_server(CloseReason::normal());
    session.settle();
    session
}

fn a_server_whose_grace_is_over() -> Session {
    let mut session = open();
    session.call(0, ONE);
    session.settle();
    session.close_server(CloseReason::normal());
    session.pass(Duration::from_secs(10));
    session.settle();
    session
}

fn a_client_that_closes() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.close_client(CloseReason::normal());
    session.settle();
    session.refused_call(0, ONE);
    session.answer(id, TWO);
    session.settle();
    session
}

fn a_transport_that_fails() -> Session {
    let mut session = open();
    session.call(0, ONE);
    session.settle();
    session.cut();
    session
}

fn an_abort() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.abort_server(CloseReason::new(CloseCode(4100), "logged out"));
    session.answer(id, ONE);
    session.settle();
    session
}

fn frames_that_are_ignored() -> Session {
    let mut session = open();
    session.forge_to_server(&[0x3f, 1, 2, 3]);
    session.forge_to_client(&[0xe0]);
    session.forge_to_server(&[0, 1, 0x20, 4, 3, 9, 0, b'x', 2, 0xa0, 1]);
    session
}

fn another_revision() -> Session {
    let (client, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    session.forge_to_client(&[1, 2, 99]);
    session
}

fn compressed() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.compression = true;
    server.compression = true;
    let mut session = Session::open(&client, &server);
    let id = session.call(0, bytes(1023));
    session.settle();
    session.answer(id, bytes(1024));
    session.announce(1, 0, "chat");
    session.emit(1, 0, 0, bytes(100_000));
    session.change_state(bytes(2000));
    session.settle();
    session
}

fn compression_that_one_end_has() -> Session {
    let (mut client, server) = setups(&counter());
    client.compression = true;
    let mut session = Session::open(&client, &server);
    session.call(0, bytes(2000));
    session.settle();
    session
}

fn a_stored_block() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.compression = true;
    server.compression = true;
    let mut session = Session::open(&client, &server);
    session.forge_to_server(&[0x83, 5, 0, 2, 0x01, 2, 0, 0xfd, 0xff, b'h', b'i']);
    session
}

/// A reader that takes the stream in by the kibibyte has the whole payload before the end of the stream.
fn a_stored_block_and_one_of_no_bytes() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.compression = true;
    server.compression = true;
    let mut session = Session::open(&client, &server);
    let block = [&[0x83, 5, 0, 0xfb, 7, 0, 0xfb, 3, 4, 0xfc][..], &[b'x'; 1019]].concat();
    session.forge_to_server(&[&block[..], &[1, 0, 0, 0xff, 0xff]].concat());
    session
}

fn link() -> File {
    let cases = vec![
        case("heartbeats of an idle connection", &["15"], an_idle_connection()),
        case("no heartbeat is needed where both are heard", &["15"], a_busy_connection()),
        case("a peer that is gone is given up", &["15", "18.3"], a_peer_that_is_gone()),
        case("no HELLO in time", &["6.1", "17", "18.3"], no_hello_in_time()),
        case("no SNAPSHOT in time", &["6.1"], no_snapshot_in_time()),
        case("a server that stops", &["16.3", "19.1"], a_server_that_stops()),
        case(
            "a server that stops while nothing runs",
            &["16.1", "16.3"],
            a_server_that_stops_while_nothing_runs(),
        ),
        case("a server whose grace is over", &["16.3"], a_server_whose_grace_is_over()),
        case("a client that closes", &["16.3", "19.2"], a_client_that_closes()),
        case("a transport that fails", &["16.2"], a_transport_that_fails()),
        case("an abort with a code of the application's", &["16.2", "18.3"], an_abort()),
        case("unknown frames that may be ignored", &["5.3"], frames_that_are_ignored()),
        case("another revision", &["6.2", "18.3", "23"], another_revision()),
        free("compression", &["8"], compressed()),
        case("compression that only one end has", &["6.2", "8"], compression_that_one_end_has()),
        case("a stored block", &["8"], a_stored_block()),
        case("a stored block and one of no bytes", &["8"], a_stored_block_and_one_of_no_bytes()),
    ];
    let about = "Heartbeats, endings, unknown frames, compression.";
    file("sessions/link.json", about, cases)
}

#[test]
fn sessions_are_those_of_the_vectors() {
    check(&[calls(), state(), events(), transfers(), link()], Some("sessions"));
}
