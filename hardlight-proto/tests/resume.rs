//! Going on where an earlier connection left off (SPEC.md, section 13.5).

mod support;

use bytes::Bytes;
use hardlight_proto::*;
use support::*;

const EPOCH: u64 = 0xe90c;
const NEWS: Bytes = Bytes::from_static(b"news");

/// A client that was subscribed to "chat" and expected event 5 next.
fn was_on_chat() -> Resume {
    Resume { epoch: EPOCH, topics: vec![ResumeTopic { name: CHAT, next: 5 }] }
}

fn config(epoch: Option<u64>) -> ServerConfig {
    let config = server_config(quiet());
    epoch.into_iter().fold(config, ServerConfig::with_epoch)
}

/// A server of this epoch, which a client that was on "chat" has greeted.
fn resumed_server(epoch: Option<u64>) -> Connection<Server> {
    server_of(config(epoch), Hello { resume: Some(was_on_chat()), ..client_hello() })
}

/// A client that was on "chat", of a server of this epoch.
fn resumed_client(epoch: Option<u64>) -> Connection<Client> {
    let config = client_config(quiet()).with_resume(Some(was_on_chat()));
    client_of(config, Hello { epoch, ..server_hello() })
}

fn pair(resume: Option<Resume>, epoch: u64) -> Pair {
    let client = client_config(quiet()).with_resume(resume);
    Pair::of(client, config(Some(epoch)), SNAPSHOT).opened()
}

fn resumed(topic: Bytes) -> ClientEvent {
    ClientEvent::Subscribed { topic, start: TopicStart::Resumed }
}

fn restarted(topic: Bytes) -> ClientEvent {
    ClientEvent::Subscribed { topic, start: TopicStart::Restarted }
}

fn gap_frame(first: u64, last: u64) -> Frame {
    Frame::Gap { topic: 7, first, last, reason: GapReason::Expired }
}

// What a server says.

#[test]
fn a_topic_goes_on_where_the_client_left_off_and_what_is_gone_is_a_gap() {
    for (next, gap) in [(5, vec![]), (6, vec![gap_frame(5, 5)]), (9, vec![gap_frame(5, 8)])] {
        let mut server = resumed_server(Some(EPOCH));
        assert_eq!(server.resume_hint(b"chat"), Some(5));
        assert_eq!(server.resume_names().collect::<Vec<_>>(), [b"chat"]);
        server.announce_topic(7, next, CHAT);
        assert_eq!(server.resume_names().count(), 0);
        let mut expected = vec![topic_frame(7, 5, TopicStart::Resumed, CHAT)];
        expected.extend(gap);
        assert_eq!(sent(&mut server), expected);
    }
}

#[test]
fn the_highest_number_there_is_may_be_reached() {
    let mut server = resumed_server(Some(EPOCH));
    server.announce_topic(7, u64::MAX, CHAT);
    let topic = topic_frame(7, 5, TopicStart::Resumed, CHAT);
    assert_eq!(sent(&mut server), [topic, gap_frame(5, u64::MAX - 1)]);
}

#[test]
fn a_topic_that_numbers_anew_says_that_it_does() {
    for (epoch, next) in [(Some(EPOCH), 4), (Some(EPOCH), 0), (Some(EPOCH + 1), 9), (None, 9)] {
        let mut server = resumed_server(epoch);
        if epoch != Some(EPOCH) {
            assert_eq!(server.resume_hint(b"chat"), None);
            assert_eq!(server.resume_names().count(), 0);
        }
        server.announce_topic(7, next, CHAT);
        let expected = [topic_frame(7, next, TopicStart::Restarted, CHAT)];
        assert_eq!(sent(&mut server), expected, "{epoch:?}, {next}");
    }
}

#[test]
fn a_topic_that_the_client_did_not_ask_for_is_fresh() {
    let mut server = resumed_server(Some(EPOCH));
    assert_eq!(server.resume_hint(b"news"), None);
    server.announce_topic(8, 9, NEWS);
    assert_eq!(sent(&mut server), [topic_frame(8, 9, TopicStart::Fresh, NEWS)]);
    // And so it is for a client that asked for nothing.
    let mut server = server_of(config(Some(EPOCH)), client_hello());
    server.announce_topic(7, 9, CHAT);
    assert_eq!(sent(&mut server), [topic_frame(7, 9, TopicStart::Fresh, CHAT)]);
}

