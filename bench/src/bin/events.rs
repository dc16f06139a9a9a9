//! Figures of the event hub, in memory: fan-out, and what a million topics take.
//!
//! `cargo run --release --manifest-path bench/Cargo.toml --bin events`

use std::{
    cell::Cell,
    io,
    rc::Rc,
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use futures_executor::LocalPool;
use futures_util::{FutureExt, task::LocalSpawnExt};
use hardlight_driver::{Acceptor, Clock, EventHub, Incoming, Outgoing, Service, Timer, Transport};
use hardlight_macros::{Events, rpc};
use hardlight_proto::{Frame, Hello, Limits, MAX_MESSAGE_BYTES, Time};

#[derive(Events)]
#[events(crate = ::hardlight_driver)]
enum Tick {
    At { payload: [u8; 64] },
}

#[rpc(events = Tick, crate = ::hardlight_driver)]
trait Ticks {
    async fn nothing(&self);
}

impl Ticks for ticks::Handler {
    async fn nothing(&self) {}
}

const TICK: [u8; 64] = [7; 64];

/// A client that has said Hello, reads all that it is sent, and says nothing more.
struct Reader {
    hello: Option<Bytes>,
    messages: Rc<Cell<u64>>,
}

impl Transport for Reader {
    type Error = io::Error;

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Incoming, io::Error>>> {
        match self.hello.take() {
            Some(hello) => Poll::Ready(Some(Ok(Incoming::Message(hello)))),
            None => Poll::Pending,
        }
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(&mut self, _: Outgoing) -> io::Result<()> {
        self.messages.set(self.messages.get() + 1);
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Never;

impl Timer for Never {
    fn now(&self) -> Time {
        Time::ZERO
    }

    fn clock(&self) -> Clock {
        Clock::new(|| Time::ZERO)
    }

    fn reset(&mut self, _: Time) {}

    fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

fn hello() -> Bytes {
    let hello = Hello {
        max_frame_bytes: MAX_MESSAGE_BYTES,
        ..Hello::new()
    };
    let mut out = BytesMut::new();
    Frame::Hello(hello.into()).encode(&mut out);
    out.freeze()
}

fn main() {
    println!("One event of 64 bytes to all connections of one thread, in memory\n");
    println!("| connections | deliveries/s | emit, a subscriber | emit to last, p50 | p99 |");
    println!("|---|---|---|---|---|");
    for (connections, rounds) in [(1_000, 2_000), (10_000, 200)] {
        fan_out(connections, rounds);
    }
    println!("\nTimes are those that the thread ran, so that others on the machine do not count.");
    println!("\nEmitters on threads, each on a topic of its own with 10 subscribers\n");
    println!("| threads | CPU, an event, of the slowest |");
    println!("|---|---|");
    for threads in [1, 2] {
        emitters(threads);
    }
    println!("\nTopics with one subscriber each\n");
    println!("| topics | bytes a topic | emit to one, ns | emit to nobody, ns |");
    println!("|---|---|---|---|");
    for topics in [1_000, 10_000, 100_000, 1_000_000] {
        many_topics(topics);
    }
}

fn fan_out(connections: usize, rounds: usize) {
    let (hub, mut pool) = (EventHub::new(), LocalPool::new());
    let messages = Rc::new(Cell::new(0));
    for _ in 0..connections {
        let acceptor = Acceptor::<ticks::Connection>::new(Limits::new(), &hub);
        let connection = acceptor.connection();
        connection.subscriptions.add("all").expect("a short name");
        let reader = Reader {
            hello: Some(hello()),
            messages: Rc::clone(&messages),
        };
        let serving = acceptor.serve(ticks::Handler::new(connection), reader, Never);
        pool.spawner()
            .spawn_local(serving.map(drop))
            .expect("the pool is there");
    }
    pool.run_until_stalled();
    let emitter = hub.emitter::<Tick>();
    messages.set(0);
    let (mut emitting, mut running, mut whole) = (Duration::ZERO, Duration::ZERO, Vec::new());
    for _ in 0..rounds {
        let (start, before) = (Instant::now(), thread_time());
        assert_eq!(emitter.emit("all", Tick::At { payload: TICK }), connections);
        emitting += thread_time() - before;
        pool.run_until_stalled();
        running += thread_time() - before;
        whole.push(start.elapsed());
    }
    assert_eq!(messages.get(), (connections * rounds) as u64);
    whole.sort_unstable();
    let deliveries = (connections * rounds) as f64;
    println!(
        "| {connections} | {:.2} M | {:.0} ns | {:.2?} | {:.2?} |",
        deliveries / running.as_secs_f64() / 1e6,
        emitting.as_nanos() as f64 / deliveries,
        whole[rounds / 2],
        whole[rounds * 99 / 100],
    );
}

/// Connections that are not served: what is emitted to them is dropped at once.
fn idle(
    hub: &EventHub,
    connections: usize,
    topic_bytes: usize,
) -> Vec<Acceptor<ticks::Connection>> {
    let limits = Limits::new()
        .with_max_queued_event_bytes(0)
        .with_max_topic_bytes(topic_bytes);
    (0..connections)
        .map(|_| Acceptor::new(limits.clone(), hub))
        .collect()
}

fn emitters(threads: usize) {
    const EVENTS: usize = 200_000;
    let hub = EventHub::new();
    let connections = idle(&hub, 10 * threads, 1 << 20);
    for (place, connection) in connections.iter().enumerate() {
        let topic = format!("topic{}", place / 10);
        connection
            .connection()
            .subscriptions
            .add(topic)
            .expect("a short name");
    }
    let mut times = Vec::new();
    thread::scope(|scope| {
        let mut running = Vec::new();
        for number in 0..threads {
            let emitter = hub.emitter::<Tick>();
            let topic = hardlight_driver::Topic::from(format!("topic{number}"));
            running.push(scope.spawn(move || {
                let start = thread_time();
                for _ in 0..EVENTS {
                    emitter.emit(&topic, Tick::At { payload: TICK });
                }
                thread_time() - start
            }));
        }
        times.extend(
            running
                .into_iter()
                .map(|thread| thread.join().expect("it ends")),
        );
    });
    let slowest = times.iter().max().expect("there is one").as_nanos() as f64;
    println!("| {threads} | {:.0} ns |", slowest / EVENTS as f64);
}

fn many_topics(topics: usize) {
    const CONNECTIONS: usize = 100;
    const EVENTS: usize = 500_000;
    let hub = EventHub::new();
    let connections = idle(&hub, CONNECTIONS, usize::MAX / 2);
    let connections: Vec<_> = connections.iter().map(Acceptor::connection).collect();
    let name = |number: usize| format!("user/{number:08}/inbox");
    let before = resident();
    for number in 0..topics {
        // So that those that are emitted on are of all connections, however many topics there are.
        let connection = number / (topics / 1_000) % CONNECTIONS;
        let subscriptions = &connections[connection].subscriptions;
        subscriptions.add(name(number)).expect("a short name");
    }
    let bytes = resident().saturating_sub(before) as f64 / topics as f64;
    let emitter = hub.emitter::<Tick>();
    // Spread over all topics, and made before, so that only the lookup differs.
    let spread = |offset: usize| {
        let step = 7_919;
        (0..10_000)
            .map(move |place| (place * step) % topics + offset)
            .map(name)
    };
    let there: Vec<_> = spread(0).map(hardlight_driver::Topic::from).collect();
    let absent: Vec<_> = spread(topics).map(hardlight_driver::Topic::from).collect();
    let time = |names: &[hardlight_driver::Topic], reached: usize| {
        let start = thread_time();
        for place in 0..EVENTS {
            let topic = &names[place % names.len()];
            assert_eq!(emitter.emit(topic, Tick::At { payload: TICK }), reached);
        }
        (thread_time() - start).as_nanos() as f64 / EVENTS as f64
    };
    let (one, nobody) = (time(&there, 1), time(&absent, 0));
    println!("| {topics} | {bytes:.0} | {one:.0} | {nobody:.0} |");
    let _ = <ticks::Connection as Service>::schema();
}

/// How long this thread has run.
fn thread_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let ran = statistics
        .split(' ')
        .next()
        .and_then(|ran| ran.parse().ok());
    Duration::from_nanos(ran.expect("nanoseconds"))
}

/// What the process holds in memory, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("pages");
    pages * 4096
}
