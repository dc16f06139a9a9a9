//! The bytes of a difference, by the type of the field.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use hardlight_macros::codable;

use super::{change, hex};

#[codable]
#[derive(Default)]
struct Player {
    x: f32,
    y: f32,
    hp: u32,
    name: String,
}

#[codable]
#[derive(Default)]
struct Tree {
    value: u32,
    kids: Vec<Self>,
}

#[codable]
#[repr(u8)]
#[derive(Default)]
enum Shape {
    #[default]
    Point,
    Circle(f32),
    Named {
        width: u32,
        name: String,
    } = 9,
    Other(u64, u64),
}

#[codable]
#[derive(Default)]
enum Mode {
    #[default]
    Slow,
    Fast,
}

fn player(hp: u32) -> Player {
    Player { x: 1.0, y: 2.0, hp, name: "somebody with a name".into() }
}

fn named(width: u32) -> Shape {
    Shape::Named { width, name: "a name that is long".into() }
}

#[test]
fn a_leaf_is_set() {
    assert_eq!(change(1_u32, 2), hex("00 04 02000000"));
    assert_eq!(change(false, true), hex("00 01 01"));
    assert_eq!(change(Mode::Slow, Mode::Fast), hex("00 01 01"));
    assert_eq!(change(1_u32, 1), []);
}

#[test]
fn floats_are_compared_by_their_bits() {
    assert_eq!(change(f64::NAN, f64::NAN), []);
    assert_eq!(change(vec![f32::NAN], vec![f32::NAN]), []);
    assert_eq!(change(0.0_f32, -0.0), hex("00 04 00000080"));
}

#[test]
fn a_struct_has_its_fields_patched() {
    assert_eq!(change(player(1), player(2)), hex("01 06  08 04 02000000"));
}

#[test]
fn a_struct_that_is_new_throughout_is_set() {
    let (from, to) = ((1.0_f32, 2.0_f32), (3.0, 4.0));
    assert_eq!(change(from, to), hex("00 08 00004040 00008040"));
}

#[test]
fn a_tuple_and_an_array_have_their_parts_patched() {
    assert_eq!(change((1_u64, 2_u64), (1, 3)), hex("01 0a  04 08 0300000000000000"));
    let mut one = [0; 32];
    one[17] = 5;
    assert_eq!(change([0_u8; 32], one), hex("01 03  44 01 05"));
}

#[test]
fn an_enum_has_the_fields_of_its_variant_patched() {
    assert_eq!(change(named(1), named(2)), hex("01 07  09  00 04 02000000"));
    let (from, to) = (Shape::Other(1, 2), Shape::Other(1, 3));
    assert_eq!(change(from, to), hex("01 0b  0a  04 08 0300000000000000"));
}

#[test]
fn an_enum_of_another_variant_is_set() {
    assert_eq!(change(Shape::Other(1, 2), Shape::Point)[..2], hex("00 18"));
    let (from, to) = (Ok::<_, u64>([1_u64; 3]), Err(1));
    assert_eq!(change(Has(from), Has(to))[..2], hex("00 20"));
}

/// `Result` has no default.
#[codable]
struct Has<T>(Result<T, u64>);

impl<T> Default for Has<T> {
    fn default() -> Self {
        Self(Err(0))
    }
}

#[test]
fn a_result_is_an_enum() {
    let (from, to) = (Ok([1_u64, 2, 3]), Ok([1, 2, 4]));
    assert_eq!(change(Has(from), Has(to)), hex("01 0f  01 0d  00  01 0a  08 08 0400000000000000"));
}

#[test]
fn an_option_is_emptied_filled_and_patched() {
    assert_eq!(change(Some(5_u32), None), hex("01 01  00"));
    assert_eq!(change(None, Some(5_u32)), hex("01 05  01 05000000"));
    assert_eq!(change(Some(5_u32), Some(6)), hex("01 05  01 06000000"));
    assert_eq!(change(Some(player(1)), Some(player(2))), hex("01 07  02  08 04 02000000"));
    assert_eq!(change(Some(Some(1_u32)), Some(None)), hex("01 02  02 00"));
}

