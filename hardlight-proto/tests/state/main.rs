//! Connection state: what a difference looks like, and what applying operations may do.

#![cfg(all(feature = "payload", feature = "std", feature = "uuid"))]

mod bounds;
mod cost;
mod families;
mod fields;
mod hostile;
mod patches;
mod properties;
mod recording;
mod rich;
mod sizes;
mod values;

use hardlight_macros::ConnectionState;
use hardlight_proto::{Codable, ConnectionState, StateError, StateOperations, StateWriter};

/// A state of one field.
#[derive(ConnectionState)]
pub(crate) struct One<T: Default> {
    pub(crate) field: T,
}

/// The whole state, encoded. Two states are the same if these bytes are.
#[track_caller]
pub(crate) fn snapshot(state: &impl ConnectionState) -> Vec<u8> {
    let mut out = StateWriter::new();
    state.snapshot(&mut out).expect("the state can be encoded");
    out.finish().to_vec()
}

/// What differs from the shadow.
#[track_caller]
pub(crate) fn diff<S: ConnectionState>(state: &mut S, shadow: &mut S::Shadow) -> Vec<u8> {
    let mut out = StateWriter::new();
    state.diff(shadow, &mut out).expect("the state can be encoded");
    out.finish().to_vec()
}

pub(crate) fn apply(state: &mut impl ConnectionState, operations: &[u8]) -> Result<(), StateError> {
    state.apply(StateOperations::new(operations))
}

/// The operations that lead from one value of a field to another; that they do so, and only once, has been checked.
#[track_caller]
pub(crate) fn change<T: Codable + Default>(from: T, to: T) -> Vec<u8> {
    let (mut from, mut to) = (One { field: from }, One { field: to });
    let mut shadow = from.shadow();
    let operations = diff(&mut to, &mut shadow);
    assert_eq!(diff(&mut to, &mut shadow), [], "what was sent is sent again");
    assert_eq!(apply(&mut from, &operations), Ok(()));
    assert_eq!(snapshot(&from), snapshot(&to));
    let whole = snapshot(&to).len();
    assert!(operations.len() <= whole, "{} bytes for a field of {whole}", operations.len());
    operations
}

/// Bytes in hexadecimal, with spaces wherever it is read better.
#[track_caller]
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16);
    digits.chunks(2).map(|pair| byte(pair).expect("two hexadecimal digits")).collect()
}
