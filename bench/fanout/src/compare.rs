//! Servers beside one another, by turns.

use std::time::Duration;

use crate::process::{Process, start};

/// Deliveries in a round of one server.
const DELIVERIES: usize = 100_000;

/// The least events in a round.
const MIN_EVENTS: usize = 10;

/// The server that others are compared with.
const BASE: &str = "tungstenite";

/// A server, and as many clients as it is to have, which are there.
#[derive(Debug)]
pub struct Server<'a> {
    kind: &'a str,
    process: Process,
    rounds: Vec<Round>,
}

/// What some events took.
#[derive(Debug)]
pub struct Round {
    /// From each event to its last delivery.
    pub times: Vec<Duration>,
    /// What the server used of the processors, in seconds.
    pub cpu: f64,
}

impl Round {
    /// What all of them took, in seconds.
    pub fn seconds(&self) -> f64 {
        self.times.iter().sum::<Duration>().as_secs_f64()
    }
}

pub fn run(connections: usize, rounds: usize, kinds: &[&str]) {
    let mut servers: Vec<_> = kinds
        .iter()
        .map(|kind| Server::start(kind, connections))
        .collect();
    let events = (DELIVERIES / connections).max(MIN_EVENTS);
    servers
        .iter_mut()
        .for_each(|server| drop(server.round(events)));
    for round in 0..rounds {
        // Not always in the same order.
        for place in 0..servers.len() {
            let server = (round + place) % servers.len();
            let server = &mut servers[server];
            let round = server.round(events);
            server.rounds.push(round);
        }
    }
    println!("{connections} connections, {rounds} rounds of {events} events for each server\n");
    println!(
        "| server | deliveries/s | emit to last, p50 | p99 | its CPU, a delivery | throughput beside {BASE} | CPU beside it |"
    );
    println!("|---|---|---|---|---|---|---|");
    let base = servers.iter().find(|server| server.kind == BASE);
    for server in &servers {
        println!("{}", server.row(connections * events, base));
    }
    println!();
}

impl<'a> Server<'a> {
    /// Starts a server, of one of [`KINDS`](crate::KINDS).
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn start(kind: &'a str, connections: usize) -> Self {
        let mut process = start(&["serve", kind, &connections.to_string()]);
        assert_eq!(process.hear(), "ready");
        Self {
            kind,
            process,
            rounds: Vec::new(),
        }
    }

    /// Has it emit so many events, each once all clients have the one before.
    ///
    /// # Panics
    ///
    /// If the server or its clients have ended.
    pub fn round(&mut self, events: usize) -> Round {
        self.process.tell(&events.to_string());
        let line = self.process.hear();
        let mut numbers = line.split(' ');
        let cpu = numbers
            .next()
            .and_then(|cpu| cpu.parse().ok())
            .expect("seconds");
        let times = numbers.map(|time| Duration::from_nanos(time.parse().expect("nanoseconds")));
        Round {
            times: times.collect(),
            cpu,
        }
    }

    fn row(&self, deliveries: usize, base: Option<&Self>) -> String {
        let throughput = self
            .rounds
            .iter()
            .map(|round| deliveries as f64 / round.seconds());
        let cpu = self
            .rounds
            .iter()
            .map(|round| round.cpu / deliveries as f64 * 1e6);
        let mut times: Vec<_> = self.rounds.iter().flat_map(|round| &round.times).collect();
        times.sort_unstable();
        let beside = |ratio: fn(&Round, &Round) -> f64| {
            base.map_or_else(String::new, |base| {
                spread(
                    self.rounds
                        .iter()
                        .zip(&base.rounds)
                        .map(|(our, base)| ratio(our, base)),
                )
            })
        };
        format!(
            "| {} | {:.0} | {:.2?} | {:.2?} | {:.2} us | {} | {} |",
            self.kind,
            median(throughput),
            times[times.len() / 2],
            times[times.len() * 99 / 100],
            median(cpu),
            beside(|our, base| base.seconds() / our.seconds()),
            beside(|our, base| our.cpu / base.cpu),
        )
    }
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let numbers = sorted(numbers);
    numbers[numbers.len() / 2]
}

/// The median, and the quarters beside it.
fn spread(numbers: impl Iterator<Item = f64>) -> String {
    let numbers = sorted(numbers);
    let at = |quarter: usize| numbers[(numbers.len() - 1) * quarter / 4];
    format!("{:.2} ({:.2} to {:.2})", at(2), at(1), at(3))
}
