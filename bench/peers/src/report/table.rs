//! Tables in Markdown.

use std::fmt::Write;

use super::Figure;
use crate::{
    load::{self, Load},
    measure::Metric,
    results::{Cell, Results},
    stats::confidence,
    systems,
    targets::{self, Bound, Goal},
};

/// All that was measured: the machine, the goals, and a table for each load.
pub fn tables(results: &Results) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = head(&mut out, results);
    let _ = goals(&mut out, results);
    for load in load::ALL {
        let _ = table(&mut out, results, load);
    }
    out
}

type Written = std::fmt::Result;

fn head(out: &mut String, results: &Results) -> Written {
    let (machine, settings) = (&results.machine, &results.settings);
    writeln!(
        out,
        "{}, {} cores, {:.0} GiB, {}, {}, revision {}; others used {:.2} cores.",
        machine.processor,
        machine.cores,
        machine.memory_gib,
        machine.system,
        machine.compiler,
        machine.revision,
        machine.others,
    )?;
    writeln!(
        out,
        "{} rounds, {} ms each after {} ms, {} threads a process. In parentheses the interval that holds the median with {:.0} %.",
        settings.rounds,
        settings.measured_ms,
        settings.warm_up_ms,
        settings.workers,
        100.0 * confidence(settings.rounds),
    )?;
    if settings.quick {
        writeln!(
            out,
            "\n**A quick run: it shows that everything works, and its figures mean nothing.**"
        )?;
    }
    writeln!(out)
}

fn goals(out: &mut String, results: &Results) -> Written {
    let measured: Vec<_> = targets::ALL
        .iter()
        .filter_map(|goal| Some((goal, goal.estimate(results)?)))
        .collect();
    if measured.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "### Goals\n\n| load | goal | measured | |\n|---|---|---|---|"
    )?;
    for (goal, estimate) in measured {
        let verdict = goal.bound.verdict(estimate);
        writeln!(
            out,
            "| {} | {} | {estimate} | {verdict} |",
            goal.load,
            words(goal)
        )?;
    }
    writeln!(out)
}

fn words(goal: &Goal) -> String {
    let (how, bound) = match goal.bound {
        Bound::AtLeast(bound) => ("at least", bound),
        Bound::AtMost(bound) => ("at most", bound),
    };
    let metric = goal.metric.title();
    match goal.of {
        Some(of) => format!("{}: {how} {bound} x the {metric} of {of}", goal.system),
        None => format!("{}: {how} {} {metric}", goal.system, Figure(bound)),
    }
}

fn table(out: &mut String, results: &Results, load: &Load) -> Written {
    let cells: Vec<_> = results
        .cells
        .iter()
        .filter(|cell| cell.load == load.name)
        .collect();
    if cells.is_empty() {
        return Ok(());
    }
    writeln!(out, "### {}\n\n{}.\n", load.name, sentence(load.about))?;
    write!(out, "| system |")?;
    for metric in load.metrics {
        write!(out, " {} |", metric.title())?;
    }
    writeln!(out, " beside the floor |")?;
    writeln!(out, "|---|{}", "---|".repeat(load.metrics.len() + 1))?;
    for cell in cells {
        row(out, results, load, cell)?;
    }
    writeln!(out)
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

fn row(out: &mut String, results: &Results, load: &Load, cell: &Cell) -> Written {
    write!(out, "| {} |", cell.system)?;
    for &metric in load.metrics {
        match cell.estimate(metric) {
            Some(estimate) if metric == load.main() => write!(out, " {estimate} |")?,
            Some(estimate) => write!(out, " {} |", Figure(estimate.median))?,
            None => write!(out, " |")?,
        }
    }
    match beside(results, load.main(), cell) {
        Some(ratio) => writeln!(out, " {ratio} |"),
        None => writeln!(out, " |"),
    }
}

/// The system's figure as a multiple of its floor's.
fn beside(results: &Results, metric: Metric, cell: &Cell) -> Option<crate::stats::Estimate> {
    let floor = systems::find(&cell.system)?.floor;
    if floor == cell.system {
        return None;
    }
    results.ratio(&cell.load, metric, &cell.system, floor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn a_table_has_medians_and_ratios_to_the_floor() {
        let systems: &[(&str, &[f64])] = &[("floor", &[20.0; 9]), ("hardlight", &[28.0; 9])];
        let text = tables(&results("latency", Metric::P50, systems));
        assert!(text.contains("| latency | hardlight: at most 1.5 x the p50 us of floor | 1.40 (1.40 to 1.40) | met |"), "{text}");
        assert!(
            text.contains("| hardlight | 28.0 (28.0 to 28.0) | | | | | 1.40 (1.40 to 1.40) |"),
            "{text}"
        );
        assert!(text.contains("the median with 96 %"), "{text}");
    }
}
