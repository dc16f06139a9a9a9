//! The driver of a client: the one task that owns the connection and its transport.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, Client, ClientEvent, CloseCode, CloseReason, Connection, ConnectionError,
    ConnectionState, Events, SchemaMismatch, StateError, Time, Topic, TopicStart,
};
use tracing::Span;

use super::{
    Connected, ConnectionStatus, Shared,
    attached::Attached,
    calls::{CallKey, Gate, Taken},
    state::StateReplica,
};
use crate::{
    error::Error,
    inside::Inside,
    telemetry::{end_connection, enter, leave, meters::ConnectionMeter},
    timer::Timer,
    transport::Transport,
    wire::Wire,
};

/// Rounds of reading and writing before the driver lets others run.
const MAX_ROUNDS: usize = 16;
/// Events that are handled before the driver lets others run: a patch of a few bytes may be much work.
const MAX_EVENTS_PER_ROUND: usize = 64;
/// A server that is stopping is waited for no longer than this, whatever it says.
const MAX_GRACE: Duration = Duration::from_secs(5 * 60);
/// In place of the key of a call, where an id is free.
const NO_CALL: CallKey = CallKey::MAX;

/// Whether the client goes on when the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    Once,
    Recurring { restore_timeout: Duration },
}

impl Persistence {
    pub(super) const fn is_recurring(self) -> bool {
        matches!(self, Self::Recurring { .. })
    }
}

/// Whether a server that is stopping may well mean no more than that.
fn is_farewell(error: &ConnectionError) -> bool {
    let ConnectionError::Closed { reason, .. } = error else { return false };
    matches!(reason.code(), CloseCode::NORMAL | CloseCode::GOING_AWAY | CloseCode::NO_STATUS)
}

/// The same moment by two clocks: that of this connection's timer, and that of the deadlines.
#[derive(Clone, Copy, Debug)]
struct Began {
    here: Time,
    shared: Time,
}

impl Began {
    /// A deadline by the clock of the timer. One from before is over.
    fn here(self, deadline: Time) -> Time {
        self.here + deadline.saturating_since(self.shared)
    }
}

/// Does all the work of a client's connection. Ends with the reason once the transport is closed.
#[must_use = "the connection makes no progress unless the driver is polled"]
pub struct ClientDriver<S: ConnectionState, E: Events, T, M> {
    connection: Connection<Client>,
    wire: Wire<T, M>,
    shared: Arc<Shared<S, E>>,
    close_timeout: Duration,
    state: StateReplica<S>,
    /// The service's name.
    service: &'static str,
    /// The call behind each id in use.
    keys: [CallKey; 256],
    /// Calls that just left the line; kept for its memory.
    calls: Vec<Taken>,
    /// When the next call has waited for long enough.
    next_deadline: Option<Time>,
    /// Calls that just ended, to be handed over in one go.
    done: Vec<(CallKey, Result<Bytes, Error>)>,
    wakers: Vec<Waker>,
    /// Several callers have their answers: they may well call again, all of them, before this is to run.
    expects_calls: bool,
    /// Events that were skipped, as far as that was told.
    skipped: u64,
    /// Handlers of the application's that run beside the connection.
    attached: Vec<Attached>,
    /// The topic that something came of last, as it was named and as streams have it.
    topic: Option<(Bytes, Topic)>,
    persistence: Persistence,
    began: Began,
    /// When this connection has had its time: to be restored, or to be left.
    give_up_at: Option<Time>,
    /// This side closes the connection.
    closing: bool,
    /// The server is stopping: another connection is to take this one's place.
    leaving: bool,
    /// The connection is lost, and the client goes on without it.
    interrupted: bool,
    /// Of the connection.
    span: Span,
    meter: ConnectionMeter,
}

