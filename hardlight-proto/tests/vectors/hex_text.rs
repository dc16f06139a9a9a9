//! Bytes and times as texts.

use std::time::Duration;

/// A run of one byte at least this long is written as a repetition.
const MIN_RUN: usize = 64;

/// The bytes as lower-case hex without spaces.
pub(crate) fn plain_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes as lower-case hex without spaces; a long run of one byte is `(xx*N)`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        let run = rest.iter().take_while(|&&byte| byte == first).count();
        if run >= MIN_RUN {
            text.push_str(&format!("({first:02x}*{run})"));
        } else {
            text.push_str(&plain_hex(&rest[..run]));
        }
        rest = &rest[run..];
    }
    text
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> String {
    duration.as_micros().to_string()
}

#[test]
fn a_long_run_is_a_repetition() {
    assert_eq!(hex(&[1, 1, 2]), "010102");
    assert_eq!(hex(&[&[9][..], &[0x61; 64], &[9]].concat()), "09(61*64)09");
}
