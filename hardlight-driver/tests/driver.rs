//! Client and server drivers over a transport in memory, step by step, without a runtime.

mod support;

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use futures_executor::LocalPool;
use futures_util::{future::join_all, task::LocalSpawnExt};
use hardlight_driver::{
    Acceptor, Error, EventHub, Incoming, client,
    proto::{CallError, CloseCode, CloseReason, ConnectionError, Initiator, Limits, ProtocolError},
};
use hardlight_macros::{ConnectionState, codable, rpc};
use support::{ManualTimer, Pipe, transport};

#[derive(ConnectionState)]
struct State {
    counter: u32,
    name: String,
}

#[codable]
#[derive(Clone, Debug, PartialEq)]
struct Underflow {
    counter: u32,
}

/// What a test needs to see the inside of a connection.
#[rpc(state = State)]
trait Counter {
    async fn increment(&self, amount: u32) -> u32;
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
    async fn get(&self) -> u32;
    /// Never answers.
    async fn hang(&self) -> u32;
    async fn panic_locked(&self, value: u32) -> u32;
    async fn panic_later(&self) -> u32;
    async fn large(&self, bytes: u32) -> Vec<u8>;
    /// Changes the state this many times without letting the driver run.
    async fn churn(&self, times: u32) -> u32;
    /// Never answers; panics when it is dropped.
    async fn panic_when_dropped(&self) -> u32;
}

#[derive(Clone, Default)]
struct Seen {
    hanging: Arc<AtomicUsize>,
    most_hanging: Arc<AtomicUsize>,
}

struct App {
    connection: counter::Connection,
    seen: Seen,
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

    async fn panic_later(&self) -> u32 {
        yield_once().await;
        panic!("on purpose");
    }

    async fn large(&self, bytes: u32) -> Vec<u8> {
        vec![0; bytes as usize]
    }

