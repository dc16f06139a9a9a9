//! Calls with the drivers of both sides: no socket, and no runtime but a loop.

#[path = "../src/bin/dispatch/drivers.rs"]
mod drivers;

use divan::{Bencher, counter::ItemsCount};
use drivers::Drivers;

fn main() {
    divan::main();
}

/// The server alone: calls that arrive are decoded, handled and answered, this many at once.
#[divan::bench(args = [1, 256])]
fn dispatched(bencher: Bencher<'_, '_>, at_once: u32) {
    let mut drivers = Drivers::open();
    let messages = drivers.record(at_once);
    bencher
        .counter(ItemsCount::new(at_once))
        .bench_local(|| drivers.replay(&messages));
}

/// The server alone, 256 calls at once, with this many layers around each that do nothing.
#[divan::bench(args = [1, 4])]
fn dispatched_within(bencher: Bencher<'_, '_>, layers: usize) {
    let mut drivers = Drivers::layered(layers);
    let messages = drivers.record(256);
    bencher
        .counter(ItemsCount::new(256_u32))
        .bench_local(|| drivers.replay(&messages));
}

/// All of it: futures of calls that are made, this many at once, until they have their answers.
#[divan::bench(args = [1, 256])]
fn called(bencher: Bencher<'_, '_>, at_once: u32) {
    let mut drivers = Drivers::open();
    bencher
        .counter(ItemsCount::new(at_once))
        .bench_local(|| drivers.calls(at_once));
}
