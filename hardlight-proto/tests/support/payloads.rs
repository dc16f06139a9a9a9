//! Payloads that say what they are, so that whoever receives one can tell whether it came whole and where it belongs.

use std::sync::LazyLock;

use bytes::Bytes;
use hardlight_proto::payload::decode;

/// By turns a KiB that does not shrink when it is compressed, and one that does.
static FILLING: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = (0..(5 << 20) / 8_u64).map(|place| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if place / 128 % 2 == 0 { state } else { 0 }
    });
    words.flat_map(u64::to_le_bytes).collect()
});

/// Bytes that begin with these numbers, of this length, or as long as the numbers are.
pub(crate) fn numbered<const N: usize>(numbers: [u64; N], len: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(len.max(8 * N));
    numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.extend_from_slice(filling(numbers[0], len.saturating_sub(8 * N)));
    bytes.into()
}

/// Marks, in the first number, that the bytes were encoded as a value. They are the first of its payload as well.
const IS_VALUE: u8 = 0x80;

/// Numbered bytes as a value to encode.
pub(crate) fn as_value(payload: &[u8]) -> Vec<u8> {
    let mut value = payload.to_vec();
    value[7] |= IS_VALUE;
    value
}

/// The numbers that a payload, or the value that it is of, begins with. Panics if it is not as it was made.
pub(crate) fn read_numbered<const N: usize>(payload: &[u8]) -> [u64; N] {
    if payload[7] & IS_VALUE == 0 {
        return read_bytes(payload);
    }
    let mut value: Vec<u8> = decode(payload).expect("a value of bytes");
    value[7] &= !IS_VALUE;
    read_bytes(&value)
}

fn read_bytes<const N: usize>(payload: &[u8]) -> [u64; N] {
    let (numbers, rest) = payload.split_at(8 * N);
    let mut words = numbers.chunks(8).map(|word| {
        let word = word.try_into().expect("chunks of eight bytes");
        u64::from_le_bytes(word)
    });
    let numbers = std::array::from_fn(|_| words.next().expect("as many as were split off"));
    assert!(rest == filling(numbers[0], rest.len()), "a payload of {numbers:?} was damaged");
    numbers
}

fn filling(number: u64, len: usize) -> &'static [u8] {
    let start = (number % 1009) as usize;
    &FILLING[start..start + len]
}
