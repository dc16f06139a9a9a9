#![allow(dead_code, reason = "each test uses a part of it")]
//! A transport in memory and a timer that only the test moves.

pub(crate) mod desk;
pub(crate) mod house;
pub(crate) mod joined;
pub(crate) mod recorder;
pub(crate) mod returning;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use hardlight_driver::{Clock as DriverClock, Incoming, Outgoing, Timer, Transport, proto::Time};

/// One end of a transport in memory.
pub(crate) struct MemoryTransport {
    incoming: Pipe,
    outgoing: Pipe,
}

/// One direction of it; the test holds a clone.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    queue: VecDeque<Incoming>,
    /// All that was ever sent.
    log: Vec<Bytes>,
    stalled: bool,
    broken: bool,
    cut: bool,
    /// So many messages more go through, and then it is cut.
    left: Option<usize>,
    wakers: Vec<Waker>,
}

/// Two ends, and the pipes between them: to the first, to the second.
pub(crate) fn transport() -> (MemoryTransport, MemoryTransport, Pipe, Pipe) {
    let (a, b) = (Pipe::default(), Pipe::default());
    let first = MemoryTransport { incoming: a.clone(), outgoing: b.clone() };
    let second = MemoryTransport { incoming: b.clone(), outgoing: a.clone() };
    (first, second, a, b)
}

impl Pipe {
    /// Nothing more goes in, until [`resume`](Self::resume).
    pub(crate) fn stall(&self) {
        self.change(|state| state.stalled = true);
    }

    pub(crate) fn resume(&self) {
        self.change(|state| state.stalled = false);
    }

    /// Writing fails from here on; what was sent before may still be read.
    pub(crate) fn break_off(&self) {
        self.change(|state| state.broken = true);
    }

    /// The receiver finds that the transport has ended.
    pub(crate) fn cut(&self) {
        self.change(|state| state.cut = true);
    }

    /// The receiver finds that the transport has ended once so many messages more went through. What is sent later is lost.
    pub(crate) fn cut_after(&self, messages: usize) {
        self.change(|state| {
            state.left = Some(messages);
            state.cut |= messages == 0;
        });
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.change(|state| state.cut)
    }

    /// Sends something in the sender's place.
    pub(crate) fn inject(&self, incoming: Incoming) {
        self.change(|state| state.queue.push_back(incoming));
    }

    /// Forgets the messages that were sent so far.
    pub(crate) fn forget(&self) {
        self.change(|state| state.log.clear());
    }

    /// Messages that were sent so far.
    pub(crate) fn sent(&self) -> Vec<Bytes> {
        self.change(|state| state.log.clone())
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.0.lock().unwrap();
        let result = change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    fn poll<R>(&self, cx: &Context<'_>, ready: impl FnOnce(&mut State) -> Option<R>) -> Poll<R> {
        let mut state = self.0.lock().unwrap();
        match ready(&mut state) {
            Some(result) => Poll::Ready(result),
            None => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Transport for MemoryTransport {
    type Error = io::Error;

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Incoming, Self::Error>>> {
        self.incoming.poll(cx, |state| match state.queue.pop_front() {
            Some(incoming) => Some(Some(Ok(incoming))),
            None if state.cut => Some(None),
            None => None,
        })
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.outgoing.poll(cx, |state| {
            if state.broken {
                return Some(Err(io::ErrorKind::BrokenPipe.into()));
            }
            (!state.stalled).then_some(Ok(()))
        })
    }

    fn start_send(&mut self, message: Outgoing) -> Result<(), Self::Error> {
        self.outgoing.change(|state| match message {
            _ if state.left == Some(0) => {}
            Outgoing::Message(message) => {
                state.log.push(message.clone());
                state.queue.push_back(Incoming::Message(message));
                state.left = state.left.map(|left| left - 1);
                state.cut |= state.left == Some(0);
            }
            Outgoing::Close(reason) => state.queue.push_back(Incoming::Close(Some(reason))),
        });
        Ok(())
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

/// As a socket does: the other end finds that it has ended.
impl Drop for MemoryTransport {
    fn drop(&mut self) {
        self.outgoing.cut();
    }
}

/// A clock that stands still until the test moves it.
#[derive(Clone, Default)]
pub(crate) struct ManualTimer(Arc<Mutex<Clock>>);

#[derive(Default)]
struct Clock {
    now: Time,
    deadline: Option<Time>,
    waker: Option<Waker>,
    on_poll: Option<Box<dyn FnOnce() + Send>>,
}

impl ManualTimer {
    /// Has something done the next time that the driver looks at the timer.
    pub(crate) fn on_poll(&self, action: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().on_poll = Some(Box::new(action));
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let mut clock = self.0.lock().unwrap();
        clock.now = clock.now + duration;
        // As a real one does: it rings only if the deadline that was set has come.
        let rings = clock.deadline.is_some_and(|deadline| deadline <= clock.now);
        let waker = if rings { clock.waker.take() } else { None };
        drop(clock);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Time {
        self.0.lock().unwrap().now
    }

    fn clock(&self) -> DriverClock {
        let timer = self.clone();
        DriverClock::new(move || timer.now())
    }

    fn reset(&mut self, deadline: Time) {
        self.0.lock().unwrap().deadline = Some(deadline);
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let action = self.0.lock().unwrap().on_poll.take();
        if let Some(action) = action {
            action();
        }
        let mut clock = self.0.lock().unwrap();
        if clock.deadline.is_some_and(|deadline| deadline <= clock.now) {
            return Poll::Ready(());
        }
        clock.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
