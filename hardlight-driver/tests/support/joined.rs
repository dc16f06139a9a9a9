//! A counter service that shows the inside of a connection, and a client and a server of it, joined.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;
use hardlight_driver::{
    Acceptor, EventHub, client,
    proto::{CloseCode, CloseReason, ConnectionError, Initiator, Limits},
};
use hardlight_macros::{ConnectionState, codable, rpc};

use super::{ManualTimer, Pipe, transport};

#[derive(ConnectionState)]
pub(crate) struct State {
    pub(crate) counter: u32,
    pub(crate) name: String,
}

#[codable]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Underflow {
    pub(crate) counter: u32,
}

/// What a test needs to see the inside of a connection.
#[rpc(state = State)]
pub(crate) trait Counter {
    async fn increment(&self, amount: u32) -> u32;
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
    async fn get(&self) -> u32;
    /// Never answers.
    async fn hang(&self) -> u32;
    async fn panic_locked(&self, value: u32) -> u32;
    /// Locks the state a second time, which panics.
    async fn lock_twice(&self, value: u32) -> u32;
    async fn panic_later(&self) -> u32;
    async fn large(&self, bytes: u32) -> Vec<u8>;
    /// Changes the state this many times without letting the driver run.
    async fn churn(&self, times: u32) -> u32;
    /// Changes all of a large state.
    async fn fill(&self, bytes: u32, turn: u32) -> u32;
    /// Never answers; panics when it is dropped.
    async fn panic_when_dropped(&self) -> u32;
}

#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) hanging: Arc<AtomicUsize>,
    pub(crate) most_hanging: Arc<AtomicUsize>,
}

pub(crate) struct App {
    pub(crate) connection: counter::Connection,
    pub(crate) seen: Seen,
}

/// A thousand bytes that differ at both ends, so that a change from one to the next takes about as many.
pub(crate) fn long_name(number: u32) -> String {
    format!("{number:04}{:992}{number:04}", "")
}

struct Hanging(Arc<AtomicUsize>);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Counter for App {
    async fn increment(&self, amount: u32) -> u32 {
        let mut state = self.connection.state.lock();
        state.counter += amount;
        state.counter
    }

    async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
        let mut state = self.connection.state.lock();
        let counter = state.counter;
        state.counter = counter.checked_sub(amount).ok_or(Underflow { counter })?;
        Ok(state.counter)
    }

    async fn get(&self) -> u32 {
        self.connection.state.lock().counter
    }

    async fn hang(&self) -> u32 {
        let now = self.seen.hanging.fetch_add(1, Ordering::SeqCst) + 1;
        self.seen.most_hanging.fetch_max(now, Ordering::SeqCst);
        let _hanging = Hanging(Arc::clone(&self.seen.hanging));
        std::future::pending().await
    }

    async fn panic_locked(&self, value: u32) -> u32 {
        let mut state = self.connection.state.lock();
        state.counter = value;
        panic!("on purpose");
    }

    async fn lock_twice(&self, value: u32) -> u32 {
        let mut state = self.connection.state.lock();
        state.counter = value;
        self.connection.state.lock().counter
    }

    async fn panic_later(&self) -> u32 {
        yield_once().await;
        panic!("on purpose");
    }

    async fn large(&self, bytes: u32) -> Vec<u8> {
        vec![0; bytes as usize]
    }

    async fn churn(&self, times: u32) -> u32 {
        for time in 0..times {
            self.connection.state.lock().name = long_name(time);
        }
        times
    }

    async fn fill(&self, bytes: u32, turn: u32) -> u32 {
        let digit = char::from(b'0' + (turn % 10) as u8);
        self.connection.state.lock().name =
            String::from_iter(std::iter::repeat_n(digit, bytes as usize));
        turn
    }

    async fn panic_when_dropped(&self) -> u32 {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("on purpose");
            }
        }
        let _bomb = Bomb;
        std::future::pending().await
    }
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// A client and a server, joined; everything on one thread.
pub(crate) struct Joined {
    pub(crate) pool: LocalPool,
    pub(crate) client: Option<counter::Client>,
    pub(crate) connection: counter::Connection,
    pub(crate) server_timer: ManualTimer,
    pub(crate) to_client: Pipe,
    pub(crate) to_server: Pipe,
    pub(crate) seen: Seen,
    pub(crate) client_end: Rc<RefCell<Option<ConnectionError>>>,
    pub(crate) server_end: Rc<RefCell<Option<ConnectionError>>>,
}

impl Joined {
    pub(crate) fn new() -> Self {
        Self::with(Limits::new())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let mut pool = LocalPool::new();
        let (client_side, server_side, to_client, to_server) = transport();
        let server_timer = ManualTimer::default();
        let acceptor = Acceptor::<counter::Connection>::new(limits.clone(), &EventHub::new());
        let connection = acceptor.connection();
        let seen = Seen::default();
        let app = App { connection: connection.clone(), seen: seen.clone() };
        let serving = acceptor.serve(app, server_side, server_timer.clone());
        let server_end = note_end(&pool, serving);
        let (connecting, driver) = client(client_side, ManualTimer::default(), limits);
        let client_end = note_end(&pool, driver);
        let client = pool.run_until(connecting).expect("the server answers");
        pool.run_until_stalled();
        Self {
            pool,
            client: Some(client),
            connection,
            server_timer,
            to_client,
            to_server,
            seen,
            client_end,
            server_end,
        }
    }

    pub(crate) fn client(&self) -> counter::Client {
        self.client.clone().expect("not dropped yet")
    }

    /// Runs a future of the client in the background: where its result will be.
    pub(crate) fn start<F: Future + 'static>(
        &self,
        call: impl FnOnce(counter::Client) -> F,
    ) -> Rc<RefCell<Option<F::Output>>> {
        note_end(&self.pool, call(self.client()))
    }

    /// Sets the counter to 5 while the client does not read and the driver has much to send, so that the change is not
    /// encoded yet.
    pub(crate) fn hold_back_a_change(&mut self) {
        self.to_client.stall();
        self.connection.state.lock().name = "x".repeat(1000);
        self.settle();
        self.connection.state.lock().counter = 5;
        self.settle();
    }

    pub(crate) fn settle(&mut self) {
        self.pool.run_until_stalled();
    }
}

pub(crate) fn note_end<F: Future + 'static>(
    pool: &LocalPool,
    future: F,
) -> Rc<RefCell<Option<F::Output>>> {
    let end = Rc::new(RefCell::new(None));
    let noted = Rc::clone(&end);
    let task = async move {
        let result = future.await;
        *noted.borrow_mut() = Some(result);
    };
    pool.spawner().spawn_local(task).expect("the pool is there");
    end
}

pub(crate) fn closed_by(
    initiator: Initiator,
    code: CloseCode,
    reason: &'static str,
) -> ConnectionError {
    ConnectionError::Closed { initiator, reason: CloseReason::new(code, reason) }
}

/// A thread that holds the state of a connection until it is let go.
pub(crate) struct Holder {
    unlock: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Holder {
    pub(crate) fn lock(connection: &counter::Connection) -> Self {
        let (locked, is_locked) = mpsc::channel();
        let (unlock, may_unlock) = mpsc::channel::<()>();
        let state = connection.state.clone();
        let thread = thread::spawn(move || {
            let _guard = state.lock();
            locked.send(()).unwrap();
            let _ = may_unlock.recv();
        });
        is_locked.recv().unwrap();
        Self { unlock, thread }
    }

    pub(crate) fn unlock(self) {
        drop(self.unlock);
        self.thread.join().unwrap();
    }
}
