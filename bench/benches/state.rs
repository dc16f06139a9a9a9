//! What a change of the state takes on the wire, as a table: `cargo bench --bench state`.

mod changes;

use hardlight_proto::{ConnectionState, StateOperation, StateOperations, StateWriter};
use serde::Serialize;

use changes::{Plain, Recording, plain, recording, twenty};

fn main() {
    table();
}

fn table() {
    println!("bytes of a change on the wire");
    println!(
        "{:44} {:>8} {:>9} {:>9} {:>10} {:>9}",
        "", "patch", "recorded", "whole", "JSON Patch", "JSON"
    );
    let row = |what: &str, plain_change: fn(&mut Plain), recorded: fn(&mut Recording)| {
        let bytes = measure(plain(), plain_change);
        print(what, bytes, Some(change_bytes(recording(), recorded)));
    };
    row(
        "push to a Vec<u64> of 10,000",
        |state| state.list.push(1),
        |state| state.list.push(1),
    );
    row(
        "one value of a HashMap<String, u64> of 10,000",
        |state| *state.map.get_mut("key 07777").expect("it is there") += 1,
        |state| *state.map.get_mut("key 07777").expect("it is there") += 1,
    );
    row(
        "one field of one of 1,000 structs in a map",
        |state| state.players.get_mut("player 500").expect("it is there").hp = 99,
        |state| state.players.get_mut("player 500").expect("it is there").hp = 99,
    );
    row(
        "one entry of 10,000 removed",
        |state| assert!(state.map.remove("key 05000").is_some()),
        |state| assert!(state.map.remove("key 05000").is_some()),
    );
    row(
        "5 bytes appended to a text of 10,000",
        |state| state.text.push_str("12345"),
        |state| state.text.push_str("12345"),
    );
    print(
        "one u32 of a struct of 20 fields",
        measure(twenty(), |state| state.t = 7),
        None,
    );
}

/// What a change takes: as a patch, its fields whole, as JSON Patch, its fields whole as JSON.
fn measure<S: ConnectionState + Clone + Serialize>(before: S, change: fn(&mut S)) -> [usize; 4] {
    let mut after = before.clone();
    change(&mut after);
    let (old, new) = (json(&before), json(&after));
    let json_patch = serde_json::to_vec(&json_patch::diff(&old, &new))
        .expect("it is JSON")
        .len();
    let whole_json = changed(&old, &new)
        .map(|value| value.to_string().len())
        .sum();
    let whole = whole_fields(&before, &after);
    [change_bytes(before, change), whole, json_patch, whole_json]
}

fn json(state: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(state).expect("it is JSON")
}

/// The members that are not the same.
fn changed<'a>(
    old: &'a serde_json::Value,
    new: &'a serde_json::Value,
) -> impl Iterator<Item = &'a serde_json::Value> {
    let members = new.as_object().expect("a struct is an object").iter();
    members
        .filter(|(name, value)| old.get(name) != Some(value))
        .map(|(_, value)| value)
}

/// What the fields take that are not the same, each as a whole.
fn whole_fields<S: ConnectionState>(before: &S, after: &S) -> usize {
    let snapshot = |state: &S| {
        let mut out = StateWriter::new();
        state.snapshot(&mut out).expect("the state encodes");
        out.finish()
    };
    let (before, after) = (snapshot(before), snapshot(after));
    let both = StateOperations::new(&before).zip(StateOperations::new(&after));
    both.filter(|(old, new)| old != new)
        .map(|(_, new)| match new {
            Ok(StateOperation::Set { value, .. }) => value.len(),
            other => panic!("{other:?}"),
        })
        .sum()
}

fn change_bytes<S: ConnectionState>(mut state: S, change: fn(&mut S)) -> usize {
    let mut shadow = state.shadow();
    change(&mut state);
    let mut out = StateWriter::new();
    state
        .diff(&mut shadow, &mut out)
        .expect("the state encodes");
    out.finish().len()
}

fn print(what: &str, [patch, whole, json_patch, json]: [usize; 4], recorded: Option<usize>) {
    let recorded = recorded.map(|bytes| bytes.to_string()).unwrap_or_default();
    println!("{what:44} {patch:>8} {recorded:>9} {whole:>9} {json_patch:>10} {json:>9}");
}
