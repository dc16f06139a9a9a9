//! Closes as messages, for transports that carry nothing else.

use bytes::Bytes;
use hardlight_proto::{CloseCode, CloseReason, MAX_CLOSE_REASON_BYTES};
use serde_json::json;

use crate::{
    hex_text::hex,
    store::{Case, File, check},
};

/// A message, and the close that it is.
fn read(name: &str, message: &[u8]) -> Case {
    let case = Case::new(name, &["3.2"]).with("hex", hex(message));
    match CloseReason::from_message(&Bytes::copy_from_slice(message)) {
        Some(close) => {
            case.with("close", json!({ "code": close.code().0, "reason": close.reason() }))
        }
        None => case,
    }
}

/// A close that is read, and written in the same way.
fn written(name: &str, code: u16, reason: impl Into<String>) -> Case {
    let message = CloseReason::new(CloseCode(code), reason.into()).to_message();
    read(name, &message)
}

/// A message that no writer makes of what it says, or that is no close.
fn only_read(name: &str, message: &[u8]) -> Case {
    read(name, message).with("lenient", true)
}

fn file() -> File {
    let about =
        "Closes as messages, of transports that carry messages and cannot say why they end.";
    let mut file = File::new("closes.json", "closes", about);
    file.add(written("the work is done", 1000, ""));
    file.add(written("a limit", 4002, "max_message_bytes"));
    file.add(written("a refusal", 4404, "not found"));
    file.add(written("the lowest code", 0, ""));
    file.add(written("the highest code", u16::MAX, ""));
    file.add(written("a reason beyond ASCII", 4100, "größe"));
    file.add(written("the longest reason", 4100, "x".repeat(MAX_CLOSE_REASON_BYTES)));
    file.add(only_read("no code", b"\0\0"));
    file.add(only_read("a code that is cut", b"\0\0\xe8"));
    file.add(only_read("a code that is longer than it needs to be", b"\0\0\xe8\x87\x00why"));
    file.add(only_read("a code above 65,535", b"\0\0\x80\x80\x04why"));
    let long = [&b"\0\0\xe8\x07"[..], &[b'x'; MAX_CLOSE_REASON_BYTES + 1]].concat();
    file.add(only_read("a reason that is too long", &long));
    file.add(only_read("a reason that is no UTF-8", b"\0\0\xe8\x07why\xff"));
    file.add(only_read("no close: an empty message", b""));
    file.add(only_read("no close: half of its beginning", b"\0"));
    file.add(only_read("no close: a batch", b"\0\x03\x04\x05a\x03\x05\x06\x02"));
    file.add(only_read("no close: one frame", b"\x04\0\0"));
    file
}

#[test]
fn closes_are_those_of_the_vectors() {
    check(&[file()], None);
}