#[test]
fn the_second_subscription_to_a_topic_is_fresh() {
    let mut server = resumed_server(Some(EPOCH));
    server.announce_topic(7, 5, CHAT);
    assert_eq!(server.resume_hint(b"chat"), None);
    server.leave_topic(7);
    server.announce_topic(7, 6, CHAT);
    let expected = [
        topic_frame(7, 5, TopicStart::Resumed, CHAT),
        Frame::Leave { topic: 7 },
        topic_frame(7, 6, TopicStart::Fresh, CHAT),
    ];
    assert_eq!(sent(&mut server), expected);
}

#[test]
fn a_topic_that_waits_to_be_announced_is_not_to_be_resumed_again() {
    let mut server = resumed_server(Some(EPOCH));
    server.send_state(noise(65_000));
    server.send_state(noise(65_000));
    server.announce_topic(7, 5, CHAT);
    assert_eq!(server.resume_hint(b"chat"), None);
}

#[test]
fn a_topic_that_was_announced_before_the_hello_is_resumed_all_the_same() {
    let mut server = Connection::server(config(Some(EPOCH)), SNAPSHOT, Time::ZERO);
    server.announce_topic(7, 9, CHAT);
    sent(&mut server);
    let hello = Hello { resume: Some(was_on_chat()), ..client_hello() };
    receive(&mut server, &Frame::Hello(hello.into()));
    assert_eq!(server_events(&mut server), [ServerEvent::Open]);
    let expected = [topic_frame(7, 5, TopicStart::Resumed, CHAT), gap_frame(5, 8)];
    assert_eq!(sent(&mut server), expected);
}

#[test]
fn asking_subscribes_to_nothing() {
    let mut server = resumed_server(Some(EPOCH));
    assert_eq!(sent(&mut server), []);
    server.send_event(&EncodedEvent::new(7, 5, 0, OUTPUT));
    server.skip_events(7, 6, GapReason::Withheld);
    server.leave_topic(7);
    assert_eq!(sent(&mut server), []);
}

// What a client accepts.

#[test]
fn a_client_accepts_what_fits_what_it_asked_for_and_nothing_else() {
    use TopicStart::{Fresh, Restarted, Resumed};
    let other = Some(EPOCH + 1);
    for (epoch, start, next, fits) in [
        (Some(EPOCH), Fresh, 5, false),
        (Some(EPOCH), Resumed, 5, true),
        (Some(EPOCH), Resumed, 4, false),
        (Some(EPOCH), Resumed, 6, false),
        (Some(EPOCH), Restarted, 4, true),
        (Some(EPOCH), Restarted, 5, false),
        (Some(EPOCH), Restarted, 6, false),
        (other, Fresh, 5, false),
        (other, Resumed, 5, false),
        (other, Restarted, 5, true),
        (other, Restarted, 9, true),
        (None, Fresh, 5, false),
        (None, Resumed, 5, false),
        (None, Restarted, 5, true),
    ] {
        let mut client = resumed_client(epoch);
        receive(&mut client, &topic_frame(7, next, start, CHAT));
        let expected = if fits {
            ClientEvent::Subscribed { topic: CHAT, start }
        } else {
            client_failed(ProtocolError::InvalidTopic)
        };
        assert_eq!(client_events(&mut client), [expected], "{epoch:?}, {start:?}, {next}");
    }
}

#[test]
fn a_client_accepts_nothing_but_fresh_of_what_it_did_not_ask_for() {
    use TopicStart::{Fresh, Restarted, Resumed};
    for start in [Fresh, Resumed, Restarted] {
        let mut client = resumed_client(Some(EPOCH));
        receive(&mut client, &topic_frame(8, 5, start, NEWS));
        let fits = start == Fresh;
        let expected =
            if fits { subscribed(NEWS) } else { client_failed(ProtocolError::InvalidTopic) };
        assert_eq!(client_events(&mut client), [expected], "{start:?}");
    }
}

#[test]
fn a_client_accepts_nothing_but_fresh_the_second_time() {
    use TopicStart::{Fresh, Restarted, Resumed};
    for start in [Fresh, Resumed, Restarted] {
        let mut client = resumed_client(Some(EPOCH));
        receive(&mut client, &topic_frame(7, 5, Resumed, CHAT));
        receive(&mut client, &Frame::Leave { topic: 7 });
        receive(&mut client, &topic_frame(7, 5, start, CHAT));
        let fits = start == Fresh;
        let expected =
            if fits { subscribed(CHAT) } else { client_failed(ProtocolError::InvalidTopic) };
        assert_eq!(client_events(&mut client).last(), Some(&expected), "{start:?}");
    }
}

