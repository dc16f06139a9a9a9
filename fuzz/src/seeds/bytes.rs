//! What is neither in the vectors nor a script.

use bytes::Bytes;
use hardlight_proto::{Content, EncodedEvent, Frame};

use serde_json::{Value, json};

use super::{archive::archive, vectors::put_varint};
use crate::{inflate, noise::content, state};

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
    let event = EncodedEvent::new(0, 0, 0, Bytes::copy_from_slice(payload));
    match Frame::decode(event.frame(true).clone()) {
        Ok(Some(frame)) => match inflate::carried(&frame)? {
            (carrier, Content::Deflated { length, stream }) => {
                Some(inflate::input(carrier, *length as u32, stream))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Lists in lists, up to as many levels as may travel and beyond, and a text at the end that needs one more.
pub(super) fn deep() -> Vec<(String, Vec<u8>)> {
    let json =
        "enum Json{Null,Bool(bool),Number(f64),Text(string),Array(vec<#0>),Object(map<string,#0>)}";
    let shape = state::SHAPES
        .iter()
        .position(|shape| (shape.types)()[0] == json);
    let shape = shape.expect("there is a state with such a field") as u8;
    let set = |levels, text: &str| {
        let inner = json!({ "Text": [text] });
        let value = (1..levels).fold(inner, |inner, _| json!({ "Array": [[inner]] }));
        set_first(json, &value)
    };
    (60..=64)
        .map(|levels| {
            let (short, long) = (set(levels, "short"), set(levels, "longer than that"));
            let input = state::input(shape, &[&short, &long]);
            (format!("{levels}_levels"), input)
        })
        .collect()
}

/// Sets the first field of a state.
fn set_first(ty: &str, value: &Value) -> Vec<u8> {
    let value = archive(ty, value);
    let mut out = vec![0];
    put_varint(&mut out, value.len() as u64);
    out.extend(value);
    out
}
