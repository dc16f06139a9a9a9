//! The machine, and what else it had to do.

use std::{fs, process::Command, thread, time::SystemTime};

use hardlight_fanout::cpu_time;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use serde::{Deserialize, Serialize};

/// What Linux counts the time of its processors in, to each second.
const TICKS: f64 = 100.0;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: f64,
    pub system: String,
    pub compiler: String,
    /// The commit of this repository.
    pub revision: String,
    /// Seconds since 1970.
    pub time: u64,
    /// What else ran while systems were measured, in cores.
    pub others: f64,
}

impl Machine {
    pub fn here() -> Self {
        let meminfo = read("/proc/meminfo");
        let kilobytes = field(&meminfo, "MemTotal")
            .and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name")
                .unwrap_or_default()
                .to_owned(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory_gib: kilobytes.unwrap_or_default() / f64::from(1 << 20),
            system: format!(
                "{} {}",
                std::env::consts::OS,
                read("/proc/sys/kernel/osrelease").trim()
            ),
            compiler: env!("RUSTC_VERSION").to_owned(),
            revision: revision().unwrap_or_default(),
            time: since.map_or(0, |since| since.as_secs()),
            others: 0.0,
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

/// The commit that the sources are of; marked if they have changed since.
fn revision() -> Option<String> {
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    Some(String::from_utf8(git.stdout).ok()?.trim().to_owned())
}

/// What all processes have used of the processors so far, and what we have, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    all: f64,
    ours: f64,
}

impl Busy {
    pub fn now() -> Self {
        Self {
            all: busy(&read("/proc/stat")).unwrap_or_default(),
            ours: cpu_time() + children(),
        }
    }

    /// What others have used since, in seconds. Processes of ours count as ours once they have ended.
    pub fn others(&self) -> f64 {
        let now = Self::now();
        (now.all - self.all - (now.ours - self.ours)).max(0.0)
    }
}

/// All but what was idle, or waited for a disk.
fn busy(stat: &str) -> Option<f64> {
    let times = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace();
    let times: Vec<f64> = times.map_while(|time| time.parse().ok()).collect();
    // What guests have used, the last two, is in the first two as well.
    let all: f64 = times.get(..8)?.iter().sum();
    Some((all - times[3] - times[4]) / TICKS)
}

fn children() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts it");
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    microseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_processors_are_not_busy() {
        let stat = "cpu  100 10 50 9000 40 5 5 30 20 0\ncpu0 1 1 1 1\n";
        assert_eq!(busy(stat), Some(2.0));
        assert_eq!(busy("nonsense"), None);
    }

    #[test]
    fn a_field_is_found_whatever_space_there_is() {
        let text = "processor\t: 0\nmodel name\t: Some CPU\nMemTotal:   10 kB\n";
        assert_eq!(field(text, "model name"), Some("Some CPU"));
        assert_eq!(field(text, "MemTotal"), Some("10 kB"));
    }
}
