//! What a call costs with the drivers of both sides, in instructions: see `callgrind`.
//!
//! Not one program with `instructions`, where what the core does would not be inlined any longer; hence nothing of it is in the library.

mod drivers;

use std::{hint::black_box, process::ExitCode};

use drivers::Drivers;
use hardlight_bench::{callgrind, counted::Case};

fn main() -> ExitCode {
    callgrind::main(CASES, 500)
}

const CASES: &[Case] = &[
    Case {
        name: "dispatched and answered, alone",
        run: |runs| dispatched(Drivers::open(), runs, 1),
        calls: 1,
        above: None,
        budget: Some(4600.0),
    },
    Case {
        name: "dispatched and answered, of 256 at once",
        run: |runs| dispatched(Drivers::open(), runs, 256),
        calls: 256,
        above: None,
        budget: Some(1600.0),
    },
    Case {
        name: "the same within a layer",
        run: |runs| dispatched(Drivers::layered(1), runs, 256),
        calls: 256,
        above: None,
        budget: Some(3200.0),
    },
    Case {
        name: "the same within four layers",
        run: |runs| dispatched(Drivers::layered(4), runs, 256),
        calls: 256,
        above: None,
        budget: Some(4200.0),
    },
    Case {
        name: "called, dispatched and awaited, alone",
        run: |runs| called(runs, 1),
        calls: 1,
        above: None,
        budget: Some(9300.0),
    },
    Case {
        name: "called, dispatched and awaited, of 256 at once",
        run: |runs| called(runs, 256),
        calls: 256,
        above: None,
        budget: Some(4300.0),
    },
];

fn dispatched(mut drivers: Drivers, runs: u64, at_once: u32) {
    let messages = drivers.record(at_once);
    for _ in 0..runs {
        assert!(black_box(drivers.replay(black_box(&messages))) > 0);
    }
}

fn called(runs: u64, at_once: u32) {
    let mut drivers = Drivers::open();
    for _ in 0..runs {
        black_box(drivers.calls(black_box(at_once)));
    }
}
