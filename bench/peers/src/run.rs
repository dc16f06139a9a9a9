//! Rounds: every system on every load, and all of that again.

use std::{
    io,
    time::{Duration, Instant},
};

use hardlight_fanout::{Process, Server};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    dialogue::MILESTONE,
    load::{Kind, Load},
    machine::{Busy, Machine},
    measure::{Metric, Sample, Times},
    proxy::{self, Passed},
    results::{Cell, Error, Results, Settings},
    server::Usage,
    systems::{ENVIRONMENT, Subject, Target},
    work::nanoseconds,
};

/// What a round of one system on one load may take, and then is given up.
const LIMIT: Duration = Duration::from_secs(180);

/// What is to be measured.
#[derive(Debug)]
pub struct Plan {
    pub loads: Vec<&'static Load>,
    pub systems: Vec<&'static Subject>,
    pub settings: Settings,
}

/// A system on a load.
type Pair = (&'static Load, &'static Subject);

impl Plan {
    /// Measures it, in rounds: so what else the machine does meets all systems. `keep` gets what is there after each round.
    ///
    /// # Errors
    ///
    /// That of `keep`.
    pub fn run(&self, keep: impl Fn(&Results) -> Result<(), Error>) -> Result<Results, Error> {
        let pairs = self.pairs();
        let cells = pairs.iter().map(|(load, subject)| Cell::new(load, subject));
        let mut results = Results {
            machine: Machine::here(),
            settings: self.settings.clone(),
            cells: cells.collect(),
        };
        let (mut others, mut took) = (0.0, 0.0);
        let progress = progress(pairs.len() * self.settings.rounds);
        for round in 0..self.settings.rounds {
            for at in order(&pairs, round) {
                let (load, subject) = pairs[at];
                progress.set_message(format!("{} {}", load.name, subject.name));
                let (begin, busy) = (Instant::now(), Busy::now());
                let sample = measure(load, subject, &self.settings);
                // The clients of this one belong to its server, so nobody counts them as ours.
                if !matches!(load.kind, Kind::Fanout { .. }) {
                    others += busy.others();
                    took += begin.elapsed().as_secs_f64();
                }
                let sample = sample.inspect_err(|error| {
                    progress.suspend(|| eprintln!("{} {}: {error}", load.name, subject.name));
                });
                results.cells[at].rounds.push(sample.ok());
                progress.inc(1);
            }
            if took > 0.0 {
                results.machine.others = others / took;
            }
            results.settings.rounds = round + 1;
            keep(&results)?;
        }
        progress.finish_and_clear();
        Ok(results)
    }

    fn pairs(&self) -> Vec<Pair> {
        let suiting = |load: &'static Load| {
            let systems = self.systems.iter().copied();
            systems
                .filter(|subject| load.suits(subject))
                .map(move |subject| (load, subject))
        };
        self.loads.iter().copied().flat_map(suiting).collect()
    }
}

impl Cell {
    fn new(load: &Load, subject: &Subject) -> Self {
        Self {
            load: load.name.to_owned(),
            system: subject.name.to_owned(),
            rounds: Vec::new(),
        }
    }
}

/// Systems take turns in who is first at a load.
fn order(pairs: &[Pair], round: usize) -> Vec<usize> {
    let indexes: Vec<_> = (0..pairs.len()).collect();
    let loads = indexes.chunk_by(|&a, &b| pairs[a].0.name == pairs[b].0.name);
    loads
        .flat_map(|systems| {
            let mut systems = systems.to_vec();
            let first = round % systems.len();
            systems.rotate_left(first);
            systems
        })
        .collect()
}

fn progress(length: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {pos}/{len} {eta} {msg}");
    ProgressBar::new(length as u64).with_style(style.expect("it is a template"))
}

/// Why a system gave nothing.
#[derive(Debug)]
enum Failure {
    /// A process ended, or took so long that it was ended.
    Ended(&'static str),
    /// It said something that is not understood.
    Said(String),
    /// There is no port for the proxy.
    Proxy(io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended(who) => write!(f, "the {who} has ended"),
            Self::Said(line) => write!(f, "not understood: {line}"),
            Self::Proxy(error) => write!(f, "no proxy: {error}"),
        }
    }
}

fn measure(load: &Load, subject: &Subject, settings: &Settings) -> Result<Sample, Failure> {
    if let Kind::Fanout {
        connections,
        events,
    } = load.kind(settings.quick)
    {
        let kind = subject.fanout.expect("the load suits it");
        return Ok(fanout(kind, connections, events));
    }
    let mut server = Counted::default();
    let mut arguments = vec!["client", subject.name, load.name];
    let times = [
        ("--warm-up", settings.warm_up_ms.to_string()),
        ("--measured", settings.measured_ms.to_string()),
        ("--idle", settings.idle_ms.to_string()),
    ];
    arguments.extend(times.iter().flat_map(|(name, ms)| [name, ms.as_str()]));
    if settings.quick {
        arguments.push("--quick");
    }
    let target;
    if !load.one_process {
        let mut process = Process::start(&["serve", subject.name], ENVIRONMENT).limit(LIMIT);
        let heard = process.try_hear().ok_or(Failure::Ended("server"))?;
        server.process = Some(process);
        target = match load.kind {
            Kind::Wire { .. } => server.put_between(&heard)?,
            _ => heard,
        };
        arguments.extend(["--target", &target]);
    }
    let client = Process::start(&arguments, ENVIRONMENT).limit(LIMIT);
    listen(client, &mut server, load)
}

