//! The transport and the timer of one connection, joined to its state machine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
};

use atomic_waker::AtomicWaker;
use hardlight_proto::{Connection, Role, Time, Transmit};

use crate::{
    clock::Clock,
    telemetry::meters::ByteMeter,
    timer::Timer,
    transport::{Incoming, Outgoing, Transport},
};

/// Messages that are dropped per poll while the connection closes.
const MAX_DROPPED_PER_POLL: usize = 16;

pub(crate) struct Wire<T, M> {
    transport: T,
    timer: M,
    /// What the alarm is set to.
    alarm: Option<Time>,
    unflushed: bool,
    peer_closed: bool,
    /// Why nothing can be written any longer. What the peer sent before that is still read.
    write_failure: Option<String>,
    stage: Stage,
    bytes: ByteMeter,
    signals: Arc<Signals>,
    /// Made once.
    incoming_waker: Waker,
    alarm_waker: Waker,
}

/// What the driver was woken for. It is woken for many other reasons, and to look costs more than this: a WebSocket clears
/// its buffer before each read, and a timer has a lock.
struct Signals {
    /// There may be something to receive.
    incoming: AtomicBool,
    /// The alarm may ring.
    alarm: AtomicBool,
    driver: AtomicWaker,
}

struct IncomingSignal(Arc<Signals>);

struct AlarmSignal(Arc<Signals>);

impl Signals {
    fn give(&self, signal: &AtomicBool) {
        signal.store(true, Ordering::Release);
        self.driver.wake();
    }

    /// Whether the signal was given since this was asked last.
    fn take(signal: &AtomicBool) -> bool {
        signal.load(Ordering::Relaxed) && signal.swap(false, Ordering::AcqRel)
    }
}

impl Wake for IncomingSignal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.give(&self.0.incoming);
    }
}

impl Wake for AlarmSignal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.give(&self.0.alarm);
    }
}

enum Stage {
    Running,
    /// The close is sent, or the transport is being given up: until this time.
    Closing {
        deadline: Time,
    },
    /// The transport has ended.
    Ended,
}

