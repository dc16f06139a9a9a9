//! What may happen to a connection, from a handshake to its end.

use bytes::Bytes;
use hardlight_proto::{CallId, Frame, TopicStart};

use super::frames::{answer, call, event, gap, state, topic};
use crate::{
    pair::cut,
    script::{Script, Setup, Step},
    wire,
};

type Named = (&'static str, Script);

/// By target.
pub(super) fn all() -> [(&'static str, Vec<Named>); 3] {
    [("client", client()), ("server", server()), ("pair", pair())]
}

const PLAIN: Setup = Setup {
    compression: false,
    peer_compression: false,
    resumes: false,
    heartbeats: false,
    long_snapshot: false,
};

const COMPRESSED: Setup = Setup {
    compression: true,
    peer_compression: true,
    ..PLAIN
};

const RESUMED: Setup = Setup {
    resumes: true,
    ..PLAIN
};

const BEATING: Setup = Setup {
    heartbeats: true,
    ..PLAIN
};

const LONG_SNAPSHOT: Setup = Setup {
    long_snapshot: true,
    ..PLAIN
};

/// A length that travels in pieces.
const LONG: usize = 90_000;

fn script(name: &'static str, setup: Setup, steps: impl Into<Vec<Step>>) -> Named {
    let steps = steps.into();
    (name, Script { setup, steps })
}

/// A script without anything special, behind a handshake.
fn open(name: &'static str, steps: impl IntoIterator<Item = Step>) -> Named {
    let steps = [Step::Handshake, Step::Drain].into_iter().chain(steps);
    script(name, PLAIN, steps.collect::<Vec<_>>())
}

fn message(frame: &Frame) -> Step {
    Step::Message(wire::message(frame))
}

fn batch(frames: &[Frame]) -> Step {
    let mut out = vec![0];
    for frame in frames {
        let frame = wire::message(frame);
        assert!(
            frame.len() < 0x80,
            "a seed's frames have a length of one byte"
        );
        out.push(frame.len() as u8);
        out.extend_from_slice(&frame);
    }
    Step::Message(out.into())
}

fn call_of(len: usize) -> Step {
    Step::Call { method: 0, len }
}

fn answer_of(id: u8, len: usize) -> Step {
    Step::Answer { id, len: Some(len) }
}

fn announce(len: u16) -> Step {
    Step::Announce { topic: 1, len }
}

fn event_of(skip: u8, len: usize) -> Step {
    Step::Event {
        topic: 1,
        skip,
        len,
    }
}

/// Of the last transfer that our side began.
fn credit(bytes: u16) -> Step {
    Step::Credit { back: 0, bytes }
}

/// A frame of this kind that the peer sends in pieces, up to the last.
fn long(kind: u8, id: u8) -> [Step; 3] {
    let len = wire::PIECE as u16;
    [
        Step::Begin { kind, id, more: 9 },
        Step::Chunk { back: 0, len },
        Step::Chunk { back: 0, len: 1034 },
    ]
}

fn client() -> Vec<Named> {
    let resumed = Frame::Topic {
        topic: 1,
        next: 3,
        start: TopicStart::Resumed,
        name: Bytes::from_static(&[7, 7, 7]),
    };
    let methods = Step::Message(Bytes::from_static(&[0x02, 0, 3, 1, 4]));
    vec![
        open(
            "calls",
            [
                call_of(4),
                call_of(4),
                Step::Drain,
                batch(&[state(1), answer(0), answer(1)]),
                Step::Drain,
            ],
        ),
        script(
            "early_call_and_cancel",
            PLAIN,
            [
                call_of(4),
                call_of(4000),
                Step::Handshake,
                Step::Cancel(0),
                Step::Drain,
                Step::PeerCloses(1000),
            ],
        ),
        open(
            "close_waits",
            [
                call_of(4),
                Step::Close,
                Step::Pass(9_999),
                message(&answer(0)),
                Step::Drain,
            ],
        ),
        open(
            "close_gives_up",
            [
                call_of(4),
                Step::Close,
                Step::Pass(10_000),
                Step::PollTransmit,
            ],
        ),
        script(
            "handshake_timeout",
            PLAIN,
            [Step::Pass(10_000), Step::Drain],
        ),
        // The second event is of a type that the client does not know.
        open(
            "events",
            [
                batch(&[
                    topic(1, 5),
                    event(1, 5, 0),
                    event(1, 6, 1),
                    gap(1, 7, 9),
                    event(1, 10, 2),
                    Frame::Leave { topic: 1 },
                ]),
                Step::Drain,
            ],
        ),
        open(
            "event_left_out",
            [
                batch(&[topic(1, 5), event(1, 5, 0), event(1, 7, 0)]),
                Step::Drain,
            ],
        ),
        open(
            "long_call",
            [
                call_of(LONG),
                Step::Drain,
                credit(20_000),
                Step::Drain,
                credit(4_467),
                Step::Drain,
                message(&answer(0)),
            ],
        ),
        open(
            "long_call_given_up",
            [call_of(LONG), Step::Drain, Step::Cancel(0), Step::Drain],
        ),
        open("long_answer", [call_of(4)].into_iter().chain(long(0x04, 0))),
        open("long_state", long(0x08, 1)),
        open(
            "long_answer_aborted",
            [
                call_of(4),
                long(0x04, 0)[0].clone(),
                Step::Drain,
                message(&Frame::Abort { transfer: 0 }),
            ],
        ),
        script(
            "compressed",
            COMPRESSED,
            [
                Step::Handshake,
                Step::Call {
                    method: 1,
                    len: LONG,
                },
                Step::Drain,
            ],
        ),
        script(
            "resumed",
            RESUMED,
            [Step::Handshake, message(&resumed), Step::Drain],
        ),
        script(
            "heartbeats",
            BEATING,
            [
                Step::Handshake,
                Step::Drain,
                Step::Pass(0),
                Step::Pass(3_000),
                message(&Frame::Ping { token: 1 }),
                Step::Drain,
                Step::Pass(3_000),
                Step::Pass(3_000),
                Step::Pass(3_000),
                Step::Pass(3_000),
            ],
        ),
        open(
            "told",
            [
                methods,
                message(&Frame::Features(vec!["paid".into()])),
                message(&Frame::GoingAway {
                    grace: std::time::Duration::ZERO,
                }),
                Step::Drain,
                call_of(4),
            ],
        ),
        // The transport fails while what arrived is not handled.
        script(
            "lost_between_handshakes",
            PLAIN,
            [
                Step::Handshake,
                Step::PollEvent,
                Step::Lost,
                Step::Handshake,
                call_of(0),
                Step::Lost,
                Step::Close,
                Step::PollTransmit,
                Step::Drain,
            ],
        ),
        open(
            "ping_before_the_end",
            [
                call_of(4),
                batch(&[Frame::Ping { token: 1 }, answer(0)]),
                Step::Lost,
                Step::PollEvent,
                Step::PollTransmit,
            ],
        ),
    ]
}

fn server() -> Vec<Named> {
    let calls = || {
        batch(&[
            call(0, 1),
            call(1, 1),
            call(2, 2),
            Frame::Cancel { id: CallId(1) },
        ])
    };
    // So many that some are dropped.
    let pile = || [announce(4)].into_iter().chain(vec![event_of(0, 2000); 40]);
    let anew = [
        Step::Leave { topic: 1 },
        announce(4),
        event_of(0, 2046),
        Step::Drain,
    ];
    vec![
        open(
            "calls",
            [
                calls(),
                Step::Drain,
                Step::State { len: 9 },
                answer_of(0, 4),
                Step::Answer { id: 1, len: None },
                Step::Drain,
            ],
        ),
        script(
            "slow_reader",
            PLAIN,
            [
                Step::Handshake,
                Step::PollEvent,
                Step::State { len: 600 },
                calls(),
                Step::PollEvent,
                Step::PollTransmit,
                Step::PollEvent,
            ],
        ),
        script(
            "close_waits",
            PLAIN,
            [
                Step::Handshake,
                calls(),
                Step::PollEvent,
                Step::PollEvent,
                Step::Close,
                Step::Drain,
                answer_of(0, 3000),
                Step::Drain,
            ],
        ),
        open(
            "close_refuses_held_calls",
            [
                Step::State { len: 600 },
                calls(),
                Step::PollEvent,
                Step::Close,
                Step::Text,
                Step::Close,
                Step::Drain,
            ],
        ),
        script(
            "state_before_hello",
            PLAIN,
            [Step::State { len: 9 }, Step::Drain, Step::Handshake],
        ),
        open("text", [Step::Text, Step::Drain]),
        open(
            "events",
            [
                announce(4),
                event_of(0, 9),
                event_of(2, 9),
                Step::Drain,
                Step::Leave { topic: 1 },
                announce(4),
                event_of(0, 9),
                Step::Skip { topic: 1, more: 1 },
                event_of(0, 4000),
                Step::Drain,
            ],
        ),
        open(
            "events_pile_up",
            pile().chain([Step::PollTransmit, event_of(0, 1), Step::Drain]),
        ),
        open("announced_anew_behind_events", pile().chain(anew)),
        open(
            "long_answer",
            [
                calls(),
                Step::Drain,
                answer_of(0, LONG),
                Step::Drain,
                credit(20_000),
                Step::Drain,
                credit(4_466),
                Step::Drain,
            ],
        ),
        open(
            "long_answer_given_up",
            [
                calls(),
                Step::Drain,
                answer_of(0, LONG),
                Step::Drain,
                message(&Frame::Cancel { id: CallId(0) }),
                Step::Drain,
            ],
        ),
        open(
            "long_state_before_an_answer",
            [
                calls(),
                Step::Drain,
                Step::State { len: LONG },
                answer_of(0, 4),
                announce(4),
                event_of(0, 9),
                Step::Drain,
                credit(20_000),
                credit(4_470),
                Step::Drain,
            ],
        ),
        open(
            "long_event_cut_off",
            [
                announce(4),
                event_of(0, LONG),
                Step::Drain,
                event_of(0, 4000),
                Step::Close,
                Step::Pass(10_000),
                Step::Drain,
            ],
        ),
        open("long_call", long(0x03, 0)),
        open(
            "long_call_aborted",
            [
                long(0x03, 0)[0].clone(),
                Step::Drain,
                message(&Frame::Abort { transfer: 0 }),
                Step::Drain,
            ],
        ),
        script(
            "long_snapshot",
            LONG_SNAPSHOT,
            [
                Step::State { len: 9 },
                Step::Drain,
                Step::Handshake,
                Step::Drain,
                credit(24_470),
                Step::Drain,
            ],
        ),
        script(
            "compressed",
            COMPRESSED,
            [
                Step::Handshake,
                calls(),
                Step::Drain,
                Step::State { len: LONG },
                announce(4),
                event_of(0x80, LONG),
                answer_of(0, LONG),
                Step::Drain,
            ],
        ),
        script(
            "resumed",
            RESUMED,
            [
                Step::Handshake,
                Step::Drain,
                Step::Skip { topic: 1, more: 4 },
                announce(3),
                event_of(0, 9),
                Step::Drain,
            ],
        ),
        script(
            "heartbeats",
            BEATING,
            [
                Step::Handshake,
                Step::Drain,
                Step::Pass(0),
                Step::Pass(3_000),
                Step::Drain,
                message(&Frame::Pong { token: 0 }),
                Step::Pass(3_000),
                Step::Pass(3_000),
                Step::Pass(3_000),
                Step::Pass(3_000),
                Step::Drain,
            ],
        ),
        open(
            "features",
            [
                message(&call(0, 0)),
                Step::Drain,
                Step::Features(3),
                message(&call(0, 0)),
                Step::Drain,
                Step::Features(0),
                Step::Drain,
            ],
        ),
        // It closes, and nothing that arrives behind that is handled.
        open(
            "closed_before_its_messages",
            [
                Step::PeerCloses(1390),
                Step::PeerCloses(257),
                Step::Message(Bytes::new()),
                Step::State { len: 3598 },
                Step::Close,
                Step::Handshake,
                Step::Drain,
            ],
        ),
        // More than is packed at a time, and a violation behind it.
        script(
            "message_after_close",
            PLAIN,
            [announce(260), Step::Drain, Step::Handshake]
                .into_iter()
                .chain(vec![Step::State { len: 2827 }; 30])
                .chain([
                    Step::Close,
                    Step::State { len: 267 },
                    Step::Text,
                    Step::Drain,
                ])
                .collect::<Vec<_>>(),
        ),
        script(
            "loss_before_the_hello",
            PLAIN,
            [announce(4)]
                .into_iter()
                .chain(vec![event_of(0, 2000); 3])
                .chain([event_of(9, 4000), Step::Drain, Step::Handshake, Step::Drain])
                .collect::<Vec<_>>(),
        ),
    ]
}

fn pair() -> Vec<Named> {
    let traffic = [
        Step::Drain,
        call_of(4),
        call_of(LONG),
        Step::PollTransmit,
        announce(4),
        Step::State { len: LONG },
        event_of(0, LONG),
        event_of(0, 9),
        Step::Features(3),
        Step::Drain,
        answer_of(0, LONG),
        answer_of(1, 4),
        Step::PollTransmit,
        Step::Cancel(0),
        Step::Skip { topic: 1, more: 1 },
    ];
    let large = [Step::Drain]
        .into_iter()
        .chain(vec![call_of(LONG); 20])
        .chain([Step::Drain])
        .chain((0..20).map(|id| answer_of(id, LONG)))
        .chain(vec![call_of(LONG); 20]);
    vec![
        script("traffic", PLAIN, traffic.clone()),
        script("traffic_compressed", COMPRESSED, traffic.clone()),
        script("traffic_resumed", RESUMED, traffic),
        script("large", PLAIN, large.collect::<Vec<_>>()),
        script("early_call", LONG_SNAPSHOT, [call_of(LONG), Step::Drain]),
        script("idle", BEATING, vec![Step::Pass(3_000); 20]),
        script(
            "server_closes",
            PLAIN,
            [
                Step::Drain,
                call_of(4),
                Step::Drain,
                Step::State { len: LONG },
                Step::Close,
                answer_of(0, LONG),
                Step::Drain,
            ],
        ),
    ]
    .into_iter()
    .chain(lossy())
    .collect()
}

/// The pipe between both sides is slow, and breaks.
fn lossy() -> Vec<Named> {
    let breaks = |up, down, then| Step::Cut { up, down, then };
    let on_topic = [Step::Drain, announce(1), event_of(0, 9), Step::Drain];
    // Two events that the client does not get.
    let missed = [event_of(0, 9), event_of(0, 9), breaks(0, 1, 0), Step::Drain];
    let lost_events = |then| {
        let steps = on_topic.iter().chain(&missed[..2]).cloned();
        steps
            .chain([breaks(0, 0, then), announce(1), Step::Drain, event_of(0, 9)])
            .collect::<Vec<_>>()
    };
    let mid_transfer = [
        Step::Drain,
        call_of(4),
        call_of(LONG),
        Step::Drain,
        answer_of(0, LONG),
        Step::State { len: LONG },
        Step::PollTransmit,
        Step::Deliver { up: 0, down: 1 },
        breaks(1, 1, cut::UNNOTICED | cut::CLOSED),
        call_of(4),
        Step::Drain,
    ];
    let slow = [
        Step::Drain,
        announce(1),
        call_of(4),
        Step::Drain,
        Step::Hold(2),
        Step::State { len: LONG },
        answer_of(0, LONG),
        call_of(LONG),
    ]
    .into_iter()
    .chain(vec![event_of(0, 2000); 40])
    .chain([Step::Drain, Step::Features(0), Step::Hold(1), Step::Drain]);
    vec![
        script(
            "cut_and_resumed",
            RESUMED,
            [
                &on_topic[..],
                &missed[..],
                &[announce(1), Step::Drain, event_of(0, 9)],
            ]
            .concat(),
        ),
        script(
            "cut_and_subscribed_at_once",
            RESUMED,
            lost_events(cut::RESUBSCRIBES),
        ),
        script("cut_and_restarted", RESUMED, lost_events(cut::RESTARTS)),
        script("cut_and_forgotten", RESUMED, lost_events(cut::FORGETS)),
        script("cut_in_transfers", PLAIN, mid_transfer),
        script(
            "cut_before_the_hello",
            PLAIN,
            [
                call_of(4),
                Step::PollTransmit,
                breaks(0, 0, 0),
                call_of(4),
                Step::PollTransmit,
                breaks(0, 1, 0),
                Step::Drain,
            ],
        ),
        script("slow", PLAIN, slow.collect::<Vec<_>>()),
        script(
            "held_for_too_long",
            BEATING,
            [Step::Drain, call_of(4), Step::Hold(3)]
                .into_iter()
                .chain(vec![Step::Pass(3_000); 5])
                .collect::<Vec<_>>(),
        ),
    ]
}
