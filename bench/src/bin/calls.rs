//! What a call costs through both drivers, in instructions: see `callgrind`. From the generated client's method to the handler
//! and back, over a transport in memory.
//!
//! Not one program with the others, where what the drivers call would not be inlined any longer.

use std::{
    cell::RefCell,
    collections::VecDeque,
    convert::Infallible,
    hint::black_box,
    pin::{Pin, pin},
    process::ExitCode,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use hardlight_bench::{callgrind, counted::Case};
use hardlight_driver::{
    Acceptor, Clock, EventHub, Incoming, Outgoing, Timer, Transport, client,
    proto::{ConnectionError, Limits, Time},
};
use hardlight_macros::rpc;

const RUNS: u64 = 1000;

fn main() -> ExitCode {
    callgrind::main(CASES, RUNS)
}

const CASES: &[Case] = &[
    Case {
        name: "a call through both drivers",
        run: |runs| Ends::new().calls(runs, None),
        calls: 1,
        above: None,
        budget: Some(7300.0),
    },
    Case {
        name: "the same with a timeout",
        run: |runs| Ends::new().calls(runs, Some(Duration::from_secs(1))),
        calls: 1,
        above: None,
        budget: Some(11_600.0),
    },
];

#[rpc]
trait Counter {
    async fn increment(&self, amount: u32) -> u32;
}

impl Counter for counter::Handler {
    async fn increment(&self, amount: u32) -> u32 {
        amount + 1
    }
}

/// A client and a server whose drivers take turns.
struct Ends {
    client: counter::Client,
    drivers: [Pin<Box<dyn Future<Output = ConnectionError>>>; 2],
}

impl Ends {
    fn new() -> Self {
        let (to_client, to_server) = (Rc::default(), Rc::default());
        let client_side = End {
            from: Rc::clone(&to_client),
            to: Rc::clone(&to_server),
        };
        let server_side = End {
            from: to_server,
            to: to_client,
        };
        let limits = Limits::new().with_heartbeat_interval(None);
        let acceptor = Acceptor::<counter::Connection>::new(limits.clone(), &EventHub::new());
        let handler = counter::Handler::new(acceptor.connection());
        let server = acceptor.serve(handler, server_side, Stopped);
        let (connecting, driver) = client(client_side, Stopped, limits);
        let mut drivers: [Pin<Box<dyn Future<Output = ConnectionError>>>; 2] =
            [Box::pin(driver), Box::pin(server)];
        let mut connecting = pin!(connecting);
        let client = loop {
            drive(&mut drivers);
            match connecting.as_mut().poll(&mut context()) {
                Poll::Ready(client) => break client.expect("the server answers"),
                Poll::Pending => {}
            }
        };
        Self { client, drivers }
    }

    fn calls(mut self, runs: u64, timeout: Option<Duration>) {
        let client = timeout.map_or_else(
            || self.client.clone(),
            |timeout| self.client.with_timeout(timeout),
        );
        for _ in 0..runs {
            let mut call = pin!(client.increment(black_box(7)));
            assert!(call.as_mut().poll(&mut context()).is_pending());
            drive(&mut self.drivers);
            match call.poll(&mut context()) {
                Poll::Ready(answer) => assert_eq!(black_box(answer), Ok(8)),
                Poll::Pending => panic!("it was not answered"),
            }
        }
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// The client sends, the server answers, the client reads.
fn drive(drivers: &mut [Pin<Box<dyn Future<Output = ConnectionError>>>; 2]) {
    for turn in [0, 1, 0] {
        assert!(drivers[turn].as_mut().poll(&mut context()).is_pending());
    }
}

#[derive(Default)]
struct Pipe {
    queue: VecDeque<Incoming>,
    waker: Option<Waker>,
}

struct End {
    from: Rc<RefCell<Pipe>>,
    to: Rc<RefCell<Pipe>>,
}

impl Transport for End {
    type Error = Infallible;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Incoming, Infallible>>> {
        let mut pipe = self.from.borrow_mut();
        match pipe.queue.pop_front() {
            Some(incoming) => Poll::Ready(Some(Ok(incoming))),
            None => {
                pipe.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), Infallible> {
        let mut pipe = self.to.borrow_mut();
        pipe.queue.push_back(match message {
            Outgoing::Message(message) => Incoming::Message(message),
            Outgoing::Close(reason) => Incoming::Close(Some(reason)),
        });
        let waker = pipe.waker.take();
        drop(pipe);
        waker.into_iter().for_each(Waker::wake);
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
