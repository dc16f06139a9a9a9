//! What is neither in the vectors nor a script.

use bytes::Bytes;
use hardlight_proto::{Content, Frame, encode_event_deflated};

use crate::{inflate, noise::content};

/// What states are made of, and changed by: anything.
pub(super) fn noise() -> Vec<(String, Vec<u8>)> {
    let inputs = (1..12).map(|number| (number, content(2 * number + 1, 100 * number as usize)));
    inputs
        .map(|(number, input)| (format!("noise_{number}"), input.into()))
        .collect()
}

/// Streams as a compressor writes them, and as none would.
pub(super) fn streams() -> Vec<(String, Vec<u8>)> {
    let text = "so much of a muchness, ".repeat(60);
    let payloads = [
        ("zeros", vec![0; 70_000]),
        ("text", text.clone().into_bytes()),
        ("noise", content(1, 2000).into()),
    ];
    let mut seeds = Vec::new();
    for (name, payload) in payloads {
        if let Some(input) = deflated(&payload) {
            seeds.push((format!("stream_of_{name}"), input));
        }
        let plain = &payload[..payload.len().min(2000)];
        seeds.push((format!("payload_of_{name}"), [&[0x80], plain].concat()));
    }
    // Stored blocks that are empty, and one that is not.
    let empty = [0, 0, 0, 0xff, 0xff].repeat(300);
    let last = [1, 1, 0, 0xfe, 0xff, b'x'];
    let stream = [&empty[..], &last].concat();
    let carrier = inflate::Carrier::Answer;
    seeds.push((
        "much_of_nothing".into(),
        inflate::input(carrier, 1, &stream),
    ));
    seeds.push(("longer_than_it_says".into(), {
        inflate::input(carrier, 0, &last)
    }));
    seeds
}

fn deflated(payload: &[u8]) -> Option<Vec<u8>> {
    let event = encode_event_deflated(0, 0, 0, Bytes::copy_from_slice(payload));
    match Frame::decode(event) {
        Ok(Some(frame)) => match inflate::carried(&frame)? {
            (carrier, Content::Deflated { length, stream }) => {
                Some(inflate::input(carrier, *length as u32, stream))
            }
            _ => None,
        },
        _ => None,
    }
}
