//! What a run has given, as it is kept.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    machine::Machine,
    measure::{Metric, Sample},
    stats::Estimate,
};

#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    pub machine: Machine,
    pub settings: Settings,
    pub cells: Vec<Cell>,
}

/// How it was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub rounds: usize,
    pub warm_up_ms: u64,
    pub measured_ms: u64,
    /// How long connections are idle before their memory is looked at.
    pub idle_ms: u64,
    /// Less work than the loads are about: the figures mean nothing.
    pub quick: bool,
    /// Threads that run tasks, of each process.
    pub workers: String,
}

/// One system on one load.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cell {
    pub load: String,
    pub system: String,
    /// What each round gave, `None` where it failed.
    pub rounds: Vec<Option<Sample>>,
}

impl Cell {
    /// What each round gave for a metric.
    pub fn series(&self, metric: Metric) -> Vec<Option<f64>> {
        let value = |sample: &Option<Sample>| sample.as_ref()?.get(&metric).copied();
        self.rounds.iter().map(value).collect()
    }

    pub fn estimate(&self, metric: Metric) -> Option<Estimate> {
        Estimate::of(self.series(metric).into_iter().flatten())
    }
}

impl Results {
    pub fn cell(&self, load: &str, system: &str) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| cell.load == load && cell.system == system)
    }

    /// How many times as much one system has of a metric as another: round by round, each beside the other's of the same
    /// round.
    pub fn ratio(&self, load: &str, metric: Metric, system: &str, of: &str) -> Option<Estimate> {
        let ours = self.cell(load, system)?.series(metric);
        let theirs = self.cell(load, of)?.series(metric);
        Estimate::of(
            ours.iter()
                .zip(theirs)
                .filter_map(|(our, their)| Some((*our)? / their?)),
        )
    }

    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        fs::write(path, serde_json::to_string_pretty(self)?)?;
        Ok(())
    }

    /// # Errors
    ///
    /// If it cannot be read, or is nothing that [`write`](Self::write) has written.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    }
}

/// Why something went wrong that is no fault of what was measured.
pub type Error = Box<dyn std::error::Error>;

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Results of one load, in which each system had these values of a metric.
    pub fn results(load: &str, metric: Metric, systems: &[(&str, &[f64])]) -> Results {
        let sample = |&value: &f64| Some(Sample::from([(metric, value)]));
        let cells = systems.iter().map(|(system, values)| Cell {
            load: load.to_owned(),
            system: (*system).to_owned(),
            rounds: values.iter().map(sample).collect(),
        });
        Results {
            machine: Machine::default(),
            settings: Settings {
                rounds: systems.first().map_or(0, |(_, values)| values.len()),
                warm_up_ms: 1,
                measured_ms: 1,
                idle_ms: 1,
                quick: false,
                workers: "2".to_owned(),
            },
            cells: cells.collect(),
        }
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        // The machine was twice as fast in the last rounds: that is in both.
        let systems: &[(&str, &[f64])] =
            &[("a", &[1.0, 1.0, 2.0, 2.0]), ("b", &[2.0, 2.0, 4.0, 4.0])];
        let results = results("wire", Metric::Bytes, systems);
        let ratio = results.ratio("wire", Metric::Bytes, "a", "b").unwrap();
        assert_eq!((ratio.low, ratio.median, ratio.high), (0.5, 0.5, 0.5));
    }

    #[test]
    fn a_round_that_failed_is_left_out() {
        let systems: &[(&str, &[f64])] = &[("a", &[1.0, 8.0]), ("b", &[2.0, 2.0])];
        let mut results = results("wire", Metric::Bytes, systems);
        results.cells[1].rounds[1] = None;
        let ratio = results.ratio("wire", Metric::Bytes, "a", "b").unwrap();
        assert_eq!((ratio.low, ratio.high), (0.5, 0.5));
    }

    #[test]
    fn what_was_written_is_read() {
        let json =
            serde_json::to_string(&results("wire", Metric::Bytes, &[("a", &[1.5])])).unwrap();
        let read: Results = serde_json::from_str(&json).unwrap();
        assert_eq!(
            read.cell("wire", "a").unwrap().series(Metric::Bytes),
            [Some(1.5)]
        );
    }
}
