//! A client and a server of different ages: what fits works, what does not is named and left alone (SPEC.md, section 6.3).

#![cfg(all(feature = "payload", feature = "std"))]

mod support;

use bytes::Bytes;
use hardlight_macros::{ConnectionState, codable};
use hardlight_proto::*;
use support::*;

#[derive(ConnectionState, Debug, PartialEq)]
struct Old {
    credit: u32,
    name: String,
}

/// Has more fields at the end.
#[derive(ConnectionState, Debug, PartialEq)]
struct Longer {
    credit: u32,
    name: String,
    tags: Vec<String>,
    #[state(default = 3)]
    level: u8,
}

/// The first field is gone.
#[derive(ConnectionState, Debug, PartialEq)]
#[state(reserved(0))]
struct Shorter {
    name: String,
}

/// The first field is of another type, and there is one that stays.
#[derive(ConnectionState, Debug, PartialEq)]
struct Wider {
    #[state(skip)]
    session: u8,
    credit: u64,
    name: String,
}

/// The fields are in another order.
#[derive(ConnectionState, Debug, PartialEq)]
struct Reordered {
    name: String,
    credit: u32,
}

#[codable]
#[derive(Debug, Default, PartialEq)]
struct Player {
    name: String,
    position: Position,
}

#[codable]
#[derive(Debug, Default, PartialEq)]
struct Position {
    x: f32,
    y: f32,
}

#[derive(ConnectionState, Debug, PartialEq)]
struct Game {
    player: Player,
    round: u32,
}

/// A field of the same name and type whose type has another field within.
#[derive(ConnectionState, Debug, PartialEq)]
struct Game3 {
    player: deeper::Player,
    round: u32,
}

mod deeper {
    use super::*;

    #[codable]
    #[derive(Debug, Default, PartialEq)]
    pub(super) struct Player {
        pub(super) name: String,
        pub(super) position: Position,
    }

    #[codable]
    #[derive(Debug, Default, PartialEq)]
    pub(super) struct Position {
        pub(super) x: f32,
        pub(super) y: f32,
        pub(super) z: f32,
    }
}

fn service<S: ConnectionState>() -> &'static ServiceSchema {
    leak(ServiceSchema::new("Game").state::<S>())
}

/// Connects a client that can do without fields, with a state of `C` to a server with one of `S`, which is `before` at first and then `after`: the
/// client's state, and what was reported.
#[track_caller]
fn meet<C: ConnectionState, S: ConnectionState>(
    mut before: S,
    after: impl FnOnce(&mut S),
) -> (C, Vec<String>) {
    let mut snapshot = StateWriter::new();
    before.snapshot(&mut snapshot).expect("the state encodes");
    let mut shadow = before.shadow();
    after(&mut before);
    let mut changes = StateWriter::new();
    before.diff(&mut shadow, &mut changes).expect("the state encodes");

    let client = ClientConfig::new(service::<C>()).with_limits(quiet()).with_partial_state(true);
    let server = ServerConfig::new(service::<S>()).with_limits(quiet());
    let mut pair = Pair::of(client, server, snapshot.finish());
    pair.server.send_state(changes.finish());
    pair.drive();
    assert!(pair.client.is_open() && pair.server.is_open());

    let mut state = C::initial();
    let mut apply = |operations: Bytes| {
        state.apply(StateOperations::new(&operations)).expect("what is not left out applies");
    };
    let mut reports = Vec::new();
    for event in pair.take_client_events() {
        match event {
            ClientEvent::Open { snapshot } => apply(snapshot),
            ClientEvent::State { operations } => apply(operations),
            ClientEvent::Mismatch(mismatch) => reports.push(mismatch.to_string()),
            other => panic!("{other:?}"),
        }
    }
    (state, reports)
}

fn old() -> Old {
    Old { credit: 5, name: "Ada".into() }
}

