//! A frame of each kind, and of each flag.

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, Content, Extensions, Frame, GapReason, Mismatch, RefusedMethod, TopicStart,
};

use crate::{script::Setup, wire};

const ID: CallId = CallId(7);
const BYTES: Bytes = Bytes::from_static(b"bytes");

/// Everything that a Hello may say.
const SAYS_ALL: Setup = Setup {
    compression: true,
    peer_compression: true,
    resumes: true,
    heartbeats: true,
    long_snapshot: false,
};

pub(super) fn all() -> Vec<(&'static str, Frame)> {
    vec![
        ("hello", wire::client_hello(SAYS_ALL)),
        ("server_hello", wire::server_hello(SAYS_ALL)),
        ("methods", methods()),
        ("call", call(7, 300)),
        ("call_extended", call_extended()),
        ("answer", answer(7)),
        ("answer_compressed", answer_compressed()),
        ("error", error()),
        ("cancel", Frame::Cancel { id: ID }),
        ("snapshot", snapshot()),
        ("state", state(200)),
        ("topic", topic(300, 0)),
        ("leave", Frame::Leave { topic: 300 }),
        ("event", event(300, 128, 1)),
        ("gap", gap(300, 127, u64::MAX)),
        ("begin", begin()),
        ("chunk", chunk()),
        ("credit", credit()),
        ("abort", Frame::Abort { transfer: 300 }),
        ("features", Frame::Features(vec!["a".into(), "b".into()])),
        ("going_away", going_away()),
        ("ping", Frame::Ping { token: 300 }),
        ("pong", Frame::Pong { token: 300 }),
    ]
}

fn methods() -> Frame {
    Frame::Methods(vec![
        RefusedMethod {
            method: 1,
            why: Mismatch::Unknown,
        },
        RefusedMethod {
            method: 300,
            why: Mismatch::Incompatible,
        },
    ])
}

pub(super) fn call(id: u8, method: u32) -> Frame {
    Frame::Call {
        id: CallId(id),
        method,
        extensions: Extensions::new(),
        payload: Bytes::from_static(b"in").into(),
    }
}

fn call_extended() -> Frame {
    let extensions = Extensions::new()
        .with_deadline(Duration::from_secs(1))
        .and_then(|all| all.with_traceparent(b"00-trace-span-01"))
        .and_then(|all| all.with_application(64, b""));
    Frame::Call {
        id: ID,
        method: 0,
        extensions: extensions.expect("all of it fits"),
        payload: BYTES.into(),
    }
}

pub(super) fn answer(id: u8) -> Frame {
    Frame::Answer {
        id: CallId(id),
        extensions: Extensions::new(),
        payload: Bytes::from_static(b"out").into(),
    }
}

fn answer_compressed() -> Frame {
    // A stored block of five bytes.
    let stream = Bytes::from_static(b"\x01\x05\x00\xfa\xffbytes");
    Frame::Answer {
        id: ID,
        extensions: Extensions::new(),
        payload: Content::Deflated { length: 5, stream },
    }
}

fn error() -> Frame {
    Frame::Error {
        id: ID,
        error: CallError::Unknown(1000),
        extensions: Extensions::new(),
    }
}

fn snapshot() -> Frame {
    Frame::Snapshot {
        revision: 0,
        operations: BYTES.into(),
    }
}

pub(super) fn state(revision: u64) -> Frame {
    Frame::State {
        revision,
        operations: wire::operations(4).into(),
    }
}

pub(super) fn topic(topic: u64, next: u64) -> Frame {
    Frame::Topic {
        topic,
        next,
        start: TopicStart::Fresh,
        name: Bytes::from_static(b"room"),
    }
}

pub(super) fn event(topic: u64, sequence: u64, event: u32) -> Frame {
    Frame::Event {
        topic,
        sequence,
        event,
        extensions: Extensions::new(),
        payload: Bytes::from_static(b"fields").into(),
    }
}

pub(super) fn gap(topic: u64, first: u64, last: u64) -> Frame {
    Frame::Gap {
        topic,
        first,
        last,
        reason: GapReason::Lagged,
    }
}

fn begin() -> Frame {
    Frame::Begin {
        transfer: 300,
        length: 70_000,
        piece: BYTES,
    }
}

fn chunk() -> Frame {
    Frame::Chunk {
        transfer: 300,
        piece: BYTES,
    }
}

fn credit() -> Frame {
    Frame::Credit {
        transfer: 300,
        bytes: 1 << 17,
    }
}

fn going_away() -> Frame {
    let grace = Duration::from_secs(10);
    Frame::GoingAway { grace }
}
