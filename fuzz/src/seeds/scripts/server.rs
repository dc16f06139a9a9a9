//! What a client and an application may do to a server.

use bytes::Bytes;
use hardlight_proto::{CallId, Frame};

use super::{
    super::frames::call, BEATING, COMPRESSED, LONG, LONG_SNAPSHOT, Named, PLAIN, RESUMED, announce,
    answer_of, batch, credit, event_of, long, message, open, script,
};
use crate::script::Step;

pub(super) fn all() -> Vec<Named> {
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