// How far a client came.

#[test]
fn how_far_a_connection_came_is_known_after_its_end() {
    let mut pair = pair(None, EPOCH);
    assert_eq!(pair.client.resume_point(), None);
    pair.server.announce_topic(9, 1, NEWS);
    pair.server.announce_topic(7, 3, CHAT);
    pair.server.announce_topic(8, 0, OUTPUT);
    for sequence in 3..5 {
        pair.server.send_event(&EncodedEvent::new(7, sequence, 0, OUTPUT));
    }
    pair.server.skip_events(9, 9, GapReason::Withheld);
    // What was left is not asked for again.
    pair.server.leave_topic(8);
    pair.drive();
    pair.client.handle_lost("cable cut");
    pair.drive();
    assert!(pair.client.is_ended());
    let topics = vec![ResumeTopic { name: CHAT, next: 5 }, ResumeTopic { name: NEWS, next: 10 }];
    assert_eq!(pair.client.resume_point(), Some(Resume { epoch: EPOCH, topics }));
}

#[test]
fn without_an_epoch_there_is_nothing_to_resume() {
    let mut pair = Pair::open();
    pair.server.announce_topic(7, 3, CHAT);
    pair.drive();
    assert_eq!(pair.client.resume_point(), None);
}

#[test]
fn what_was_asked_for_and_not_subscribed_to_yet_is_asked_for_again_in_the_same_epoch() {
    let client = resumed_client(Some(EPOCH));
    assert_eq!(client.resume_point(), Some(was_on_chat()));
    // One without an epoch knows nothing of it: another one may.
    assert_eq!(resumed_client(None).resume_point(), Some(was_on_chat()));
}

#[test]
fn what_another_epoch_was_asked_for_and_was_not_subscribed_to_is_restarted_on_a_later_connection() {
    let resume = resumed_client(Some(EPOCH + 1)).resume_point();
    // A number that nobody reaches.
    let topics = vec![ResumeTopic { name: CHAT, next: u64::MAX }];
    assert_eq!(resume, Some(Resume { epoch: EPOCH + 1, topics }));
    for epoch in [EPOCH + 1, EPOCH + 2] {
        let mut later = pair(resume.clone(), epoch);
        later.server.announce_topic(7, 3, CHAT);
        later.drive();
        assert_eq!(later.take_client_events(), [restarted(CHAT)]);
    }
}

#[test]
fn a_connection_that_ends_before_the_servers_hello_leaves_it_to_the_next_to_go_on() {
    let config = client_config(quiet()).with_resume(Some(was_on_chat()));
    let mut client = Connection::client(config, Time::ZERO);
    assert_eq!(client.resume_point(), Some(was_on_chat()));
    client.handle_lost("cable cut");
    assert_eq!(client_events(&mut client).len(), 1);
    assert_eq!(client.resume_point(), Some(was_on_chat()));
}

#[test]
fn a_name_under_two_numbers_is_asked_for_once() {
    let mut pair = pair(None, EPOCH);
    pair.server.announce_topic(7, 3, CHAT);
    pair.server.announce_topic(8, 4, CHAT);
    pair.drive();
    let resume = pair.client.resume_point().expect("it is subscribed");
    assert_eq!(resume.topics.len(), 1);
    // And its next connection is greeted as any other.
    assert!(self::pair(Some(resume), EPOCH).client.is_open());
}

#[test]
fn from_one_connection_to_the_next_no_event_is_lost_or_comes_twice() {
    let mut first = pair(None, EPOCH);
    first.server.announce_topic(7, 0, CHAT);
    for sequence in 0..4 {
        first.server.send_event(&EncodedEvent::new(7, sequence, 0, OUTPUT));
    }
    first.drive();
    let mut second = pair(first.client.resume_point(), EPOCH);
    // Two are kept.
    assert_eq!(second.server.resume_hint(&CHAT), Some(4));
    second.server.announce_topic(7, 6, CHAT);
    for sequence in 6..8 {
        second.server.send_event(&EncodedEvent::new(7, sequence, 0, OUTPUT));
    }
    second.drive();
    let expected = [
        resumed(CHAT),
        missed(CHAT, 4, 5, GapReason::Expired),
        arrived(CHAT, 6, OUTPUT),
        arrived(CHAT, 7, OUTPUT),
    ];
    assert_eq!(second.take_client_events(), expected);
}

// How much may be asked for.

