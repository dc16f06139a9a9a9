//! What the systems are to do.

use std::time::Duration;

use crate::{measure::Metric, systems::Subject, work::Payload};

/// Some work, the same for all systems.
#[derive(Debug)]
pub struct Load {
    pub name: &'static str,
    pub about: &'static str,
    pub kind: Kind,
    /// Whether client and server are one process, with threads in common.
    pub one_process: bool,
    /// What its table shows. The first is what it is about.
    pub metrics: &'static [Metric],
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Calls, so many at a time on each of so many connections.
    Calls {
        connections: usize,
        in_flight: usize,
        payload: Payload,
    },
    /// Connections on which one call was made, and nothing more.
    Idle { connections: usize },
    /// Calls of a number at a steady pace, at first alone and then while long answers of so many bytes are on the way.
    Beside { answer_bytes: u32 },
    /// The bytes of calls, one after another.
    Wire { calls: u32 },
    /// Events to so many connections, each once all have the one before.
    Fanout { connections: usize, events: usize },
}

/// What a client is to do, and for how long.
#[derive(Debug)]
pub struct Order {
    pub kind: Kind,
    pub warm_up: Duration,
    pub measured: Duration,
    /// How long connections are idle before their memory is looked at.
    pub idle: Duration,
}

impl Load {
    /// Whether a system can do it.
    pub const fn suits(&self, subject: &Subject) -> bool {
        match self.kind {
            Kind::Calls { .. } | Kind::Idle { .. } | Kind::Wire { .. } => true,
            Kind::Beside { .. } => subject.calls,
            Kind::Fanout { .. } => subject.fanout.is_some(),
        }
    }

    /// What it is about.
    pub const fn main(&self) -> Metric {
        self.metrics[0]
    }

    /// What is to be done: if `quick`, less than it is about, to see that it works.
    pub fn kind(&self, quick: bool) -> Kind {
        match self.kind {
            Kind::Idle { .. } if quick => Kind::Idle { connections: 50 },
            Kind::Beside { .. } if quick => Kind::Beside {
                answer_bytes: 4 << 20,
            },
            Kind::Wire { .. } if quick => Kind::Wire { calls: 5 },
            Kind::Fanout { .. } if quick => Kind::Fanout {
                connections: 50,
                events: 5,
            },
            kind => kind,
        }
    }
}

const NUMBERS: &[Metric] = &[
    Metric::CallsPerSecond,
    Metric::Cpu,
    Metric::P50,
    Metric::P99,
    Metric::P999,
];

const BULK: &[Metric] = &[
    Metric::MegabytesPerSecond,
    Metric::Cpu,
    Metric::P50,
    Metric::P99,
    Metric::P999,
];

const MEMORY: &[Metric] = &[Metric::ServerMemory, Metric::ClientMemory];

const ONE_BY_256: Kind = Kind::Calls {
    connections: 1,
    in_flight: 256,
    payload: Payload::Number,
};

const FIFTY_BY_4: Kind = Kind::Calls {
    connections: 50,
    in_flight: 4,
    payload: Payload::Number,
};

const SIXTEEN_LONG: Kind = Kind::Calls {
    connections: 1,
    in_flight: 16,
    payload: Payload::Bytes(64 << 10),
};

/// All of them.
pub const ALL: &[Load] = &[
    Load {
        name: "latency",
        about: "calls of u32 to u32, one call at a time, client and server in two processes",
        kind: Kind::Calls {
            connections: 1,
            in_flight: 1,
            payload: Payload::Number,
        },
        one_process: false,
        metrics: &[
            Metric::P50,
            Metric::P99,
            Metric::P999,
            Metric::CallsPerSecond,
            Metric::Cpu,
        ],
    },
    Load {
        name: "pipeline",
        about: "calls of u32 to u32, one connection, 256 calls in flight, one process",
        kind: ONE_BY_256,
        one_process: true,
        metrics: NUMBERS,
    },
    Load {
        name: "pipeline-split",
        about: "the same in two processes",
        kind: ONE_BY_256,
        one_process: false,
        metrics: NUMBERS,
    },
    Load {
        name: "many",
        about: "calls of u32 to u32, 50 connections, 4 calls in flight on each, one process",
        kind: FIFTY_BY_4,
        one_process: true,
        metrics: NUMBERS,
    },
    Load {
        name: "many-split",
        about: "the same in two processes",
        kind: FIFTY_BY_4,
        one_process: false,
        metrics: NUMBERS,
    },
    Load {
        name: "bulk",
        about: "echo of 64 KiB, one connection, 16 in flight, one process; MB/s count one direction",
        kind: SIXTEEN_LONG,
        one_process: true,
        metrics: BULK,
    },
    Load {
        name: "bulk-split",
        about: "the same in two processes",
        kind: SIXTEEN_LONG,
        one_process: false,
        metrics: BULK,
    },
    Load {
        name: "fanout",
        about: "one event of 64 bytes to 1,000 connections, each once all have the one before; times are from emitting to the last, CPU is the server's for a delivery",
        kind: Kind::Fanout {
            connections: 1_000,
            events: 100,
        },
        one_process: false,
        metrics: &[
            Metric::CallsPerSecond,
            Metric::ServerCpu,
            Metric::P50,
            Metric::P99,
        ],
    },
    Load {
        name: "idle-2k",
        about: "memory of an idle connection, of 2,000",
        kind: Kind::Idle { connections: 2_000 },
        one_process: false,
        metrics: MEMORY,
    },
    Load {
        name: "idle-10k",
        about: "memory of an idle connection, of 10,000",
        kind: Kind::Idle {
            connections: 10_000,
        },
        one_process: false,
        metrics: MEMORY,
    },
    Load {
        name: "beside",
        about: "calls of u32 to u32, one begun every 0.5 ms, alone and while answers of 64 MiB are on the way on the same connection, in two processes",
        kind: Kind::Beside {
            answer_bytes: 64 << 20,
        },
        one_process: false,
        metrics: &[
            Metric::AddedP99,
            Metric::AloneP50,
            Metric::AloneP99,
            Metric::BesideP50,
            Metric::BesideP99,
            Metric::MegabytesPerSecond,
        ],
    },
    Load {
        name: "wire",
        about: "TCP payload of one call, u32 to u32",
        kind: Kind::Wire { calls: 100 },
        one_process: false,
        metrics: &[Metric::Bytes, Metric::BytesUp, Metric::BytesDown],
    },
];

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Load> {
    ALL.iter().find(|load| load.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (at, load) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.name != load.name));
        }
    }
}