impl<S: ConnectionState, E: Events, T: Transport, M: Timer> ClientDriver<S, E, T, M> {
    pub(super) fn new(
        shared: Arc<Shared<S, E>>,
        connected: Connected<T, M>,
        persistence: Persistence,
    ) -> Self {
        let Connected { transport, timer, config, .. } = connected;
        let meter = ConnectionMeter::new(&shared.telemetry.meters);
        let wire = Wire::new(transport, timer, meter.bytes());
        let close_timeout = config.limits().close_timeout();
        let service = config.schema().name;
        let state = StateReplica::new(config.limits().max_state_bytes());
        let began = Began { here: wire.now(), shared: shared.clock.now() };
        let span = shared.telemetry.connection(service);
        Self {
            connection: Connection::client(config, wire.now()),
            wire,
            shared,
            close_timeout,
            state,
            service,
            keys: [NO_CALL; 256],
            calls: Vec::new(),
            next_deadline: None,
            done: Vec::new(),
            wakers: Vec::new(),
            expects_calls: false,
            skipped: 0,
            attached: Vec::new(),
            topic: None,
            persistence,
            began,
            give_up_at: None,
            closing: false,
            leaving: false,
            interrupted: false,
            span,
            meter,
        }
    }

    /// Moves calls, messages and timers on until nothing more can be done now: whether it stopped for fairness only.
    fn run(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..MAX_ROUNDS {
            self.send_calls();
            let read = self.wire.read(&mut self.connection);
            let more = self.handle_events();
            self.run_attached();
            // Behind all that may set a deadline.
            let other = self.next_deadline.into_iter().chain(self.give_up_at).min();
            let timed_out = self.wire.run_timer(&mut self.connection, other);
            if timed_out {
                self.check_time();
            }
            if self.connection.is_ended() {
                while self.handle_events() {}
                return false;
            }
            if more {
                break;
            }
            if read {
                // Whatever else has arrived goes first: answers free ids, and new calls then share a message.
                continue;
            }
            let write_failed = self.wire.write(cx, &mut self.connection);
            if !timed_out
                && !write_failed
                && self.shared.mailbox.fall_asleep(|calls| !calls.wants_driver())
            {
                return false;
            }
        }
        self.wire.write(cx, &mut self.connection);
        true
    }

    fn send_calls(&mut self) {
        let (close, cancelled, resume_asked) = self.shared.mailbox.with(|calls| {
            let mut now = Time::ZERO;
            self.next_deadline = None;
            if calls.has_specials() {
                now = self.shared.clock.now();
                calls.expire(now, &mut self.wakers);
                self.next_deadline = calls.next_deadline().map(|at| self.began.here(at));
            }
            calls.take_line(now, &mut self.calls);
            let resume_asked = calls.resume_asked != calls.resume_answered;
            (calls.close.take(), calls.take_cancelled(), resume_asked)
        });
        if resume_asked {
            self.note_resume_point();
            self.shared.tell();
        }
        if !self.wakers.is_empty() {
            self.wakers.drain(..).for_each(Waker::wake);
        }
        for Taken { key, request, wire } in self.calls.drain(..) {
            match self.connection.call_with(request.method, request.payload, wire) {
                Ok(id) => self.keys[id.index()] = key,
                Err(CallError::GoingAway) if self.leaving && self.shared.hold(key) => {}
                Err(error) => self.done.push((key, Err(Error::Call(error)))),
            }
        }
        for key in cancelled {
            // Few calls are cancelled, and the ids are few.
            let id = (0..=u8::MAX).find(|&id| self.keys[usize::from(id)] == key);
            id.into_iter().for_each(|id| self.connection.cancel(CallId(id)));
        }
        if let Some(reason) = close {
            self.closing = true;
            self.connection.close(reason, self.wire.now());
        }
    }