    async fn churn(&self, times: u32) -> u32 {
        for time in 0..times {
            self.connection.state.lock().name = format!("{time:01000}");
        }
        times
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
struct Joined {
    pool: LocalPool,
    client: Option<counter::Client>,
    connection: counter::Connection,
    server_timer: ManualTimer,
    to_client: Pipe,
    to_server: Pipe,
    seen: Seen,
    client_end: Rc<RefCell<Option<ConnectionError>>>,
    server_end: Rc<RefCell<Option<ConnectionError>>>,
}

impl Joined {
    fn new() -> Self {
        Self::with(Limits::new())
    }

    fn with(limits: Limits) -> Self {
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

    fn client(&self) -> counter::Client {
        self.client.clone().expect("not dropped yet")
    }

    /// Runs a future of the client in the background: where its result will be.
    fn start<F: Future + 'static>(
        &self,
        call: impl FnOnce(counter::Client) -> F,
    ) -> Rc<RefCell<Option<F::Output>>> {
        note_end(&self.pool, call(self.client()))
    }

    fn settle(&mut self) {
        self.pool.run_until_stalled();
    }
}

fn note_end<F: Future + 'static>(pool: &LocalPool, future: F) -> Rc<RefCell<Option<F::Output>>> {
    let end = Rc::new(RefCell::new(None));
    let noted = Rc::clone(&end);
    let task = async move {
        let result = future.await;
        *noted.borrow_mut() = Some(result);
    };
    pool.spawner().spawn_local(task).expect("the pool is there");
    end
}

fn closed_by(initiator: Initiator, code: CloseCode, reason: &'static str) -> ConnectionError {
    ConnectionError::Closed { initiator, reason: CloseReason::new(code, reason) }
}

#[test]
fn the_state_holds_a_change_before_the_answer_of_the_call_that_made_it() {
    let mut joined = Joined::new();
    let seen = joined.start(async |client| {
        let answer = client.increment(5).await;
        (answer, client.state().counter)
    });
    joined.settle();
    assert_eq!(*seen.borrow(), Some((Ok(5), 5)));
}

#[test]
fn what_the_factory_wrote_is_in_the_snapshot() {
    let (client_side, server_side, ..) = transport();
    let mut pool = LocalPool::new();
    let acceptor = Acceptor::<counter::Connection>::new(Limits::new(), &EventHub::new());
    let connection = acceptor.connection();
    connection.state.lock().name = "factory".into();
    let app = App { connection, seen: Seen::default() };
    let _server = note_end(&pool, acceptor.serve(app, server_side, ManualTimer::default()));
    let (connecting, driver) =
        client::<counter::Client, _, _>(client_side, ManualTimer::default(), Limits::new());
    let _client = note_end(&pool, driver);
    let client = pool.run_until(connecting).expect("the server answers");
    assert_eq!(client.state().name, "factory");
}

#[test]
fn a_guard_that_was_only_read_or_changed_nothing_sends_nothing() {
    let mut joined = Joined::new();
    let sent = joined.to_client.sent().len();
    assert_eq!(joined.connection.state.lock().counter, 0);
    joined.connection.state.lock().counter = 0;
    joined.settle();
    assert_eq!(joined.to_client.sent().len(), sent);
}

#[test]
fn a_change_sends_the_changed_fields_only() {
    let mut joined = Joined::new();
    joined.connection.state.lock().name = "a name that is quite long".into();
    joined.settle();
    joined.connection.state.lock().counter = 0x0403_0201;
    joined.settle();
    let sent = joined.to_client.sent();
    // STATE, revision 2; SET field 0, 4 bytes.
    assert_eq!(sent.last().expect("a message"), &[0x08, 2, 0, 4, 1, 2, 3, 4][..]);
    let state = joined.client().state();
    assert_eq!((state.counter, &*state.name), (0x0403_0201, "a name that is quite long"));
}

#[test]
fn a_watch_sees_changes_that_the_application_makes_without_a_call() {
    let mut joined = Joined::new();
    let mut watch = joined.client().watch();
    let seen = joined.start(async move |_client| watch.changed().await.map(|state| state.counter));
    joined.settle();
    assert_eq!(*seen.borrow(), None);
    joined.connection.state.lock().counter = 7;
    joined.settle();
    assert_eq!(*seen.borrow(), Some(Ok(7)));
}

#[test]
fn a_snapshot_that_a_reader_holds_does_not_change() {
    let mut joined = Joined::new();
    let before = joined.client().state();
    joined.connection.state.lock().counter = 7;
    joined.settle();
    assert_eq!((before.counter, joined.client().state().counter), (0, 7));
}

#[test]
fn an_error_of_the_application_arrives_as_its_variant() {
    let mut joined = Joined::new();
    let result = joined.start(async |client| client.decrement(1).await);
    joined.settle();
    assert_eq!(*result.borrow(), Some(Err(Error::Application(Underflow { counter: 0 }))));
}

#[test]
fn more_than_256_calls_wait_in_line_and_all_are_answered() {
    let mut joined = Joined::new();
    let sums = joined.start(async |client| {
        join_all((0..1000).map(|_| client.increment(1))).await.into_iter().sum::<Result<u32, _>>()
    });
    joined.settle();
    assert_eq!(*sums.borrow(), Some(Ok(1000 * 1001 / 2)));
    assert_eq!(joined.client().state().counter, 1000);
}

#[test]
fn at_most_256_calls_run_and_a_call_that_does_not_wait_is_refused() {
    let mut joined = Joined::new();
    let hanging = joined.start(async |client| join_all((0..300).map(|_| client.hang())).await);
    joined.settle();
    assert_eq!(joined.seen.most_hanging.load(Ordering::SeqCst), 256);
    let refused = joined.start(async |client| client.try_get().await);
    joined.settle();
    assert_eq!(*refused.borrow(), Some(Err(Error::Call(CallError::TooManyCallsInFlight))));
    assert!(hanging.borrow().is_none());
}

#[test]
fn dropping_a_call_cancels_its_handler_and_frees_its_place() {
    let mut joined = Joined::new();
    let client = joined.client();
    let mut hanging: Vec<_> = (0..256).map(|_| Box::pin(client.hang())).collect();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for call in &mut hanging {
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
    let waiting = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 256);
    assert_eq!(*waiting.borrow(), None);
    hanging.truncate(100);
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 100);
    assert_eq!(*waiting.borrow(), Some(Ok(1)));
}

