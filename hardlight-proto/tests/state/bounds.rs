//! What applying a patch may cost: levels, stack, memory and time.

use std::{
    collections::{BTreeMap, VecDeque},
    thread,
};

use bytes::Bytes;
use hardlight_macros::codable;
use hardlight_proto::{
    ConnectionState, DecodeError, EncodeError, PatchError, StateError, StateWriter,
    payload::encode_to_bytes,
};

use super::{One, apply, diff, hex, snapshot};

/// Contains itself in a list.
#[codable]
#[derive(Default)]
struct Tree {
    text: String,
    kids: Vec<Self>,
}

/// Contains itself in a box.
#[codable]
#[derive(Default)]
struct Chain {
    value: u8,
    next: Option<Box<Self>>,
}

/// Contains itself in a map.
#[codable]
#[derive(Default)]
struct Maps(BTreeMap<u8, Self>);

/// The levels of a payload.
const LEVELS: usize = 63;

/// A tree of so many nodes, one below the other. The list of kids of the last is a level too.
fn tree(nodes: usize, text: &str) -> One<Tree> {
    let leaf = Tree { text: text.into(), kids: vec![] };
    let tree = |kid, _| Tree { text: String::new(), kids: vec![kid] };
    One { field: (1..nodes).fold(leaf, tree) }
}

fn chain(nodes: usize, value: u8) -> One<Chain> {
    let leaf = Chain { value, next: None };
    let chain = |next, _| Chain { value: 0, next: Some(Box::new(next)) };
    One { field: (1..nodes).fold(leaf, chain) }
}

fn maps(nodes: usize) -> One<Maps> {
    One { field: (1..nodes).fold(Maps::default(), |maps, _| Maps([(1, maps)].into())) }
}

/// Runs `test` with the stack of a thread that nobody asked for more, whatever the test's own is.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(2 << 20).spawn(test);
    thread.expect("a thread starts").join().expect("the test passes");
}

#[track_caller]
fn leads<S: ConnectionState>(mut from: S, mut to: S) -> usize {
    let operations = diff(&mut to, &mut from.shadow());
    assert_eq!(apply(&mut from, &operations), Ok(()));
    assert_eq!(snapshot(&from), snapshot(&to));
    operations.len()
}

#[track_caller]
fn too_deep<S: ConnectionState>(mut from: S, to: &mut S) {
    let mut out = StateWriter::new();
    let error = to.diff(&mut from.shadow(), &mut out).expect_err("it is too deep");
    assert!(matches!(error, EncodeError::TooDeep { .. }));
    to.snapshot(&mut out).expect_err("it is too deep as a whole too");
}

#[test]
fn the_deepest_values_are_patched_on_a_small_stack() {
    on_small_stack(|| {
        // The whole takes far more; what is long is how deep it is.
        assert!(leads(tree(LEVELS - 1, "a"), tree(LEVELS - 1, "b")) < 400);
        assert!(leads(chain(LEVELS, 1), chain(LEVELS, 2)) < 600);
        leads(maps(LEVELS - 2), maps(LEVELS - 1));
        leads(tree(1, ""), tree(LEVELS - 1, ""));
        leads(tree(LEVELS - 1, ""), tree(1, ""));
    });
}

#[test]
fn a_difference_is_refused_where_the_whole_would_be() {
    too_deep(tree(LEVELS - 1, ""), &mut tree(LEVELS, ""));
    too_deep(chain(LEVELS, 0), &mut chain(LEVELS + 1, 0));
    too_deep(maps(LEVELS - 1), &mut maps(LEVELS));
    // A text of more than 8 bytes is a level.
    leads(tree(LEVELS - 1, "12345678"), tree(LEVELS - 1, "123456789"));
    let text = |text: &str| {
        let mut one = One { field: Vec::<Nested>::new() };
        one.field =
            (2..LEVELS).fold(vec![Nested::Text(text.into())], |inner, _| vec![Nested::List(inner)]);
        one
    };
    leads(text("1"), text("12345678"));
    too_deep(text("1"), &mut text("123456789"));
}

#[codable]
enum Nested {
    Text(String),
    List(Vec<Self>),
}

/// The patch of a tree that is about its last node, which is this many levels down.
fn at_depth(levels: usize, patch: &[u8]) -> Vec<u8> {
    // PATCH of the field, CHANGE of the first element, PATCH of it.
    let mut bytes = patch.to_vec();
    for _ in 0..levels {
        bytes = [&[0x01, 0x00], &*section(&bytes)].concat();
        bytes = [&[0x05], &*section(&bytes)].concat();
    }
    [&[0x01], &*section(&bytes)].concat()
}

fn section(bytes: &[u8]) -> Vec<u8> {
    [&*varint(bytes.len()), bytes].concat()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut varint = Vec::new();
    while value >= 0x80 {
        varint.push(value as u8 | 0x80);
        value >>= 7;
    }
    varint.push(value as u8);
    varint
}

