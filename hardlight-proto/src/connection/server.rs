//! The server's side: answers calls, owns the state.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Connection, MAX_QUIET_FRAMES, Phase, Role, call_ids::CallIds, sealed};
use crate::{
    error::{CallError, ConnectionError, ProtocolError},
    frame::{self, CallId, Frame, Hello, HelloEntry, HelloField, Next, REVISION},
    limits::Limits,
    schema::ServiceSchema,
    time::Time,
};

/// Methods that a client may announce.
const MAX_METHODS: usize = 4096;

/// The server's side of a [`Connection`].
#[derive(Debug)]
pub struct Server {
    running: CallIds,
    state_revision: u64,
    methods: MethodTable,
}

/// What happened on a server's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// The client's Hello is read.
    Open,
    /// Run this method, then [`answer`](Connection::answer).
    Call {
        /// The call.
        id: CallId,
        /// Index of the method in the server's own schema.
        method: u32,
        /// The archive of the method's input, not checked yet.
        payload: Bytes,
    },
    /// The client gave this call up. It is still to be answered, best at once with [`CallError::Cancelled`].
    Cancel {
        /// The call.
        id: CallId,
    },
    /// Nothing that needs attention, though there is more to be polled: frames that were ignored or refused. Others may
    /// be given their turn now.
    Busy,
    /// The connection has ended; calls that still run are void. The last event.
    Closed(ConnectionError),
}

/// What the client's method numbers mean here.
#[derive(Debug)]
enum MethodTable {
    /// The same as here, up to this many.
    Same(u32),
    Mapped(Vec<Target>),
}

/// What one of the client's method numbers means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Method(u32),
    Unknown,
    Incompatible,
}

impl Role for Server {}

impl sealed::Role for Server {
    const HANDLES_LATE_INPUT: bool = false;

    fn has_open_calls(&self) -> bool {
        !self.running.is_empty()
    }
}

impl Connection<Server> {
    /// A server's side. Its Hello and `snapshot` (state operations that set every field) go out at once.
    pub fn server(
        schema: &'static ServiceSchema,
        limits: Limits,
        snapshot: Bytes,
        now: Time,
    ) -> Self {
        let role = Server {
            running: CallIds::default(),
            state_revision: 0,
            methods: MethodTable::Same(0),
        };
        let mut connection = Self::new(schema, limits, role, now);
        connection.greet(snapshot);
        connection
    }

    /// Calls that wait for their answer.
    pub fn running_calls(&self) -> usize {
        self.role.running.len()
    }

    /// Ends a call with the archive of the method's output, or without. Does nothing for a call that is not running.
    pub fn answer(&mut self, id: CallId, result: Result<Bytes, CallError>) {
        if self.is_ended() || !self.role.running.remove(id) {
            return;
        }
        let fits = |payload: &Bytes| payload.len() + 2 <= self.link.outbox.max_message_bytes();
        let frame = match result {
            Ok(payload) if fits(&payload) => Frame::Answer { id, payload },
            Ok(_) => Frame::Error { id, error: CallError::OutputTooLarge },
            Err(error) => Frame::Error { id, error },
        };
        self.link.outbox.push(frame);
        self.finish_draining();
    }

    /// Sends a change of the state: state operations, as a snapshot was made of.
    ///
    /// A change that does not fit into a message that the client accepts ends the connection.
    pub fn send_state(&mut self, operations: Bytes) {
        if self.is_ended() {
            return;
        }
        self.role.state_revision += 1;
        let frame = Frame::State { revision: self.role.state_revision, operations };
        let limit = self.link.outbox.max_message_bytes();
        if self.is_greeted() && frame.encoded_len() > limit {
            let why = "a change of the state does not fit into a message that the client accepts";
            return self.fail(ConnectionError::Internal(why.into()));
        }
        self.link.outbox.push(frame);
    }

    /// Tells the client that a subscription is in force: `topic` stands for `name` from here on, and its next event has
    /// the sequence number `next`. `name` is at most [`MAX_TOPIC_NAME_BYTES`](crate::MAX_TOPIC_NAME_BYTES) long. A topic
    /// may be announced again once it was left.
    pub fn announce_topic(&mut self, topic: u64, next: u64, name: Bytes) {
        self.push_unless_ended(Frame::Topic { topic, next, name });
    }

    /// Tells the client that a subscription has ended.
    pub fn leave_topic(&mut self, topic: u64) {
        self.push_unless_ended(Frame::Leave { topic });
    }

    /// Sends an event that [`encode_event`](crate::encode_event) has made, to a client that the topic was announced to.
    ///
    /// Behind a slow client, once more than [`Limits::max_queued_event_bytes`] of events wait, the oldest are dropped,
    /// and the client is told how many it missed. So it is if an event does not fit into a message that it accepts.
    pub fn send_event(&mut self, topic: u64, sequence: u64, event: Bytes) {
        if !self.is_ended() {
            self.link.outbox.push_event(topic, sequence, event);
        }
    }

    /// The events of a topic up to number `last` were dropped before they came here, as far as they were not sent: tells
    /// the client so.
    pub fn skip_events(&mut self, topic: u64, last: u64) {
        if !self.is_ended() {
            self.link.outbox.skip_events(topic, last);
        }
    }

