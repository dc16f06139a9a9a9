//! What may happen to a connection, from a handshake to its end.

mod client;
mod pair;
mod server;

use hardlight_proto::Frame;

use crate::{
    script::{Script, Setup, Step},
    wire,
};

type Named = (&'static str, Script);

/// By target.
pub(super) fn all() -> [(&'static str, Vec<Named>); 3] {
    [
        ("client", client::all()),
        ("server", server::all()),
        ("pair", pair::all()),
    ]
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
