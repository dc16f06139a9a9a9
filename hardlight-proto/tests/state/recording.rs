//! Collections that record their changes: what they send is what the standard ones would, and costs what changed.

use std::{collections::BTreeMap, fmt::Write as _, mem};

use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::{
    ConnectionState as _, Fingerprint, StateOperation, StateOperations, StateWriter, payload,
    sync::{List, Map, Text},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{apply, diff, hex, snapshot};

/// What the server has.
#[derive(ConnectionState, Default)]
struct Recording {
    bytes: List<u8>,
    lists: List<Vec<u8>>,
    map: Map<u8, Vec<u8>>,
    numbers: Map<String, u32>,
    text: Text,
}

/// What the client has.
#[derive(ConnectionState)]
struct Plain {
    bytes: Vec<u8>,
    lists: Vec<Vec<u8>>,
    map: BTreeMap<u8, Vec<u8>>,
    numbers: BTreeMap<String, u32>,
    text: String,
}

/// A server's state, what is kept of it, and a client's copy.
struct Pair {
    server: Recording,
    shadow: <Recording as hardlight_proto::ConnectionState>::Shadow,
    client: Plain,
}

impl Pair {
    fn new(mut server: Recording) -> Self {
        let mut client = Plain::initial();
        assert_eq!(apply(&mut client, &snapshot(&server)), Ok(()));
        Self { shadow: server.shadow(), server, client }
    }

    /// Sends what has changed, and gives the operations.
    #[track_caller]
    fn send(&mut self) -> Vec<u8> {
        let operations = diff(&mut self.server, &mut self.shadow);
        assert_eq!(apply(&mut self.client, &operations), Ok(()));
        assert!(snapshot(&self.client) == snapshot(&self.server), "the copy is another");
        assert_eq!(diff(&mut self.server, &mut self.shadow), [], "what was sent is sent again");
        operations
    }
}

fn filled() -> Recording {
    Recording {
        bytes: (0..100).collect(),
        lists: (0..20).map(|number| vec![number; 20]).collect(),
        map: (0..50).map(|number| (number, vec![number; 20])).collect(),
        numbers: (0..50).map(|number| (format!("number {number}"), number)).collect(),
        text: "größe, größer, am größten: sizes all".into(),
    }
}

/// The operations that a change leads to.
#[track_caller]
fn change(change: impl FnOnce(&mut Recording)) -> Vec<u8> {
    let mut pair = Pair::new(filled());
    change(&mut pair.server);
    pair.send()
}

/// The same as hexadecimal.
#[track_caller]
fn assert_change(expected: &str, made: impl FnOnce(&mut Recording)) {
    assert_eq!(change(made), hex(expected));
}

// What is sent.

#[test]
fn nothing_is_sent_where_nothing_changed() {
    assert_change("", |_| {});
    assert_change("", |state| {
        state.bytes.push(1);
        state.bytes.pop();
        state.bytes[5] = 5;
        state.lists.insert(3, vec![]);
        state.lists.remove(3);
        state.map.get_mut(&7).unwrap().push(1);
        state.map.get_mut(&7).unwrap().pop();
        let old = state.map.remove(&8).unwrap();
        state.map.insert(8, old);
        state.map.insert(200, vec![]);
        state.map.remove(&200);
        state.text.push('!');
        state.text.pop();
        state.bytes.sort();
        state.numbers.retain(|_, _| true);
    });
}

#[test]
fn many_small_edits_are_one_operation() {
    // 100 bytes, then 3 more: a splice.
    assert_change("01 10  00 64 00 0c 010203 00 fcffffff 03000000", |state| {
        state.bytes.push(1);
        state.bytes.push(9);
        state.bytes.pop();
        state.bytes.extend([2, 3]);
    });
    assert_change("11 06  2a 00 03 216121", |state| {
        state.text += "!";
        state.text.push_str("a!");
    });
    assert_change("01 04  01 07 01 09", |state| {
        state.bytes[7] = 8;
        state.bytes.set(7, 9);
    });
}

#[test]
fn scattered_edits_of_a_long_list_are_sent_as_they_are() {
    let mut pair = Pair::new(Recording { bytes: vec![0; 500_000].into(), ..Recording::default() });
    for number in 0..1_025 {
        pair.server.bytes.set(number * 487, 1);
    }
    let sent = pair.send().len();
    assert!(sent < 10_000, "{sent}");
}

#[test]
fn edits_at_equal_distances_are_not_all_taken_together() {
    let lists = vec![vec![0; 20]; 40_000].into();
    let mut pair = Pair::new(Recording { lists, ..Recording::default() });
    let whole = snapshot(&pair.server).len();
    for index in (0..40_000).step_by(30) {
        pair.server.lists.set(index, vec![1; 20]);
    }
    let sent = pair.send().len();
    assert!(sent < whole * 2 / 3, "{sent} of {whole}");
}

#[test]
fn a_change_within_a_value_is_sent_as_that() {
    // Entry 7: its list has another byte at its end.
    assert_change("09 08  02 01 07 04 02 14 01 05", |state| state.map.get_mut(&7).unwrap().push(5));
    // Element 3: likewise.
    assert_change("05 07  01 03 04 02 14 01 05", |state| state.lists[3].push(5));
}

#[test]
fn a_value_that_was_borrowed_and_left_alone_is_not_sent() {
    assert_change("", |state| {
        state.map.values_mut().for_each(drop);
        state.lists.iter_mut().for_each(drop);
        let _ = state.map.entry(3).or_default();
        state.lists.swap(4, 4);
    });
}

#[test]
fn an_entry_that_is_made_by_its_place_is_sent() {
    let operations = change(|state| *state.numbers.entry("new".into()).or_insert(0) += 5);
    assert_eq!(operations, hex("0d 0f  00 08 6e6577ff ffffffff 04 05000000"));
}

#[test]
fn what_is_put_in_the_place_of_a_collection_is_sent_whole() {
    let set = |operations: &[u8]| {
        StateOperations::new(operations)
            .all(|operation| matches!(operation, Ok(StateOperation::Set { .. })))
    };
    let operations = change(|state| *state = filled());
    assert!(set(&operations));
    assert_eq!(StateOperations::new(&operations).count(), 5);
    assert!(set(&change(|state| state.map = state.map.clone())));
    assert!(set(&change(|state| state.bytes.whole_mut()[5] = 9)));
    assert!(set(&change(|state| state.bytes.reverse())));
    assert!(set(&change(|state| state.numbers.clear())));
}

#[test]
fn a_patch_that_is_longer_than_the_whole_is_none() {
    let operations = change(|state| state.bytes.iter_mut().for_each(|byte| *byte += 1));
    assert_eq!(operations.len(), 2 + 100 + 8);
    let operations = change(|state| state.map.retain(|key, _| *key == 1));
    assert!(operations.len() < 50, "{} bytes", operations.len());
}

// Moving about.

#[test]
fn collections_that_change_places_are_not_mistaken_for_each_other() {
    #[derive(ConnectionState)]
    struct Two {
        a: List<u8>,
        b: List<u8>,
    }
    let two = || Two { a: List::from([1, 2, 3]), b: List::from([7, 8, 9]) };
    let (mut server, mut client) = (two(), two());
    let mut shadow = server.shadow();
    server.a.push(4);
    mem::swap(&mut server.a, &mut server.b);
    server.a.push(10);
    assert_eq!(apply(&mut client, &diff(&mut server, &mut shadow)), Ok(()));
    assert_eq!((&client.a, &client.b), (&List::from([7, 8, 9, 10]), &List::from([1, 2, 3, 4])));
    mem::swap(&mut server.a, &mut server.b);
    assert_eq!(apply(&mut client, &diff(&mut server, &mut shadow)), Ok(()));
    assert_eq!(snapshot(&client), snapshot(&server));
}

#[test]
fn a_collection_that_was_away_and_came_back_goes_on() {
    let mut pair = Pair::new(filled());
    pair.server.bytes.push(1);
    let mut away = mem::take(&mut pair.server.bytes);
    away.push(2);
    pair.server.bytes = away;
    assert_eq!(pair.send().len(), 18);
}

#[test]
fn a_collection_that_was_away_when_changes_were_sent_is_sent_whole() {
    let mut pair = Pair::new(filled());
    let mut away = mem::take(&mut pair.server.bytes);
    away.push(2);
    pair.send();
    pair.server.bytes = away;
    assert_eq!(pair.send().len(), 2 + 101 + 3 + 8);
}

#[test]
fn a_collection_goes_to_another_connection() {
    let (mut here, mut there) = (Pair::new(filled()), Pair::new(filled()));
    here.server.map.insert(1, vec![]);
    there.server.map = mem::take(&mut here.server.map);
    there.server.map.remove(&2);
    here.send();
    there.send();
}

#[test]
fn an_iterator_that_is_leaked_loses_nothing_but_elements() {
    let mut pair = Pair::new(filled());
    mem::forget(pair.server.bytes.drain(5..10));
    pair.server.bytes.push(1);
    pair.send();
    pair.server.bytes.push(2);
    pair.send();
}

#[test]
fn a_closure_that_panics_leaves_what_is_there_to_be_sent() {
    let mut pair = Pair::new(filled());
    let panics_at = |at: usize| {
        let mut count = 0;
        move || {
            count += 1;
            assert!(count < at);
            false
        }
    };
    let server = std::panic::AssertUnwindSafe(&mut pair.server);
    let panicked = std::panic::catch_unwind(move || {
        let server = server;
        let mut keep = panics_at(20);
        server.0.bytes.retain(|_| keep());
    });
    assert!(panicked.is_err());
    assert_eq!(pair.server.bytes.len(), 81);
    let server = std::panic::AssertUnwindSafe(&mut pair.server);
    let panicked = std::panic::catch_unwind(move || {
        let server = server;
        let mut keep = panics_at(3);
        server.0.text.retain(|_| keep());
    });
    assert!(panicked.is_err());
    let server = std::panic::AssertUnwindSafe(&mut pair.server);
    let panicked = std::panic::catch_unwind(move || {
        let server = server;
        let mut keep = panics_at(3);
        server.0.map.retain(|_, _| keep());
    });
    assert!(panicked.is_err());
    pair.send();
}

// Elsewhere.

#[test]
fn within_other_values_they_are_compared() {
    #[codable]
    #[derive(Default)]
    struct Inner {
        list: List<u8>,
        map: Map<u8, Text>,
    }
    #[derive(ConnectionState)]
    struct Outer {
        inner: Inner,
        option: Option<Text>,
        lists: List<List<u8>>,
    }
    let outer = || Outer {
        inner: Inner { list: (0..50).collect(), map: Map::from([(1, "a long text".into())]) },
        option: Some("another long text".into()),
        lists: (0..50).map(|number| List::from([number; 20])).collect(),
    };
    let (mut server, mut client) = (outer(), outer());
    let mut shadow = server.shadow();
    server.inner.list.push(1);
    server.inner.map.get_mut(&1).unwrap().push('!');
    server.option.as_mut().unwrap().push('!');
    server.lists[5].push(1);
    let operations = diff(&mut server, &mut shadow);
    assert!(operations.len() < 50, "{} bytes", operations.len());
    assert_eq!(apply(&mut client, &operations), Ok(()));
    assert_eq!(snapshot(&client), snapshot(&server));
    assert_eq!(diff(&mut server, &mut shadow), []);
}

#[test]
fn on_the_wire_they_are_the_standard_types() {
    assert_eq!(Fingerprint::of::<List<Text>>(), Fingerprint::of::<Vec<String>>());
    assert_eq!(Fingerprint::of::<Map<u8, ()>>(), Fingerprint::of::<BTreeMap<u8, ()>>());
    let (list, plain) = (List::from([1_u32, 2]), vec![1_u32, 2]);
    let encoded = payload::encode_to_bytes(&list).unwrap();
    assert_eq!(encoded, payload::encode_to_bytes(&plain).unwrap());
    assert_eq!(payload::decode::<List<u32>>(&encoded), Ok(list));
}

#[test]
fn a_field_that_is_left_out_or_reset_is_sent_whole_afterwards() {
    let mut pair = Pair::new(filled());
    for treat in [StateWriter::leave_out, StateWriter::reset] {
        let mut out = StateWriter::new();
        treat(&mut out, 0);
        pair.server.bytes.push(1);
        pair.server.diff(&mut pair.shadow, &mut out).unwrap();
        assert_eq!(apply(&mut pair.client, &out.finish()), Ok(()));
        pair.server.bytes.remove(3);
        let mut out = StateWriter::new();
        out.send_whole(0);
        pair.server.diff(&mut pair.shadow, &mut out).unwrap();
        assert_eq!(apply(&mut pair.client, &out.finish()), Ok(()));
        assert_eq!(snapshot(&pair.client), snapshot(&pair.server));
        pair.server.bytes.push(4);
        assert_eq!(pair.send().len(), 6);
    }
}

#[test]
fn they_are_used_like_the_standard_types() {
    let mut list = List::from([3, 1, 2]);
    list.sort();
    assert_eq!(list, [1, 2, 3]);
    assert_eq!(list.iter().sum::<u8>(), 6);
    assert_eq!(list.splice(1..=1, [8, 9]), [2]);
    assert_eq!(list.drain(..2).collect::<Vec<_>>(), [1, 8]);
    assert_eq!((list.swap_remove(0), list.len()), (9, 1));
    assert_eq!(list.split_off(0), [3]);
    let mut text = Text::from("a text");
    write!(text, " and {}", 5).unwrap();
    text.replace_range(2..6, "number");
    assert_eq!(text, "a number and 5");
    text.set("a number or 5");
    assert_eq!(text.len(), 13);
    let mut map: Map<_, _> = [("b".to_owned(), 2), ("a".to_owned(), 1)].into();
    map.extend([("c".to_owned(), 3)]);
    assert_eq!(map["c"], 3);
    assert_eq!(map.pop_first(), Some(("a".to_owned(), 1)));
    assert_eq!(map.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), [2, 3]);
}

