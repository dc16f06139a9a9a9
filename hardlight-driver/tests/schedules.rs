//! State before answers, in many schedules: eight calls at a time, tasks of the application, a network that stalls, each
//! polled in an order that a seed decides.
//!
//! `SEED=n cargo test -p hardlight-driver --test schedules` runs one again.

mod support;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use futures_util::StreamExt;
use hardlight_driver::{
    Acceptor, Error, EventHub, StateCell, StateWatch, client,
    proto::{CallError, Limits},
};
use hardlight_macros::{ConnectionState, rpc};
use support::{ManualTimer, Pipe, transport};

const SCHEDULES: u64 = 10_000;
const CALLS: u8 = 8;

/// Every change has a number of its own, in the order in which the guards are dropped.
#[derive(ConnectionState)]
struct Board {
    log: Vec<u32>,
    /// How many changes each call has made.
    marks: BTreeMap<u8, u32>,
    note: String,
}

#[rpc(state = Board)]
trait Work {
    /// Does what the seed decides: how many changes the call has made.
    async fn work(&self, call: u8, seed: u64) -> u32;
}

struct App {
    connection: work::Connection,
}

impl Work for App {
    async fn work(&self, call: u8, seed: u64) -> u32 {
        let mut random = Random::new(seed, u64::from(call));
        let mut marks = 0;
        for _ in 0..random.below(4) {
            idle(random.below(3)).await;
            marks = change(&self.connection.state, &mut random, Some(call)).await;
        }
        if random.one_in(16) {
            panic!("on purpose");
        }
        idle(random.below(6)).await;
        marks
    }
}

/// Changes the state once nobody holds it: how many changes the call has made by then.
async fn change(state: &StateCell<Board>, random: &mut Random, call: Option<u8>) -> u32 {
    loop {
        if let Some(mut board) = state.try_lock() {
            return board.change(random, call);
        }
        idle(1).await;
    }
}

impl Board {
    fn change(&mut self, random: &mut Random, call: Option<u8>) -> u32 {
        let number = self.log.len() as u32;
        self.log.push(number);
        if random.long || random.one_in(4) {
            let len = if random.long { 30_000 } else { 10 + random.below(100) };
            self.note = format!("{number}{}{number}", "-".repeat(len as usize));
        }
        let Some(call) = call else { return 0 };
        let marks = self.marks.entry(call).or_default();
        *marks += 1;
        *marks
    }
}

