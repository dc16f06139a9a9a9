//! The process of a client.

use std::{
    sync::mpsc,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use hardlight_fanout::cpu_time;

use crate::{
    dialogue::milestone,
    load::{Kind, Order},
    measure::{Metric, Sample, Times},
    server::Usage,
    systems::{Runtime, System, Target, start},
    work::{Beside, Clock, Payload, Phase, Work},
};

/// Handshakes that are under way at a time.
const CONNECTING: usize = 32;

/// Does what is ordered, with a server at the target, or with one of its own. What the server uses is for others to note.
pub fn run<S: System>(order: &Order, target: Option<Target>) -> Sample {
    let here = target.is_none();
    let target = target.unwrap_or_else(serve::<S>);
    match order.kind {
        Kind::Calls {
            connections,
            in_flight,
            payload,
        } => {
            let work = Work {
                in_flight,
                payload,
                clock: Clock::new(),
            };
            let mut sample = calls::<S>(&target, order, connections, &work);
            if here && let Some(cpu) = sample.remove(&Metric::ClientCpu) {
                sample.insert(Metric::Cpu, cpu);
            }
            sample
        }
        Kind::Idle { connections } => idle::<S>(&target, order, connections),
        Kind::Beside { answer_bytes } => beside::<S>(&target, order, answer_bytes),
        Kind::Wire { calls } => wire::<S>(&target, calls),
        Kind::Fanout { .. } => unreachable!("it has clients of its own"),
    }
}

/// Serves in this process.
fn serve<S: System>() -> Target {
    let (ready, target) = mpsc::channel();
    thread::spawn(|| {
        let ready = move |target| ready.send(target).expect("it waits for that");
        S::Runtime::block_on(S::serve(ready));
    });
    target.recv().expect("a server")
}

fn connect<S: System>(target: &Target, connections: usize) -> Vec<S::Connection> {
    let connecting = stream::iter(0..connections).map(|_| S::connect(target));
    S::Runtime::block_on(connecting.buffer_unordered(CONNECTING).collect())
}

fn calls<S: System>(target: &Target, order: &Order, connections: usize, work: &Work) -> Sample {
    let ends: Vec<_> = connect::<S>(target, connections)
        .into_iter()
        .map(|connection| start::<S::Runtime, _>(S::work(connection, work.clone())))
        .collect();
    sleep(order.warm_up);
    milestone();
    let (begin, cpu) = (Instant::now(), cpu_time());
    work.clock.set(Phase::Measured);
    sleep(order.measured);
    // On a machine that has much else to do there may be none.
    while !work.clock.has_counted() {
        sleep(Duration::from_millis(1));
    }
    work.clock.set(Phase::Over);
    let (took, cpu) = (begin.elapsed().as_secs_f64(), cpu_time() - cpu);
    milestone();
    let times = S::Runtime::block_on(join_all(ends)).into_iter();
    let times: Vec<_> = times
        .flat_map(|times| times.expect("its task ends"))
        .collect();
    let times = Times::new(&times);
    let calls = times.count() as f64;
    let mut sample = Sample::from([
        (Metric::Calls, calls),
        (Metric::CallsPerSecond, calls / took),
        (Metric::ClientCpu, cpu * 1e6 / calls),
    ]);
    if let Payload::Bytes(length) = work.payload {
        sample.insert(
            Metric::MegabytesPerSecond,
            calls * length as f64 / took / 1e6,
        );
    }
    sample.extend(times.percentiles());
    sample
}

fn idle<S: System>(target: &Target, order: &Order, connections: usize) -> Sample {
    // What is there once, whatever the number of connections, is there before.
    let first = touched::<S>(target, 1);
    milestone();
    let before = Usage::now();
    let rest = touched::<S>(target, connections);
    sleep(order.idle);
    let after = Usage::now();
    milestone();
    drop((first, rest));
    let grown = after.resident as f64 - before.resident as f64;
    Sample::from([
        (Metric::Calls, connections as f64),
        (Metric::ClientMemory, grown / connections as f64 / 1024.0),
    ])
}

fn touched<S: System>(target: &Target, connections: usize) -> Vec<S::Connection> {
    let mut connections = connect::<S>(target, connections);
    S::Runtime::block_on(async {
        for connection in &mut connections {
            S::touch(connection).await;
        }
    });
    connections
}

fn beside<S: System>(target: &Target, order: &Order, answer_bytes: u32) -> Sample {
    let connection = connect::<S>(target, 1).remove(0);
    let clock = Clock::new();
    let beside = Beside {
        answer_bytes,
        clock: clock.clone(),
    };
    let end = start::<S::Runtime, _>(S::beside(connection, beside));
    sleep(order.warm_up);
    milestone();
    clock.set(Phase::Measured);
    sleep(order.measured);
    clock.set(Phase::Busy);
    sleep(order.measured);
    clock.set(Phase::Over);
    milestone();
    let answered = S::Runtime::block_on(end).expect("its task ends");
    let (alone, busy) = (Times::new(&answered.alone), Times::new(&answered.busy));
    let bytes = f64::from(answered.answers) * f64::from(answer_bytes);
    Sample::from([
        (Metric::Calls, busy.count() as f64),
        (Metric::AloneP50, alone.percentile(50.0)),
        (Metric::AloneP99, alone.percentile(99.0)),
        (Metric::BesideP50, busy.percentile(50.0)),
        (Metric::BesideP99, busy.percentile(99.0)),
        (
            Metric::AddedP99,
            busy.percentile(99.0) - alone.percentile(99.0),
        ),
        (
            Metric::MegabytesPerSecond,
            bytes / answered.took.as_secs_f64() / 1e6,
        ),
    ])
}

fn wire<S: System>(target: &Target, calls: u32) -> Sample {
    let mut connection = touched::<S>(target, 1).remove(0);
    milestone();
    S::Runtime::block_on(async {
        for _ in 0..calls {
            S::touch(&mut connection).await;
        }
    });
    milestone();
    Sample::from([(Metric::Calls, calls.into())])
}
