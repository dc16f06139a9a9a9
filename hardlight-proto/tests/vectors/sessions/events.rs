//! Topics and events.

use super::*;

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

pub(super) fn sessions() -> File {
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
