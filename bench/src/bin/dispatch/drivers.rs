//! Drivers of both sides, in memory: all that a call takes but a socket and a runtime.

use std::{
    cell::RefCell,
    collections::VecDeque,
    convert::Infallible,
    fmt,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_executor::{LocalPool, LocalSpawner};
use futures_util::{future::join_all, task::LocalSpawnExt};
use hardlight_driver::{
    Acceptor, Clock, EventHub, Incoming, Outgoing, Timer, Transport, client,
    layer::{Call, Layers, Next},
    proto::{Limits, Time},
};
use hardlight_macros::rpc;

#[rpc]
trait Counter {
    async fn increment(&self, amount: u32) -> u32;
}

impl Counter for counter::Handler {
    async fn increment(&self, amount: u32) -> u32 {
        amount.wrapping_add(1)
    }
}

/// A client and a server, each with its driver.
pub struct Drivers {
    pool: LocalPool,
    client: counter::Client,
    up: Channel,
    down: Channel,
}

impl Drivers {
    /// Two that have exchanged their Hellos.
    pub fn open() -> Self {
        Self::within(Layers::none())
    }

    /// The same, with so many layers around each call that do nothing.
    pub fn layered(layers: usize) -> Self {
        let layer = |call: Call, next: Next| next.run(call);
        Self::within((0..layers).fold(Layers::none(), |layers, _| layers.with(layer)))
    }

    fn within(layers: Layers) -> Self {
        let mut pool = LocalPool::new();
        let (up, down) = (Channel::default(), Channel::default());
        let acceptor = Acceptor::<counter::Connection>::new(Limits::new(), &EventHub::new());
        let acceptor = acceptor.with_layers(layers);
        let handler = counter::Handler::new(acceptor.connection());
        let server = acceptor.serve(handler, End::new(&up, &down), Stopped);
        let (opened, driver) = client(End::new(&down, &up), Stopped, Limits::new());
        run(&pool.spawner(), server);
        run(&pool.spawner(), driver);
        let client = pool.run_until(opened).expect("both know the service");
        Self {
            pool,
            client,
            up,
            down,
        }
    }

    /// Makes so many calls at once, and waits for all: the sum of the answers.
    pub fn calls(&mut self, calls: u32) -> u32 {
        let calls = (0..calls).map(|amount| self.client.increment(amount));
        let answers = self.pool.run_until(join_all(calls)).into_iter();
        answers.map(|answer| answer.expect("it is answered")).sum()
    }

    /// The messages of so many calls, for [`replay`](Self::replay). Who has recorded some makes no more calls.
    pub fn record(&mut self, calls: u32) -> Vec<Bytes> {
        self.up.0.borrow_mut().recorded = Some(Vec::new());
        self.calls(calls);
        self.down.0.borrow_mut().is_deaf = true;
        let recorded = self.up.0.borrow_mut().recorded.take();
        recorded.expect("it was set")
    }

    /// Gives the server calls that it knows already, and has it answer them: how many messages these take.
    pub fn replay(&mut self, messages: &[Bytes]) -> usize {
        let before = self.down.0.borrow().sent;
        for message in messages {
            self.up.send(message.clone());
        }
        self.pool.run_until_stalled();
        self.down.0.borrow().sent - before
    }
}

impl fmt::Debug for Drivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drivers").finish_non_exhaustive()
    }
}

fn run<T>(spawner: &LocalSpawner, driver: impl Future<Output = T> + 'static) {
    let task = async {
        driver.await;
    };
    spawner.spawn_local(task).expect("the pool is there");
}

/// Messages in one direction.
#[derive(Clone, Default)]
struct Channel(Rc<RefCell<Queue>>);

#[derive(Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    reader: Option<Waker>,
    /// Messages that were sent.
    sent: usize,
    /// Nothing that is sent is received any longer.
    is_deaf: bool,
    /// What was sent, if it is to be kept.
    recorded: Option<Vec<Bytes>>,
}

impl Channel {
    fn send(&self, message: Bytes) {
        let mut queue = self.0.borrow_mut();
        queue.sent += 1;
        if queue.is_deaf {
            return;
        }
        if let Some(recorded) = &mut queue.recorded {
            recorded.push(message.clone());
        }
        queue.messages.push_back(message);
        let reader = queue.reader.take();
        drop(queue);
        reader.into_iter().for_each(Waker::wake);
    }

    fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let mut queue = self.0.borrow_mut();
        match queue.messages.pop_front() {
            Some(message) => Poll::Ready(message),
            None => {
                queue.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// One end of a transport.
struct End {
    incoming: Channel,
    outgoing: Channel,
}

impl End {
    fn new(incoming: &Channel, outgoing: &Channel) -> Self {
        Self {
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
        }
    }
}

impl Transport for End {
    type Error = Infallible;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Incoming, Infallible>>> {
        let received = self.incoming.poll_receive(cx);
        received.map(|message| Some(Ok(Incoming::Message(message))))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), Infallible> {
        match message {
            Outgoing::Message(message) => self.outgoing.send(message),
            Outgoing::Close(reason) => panic!("closed: {reason}"),
        }
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