    /// Whether there may be more events than were handled now.
    fn handle_events(&mut self) -> bool {
        let mut more = true;
        for _ in 0..MAX_EVENTS_PER_ROUND {
            let Some(event) = self.connection.poll_event() else {
                more = false;
                break;
            };
            match event {
                ClientEvent::Busy => break,
                ClientEvent::Open { snapshot } => {
                    self.apply(&snapshot);
                    self.publish_features();
                    self.open();
                }
                ClientEvent::State { operations } => self.apply(&operations),
                ClientEvent::Features => self.publish_features(),
                ClientEvent::Event { topic, event, payload, .. } => {
                    let topic = self.topic(topic);
                    self.shared.events.receive(&topic, event, &payload);
                }
                ClientEvent::Gap { topic, first, last, reason } => {
                    let missed = (last - first).saturating_add(1);
                    let topic = self.topic(topic);
                    self.shared.events.gap(&topic, missed, reason);
                }
                ClientEvent::Subscribed { topic, start: TopicStart::Restarted } => {
                    let topic = self.topic(topic);
                    self.shared.events.restart(&topic);
                }
                ClientEvent::Mismatch(mismatch) => self.note_mismatch(mismatch),
                ClientEvent::Answer { id, result, .. } => {
                    let key = std::mem::replace(&mut self.keys[id.index()], NO_CALL);
                    let goes_away = self.leaving && result == Err(CallError::GoingAway);
                    if !(goes_away && self.shared.hold(key)) {
                        self.done.push((key, result.map_err(Error::Call)));
                    }
                }
                ClientEvent::GoingAway { grace } if self.persistence.is_recurring() => {
                    self.leave(grace);
                }
                // `Closed` ends all calls that are still open.
                ClientEvent::Unanswered { id, may_have_run: false } => {
                    let key = self.keys[id.index()];
                    self.shared.mailbox.with(|calls| calls.note_unsent(key));
                }
                ClientEvent::Closed(error) => self.end(&error),
                _ => {}
            }
        }
        self.hand_over();
        let skipped = self.connection.skipped_events();
        if self.skipped != skipped {
            self.shared.events.skip(skipped - self.skipped);
            self.skipped = skipped;
        }
        if let Err(error) = self.state.catch_up() {
            self.reject_state(&error);
        }
        more
    }

    fn end(&mut self, error: &ConnectionError) {
        tracing::debug!(%error, "connection ended");
        self.meter.end(error);
        end_connection(&self.span, error);
        self.hand_over();
        self.note_resume_point();
        self.shared.events.catch_up();
        let goes_on = self.persistence.is_recurring()
            && self.shared.mailbox.with(|calls| calls.opened)
            && !self.closing
            && (error.is_retryable() || self.leaving && is_farewell(error));
        if goes_on {
            self.interrupted = true;
            self.shared.interrupt(error);
        } else {
            self.shared.end(error);
        }
    }

    /// The connection is open: whoever waits for it may go on.
    fn open(&mut self) {
        self.shared.opened();
        let is_restored = self.shared.mailbox.with(|calls| calls.gate == Gate::Open);
        if let Persistence::Recurring { restore_timeout } = self.persistence
            && !is_restored
        {
            self.give_up_at = Some(self.wire.now() + restore_timeout);
        }
    }

    /// The server is stopping: another connection is to take this one's place, once it has closed.
    fn leave(&mut self, grace: Duration) {
        self.leaving = !self.closing;
        let is_restored = self.shared.mailbox.with(|calls| {
            let gate = std::mem::replace(&mut calls.gate, Gate::Closed);
            gate != Gate::First
        });
        if !self.leaving {
            return;
        }
        self.shared.status.publish(ConnectionStatus::Leaving);
        if is_restored {
            let patience = grace.min(MAX_GRACE) + self.close_timeout;
            self.give_up_at = Some(self.wire.now() + patience);
        } else {
            // What is done on a new connection would have to be done on the next one all the same.
            self.shared.restores.stop();
            self.give_up_at = Some(self.wire.now());
        }
    }

    /// Gives the connection up if it has had its time.
    fn check_time(&mut self) {
        if self.give_up_at.is_none_or(|at| at > self.wire.now()) {
            return;
        }
        self.give_up_at = None;
        let is_restored = self.shared.mailbox.with(|calls| calls.gate == Gate::Open);
        if self.leaving {
            self.connection
                .abort(CloseReason::new(CloseCode::GOING_AWAY, "the server is stopping"));
        } else if !is_restored {
            tracing::warn!("what is done on a new connection takes too long: another one is tried");
            self.leaving = true;
            self.connection.abort(CloseReason::new(CloseCode::GOING_AWAY, "not restored in time"));
        }
    }

