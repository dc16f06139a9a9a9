//! Which states a thread holds: a second lock on the same thread would wait for ever, and panics instead.

use std::{cell::RefCell, panic::Location};

thread_local! {
    /// What this thread holds, in the order in which it was locked.
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// A state that a thread holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// The address of what is locked.
    what: usize,
    pub(super) access: Access,
    pub(super) place: &'static Location<'static>,
}

/// What a state is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// `lock`: nobody else holds it.
    Write,
    /// `read`: others may read it as well.
    Read,
}

impl Held {
    /// Notes that this thread holds the state from here on. A thread that is just ending is not watched.
    pub(super) fn begin<T>(what: &T, access: Access, place: &'static Location<'static>) -> Self {
        let held = Self { what: std::ptr::from_ref(what).addr(), access, place };
        let _ = HELD.try_with(|all| all.borrow_mut().push(held));
        held
    }

    /// It does so no longer.
    pub(super) fn end(self) {
        let _ = HELD.try_with(|all| {
            let mut all = all.borrow_mut();
            if all.last() == Some(&self) {
                all.pop();
            } else if let Some(index) = all.iter().rposition(|held| *held == self) {
                all.remove(index);
            }
        });
    }

    /// How this thread holds the state, if it does.
    pub(super) fn find<T>(what: &T) -> Option<Self> {
        let what = std::ptr::from_ref(what).addr();
        HELD.try_with(|all| all.borrow().iter().rfind(|held| held.what == what).copied()).ok()?
    }
}
