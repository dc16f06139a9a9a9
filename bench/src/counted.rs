//! What `instructions` counts.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use hardlight_proto::{
    CallId, Content, Extensions, Frame,
    payload::{decode, encode_to_bytes},
};

use crate::Pair;

/// Something whose cost is counted.
#[derive(Debug)]
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// Does it this many times.
    pub run: fn(u64),
    /// Calls in each time.
    pub calls: u64,
    /// What this case does besides, and is not counted.
    pub above: Option<&'static Case>,
    /// How many instructions it may take.
    pub budget: Option<f64>,
}

/// All cases.
pub const CASES: &[Case] = &[
    PAYLOAD,
    Case {
        name: "codec of a call above its payload",
        run: call_codec,
        calls: 1,
        above: Some(&PAYLOAD),
        budget: Some(150.0),
    },
    Case {
        name: "codec of an answer above its payload",
        run: answer_codec,
        calls: 1,
        above: Some(&PAYLOAD),
        budget: Some(150.0),
    },
    Case {
        name: "bytes there and back, alone",
        run: |runs| echoes(runs, 1),
        calls: 1,
        above: None,
        budget: Some(1500.0),
    },
    Case {
        name: "bytes there and back, of 256 at once",
        run: |runs| echoes(runs, 256),
        calls: 256,
        above: None,
        budget: Some(900.0),
    },
    Case {
        name: "whole call, alone",
        run: |runs| whole_calls(runs, 1, false),
        calls: 1,
        above: None,
        budget: Some(1500.0),
    },
    Case {
        name: "whole call, of 256 at once",
        run: |runs| whole_calls(runs, 256, false),
        calls: 256,
        above: None,
        budget: Some(900.0),
    },
    Case {
        name: "the same where compression is agreed",
        run: |runs| whole_calls(runs, 256, true),
        calls: 256,
        above: None,
        budget: Some(950.0),
    },
];

/// A number to its payload, and from one that stays.
const PAYLOAD: Case = Case {
    name: "payload",
    run: payload,
    calls: 1,
    above: None,
    budget: None,
};

fn payload(runs: u64) {
    let stays = encode_to_bytes(&7_u32).expect("a number encodes");
    for _ in 0..runs {
        let payload = encode_to_bytes(&black_box(7_u32)).expect("a number encodes");
        black_box(&payload[..]);
        black_box(decode::<u32>(&black_box(&stays).clone())).expect("it decodes");
    }
}

fn call_codec(runs: u64) {
    codec(runs, |payload| Frame::Call {
        id: CallId(0),
        method: 1,
        extensions: Extensions::new(),
        payload: payload.into(),
    });
}

fn answer_codec(runs: u64) {
    codec(runs, |payload| Frame::Answer {
        id: CallId(0),
        extensions: Extensions::new(),
        payload: payload.into(),
    });
}

/// A number to its payload to its frame, and back. The frame is written to a buffer that is used again, and read from a
/// message that stays.
fn codec(runs: u64, frame: impl Fn(Bytes) -> Frame) {
    let mut message = BytesMut::new();
    frame(encode_to_bytes(&7_u32).expect("a number encodes")).encode(&mut message);
    let message = message.freeze();
    let mut out = BytesMut::with_capacity(64);
    for _ in 0..runs {
        let payload = encode_to_bytes(&black_box(7_u32)).expect("a number encodes");
        out.clear();
        frame(payload).encode(&mut out);
        black_box(&out[..]);
        match Frame::decode(black_box(&message).clone()) {
            Ok(Some(
                Frame::Call {
                    payload: Content::Plain(payload),
                    ..
                }
                | Frame::Answer {
                    payload: Content::Plain(payload),
                    ..
                },
            )) => black_box(decode::<u32>(&payload)).expect("it decodes"),
            other => panic!("{other:?}"),
        };
    }
}

fn whole_calls(runs: u64, at_once: u32, compression: bool) {
    let mut pair = Pair::with_compression(compression);
    for _ in 0..runs {
        black_box(pair.calls(black_box(at_once)));
    }
}

fn echoes(runs: u64, at_once: u32) {
    let mut pair = Pair::open();
    for _ in 0..runs {
        black_box(&mut pair).echoes(black_box(at_once));
    }
}
