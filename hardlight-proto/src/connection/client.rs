//! The client's side: makes calls, holds a copy of the state.

use alloc::{collections::VecDeque, vec::Vec};

use bytes::Bytes;

use super::{Connection, MAX_QUIET_FRAMES, Phase, Role, call_ids::CallIds, sealed, topics::Topics};
use crate::{
    error::{CallError, ConnectionError, ProtocolError},
    frame::{CallId, Frame, Hello, HelloEntry, HelloField, Next, REVISION},
    limits::Limits,
    schema::{EventSchema, ServiceSchema},
    time::Time,
};

/// The client's side of a [`Connection`].
#[derive(Debug)]
pub struct Client {
    open: CallIds,
    greeted: bool,
    /// The revision of the state; `None` before the snapshot.
    state_revision: Option<u64>,
    /// Calls made before the connection was open, in order.
    early: VecDeque<(CallId, u32, Bytes)>,
    /// Early calls that turned out too large.
    refused: VecDeque<(CallId, CallError)>,
    topics: Topics,
    /// What the server's event numbers mean here.
    events: Vec<Option<u32>>,
    skipped_events: u64,
}

/// What happened on a client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server's Hello and snapshot are read: calls go out from now on.
    Open {
        /// State operations that set every field.
        snapshot: Bytes,
    },
    /// The state changed. Apply this before looking at the next event; if it does not apply, say so with
    /// [`Connection::reject_state`].
    State {
        /// State operations.
        operations: Bytes,
    },
    /// A subscription is in force: the server sends the events of this topic from here on.
    Subscribed {
        /// The topic's name.
        topic: Bytes,
    },
    /// A subscription has ended.
    Unsubscribed {
        /// The topic's name.
        topic: Bytes,
    },
    /// An event arrived.
    Event {
        /// The topic's name.
        topic: Bytes,
        /// Counts the events of the topic.
        sequence: u64,
        /// Index of its type in the client's own schema.
        event: u32,
        /// The archive of its fields, not checked yet.
        payload: Bytes,
    },
    /// Events of a topic did not reach this client, since it reads too slowly.
    Lagged {
        /// The topic's name.
        topic: Bytes,
        /// How many.
        missed: u64,
    },
    /// A call has ended. Its id is free again.
    Answer {
        /// The call.
        id: CallId,
        /// The archive of the method's output, or why there is none.
        result: Result<Bytes, CallError>,
    },
    /// The connection ended before this call was answered; [`Connection::error`] says why.
    Unanswered {
        /// The call.
        id: CallId,
    },
    /// Nothing that needs attention, though there is more to be polled: frames that were ignored or refused. Others may
    /// be given their turn now.
    Busy,
    /// The connection has ended. The last event.
    Closed(ConnectionError),
}

impl Role for Client {}

impl sealed::Role for Client {
    const HANDLES_LATE_INPUT: bool = true;

    fn has_open_calls(&self) -> bool {
        !self.open.is_empty()
    }
}

impl Connection<Client> {
    /// A client's side that waits for the server's Hello.
    pub fn client(schema: &'static ServiceSchema, limits: Limits, now: Time) -> Self {
        let role = Client {
            open: CallIds::default(),
            greeted: false,
            state_revision: None,
            early: VecDeque::new(),
            refused: VecDeque::new(),
            topics: Topics::new(limits.max_topic_bytes()),
            events: Vec::new(),
            skipped_events: 0,
        };
        Self::new(schema, limits, role, now)
    }

    /// Calls in flight.
    pub fn open_calls(&self) -> usize {
        self.role.open.len()
    }

    /// Events that were skipped, because this side does not know their type or knows another one of that name.
    pub fn skipped_events(&self) -> u64 {
        self.role.skipped_events
    }