#[test]
fn a_call_dropped_while_it_waits_in_line_is_never_sent() {
    let mut joined = Joined::new();
    let client = joined.client();
    let _hanging = joined.start(async |client| join_all((0..256).map(|_| client.hang())).await);
    joined.settle();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut dropped = Box::pin(client.increment(1));
    assert!(dropped.as_mut().poll(&mut cx).is_pending());
    let sent = joined.to_server.sent().len();
    drop(dropped);
    joined.settle();
    assert_eq!(joined.to_server.sent().len(), sent);
    assert_eq!(joined.connection.state.lock().counter, 0);
}

#[test]
fn a_handler_that_panics_ends_its_call_alone() {
    let mut joined = Joined::new();
    let panicked = joined.start(async |client| client.panic_later().await);
    joined.settle();
    assert_eq!(*panicked.borrow(), Some(Err(Error::Call(CallError::HandlerPanicked))));
    let good = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(*good.borrow(), Some(Ok(1)));
}

#[test]
fn a_panic_while_the_state_is_locked_leaves_and_sends_it_as_it_was_left() {
    let mut joined = Joined::new();
    let seen = joined.start(async |client| {
        let answer = client.panic_locked(42).await;
        (answer, client.state().counter)
    });
    joined.settle();
    assert_eq!(*seen.borrow(), Some((Err(Error::Call(CallError::HandlerPanicked)), 42)));
    let next = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(*next.borrow(), Some(Ok(43)));
}