/// Lets the others run this many times.
async fn idle(times: u64) {
    for _ in 0..times {
        let mut yielded = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// SplitMix64.
struct Random {
    state: u64,
    /// Whether notes are long in this schedule, so that what waits of the state comes to its bound.
    long: bool,
}

impl Random {
    fn new(seed: u64, stream: u64) -> Self {
        let stream = stream.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            state: seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ stream,
            long: seed.is_multiple_of(32),
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// Polls one of the tasks that were woken at a time; a seed decides which.
struct Executor {
    tasks: Vec<Task>,
    random: Random,
}

struct Task {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    flag: Arc<Flag>,
    waker: Waker,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Executor {
    fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        self.tasks.push(Task { future: Some(Box::pin(future)), flag, waker });
    }

    fn run(&mut self) {
        let mut woken = Vec::new();
        loop {
            woken.clear();
            let tasks = self.tasks.iter().enumerate();
            woken.extend(tasks.filter(|(_, task)| task.is_woken()).map(|(index, _)| index));
            if woken.is_empty() {
                return;
            }
            self.tasks[woken[self.random.below(woken.len() as u64) as usize]].poll();
        }
    }
}

impl Task {
    fn is_woken(&self) -> bool {
        self.future.is_some() && self.flag.0.load(Ordering::Relaxed)
    }

    fn poll(&mut self) {
        self.flag.0.store(false, Ordering::Relaxed);
        let mut cx = Context::from_waker(&self.waker);
        if let Some(future) = &mut self.future
            && future.as_mut().poll(&mut cx).is_ready()
        {
            self.future = None;
        }
    }
}

/// One schedule: panics if the order does not hold, or not everything comes to its end.
fn run(seed: u64) {
    let mut random = Random::new(seed, 100);
    let buffered = [50, 2000, 1 << 20][random.below(3) as usize];
    let limits = Limits::new().with_max_buffered_bytes(buffered);
    let (client_side, server_side, to_client, to_server) = transport();
    let acceptor = Acceptor::<work::Connection>::new(limits.clone(), &EventHub::new());
    let connection = acceptor.connection();
    let serving =
        acceptor.serve(App { connection: connection.clone() }, server_side, ManualTimer::default());
    let (connecting, driver) =
        client::<work::Client, _, _>(client_side, ManualTimer::default(), limits);

    let mut executor = Executor { tasks: Vec::new(), random: Random::new(seed, 101) };
    executor.spawn(async { drop(serving.await) });
    executor.spawn(async { drop(driver.await) });
    for task in 0..2 {
        executor.spawn(application(connection.state.clone(), Random::new(seed, 102 + task)));
    }
    let pipes = [to_client, to_server];
    executor.spawn(network(pipes.clone(), Random::new(seed, 110)));
    let (ended, client) = (Rc::new(RefCell::new(0)), Rc::new(RefCell::new(None)));
    executor.spawn({
        let client = Rc::clone(&client);
        async move { *client.borrow_mut() = Some(connecting.await.expect("the server answers")) }
    });
    executor.run();
    let client = client.take().expect("it is connected");

    executor.spawn(watch(client.watch(), client.state().log.len()));
    for call in 0..CALLS {
        executor.spawn(check_call(client.clone(), call, seed, Rc::clone(&ended)));
    }
    for task in 0..2 {
        executor.spawn(application(connection.state.clone(), Random::new(seed, 120 + task)));
    }
    executor.spawn(holder(connection.state.clone(), Random::new(seed, 130)));
    executor.spawn(network(pipes, Random::new(seed, 131)));
    executor.run();
    assert_eq!(*ended.borrow(), CALLS, "every call ends");
    assert_eq!(client.state().log, connection.state.read().log, "every change arrives");
    assert_eq!(client.state().note, connection.state.read().note);
}

/// A call, and what its caller sees once it has the answer.
async fn check_call(client: work::Client, call: u8, seed: u64, ended: Rc<RefCell<u8>>) {
    let mut random = Random::new(seed, 140 + u64::from(call));
    idle(random.below(4)).await;
    let answer = client.work(call, seed).await;
    let state = client.state();
    let marks = state.marks.get(&call).copied().unwrap_or_default();
    match answer {
        Ok(made) => assert_eq!(marks, made, "what call {call} changed is there before its answer"),
        Err(error) => assert_eq!(error, Error::Call(CallError::HandlerPanicked)),
    }
    *ended.borrow_mut() += 1;
}

/// A task of the application that changes the state now and then.
async fn application(state: StateCell<Board>, mut random: Random) {
    for _ in 0..random.below(6) {
        idle(random.below(4)).await;
        change(&state, &mut random, None).await;
    }
}

/// A task that keeps the state locked while others run. (It could not in a handler.)
async fn holder(state: StateCell<Board>, mut random: Random) {
    for _ in 0..random.below(6) {
        idle(random.below(6)).await;
        if let Some(mut board) = state.try_lock() {
            board.change(&mut random, None);
            idle(random.below(20)).await;
            board.change(&mut random, None);
        }
    }
}

/// Changes are seen in the order in which they were made, none is missing.
async fn watch(mut watch: StateWatch<Board>, mut seen: usize) {
    while let Some(state) = watch.next().await {
        assert!(state.log.len() >= seen, "nothing is taken back");
        assert!(state.log.iter().copied().eq(0..state.log.len() as u32), "{:?}", state.log);
        seen = state.log.len();
    }
}

/// Messages are held up for a while.
async fn network(pipes: [Pipe; 2], mut random: Random) {
    for _ in 0..random.below(8) {
        let pipe = &pipes[random.below(2) as usize];
        pipe.stall();
        idle(random.below(if random.long { 100 } else { 20 })).await;
        pipe.resume();
    }
}

#[test]
fn the_client_has_what_a_call_changed_before_its_answer_in_every_schedule() {
    if let Some(seed) = std::env::var("SEED").ok().map(|seed| seed.parse().expect("a number")) {
        return run(seed);
    }
    std::panic::set_hook(Box::new(|_| {}));
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut failed: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| failures(&next))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it collects")).collect()
    });
    drop(std::panic::take_hook());
    failed.sort_unstable();
    assert!(failed.is_empty(), "SEED=n runs one of these again: {failed:?}");
}

/// Runs schedules until none is left: the seeds of those that fail.
fn failures(next: &AtomicU64) -> Vec<u64> {
    let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
    seeds
        .take_while(|&seed| seed < SCHEDULES)
        .filter(|&seed| catch_unwind(AssertUnwindSafe(|| run(seed))).is_err())
        .collect()
}