    /// Calls a method by its index in the schema. `payload` is the archive of its input.
    ///
    /// Before the connection is open the call waits for that.
    ///
    /// # Errors
    ///
    /// [`CallError::TooManyCallsInFlight`] while 256 calls are open, [`CallError::InputTooLarge`] if the call does not
    /// fit into a message that the server accepts, [`CallError::GoingAway`] if the connection is closing or closed,
    /// [`CallError::UnknownMethod`] if the schema has no such method.
    pub fn call(&mut self, method: u32, payload: Bytes) -> Result<CallId, CallError> {
        if method as usize >= self.link.schema.methods.len() {
            return Err(CallError::UnknownMethod);
        }
        match self.link.phase {
            Phase::Handshake { .. } => {
                let id = self.next_id()?;
                self.role.early.push_back((id, method, payload));
                Ok(id)
            }
            Phase::Open => {
                self.check_size(method, &payload)?;
                let id = self.next_id()?;
                self.link.outbox.push(Frame::Call { id, method, payload });
                Ok(id)
            }
            Phase::Draining { .. } | Phase::Ended => Err(CallError::GoingAway),
        }
    }

    /// Asks the server to give a call up. It still ends with one [`ClientEvent::Answer`]: the result, if that came
    /// first, or [`CallError::Cancelled`]. Does nothing for a call that is not open.
    pub fn cancel(&mut self, id: CallId) {
        let sent = self.role.state_revision.is_some() && !self.is_ended();
        if sent && self.role.open.contains(id) {
            self.link.outbox.push(Frame::Cancel { id });
        }
    }

    /// The last state operations did not apply: ends the connection.
    pub fn reject_state(&mut self) {
        self.fail(ProtocolError::InvalidState.into());
    }

    /// What happened next.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        for _ in 0..MAX_QUIET_FRAMES {
            if self.is_ended() {
                return self.poll_end();
            }
            if let Some((id, error)) = self.role.refused.pop_front() {
                return Some(self.end_call(id, Err(error)));
            }
            let handled = match self.next_frame(None) {
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
        Some(ClientEvent::Busy)
    }

    /// The last events, if the connection has ended.
    fn poll_end(&mut self) -> Option<ClientEvent> {
        if !self.is_ended() {
            return None;
        }
        if let Some(id) = self.role.open.pop_lowest() {
            return Some(ClientEvent::Unanswered { id });
        }
        self.take_closed().map(ClientEvent::Closed)
    }

    fn next_id(&mut self) -> Result<CallId, CallError> {
        self.role.open.insert_lowest_free().ok_or(CallError::TooManyCallsInFlight)
    }

    fn check_size(&self, method: u32, payload: &Bytes) -> Result<(), CallError> {
        let header = 2 + crate::varint::len(u64::from(method));
        let limit = self.link.outbox.max_message_bytes() - header;
        let bytes = payload.len();
        if bytes > limit { Err(CallError::InputTooLarge { bytes, limit }) } else { Ok(()) }
    }

    fn handle_frame(&mut self, frame: Frame) -> Result<Option<ClientEvent>, ConnectionError> {
        let name = frame.name();
        match frame {
            Frame::Hello(hello) if !self.role.greeted => self.handle_hello(&hello).map(|()| None),
            Frame::Snapshot { revision, operations }
                if self.role.greeted && self.role.state_revision.is_none() =>
            {
                self.role.state_revision = Some(revision);
                self.open();
                Ok(Some(ClientEvent::Open { snapshot: operations }))
            }
            Frame::State { revision, operations } if self.role.state_revision.is_some() => {
                let expected = self.role.state_revision.and_then(|last| last.checked_add(1));
                if Some(revision) != expected {
                    return Err(ProtocolError::StateRevision.into());
                }
                self.role.state_revision = expected;
                Ok(Some(ClientEvent::State { operations }))
            }
            Frame::Topic { .. } | Frame::Leave { .. } | Frame::Event { .. } | Frame::Gap { .. }
                if self.role.state_revision.is_some() =>
            {
                self.handle_event_frame(frame)
            }
            Frame::Answer { id, payload } => self.handle_answer(id, Ok(payload)).map(Some),
            Frame::Error { id, error } => self.handle_answer(id, Err(error)).map(Some),
            _ => Err(ProtocolError::UnexpectedFrame(name).into()),
        }
    }

