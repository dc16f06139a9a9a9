//! How long it takes to find a change of the state, to encode it, and to apply it: `cargo bench --bench diff`.

mod changes;

use divan::{Bencher, black_box};
use hardlight_proto::{ConnectionState, StateOperations, StateWriter};

use changes::{plain, recording, twenty};

fn main() {
    divan::main();
}

/// One field of 20 by turns.
#[divan::bench]
fn diff_u32_of_twenty_fields(bencher: Bencher<'_, '_>) {
    diff(bencher, twenty(), |state, round| state.t = round);
}

/// None of 20 fields.
#[divan::bench]
fn diff_nothing_of_twenty_fields(bencher: Bencher<'_, '_>) {
    diff(bencher, twenty(), |_, _| {});
}

/// One of 10,000 in a plain list: all of it is compared.
#[divan::bench]
fn diff_element_of_plain_list(bencher: Bencher<'_, '_>) {
    diff(bencher, plain(), |state, round| {
        state.list[7_777] = round.into();
    });
}

/// One of 10,000 in a list that records.
#[divan::bench]
fn diff_element_of_recording_list(bencher: Bencher<'_, '_>) {
    diff(bencher, recording(), |state, round| {
        *state.list.get_mut(7_777).expect("it is there") = round.into();
    });
}

/// One of 10,000 in a plain map: all of it is compared.
#[divan::bench]
fn diff_value_of_plain_map(bencher: Bencher<'_, '_>) {
    diff(bencher, plain(), |state, round| {
        *state.map.get_mut("key 07777").expect("it is there") = round.into();
    });
}

/// One of 10,000 in a map that records.
#[divan::bench]
fn diff_value_of_recording_map(bencher: Bencher<'_, '_>) {
    diff(bencher, recording(), |state, round| {
        *state.map.get_mut("key 07777").expect("it is there") = round.into();
    });
}

/// One field of 20.
#[divan::bench]
fn apply_u32_of_twenty_fields(bencher: Bencher<'_, '_>) {
    apply(bencher, twenty(), |state| state.t = 7);
}

/// One value of a map of 10,000.
#[divan::bench]
fn apply_value_of_map(bencher: Bencher<'_, '_>) {
    apply(bencher, plain(), |state| {
        *state.map.get_mut("key 07777").expect("it is there") = 7;
    });
}

/// Changes a state and encodes what has changed, round by round.
fn diff<S: ConnectionState>(bencher: Bencher<'_, '_>, mut state: S, change: fn(&mut S, u32)) {
    let (mut shadow, mut round) = (state.shadow(), 0);
    bencher.bench_local(|| {
        round += 1;
        change(&mut state, black_box(round));
        let mut out = StateWriter::new();
        let encoded = state.diff(&mut shadow, &mut out);
        encoded.expect("the state encodes");
        out.finish()
    });
}

/// Applies the same change to a copy again and again.
fn apply<S: ConnectionState>(bencher: Bencher<'_, '_>, mut state: S, change: fn(&mut S)) {
    let mut shadow = state.shadow();
    change(&mut state);
    let mut out = StateWriter::new();
    let encoded = state.diff(&mut shadow, &mut out);
    encoded.expect("the state encodes");
    let operations = out.finish();
    bencher.bench_local(|| {
        let operations = StateOperations::new(black_box(&operations));
        state.apply(operations).expect("it fits");
    });
}