// Anything.

/// Something that is done to a collection, or the changes are sent.
#[derive(Clone, Copy, Debug)]
struct Step {
    kind: u8,
    at: Index,
    len: u8,
    byte: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), any::<Index>(), 0..6_u8, any::<u8>());
    vec(step.prop_map(|(kind, at, len, byte)| Step { kind, at, len, byte }), 0..120)
}

impl Step {
    /// A place in something of this length, or behind it.
    fn place(self, len: usize) -> usize {
        self.at.index(len + 1)
    }

    fn range(self, len: usize) -> std::ops::Range<usize> {
        let start = self.place(len);
        start..(start + usize::from(self.len)).min(len)
    }

    fn bytes(self) -> Vec<u8> {
        vec![self.byte; usize::from(self.len)]
    }
}

/// Does the same to a list that records and to one that does not.
fn edit_list(step: Step, list: &mut List<Vec<u8>>, plain: &mut Vec<Vec<u8>>) {
    let len = list.len();
    let value = step.bytes();
    match step.kind % 18 {
        0 | 1 => {
            list.push(value.clone());
            plain.push(value);
        }
        2 => assert_eq!(list.pop(), plain.pop()),
        3 | 4 => {
            list.insert(step.place(len), value.clone());
            plain.insert(step.place(len), value);
        }
        5 if len > 0 => {
            let index = step.at.index(len);
            assert_eq!(list.remove(index), plain.remove(index));
        }
        6 if len > 0 => {
            let index = step.at.index(len);
            assert_eq!(list.swap_remove(index), plain.swap_remove(index));
        }
        7 if len > 0 => {
            list.set(step.at.index(len), value.clone());
            plain[step.at.index(len)] = value;
        }
        8 if len > 0 => {
            list[step.at.index(len)].push(step.byte);
            plain[step.at.index(len)].push(step.byte);
        }
        9 => {
            let (a, b) = (list.last_mut(), plain.last_mut());
            a.into_iter().chain(b).for_each(|last| last.insert(0, step.byte));
        }
        10 => {
            list.drain(step.range(len));
            plain.drain(step.range(len));
        }
        11 => {
            let new = vec![value; usize::from(step.byte % 4)];
            let removed: Vec<_> = plain.splice(step.range(len), new.clone()).collect();
            assert_eq!(list.splice(step.range(len), new), removed);
        }
        12 => {
            list.retain(|element| element.len() != usize::from(step.len));
            plain.retain(|element| element.len() != usize::from(step.len));
        }
        13 if len > 0 => {
            let (a, b) = (step.at.index(len), usize::from(step.byte) % len);
            list.swap(a, b);
            plain.swap(a, b);
        }
        14 => {
            list.truncate(len - usize::from(step.len).min(len));
            plain.truncate(len - usize::from(step.len).min(len));
        }
        15 => {
            for element in list.iter_mut().chain(plain) {
                if element.len() == usize::from(step.len) {
                    element.push(step.byte);
                }
            }
        }
        16 if step.byte < 60 => {
            list.sort();
            plain.sort();
        }
        17 if step.byte < 60 => {
            list.clear();
            plain.clear();
        }
        _ => {
            list.extend_from_slice(&[value.clone(), value.clone()]);
            plain.extend_from_slice(&[value.clone(), value]);
        }
    }
}

