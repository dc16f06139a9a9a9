//! Connection state: arbitrary operations applied to states of many types.

#[expect(clippy::box_collection, reason = "the vectors have a list in a box")]
mod shapes;

use allocation_counter::measure;
use hardlight_proto::{ConnectionState, StateOperations, StateWriter};

pub use shapes::SHAPES;

/// Operations apply as a whole or not at all, in memory in proportion to them and to the state; and a state that they led to
/// travels by snapshot and by difference.
///
/// An input is `shape:u8 *( length:u16 operations )`: the operations are applied one list after the other.
pub fn state(input: &[u8]) {
    if let Some((&which, lists)) = input.split_first() {
        (SHAPES[usize::from(which) % SHAPES.len()].check)(lists);
    }
}

/// The shape of a state with fields of these types.
pub fn shape(types: &[&str]) -> Option<u8> {
    let place = SHAPES.iter().position(|shape| (shape.types)() == types)?;
    u8::try_from(place).ok()
}

/// The input that applies these operations.
pub fn input(shape: u8, lists: &[&[u8]]) -> Vec<u8> {
    let mut input = vec![shape];
    for list in lists {
        let length = u16::try_from(list.len()).expect("a seed's operations are few");
        input.extend(length.to_le_bytes());
        input.extend_from_slice(list);
    }
    input
}

/// `RECORDS` says that the state has fields that record their changes.
fn check<S: ConnectionState, const RECORDS: bool>(mut lists: &[u8]) {
    let mut state = S::initial();
    while let Some((length, rest)) = lists.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (operations, behind) = rest.split_at(length);
        lists = behind;
        check_operations(operations);
        check_applied::<S, RECORDS>(&mut state, operations);
    }
}

/// They are read to the end, or to the first error.
fn check_operations(bytes: &[u8]) {
    let mut operations = StateOperations::new(bytes);
    let read = operations.by_ref().take(bytes.len() + 1).count();
    assert!(read <= bytes.len(), "more operations than bytes");
    assert!(operations.next().is_none());
}

/// What applying takes at most for each byte of the operations, whose values are decoded twice, and of the state.
const FACTOR: usize = 200;

fn check_applied<S: ConnectionState, const RECORDS: bool>(state: &mut S, operations: &[u8]) {
    let before = encoded(state);
    let mut applied = None;
    let memory = measure(|| applied = Some(state.apply(StateOperations::new(operations))));
    let allowed = FACTOR * (operations.len() + before.len());
    assert!(memory.bytes_max <= allowed as u64, "{memory:?}");
    let after = encoded(state);
    if applied.is_some_and(|applied| applied.is_ok()) {
        check_travels::<S, RECORDS>(&before, &after);
    } else {
        assert_eq!(after, before, "a part was applied");
    }
}

/// A state that was encoded travels as a whole, and as what is different from another.
fn check_travels<S: ConnectionState, const RECORDS: bool>(before: &[u8], after: &[u8]) {
    let (mut copy, mut whole) = (decoded::<S>(before), decoded::<S>(after));
    assert_eq!(encoded(&whole), after);
    let mut shadow = copy.shadow();
    let operations = difference(&mut whole, &mut shadow);
    // Nobody has recorded what would have made the one into the other, so a field that records is sent whole.
    assert_eq!(operations.is_empty(), before == after && !RECORDS);
    assert!(operations.len() <= after.len(), "longer than the whole");
    assert!(difference(&mut whole, &mut shadow).is_empty());
    assert_eq!(copy.apply(StateOperations::new(&operations)), Ok(()));
    assert_eq!(encoded(&copy), after);
}

/// The whole state. Two states are the same if these bytes are.
fn encoded<S: ConnectionState>(state: &S) -> Vec<u8> {
    let mut out = StateWriter::new();
    let written = state.snapshot(&mut out);
    written.expect("what was received can be sent");
    out.finish().into()
}

fn decoded<S: ConnectionState>(snapshot: &[u8]) -> S {
    let mut state = S::initial();
    assert_eq!(state.apply(StateOperations::new(snapshot)), Ok(()));
    state
}

/// What differs from the shadow, which is brought up to date.
fn difference<S: ConnectionState>(state: &mut S, shadow: &mut S::Shadow) -> Vec<u8> {
    let mut out = StateWriter::new();
    let written = state.diff(shadow, &mut out);
    written.expect("what was received can be sent");
    out.finish().into()
}
