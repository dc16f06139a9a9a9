//! Whether this thread is driving a connection just now.

use std::cell::Cell;

thread_local! {
    static DRIVERS: Cell<u32> = const { Cell::new(0) };
}

/// As long as it lives, its thread drives a connection: who blocks it there waits for what cannot happen.
pub(crate) struct Inside(());

impl Inside {
    pub(crate) fn enter() -> Self {
        DRIVERS.set(DRIVERS.get() + 1);
        Self(())
    }

    /// Whether this thread drives a connection.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn is() -> bool {
        DRIVERS.get() > 0
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DRIVERS.set(DRIVERS.get() - 1);
    }
}