fn edit_map(step: Step, map: &mut Map<u8, Vec<u8>>, plain: &mut BTreeMap<u8, Vec<u8>>) {
    let (key, value) = (step.byte % 32, step.bytes());
    match step.kind % 10 {
        0..3 => assert_eq!(map.insert(key, value.clone()), plain.insert(key, value)),
        3 => assert_eq!(map.remove(&key), plain.remove(&key)),
        4 => {
            let (a, b) = (map.get_mut(&key), plain.get_mut(&key));
            a.into_iter().chain(b).for_each(|value| value.push(step.byte));
        }
        5 => {
            map.entry(key).or_default().push(step.len);
            plain.entry(key).or_default().push(step.len);
        }
        6 => {
            map.retain(|_, value| value.len() != usize::from(step.len));
            plain.retain(|_, value| value.len() != usize::from(step.len));
        }
        7 => {
            assert_eq!(map.pop_first(), plain.pop_first());
            assert_eq!(map.pop_last(), plain.pop_last());
        }
        8 => {
            let all = map.values_mut().chain(plain.values_mut());
            all.filter(|value| value.len() == 2).for_each(|value| value.push(step.byte));
        }
        _ if step.byte < 60 => {
            map.clear();
            plain.clear();
        }
        _ => {
            let more = [(key, value.clone()), (key / 2, value)];
            map.extend(more.clone());
            plain.extend(more);
        }
    }
}

