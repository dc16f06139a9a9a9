//! Many clients that read, and one that does not.

use std::time::Duration;

use hardlight::{Limits, ServerOptions};

use crate::{
    clients,
    process::{cpu_time, resident, start},
    servers::{self, Tick},
};

/// Runs of either kind, which take turns.
const RUNS: usize = 2;

/// Events that may wait for a client, in bytes.
const MAX_QUEUED_BYTES: usize = 64 << 10;

pub fn run(connections: usize, rate: usize, seconds: usize) {
    println!(
        "{connections} connections, {rate} events a second for {seconds} s each; \
         no more than {MAX_QUEUED_BYTES} bytes of events wait for a client\n"
    );
    println!(
        "| one more client | events/s | deliveries/s | p50 | p99 | server's CPU | its memory | grown by |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let (connections, rate) = (connections.to_string(), rate.to_string());
    let seconds = seconds.to_string();
    for _ in 0..RUNS {
        for stalls in ["reads", "stalled"] {
            let arguments = ["serve", "hardlight", &connections, stalls, &rate, &seconds];
            println!("{}", start(&arguments).hear());
        }
    }
    println!();
}

/// The process of the server.
pub async fn serve(connections: usize, rest: &[&str]) {
    let [stalls, rate, seconds] = *rest else {
        panic!("how fast, and for how long?")
    };
    let server = servers::hardlight().await;
    // One that stalls would be given up for not answering.
    let limits = Limits::new()
        .with_heartbeat_interval(None)
        .with_max_queued_event_bytes(MAX_QUEUED_BYTES);
    let server = server.with_options(ServerOptions::new().limits(limits));
    let (address, emitter) = (server.local_addr().to_string(), server.emitter::<Tick>());
    tokio::spawn(server.run());
    let reading = if stalls == "stalled" {
        connections
    } else {
        connections + 1
    };
    let arguments = [
        "clients",
        "hardlight",
        &address,
        &reading.to_string(),
        stalls,
        seconds,
    ];
    let mut clients = start(&arguments);
    tokio::task::block_in_place(|| assert_eq!(clients.hear(), "ready"));
    let interval =
        Duration::from_secs(1) / u32::try_from(crate::number(rate)).expect("not so fast");
    let mut ticks = tokio::time::interval(interval);
    let (before, used) = (resident(), cpu_time());
    let measured = tokio::task::spawn_blocking(move || clients.hear());
    let (mut emitted, start) = (0_u32, std::time::Instant::now());
    while !measured.is_finished() {
        ticks.tick().await;
        let mut payload = [7; 64];
        payload[..8].copy_from_slice(&clients::now().to_le_bytes());
        emitter.emit("all", Tick::At { payload });
        emitted += 1;
    }
    let (took, used, after) = (start.elapsed().as_secs_f64(), cpu_time() - used, resident());
    let line = measured.await.expect("the clients run");
    let numbers: Vec<_> = line
        .split(' ')
        .map(|number| crate::number(number) as f64)
        .collect();
    let [deliveries, median, slowest] = *numbers else {
        panic!("three numbers")
    };
    println!(
        "| {stalls} | {:.0} | {:.0} | {:.2} ms | {:.2} ms | {:.2} s/s | {:.1} MiB | {:.1} MiB |",
        f64::from(emitted) / took,
        deliveries / crate::number(seconds) as f64,
        median / 1e3,
        slowest / 1e3,
        used / took,
        after as f64 / f64::from(1 << 20),
        (after as f64 - before as f64) / f64::from(1 << 20),
    );
}
