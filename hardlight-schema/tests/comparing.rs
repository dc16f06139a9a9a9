//! What is a change, and which changes break an older client: the table of the README, line by line.

mod support;

use hardlight_proto::ServiceSchema;
use hardlight_schema::{Change, Part, Schema, What, compare};
use proptest::prelude::*;
use support::{additions, counter, event, field, method, services, with};

fn between(old: &ServiceSchema, new: &ServiceSchema) -> Vec<Change> {
    compare(&Schema::from(old), &Schema::from(new))
}

/// The changes of the counter that `change` makes: which of them break, and what they say.
fn of(change: impl FnOnce(&mut ServiceSchema)) -> Vec<(bool, String)> {
    let mut new = counter();
    change(&mut new);
    let changes = between(&counter(), &new);
    changes.iter().map(|change| (change.is_breaking(), change.to_string())).collect()
}

fn breaking(says: &str) -> Vec<(bool, String)> {
    vec![(true, says.to_owned())]
}

fn harmless(says: &str) -> Vec<(bool, String)> {
    vec![(false, says.to_owned())]
}

#[test]
fn a_method_that_is_gone_breaks() {
    let says =
        "Counter: the method `reset` (`fn{}->unit`) is gone: calls of it fail with UNKNOWN_METHOD";
    assert_eq!(of(|new| drop(new.methods.remove(0))), breaking(says));
}

#[test]
fn a_method_of_other_types_breaks() {
    let says = "Counter: the method `increment` was `fn{amount:u32}->u32` and is `fn{amount:u64}->u32`: \
                calls of it fail with INCOMPATIBLE_METHOD";
    let change =
        |new: &mut ServiceSchema| new.methods[1] = method("increment", "fn{amount:u64}->u32");
    assert_eq!(of(change), breaking(says));
}

#[test]
fn a_method_that_needs_a_feature_which_it_did_not_need_breaks() {
    let says = "Counter: the method `increment` (`fn{amount:u32}->u32`) needs the feature `Admin`, and needed none: \
                without that feature calls of it fail with MISSING_FEATURE";
    assert_eq!(of(|new| new.methods[1].feature = Some("Admin")), breaking(says));
    let says = "Counter: the method `reset` (`fn{}->unit`) needs the feature `Root`, and needed `Admin`: \
                without that feature calls of it fail with MISSING_FEATURE";
    assert_eq!(of(|new| new.methods[0].feature = Some("Root")), breaking(says));
}

#[test]
fn a_method_that_no_longer_needs_a_feature_is_harmless() {
    let says = "Counter: the method `reset` (`fn{}->unit`) no longer needs the feature `Admin`: \
                no connection has less than before";
    assert_eq!(of(|new| new.methods[0].feature = None), harmless(says));
}

#[test]
fn a_new_method_is_harmless() {
    let says = "Counter: the method `get` (`fn{}->u32`) is new: older clients do not call it";
    assert_eq!(of(|new| new.methods.insert(0, method("get", "fn{}->u32"))), harmless(says));
}

#[test]
fn a_method_with_two_faults_is_told_of_both() {
    let changes = of(|new| new.methods[1] = method("increment", "fn{}->u32").with_feature("Admin"));
    assert_eq!(changes.iter().filter(|(breaks, _)| *breaks).count(), 2, "{changes:?}");
}

#[test]
fn a_state_field_that_is_gone_breaks() {
    let says = "Counter: the state field `counter` at index 0 (`u32`) is gone: clients keep their default of it";
    assert_eq!(of(|new| drop(new.state.remove(0))), breaking(says));
}

#[test]
fn a_state_field_of_another_type_breaks() {
    let says = "Counter: the state field `counter` at index 0 was `u32` and is `u64`: clients refuse to connect";
    assert_eq!(of(|new| new.state[0] = field(0, "counter", "u64")), breaking(says));
}

#[test]
fn another_state_field_at_the_same_index_breaks() {
    let says = "Counter: the state field `counter` at index 0 (`u32`) has given its place to `count` (`u32`): \
                clients refuse to connect";
    assert_eq!(of(|new| new.state[0] = field(0, "count", "u32")), breaking(says));
}

#[test]
fn a_state_field_that_moves_to_another_index_is_gone_from_the_old_one() {
    let expected = [
        "Counter: the state field `counter` at index 0 (`u32`) is gone: clients keep their default of it",
        "Counter: the state field `counter` at index 3 (`u32`) is new: older clients skip it",
    ];
    let changes = of(|new| new.state[0].index = 3);
    assert_eq!(changes, [(true, expected[0].to_owned()), (false, expected[1].to_owned())]);
}

#[test]
fn a_state_field_that_needs_a_feature_which_it_did_not_need_breaks() {
    let says = "Counter: the state field `counter` at index 0 (`u32`) needs the feature `Admin`, and needed none: \
                connections without that feature do not get it";
    assert_eq!(of(|new| new.state[0].feature = Some("Admin")), breaking(says));
}

#[test]
fn a_state_field_that_no_longer_needs_a_feature_is_harmless() {
    let says = "Counter: the state field `user` at index 2 (`option<string>`) no longer needs the feature `Account`: \
                no connection has less than before";
    assert_eq!(of(|new| new.state[1].feature = None), harmless(says));
}

