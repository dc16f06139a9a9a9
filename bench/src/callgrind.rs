//! Counting instructions, which are the same on a busy machine.

use std::{
    env,
    process::{Command, ExitCode},
};

use crate::counted::Case;

/// The whole of a program that counts `cases`. Without arguments it runs each under `valgrind --tool=callgrind`, prints a
/// table, and fails if a figure is above its budget; arguments name cases.
///
/// Each case runs `runs` times, and twice as many: the difference has neither start-up nor warm-up in it.
pub fn main(cases: &[Case], runs: u64) -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [case, runs] => run(cases, case, runs.parse().expect("a number of runs")),
        _ => report(cases, runs, &arguments),
    }
}

/// What callgrind looks at.
fn run(cases: &[Case], name: &str, runs: u64) -> ExitCode {
    let case = cases
        .iter()
        .find(|case| case.name == name)
        .expect("a case of that name");
    (case.run)(runs);
    ExitCode::SUCCESS
}

fn report(cases: &[Case], runs: u64, only: &[String]) -> ExitCode {
    println!(
        "{:<44} {:>12} {:>8}",
        "case, each per call or lock", "instructions", "budget"
    );
    let mut within = true;
    for case in cases
        .iter()
        .filter(|case| only.is_empty() || only.iter().any(|name| name == case.name))
    {
        let counted =
            instructions(case, runs) - case.above.map_or(0.0, |above| instructions(above, runs));
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
fn instructions(case: &Case, runs: u64) -> f64 {
    (collected(case, 2 * runs) - collected(case, runs)) as f64 / (runs * case.calls) as f64
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
