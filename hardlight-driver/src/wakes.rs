//! Wakers that are woken behind all locks.

use std::{cell::RefCell, mem, task::Waker};

thread_local! {
    static LATER: RefCell<Later> = const { RefCell::new(Later { scopes: 0, wakers: Vec::new() }) };
}

struct Later {
    /// How many scopes there are, one in the other.
    scopes: usize,
    /// Kept for its memory.
    wakers: Vec<Waker>,
}

/// As long as it lives, what its thread is to wake waits. Whoever takes locks enters it before the first of them, so that it
/// ends behind the last: a waker may do anything, and take the same locks.
#[must_use]
pub(crate) struct WakesLater(());

impl WakesLater {
    pub(crate) fn enter() -> Self {
        // A thread that ends has none any longer.
        let _ = LATER.try_with(|later| later.borrow_mut().scopes += 1);
        Self(())
    }

    fn leave() -> Option<Vec<Waker>> {
        let leave = |later: &RefCell<Later>| {
            let mut later = later.borrow_mut();
            later.scopes -= 1;
            (later.scopes == 0).then(|| mem::take(&mut later.wakers))
        };
        LATER.try_with(leave).ok()?
    }
}

impl Drop for WakesLater {
    fn drop(&mut self) {
        let Some(mut wakers) = Self::leave() else { return };
        if wakers.capacity() == 0 {
            return;
        }
        wakers.drain(..).for_each(Waker::wake);
        let _ = LATER.try_with(|later| {
            let mut later = later.borrow_mut();
            if later.wakers.capacity() == 0 {
                later.wakers = wakers;
            }
        });
    }
}

/// Wakes, once the outermost scope of this thread has ended.
pub(crate) fn wake_later(waker: Option<Waker>) {
    let Some(waker) = waker else { return };
    let mut waker = Some(waker);
    let _ = LATER.try_with(|later| {
        let mut later = later.borrow_mut();
        if later.scopes > 0 {
            later.wakers.extend(waker.take());
        }
    });
    // There is no scope.
    waker.into_iter().for_each(Waker::wake);
}
