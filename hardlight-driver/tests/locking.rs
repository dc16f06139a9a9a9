//! Locking and reading the server's state: what one thread may do, and several.

mod support;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Barrier, mpsc},
    thread,
};

use hardlight_driver::{
    StateCell,
    proto::{CallError, Limits},
};
use support::joined::{Joined, State, counter, long_name};

/// What a panic said.
fn message(panics: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(panics)).expect_err("it panics");
    panic.downcast_ref::<String>().expect("it is formatted").clone()
}

/// The line of `column` in this file, as panics name it.
fn place(line: u32) -> String {
    format!("{}:{line}:", file!())
}

fn detached() -> StateCell<State> {
    counter::Connection::detached().state
}

#[test]
fn a_second_lock_on_one_thread_panics_and_names_both_places() {
    let state = detached();
    let first = line!() + 2;
    let said = message(|| {
        let _guard = state.lock();
        let _second = state.lock();
    });
    assert!(said.contains(&format!("is locked at {}", place(first))), "{said}");
    assert!(said.contains(&format!("and locked at {}", place(first + 1))), "{said}");
    state.lock().counter = 1;
    assert_eq!(state.read().counter, 1);
}

#[test]
fn a_lock_while_the_thread_reads_panics_and_names_both_places() {
    let state = detached();
    let first = line!() + 2;
    let said = message(|| {
        let _guard = state.read();
        let _second = state.lock();
    });
    assert!(said.contains(&format!("is read at {}", place(first))), "{said}");
    assert!(said.contains(&format!("and locked at {}", place(first + 1))), "{said}");
}

#[test]
fn a_read_while_the_thread_has_locked_panics_and_names_both_places() {
    let state = detached();
    let first = line!() + 2;
    let said = message(|| {
        let _guard = state.lock();
        let _second = state.read();
    });
    assert!(said.contains(&format!("is locked at {}", place(first))), "{said}");
    assert!(said.contains(&format!("and read at {}", place(first + 1))), "{said}");
}

#[test]
fn guards_that_are_dropped_in_any_order_are_told_apart() {
    let (state, other) = (detached(), detached());
    let first = state.read();
    let elsewhere = other.lock();
    let line = line!() + 1;
    let second = state.read();
    drop(first);
    drop(elsewhere);
    drop(other.lock());
    let said = message(|| drop(state.lock()));
    assert!(said.contains(&place(line)), "{said}");
    drop(second);
    drop(state.lock());
}

#[test]
fn try_lock_fails_while_anybody_holds_the_state() {
    let state = detached();
    let guard = state.lock();
    assert!(state.try_lock().is_none());
    drop(guard);
    let reader = state.read();
    assert!(state.try_lock().is_none());
    drop(reader);
    assert!(state.try_lock().is_some());
}

#[test]
fn several_threads_read_at_the_same_time() {
    let state = detached();
    let all_read = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (state, all_read) = (state.clone(), Arc::clone(&all_read));
            thread::spawn(move || {
                let guard = state.read();
                all_read.wait();
                guard.counter
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("it reads"), 0);
    }
}

#[test]
fn a_thread_reads_twice_while_another_waits_to_lock() {
    let state = detached();
    let first = state.read();
    let (locks, begun) = mpsc::channel();
    let writer = {
        let state = state.clone();
        thread::spawn(move || {
            locks.send(()).expect("the test waits");
            state.lock().counter = 1;
        })
    };
    begun.recv().expect("it begins");
    for _ in 0..1000 {
        assert_eq!(state.read().counter, 0);
        thread::yield_now();
    }
    drop(first);
    writer.join().expect("it locks");
    assert_eq!(state.read().counter, 1);
}

#[test]
fn what_several_threads_change_is_what_the_client_gets() {
    let mut joined = Joined::new();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let state = joined.connection.state.clone();
            thread::spawn(move || (0..1000).for_each(|_| state.lock().counter += 1))
        })
        .collect();
    for thread in threads {
        thread.join().expect("it counts");
    }
    joined.settle();
    assert_eq!(joined.client().state().counter, 4000);
}

#[test]
fn a_read_sends_nothing() {
    let mut joined = Joined::new();
    let sent = joined.to_client.sent().len();
    assert_eq!(joined.connection.state.read().counter, 0);
    joined.settle();
    assert_eq!(joined.to_client.sent().len(), sent);
}

#[test]
fn a_reader_that_lets_go_wakes_the_driver_that_waits_for_the_state() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.hold_back_a_change();
    let state = joined.connection.state.clone();
    let reader = state.read();
    let call = joined.start(async |client| {
        let answer = client.large(3).await.map(|bytes| bytes.len());
        (answer, client.state().counter)
    });
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*call.borrow(), None);
    drop(reader);
    joined.settle();
    assert_eq!(*call.borrow(), Some((Ok(3), 5)));
}

#[test]
fn a_handler_that_locks_twice_ends_its_call_alone() {
    let mut joined = Joined::new();
    let call = joined.start(async |client| {
        let answer = client.lock_twice(7).await;
        (answer, client.state().counter)
    });
    joined.settle();
    let panicked = Err(hardlight_driver::Error::Call(CallError::HandlerPanicked));
    assert_eq!(*call.borrow(), Some((panicked, 7)));
    let next = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(*next.borrow(), Some(Ok(8)));
}

#[test]
fn a_panic_in_a_task_of_the_application_leaves_and_sends_the_state_as_it_was_left() {
    let mut joined = Joined::new();
    let state = joined.connection.state.clone();
    let task = thread::spawn(move || {
        let mut state = state.lock();
        state.name = long_name(1);
        panic!("on purpose");
    });
    assert!(task.join().is_err());
    joined.settle();
    assert_eq!(joined.client().state().name, long_name(1));
}