#[test]
fn a_box_is_what_is_in_it() {
    assert_eq!(change(Box::new(player(1)), Box::new(player(2))), hex("01 06  08 04 02000000"));
    assert_eq!(change(Box::new(1_u32), Box::new(2)), hex("00 08 02000000 fcffffff"));
}

#[test]
fn a_list_has_elements_inserted_removed_and_replaced() {
    let list = || vec![1_u16, 2, 3, 4, 5, 6, 7, 8];
    let changed = |edit: fn(&mut Vec<u16>)| {
        let mut to = list();
        edit(&mut to);
        change(list(), to)
    };
    assert_eq!(changed(|to| to.push(9)), hex("01 05  02 08 02 0900"));
    assert_eq!(changed(|to| to.insert(0, 9)), hex("01 05  02 00 02 0900"));
    assert_eq!(changed(|to| to.truncate(7)), hex("01 0c  00 07 01 08 00000000 00000000"));
    assert_eq!(changed(|to| to.truncate(2)), hex("01 0c  00 02 06 08 00000000 00000000"));
    assert_eq!(changed(|to| to[3] = 9), hex("01 05  01 03 02 0900"));
    assert_eq!(changed(|to| (to[1], to[6]) = (9, 9)), hex("01 0a  01 01 02 0900  01 06 02 0900"));
    assert_eq!(
        changed(|to| drop(to.splice(2..3, [9, 9]))),
        hex("01 10  00 02 01 0c  0900 0900 fcffffff 02000000")
    );
    assert_eq!(changed(Vec::clear), hex("00 08 00000000 00000000"));
}

#[test]
fn a_list_that_is_new_throughout_is_set() {
    assert_eq!(
        change(vec![1_u32, 2, 3], vec![4, 5, 6]),
        hex("00 14 04000000 05000000 06000000 f4ffffff 03000000")
    );
}

#[test]
fn a_queue_that_moves_on_loses_its_front_and_gets_a_new_end() {
    let queue = |range| VecDeque::from_iter(range);
    assert_eq!(
        change(queue(0..1000_u64), queue(2..1001)),
        hex("01 18  00 00 02 08 00000000 00000000  02 e607 08 e803000000000000")
    );
    assert_eq!(
        change(queue(0..1000_u64), queue(1..1000)),
        hex("01 0c  00 00 01 08 00000000 00000000")
    );
}

#[test]
fn a_queue_moves_on_past_elements_that_are_alike() {
    let lost = "01 18  00 00 01 08 00000000 00000000  02 e707 08";
    let moved_on = |queue: VecDeque<u64>, lost: usize, next: u64| {
        let mut to = queue.clone();
        to.drain(..lost);
        to.push_back(next);
        change(queue, to)
    };
    let queue = |front: &[u64]| front.iter().copied().chain(3..1000).collect();
    // At the front, at the end, and both.
    assert_eq!(moved_on(queue(&[7, 7, 7]), 1, 8), hex(&format!("{lost} 0800000000000000")));
    assert_eq!(moved_on(queue(&[0, 1, 2]), 1, 999), hex(&format!("{lost} e703000000000000")));
    assert_eq!(moved_on(queue(&[7, 7, 7]), 1, 999), hex(&format!("{lost} e703000000000000")));
    // What is first now stood in several places.
    let operations = moved_on(queue(&[7, 7, 7]), 2, 8);
    assert_eq!(
        operations,
        hex("01 18  00 00 02 08 00000000 00000000  02 e607 08 0800000000000000")
    );
}

#[test]
fn an_element_that_moved_among_others_that_are_alike_is_two_changes() {
    let marked = |place: usize| {
        let mut list = vec![0_u16; 40];
        list[place] = 1;
        list
    };
    assert_eq!(change(marked(30), marked(10)), hex("01 0a  01 0a 02 0100  01 1e 02 0000"));
}

