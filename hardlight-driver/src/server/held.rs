//! Which states a thread holds: a second lock on the same thread would wait for ever, and panics instead.

use std::{
    cell::{Cell, RefCell},
    panic::Location,
};

thread_local! {
    /// The state that this thread holds: one at a time, as a rule.
    static FIRST: Cell<Option<Held>> = const { Cell::new(None) };
    /// Those that it holds besides.
    static OTHERS: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// A state that a thread holds.
#[derive(Clone, Copy)]
pub(super) struct Held {
    /// The address of what is locked; the lowest bit says what for.
    key: usize,
    pub(super) place: &'static Location<'static>,
}

/// What a state is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// `read`: others may read it as well.
    Read = 0,
    /// `lock`: nobody else holds it.
    Write = 1,
}

impl Held {
    /// Notes that this thread holds the state from here on. In a thread that is just ending it may be missed.
    #[inline]
    pub(super) fn begin<T>(what: &T, access: Access, place: &'static Location<'static>) -> Self {
        let held = Self { key: address(what) | access as usize, place };
        if FIRST.get().is_none() {
            FIRST.set(Some(held));
        } else {
            held.begin_besides();
        }
        held
    }

    /// It does so no longer.
    #[inline]
    pub(super) fn end(self) {
        if FIRST.get().is_some_and(|first| first.is(self)) {
            FIRST.set(None);
        } else {
            self.end_besides();
        }
    }

    /// How this thread holds the state, if it does.
    pub(super) fn find<T>(what: &T) -> Option<Self> {
        let is_of_it = |held: &Self| held.key & !1 == address(what);
        let find = |others: &RefCell<Vec<Self>>| others.borrow().iter().copied().rfind(is_of_it);
        let first = FIRST.get().filter(is_of_it);
        first.or_else(|| OTHERS.try_with(find).ok().flatten())
    }

    /// What it is held for.
    pub(super) const fn access(self) -> Access {
        if self.key & 1 == 0 { Access::Read } else { Access::Write }
    }

    #[cold]
    fn begin_besides(self) {
        let _ = OTHERS.try_with(|others| others.borrow_mut().push(self));
    }

    #[cold]
    fn end_besides(self) {
        let _ = OTHERS.try_with(|others| {
            let mut others = others.borrow_mut();
            let place = others.iter().rposition(|other| other.is(self));
            place.map(|place| others.swap_remove(place));
        });
    }

    /// Whether both are of the same state at the same place: of two such, either may be taken for the other.
    #[inline]
    fn is(self, other: Self) -> bool {
        self.key == other.key && std::ptr::eq(self.place, other.place)
    }
}

/// The address of a lock, which holds more than bytes: so it is even.
fn address<T>(what: &T) -> usize {
    const { assert!(align_of::<T>() > 1) };
    std::ptr::from_ref(what).addr()
}