#[test]
fn a_lost_connection_ends_every_call_at_once_with_one_error() {
    let mut joined = Joined::new();
    let calls = joined.start(async |client| join_all((0..300).map(|_| client.hang())).await);
    let mut watch = joined.client().watch();
    let watching = joined.start(async move |_client| watch.changed().await.map(|_| ()));
    joined.settle();
    joined.to_client.cut();
    // One wake of the driver, and no time passes.
    joined.settle();
    let lost = ConnectionError::Lost("the transport ended without a close".into());
    let results = calls.borrow_mut().take().expect("all calls have ended");
    assert_eq!(results, vec![Err(Error::Connection(lost.clone())); 300]);
    assert_eq!(*watching.borrow(), Some(Err(lost.clone())));
    assert_eq!(*joined.client_end.borrow(), Some(lost.clone()));
    let late = joined.start(async |client| client.get().await);
    joined.settle();
    assert_eq!(*late.borrow(), Some(Err(Error::Connection(lost))));
    // The server's task and its handlers are gone as well.
    assert!(joined.server_end.borrow().is_some());
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn whatever_breaks_the_protocol_ends_both_sides_with_a_reason() {
    let garbage = Incoming::Message(Bytes::from_static(&[0x1f]));
    for (to_client, incoming, error) in [
        (true, garbage.clone(), ProtocolError::UnknownFrame(0x1f)),
        (false, garbage, ProtocolError::UnknownFrame(0x1f)),
        (true, Incoming::Text, ProtocolError::TextMessage),
        (false, Incoming::Text, ProtocolError::TextMessage),
        (
            true,
            Incoming::Message(Bytes::from_static(&[0x08, 1, 0, 3, 1, 2, 3])),
            ProtocolError::InvalidState,
        ),
    ] {
        let mut joined = Joined::new();
        let call = joined.start(async |client| client.hang().await);
        joined.settle();
        let pipe = if to_client { &joined.to_client } else { &joined.to_server };
        pipe.inject(incoming);
        joined.settle();
        let (detector, told) = if to_client {
            (&joined.client_end, &joined.server_end)
        } else {
            (&joined.server_end, &joined.client_end)
        };
        assert_eq!(*detector.borrow(), Some(ConnectionError::Protocol(error)));
        let told = told.borrow_mut().take();
        let by_peer = matches!(
            &told,
            Some(ConnectionError::Closed { initiator: Initiator::Remote, reason })
                if reason.code() == CloseCode::PROTOCOL_ERROR
        );
        assert!(by_peer, "{told:?}");
        assert!(matches!(*call.borrow(), Some(Err(Error::Connection(_)))));
    }
}

#[test]
fn a_server_that_never_says_hello_is_given_up_after_the_hello_timeout() {
    let (client_side, _server_side, ..) = transport();
    let mut pool = LocalPool::new();
    let timer = ManualTimer::default();
    let (connecting, driver) =
        client::<counter::Client, _, _>(client_side, timer.clone(), Limits::new());
    let _driver = note_end(&pool, driver);
    let connected = note_end(&pool, async { connecting.await.map(|_| ()) });
    pool.run_until_stalled();
    timer.advance(Duration::from_micros(9_999_999));
    pool.run_until_stalled();
    assert_eq!(*connected.borrow(), None);
    timer.advance(Duration::from_micros(1));
    pool.run_until_stalled();
    assert_eq!(*connected.borrow(), Some(Err(ConnectionError::HandshakeTimeout)));
}

#[test]
fn dropping_the_last_client_closes_the_connection() {
    let mut joined = Joined::new();
    joined.client = None;
    joined.settle();
    let closed = closed_by(Initiator::Local, CloseCode::NORMAL, "");
    assert_eq!(*joined.client_end.borrow(), Some(closed));
    let closed = closed_by(Initiator::Remote, CloseCode::NORMAL, "");
    assert_eq!(*joined.server_end.borrow(), Some(closed));
}

#[test]
fn a_close_by_the_client_waits_for_its_calls() {
    let mut joined = Joined::new();
    joined.to_server.stall();
    let call = joined.start(async |client| client.increment(1).await);
    joined.settle();
    let closed = joined.start(async |client| client.close().await);
    joined.settle();
    let late = joined.start(async |client| client.increment(1).await);
    joined.settle();
    assert_eq!(*closed.borrow(), None);
    assert_eq!(*late.borrow(), Some(Err(Error::Call(CallError::GoingAway))));
    joined.to_server.resume();
    joined.settle();
    assert_eq!((*call.borrow()).clone(), Some(Ok(1)));
    assert_eq!(*closed.borrow(), Some(()));
}

#[test]
fn a_close_by_the_server_gives_calls_up_only_after_the_close_timeout() {
    let mut joined = Joined::new();
    let call = joined.start(async |client| client.hang().await);
    joined.settle();
    joined.connection.close(CloseReason::new(CloseCode::GOING_AWAY, "stopping"));
    joined.settle();
    joined.server_timer.advance(Duration::from_micros(9_999_999));
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 1);
    joined.server_timer.advance(Duration::from_micros(1));
    joined.settle();
    let closed = closed_by(Initiator::Remote, CloseCode::GOING_AWAY, "stopping");
    assert_eq!(*call.borrow(), Some(Err(Error::Connection(closed))));
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn a_peer_that_does_not_take_the_close_is_not_waited_for_longer_than_the_close_timeout() {
    let mut joined = Joined::new();
    joined.to_client.stall();
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    assert!(joined.server_end.borrow().is_none());
    joined.server_timer.advance(Duration::from_secs(10));
    joined.settle();
    assert!(joined.server_end.borrow().is_some());
}

#[test]
fn a_driver_that_is_dropped_ends_every_call() {
    let mut joined = Joined::new();
    let client = joined.client();
    let mut call = Box::pin(client.hang());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    joined.settle();
    joined.pool = LocalPool::new();
    let std::task::Poll::Ready(Err(Error::Connection(ConnectionError::Lost(_)))) =
        call.as_mut().poll(&mut cx)
    else {
        panic!("the call goes on without a driver");
    };
}

#[test]
fn state_changes_for_a_slow_client_are_sent_together_once_it_reads() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(1000));
    joined.to_client.stall();
    for round in 0..10_000 {
        joined.connection.state.lock().name = format!("{round:0100}");
        if round % 10 == 0 {
            joined.settle();
        }
    }
    let call =
        joined.start(async |client| (client.increment(1).await, client.state().name.clone()));
    joined.settle();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*call.borrow(), Some((Ok(1), format!("{:0100}", 9999))));
    let bytes: usize = joined.to_client.sent().iter().map(Bytes::len).sum();
    assert!(bytes < 10_000, "{bytes}");
}

