//! Connection state: arbitrary operations applied to a derived struct.

use std::collections::BTreeMap;

use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::{ConnectionState as _, StateOperations, StateWriter};

/// Operations apply as a whole or not at all, and a state that they led to travels by snapshot and by diff.
pub fn state(input: &[u8]) {
    let mut operations = StateOperations::new(input);
    let read = operations.by_ref().take(input.len() + 1).count();
    assert!(read <= input.len(), "more operations than bytes");
    assert!(operations.next().is_none());

    for before in [State::initial(), started()] {
        let mut after = before.clone();
        match after.apply(StateOperations::new(input)) {
            Err(_) => assert_eq!(after, before, "a part was applied"),
            Ok(()) => {
                check_snapshot(&after);
                check_diff(&before, &after);
            }
        }
    }
}

/// Operations to start from.
pub fn snapshot() -> Vec<u8> {
    let mut out = StateWriter::new();
    started().snapshot(&mut out).expect("a small state encodes");
    out.finish().to_vec()
}

#[derive(Clone, Debug, PartialEq, ConnectionState)]
struct State {
    counter: u32,
    #[state(default = "nobody".into())]
    name: String,
    scores: BTreeMap<String, Vec<i64>>,
    mode: Option<Mode>,
}

#[codable]
#[derive(Clone, Debug, PartialEq)]
enum Mode {
    Quiet,
    Loud { level: u8 },
}

fn started() -> State {
    State {
        counter: 7,
        name: "somebody with a long name".into(),
        scores: [("a".into(), vec![1, -1]), ("b".into(), vec![])].into(),
        mode: Some(Mode::Loud { level: 3 }),
    }
}

fn check_snapshot(state: &State) {
    let mut out = StateWriter::new();
    state
        .snapshot(&mut out)
        .expect("what was received can be sent");
    let mut copy = State::initial();
    let applied = copy.apply(StateOperations::new(&out.finish()));
    assert_eq!(applied, Ok(()));
    assert_eq!(copy, *state);
}

fn check_diff(before: &State, after: &State) {
    let mut shadow = before.shadow();
    let mut out = StateWriter::new();
    after
        .diff(&mut shadow, &mut out)
        .expect("what was received can be sent");
    assert_eq!(out.is_empty(), before == after);
    let mut copy = before.clone();
    let applied = copy.apply(StateOperations::new(&out.finish()));
    assert_eq!(applied, Ok(()));
    assert_eq!(copy, *after);

    let mut again = StateWriter::new();
    after
        .diff(&mut shadow, &mut again)
        .expect("what was sent can be sent");
    assert!(again.is_empty(), "the shadow was not brought up to date");
}
