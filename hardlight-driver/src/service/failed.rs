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
    // A handler may run another one to its end within its own poll.
    let before = FAILED.replace(false);
    let polled = poll();
    (polled, FAILED.replace(before))
}

#[cfg(test)]
mod tests {
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
    }
}