    fn push_unless_ended(&mut self, frame: Frame) {
        if self.is_ended() {
            return;
        }
        self.link.outbox.push(frame);
        // An application that subscribes a client here and there, while it does not read.
        let allowed = self.link.limits.max_buffered_bytes() + self.link.limits.max_topic_bytes();
        if self.link.outbox.waiting_bytes() > 2 * allowed {
            let limit = "max_buffered_bytes";
            self.fail(ConnectionError::LimitExceeded { limit, allowed });
        }
    }

    /// What happened next. While more than [`Limits::max_buffered_bytes`] wait to be sent, calls stay where they are.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        for _ in 0..MAX_QUIET_FRAMES {
            if self.is_ended() {
                return self.poll_end();
            }
            let held = self.is_congested().then_some(frame::CALL);
            let handled = match self.next_frame(held) {
                Some(Next::Frame(frame)) => self.handle_frame(frame),
                Some(Next::Ignored) => Ok(None),
                None => return self.poll_end(),
            };
            match handled {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(error) => self.fail(error),
            }
        }
        Some(ServerEvent::Busy)
    }

    /// The last event, if the connection has ended.
    fn poll_end(&mut self) -> Option<ServerEvent> {
        if self.is_ended() { self.take_closed().map(ServerEvent::Closed) } else { None }
    }

    /// Whether more than [`Limits::max_buffered_bytes`] wait to be sent, events aside that may still be dropped: calls
    /// that arrive are held meanwhile.
    pub fn is_congested(&self) -> bool {
        self.link.outbox.queued_bytes() - self.link.outbox.event_bytes()
            > self.link.limits.max_buffered_bytes()
    }

    fn is_greeted(&self) -> bool {
        !matches!(self.link.phase, Phase::Handshake { .. })
    }

    fn greet(&mut self, snapshot: Bytes) {
        let state = self.link.schema.state.iter().map(|field| HelloField {
            index: field.index,
            name: field.name.into(),
            fingerprint: field.fingerprint,
        });
        let events =
            self.link.schema.events.iter().map(|event| HelloEntry {
                name_hash: event.name_hash,
                fingerprint: event.fingerprint,
            });
        let hello = Hello {
            revision: REVISION,
            max_message_bytes: self.link.limits.max_message_bytes(),
            state: state.collect(),
            methods: Vec::new(),
            events: events.collect(),
        };
        self.link.outbox.push(Frame::Hello(hello.into()));
        self.link.outbox.push(Frame::Snapshot { revision: 0, operations: snapshot });
    }

    fn handle_frame(&mut self, frame: Frame) -> Result<Option<ServerEvent>, ConnectionError> {
        let name = frame.name();
        match frame {
            Frame::Hello(hello) if !self.is_greeted() => {
                self.accept_hello(&hello)?;
                let servers_only = !hello.state.is_empty() || !hello.events.is_empty();
                if servers_only || hello.methods.len() > MAX_METHODS {
                    return Err(ProtocolError::InvalidHello.into());
                }
                self.role.methods = MethodTable::new(self.link.schema, &hello.methods);
                self.link.phase = Phase::Open;
                Ok(Some(ServerEvent::Open))
            }
            Frame::Call { id, method, payload } if self.is_greeted() => {
                self.handle_call(id, method, payload)
            }
            Frame::Cancel { id } if self.is_greeted() => {
                Ok(self.role.running.contains(id).then_some(ServerEvent::Cancel { id }))
            }
            _ => Err(ProtocolError::UnexpectedFrame(name).into()),
        }
    }

    fn handle_call(
        &mut self,
        id: CallId,
        method: u32,
        payload: Bytes,
    ) -> Result<Option<ServerEvent>, ConnectionError> {
        let method = self.role.methods.get(method).ok_or(ProtocolError::NoSuchMethod(method))?;
        if self.role.running.contains(id) {
            return Err(ProtocolError::CallIdInUse(id.0).into());
        }
        let refusal = match (self.link.phase, method) {
            (Phase::Open, Target::Method(method)) => {
                self.role.running.insert(id);
                return Ok(Some(ServerEvent::Call { id, method, payload }));
            }
            (Phase::Open, Target::Unknown) => CallError::UnknownMethod,
            (Phase::Open, Target::Incompatible) => CallError::IncompatibleMethod,
            _ => CallError::GoingAway,
        };
        self.link.outbox.push(Frame::Error { id, error: refusal });
        Ok(None)
    }
}

impl MethodTable {
    fn new(ours: &ServiceSchema, theirs: &[HelloEntry]) -> Self {
        let targets: Vec<_> = theirs.iter().map(|their| Target::find(ours, their)).collect();
        let same = targets.iter().zip(0..).all(|(target, index)| *target == Target::Method(index));
        if same { Self::Same(targets.len() as u32) } else { Self::Mapped(targets) }
    }

    /// `None` if the client announced no such method.
    fn get(&self, method: u32) -> Option<Target> {
        match self {
            Self::Same(len) => (method < *len).then_some(Target::Method(method)),
            Self::Mapped(targets) => targets.get(method as usize).copied(),
        }
    }
}

impl Target {
    fn find(ours: &ServiceSchema, their: &HelloEntry) -> Self {
        let found = ours.methods.iter().zip(0..).find(|(our, _)| our.name_hash == their.name_hash);
        match found {
            None => Self::Unknown,
            Some((our, _)) if our.fingerprint != their.fingerprint => Self::Incompatible,
            Some((_, index)) => Self::Method(index),
        }
    }
}