#[test]
fn a_new_state_field_is_harmless() {
    let says = "Counter: the state field `level` at index 3 (`u8`) is new: older clients skip it";
    assert_eq!(of(|new| new.state.push(field(3, "level", "u8"))), harmless(says));
}

#[test]
fn fields_of_the_protocol_are_no_part_of_a_service() {
    assert_eq!(of(|new| drop(new.state.pop())), []);
}

#[test]
fn an_event_that_is_gone_breaks() {
    let says = "Counter: the event `Emptied` (`event{}`) is gone: clients get none any longer";
    assert_eq!(of(|new| drop(new.events.pop())), breaking(says));
}

#[test]
fn an_event_of_other_types_breaks() {
    let says = "Counter: the event `Told` was `event{text:string}` and is `event(string)`: clients skip it";
    assert_eq!(of(|new| new.events[0] = event("Told", "event(string)").secret()), breaking(says));
}

#[test]
fn an_event_that_needs_a_feature_which_it_did_not_need_breaks() {
    let says = "Counter: the event `Told` (`event{text:string}`) needs the feature `Admin`, and needed none: \
                connections without that feature do not get it";
    assert_eq!(of(|new| new.events[0].feature = Some("Admin")), breaking(says));
}

#[test]
fn a_new_event_is_harmless() {
    let says = "Counter: the event `Filled` (`event{}`) is new: older clients skip it";
    assert_eq!(of(|new| new.events.insert(0, event("Filled", "event{}"))), harmless(says));
}

#[test]
fn secret_or_not_is_harmless() {
    let says =
        "Counter: the method `reset` (`fn{}->unit`) is no longer secret: clients read either";
    assert_eq!(of(|new| new.methods[0].secret = false), harmless(says));
    let says =
        "Counter: the state field `counter` at index 0 (`u32`) is secret now: clients read either";
    assert_eq!(of(|new| new.state[0].secret = true), harmless(says));
    let says =
        "Counter: the event `Told` (`event{text:string}`) is no longer secret: clients read either";
    assert_eq!(of(|new| new.events[0].secret = false), harmless(says));
}

#[test]
fn the_order_of_methods_and_events_is_no_change() {
    let reversed = of(|new| {
        new.methods.reverse();
        new.events.reverse();
    });
    assert_eq!(reversed, []);
}

#[test]
fn the_name_of_the_service_is_harmless() {
    let says = "Counter: the service `Counter` is called `Tally` now: that name does not travel";
    assert_eq!(of(|new| new.name = "Tally"), harmless(says));
}

#[test]
fn another_revision_of_the_protocol_breaks() {
    let old = Schema::from(&counter());
    let new = old.to_json().replace("\"revision\": 1", "\"revision\": 2");
    let changes = compare(&old, &Schema::from_json(&new).unwrap());
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((change.part, &change.what), (Part::Service, &What::Revision { old: 1, new: 2 }));
    assert!(change.is_breaking());
    let says = "Counter: the service `Counter` speaks revision 2 of the protocol, and spoke 1: clients cannot connect";
    assert_eq!(change.to_string(), says);
}

#[test]
fn types_without_a_description_are_told_by_their_fingerprints() {
    let says = "Counter: the state field `counter` at index 0 was `u32` and is `fingerprint 000000000000002a`: \
                clients refuse to connect";
    let change = |new: &mut ServiceSchema| {
        let fingerprint = hardlight_proto::Fingerprint::from_u64(42);
        new.state[0] = hardlight_proto::FieldSchema::with_fingerprint(0, "counter", fingerprint);
    };
    assert_eq!(of(change), breaking(says));
    assert_eq!(of(|new| new.state[0].ty.clear()), []);
}

proptest! {
    #[test]
    fn a_schema_has_no_changes_from_itself(service in services()) {
        prop_assert_eq!(between(&service, &service), []);
    }

    #[test]
    fn what_is_added_never_breaks(service in services(), more in additions()) {
        let changes = between(&service, &with(&service, &more));
        prop_assert!(changes.iter().all(|change| !change.is_breaking()), "{:?}", changes);
        prop_assert_eq!(changes.len(), more.methods.len() + more.state.len() + more.events.len());
    }

    #[test]
    fn what_is_taken_away_always_breaks(service in services(), more in additions()) {
        let changes = between(&with(&service, &more), &service);
        prop_assert!(changes.iter().all(Change::is_breaking), "{:?}", changes);
        prop_assert_eq!(changes.len(), more.methods.len() + more.state.len() + more.events.len());
    }

    #[test]
    fn schemas_without_changes_differ_in_order_only(old in services(), new in services()) {
        let without_order = |service: &ServiceSchema| {
            let mut schema = Schema::from(service);
            for entry in schema.methods.iter_mut().chain(&mut schema.events) {
                entry.index = 0;
            }
            schema
        };
        let is_same = without_order(&old) == without_order(&new);
        prop_assert_eq!(between(&old, &new).is_empty(), is_same);
    }
}
