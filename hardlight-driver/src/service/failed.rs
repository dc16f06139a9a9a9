//! Whether a handler has returned the application's own error: its answer alone does not say so without being decoded.

use std::cell::Cell;

thread_local! {
    static FAILED: Cell<bool> = const { Cell::new(false) };
}

/// A method has ended with an error of the application's.
pub(crate) fn note() {
    FAILED.set(true);
}

/// Polls a handler: whether it failed, if it has ended.
pub(crate) fn during<R>(poll: impl FnOnce() -> R) -> (R, bool) {
    /// Puts back what was there before, also if the handler panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            FAILED.set(self.0);
        }
    }
    // A handler may run another one to its end within its own poll.
    let _before = Before(FAILED.replace(false));
    let polled = poll();
    (polled, FAILED.get())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn what_ends_within_another_poll_says_nothing_of_that_one() {
        note();
        let (inner, failed) = during(|| {
            let ((), inner) = during(note);
            inner
        });
        assert!(inner && !failed);
        let ((), failed) = during(|| {});
        assert!(!failed);
        FAILED.set(false);
        let panics = AssertUnwindSafe(|| {
            during(|| {
                note();
                panic!("on purpose")
            })
        });
        assert!(catch_unwind(panics).is_err() && !FAILED.get());
    }
}