#[test]
fn a_client_leaves_out_what_does_not_fit_into_its_hello() {
    let name = |n: usize| Bytes::from(format!("{n:0500}"));
    let topics: Vec<_> = (0..200).map(|n| ResumeTopic { name: name(n), next: 1 << 40 }).collect();
    let resume = Resume { epoch: EPOCH, topics };
    let mut pair = pair(Some(resume.clone()), EPOCH);
    let asked = (0..200).filter(|&n| pair.server.resume_hint(&name(n)).is_some()).count();
    // Each takes 508 bytes of 65 KiB.
    assert!((125..=131).contains(&asked), "{asked}");
    assert_eq!(pair.server.resume_hint(&name(0)), Some(1 << 40));
    for (topic, n) in [(0, 0), (1, asked - 1), (2, asked), (3, 199)] {
        pair.server.announce_topic(topic, 1 << 40, name(n));
    }
    pair.drive();
    // The client itself knows that it missed nothing.
    let expected = [0, asked - 1, asked, 199].map(|n| resumed(name(n)));
    assert_eq!(pair.take_client_events(), expected);
}

/// A client that was on more topics than its Hello has room for, this one among them, which it left out.
fn left_out(epoch: Option<u64>) -> (Connection<Client>, Bytes) {
    let name = |n: usize| Bytes::from(format!("{n:0500}"));
    let topics = (0..200).map(|n| ResumeTopic { name: name(n), next: 5 }).collect();
    let resume = Resume { epoch: EPOCH, topics };
    let config = client_config(quiet()).with_resume(Some(resume));
    (client_of(config, Hello { epoch, ..server_hello() }), name(199))
}

#[test]
fn a_client_states_what_it_missed_of_a_topic_that_its_hello_had_no_room_for() {
    let other = Some(EPOCH + 1);
    for (epoch, next, expected) in [
        (Some(EPOCH), 5, vec![TopicStart::Resumed]),
        (Some(EPOCH), 8, vec![TopicStart::Resumed]),
        (Some(EPOCH), 4, vec![TopicStart::Restarted]),
        (other, 5, vec![TopicStart::Restarted]),
        (None, 5, vec![TopicStart::Restarted]),
    ] {
        let (mut client, topic) = left_out(epoch);
        receive(&mut client, &topic_frame(9, next, TopicStart::Fresh, topic.clone()));
        receive(&mut client, &event_frame(9, next, OUTPUT));
        let begun = expected
            .into_iter()
            .map(|start| ClientEvent::Subscribed { topic: topic.clone(), start });
        let gap = (next == 8).then(|| missed(topic.clone(), 5, 7, GapReason::Expired));
        let event = arrived(topic.clone(), next, OUTPUT);
        let expected: Vec<_> = begun.chain(gap).chain([event]).collect();
        assert_eq!(client_events(&mut client), expected, "{epoch:?}, {next}");
    }
}

#[test]
fn a_topic_that_was_left_out_is_not_accepted_as_one_that_was_asked_for() {
    for start in [TopicStart::Resumed, TopicStart::Restarted] {
        let (mut client, topic) = left_out(Some(EPOCH));
        receive(&mut client, &topic_frame(9, 5, start, topic));
        assert_eq!(client_events(&mut client), [client_failed(ProtocolError::InvalidTopic)]);
    }
}

#[test]
fn what_was_not_told_before_the_end_is_left_to_the_next_connection() {
    let (mut client, topic) = left_out(Some(EPOCH));
    let next = |client: &Connection<Client>| {
        let resume = client.resume_point().expect("it was on many");
        resume.topics.iter().find(|resumed| resumed.name == topic).map(|resumed| resumed.next)
    };
    assert_eq!(next(&client), Some(5));
    receive(&mut client, &topic_frame(9, 8, TopicStart::Fresh, topic.clone()));
    assert_eq!(client.poll_event(), Some(resumed(topic.clone())));
    client.reject_state();
    assert_eq!(client_events(&mut client).len(), 1);
    assert_eq!(next(&client), Some(5));
}

#[test]
fn a_client_that_asks_for_nothing_says_nothing_of_it() {
    let resume = Some(Resume { epoch: EPOCH, topics: Vec::new() });
    let config = client_config(quiet()).with_resume(resume);
    let mut client = Connection::client(config, Time::ZERO);
    receive(&mut client, &Frame::Hello(server_hello().into()));
    assert_eq!(client_events(&mut client), []);
    let frames = sent(&mut client);
    let Frame::Hello(hello) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(hello.resume, None);
}
