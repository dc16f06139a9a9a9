//! The seeds: inputs to start from, so that a fuzzer need not find a handshake by chance.

use bytes::Bytes;
use hardlight_proto::{CallError, CallId, Frame};

use crate::{
    payload::SHAPES,
    script::{self, Step},
    state::operations,
    wire,
};

/// An input to start from.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The target's name.
    pub target: &'static str,
    /// The file's name in the target's folder.
    pub name: String,
    /// The input.
    pub input: Vec<u8>,
}

/// Every seed that is made by code.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, input| {
        let name = name.to_owned();
        seeds.push(Seed {
            target,
            name,
            input,
        });
    };
    for frame in frames() {
        add(
            "frame",
            &frame.name().to_lowercase(),
            wire::message(&frame).to_vec(),
        );
    }
    add(
        "frame",
        "server_hello",
        wire::message(&wire::server_hello()).to_vec(),
    );
    for (index, shape) in SHAPES.iter().enumerate() {
        let mut input = vec![index as u8];
        input.extend((shape.start)());
        add("payload", &format!("shape_{index}"), input);
    }
    for (name, operations) in operations() {
        add("state", name, operations);
    }
    for (name, steps) in client_scripts() {
        add("client", name, script::write(&steps));
    }
    for (name, steps) in server_scripts() {
        add("server", name, script::write(&steps));
    }
    seeds
}

fn frames() -> [Frame; 11] {
    let (id, bytes) = (CallId(7), Bytes::from_static(b"bytes"));
    [
        wire::client_hello(),
        call(7, 300),
        Frame::Answer {
            id,
            payload: bytes.clone(),
        },
        Frame::Error {
            id,
            error: CallError::Unknown(1000),
        },
        Frame::Cancel { id },
        Frame::Snapshot {
            revision: 0,
            operations: bytes.clone(),
        },
        Frame::State {
            revision: 200,
            operations: bytes.clone(),
        },
        topic(300, 0),
        Frame::Leave { topic: 300 },
        event(300, 128, 1),
        Frame::Gap {
            topic: 300,
            first: 127,
            last: u64::MAX,
        },
    ]
}

fn topic(topic: u64, next: u64) -> Frame {
    let name = Bytes::from_static(b"room");
    Frame::Topic { topic, next, name }
}

fn event(topic: u64, sequence: u64, event: u32) -> Frame {
    Frame::Event {
        topic,
        sequence,
        event,
        payload: Bytes::from_static(b"fields"),
    }
}

fn client_scripts() -> Vec<(&'static str, Vec<Step>)> {
    let call = Step::Call { method: 0, len: 4 };
    let answer = |id| Frame::Answer {
        id: CallId(id),
        payload: Bytes::from_static(b"out"),
    };
    let state = Frame::State {
        revision: 1,
        operations: Bytes::from_static(b"operations"),
    };
    let answered = batch(&[state, answer(0), answer(1)]);
    let gap = Frame::Gap {
        topic: 1,
        first: 7,
        last: 9,
    };
    let left_out = Step::Message(batch(&[topic(1, 5), event(1, 5, 0), event(1, 7, 0)]));
    // The second event is of a type that the client does not know.
    let events = Step::Message(batch(&[
        topic(1, 5),
        event(1, 5, 0),
        event(1, 6, 1),
        gap,
        event(1, 10, 2),
        Frame::Leave { topic: 1 },
    ]));
    vec![
        (
            "calls",
            vec![
                Step::Handshake,
                Step::Drain,
                call.clone(),
                call.clone(),
                Step::Drain,
                Step::Message(answered),
                Step::Drain,
            ],
        ),
        (
            "early_call_and_cancel",
            vec![
                call.clone(),
                Step::Call {
                    method: 1,
                    len: 4000,
                },
                Step::Handshake,
                Step::Cancel(0),
                Step::Drain,
                Step::PeerCloses(1000),
            ],
        ),
        (
            "close_waits",
            vec![
                Step::Handshake,
                Step::PollEvent,
                call.clone(),
                Step::Close,
                Step::Pass(9_999),
                Step::Message(wire::message(&answer(0))),
                Step::Drain,
            ],
        ),
        (
            "close_gives_up",
            vec![
                Step::Handshake,
                Step::PollEvent,
                call,
                Step::Close,
                Step::Pass(10_000),
                Step::PollTransmit,
            ],
        ),
        ("handshake_timeout", vec![Step::Pass(10_000), Step::Drain]),
        ("events", vec![Step::Handshake, events, Step::Drain]),
        (
            "event_left_out",
            vec![Step::Handshake, left_out, Step::Drain],
        ),
    ]
}

