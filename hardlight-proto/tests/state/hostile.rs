//! Patches that cannot be applied: each is refused for its reason, and changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use hardlight_macros::codable;
use hardlight_proto::{Codable, DecodeError, PatchError, ProtocolError, StateError};

use super::{One, apply, hex, snapshot};

const TRUNCATED: PatchError = PatchError::Malformed(ProtocolError::Truncated);
const TRAILING: PatchError = PatchError::Malformed(ProtocolError::TrailingBytes);
const INVALID_VARINT: PatchError = PatchError::Malformed(ProtocolError::InvalidVarint);
const MALFORMED: PatchError = PatchError::Value(DecodeError::Malformed);

/// What applying the patch to a field of this value comes to.
#[track_caller]
fn patch<T: Codable + Default>(value: T, patch: &str) -> Result<Vec<u8>, PatchError> {
    let mut state = One { field: value };
    let before = snapshot(&state);
    let patch = hex(patch);
    let len = u8::try_from(patch.len()).ok().filter(|len| *len < 0x80).expect("a short patch");
    match apply(&mut state, &[&[0x01, len], &*patch].concat()) {
        Ok(()) => Ok(snapshot(&state)),
        Err(StateError::Patch { field: 0, error }) => {
            assert_eq!(snapshot(&state), before, "a part was applied");
            Err(error)
        }
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn refused<T: Codable + Default>(value: T, error: PatchError, bytes: &str) {
    assert_eq!(patch(value, bytes), Err(error), "{bytes}");
}

/// The patch leads to this value.
#[track_caller]
fn leads<T: Codable + Default>(from: T, to: T, bytes: &str) {
    assert_eq!(patch(from, bytes), Ok(snapshot(&One { field: to })), "{bytes}");
}

#[codable]
#[derive(Clone, Default)]
struct Pair {
    a: u8,
    b: Vec<u8>,
}

#[codable]
#[derive(Clone, Default)]
enum Choice {
    #[default]
    Nothing,
    Number(u8),
    Pair(u8, u8),
}

#[codable]
#[derive(Clone, Default)]
struct Marker;

#[codable]
#[derive(Clone, Default)]
enum Mode {
    #[default]
    Slow,
}

fn pair() -> Pair {
    Pair { a: 1, b: vec![1, 2, 3] }
}

#[test]
fn leaves_have_no_patches() {
    for bytes in ["", "07", "00"] {
        refused(1_u8, PatchError::Leaf, bytes);
        refused(1.0_f64, PatchError::Leaf, bytes);
        refused('a', PatchError::Leaf, bytes);
        refused((), PatchError::Leaf, bytes);
        refused(std::time::Duration::ZERO, PatchError::Leaf, bytes);
        refused(Marker, PatchError::Leaf, bytes);
        refused(Mode::Slow, PatchError::Leaf, bytes);
        refused(Box::new(1_u8), PatchError::Leaf, bytes);
    }
    refused(Some(1_u8), PatchError::Leaf, "02 07");
    refused((1_u8, 2_u8), PatchError::Leaf, "01 01 07");
    refused(BTreeMap::from([(1_u8, 2_u8)]), PatchError::Leaf, "02 01 01 01 07");
}

#[test]
fn a_patch_says_something() {
    refused(pair(), PatchError::Empty, "");
    refused((1_u8,), PatchError::Empty, "");
    refused([1_u8], PatchError::Empty, "");
    refused(vec![1_u8], PatchError::Empty, "");
    refused(VecDeque::from([1_u8]), PatchError::Empty, "");
    refused(Bytes::from_static(b"a"), PatchError::Empty, "");
    refused(BTreeMap::from([(1_u8, 1_u8)]), PatchError::Empty, "");
    refused(BTreeSet::from([1_u8]), PatchError::Empty, "");
    refused(String::from("a"), PatchError::Empty, "");
    refused(Box::<str>::from("a"), PatchError::Empty, "");
    refused(Box::new(pair()), PatchError::Empty, "");
    refused(Choice::Number(1), PatchError::Empty, "01");
    refused(Choice::Number(1), TRUNCATED, "");
    refused(Some(1_u8), TRUNCATED, "");
    refused(Some(pair()), PatchError::Empty, "02");
    refused(pair(), PatchError::Empty, "05 00");
}

#[test]
fn fields_are_there_and_ascend() {
    leads(pair(), Pair { a: 9, ..pair() }, "00 01 09");
    leads(pair(), Pair { a: 9, b: vec![1, 2] }, "00 01 09  05 0c 00 02 01 08 00000000 00000000");
    refused(pair(), PatchError::OutOfRange, "08 01 09");
    refused(pair(), PatchError::NotAscending, "00 01 09  00 01 09");
    refused(pair(), PatchError::NotAscending, "04 08 00000000 00000000  00 01 09");
    refused(pair(), PatchError::OutOfRange, "fc ff ff ff ff ff ff ff ff 01 00");
    refused((1_u8, 2_u8), PatchError::OutOfRange, "08 01 09");
    refused([1_u8, 2], PatchError::OutOfRange, "08 01 09");
    refused([1_u8, 2], PatchError::NotAscending, "04 01 09 04 01 09");
}

#[test]
fn fields_are_set_and_patched_and_nothing_else() {
    refused(pair(), PatchError::UnknownOperation(2), "02 00");
    refused(pair(), PatchError::UnknownOperation(3), "03 00");
    refused(pair(), TRUNCATED, "00");
    refused(pair(), TRUNCATED, "00 02 09");
    refused(pair(), TRUNCATED, "00 ff ff ff ff ff ff ff ff ff 01 09");
    refused(pair(), INVALID_VARINT, "80 00 01 09");
    refused(
        pair(),
        PatchError::Value(DecodeError::WrongLength { expected: 1, actual: 2 }),
        "00 02 09 09",
    );
    // What came before is not applied either.
    refused(pair(), MALFORMED, "00 01 09 04 01 09");
}

#[test]
fn a_variant_is_the_one_that_the_value_has() {
    leads(Choice::Pair(1, 2), Choice::Pair(1, 9), "02 04 01 09");
    refused(Choice::Pair(1, 2), PatchError::WrongVariant, "01 00 01 09");
    refused(Choice::Pair(1, 2), PatchError::WrongVariant, "82 02 00 01 09");
    refused(Choice::Pair(1, 2), PatchError::OutOfRange, "02 08 01 09");
    refused(Choice::Nothing, PatchError::WrongVariant, "00");
    refused(Choice::Nothing, PatchError::WrongVariant, "01 00 01 09");
}

#[test]
fn only_a_value_that_is_there_is_emptied_or_changed() {
    leads(Some(pair()), None, "00");
    leads(Some(pair()), Some(Pair { a: 9, ..pair() }), "02 00 01 09");
    refused(None::<Pair>, PatchError::Absent, "00");
    refused(None::<Pair>, PatchError::Absent, "02 00 01 09");
    refused(Some(pair()), TRAILING, "00 00");
    refused(Some(pair()), PatchError::UnknownOperation(3), "03");
    refused(None::<Pair>, PatchError::UnknownOperation(3), "03");
    refused(
        Some(1_u8),
        PatchError::Value(DecodeError::WrongLength { expected: 1, actual: 0 }),
        "01",
    );
}

/// The archives of `[]`, `[8]` and `[8, 9]`.
const NO_BYTES: &str = "08 00000000 00000000";
const ONE_BYTE: &str = "0c 08000000 fcffffff 01000000";
const TWO_BYTES: &str = "0c 08090000 fcffffff 02000000";

#[test]
fn a_splice_is_within_the_list() {
    let list = || vec![1_u8, 2, 3];
    leads(list(), vec![1, 8, 9, 3], &format!("00 01 01 {TWO_BYTES}"));
    leads(list(), vec![1, 2, 3, 8], &format!("00 03 00 {ONE_BYTE}"));
    leads(list(), list(), &format!("00 03 00 {NO_BYTES}"));
    refused(list(), PatchError::OutOfRange, &format!("00 04 00 {NO_BYTES}"));
    refused(list(), PatchError::OutOfRange, &format!("00 00 04 {NO_BYTES}"));
    refused(list(), PatchError::OutOfRange, &format!("00 03 01 {NO_BYTES}"));
    for huge in ["ff ff ff ff ff ff ff ff ff 01", "ff ff ff ff 0f"] {
        refused(list(), PatchError::OutOfRange, &format!("00 {huge} 00 {NO_BYTES}"));
        refused(list(), PatchError::OutOfRange, &format!("00 01 {huge} {NO_BYTES}"));
        refused(list(), PatchError::OutOfRange, &format!("00 {huge} {huge} {NO_BYTES}"));
        refused(list(), PatchError::OutOfRange, &format!("01 {huge} 01 09"));
        refused(list(), PatchError::OutOfRange, &format!("02 {huge} 01 09"));
    }
    refused(list(), MALFORMED, "00 00 00 00");
    refused(list(), PatchError::UnknownOperation(3), "03 00 00");
    refused(Bytes::from(list()), PatchError::OutOfRange, &format!("00 03 01 {NO_BYTES}"));
    refused(VecDeque::from(list()), PatchError::OutOfRange, "01 03 01 09");
}

#[test]
fn an_element_is_there() {
    let list = || vec![1_u8, 2, 3];
    leads(list(), vec![1, 2, 9], "01 02 01 09");
    leads(list(), vec![1, 2, 3, 9], "02 03 01 09");
    refused(list(), PatchError::OutOfRange, "01 03 01 09");
    refused(list(), PatchError::OutOfRange, "02 04 01 09");
    refused(vec![pair()], PatchError::OutOfRange, "01 01 03 00 01 09");
    refused(vec![pair()], PatchError::Empty, "01 00 00");
    leads(vec![pair()], vec![Pair { a: 9, ..pair() }], "01 00 03 00 01 09");
}

#[test]
fn operations_on_a_list_ascend_and_do_not_overlap() {
    let list = || vec![1_u8, 2, 3, 4];
    leads(list(), vec![9, 9, 2, 9, 4], "02 00 01 09  01 01 01 09  01 03 01 09");
    leads(list(), vec![8, 9, 9, 4], &format!("00 00 02 {TWO_BYTES}  01 02 01 09"));
    leads(list(), vec![9, 8, 9, 9], &format!("01 00 01 09  00 01 02 {TWO_BYTES}  01 03 01 09"));
    leads(list(), vec![3, 8, 9], &format!("00 00 02 {NO_BYTES}  00 01 01 {TWO_BYTES}"));
    refused(list(), PatchError::NotAscending, "01 01 01 09  01 01 01 09");
    refused(list(), PatchError::NotAscending, "01 01 01 09  01 00 01 09");
    refused(list(), PatchError::NotAscending, "02 00 01 09  01 00 01 09");
    refused(list(), PatchError::NotAscending, &format!("00 00 02 {TWO_BYTES}  01 01 01 09"));
    refused(list(), PatchError::OutOfRange, &format!("00 00 02 {NO_BYTES}  01 02 01 09"));
    refused(list(), PatchError::OutOfRange, &format!("00 00 03 {NO_BYTES}  00 00 02 {NO_BYTES}"));
    let queue = VecDeque::from(list());
    leads(
        queue,
        VecDeque::from([9, 8, 9, 9]),
        &format!("01 00 01 09  00 01 02 {TWO_BYTES}  01 03 01 09"),
    );
    leads(Bytes::from(list()), Bytes::from_static(&[9, 2, 3, 9]), "01 00 01 09  01 03 01 09");
}

#[test]
fn entries_are_there_to_be_removed_and_changed() {
    let map = || BTreeMap::from([(1_u8, pair()), (3, pair())]);
    leads(map(), BTreeMap::from([(3, pair())]), "01 01 01");
    leads(
        map(),
        BTreeMap::from([(1, Pair { a: 9, ..pair() }), (3, pair())]),
        "02 01 01 03 00 01 09",
    );
    leads(map(), map(), "00 01 01 10 01020300 01000000 f8ffffff 03000000");
    refused(map(), PatchError::Absent, "01 01 02");
    refused(map(), PatchError::Absent, "02 01 02 03 00 01 09");
    refused(map(), PatchError::UnknownOperation(3), "03 01 01");
    refused(map(), PatchError::Value(DecodeError::WrongLength { expected: 1, actual: 0 }), "01 00");
    // The first is not applied either.
    refused(map(), PatchError::Absent, "01 01 01  01 01 02");
    refused(HashMap::<u8, _>::from_iter(map()), PatchError::Absent, "01 01 01  01 01 02");
}

#[test]
fn keys_ascend() {
    let map = || BTreeMap::from([(1_u8, 1_u8), (3, 3)]);
    leads(map(), BTreeMap::from([(0, 9), (3, 9)]), "00 01 00 01 09  01 01 01  00 01 03 01 09");
    refused(map(), PatchError::NotAscending, "01 01 03  01 01 01");
    refused(map(), PatchError::NotAscending, "00 01 01 01 09  00 01 01 01 09");
    refused(map(), PatchError::NotAscending, "01 01 01  00 01 01 01 09");
    refused(HashMap::<u8, u8>::from_iter(map()), PatchError::NotAscending, "01 01 03  01 01 01");
    let set = || BTreeSet::from([1_u8, 3]);
    leads(set(), BTreeSet::from([0, 1]), "00 01 00  01 01 03");
    refused(set(), PatchError::NotAscending, "01 01 03  00 01 00");
}

#[test]
fn elements_of_sets_are_there_to_be_removed_and_absent_to_be_inserted() {
    let set = || BTreeSet::from([1_u8, 3]);
    refused(set(), PatchError::Present, "00 01 01");
    refused(set(), PatchError::Absent, "01 01 02");
    refused(set(), PatchError::UnknownOperation(2), "02 01 02");
    refused(set(), PatchError::Present, "01 01 01  00 01 03");
    refused(std::collections::HashSet::<u8>::from_iter(set()), PatchError::Absent, "01 01 02");
}

#[test]
fn a_text_is_cut_between_its_characters() {
    let text = || String::from("aé𝄞");
    leads(text(), "aé".into(), "03 04 00");
    leads(text(), "bé𝄞c".into(), "00 01 01 62  07 00 01 63");
    for inside in ["02 00 00", "01 01 00", "04 00 00", "03 02 00", "05 02 00"] {
        refused(text(), PatchError::CutCharacter, inside);
    }
    refused(text(), PatchError::OutOfRange, "08 00 00");
    refused(text(), PatchError::OutOfRange, "07 01 00");
    refused(text(), PatchError::OutOfRange, "00 08 00");
    refused(text(), PatchError::OutOfRange, "00 ff ff ff ff ff ff ff ff ff 01 00");
    refused(text(), PatchError::NotAscending, "01 00 01 62  01 00 01 62");
    refused(text(), MALFORMED, "00 00 01 c3");
    refused(text(), TRUNCATED, "00 00");
    refused(text().into_boxed_str(), PatchError::CutCharacter, "02 00 00");
    leads(text().into_boxed_str(), "é𝄞".into(), "00 01 00");
}
