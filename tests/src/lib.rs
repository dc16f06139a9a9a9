//! Tests of what crosses crates live in this package's `tests` folder; there is nothing in the library.
