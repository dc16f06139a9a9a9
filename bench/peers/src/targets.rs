//! What HardLight is to reach.

use crate::{measure::Metric, results::Results, stats::Estimate};

/// Something that a system is to reach on a load.
#[derive(Debug)]
pub struct Goal {
    pub load: &'static str,
    pub metric: Metric,
    pub system: &'static str,
    pub bound: Bound,
    /// The system whose figure the bound is a multiple of; `None` if it is in the unit of the metric.
    pub of: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// How it stands with a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval is within the bound.
    Met,
    /// None of it is.
    FallsShort,
    /// The bound is within the interval.
    Undecided,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::FallsShort => "falls short",
            Self::Undecided => "undecided",
        })
    }
}

impl Bound {
    pub fn verdict(self, estimate: Estimate) -> Verdict {
        let (holds_at_worst, holds_at_best) = match self {
            Self::AtLeast(bound) => (estimate.low >= bound, estimate.high >= bound),
            Self::AtMost(bound) => (estimate.high <= bound, estimate.low <= bound),
        };
        match (holds_at_worst, holds_at_best) {
            (true, _) => Verdict::Met,
            (false, true) => Verdict::Undecided,
            (false, false) => Verdict::FallsShort,
        }
    }
}

impl Goal {
    /// What was measured, in the unit of the bound; `None` if it was not.
    pub fn estimate(&self, results: &Results) -> Option<Estimate> {
        match self.of {
            Some(of) => results.ratio(self.load, self.metric, self.system, of),
            None => results.cell(self.load, self.system)?.estimate(self.metric),
        }
    }
}

const fn at_least(
    load: &'static str,
    metric: Metric,
    system: &'static str,
    bound: f64,
    of: Option<&'static str>,
) -> Goal {
    Goal {
        load,
        metric,
        system,
        bound: Bound::AtLeast(bound),
        of,
    }
}

const fn at_most(
    load: &'static str,
    metric: Metric,
    system: &'static str,
    bound: f64,
    of: Option<&'static str>,
) -> Goal {
    Goal {
        load,
        metric,
        system,
        bound: Bound::AtMost(bound),
        of,
    }
}

use Metric::{AddedP99, Bytes, CallsPerSecond, Cpu, MegabytesPerSecond, P50, ServerMemory};

const FLOOR: Option<&str> = Some("floor");
const FLOOR_TLS: Option<&str> = Some("floor-tls");
const TARPC: Option<&str> = Some("tarpc");
const JSONRPSEE: Option<&str> = Some("jsonrpsee");
const TONIC: Option<&str> = Some("tonic");
const TOKIO: Option<&str> = Some("hardlight");

/// All goals.
#[rustfmt::skip]
pub const ALL: &[Goal] = &[
    at_most("latency", P50, "hardlight", 1.5, FLOOR),
    at_most("latency", P50, "hardlight", 0.8, TARPC),
    at_least("pipeline", CallsPerSecond, "hardlight", 0.4, FLOOR),
    at_least("pipeline", CallsPerSecond, "hardlight", 3.0, TARPC),
    at_least("pipeline", CallsPerSecond, "hardlight", 9.0, JSONRPSEE),
    at_least("pipeline", CallsPerSecond, "hardlight", 20.0, TONIC),
    at_most("pipeline", Cpu, "hardlight", 2.0, None),
    at_least("pipeline-split", CallsPerSecond, "hardlight", 2.5, TARPC),
    at_least("many", CallsPerSecond, "hardlight", 0.5, FLOOR),
    at_least("many", CallsPerSecond, "hardlight", 1.4, TARPC),
    at_least("bulk", MegabytesPerSecond, "hardlight", 0.65, FLOOR),
    at_least("fanout", CallsPerSecond, "hardlight", 0.9, FLOOR),
    at_least("fanout", CallsPerSecond, "hardlight", 1.2, JSONRPSEE),
    at_most("idle-2k", ServerMemory, "hardlight", 1.1, FLOOR),
    at_most("idle-10k", ServerMemory, "hardlight", 1.1, FLOOR),
    at_most("wire", Bytes, "hardlight", 21.0, None),
    at_most("beside", AddedP99, "hardlight", 1000.0, None),
    at_least("pipeline", CallsPerSecond, "hardlight-smol", 0.8, TOKIO),
    at_least("pipeline", CallsPerSecond, "hardlight-async-std", 0.8, TOKIO),
    at_least("pipeline-split", CallsPerSecond, "hardlight-smol", 0.8, TOKIO),
    at_least("pipeline-split", CallsPerSecond, "hardlight-async-std", 0.8, TOKIO),
    at_least("many", CallsPerSecond, "hardlight-smol", 0.8, TOKIO),
    at_least("many", CallsPerSecond, "hardlight-async-std", 0.8, TOKIO),
    at_most("latency", P50, "hardlight-tls", 1.5, FLOOR_TLS),
    at_least("pipeline", CallsPerSecond, "hardlight-tls", 0.4, FLOOR_TLS),
    at_least("many", CallsPerSecond, "hardlight-tls", 0.5, FLOOR_TLS),
    at_least("bulk", MegabytesPerSecond, "hardlight-tls", 0.65, FLOOR_TLS),
    at_most("idle-2k", ServerMemory, "hardlight-tls", 1.1, FLOOR_TLS),
    at_most("idle-10k", ServerMemory, "hardlight-tls", 1.1, FLOOR_TLS),
    at_most("beside", AddedP99, "hardlight-tls", 1000.0, None),
    // What is aimed at beyond that.
    at_least("pipeline", CallsPerSecond, "hardlight", 1e6, None),
    at_least("bulk", MegabytesPerSecond, "hardlight", 1500.0, None),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{load, results::tests::results};

    fn estimate(low: f64, high: f64) -> Estimate {
        Estimate {
            low,
            median: low.midpoint(high),
            high,
        }
    }

    #[test]
    fn a_goal_is_met_only_by_the_whole_interval() {
        assert_eq!(
            Bound::AtLeast(2.0).verdict(estimate(2.0, 3.0)),
            Verdict::Met
        );
        assert_eq!(
            Bound::AtLeast(2.0).verdict(estimate(1.9, 3.0)),
            Verdict::Undecided
        );
        assert_eq!(Bound::AtMost(2.0).verdict(estimate(1.0, 2.0)), Verdict::Met);
        assert_eq!(
            Bound::AtMost(2.0).verdict(estimate(1.0, 2.1)),
            Verdict::Undecided
        );
    }

    #[test]
    fn it_falls_short_only_if_the_interval_excludes_the_bound() {
        assert_eq!(
            Bound::AtLeast(2.0).verdict(estimate(1.0, 1.9)),
            Verdict::FallsShort
        );
        assert_eq!(
            Bound::AtMost(2.0).verdict(estimate(2.1, 3.0)),
            Verdict::FallsShort
        );
    }

    #[test]
    fn a_ratio_is_that_of_the_systems() {
        let systems: &[(&str, &[f64])] = &[("hardlight", &[3.0; 9]), ("floor", &[2.0; 9])];
        let measured = results("latency", Metric::P50, systems);
        let goal = &ALL[0];
        let estimate = goal.estimate(&measured).unwrap();
        assert_eq!(estimate.median, 1.5);
        assert_eq!(goal.bound.verdict(estimate), Verdict::Met);
        assert_eq!(ALL[1].estimate(&measured), None);
    }

    #[test]
    fn goals_are_about_what_the_tables_show() {
        for goal in ALL {
            let load = load::find(goal.load).unwrap();
            assert!(load.metrics.contains(&goal.metric), "{goal:?}");
        }
    }
}