#[test]
fn state_changes_that_the_driver_cannot_take_in_time_are_sent_together() {
    let mut joined = Joined::new();
    let call =
        joined.start(async |client| (client.churn(10_000).await, client.state().name.clone()));
    joined.settle();
    assert_eq!(*call.borrow(), Some((Ok(10_000), format!("{:01000}", 9999))));
    let bytes: usize = joined.to_client.sent().iter().map(Bytes::len).sum();
    // 10,000 of them would be 10 MB.
    assert!(bytes < 100_000, "{bytes}");
}

#[test]
fn handlers_are_gone_as_soon_as_the_connection_has_ended() {
    let mut joined = Joined::new();
    let _call = joined.start(async |client| client.hang().await);
    joined.settle();
    // The client does not take the close, so the transport stays open for a while.
    joined.to_client.stall();
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    assert!(joined.server_end.borrow().is_none());
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn handlers_that_panic_when_they_are_dropped_harm_nobody() {
    let mut joined = Joined::new();
    let calls = joined.start(async |client| {
        join_all([client.panic_when_dropped(), client.panic_when_dropped()]).await
    });
    joined.settle();
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    let calls = calls.borrow_mut().take().expect("both have ended");
    assert!(calls.iter().all(|call| matches!(call, Err(Error::Connection(_)))));
    assert!(joined.server_end.borrow().is_some());
}

#[test]
fn an_input_does_not_outlive_its_decoding() {
    let mut joined = Joined::new();
    let _call = joined.start(async |client| client.hang().await);
    joined.settle();
    let message = Bytes::from(vec![0x2f; 1000]);
    // A call in the same message as a frame that is ignored.
    let call = [&[0x00, 0xe8, 0x07][..], &message, &[0x03, 0x03, 0x09, 0x03]].concat();
    let call = Bytes::from(call);
    joined.to_server.inject(Incoming::Message(call.clone()));
    joined.to_server.forget();
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 2);
    assert!(call.is_unique(), "something holds the message");
}

#[test]
fn calls_dropped_while_they_wait_in_line_leave_room() {
    let mut joined = Joined::new();
    let client = joined.client();
    let _hanging = joined.start(async |client| join_all((0..255).map(|_| client.hang())).await);
    joined.settle();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..1000 {
        let mut dropped = Box::pin(client.increment(1));
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
    }
    let mut last = Box::pin(client.try_get());
    assert!(last.as_mut().poll(&mut cx).is_pending());
    joined.settle();
    assert_eq!(last.as_mut().poll(&mut cx), std::task::Poll::Ready(Ok(0)));
}

#[test]
fn a_state_change_held_back_for_a_slow_client_goes_out_once_it_reads() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.to_client.stall();
    joined.connection.state.lock().name = "x".repeat(1000);
    joined.settle();
    joined.connection.state.lock().counter = 5;
    joined.settle();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(joined.client().state().counter, 5);
}