fn server_scripts() -> Vec<(&'static str, Vec<Step>)> {
    let calls = Step::Message(batch(&[
        call(0, 0),
        call(1, 1),
        call(2, 2),
        Frame::Cancel { id: CallId(1) },
    ]));
    let answer = |id, len| Step::Answer { id, len };
    let event = |skip, len| Step::Event {
        topic: 1,
        skip,
        len,
    };
    // So many that some are dropped.
    let mut pile = vec![
        Step::Handshake,
        Step::Drain,
        Step::Announce { topic: 1, len: 4 },
    ];
    pile.extend(vec![event(0, 2000); 40]);
    pile.extend([Step::PollTransmit, event(0, 1), Step::Drain]);
    vec![
        (
            "calls",
            vec![
                Step::Handshake,
                calls.clone(),
                Step::Drain,
                Step::State { len: 9 },
                answer(0, Some(4)),
                answer(1, None),
                Step::Drain,
            ],
        ),
        (
            "slow_reader",
            vec![
                Step::Handshake,
                Step::PollEvent,
                Step::State { len: 600 },
                calls.clone(),
                Step::PollEvent,
                Step::PollTransmit,
                Step::PollEvent,
            ],
        ),
        (
            "close_waits",
            vec![
                Step::Handshake,
                calls,
                Step::PollEvent,
                Step::PollEvent,
                Step::Close,
                Step::Drain,
                answer(0, Some(3000)),
                Step::Drain,
            ],
        ),
        (
            "state_before_hello",
            vec![Step::State { len: 9 }, Step::Drain, Step::Handshake],
        ),
        ("text", vec![Step::Handshake, Step::Text, Step::Drain]),
        (
            "events",
            vec![
                Step::Handshake,
                Step::Drain,
                Step::Announce { topic: 1, len: 4 },
                event(0, 9),
                event(2, 9),
                Step::Drain,
                Step::Leave { topic: 1 },
                Step::Announce { topic: 1, len: 4 },
                event(0, 9),
                Step::Skip { topic: 1, more: 1 },
                event(0, 4000),
                Step::Drain,
            ],
        ),
        ("events_pile_up", pile),
    ]
}

fn call(id: u8, method: u32) -> Frame {
    Frame::Call {
        id: CallId(id),
        method,
        payload: Bytes::from_static(b"in"),
    }
}

fn batch(frames: &[Frame]) -> Bytes {
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
    out.into()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_committed_seed_passes_its_target() {
        for (target, run) in crate::TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("seeds")
                .join(target);
            let files = fs::read_dir(&folder).expect("every target has a folder of seeds");
            let inputs = files.map(|file| fs::read(file.unwrap().path()).unwrap());
            let inputs: Vec<_> = inputs.collect();
            assert!(!inputs.is_empty(), "{} is empty", folder.display());
            inputs.iter().for_each(|input| run(input));
        }
    }

    #[test]
    fn the_seeds_made_by_code_are_committed_as_they_are() {
        for seed in all() {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("seeds")
                .join(seed.target)
                .join(&seed.name);
            let committed = fs::read(&file).unwrap_or_default();
            assert_eq!(committed, seed.input, "run `cargo run --example seeds`");
        }
    }

    #[test]
    fn scripts_read_as_they_were_written() {
        for (_, steps) in client_scripts().into_iter().chain(server_scripts()) {
            assert_eq!(script::read(&script::write(&steps)), steps);
        }
    }
}
