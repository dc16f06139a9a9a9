//! What a lock of the connection state costs, in instructions: see `callgrind`.
//!
//! Not one program with `instructions`, where what the driver calls would not be inlined any longer.

use std::{
    convert::Infallible,
    hint::black_box,
    pin::Pin,
    process::ExitCode,
    sync::OnceLock,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use hardlight_bench::{callgrind, counted::Case};
use hardlight_driver::{
    Acceptor, Clock, EventHub, Incoming, Outgoing, ServerConnection, StateCell, Timer, Transport,
    proto::{
        ClientConfig, ClientEvent, Connection, ConnectionError, Limits, ServiceSchema, Time,
        Transmit,
    },
};
use hardlight_macros::{ConnectionState, rpc};
use parking_lot::Mutex;

/// No more than 900 changes are made at a time: more would only mark the state.
const RUNS: u64 = 400;

fn main() -> ExitCode {
    callgrind::main(CASES, RUNS)
}

const CASES: &[Case] = &[
    BARE,
    Case {
        name: "lock and read, above a bare lock",
        run: |runs| locks(runs, |state| state.lock().counter),
        calls: 1,
        above: Some(&BARE),
        budget: Some(60.0),
    },
    Case {
        name: "shared read, above a bare lock",
        run: |runs| locks(runs, |state| state.read().counter),
        calls: 1,
        above: Some(&BARE),
        budget: Some(60.0),
    },
    Case {
        name: "write the same u32 of 20 fields",
        run: |runs| changes(runs, |_| 799),
        calls: 1,
        above: None,
        budget: Some(2500.0),
    },
    Case {
        name: "change a u32 of 20 fields",
        run: |runs| changes(runs, |round| round),
        calls: 1,
        above: None,
        budget: Some(2500.0),
    },
];

/// A lock that nobody holds, taken and let go of.
const BARE: Case = Case {
    name: "a bare parking_lot::Mutex",
    run: |runs| {
        // What is set up is the same as in the others.
        let served = Served::new();
        let mutex = Mutex::new(0_u32);
        (0..runs).for_each(|_| consume(*black_box(&mutex).lock()));
        drop(served);
    },
    calls: 1,
    above: None,
    budget: None,
};

fn locks(runs: u64, read: impl Fn(&StateCell<State>) -> u32) {
    let served = Served::new();
    let state = served.connection.state();
    (0..runs).for_each(|_| consume(read(black_box(state))));
}

fn changes(runs: u64, value: impl Fn(u32) -> u32) {
    let mut served = Served::new();
    served.warm_up();
    let state = served.connection.state();
    (0..runs as u32).for_each(|round| black_box(state).lock().counter = value(round));
}

fn consume(value: u32) {
    black_box(value);
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
            for round in 0..800 {
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

    fn clock(&self) -> Clock {
        Clock::new(|| Time::ZERO)
    }

    fn reset(&mut self, _: Time) {}

    fn poll_expired(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
