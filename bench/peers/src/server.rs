//! The process of a server.

use std::{
    io::{BufRead, stdin},
    process::exit,
    thread,
};

use hardlight_fanout::{cpu_time, resident};

use crate::{
    dialogue,
    systems::{System, Target},
};

/// Serves, says where, and for every line of its input what it has used. It ends with its input.
pub fn run<S: System>() {
    thread::spawn(|| {
        for _ in stdin().lock().lines().map_while(Result::ok) {
            dialogue::say(&Usage::now());
        }
        exit(0);
    });
    let ready = |target: Target| dialogue::say(&target);
    <S::Runtime as crate::systems::Runtime>::block_on(S::serve(ready));
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Of the processors, in seconds.
    pub cpu: f64,
    /// Of memory, in bytes.
    pub resident: usize,
}

impl Usage {
    pub fn now() -> Self {
        Self {
            cpu: cpu_time(),
            resident: resident(),
        }
    }

    /// What another process has said.
    pub fn parse(line: &str) -> Option<Self> {
        let (cpu, resident) = line.split_once(' ')?;
        Some(Self {
            cpu: cpu.parse().ok()?,
            resident: resident.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.cpu, self.resident)
    }
}
