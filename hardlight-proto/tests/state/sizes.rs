//! A change costs what it says, not what the field holds.

use std::collections::HashMap;

use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::{
    Codable, ConnectionState as _,
    sync::{List, Map},
};

use super::{One, apply, diff, snapshot};

#[derive(ConnectionState)]
struct Game {
    players: HashMap<u32, Player>,
    log: Vec<u64>,
    title: String,
    tick: u64,
}

#[codable]
struct Player {
    x: f32,
    y: f32,
    hp: u32,
    name: String,
}

fn player(number: u32) -> Player {
    Player { x: 1.0, y: 2.0, hp: 100, name: format!("player number {number}") }
}

fn game() -> Game {
    Game {
        players: (0..1000).map(|number| (number, player(number))).collect(),
        log: (0..10_000).map(|entry| entry * 3).collect(),
        title: "a title that is somewhat long".into(),
        tick: 5,
    }
}

/// How many bytes the change takes; it has been applied.
#[track_caller]
fn bytes_of(change: impl FnOnce(&mut Game)) -> usize {
    let (mut game, mut copy) = (game(), game());
    let mut shadow = game.shadow();
    change(&mut game);
    let operations = diff(&mut game, &mut shadow);
    assert_eq!(apply(&mut copy, &operations), Ok(()));
    assert_eq!(snapshot(&copy), snapshot(&game));
    operations.len()
}

#[test]
fn nothing_takes_nothing() {
    assert_eq!(bytes_of(|_| {}), 0);
}

#[test]
fn a_field_of_one_entry_of_a_map() {
    assert_eq!(bytes_of(|game| game.players.get_mut(&500).unwrap().hp = 99), 15);
}

#[test]
fn an_entry_of_a_map_is_inserted_and_removed() {
    assert_eq!(bytes_of(|game| drop(game.players.insert(5000, player(5000)))), 49);
    assert_eq!(bytes_of(|game| drop(game.players.remove(&500))), 8);
}

#[test]
fn an_element_of_a_list_is_pushed_popped_and_set() {
    assert_eq!(bytes_of(|game| game.log.push(1)), 14);
    assert_eq!(bytes_of(|game| game.log.truncate(9_999)), 15);
    assert_eq!(bytes_of(|game| game.log[5000] = 1), 14);
    assert_eq!(bytes_of(|game| game.log = game.log.split_off(1)), 14);
}

#[test]
fn ten_elements_here_and_there() {
    let change = |game: &mut Game| (0..10).for_each(|index| game.log[index * 1000] = 1);
    assert_eq!(bytes_of(change), 121);
}

#[test]
fn a_text_is_appended_to() {
    assert_eq!(bytes_of(|game| game.title.push_str("1234")), 9);
}

#[test]
fn a_number() {
    assert_eq!(bytes_of(|game| game.tick += 1), 10);
}

#[test]
fn everything_takes_no_more_than_the_whole() {
    let change = |game: &mut Game| game.log.iter_mut().for_each(|entry| *entry += 1);
    assert_eq!(bytes_of(change), 80_012);
}

/// A state of this field, before and after a change: how many bytes the change takes, and the whole.
#[track_caller]
fn bytes_of_field<T: Codable + Default>(
    make: impl Fn() -> T,
    change: impl FnOnce(&mut T),
) -> (usize, usize) {
    let (mut server, mut client) = (One { field: make() }, One { field: make() });
    let mut shadow = server.shadow();
    change(&mut server.field);
    let operations = diff(&mut server, &mut shadow);
    assert_eq!(apply(&mut client, &operations), Ok(()));
    let whole = snapshot(&server);
    assert!(snapshot(&client) == whole);
    (operations.len(), whole.len())
}

#[test]
fn a_push_to_ten_thousand_elements_takes_the_element_and_sixteen_bytes() {
    let (bytes, whole) = bytes_of_field(|| (0..10_000).collect::<Vec<u64>>(), |list| list.push(1));
    assert!(bytes <= 8 + 16 && whole > 80_000, "{bytes} of {whole}");
    let (recorded, _) = bytes_of_field(|| (0..10_000).collect::<List<u64>>(), |list| list.push(1));
    assert_eq!(recorded, bytes);
}

#[test]
fn a_value_among_ten_thousand_entries_takes_key_and_value_and_twenty_four_bytes() {
    let key = "a key of two dozen bytes";
    let entries = || {
        let other = (0..9_999_u64).map(|number| (format!("{number}: another key like it"), number));
        other.chain([(key.to_owned(), 5)])
    };
    let (bytes, whole) = bytes_of_field(
        || entries().collect::<HashMap<_, _>>(),
        |map| *map.get_mut(key).unwrap() += 1,
    );
    assert!(bytes <= key.len() + 8 + 24 && whole > 400_000, "{bytes} of {whole}");
    let (recorded, _) =
        bytes_of_field(|| entries().collect::<Map<_, _>>(), |map| *map.get_mut(key).unwrap() += 1);
    assert_eq!(recorded, bytes);
}

#[test]
fn one_field_of_twenty_takes_itself_and_six_bytes() {
    #[derive(ConnectionState, Default)]
    #[rustfmt::skip]
    struct Twenty {
        a: u64, b: String, c: Vec<u32>, d: Option<u32>, e: u8, f: f64, g: String, h: (u32, u32), i: bool, j: u64,
        k: u64, l: String, m: Vec<u32>, n: Option<u32>, o: u8, p: f64, q: String, r: (u32, u32), s: bool, t: u32,
    }
    let mut state = Twenty::default();
    let mut shadow = state.shadow();
    state.t = 7;
    assert!(diff(&mut state, &mut shadow).len() <= 4 + 6);
    state.a = 7;
    assert!(diff(&mut state, &mut shadow).len() <= 8 + 6);
    state.q = "a text".into();
    assert!(diff(&mut state, &mut shadow).len() <= 8 + 6);
}
