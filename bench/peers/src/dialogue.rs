//! What processes say to the one that has started them: a line each.

use std::{
    fmt::Display,
    io::{Write, stdin, stdout},
    process::exit,
};

/// What begins to be measured, and what ends.
pub const MILESTONE: &str = "milestone";

/// Says something. If nobody listens any longer the process ends.
pub fn say(line: &dyn Display) {
    let mut out = stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        exit(1);
    }
}

/// Says that something begins or ends, and waits until that was noted.
pub fn milestone() {
    say(&MILESTONE);
    let mut line = String::new();
    if stdin().read_line(&mut line).is_ok_and(|read| read == 0) {
        exit(1);
    }
}
