//! Heartbeats, ends, what is ignored, and compression.

use super::*;

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

pub(super) fn sessions() -> File {
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