#[test]
fn an_older_client_takes_no_notice_of_new_fields() {
    let longer = Longer { credit: 5, name: "Ada".into(), tags: vec!["a".into()], level: 9 };
    let (state, reports) = meet::<Old, _>(longer, |longer| {
        longer.credit = 6;
        longer.level = 10;
        longer.tags.push("b".into());
    });
    assert_eq!(state, Old { credit: 6, name: "Ada".into() });
    assert_eq!(reports, [""; 0]);
}

#[test]
fn a_newer_client_has_the_defaults_of_new_fields() {
    let (state, reports) = meet::<Longer, _>(old(), |old| old.credit = 6);
    assert_eq!(state, Longer { credit: 6, name: "Ada".into(), tags: vec![], level: 3 });
    assert_eq!(reports, [""; 0]);
}

#[test]
fn a_field_that_was_removed_is_missed_by_nobody() {
    let (state, reports) = meet::<Shorter, _>(old(), |old| {
        old.credit = 6;
        old.name.push('!');
    });
    assert_eq!(state, Shorter { name: "Ada!".into() });
    assert_eq!(reports, [""; 0]);
    let (state, reports) = meet::<Old, _>(Shorter { name: "Ada".into() }, |_| {});
    assert_eq!(state, Old { credit: 0, name: "Ada".into() });
    assert_eq!(reports, [""; 0]);
}

#[test]
fn a_field_of_another_type_is_named_with_its_type_and_keeps_its_default() {
    let wider = Wider { session: 1, credit: 5, name: "Ada".into() };
    let (state, reports) = meet::<Old, _>(wider, |wider| {
        wider.credit = 6;
        wider.name.push('!');
    });
    assert_eq!(state, Old { credit: 0, name: "Ada!".into() });
    assert_eq!(
        reports,
        ["state field `credit` of the type `u32` is of another type on the server"]
    );

    let (state, reports) = meet::<Wider, _>(old(), |old| old.credit = 6);
    assert_eq!(state, Wider { session: 0, credit: 0, name: "Ada".into() });
    assert_eq!(
        reports,
        ["state field `credit` of the type `u64` is of another type on the server"]
    );
}

#[test]
fn fields_in_another_order_are_named_with_what_the_server_has_in_their_place() {
    let (state, reports) = meet::<Reordered, _>(old(), |old| old.credit = 6);
    assert_eq!(state, Reordered::initial());
    assert_eq!(
        reports,
        [
            "state field `name` of the type `string` has the place of `credit` on the server",
            "state field `credit` of the type `u32` has the place of `name` on the server",
        ]
    );
}

#[test]
fn a_change_deep_within_a_fields_type_is_noticed() {
    let (state, reports) = meet::<Game, _>(Game3::initial(), |game| {
        game.player.position.z = 1.0;
        game.round = 2;
    });
    assert_eq!(state, Game { round: 2, ..Game::initial() });
    let ty = "struct Player{name:string,position:struct Position{x:f32,y:f32}}";
    let expected =
        format!("state field `player` of the type `{ty}` is of another type on the server");
    assert_eq!(reports, [expected]);
}

#[test]
fn a_standard_collection_and_one_that_records_are_one_type() {
    #[derive(ConnectionState)]
    struct Recording {
        credit: u32,
        name: sync::Text,
    }
    let recording = Recording { credit: 5, name: "Ada".into() };
    let (state, reports) = meet::<Old, _>(recording, |state| state.name.push_str(" Lovelace"));
    assert_eq!(state, Old { credit: 5, name: "Ada Lovelace".into() });
    assert_eq!(reports, [""; 0]);
}

#[test]
fn values_are_no_obstacle_to_a_peer_without_them() {
    let mut server = WithValues { state: old(), values: Values::new() };
    server.values.set("theme", &"dark".to_owned()).expect("a small value encodes");
    let (state, reports) = meet::<Old, _>(server, |server| {
        server.state.credit = 6;
        server.values.remove("theme");
    });
    assert_eq!((state.credit, reports.len()), (6, 0));
    let (client, reports) = meet::<WithValues<Old>, _>(old(), |old| old.credit = 6);
    assert_eq!((client.state.credit, client.values.len(), reports.len()), (6, 0, 0));
}
