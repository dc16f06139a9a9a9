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
    Events, GapReason, Limits, Mismatch, SchemaMismatch, ServiceSchema, StateSize, TopicStart,
};

use super::{Shared, calls::CallKey};
use crate::{error::Error, timer::Timer, transport::Transport, wire::Wire};

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
    state_size: StateSize,
    /// The service's name.
    service: &'static str,
    /// The call behind each id in use.
    keys: [CallKey; 256],
    /// Calls that just left the line; kept for its memory.
    calls: Vec<(CallKey, u32, Bytes)>,
    /// Calls that just ended, to be handed over in one go.
    done: Vec<(CallKey, Result<Bytes, Error>)>,
    wakers: Vec<Waker>,
}

impl<S: ConnectionState, E: Events, T: Transport, M: Timer> ClientDriver<S, E, T, M> {
    pub(super) fn new(
        shared: Arc<Shared<S, E>>,
        schema: &'static ServiceSchema,
        transport: T,
        timer: M,
        limits: Limits,
    ) -> Self {
        let wire = Wire::new(transport, timer);
        let close_timeout = limits.close_timeout();
        let config = ClientConfig::new(schema).with_limits(limits);
        Self {
            connection: Connection::client(config, wire.now()),
            wire,
            shared,
            close_timeout,
            state_size: StateSize::new(),
            service: schema.name,
            keys: [NO_CALL; 256],
            calls: Vec::new(),
            done: Vec::new(),
            wakers: Vec::new(),
        }
    }

    /// Moves calls, messages and timers on until nothing more can be done now: whether it stopped for fairness only.
    fn run(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..MAX_ROUNDS {
            self.send_calls();
            let read = self.wire.read(cx, &mut self.connection);
            let more = self.handle_events();
            // Behind all that may set a deadline.
            let timed_out = self.wire.run_timer(cx, &mut self.connection);
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
        let (close, cancelled) = self.shared.mailbox.with(|calls| {
            calls.take_line(&mut self.calls);
            (calls.close.take(), calls.take_cancelled())
        });
        for (key, method, payload) in self.calls.drain(..) {
            match self.connection.call(method, payload) {
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
                    self.shared.mailbox.with(|calls| calls.opened = true);
                    self.shared.tell();
                }
                ClientEvent::State { operations } => self.apply(&operations),
                ClientEvent::Event { topic, event, payload, .. } => {
                    self.shared.events.receive(&topic.into(), event, &payload);
                }
                ClientEvent::Gap { topic, first, last, reason } => {
                    let missed = (last - first).saturating_add(1);
                    if is_loss(reason) {
                        self.shared.events.lag(&topic.into(), missed);
                    }
                }
                ClientEvent::Subscribed { topic, start: TopicStart::Restarted } => {
                    tracing::warn!(?topic, "the server numbers the topic's events anew");
                }
                ClientEvent::Mismatch(mismatch) => self.report_mismatch(&mismatch),
                ClientEvent::Answer { id, result, .. } => {
                    let key = std::mem::replace(&mut self.keys[id.index()], NO_CALL);
                    self.done.push((key, result.map_err(Error::Call)));
                }
                ClientEvent::Closed(error) => {
                    tracing::debug!(%error, "connection ended");
                    self.hand_over();
                    self.shared.end(&error);
                }
                // `Closed` ends all calls that are still open.
                _ => {}
            }
        }
        self.hand_over();
        more
    }

    fn report_mismatch(&self, mismatch: &SchemaMismatch) {
        let SchemaMismatch { part, name, why, ty, name_there, .. } = mismatch;
        let (service, what) = (self.service, tracing::field::display(part));
        match (why, name_there) {
            (Mismatch::Unknown, _) => {
                tracing::warn!(service, what, name, ty, "the server does not have it");
            }
            (Mismatch::Incompatible, None) => {
                tracing::warn!(service, what, name, ty, "the server has it with other types");
            }
            (Mismatch::Incompatible, Some(there)) => {
                tracing::warn!(
                    service,
                    what,
                    name,
                    ty,
                    there,
                    "the server has another in its place"
                );
            }
        }
    }

    fn apply(&mut self, operations: &[u8]) {
        let state = &self.shared.state;
        let applied = state.apply(operations);
        let size = &mut self.state_size;
        let max_bytes = self.connection.limits().max_state_bytes();
        let mut allowed = || Ok(size.allows(operations.len(), max_bytes, || state.measure())?);
        match applied.and_then(|()| allowed()) {
            Ok(true) => {}
            Ok(false) => self.connection.reject_state_size(),
            Err(error) => {
                tracing::debug!(%error, "state operations do not apply");
                self.connection.reject_state();
            }
        }
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

/// Whether the application was to see the events of a gap: not those that were replaced, or are for others.
const fn is_loss(reason: GapReason) -> bool {
    !matches!(reason, GapReason::Conflated | GapReason::Withheld)
}

impl<S: ConnectionState, E: Events, T: Transport, M: Timer> Future for ClientDriver<S, E, T, M> {
    type Output = ConnectionError;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.shared.mailbox.wake_up(cx);
        if !this.connection.is_ended() && this.run(cx) {
            cx.waker().wake_by_ref();
        }
        let Some(error) = this.connection.error() else {
            return Poll::Pending;
        };
        let error = error.clone();
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
        self.shared.end(&ConnectionError::Lost("its driver was dropped".into()));
        self.shared.mailbox.with(|calls| calls.finished = true);
        self.shared.tell();
    }
}
