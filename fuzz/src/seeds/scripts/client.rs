//! What a server and an application may do to a client.

use bytes::Bytes;
use hardlight_proto::{Frame, TopicStart};

use super::{
    super::frames::{answer, event, gap, state, topic},
    BEATING, COMPRESSED, LONG, Named, PLAIN, RESUMED, batch, call_of, credit, long, message, open,
    script,
};
use crate::script::Step;

pub(super) fn all() -> Vec<Named> {
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