#[test]
fn a_patch_cannot_make_a_value_deeper_than_a_payload() {
    // A node more below the last: its kids are on level 64.
    let node = encode_to_bytes(&Tree::default()).unwrap();
    let insert = [&[0x02, 0x00], &*section(&node)].concat();
    let insert = [&[0x05], &*section(&insert)].concat();
    let mut fits = tree(LEVELS - 2, "");
    assert_eq!(apply(&mut fits, &at_depth(LEVELS - 3, &insert)), Ok(()));
    assert_eq!(snapshot(&fits), snapshot(&tree(LEVELS - 1, "")));
    let mut deepest = tree(LEVELS - 1, "");
    let error = PatchError::Value(DecodeError::Malformed);
    assert_eq!(
        apply(&mut deepest, &at_depth(LEVELS - 2, &insert)),
        Err(StateError::Patch { field: 0, error })
    );
    assert_eq!(snapshot(&deepest), snapshot(&tree(LEVELS - 1, "")));
}

#[test]
fn a_text_cannot_become_a_level_too_many() {
    let state = || {
        let mut state = One { field: Vec::<Nested>::new() };
        state.field =
            (2..LEVELS).fold(vec![Nested::Text("1".into())], |inner, _| vec![Nested::List(inner)]);
        state
    };
    let append = |count: u8| {
        let text = [&[0x01, 0x00, count], &*vec![b'2'; count.into()]].concat();
        // The field of the variant, of the first element: level by level.
        let text = [&[0x00, 0x01], &*section(&text)].concat();
        let patch = (2..LEVELS).fold(text, |patch, _| {
            let list = [&[0x01, 0x00], &*section(&patch)].concat();
            [&[0x01, 0x01], &*section(&list)].concat()
        });
        let list = [&[0x01, 0x00], &*section(&patch)].concat();
        [&[0x01], &*section(&list)].concat()
    };
    let mut fits = state();
    assert_eq!(apply(&mut fits, &append(7)), Ok(()));
    let mut deepest = state();
    assert_eq!(
        apply(&mut deepest, &append(8)),
        Err(StateError::Patch { field: 0, error: PatchError::TooDeep })
    );
    assert_eq!(snapshot(&deepest), snapshot(&state()));
}

#[test]
fn deep_patches_do_not_grow_the_stack() {
    on_small_stack(|| {
        for levels in [64, 1000, 100_000] {
            let mut state = tree(LEVELS - 1, "");
            let mut patch = vec![];
            for _ in 0..levels {
                // The lengths are wrong from the second level on; what is within them is not.
                patch.splice(0..0, hex("05 ff ff ff 7f 01 00 ff ff ff 7f"));
            }
            let operations = [&[0x01], &*section(&patch)].concat();
            assert!(apply(&mut state, &operations).is_err());
        }
        let mut state = tree(LEVELS - 1, "");
        assert!(apply(&mut state, &at_depth(200, &hex("00 08 ffffffff ffffffff"))).is_err());
    });
}

/// What applying the operations comes to, and what it allocates at its peak for each of their bytes.
fn measured(mut state: impl ConnectionState, operations: &[u8]) -> (Result<(), StateError>, u64) {
    let mut result = Ok(());
    let allocated = allocation_counter::measure(|| result = apply(&mut state, operations));
    (result, allocated.bytes_max / operations.len() as u64)
}

#[test]
fn lengths_and_places_allocate_nothing_by_themselves() {
    let huge = "ff ff ff ff 07";
    for patch in [
        format!("00 {huge} {huge} 00"),
        format!("00 00 00 {huge}"),
        format!("01 {huge} 01 00"),
        format!("02 00 {huge}"),
        "00 00 00 08 00000000 ffffffff".to_owned(),
    ] {
        let operations = [&[0x01], &*section(&hex(&patch))].concat();
        let (result, allocated) = measured(One { field: vec![0_u64; 10] }, &operations);
        assert!(result.is_err(), "{patch}");
        assert_eq!(allocated, 0, "{patch}");
    }
}

#[test]
fn what_is_allocated_is_in_proportion_to_the_bytes() {
    let inserts = (0..10_000).flat_map(|start| [&[0x02], &*varint(start), &[0x01, 0x07]].concat());
    let inserts = [&[0x01], &*section(&inserts.collect::<Vec<_>>())].concat();
    let splices = (0..10_000).flat_map(|start| [&*varint(start), &[0x00, 0x01, b'a']].concat());
    let splices = [&[0x01], &*section(&splices.collect::<Vec<_>>())].concat();
    for (result, allocated) in [
        measured(One { field: Vec::<u8>::new() }, &inserts),
        measured(One { field: VecDeque::<u8>::new() }, &inserts),
        measured(One { field: Bytes::new() }, &inserts),
        measured(One { field: String::new() }, &splices),
    ] {
        assert_eq!(result, Ok(()));
        assert!(allocated <= 5, "{allocated}");
    }
}

/// With as many splices as a frame has room for, on a list that is as long.
#[test]
fn many_splices_of_a_long_list_take_one_pass() {
    let list: Vec<u8> = vec![0; 1 << 20];
    let mut state = One { field: list };
    let removed = hex("01 08 00000000 00000000");
    let mut splices = Vec::new();
    // Every other element goes. If each moved those behind it, that would be 10^11 moves.
    for start in 0..1 << 18 {
        splices.push(0x00);
        splices.extend(varint(start));
        splices.extend(&removed);
    }
    let operations = [&[0x01], &*section(&splices)].concat();
    assert_eq!(apply(&mut state, &operations), Ok(()));
    assert_eq!(state.field.len(), (1 << 20) - (1 << 18));
}
