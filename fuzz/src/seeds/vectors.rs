//! Seeds out of `spec-vectors/`: every case is one, or several.

use std::{collections::BTreeMap, fs, path::Path};

use bytes::Bytes;
use hardlight_proto::{Content, Frames};
use serde_json::Value;

use super::{Seed, archive::archive, sessions};
use crate::{inflate, payload::SHAPES, script, state};

/// What may be longer than the fuzzer takes is no seed, in bytes.
pub(super) const MAX_BYTES: usize = 4096;

/// Every seed that the vectors make.
pub(super) fn all() -> Vec<Seed> {
    let mut seeds = Seeds::default();
    for folder in ["frames", "invalid", "payloads", "sessions", "state"] {
        for (file, cases) in files(folder) {
            for case in &cases {
                let name = format!("{folder}-{file}-{}", text(&case["name"]));
                seeds.case(folder, &name, case);
            }
        }
    }
    seeds.0.retain(|seed| seed.input.len() <= MAX_BYTES);
    seeds.0
}

/// The files of a folder, by their names, and the cases in them.
fn files(folder: &str) -> BTreeMap<String, Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec-vectors");
    let entries = fs::read_dir(root.join(folder)).expect("there are vectors");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let read = |path: &Path| {
        let text = fs::read_to_string(path).expect("it can be read");
        let file: Value = serde_json::from_str(&text).expect("a file of vectors is JSON");
        file["cases"].as_array().expect("it has cases").clone()
    };
    paths
        .map(|path| {
            (
                path.file_stem().expect("a file").display().to_string(),
                path,
            )
        })
        .map(|(name, path)| (name, read(&path)))
        .collect()
}

#[derive(Default)]
struct Seeds(Vec<Seed>);

impl Seeds {
    fn add(&mut self, target: &'static str, name: &str, input: Vec<u8>) {
        let name = file_name(name);
        self.0.push(Seed {
            target,
            name,
            input,
        });
    }

    fn case(&mut self, folder: &str, name: &str, case: &Value) {
        if is_in_many_boxes(case) {
            return;
        }
        if !case["steps"].is_null() {
            self.session(name, case);
        } else if folder == "payloads" {
            self.payload(name, case);
        } else if folder == "state" {
            self.state(name, case);
        } else {
            self.message(name, &hex(&case["hex"]));
        }
    }

    fn message(&mut self, name: &str, message: &[u8]) {
        self.add("message", name, message.to_vec());
        if message.first() != Some(&0) {
            self.add("frame", name, message.to_vec());
        }
        self.compressed(name, message);
    }

    /// What is compressed in a message.
    fn compressed(&mut self, name: &str, message: &[u8]) {
        let frames = Frames::new(Bytes::copy_from_slice(message));
        for (number, frame) in frames.flatten().enumerate() {
            if let Some((carrier, content)) = inflate::carried(&frame)
                && let Content::Deflated { length, stream } = content
            {
                let input = inflate::input(carrier, *length as u32, stream);
                self.add("inflate", &format!("{name}-{number}"), input);
            }
        }
    }

    /// One of a type that does not compile has no shape.
    fn payload(&mut self, name: &str, case: &Value) {
        if case["reason"] == "zero-sized" {
            return;
        }
        let part = case["part"].as_str();
        let part = part.map_or(String::new(), |part| format!(" {part}"));
        let ty = format!("{}{part}", text(&case["type"]));
        // Of a method, its input.
        let input = format!("{ty} input");
        let mut shapes = SHAPES.iter().map(|shape| (shape.text)());
        let shape = shapes.position(|text| text == ty || text == input);
        let shape = shape.unwrap_or_else(|| panic!("{name}: no shape is of type {ty}"));
        let which = u8::try_from(shape).expect("a byte chooses the shape");
        self.add("payload", name, [&[which], &hex(&case["hex"])[..]].concat());
    }

    /// The values before, and then the operations.
    fn state(&mut self, name: &str, case: &Value) {
        let fields = case["fields"].as_array().expect("it has fields");
        let types: Vec<_> = fields.iter().map(|field| text(&field["type"])).collect();
        let shape = state::shape(&types);
        let shape = shape.unwrap_or_else(|| panic!("{name}: no state has fields of {types:?}"));
        let mut before = Vec::new();
        for field in fields {
            let index = field["index"].as_u64().expect("an index");
            put_varint(&mut before, index << 2);
            let value = archive(text(&field["type"]), &field["before"]);
            put_varint(&mut before, value.len() as u64);
            before.extend(value);
        }
        let operations = hex(&case["operations"]);
        self.add("state", name, state::input(shape, &[&before, &operations]));
    }

    fn session(&mut self, name: &str, case: &Value) {
        for (target, script) in sessions::scripts(case) {
            self.add(target, name, script::write(&script));
        }
        let steps = case["steps"].as_array().expect("it has steps");
        for (number, step) in steps.iter().enumerate() {
            let at = format!("{name}-{number}");
            if let Some(message) = step["input"]["message"].as_str() {
                self.compressed(&at, &unhex(message));
            }
        }
    }
}

/// Whether a case is of a type that is nothing but deep. Its dozens of types within each other take minutes to compile, and
/// types that contain themselves are as deep.
fn is_in_many_boxes(case: &Value) -> bool {
    let types = [&case["type"], &case["fields"][0]["type"]];
    let boxes = "box<".repeat(20);
    types
        .iter()
        .filter_map(|ty| ty.as_str())
        .any(|ty| ty.contains(&boxes))
}

/// A name that a file may have anywhere, and that no other case has.
fn file_name(name: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let letters = name.chars();
    let mut file: String = letters
        .map(|letter| if allowed(letter) { letter } else { '_' })
        .collect();
    file.truncate(60);
    let hash = hardlight_proto::Fingerprint::of_text(name).to_u64() as u32;
    format!("{file}-{hash:08x}")
}

#[track_caller]
pub(super) fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Bytes in hex, with repetitions as `spec-vectors/PORTING.md` has them.
#[track_caller]
pub(super) fn hex(value: &Value) -> Vec<u8> {
    unhex(text(value))
}

fn unhex(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (byte, times, behind) = match rest.strip_prefix('(') {
            None => (&rest[..2], 1, &rest[2..]),
            Some(run) => {
                let (run, behind) = run.split_once(')').expect("it ends");
                let (byte, times) = run.split_once('*').expect("it is repeated");
                (byte, times.parse().expect("a number"), behind)
            }
        };
        let byte = u8::from_str_radix(byte, 16).expect("two digits");
        out.resize(out.len() + times, byte);
        rest = behind;
    }
    out
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_vectors_write_them() {
        for (file, cases) in files("payloads") {
            for case in cases.iter().filter(|case| !case["value"].is_null()) {
                let ty = text(&case["type"]);
                if ty.starts_with("fn") || ty.starts_with("event") {
                    continue;
                }
                let written = if case["written"].is_null() {
                    &case["hex"]
                } else {
                    &case["written"]
                };
                let name = &case["name"];
                assert_eq!(archive(ty, &case["value"]), hex(written), "{file}: {name}");
            }
        }
    }
}