#[test]
fn a_guard_dropped_just_before_the_driver_falls_asleep_wakes_it() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.to_client.stall();
    joined.connection.state.lock().name = "x".repeat(1000);
    joined.settle();
    joined.connection.state.lock().counter = 5;
    joined.settle();
    let waiting = joined.start(async |client| client.large(3).await.map(|bytes| bytes.len()));
    let (locked, is_locked) = mpsc::channel();
    let (unlock, may_unlock) = mpsc::channel::<()>();
    let state = joined.connection.state.clone();
    let holder = thread::spawn(move || {
        let _guard = state.lock();
        locked.send(()).unwrap();
        let _ = may_unlock.recv();
    });
    is_locked.recv().unwrap();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*waiting.borrow(), None);
    // The driver runs once more, to close: the state is locked when it looks, and free before it falls asleep.
    joined.server_timer.on_poll(move || {
        drop(unlock);
        holder.join().unwrap();
    });
    joined.connection.close(CloseReason::normal());
    joined.settle();
    assert_eq!(*waiting.borrow(), Some(Ok(3)));
}

#[test]
fn while_an_answer_waits_for_the_state_nothing_piles_up_behind_it() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.to_client.stall();
    joined.connection.state.lock().name = "x".repeat(1000);
    joined.settle();
    joined.connection.state.lock().counter = 5;
    joined.settle();
    let (locked, is_locked) = mpsc::channel();
    let (unlock, may_unlock) = mpsc::channel::<()>();
    let state = joined.connection.state.clone();
    let holder = thread::spawn(move || {
        let _guard = state.lock();
        locked.send(()).unwrap();
        let _ = may_unlock.recv();
    });
    is_locked.recv().unwrap();
    let first = joined.start(async |client| client.large(3).await.map(|bytes| bytes.len()));
    joined.to_client.resume();
    joined.settle();
    let others = joined.start(async |client| join_all((0..100).map(|_| client.hang())).await);
    joined.settle();
    assert_eq!(joined.seen.most_hanging.load(Ordering::SeqCst), 0);
    drop(unlock);
    holder.join().unwrap();
    joined.settle();
    assert_eq!(*first.borrow(), Some(Ok(3)));
    assert_eq!(joined.seen.most_hanging.load(Ordering::SeqCst), 100);
    drop(others);
}

#[test]
fn the_server_goes_on_reading_behind_a_batch_of_any_length() {
    let mut joined = Joined::new();
    // 100 calls of `hang` in one message, and nothing else to wake the driver afterwards.
    let calls = (0..100).flat_map(|id| [3, 0x03, id, 3]);
    let message: Vec<u8> = [0x00].into_iter().chain(calls).collect();
    joined.to_server.inject(Incoming::Message(message.into()));
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 100);
    let quiet = [&[0x00][..], &[1, 0x20].repeat(10_000)].concat();
    joined.to_server.inject(Incoming::Message(quiet.into()));
    joined.settle();
    joined.to_server.inject(Incoming::Message(Bytes::from_static(&[0x03, 200, 3])));
    joined.settle();
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 101);
}

#[test]
fn the_server_goes_on_reading_once_a_slow_client_reads_again() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(1000));
    joined.to_client.stall();
    let first = joined.start(async |client| client.large(100_000).await.map(|bytes| bytes.len()));
    joined.settle();
    let held = joined.start(async |client| join_all((0..100).map(|_| client.get())).await);
    joined.settle();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*first.borrow(), Some(Ok(100_000)));
    assert_eq!(*held.borrow(), Some(vec![Ok(0); 100]));
    let last = joined.start(async |client| client.get().await);
    joined.settle();
    assert_eq!(*last.borrow(), Some(Ok(0)));
}

