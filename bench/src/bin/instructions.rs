//! What the core costs, in instructions: see `callgrind`.

use std::process::ExitCode;

use hardlight_bench::{callgrind, counted::CASES};

fn main() -> ExitCode {
    callgrind::main(CASES, 500)
}
