//! Payloads: arbitrary bytes decoded as values of every kind of type.

mod shapes;

use allocation_counter::measure;
use hardlight_proto::{
    Codable,
    payload::{decode, encode_to_bytes},
};

pub use shapes::SHAPES;

/// The first byte chooses the type, the rest is the payload. If it decodes then the value encodes, and what that gives
/// decodes as the same value. Where the payload lies in memory makes no difference. Decoding takes memory in proportion to
/// the payload.
pub fn payload(input: &[u8]) {
    let Some((&which, payload)) = input.split_first() else {
        return;
    };
    (SHAPES[usize::from(which) % SHAPES.len()].check)(payload);
}

/// What decoding takes at most for each byte of a payload: of a type without maps and sets, and of any.
const PLAIN: usize = 5;
const ANY: usize = 80;

fn check<T: Codable>(payload: &[u8], factor: usize) {
    let mut decoded = None;
    let memory = measure(|| decoded = Some(decode::<T>(payload)));
    let allowed = payload.len() * factor;
    assert!(memory.bytes_max <= allowed as u64, "{memory:?}");

    let mut shifted = vec![0; 1];
    shifted.extend_from_slice(payload);
    let elsewhere = decode::<T>(&shifted[1..]);
    let value = match decoded.expect("it was decoded") {
        Ok(value) => value,
        Err(error) => {
            assert_eq!(elsewhere.err(), Some(error));
            return;
        }
    };
    // A value has one payload, so values are the same if their payloads are.
    let bytes = encode_to_bytes(&value).expect("what was received can be sent");
    let elsewhere = elsewhere.expect("what decodes in one place decodes in another");
    assert_eq!(encode_to_bytes(&elsewhere).as_ref(), Ok(&bytes));
    let again = decode::<T>(&bytes).expect("what was encoded decodes");
    assert_eq!(encode_to_bytes(&again), Ok(bytes));
}