    fn publish_features(&self) {
        self.shared.features.publish(Arc::new(self.connection.features().clone()));
    }

    /// A topic as streams have it. Most events come of the topic of the last one.
    fn topic(&mut self, name: Bytes) -> Topic {
        if let Some((last, topic)) = &self.topic
            && *last == name
        {
            return topic.clone();
        }
        let topic = Topic::from(&*name);
        self.topic = Some((name, topic.clone()));
        topic
    }

    /// Lets those handlers go on that were woken.
    fn run_attached(&mut self) {
        let woken = self.shared.mailbox.with(|calls| {
            self.attached.append(&mut calls.attached);
            std::mem::take(&mut calls.attached_woken)
        });
        if woken {
            self.shared.events.catch_up();
            self.attached.retain_mut(Attached::run);
        }
    }

    fn note_mismatch(&self, mismatch: SchemaMismatch) {
        tracing::warn!(service = self.service, "{mismatch}");
        self.shared.mailbox.with(|calls| calls.mismatches.push(mismatch));
    }

    fn apply(&mut self, operations: &[u8]) {
        match self.state.apply(&self.shared.state, operations) {
            Ok(true) => {}
            Ok(false) => self.connection.reject_state_size(),
            Err(error) => self.reject_state(&error),
        }
    }

    fn reject_state(&mut self, error: &StateError) {
        tracing::debug!(%error, "state operations do not apply");
        self.connection.reject_state();
    }

    /// Tells the callers what became of their calls. All state that came before is in place by now.
    fn hand_over(&mut self) {
        if self.done.is_empty() {
            return;
        }
        self.shared.mailbox.with(|calls| {
            for (key, result) in self.done.drain(..) {
                calls.finish(key, result, &mut self.wakers);
            }
        });
        self.expects_calls = self.wakers.len() > 1;
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl<S: ConnectionState, E: Events, T, M> ClientDriver<S, E, T, M> {
    /// Says how far the connection came, if somebody asked.
    fn note_resume_point(&self) {
        let resume = self.connection.resume_point();
        self.shared.mailbox.with(|calls| {
            calls.resume = resume;
            calls.resume_answered = calls.resume_asked;
        });
    }
}

impl<S: ConnectionState, E: Events, T: Transport, M: Timer> Future for ClientDriver<S, E, T, M> {
    type Output = ConnectionError;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let entered = enter(&this.span);
        let advanced = this.advance(cx);
        leave(entered);
        advanced
    }
}

impl<S: ConnectionState, E: Events, T: Transport, M: Timer> ClientDriver<S, E, T, M> {
    #[inline(always)]
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionError> {
        let _inside = Inside::enter();
        self.shared.mailbox.wake_up(cx);
        self.wire.wake_up(cx);
        if std::mem::take(&mut self.expects_calls) {
            // The first of them has woken this one; the others' calls then leave in one message with its own.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.connection.is_ended() && self.run(cx) {
            cx.waker().wake_by_ref();
        }
        self.meter.look_at_client(&self.connection, || self.shared.events.counts());
        let Some(error) = self.connection.error() else {
            return Poll::Pending;
        };
        let error = error.clone();
        // What arrived before the end is still handled.
        self.run_attached();
        if self.interrupted {
            // The next connection is not to wait for an orderly end of this one.
            self.wire.write(cx, &mut self.connection);
            return Poll::Ready(error);
        }
        let finished = self.wire.poll_finish(cx, &mut self.connection, self.close_timeout);
        finished.map(|()| error)
    }
}

impl<S: ConnectionState, E: Events, T, M> fmt::Debug for ClientDriver<S, E, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientDriver").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// However the driver ends, every waiter learns of it.
impl<S: ConnectionState, E: Events, T, M> Drop for ClientDriver<S, E, T, M> {
    fn drop(&mut self) {
        if self.interrupted {
            return self.shared.hand_back(std::mem::take(&mut self.attached));
        }
        if self.shared.mailbox.with(|calls| calls.ended.is_none()) {
            self.note_resume_point();
        }
        self.shared.end(&ConnectionError::Lost("its driver was dropped".into()));
        self.shared.finish();
    }
}
