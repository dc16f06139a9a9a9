//! What it costs to find a change: of a collection that records, no more than the change.

use std::{
    cell::Cell,
    cmp::Ordering,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use allocation_counter::AllocationInfo;
use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::{
    ConnectionState, StateWriter,
    sync::{List, Map, Text},
};

/// How many entries, elements and bytes there are.
const MANY: u32 = 1_000_000;

/// A key that counts how often it is compared.
#[codable]
#[derive(PartialEq, Eq)]
struct Key(u32);

thread_local!(static COMPARED: Cell<usize> = const { Cell::new(0) });

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        COMPARED.set(COMPARED.get() + 1);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Changes the state, finds the change: how many bytes were written, and what was allocated from the change on.
fn cost<S: ConnectionState>(mut state: S, change: impl FnOnce(&mut S)) -> (usize, AllocationInfo) {
    let mut shadow = state.shadow();
    let written = AtomicUsize::new(0);
    COMPARED.set(0);
    let allocated = allocation_counter::measure(|| {
        change(&mut state);
        let mut out = StateWriter::new();
        state.diff(&mut shadow, &mut out).expect("the state can be encoded");
        written.store(out.finish().len(), Relaxed);
    });
    (written.into_inner(), allocated)
}

#[track_caller]
fn assert_cheap((written, allocated): (usize, AllocationInfo), most: usize) {
    assert!(written > 0 && written <= most, "{written} bytes were written");
    assert!(allocated.count_total <= 16, "{allocated:?}");
    assert!(allocated.bytes_total <= 2_048, "{allocated:?}");
}

#[derive(ConnectionState)]
struct Entries {
    map: Map<Key, u64>,
}

fn entries() -> Entries {
    Entries { map: (0..MANY).map(|number| (Key(number), u64::from(number))).collect() }
}

#[test]
fn one_entry_of_a_million() {
    let cost =
        cost(entries(), |state| *state.map.get_mut(&Key(777_777)).expect("it is there") += 1);
    assert_cheap(cost, 4 + 8 + 8);
    // Some four dozen for each time that it is looked up.
    assert!(COMPARED.get() < 500, "{} comparisons", COMPARED.get());
}

#[test]
fn an_entry_among_a_million_is_inserted_and_another_removed() {
    let cost = cost(entries(), |state| {
        state.map.insert(Key(MANY), 1);
        state.map.remove(&Key(5));
    });
    assert_cheap(cost, 40);
    assert!(COMPARED.get() < 1_000, "{} comparisons", COMPARED.get());
}

#[test]
fn nothing_of_a_million_entries() {
    let (written, allocated) = cost(entries(), |_| {});
    assert_eq!((written, allocated.count_total, COMPARED.get()), (0, 0, 0));
}

#[derive(ConnectionState)]
struct Elements {
    list: List<u64>,
}

#[test]
fn one_element_of_a_million() {
    let elements = || Elements { list: (0..MANY.into()).collect() };
    assert_cheap(cost(elements(), |state| state.list[777_777] += 1), 16);
    assert_cheap(cost(elements(), |state| state.list.truncate(999_999)), 20);
    assert_cheap(cost(elements(), |state| assert_eq!(state.list.remove(0), 0)), 20);
}

#[derive(ConnectionState)]
struct Document {
    text: Text,
}

#[test]
fn one_place_in_a_text_of_a_million_bytes() {
    let document = || Document { text: "x".repeat(MANY as usize).into() };
    assert_cheap(cost(document(), |state| state.text.replace_range(500_000..500_001, "y")), 10);
    assert_cheap(cost(document(), |state| state.text.truncate(999_999)), 10);
}

#[test]
fn a_number_beside_a_million_of_everything() {
    #[derive(ConnectionState)]
    struct Everything {
        map: Map<Key, u64>,
        list: List<u64>,
        text: Text,
        number: u32,
    }
    let everything = Everything {
        map: entries().map,
        list: (0..MANY.into()).collect(),
        text: "x".repeat(MANY as usize).into(),
        number: 0,
    };
    assert_cheap(cost(everything, |state| state.number = 1), 6);
    assert_eq!(COMPARED.get(), 0);
}

#[test]
fn a_number_among_many_fields_allocates_what_is_sent_and_nothing_else() {
    #[derive(ConnectionState, Default)]
    struct Fields {
        text: String,
        list: Vec<u32>,
        option: Option<String>,
        pair: (u32, String),
        recorded: List<u32>,
        number: u32,
    }
    let mut state = Fields { text: "a text".repeat(9), list: vec![1; 50], ..Fields::default() };
    let mut shadow = state.shadow();
    let mut out = StateWriter::new();
    let mut change = |number| {
        state.number = number;
        state.diff(&mut shadow, &mut out).expect("the state can be encoded");
        assert_eq!(out.take().len(), 6);
    };
    change(1);
    let allocated = allocation_counter::measure(|| change(2));
    assert_eq!((allocated.count_total, allocated.bytes_total), (1, 6));
}

#[test]
fn the_record_of_many_changes_is_bounded() {
    let elements = Elements { list: vec![0; 300_000].into() };
    let (_, allocated) = cost(elements, |state| {
        for index in (0..300_000).step_by(2) {
            state.list[index] = 1;
        }
    });
    // What is sent is most of the list by then, and stands in three places for a moment. The rest is the record: of a list
    // this long one edit for 32 elements, of some 48 bytes, in memory that grows by doubling.
    let (sent, record) = (300_000 * 8 * 3, 300_000 / 32 * 48 * 2);
    assert!(allocated.bytes_max < sent + record, "{allocated:?}");
}
