//! Where a test runs: its tasks, its clock, its network.

use std::{
    cell::RefCell,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_executor::{LocalPool, LocalSpawner};

use crate::{Network, clock::Clock};

/// How long, by the clock of the world, a test may wait for something.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a test runs: tasks in one thread, a clock of its own, a network of its own. There is no runtime, and no port.
///
/// As long as anything can be done the clock stands still. Then it jumps to the next time that somebody waits for. So hours pass in
/// milliseconds, and a timeout happens only where nothing else can. What other threads do is not waited for.
#[derive(Debug)]
pub struct World {
    here: Here,
    patience: Duration,
}

impl World {
    /// A world at the beginning of its time.
    pub fn new() -> Self {
        let clock = Clock::new();
        let network = Network::new(clock.clone());
        Self { here: Here { clock, network }, patience: PATIENCE }
    }

    /// How long, by its own clock, a test may wait before it is given up. Default: a day. A connection that is open never is at
    /// rest, since it has heartbeats; so a test which waits for what never comes is found by this.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The network, to slow it down, or to cut connections.
    pub fn network(&self) -> Network {
        self.here.network.clone()
    }

    /// Runs a test. What it has spawned, and is not done when it ends, is dropped.
    ///
    /// # Panics
    ///
    /// If the test waits for what never comes; if a task panics.
    pub fn run<F: Future>(self, test: F) -> F::Output {
        let (here, patience) = (self.here, self.patience);
        // Behind the tasks, which may look for their world while they are dropped.
        let _leave = Leave;
        let mut pool = LocalPool::new();
        let there = (here.clone(), pool.spawner());
        let outer = CURRENT.with(|current| current.replace(Some(there)));
        assert!(outer.is_none(), "a world runs in this thread already");
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut test = pin!(test);
        loop {
            if woken.0.swap(false, Ordering::SeqCst)
                && let Poll::Ready(output) = test.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return output;
            }
            pool.run_until_stalled();
            if !woken.0.load(Ordering::SeqCst) {
                assert!(here.clock.jump(), "the test waits for what never comes: nothing moves");
                let waited = here.clock.elapsed();
                assert!(waited <= patience, "the test waits for what has not come in {waited:?}");
            }
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// What a thread knows of the world that it runs.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    pub(crate) clock: Clock,
    pub(crate) network: Network,
}

thread_local! {
    static CURRENT: RefCell<Option<(Here, LocalSpawner)>> = const { RefCell::new(None) };
}

/// The world that this thread runs.
///
/// # Panics
///
/// If it runs none.
#[track_caller]
pub(crate) fn here() -> (Here, LocalSpawner) {
    let here = CURRENT.with(|current| current.borrow().clone());
    here.expect("there are clocks, tasks and sockets of memory within `World::run` only")
}

struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        CURRENT.with(|current| current.take());
    }
}

/// Whether the test is to be polled again.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
