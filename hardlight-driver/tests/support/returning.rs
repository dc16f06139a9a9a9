//! A notice board, whose client comes back, and all the servers that it meets.

use std::{
    cell::RefCell,
    collections::VecDeque,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use event_listener::Event;
use futures_executor::{LocalPool, LocalSpawner};
use futures_util::task::LocalSpawnExt;
use hardlight_driver::{
    Acceptor, ConnectFailure, Connected, Connector, EventHub, EventStream, Keep, Received,
    Reconnect, ServiceClient, TopicOptions, client_reconnecting,
    proto::{ClientConfig, CloseReason, ConnectionError, Limits},
};
use hardlight_macros::{ConnectionState, Events, Feature, rpc};

use super::{
    ManualTimer, MemoryTransport, Pipe,
    house::{pattern, waiting},
    joined::note_end,
    transport,
};

#[derive(Feature)]
pub(crate) enum Allowed {
    Secrets,
}

#[derive(ConnectionState)]
pub(crate) struct Sum {
    pub(crate) sum: u32,
    #[state(feature = Allowed::Secrets)]
    pub(crate) secret: String,
}

#[derive(Events, Clone, Debug, PartialEq)]
pub(crate) enum BoardEvent {
    Tick(u32),
}

#[rpc(state = Sum, events = BoardEvent)]
pub(crate) trait Board {
    async fn add(&self, number: u32) -> u32;
    #[rpc(idempotent)]
    async fn ask(&self, number: u32) -> u32;
    async fn note(&self, text: String);
    async fn follow(&self, topic: String);
    async fn log_in(&self, secret: String);
}

/// What all servers have in common.
#[derive(Clone, Default)]
struct World {
    held: Arc<AtomicBool>,
    answer: Arc<Event>,
    asked: Arc<AtomicUsize>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl World {
    async fn may_answer(&self) {
        while self.held.load(Ordering::SeqCst) {
            let listener = self.answer.listen();
            if self.held.load(Ordering::SeqCst) {
                listener.await;
            }
        }
    }
}

struct App {
    connection: board::Connection,
    world: World,
}

impl Board for App {
    async fn add(&self, number: u32) -> u32 {
        self.world.may_answer().await;
        let mut state = self.connection.state.lock();
        state.sum += number;
        state.sum
    }

    async fn ask(&self, number: u32) -> u32 {
        self.world.asked.fetch_add(1, Ordering::SeqCst);
        self.world.may_answer().await;
        number
    }

    async fn note(&self, text: String) {
        self.world.notes.lock().unwrap().push(text);
    }

    async fn follow(&self, topic: String) {
        self.connection.subscriptions.add(topic).expect("the name is short");
    }

    async fn log_in(&self, secret: String) {
        self.connection.features().insert(Allowed::Secrets);
        self.connection.state.lock().secret = secret;
    }
}

/// What becomes of an attempt to connect.
pub(crate) enum Dial {
    Connect,
    /// It fails: whether to try again.
    Fail(bool),
    /// The server asks for time.
    Busy(Duration),
    /// Somebody is there, who says nothing and goes.
    Mute,
}

pub(crate) fn lost() -> ConnectionError {
    ConnectionError::Lost("the transport ended without a close".into())
}

/// A connection, as a test sees it.
struct Line {
    to_client: Pipe,
    to_server: Pipe,
    connection: board::Connection,
    /// The client's clock of this connection.
    timer: ManualTimer,
}

struct Dialer {
    spawner: LocalSpawner,
    hub: EventHub,
    world: World,
    clocks: Rc<RefCell<Vec<ManualTimer>>>,
    plan: Rc<RefCell<VecDeque<Dial>>>,
    dialed: Rc<RefCell<usize>>,
    line: Rc<RefCell<Option<Line>>>,
    call: Rc<RefCell<Call>>,
}

/// Whether there is reason to connect again at once, for who waits to do so.
#[derive(Default)]
enum Call {
    #[default]
    Idle,
    Waiting(Waker),
    Called,
}

impl Dialer {
    /// A transport, with a server at its other end.
    fn dial(&self) -> Connected<MemoryTransport, ManualTimer> {
        let (client_side, server_side, to_client, to_server) = transport();
        let acceptor = Acceptor::<board::Connection>::new(Limits::new(), &self.hub);
        let connection = acceptor.connection();
        let app = App { connection: connection.clone(), world: self.world.clone() };
        let serving = acceptor.serve(app, server_side, ManualTimer::default());
        let serving = async { drop(serving.await) };
        self.spawner.spawn_local(serving).expect("the pool is there");
        let timer = ManualTimer::default();
        let line = Line { to_client, to_server, connection, timer: timer.clone() };
        *self.line.borrow_mut() = Some(line);
        let config = ClientConfig::new(<board::Client as ServiceClient>::schema());
        Connected::new(client_side, timer, config)
    }
}

impl Connector for Dialer {
    type Transport = MemoryTransport;
    type Timer = ManualTimer;
    type Connecting = Pin<
        Box<dyn Future<Output = Result<Connected<MemoryTransport, ManualTimer>, ConnectFailure>>>,
    >;

    fn timer(&self) -> ManualTimer {
        let timer = ManualTimer::default();
        self.clocks.borrow_mut().push(timer.clone());
        timer
    }

    fn seed(&self) -> Option<u64> {
        Some(1)
    }

    fn poll_hurry(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut call = self.call.borrow_mut();
        if matches!(*call, Call::Called) {
            *call = Call::Idle;
            return Poll::Ready(());
        }
        *call = Call::Waiting(cx.waker().clone());
        Poll::Pending
    }

    fn connect(&mut self, _error: &ConnectionError) -> Self::Connecting {
        *self.dialed.borrow_mut() += 1;
        let error = ConnectionError::Lost(format!("attempt {}", self.dialed.borrow()).into());
        let (is_retryable, retry_after) =
            match self.plan.borrow_mut().pop_front().unwrap_or(Dial::Connect) {
                Dial::Connect => {
                    let connected = self.dial();
                    return Box::pin(async { Ok(connected) });
                }
                Dial::Mute => {
                    let (client_side, server_side, to_client, _) = transport();
                    to_client.cut();
                    let config = ClientConfig::new(<board::Client as ServiceClient>::schema());
                    let connected = Connected::new(client_side, ManualTimer::default(), config);
                    drop(server_side);
                    return Box::pin(async { Ok(connected) });
                }
                Dial::Fail(is_retryable) => (is_retryable, None),
                Dial::Busy(time) => (true, Some(time)),
            };
        Box::pin(async move { Err(ConnectFailure { error, is_retryable, retry_after }) })
    }
}

/// A client that comes back, and whatever it meets; everything on one thread.
pub(crate) struct ReturningHouse {
    pool: LocalPool,
    hub: EventHub,
    world: World,
    clocks: Rc<RefCell<Vec<ManualTimer>>>,
    /// That of the first connection: what deadlines are counted by.
    first_clock: ManualTimer,
    plan: Rc<RefCell<VecDeque<Dial>>>,
    dialed: Rc<RefCell<usize>>,
    line: Rc<RefCell<Option<Line>>>,
    call: Rc<RefCell<Call>>,
    client: Option<board::Client>,
    end: Rc<RefCell<Option<ConnectionError>>>,
}

impl ReturningHouse {
    pub(crate) fn new(policy: Reconnect) -> Self {
        Self::keeping(100, policy)
    }

    /// A house whose servers keep so many events of each topic for clients that come back.
    pub(crate) fn keeping(events: usize, policy: Reconnect) -> Self {
        let mut pool = LocalPool::new();
        let dialer = Dialer {
            spawner: pool.spawner(),
            hub: EventHub::new(),
            world: World::default(),
            clocks: Rc::default(),
            plan: Rc::default(),
            dialed: Rc::default(),
            line: Rc::default(),
            call: Rc::default(),
        };
        let Dialer { hub, world, clocks, plan, dialed, line, call, .. } = &dialer;
        let (hub, world, clocks) = (hub.clone(), world.clone(), Rc::clone(clocks));
        let (plan, dialed) = (Rc::clone(plan), Rc::clone(dialed));
        let (line, call) = (Rc::clone(line), Rc::clone(call));
        hub.configure(pattern("#"), TopicOptions::new().keep(Keep::events(events)));
        let first = dialer.dial();
        let first_clock = line.borrow().as_ref().map(|line| line.timer.clone()).unwrap_or_default();
        let (connecting, driver) = client_reconnecting::<board::Client, _>(first, dialer, policy);
        let end = note_end(&pool, driver);
        let client = Some(pool.run_until(connecting).expect("the server answers"));
        pool.run_until_stalled();
        Self { pool, hub, world, clocks, first_clock, plan, dialed, line, call, client, end }
    }

    /// A client whose driver is dropped before it was polled.
    pub(crate) fn dropped_at_once() -> Result<board::Client, ConnectionError> {
        let mut pool = LocalPool::new();
        let dialer = Dialer {
            spawner: pool.spawner(),
            hub: EventHub::new(),
            world: World::default(),
            clocks: Rc::default(),
            plan: Rc::default(),
            dialed: Rc::default(),
            line: Rc::default(),
            call: Rc::default(),
        };
        let first = dialer.dial();
        let (connecting, driver) =
            client_reconnecting::<board::Client, _>(first, dialer, Reconnect::new());
        drop(driver);
        pool.run_until(connecting)
    }

    pub(crate) fn client(&self) -> board::Client {
        self.client.clone().expect("not dropped yet")
    }

    pub(crate) fn drop_client(&mut self) {
        self.client = None;
    }

    pub(crate) fn run<F: Future>(&mut self, future: F) -> F::Output {
        let output = self.pool.run_until(future);
        self.settle();
        output
    }

    pub(crate) fn settle(&mut self) {
        self.pool.run_until_stalled();
    }

    /// Runs a future of the client in the background: where its result will be.
    pub(crate) fn start<F: Future + 'static>(
        &self,
        call: impl FnOnce(board::Client) -> F,
    ) -> Rc<RefCell<Option<F::Output>>> {
        note_end(&self.pool, call(self.client()))
    }

    /// The time until the next attempts passes.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.clocks.borrow().iter().for_each(|clock| clock.advance(time));
        self.settle();
    }

    /// The time passes by which deadlines are counted, and how long a connection lasts.
    pub(crate) fn pass_first(&mut self, time: Duration) {
        self.first_clock.advance(time);
        self.pass(time);
    }

    /// The time passes on this connection.
    pub(crate) fn pass_connected(&mut self, time: Duration) {
        let timer = self.line.borrow().as_ref().expect("there is a connection").timer.clone();
        timer.advance(time);
        self.settle();
    }

    /// The network is there again, say.
    pub(crate) fn call(&mut self) {
        if let Call::Waiting(waker) = self.call.replace(Call::Called) {
            waker.wake();
        }
        self.settle();
    }

    /// The connection is lost.
    pub(crate) fn cut(&mut self) {
        self.settle();
        let line = self.line.borrow_mut().take().expect("there is a connection");
        line.to_client.cut();
        line.to_server.cut();
        self.settle();
    }

    pub(crate) fn to_client(&self) -> Pipe {
        self.line.borrow().as_ref().expect("there is a connection").to_client.clone()
    }

    pub(crate) fn to_server(&self) -> Pipe {
        self.line.borrow().as_ref().expect("there is a connection").to_server.clone()
    }

    /// Both directions end once so many messages more went through in either.
    pub(crate) fn cut_after(&self, to_client: usize, to_server: usize) {
        self.to_client().cut_after(to_client);
        self.to_server().cut_after(to_server);
    }

    /// Whether either direction was cut: then the other one is now, too.
    pub(crate) fn is_cut(&mut self) -> bool {
        let is_cut = self.to_client().is_cut() || self.to_server().is_cut();
        if is_cut {
            self.cut();
        }
        is_cut
    }

    /// The state of the connection as the server has it.
    pub(crate) fn sum(&self) -> u32 {
        self.line.borrow().as_ref().expect("there is a connection").connection.state.lock().sum
    }

    /// How many messages the client has got and sent on this connection.
    pub(crate) fn messages(&self) -> (usize, usize) {
        (self.to_client().sent().len(), self.to_server().sent().len())
    }

    pub(crate) fn close_server(&mut self, reason: CloseReason) {
        self.line.borrow().as_ref().expect("there is a connection").connection.close(reason);
        self.settle();
    }

    /// What becomes of the next attempts.
    pub(crate) fn next(&mut self, dials: Vec<Dial>) {
        self.plan.borrow_mut().extend(dials);
    }

    /// How many attempts there were.
    pub(crate) fn dialed(&self) -> usize {
        *self.dialed.borrow()
    }

    /// How the client's driver has ended.
    pub(crate) fn end(&self) -> Option<ConnectionError> {
        self.end.borrow().clone()
    }

    pub(crate) fn hold_answers(&self) {
        self.world.held.store(true, Ordering::SeqCst);
    }

    pub(crate) fn answer_all(&mut self) {
        self.world.held.store(false, Ordering::SeqCst);
        self.world.answer.notify(usize::MAX);
        self.settle();
    }

    /// How often it was asked, on all servers.
    pub(crate) fn asked(&self) -> usize {
        self.world.asked.load(Ordering::SeqCst)
    }

    /// What was noted, on all servers.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.world.notes.lock().unwrap().clone()
    }

    pub(crate) fn emit(&mut self, topic: &str, number: u32) {
        self.hub.emitter().emit(topic, BoardEvent::Tick(number));
        self.settle();
    }

    /// What waits in a stream: numbers, and where some are missing.
    pub(crate) fn read_all(&mut self, events: &mut EventStream<BoardEvent>) -> Vec<Option<u32>> {
        let number = |received| match received {
            Received::Event { event: BoardEvent::Tick(number), .. } => Some(number),
            _ => None,
        };
        waiting(events).into_iter().map(number).collect()
    }

    /// What waits in a stream.
    pub(crate) fn read(&mut self, events: &mut EventStream<BoardEvent>) -> Vec<u32> {
        waiting(events)
            .into_iter()
            .map(|received| match received {
                Received::Event { event: BoardEvent::Tick(number), .. } => number,
                other => panic!("{other:?}"),
            })
            .collect()
    }
}