impl<T: Transport, M: Timer> Wire<T, M> {
    pub(crate) fn new(transport: T, timer: M, bytes: ByteMeter) -> Self {
        let (incoming, alarm) = (AtomicBool::new(true), AtomicBool::new(false));
        let signals = Arc::new(Signals { incoming, alarm, driver: AtomicWaker::new() });
        Self {
            transport,
            timer,
            incoming_waker: Waker::from(Arc::new(IncomingSignal(Arc::clone(&signals)))),
            alarm_waker: Waker::from(Arc::new(AlarmSignal(Arc::clone(&signals)))),
            signals,
            alarm: None,
            unflushed: false,
            peer_closed: false,
            write_failure: None,
            stage: Stage::Running,
            bytes,
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.timer.now()
    }

    /// The clock, for others to ask.
    pub(crate) fn clock(&self) -> Clock {
        self.timer.clock()
    }

    /// The driver begins to run: whatever is signalled from here on wakes it again.
    pub(crate) fn wake_up(&self, cx: &Context<'_>) {
        self.signals.driver.register(cx.waker());
    }

    /// Reads one message, if one is there: whether it did, or found the end.
    pub(crate) fn read<R: Role>(&mut self, connection: &mut Connection<R>) -> bool {
        if matches!(self.stage, Stage::Ended) {
            return false;
        }
        let received =
            if connection.wants_message() { self.poll_incoming() } else { Poll::Pending };
        match (received, self.write_failure.take()) {
            (Poll::Pending, None) => return false,
            // The peer said nothing more before it went.
            (Poll::Pending, Some(why)) => self.lose(why, connection),
            (Poll::Ready(Some(Ok(incoming))), failure) => {
                self.write_failure = failure;
                self.receive(incoming, connection);
            }
            (Poll::Ready(Some(Err(error))), _) => self.lose(error.to_string(), connection),
            (Poll::Ready(None), failure) => {
                let why = failure.unwrap_or_else(|| "the transport ended without a close".into());
                self.lose(why, connection);
            }
        }
        true
    }

    /// What has arrived, if the transport has said since it was asked last that there may be something.
    fn poll_incoming(&mut self) -> Poll<Option<Result<Incoming, T::Error>>> {
        if !Signals::take(&self.signals.incoming) {
            return Poll::Pending;
        }
        let received = self.transport.poll_receive(&mut Context::from_waker(&self.incoming_waker));
        if received.is_ready() {
            // There may be more.
            self.signals.incoming.store(true, Ordering::Release);
        }
        received
    }

    /// Sends what the connection has ready, as far as the transport takes it, and flushes once: whether that failed,
    /// and the reason is to be read.
    pub(crate) fn write<R: Role>(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<R>,
    ) -> bool {
        if matches!(self.stage, Stage::Ended) || self.write_failure.is_some() {
            return false;
        }
        self.write_failure = self.write_ready(cx, connection).err().map(|error| error.to_string());
        self.write_failure.is_some()
    }

    fn write_ready<R: Role>(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<R>,
    ) -> Result<(), T::Error> {
        while connection.has_transmit() && self.transport.poll_ready(cx)?.is_ready() {
            let Some(message) = next_outgoing(connection) else { break };
            if let Outgoing::Message(message) = &message {
                self.bytes.sent(message.len());
            }
            self.transport.start_send(message)?;
            self.unflushed = true;
        }
        if self.unflushed {
            self.unflushed = self.transport.poll_flush(cx)?.is_pending();
        }
        Ok(())
    }

    fn receive<R: Role>(&mut self, incoming: Incoming, connection: &mut Connection<R>) {
        match incoming {
            Incoming::Message(message) => {
                self.bytes.received(message.len());
                connection.handle_message(message);
            }
            Incoming::Text => connection.handle_text(),
            Incoming::Close(reason) => {
                self.peer_closed = true;
                connection.handle_close(reason);
            }
        }
    }

    fn lose<R: Role>(&mut self, why: String, connection: &mut Connection<R>) {
        self.stage = Stage::Ended;
        connection.handle_lost(why);
    }

    /// Passes time on to the connection: whether a timeout was handled, that or another one that the driver has.
    pub(crate) fn run_timer<R: Role>(
        &mut self,
        connection: &mut Connection<R>,
        other: Option<Time>,
    ) -> bool {
        let deadline = connection.poll_timeout().into_iter().chain(other).min();
        if !self.poll_alarm(deadline) {
            return false;
        }
        connection.handle_timeout(self.timer.now());
        true
    }

    /// After the connection has ended: closes the transport in an orderly way, but not for longer than the limit.
    /// What the peer still sends is read and dropped, so that it gets to see the close.
    pub(crate) fn poll_finish<R: Role>(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<R>,
        timeout: std::time::Duration,
    ) -> Poll<()> {
        if matches!(self.stage, Stage::Running) {
            self.stage = Stage::Closing { deadline: self.timer.now() + timeout };
            // The transport may owe the peer an answer to its close.
            self.unflushed = true;
        }
        if self.write(cx, connection) {
            self.stage = Stage::Ended;
        }
        let Stage::Closing { deadline } = self.stage else { return Poll::Ready(()) };
        if self.poll_alarm(Some(deadline)) {
            self.stage = Stage::Ended;
            return Poll::Ready(());
        }
        if !self.peer_closed {
            ready!(self.poll_peer_close(cx));
        }
        if self.unflushed {
            return Poll::Pending;
        }
        self.stage = Stage::Ended;
        Poll::Ready(())
    }

    /// Waits for the peer's close, or the end of the transport.
    fn poll_peer_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MAX_DROPPED_PER_POLL {
            match ready!(self.transport.poll_receive(cx)) {
                None | Some(Err(_)) => {
                    self.unflushed = false;
                    return Poll::Ready(());
                }
                Some(Ok(Incoming::Close(_))) => {
                    self.peer_closed = true;
                    return Poll::Ready(());
                }
                Some(Ok(_)) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether `deadline` has passed. Touches the timer only if the deadline changed, or the timer has said since it was
    /// asked last that it may have.
    fn poll_alarm(&mut self, deadline: Option<Time>) -> bool {
        let Some(deadline) = deadline else {
            return false;
        };
        if self.alarm != Some(deadline) {
            self.timer.reset(deadline);
            self.alarm = Some(deadline);
            // What the old deadline left.
            Signals::take(&self.signals.alarm);
        } else if !Signals::take(&self.signals.alarm) {
            return false;
        }
        let expired =
            self.timer.poll_expired(&mut Context::from_waker(&self.alarm_waker)).is_ready();
        if expired {
            self.alarm = None;
        }
        expired
    }
}

fn next_outgoing<R: Role>(connection: &mut Connection<R>) -> Option<Outgoing> {
    connection.poll_transmit().map(|transmit| match transmit {
        Transmit::Message(message) => Outgoing::Message(message),
        Transmit::Close(reason) => Outgoing::Close(reason),
    })
}
