//! What both applications, and the pipe, may do to both sides.

use super::{
    BEATING, COMPRESSED, LONG, LONG_SNAPSHOT, Named, PLAIN, RESUMED, announce, answer_of, call_of,
    event_of, script,
};
use crate::{pair::cut, script::Step};

pub(super) fn all() -> Vec<Named> {
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
