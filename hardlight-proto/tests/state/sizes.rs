//! A change costs what it says, not what the field holds.

use std::collections::HashMap;

use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::ConnectionState as _;

use super::{apply, diff, snapshot};

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