/// What is looked at besides the client.
#[derive(Default)]
struct Counted {
    process: Option<Process>,
    passed: Option<Passed>,
}

/// What it has used at a milestone.
struct Noted {
    usage: Option<Usage>,
    passed: Option<[u64; 2]>,
}

impl Counted {
    /// Puts a proxy before the server: where clients are to connect to then.
    fn put_between(&mut self, target: &str) -> Result<String, Failure> {
        let mut target: Target = target.parse().map_err(Failure::Said)?;
        let (address, passed) = proxy::start(target.address).map_err(Failure::Proxy)?;
        target.address = address;
        self.passed = Some(passed);
        Ok(target.to_string())
    }

    fn note(&mut self) -> Result<Noted, Failure> {
        let usage = match &mut self.process {
            None => None,
            Some(process) => {
                process.tell("");
                let line = process.try_hear().ok_or(Failure::Ended("server"))?;
                Some(Usage::parse(&line).ok_or(Failure::Said(line))?)
            }
        };
        let passed = self.passed.as_ref().map(Passed::bytes);
        Ok(Noted { usage, passed })
    }
}

/// Notes what happens between the client's milestones, and adds it to what the client says in the end.
fn listen(mut client: Process, server: &mut Counted, load: &Load) -> Result<Sample, Failure> {
    let mut noted = Vec::new();
    let line = loop {
        let line = client.try_hear().ok_or(Failure::Ended("client"))?;
        if line != MILESTONE {
            break line;
        }
        noted.push(server.note()?);
        client.tell("");
    };
    let mut sample: Sample = serde_json::from_str(&line).map_err(|_| Failure::Said(line))?;
    let [begin, end] = &noted[..] else {
        return Err(Failure::Said(format!("{} milestones", noted.len())));
    };
    let calls = sample.get(&Metric::Calls).copied().unwrap_or(1.0);
    if let (Some(begin), Some(end)) = (begin.usage, end.usage) {
        match load.kind {
            Kind::Idle { .. } => {
                let grown = end.resident as f64 - begin.resident as f64;
                sample.insert(Metric::ServerMemory, grown / calls / 1024.0);
            }
            Kind::Calls { .. } => {
                let server = (end.cpu - begin.cpu) * 1e6 / calls;
                let client = sample.get(&Metric::ClientCpu).copied().unwrap_or_default();
                sample.extend([(Metric::ServerCpu, server), (Metric::Cpu, client + server)]);
            }
            _ => {}
        }
    }
    if let (Some(begin), Some(end)) = (begin.passed, end.passed) {
        let [up, down] = [0, 1].map(|way| (end[way] - begin[way]) as f64 / calls);
        sample.extend([
            (Metric::Bytes, up + down),
            (Metric::BytesUp, up),
            (Metric::BytesDown, down),
        ]);
    }
    Ok(sample)
}

fn fanout(kind: &str, connections: usize, events: usize) -> Sample {
    let mut server = Server::start(kind, connections);
    // The first events find cold caches.
    drop(server.round(events));
    let round = server.round(events);
    let begin = Instant::now();
    let times = round
        .times
        .iter()
        .map(|&time| nanoseconds(begin, begin + time));
    let times = Times::new(&times.collect::<Vec<_>>());
    let deliveries = (connections * events) as f64;
    let mut sample = Sample::from([
        (Metric::Calls, deliveries),
        (Metric::CallsPerSecond, deliveries / round.seconds()),
        (Metric::ServerCpu, round.cpu * 1e6 / deliveries),
    ]);
    sample.extend(times.percentiles());
    sample
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{load, systems};

    fn plan(loads: &[&str], systems: &[&str]) -> Plan {
        Plan {
            loads: loads.iter().filter_map(|name| load::find(name)).collect(),
            systems: systems
                .iter()
                .filter_map(|name| systems::find(name))
                .collect(),
            settings: Settings {
                rounds: 1,
                warm_up_ms: 1,
                measured_ms: 1,
                idle_ms: 1,
                quick: true,
                workers: "2".to_owned(),
            },
        }
    }

    #[test]
    fn a_load_is_left_out_for_systems_that_cannot_do_it() {
        let pairs = plan(&["latency", "beside", "fanout"], &["floor", "lean"]).pairs();
        let names: Vec<_> = pairs
            .iter()
            .map(|(load, subject)| (load.name, subject.name))
            .collect();
        assert_eq!(
            names,
            [
                ("latency", "floor"),
                ("latency", "lean"),
                ("beside", "lean"),
                ("fanout", "floor")
            ]
        );
    }

    #[test]
    fn systems_take_turns_in_who_is_first() {
        let pairs = plan(&["latency", "wire"], &["floor", "lean", "hardlight"]).pairs();
        assert_eq!(order(&pairs, 0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(order(&pairs, 1), [1, 2, 0, 4, 5, 3]);
        assert_eq!(order(&pairs, 3), [0, 1, 2, 3, 4, 5]);
    }
}