#[test]
fn an_element_with_parts_is_patched_or_replaced() {
    let players = |hp| vec![player(1), player(hp), player(3)];
    assert_eq!(change(players(2), players(9)), hex("01 09  01 01 06  08 04 09000000"));
    // The variant is another, so the element is.
    let shapes = |shape| vec![named(1), shape, named(2)];
    let operations = change(shapes(Shape::Point), shapes(Shape::Circle(1.0)));
    assert_eq!(operations[..6], hex("01 24  00 01 01 20"));
}

#[test]
fn bytes_are_a_list() {
    let (from, to) = (Bytes::from(vec![0; 100]), [[0; 50], [1; 50]].concat());
    let operations = change(from, Bytes::from(to));
    assert_eq!(operations[..5], hex("01 40  00 32 32"));
}

#[test]
fn a_map_has_entries_put_removed_and_patched_in_the_order_of_keys() {
    let from = || BTreeMap::from_iter((0..9).map(|key| (key, player(key))));
    let mut to = from();
    to.remove(&2);
    to.get_mut(&5).unwrap().hp = 99;
    to.insert(4, Player::default());
    let expected = hex("01 2e
         01 04 02000000
         00 04 04000000 14 00000000 00000000 00000000 ffffffffffffffff
         02 04 05000000 06 08 04 63000000");
    assert_eq!(change(from(), to), expected);
    let from = || HashMap::<_, _>::from_iter(from());
    let mut to = from();
    to.remove(&2);
    to.get_mut(&5).unwrap().hp = 99;
    to.insert(4, Player::default());
    assert_eq!(change(from(), to), expected);
}

#[test]
fn a_map_of_leaves_has_its_entries_put() {
    let map = |value| BTreeMap::from([(1_u32, 10_u32), (2, value), (3, 30)]);
    assert_eq!(change(map(20), map(21)), hex("01 0b  00 04 02000000 04 15000000"));
}

#[test]
fn a_set_has_elements_inserted_and_removed_in_order() {
    let set = |elements: [u32; 8]| BTreeSet::from(elements);
    assert_eq!(
        change(set([1, 2, 3, 4, 5, 6, 7, 8]), set([0, 2, 3, 4, 5, 6, 7, 9])),
        hex("01 18  00 04 00000000  01 04 01000000  01 04 08000000  00 04 09000000")
    );
}

#[test]
fn a_text_has_a_part_replaced() {
    let text = |text: &str| String::from(text);
    assert_eq!(change(text("hello, world"), text("hello, world!")), hex("01 04  0c 00 01 21"));
    assert_eq!(change(text("hello, world"), text("hell, world")), hex("01 03  04 01 00"));
    assert_eq!(change(text("hello, world"), text("help, world")), hex("01 04  03 02 01 70"));
    assert_eq!(
        change(text("abcdefghij").into_boxed_str(), "abcdefghi".into()),
        hex("01 03  09 01 00")
    );
}

#[test]
fn a_text_is_cut_between_characters() {
    // é and è begin with the same byte; é and ĩ end with the same.
    assert_eq!(change(String::from("aaé"), "aaè".into()), hex("01 05  02 02 02 c3a8"));
    assert_eq!(change(String::from("éaa"), "ĩaa".into()), hex("01 05  00 02 02 c4a9"));
    assert_eq!(change(String::from("éé"), "é".into()), hex("01 03  02 02 00"));
}

#[test]
fn a_type_that_contains_itself_is_patched_all_the_way_down() {
    let tree = |value| Tree {
        value: 1,
        kids: vec![Tree { value: 2, kids: vec![Tree { value, kids: vec![] }] }],
    };
    assert_eq!(
        change(tree(3), tree(4)),
        hex("01 10  05 0e  01 00 0b  05 09  01 00 06  00 04 04000000")
    );
}
