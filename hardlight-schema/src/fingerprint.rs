//! Fingerprints in JSON: 16 hexadecimal digits, since not every reader's numbers hold 64 bits.

use hardlight_proto::Fingerprint;
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(
    fingerprint: &Fingerprint,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fingerprint)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Fingerprint, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text)
        .ok_or_else(|| D::Error::custom("a fingerprint is 16 hexadecimal digits, in lower case"))
}

/// One form only, so that equal schemas are equal texts.
fn parse(text: &str) -> Option<Fingerprint> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 16 || !text.bytes().all(is_digit) {
        return None;
    }
    u64::from_str_radix(text, 16).ok().map(Fingerprint::from_u64)
}
