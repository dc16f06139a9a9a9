//! The driver of a client: the one task that owns the connection and its transport.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use hardlight_proto::{
    CallId, Client, ClientConfig, ClientEvent, Connection, ConnectionError, ConnectionState,
    Events, SchemaMismatch, StateError, Time, Topic, TopicStart,
};

use super::{
    Shared,
    attached::Attached,
    calls::{CallKey, Taken},
    state::StateReplica,
};
use crate::{error::Error, inside::Inside, timer::Timer, transport::Transport, wire::Wire};

/// Rounds of reading and writing before the driver lets others run.
const MAX_ROUNDS: usize = 16;
/// Events that are handled before the driver lets others run: a patch of a few bytes may be much work.
const MAX_EVENTS_PER_ROUND: usize = 64;
/// In place of the key of a call, where an id is free.
const NO_CALL: CallKey = CallKey::MAX;

/// Does all the work of a client's connection. Ends with the reason once the transport is closed.
#[must_use = "the connection makes no progress unless the driver is polled"]
pub struct ClientDriver<S: ConnectionState, E: Events, T, M> {
    connection: Connection<Client>,
    wire: Wire<T, M>,
    shared: Arc<Shared<S, E>>,
    close_timeout: std::time::Duration,
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
    /// Events that were skipped, as far as that was told.
    skipped: u64,
    /// Handlers of the application's that run beside the connection.
    attached: Vec<Attached>,
    /// The topic that something came of last, as it was named and as streams have it.
    topic: Option<(Bytes, Topic)>,
}

impl<S: ConnectionState, E: Events, T: Transport, M: Timer> ClientDriver<S, E, T, M> {
    pub(super) fn new(
        shared: Arc<Shared<S, E>>,
        transport: T,
        timer: M,
        config: ClientConfig,
    ) -> Self {
        let wire = Wire::new(transport, timer);
        let close_timeout = config.limits().close_timeout();
        let service = config.schema().name;
        let state = StateReplica::new(config.limits().max_state_bytes());
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
            skipped: 0,
            attached: Vec::new(),
            topic: None,
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
            let timed_out = self.wire.run_timer(&mut self.connection, self.next_deadline);
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
                now = self.wire.now();
                calls.expire(now, &mut self.wakers);
                self.next_deadline = calls.next_deadline();
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
        for Taken { key, method, payload, wire } in self.calls.drain(..) {
            match self.connection.call_with(method, payload, wire) {
                Ok(id) => self.keys[id.index()] = key,
                Err(error) => self.done.push((key, Err(Error::Call(error)))),
            }
        }
        for key in cancelled {
            // Few calls are cancelled, and the ids are few.
            let id = (0..=u8::MAX).find(|&id| self.keys[usize::from(id)] == key);
            id.into_iter().for_each(|id| self.connection.cancel(CallId(id)));
        }
        if let Some(reason) = close {
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
                    self.shared.features.publish(self.connection.features());
                    self.shared.mailbox.with(|calls| calls.opened = true);
                    self.shared.tell();
                }
                ClientEvent::State { operations } => self.apply(&operations),
                ClientEvent::Features => {
                    self.shared.features.publish(self.connection.features());
                }
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
                    self.done.push((key, result.map_err(Error::Call)));
                }
                ClientEvent::Closed(error) => {
                    tracing::debug!(%error, "connection ended");
                    self.hand_over();
                    self.note_resume_point();
                    self.shared.events.catch_up();
                    self.shared.end(&error);
                }
                // `Closed` ends all calls that are still open.
                _ => {}
            }
        }
        self.hand_over();
        let skipped = self.connection.skipped_events();
        if self.skipped != skipped {
            self.skipped = skipped;
            self.shared.events.set_skipped(skipped);
        }
        if let Err(error) = self.state.catch_up() {
            self.reject_state(&error);
        }
        more
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
        let _inside = Inside::enter();
        this.shared.mailbox.wake_up(cx);
        this.wire.wake_up(cx);
        if !this.connection.is_ended() && this.run(cx) {
            cx.waker().wake_by_ref();
        }
        let Some(error) = this.connection.error() else {
            return Poll::Pending;
        };
        let error = error.clone();
        // What arrived before the end is still handled.
        this.run_attached();
        let finished = this.wire.poll_finish(cx, &mut this.connection, this.close_timeout);
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
        if self.shared.mailbox.with(|calls| calls.ended.is_none()) {
            self.note_resume_point();
        }
        self.shared.end(&ConnectionError::Lost("its driver was dropped".into()));
        let attached = self.shared.mailbox.with(|calls| {
            calls.finished = true;
            std::mem::take(&mut calls.attached)
        });
        drop(attached);
        self.shared.tell();
    }
}