/// The place where a character begins, at or before this one.
fn boundary(text: &str, place: usize) -> usize {
    (0..=place).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

fn edit_text(step: Step, text: &mut Text, plain: &mut String) {
    let char = ['a', 'é', '𝄞', 'b'][usize::from(step.byte % 4)];
    let more = String::from(char).repeat(usize::from(step.len));
    let range = step.range(text.len());
    let (start, end) = (boundary(text, range.start), boundary(text, range.end));
    match step.kind % 10 {
        0 | 1 => {
            text.push_str(&more);
            plain.push_str(&more);
        }
        2 => {
            text.push(char);
            plain.push(char);
        }
        3 => assert_eq!(text.pop(), plain.pop()),
        4 => {
            text.insert_str(start, &more);
            plain.insert_str(start, &more);
        }
        5 | 6 => {
            text.replace_range(start..end, &more);
            plain.replace_range(start..end, &more);
        }
        7 if start < text.len() => assert_eq!(text.remove(start), plain.remove(start)),
        8 => {
            text.retain(|other| other != char);
            plain.retain(|other| other != char);
        }
        _ => {
            let mut new = plain.clone();
            new.insert(start, char);
            text.set(&new);
            *plain = new;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_was_recorded_leads_to_what_there_is(steps in steps(), every in 1..20_usize) {
        let mut pair = Pair::new(filled());
        let mut plain = mem::replace(&mut Pair::new(filled()).client, Plain::initial());
        for (number, step) in steps.into_iter().enumerate() {
            edit_list(step, &mut pair.server.lists, &mut plain.lists);
            edit_map(step, &mut pair.server.map, &mut plain.map);
            edit_text(step, &mut pair.server.text, &mut plain.text);
            prop_assert_eq!(&pair.server.lists, &plain.lists);
            prop_assert_eq!(&pair.server.map, &plain.map);
            prop_assert_eq!(&pair.server.text, &*plain.text);
            if number % every == 0 {
                let operations = pair.send();
                let whole = snapshot(&pair.server).len();
                prop_assert!(operations.len() <= whole, "{} bytes, whole {}", operations.len(), whole);
            }
        }
        pair.send();
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn more_places_than_are_told_apart_lead_to_what_there_is(
        places in vec((any::<Index>(), any::<u8>()), 1_500..4_000),
    ) {
        let mut pair = Pair::new(Recording {
            bytes: vec![255; 6_000].into(),
            text: "x".repeat(6_000).into(),
            ..Recording::default()
        });
        for (place, byte) in places {
            let bytes = &mut pair.server.bytes;
            match byte % 3 {
                0 => bytes.insert(place.index(bytes.len()), byte),
                1 => drop(bytes.remove(place.index(bytes.len()))),
                _ => {
                    let last = bytes.len() - 1;
                    bytes[place.index(6_000).min(last)] = byte;
                }
            }
            let text = &mut pair.server.text;
            let at = place.index(text.len());
            text.replace_range(at..at + usize::from(byte % 2), "y");
        }
        pair.send();
    }
}
