//! What a round of one system on one load gives.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Something that is measured. The order is that of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    CallsPerSecond,
    MegabytesPerSecond,
    P50,
    P99,
    P999,
    Cpu,
    ClientCpu,
    ServerCpu,
    ServerMemory,
    ClientMemory,
    Bytes,
    BytesUp,
    BytesDown,
    AloneP50,
    AloneP99,
    BesideP50,
    BesideP99,
    AddedP99,
    Calls,
}

impl Metric {
    /// The head of its column, with the unit.
    pub const fn title(self) -> &'static str {
        match self {
            Self::CallsPerSecond => "calls/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::P50 => "p50 us",
            Self::P99 => "p99 us",
            Self::P999 => "p99.9 us",
            Self::Cpu => "CPU us",
            Self::ClientCpu => "client's CPU us",
            Self::ServerCpu => "server's CPU us",
            Self::ServerMemory => "server KiB",
            Self::ClientMemory => "client KiB",
            Self::Bytes => "bytes",
            Self::BytesUp => "up",
            Self::BytesDown => "down",
            Self::AloneP50 => "alone, p50 us",
            Self::AloneP99 => "alone, p99 us",
            Self::BesideP50 => "beside, p50 us",
            Self::BesideP99 => "beside, p99 us",
            Self::AddedP99 => "added to p99, us",
            Self::Calls => "calls",
        }
    }

    pub const fn is_better_if_higher(self) -> bool {
        matches!(
            self,
            Self::CallsPerSecond | Self::MegabytesPerSecond | Self::Calls
        )
    }
}

/// What was measured, each in the unit of its title.
pub type Sample = BTreeMap<Metric, f64>;

/// What calls have taken, given in nanoseconds.
#[derive(Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    pub fn new(nanoseconds: &[u32]) -> Self {
        let times = Histogram::new_with_max(u32::MAX.into(), 3);
        let mut times = times.expect("three figures are possible");
        for &time in nanoseconds {
            times
                .record(time.into())
                .expect("it is not above the maximum");
        }
        Self(times)
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that so many of a hundred calls took at most, in microseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        self.0.value_at_percentile(percent) as f64 / 1e3
    }

    /// What most, nearly all and all but few calls took.
    pub fn percentiles(&self) -> [(Metric, f64); 3] {
        [
            (Metric::P50, 50.0),
            (Metric::P99, 99.0),
            (Metric::P999, 99.9),
        ]
        .map(|(metric, percent)| (metric, self.percentile(percent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_microseconds() {
        let times: Vec<_> = (1..=1000).map(|time| time * 1_000).collect();
        let times = Times::new(&times);
        assert_eq!(times.count(), 1000);
        assert!((times.percentile(50.0) - 500.0).abs() < 2.0);
        assert!((times.percentile(99.9) - 999.0).abs() < 2.0);
    }

    #[test]
    fn metrics_are_the_keys_of_a_map_in_json() {
        let sample = Sample::from([(Metric::CallsPerSecond, 2.0), (Metric::P999, 1.5)]);
        let json = serde_json::to_string(&sample).unwrap();
        assert_eq!(json, r#"{"calls_per_second":2.0,"p999":1.5}"#);
        assert_eq!(serde_json::from_str::<Sample>(&json).unwrap(), sample);
    }
}