#[test]
fn a_write_that_fails_ends_the_connection_and_its_handlers() {
    let mut joined = Joined::new();
    let _call = joined.start(async |client| client.hang().await);
    joined.settle();
    joined.to_client.break_off();
    joined.connection.state.lock().counter = 5;
    joined.settle();
    let lost = ConnectionError::Lost("broken pipe".into());
    assert_eq!(*joined.server_end.borrow(), Some(lost));
    assert_eq!(joined.seen.hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn a_write_that_fails_because_the_peer_has_closed_ends_with_the_peers_reason() {
    let mut joined = Joined::new();
    joined.to_client.break_off();
    let reason = CloseReason::new(CloseCode::GOING_AWAY, "bye");
    joined.to_server.inject(Incoming::Message(Bytes::from_static(&[0x20])));
    joined.to_server.inject(Incoming::Close(Some(reason)));
    joined.connection.state.lock().counter = 5;
    joined.settle();
    let closed = closed_by(Initiator::Remote, CloseCode::GOING_AWAY, "bye");
    assert_eq!(*joined.server_end.borrow(), Some(closed));
}

#[test]
fn the_close_timeout_is_kept_whatever_timer_was_set_before() {
    let limits = Limits::new()
        .with_hello_timeout(Duration::from_secs(60))
        .with_close_timeout(Duration::from_secs(1));
    let mut joined = Joined::with(limits);
    let call = joined.start(async |client| client.hang().await);
    joined.settle();
    joined.connection.close(CloseReason::new(CloseCode::GOING_AWAY, "stopping"));
    joined.settle();
    joined.server_timer.advance(Duration::from_secs(1));
    joined.settle();
    let closed = closed_by(Initiator::Remote, CloseCode::GOING_AWAY, "stopping");
    assert_eq!(*call.borrow(), Some(Err(Error::Connection(closed))));
}

#[test]
fn calls_that_nobody_waits_for_any_longer_do_not_run() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(0));
    joined.to_client.stall();
    joined.connection.state.lock().counter = 5;
    joined.settle();
    let _calls = joined.start(async |client| join_all((0..100).map(|_| client.hang())).await);
    joined.settle();
    joined.to_server.cut();
    joined.settle();
    assert_eq!(joined.seen.most_hanging.load(Ordering::SeqCst), 0);
}

#[test]
fn an_answer_waits_for_state_that_another_thread_holds() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(100));
    joined.to_client.stall();
    joined.connection.state.lock().name = "x".repeat(1000);
    joined.settle();
    joined.connection.state.lock().counter = 5;
    // The driver has much to send, so this change is not encoded yet.
    joined.settle();
    let call = joined.start(async |client| {
        let answer = client.large(3).await.map(|bytes| bytes.len());
        (answer, client.state().counter)
    });
    let (locked, is_locked) = mpsc::channel();
    let (unlock, may_unlock) = mpsc::channel::<()>();
    let state = joined.connection.state.clone();
    let holder = thread::spawn(move || {
        let _guard = state.lock();
        locked.send(()).unwrap();
        let _ = may_unlock.recv();
    });
    is_locked.recv().unwrap();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*call.borrow(), None);
    drop(unlock);
    holder.join().unwrap();
    joined.settle();
    assert_eq!(*call.borrow(), Some((Ok(3), 5)));
}

#[test]
fn state_outlives_its_connection_without_collecting_anything() {
    let mut joined = Joined::new();
    joined.to_client.cut();
    joined.to_server.cut();
    joined.settle();
    for value in 0..1000 {
        joined.connection.state.lock().counter = value;
    }
    assert_eq!(joined.connection.state.lock().counter, 999);
}

#[test]
fn an_answer_too_large_for_the_client_fails_alone() {
    let mut joined = Joined::with(Limits::new().with_max_message_bytes(1024));
    let large = joined.start(async |client| client.large(2000).await);
    let small = joined.start(async |client| client.large(10).await);
    joined.settle();
    assert_eq!(*large.borrow(), Some(Err(Error::Call(CallError::OutputTooLarge))));
    assert_eq!(*small.borrow(), Some(Ok(vec![0; 10])));
}

#[test]
fn handles_can_be_shared_between_threads() {
    fn shared<T: Clone + Send + Sync>() {}
    shared::<counter::Client>();
    shared::<counter::Connection>();
}
