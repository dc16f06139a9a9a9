//! The client's copy of the state: snapshots, and waiting for changes.

mod support;

use std::collections::BTreeSet;

use futures_util::{FutureExt, StreamExt};
use hardlight_driver::{
    Error, Incoming, StateWatch,
    proto::{CloseCode, CloseReason, ConnectionError, Initiator},
};
use support::joined::{Joined, State, closed_by};

impl Joined {
    fn set_counter(&mut self, value: u32) {
        self.connection.state.lock().counter = value;
        self.settle();
    }

    fn set_name(&mut self, name: &str) {
        self.connection.state.lock().name = name.into();
        self.settle();
    }

    /// Where the client's state is in memory.
    fn address(&self) -> usize {
        std::ptr::from_ref::<State>(&self.client().state()).addr()
    }
}

fn normal() -> ConnectionError {
    closed_by(Initiator::Local, CloseCode::NORMAL, "")
}

#[test]
fn two_copies_of_the_state_take_turns() {
    let mut joined = Joined::new();
    let addresses: Vec<_> = (1..=10)
        .map(|value| {
            joined.set_counter(value);
            assert_eq!(joined.client().state().counter, value);
            joined.address()
        })
        .collect();
    assert!(addresses.windows(2).all(|pair| pair[0] != pair[1]), "{addresses:x?}");
    assert_eq!(BTreeSet::from_iter(addresses).len(), 2);
}

#[test]
fn a_snapshot_that_is_held_over_one_change_only_costs_no_copy() {
    let mut joined = Joined::new();
    joined.set_counter(1);
    let mut addresses = BTreeSet::new();
    for value in 2..=10 {
        let held = joined.client().state();
        joined.set_counter(value);
        assert_eq!((held.counter, joined.client().state().counter), (value - 1, value));
        addresses.insert(joined.address());
    }
    assert_eq!(addresses.len(), 2);
}

#[test]
fn a_snapshot_that_is_held_for_long_stays_as_it_was() {
    let mut joined = Joined::new();
    joined.set_name("first");
    let held = joined.client().state();
    let clone = held.clone();
    for value in 1..=10 {
        joined.set_counter(value);
        assert_eq!(
            (joined.client().state().counter, &*joined.client().state().name),
            (value, "first")
        );
    }
    joined.set_name("second");
    assert_eq!((held.counter, &*held.name), (0, "first"));
    drop(held);
    assert_eq!((clone.counter, &*clone.name), (0, "first"));
    assert_eq!((joined.client().state().counter, &*joined.client().state().name), (10, "second"));
}

#[test]
fn a_state_without_operations_is_a_change_that_a_reader_may_hold() {
    let mut joined = Joined::new();
    for revision in 1..=3 {
        let held = joined.client().state();
        joined.to_client.inject(Incoming::Message(vec![0x08, revision].into()));
        joined.settle();
        assert_eq!((held.counter, joined.client().state().counter), (0, 0));
    }
}

#[test]
fn a_watch_sees_each_change_once_and_several_as_one() {
    let mut joined = Joined::new();
    let mut watch = joined.client().watch();
    assert!(watch.changed().now_or_never().is_none());
    joined.set_counter(1);
    joined.set_counter(2);
    let state = watch.changed().now_or_never().expect("it changed").expect("it is open");
    assert_eq!(state.counter, 2);
    assert!(watch.changed().now_or_never().is_none());
    joined.set_counter(3);
    assert_eq!(watch.current().counter, 3);
    assert!(watch.changed().now_or_never().is_none());
}

#[test]
fn a_stream_of_states_ends_with_the_connection_once_the_last_change_was_seen() {
    let mut joined = Joined::new();
    let states = joined.client().watch();
    let seen = joined.start(async move |_client| counters(states).await);
    joined.set_counter(1);
    joined.set_counter(1);
    joined.set_counter(2);
    let later = joined.client().watch();
    joined.connection.state.lock().counter = 3;
    joined.connection.close(CloseReason::normal());
    joined.settle();
    assert_eq!(*seen.borrow(), Some(vec![1, 2, 3]));
    assert_eq!(counters(later).now_or_never(), Some(vec![3]));
}

async fn counters(states: StateWatch<State>) -> Vec<u32> {
    StreamExt::map(states, |state| state.counter).collect().await
}

#[test]
fn a_projection_sees_changes_of_its_part_only() {
    let mut joined = Joined::new();
    let mut names = joined.client().watch().project(|state| &state.name);
    assert_eq!(names.current(), "");
    joined.set_counter(1);
    assert!(names.changed().now_or_never().is_none());
    joined.set_name("new");
    joined.set_counter(2);
    assert_eq!(names.changed().now_or_never(), Some(Ok(&"new".to_owned())));
    joined.set_name("newer");
    joined.set_name("new");
    assert!(names.changed().now_or_never().is_none());
    joined.set_name("newest");
    assert_eq!(names.current(), "newest");
    assert!(names.changed().now_or_never().is_none());
}

#[test]
fn a_projection_that_waits_is_not_woken_through_by_other_changes() {
    let mut joined = Joined::new();
    let mut lengths = joined.client().watch().map(|state| state.name.len());
    let seen = joined.start(async move |_client| lengths.changed().await.copied());
    joined.settle();
    joined.set_counter(1);
    assert_eq!(*seen.borrow(), None);
    joined.set_name("three");
    assert_eq!(*seen.borrow(), Some(Ok(5)));
}

#[test]
fn what_watches_learns_why_the_connection_ended() {
    let mut joined = Joined::new();
    let mut names = joined.client().watch().project(|state| &state.name);
    let watching = joined.start(async move |_client| names.changed().await.cloned());
    let mut watch = joined.client().watch();
    let counting = joined.start(async move |client| {
        drop(client);
        watch.changed().await.map(|state| state.counter)
    });
    joined.settle();
    joined.client = None;
    joined.settle();
    assert_eq!(*watching.borrow(), None, "its future holds a client");
    assert_eq!(*counting.borrow(), None);
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    let remote = closed_by(Initiator::Remote, CloseCode::NORMAL, "");
    assert_eq!(*counting.borrow(), Some(Err(remote.clone())));
    assert_eq!(*watching.borrow(), Some(Err(remote)));
}

#[test]
fn a_watch_does_not_keep_the_connection_open() {
    let mut joined = Joined::new();
    let mut watch = joined.client().watch();
    joined.client = None;
    joined.settle();
    assert_eq!(watch.changed().now_or_never().map(|end| end.map(|_| ())), Some(Err(normal())));
}

#[test]
fn the_state_is_read_after_the_connection_has_ended() {
    let mut joined = Joined::new();
    joined.set_counter(5);
    let client = joined.client();
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    assert_eq!(client.state().counter, 5);
    let call = joined.start(async |client| client.get().await);
    joined.settle();
    assert!(matches!(*call.borrow(), Some(Err(Error::NotSent(_)))));
}