    fn handle_event_frame(&mut self, frame: Frame) -> Result<Option<ClientEvent>, ConnectionError> {
        let topics = &mut self.role.topics;
        Ok(Some(match frame {
            Frame::Topic { topic, next, name } => {
                ClientEvent::Subscribed { topic: topics.announce(topic, next, &name)? }
            }
            Frame::Leave { topic } => ClientEvent::Unsubscribed { topic: topics.leave(topic)? },
            Frame::Gap { topic, first, last } => {
                let topic = topics.advance(topic, first, last)?;
                ClientEvent::Lagged { topic, missed: (last - first).saturating_add(1) }
            }
            Frame::Event { topic, sequence, event, payload } => {
                let topic = topics.advance(topic, sequence, sequence)?;
                let known = self.role.events.get(event as usize);
                let Some(event) = *known.ok_or(ProtocolError::NoSuchEvent(event))? else {
                    self.role.skipped_events += 1;
                    return Ok(None);
                };
                ClientEvent::Event { topic, sequence, event, payload }
            }
            _ => return Ok(None),
        }))
    }

    fn handle_hello(&mut self, hello: &Hello) -> Result<(), ConnectionError> {
        self.accept_hello(hello)?;
        check_state_schema(self.link.schema, &hello.state)?;
        self.role.greeted = true;
        self.role.events = map_events(self.link.schema, &hello.events);
        let methods = &self.link.schema.methods;
        let methods: Vec<_> = methods
            .iter()
            .map(|method| HelloEntry {
                name_hash: method.name_hash,
                fingerprint: method.fingerprint,
            })
            .collect();
        let ours = Hello {
            revision: REVISION,
            max_message_bytes: self.link.limits.max_message_bytes(),
            state: Vec::new(),
            methods,
            events: Vec::new(),
        };
        self.link.outbox.push(Frame::Hello(ours.into()));
        Ok(())
    }

    /// The handshake is done: makes the calls that waited for it.
    fn open(&mut self) {
        if matches!(self.link.phase, Phase::Handshake { .. }) {
            self.link.phase = Phase::Open;
        }
        for (id, method, payload) in core::mem::take(&mut self.role.early) {
            match self.check_size(method, &payload) {
                Ok(()) => self.link.outbox.push(Frame::Call { id, method, payload }),
                Err(error) => self.role.refused.push_back((id, error)),
            }
        }
    }

    fn handle_answer(
        &mut self,
        id: CallId,
        result: Result<Bytes, CallError>,
    ) -> Result<ClientEvent, ConnectionError> {
        if !self.role.open.contains(id) || self.role.state_revision.is_none() {
            return Err(ProtocolError::NoSuchCall(id.0).into());
        }
        Ok(self.end_call(id, result))
    }

    fn end_call(&mut self, id: CallId, result: Result<Bytes, CallError>) -> ClientEvent {
        self.role.open.remove(id);
        self.finish_draining();
        ClientEvent::Answer { id, result }
    }
}

/// What the server's event numbers mean here: nothing for those of an unknown name or of other fields.
fn map_events(ours: &ServiceSchema, theirs: &[HelloEntry]) -> Vec<Option<u32>> {
    let find = |their: &HelloEntry| {
        let same = |our: &EventSchema| {
            our.name_hash == their.name_hash && our.fingerprint == their.fingerprint
        };
        ours.events.iter().zip(0..).find(|(our, _)| same(our)).map(|(_, index)| index)
    };
    theirs.iter().map(find).collect()
}

/// Refuses a server whose state has a field of the same index with another name or type. A field that only one side
/// has is no obstacle: the client skips it, or keeps its default.
fn check_state_schema(ours: &ServiceSchema, theirs: &[HelloField]) -> Result<(), ConnectionError> {
    for field in &ours.state {
        let Some(their) = theirs.iter().find(|their| their.index == field.index) else {
            continue;
        };
        let why = if their.name != field.name {
            alloc::format!(
                "state field {} of {} is `{}` here and `{}` there",
                field.index,
                ours.name,
                field.name,
                their.name
            )
        } else if their.fingerprint != field.fingerprint {
            alloc::format!("state field `{}` of {} has another type there", field.name, ours.name)
        } else {
            continue;
        };
        return Err(ConnectionError::Incompatible(why.into()));
    }
    Ok(())
}
