//! What the core costs, in instructions: counted, so that it is the same on a busy machine.
//!
//! Without arguments it runs every case under `valgrind --tool=callgrind`, prints a table, and fails if a figure is above
//! its budget.

use std::{
    env,
    process::{Command, ExitCode},
};

use hardlight_bench::counted::{CASES, Case};

/// Each case runs this many times, and twice as many: the difference has neither start-up nor warm-up in it.
const RUNS: u64 = 500;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [case, runs] => run(case, runs.parse().expect("a number of runs")),
        _ => report(&arguments),
    }
}

/// What callgrind looks at.
fn run(name: &str, runs: u64) -> ExitCode {
    let case = CASES
        .iter()
        .find(|case| case.name == name)
        .expect("a case of that name");
    (case.run)(runs);
    ExitCode::SUCCESS
}

fn report(only: &[String]) -> ExitCode {
    println!(
        "{:<44} {:>12} {:>8}",
        "case, each per call", "instructions", "budget"
    );
    let mut within = true;
    for case in CASES
        .iter()
        .filter(|case| only.is_empty() || only.iter().any(|name| name == case.name))
    {
        let counted = instructions(case) - case.above.map_or(0.0, instructions);
        let verdict = match case.budget {
            Some(budget) if counted > budget => " above its budget",
            _ => "",
        };
        within &= verdict.is_empty();
        let budget = case
            .budget
            .map_or(String::new(), |budget| format!("{budget:.0}"));
        println!("{:<44} {counted:>12.1} {budget:>8}{verdict}", case.name);
    }
    if within {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Instructions per call.
fn instructions(case: &Case) -> f64 {
    (collected(case, 2 * RUNS) - collected(case, RUNS)) as f64 / (RUNS * case.calls) as f64
}

fn collected(case: &Case, runs: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("this program has a path"))
        .args([case.name, &runs.to_string()])
        .output()
        .expect("valgrind is installed");
    let log = String::from_utf8_lossy(&output.stderr);
    let collected = log.lines().find_map(|line| line.split_once("Collected : "));
    match collected.map(|(_, count)| count.trim().parse()) {
        Some(Ok(count)) if output.status.success() => count,
        _ => panic!("callgrind did not count {}:\n{log}", case.name),
    }
}
