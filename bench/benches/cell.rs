//! What locking the connection state costs, in instructions: counted by callgrind over two numbers of rounds, so that the
//! difference is that of the rounds alone. Fails if a figure is above its bound.
//!
//! `cargo bench --bench cell`; needs valgrind.

use std::{
    convert::Infallible,
    hint::black_box,
    pin::Pin,
    process::Command,
    sync::OnceLock,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use hardlight_driver::{
    Acceptor, EventHub, Incoming, Outgoing, ServerConnection, Timer, Transport,
    proto::{
        ClientConfig, ClientEvent, Connection, ConnectionError, Limits, ServiceSchema, Time,
        Transmit,
    },
};
use hardlight_macros::{ConnectionState, rpc};

/// Few enough that all changes of a run are encoded, and none is only marked.
const ROUNDS: [u64; 2] = [200, 700];

/// Above these numbers of instructions a round, the bench fails.
const CASES: [Case; 5] = [
    Case {
        name: "bare",
        what: "parking_lot::Mutex, lock and unlock",
        bound: None,
    },
    Case {
        name: "lock",
        what: "lock, read a field, drop",
        bound: Some(Bound::AboveBare(60)),
    },
    Case {
        name: "read",
        what: "read, read a field, drop",
        bound: Some(Bound::AboveBare(60)),
    },
    Case {
        name: "same",
        what: "lock, write the same u32, drop",
        bound: Some(Bound::Total(2500)),
    },
    Case {
        name: "change",
        what: "lock, change one u32, drop",
        bound: Some(Bound::Total(2500)),
    },
];

struct Case {
    name: &'static str,
    what: &'static str,
    bound: Option<Bound>,
}

enum Bound {
    AboveBare(u64),
    Total(u64),
}

/// Twenty fields of what a state is made of.
#[derive(ConnectionState)]
struct State {
    counter: u32,
    user: u64,
    name: String,
    online: bool,
    role: u8,
    score: i64,
    ratio: f64,
    room: Option<u32>,
    title: String,
    unread: u32,
    level: u16,
    health: u32,
    mana: u32,
    x: f32,
    y: f32,
    muted: bool,
    friends: Vec<u64>,
    tags: Vec<String>,
    status: Option<String>,
    since: u64,
}

#[rpc(state = State)]
trait Game {
    async fn wait(&self);
}

impl Game for game::Handler {
    async fn wait(&self) {}
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, flag, case, rounds] = &arguments[..]
        && flag == "--run"
    {
        return run(case, rounds.parse().expect("a number of rounds"));
    }
    check_allocations();
    let bare = instructions("bare");
    let mut failed = false;
    for Case { name, what, bound } in &CASES {
        let count = instructions(name);
        let allowed = match bound {
            None => None,
            Some(Bound::AboveBare(more)) => Some(bare + more),
            Some(Bound::Total(total)) => Some(*total),
        };
        let allowed_text = allowed.map_or(String::new(), |allowed| format!("at most {allowed}"));
        println!("{what:40} {count:6} instructions  {allowed_text}");
        failed |= allowed.is_some_and(|allowed| count > allowed);
    }
    assert!(!failed, "a figure is above its bound");
}

/// Instructions that a round takes.
fn instructions(case: &str) -> u64 {
    let [few, many] = ROUNDS.map(|rounds| count(case, rounds));
    (many - few) / (ROUNDS[1] - ROUNDS[0])
}

fn count(case: &str, rounds: u64) -> u64 {
    let program = std::env::current_exe().expect("it runs");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind
        .arg(program)
        .args(["--run", case, &rounds.to_string()])
        .output();
    let output = output.expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    collected
        .expect("valgrind counts")
        .trim()
        .parse()
        .expect("a number")
}

fn run(case: &str, rounds: u64) {
    let mut served = Served::new();
    served.warm_up();
    let state = served.connection.state();
    let mutex = parking_lot::Mutex::new(0_u32);
    let rounds = 0..rounds as u32;
    match case {
        "bare" => rounds.for_each(|_| consume(*black_box(&mutex).lock())),
        "lock" => rounds.for_each(|_| consume(black_box(state).lock().counter)),
        "read" => rounds.for_each(|_| consume(black_box(state).read().counter)),
        "same" => rounds.for_each(|_| black_box(state).lock().unread = 0),
        "change" => rounds.for_each(|round| black_box(state).lock().counter = round),
        case => panic!("there is no case {case}"),
    }
}

fn consume(value: u32) {
    black_box(value);
}

/// A change costs the memory of what is sent, and no more.
fn check_allocations() {
    let mut served = Served::new();
    served.warm_up();
    let counted = allocation_counter::measure(|| {
        for round in 0..100 {
            served.connection.state().lock().counter = round;
        }
    });
    let what = "lock, change one u32, drop, 100 times";
    println!("{what:40} {:6} allocations", counted.count_total);
    assert_eq!(counted.count_total, 100);
}

/// A connection that is served: its client has said Hello, and reads all that comes.
struct Served {
    connection: ServerConnection<State>,
    driver: Pin<Box<dyn Future<Output = ConnectionError>>>,
}

impl Served {
    fn new() -> Self {
        let acceptor = Acceptor::<game::Connection>::new(Limits::new(), &EventHub::new());
        let connection = acceptor.handle().clone();
        let handler = game::Handler::new(acceptor.connection());
        let driver = acceptor.serve(
            handler,
            Reader {
                hello: Some(hello()),
            },
            Stopped,
        );
        let mut served = Self {
            connection,
            driver: Box::pin(driver),
        };
        served.drive();
        served
    }

    fn drive(&mut self) {
        let polled = self
            .driver
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "{polled:?}");
    }

    /// Queues have the memory that they will need.
    fn warm_up(&mut self) {
        for _ in 0..2 {
            for round in 0..ROUNDS[1] as u32 {
                self.connection.state().lock().counter = round;
            }
            self.drive();
        }
    }
}

/// What a client says first.
fn hello() -> Bytes {
    static SCHEMA: OnceLock<ServiceSchema> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| ServiceSchema::new("Game"));
    let mut client = Connection::client(ClientConfig::new(schema), Time::ZERO);
    // The Hello and the SNAPSHOT of a server that announces nothing.
    client.handle_message(Bytes::from_static(&[0, 2, 1, 1, 2, 7, 0]));
    assert!(matches!(
        client.poll_event(),
        Some(ClientEvent::Open { .. })
    ));
    match client.poll_transmit() {
        Some(Transmit::Message(hello)) => hello,
        other => panic!("{other:?}"),
    }
}

/// The server's end of a transport whose other end says Hello and then only reads.
struct Reader {
    hello: Option<Bytes>,
}

impl Transport for Reader {
    type Error = Infallible;

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Incoming, Infallible>>> {
        match self.hello.take() {
            Some(hello) => Poll::Ready(Some(Ok(Incoming::Message(hello)))),
            None => Poll::Pending,
        }
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), Infallible> {
        drop(black_box(message));
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

/// A clock that stands still.
struct Stopped;

impl Timer for Stopped {
    fn now(&self) -> Time {
        Time::ZERO
    }

    fn reset(&mut self, _: Time) {}

    fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
