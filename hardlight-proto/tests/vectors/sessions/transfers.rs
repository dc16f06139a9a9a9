//! What travels in pieces.

use super::*;

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

pub(super) fn sessions() -> File {
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
