//! Two runs beside one another.

use std::fmt::Write;

use crate::{load, measure::Metric, results::Results, stats::Estimate, systems};

/// What has changed from one run to another, for what both have measured. Where both have the floor, its change is taken out:
/// it is that of the machine.
pub fn compare(before: &Results, after: &Results) -> String {
    let mut out = "| load | system | | before | after | after / before | without the floor's | |\n|---|---|---|---|---|---|---|---|\n".to_owned();
    for cell in &after.cells {
        let Some(load) = load::find(&cell.load) else {
            continue;
        };
        let metric = load.main();
        let there = |results: &Results| results.cell(&cell.load, &cell.system)?.estimate(metric);
        let (Some(old), Some(new)) = (there(before), there(after)) else {
            continue;
        };
        let change = quotient(new, old);
        let own = own_change(before, after, &cell.load, &cell.system, metric);
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {old} | {new} | {change} | {} | {} |",
            cell.load,
            cell.system,
            metric.title(),
            own.map_or_else(String::new, |own| own.to_string()),
            verdict(own.unwrap_or(change), metric),
        );
    }
    out
}

/// The change of what a system is beside its floor.
fn own_change(
    before: &Results,
    after: &Results,
    load: &str,
    system: &str,
    metric: Metric,
) -> Option<Estimate> {
    let floor = systems::find(system)?.floor;
    let beside = |results: &Results| results.ratio(load, metric, system, floor);
    (floor != system).then_some(())?;
    Some(quotient(beside(after)?, beside(before)?))
}

/// The quotient of two medians. The rounds of one run are not those of the other, so its interval is from the least to the
/// largest that the two intervals leave: rather too wide than too narrow.
fn quotient(above: Estimate, below: Estimate) -> Estimate {
    Estimate {
        low: above.low / below.high,
        median: above.median / below.median,
        high: above.high / below.low,
    }
}

fn verdict(change: Estimate, metric: Metric) -> &'static str {
    let higher = change.low > 1.0;
    let lower = change.high < 1.0;
    match (higher, lower, metric.is_better_if_higher()) {
        (true, _, true) | (_, true, false) => "better",
        (true, _, false) | (_, true, true) => "worse",
        (false, false, _) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn a_change_that_the_floor_shares_is_that_of_the_machine() {
        let before: &[(&str, &[f64])] = &[("floor", &[20.0; 9]), ("lean", &[30.0; 9])];
        let after: &[(&str, &[f64])] = &[("floor", &[40.0; 9]), ("lean", &[60.0; 9])];
        let text = compare(
            &results("latency", Metric::P50, before),
            &results("latency", Metric::P50, after),
        );
        assert!(text.contains("| latency | lean | p50 us | 30.0 (30.0 to 30.0) | 60.0 (60.0 to 60.0) | 2.00 (2.00 to 2.00) | 1.00 (1.00 to 1.00) |  |"), "{text}");
    }

    #[test]
    fn more_is_better_or_worse_as_the_metric_has_it() {
        let change = Estimate {
            low: 1.1,
            median: 1.2,
            high: 1.3,
        };
        assert_eq!(verdict(change, Metric::CallsPerSecond), "better");
        assert_eq!(verdict(change, Metric::P50), "worse");
        assert_eq!(verdict(Estimate { low: 0.9, ..change }, Metric::P50), "");
    }
}
