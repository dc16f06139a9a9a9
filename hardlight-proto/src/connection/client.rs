//! The client's side: makes calls, holds a copy of the state.
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

use alloc::{
    collections::VecDeque,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, time::Duration};

use bytes::Bytes;

use super::{
    Connection, MAX_QUIET_FRAMES, Phase, Role,
    call::Call,
    call_ids::CallIds,
    check_revision,
    config::ClientConfig,
    heartbeat::Heartbeat,
    sealed,
    skip::skip_fields,
    topics::{Announced, Topics},
};
use crate::{
    close::CloseReason,
    error::{CallError, ConnectionError, ProtocolError},
    features::FeatureSet,
    frame::{
        ANSWER, CallId, Content, EVENT, Extensions, Frame, GapReason, Hello, HelloEntry,
        HelloField, Mismatch, RefusedMethod, Resume, SNAPSHOT, STATE, ShortHead, TopicStart,
    },
    limits::MAX_MESSAGE_BYTES,
    schema::ServiceSchema,
    sorted_map::SortedMap,
    time::Time,
    varint,
};

/// The client's side of a [`Connection`].
#[derive(Debug)]
pub struct Client {
    open: CallIds,
    /// Of these, those that the server was asked to give up.
    cancelled: CallIds,
    /// The revision of the state; `None` before the snapshot.
    state_revision: Option<u64>,
    /// Calls made before the connection was open, in order.
    early: VecDeque<Call>,
    /// Calls that ended on this side.
    ended: VecDeque<(CallId, CallError)>,
    /// What is to be told before anything that arrives.
    notes: VecDeque<Note>,
    /// Methods that the server does not have as they are here; `None` before it said so.
    refused_methods: Option<SortedMap<u32, Mismatch>>,
    /// Whether the connection goes on without those state fields that the server has with another type.
    partial_state: bool,
    /// Those fields.
    skipped_fields: Vec<u32>,
    features: FeatureSet,
    /// The server is stopping.
    going_away: bool,
    resume: Option<Resume>,
    topics: Topics,
    /// What the server's event numbers mean here.
    events: Vec<Option<u32>>,
    skipped_events: u64,
}

/// What a client found out by itself.
#[derive(Debug)]
enum Note {
    /// This does not fit.
    Mismatch(SchemaMismatch),
    /// What the server would have said, had it been asked.
    Frame(Frame),
}

/// What happened on a client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server's Hello and snapshot are read: calls go out from now on, behind the client's Hello, which waits to be sent.
    Open {
        /// State operations that set every field.
        snapshot: Bytes,
    },
    /// Something in this side's schema does not fit the server's. It alone does not work: calls of such a method fail,
    /// events of such a type are skipped, such a field keeps its default.
    Mismatch(SchemaMismatch),
    /// The state changed. Apply this before looking at the next event. `StateCopy` does, and ends the connection if it does
    /// not apply; one that is kept otherwise says so with [`Connection::reject_state`].
    State {
        /// State operations.
        operations: Bytes,
    },
    /// A subscription is in force: the server sends the events of this topic from here on.
    Subscribed {
        /// The topic's name.
        topic: Bytes,
        /// How it goes on from an earlier connection.
        start: TopicStart,
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
        /// What the event says besides.
        extensions: Extensions,
        /// The payload of its fields, not checked yet.
        payload: Bytes,
    },
    /// Events of a topic do not reach this client.
    Gap {
        /// The topic's name.
        topic: Bytes,
        /// Sequence number of the first.
        first: u64,
        /// Sequence number of the last; not less than `first`.
        last: u64,
        /// Why.
        reason: GapReason,
    },
    /// The features of the connection have changed: see [`Connection::features`].
    Features,
    /// The server is stopping: new calls fail with [`CallError::GoingAway`], open ones go on.
    GoingAway {
        /// How long it waits for them.
        grace: Duration,
    },
    /// A call has ended. Its id is free again: forget it, since a call that is made from here on may have it.
    Answer {
        /// The call.
        id: CallId,
        /// The payload of the method's output, not checked yet, or why there is none. It may share the memory of the message
        /// that it came in: who keeps it for long had better copy it.
        result: Result<Bytes, CallError>,
        /// What the answer says besides.
        extensions: Extensions,
    },
    /// The connection ended before this call was answered. Also if a close did not wait for it any longer.
    /// [`Connection::error`] says why.
    Unanswered {
        /// The call.
        id: CallId,
        /// Whether it may have run. If not, it did not go out as a whole.
        may_have_run: bool,
    },
    /// Nothing that needs attention, though there is more to be polled: frames that were ignored or refused. Others may
    /// be given their turn now.
    Busy,
    /// The connection has ended. The last event.
    Closed(ConnectionError),
}

/// Something in the client's schema that does not fit the server's. Shown, it is a sentence with the name and the type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaMismatch {
    /// What it is.
    pub part: SchemaPart,
    /// Its place among the methods, events or state fields of this side's schema.
    pub index: u32,
    /// Its name here.
    pub name: &'static str,
    /// How it does not fit.
    pub why: Mismatch,
    /// The text of its type here (SPEC.md, section 20.1), of which the server has another. Empty if this side's schema has no
    /// more than a fingerprint.
    pub ty: &'static str,
    /// What the server calls the state field that it has in this one's place, if that is another name.
    pub name_there: Option<String>,
}

impl fmt::Display for SchemaMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, name, ty, why, name_there, .. } = self;
        write!(f, "{part} `{name}`")?;
        if !ty.is_empty() {
            write!(f, " of the type `{ty}`")?;
        }
        match (why, name_there) {
            (Mismatch::Unknown, _) => f.write_str(" is not known to the server"),
            (Mismatch::Incompatible, None) => f.write_str(" is of another type on the server"),
            (Mismatch::Incompatible, Some(there)) => {
                write!(f, " has the place of `{there}` on the server")
            }
        }
    }
}

/// A part of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaPart {
    /// A method.
    Method,
    /// A type of event.
    Event,
    /// A field of the state.
    StateField,
}

impl fmt::Display for SchemaPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "method",
            Self::Event => "event",
            Self::StateField => "state field",
        })
    }
}

impl Role for Client {
    type Event = ClientEvent;
}

impl sealed::Role for Client {
    fn next_event(connection: &mut Connection<Self>) -> Option<ClientEvent> {
        connection.next_event()
    }

    const HANDLES_LATE_INPUT: bool = true;
    const SENDS_PINGS: bool = false;
    const WITHHOLDS_CREDIT: bool = false;
    const SENDS_EVENTS: bool = false;

    fn has_open_calls(&self) -> bool {
        !self.open.is_empty()
    }

    fn forget(&mut self) {
        self.early.clear();
        self.ended.clear();
        self.notes.clear();
    }

    fn release_memory(&mut self) {
        self.early.shrink_to_fit();
        self.ended.shrink_to_fit();
        self.notes.shrink_to_fit();
    }

    fn is_idle(&self) -> bool {
        // Those that are early, or have ended, are open until that is given out.
        self.open.is_empty() && self.notes.is_empty()
    }

    fn takes_in_pieces(kind: u8) -> bool {
        matches!(kind, ANSWER | SNAPSHOT | STATE | EVENT)
    }
}

impl Connection<Client> {
    /// A client's side that waits for the server's Hello.
    pub fn client(config: ClientConfig, now: Time) -> Self {
        let ClientConfig { schema, limits, compression, partial_state, resume } = config;
        let role = Client {
            open: CallIds::default(),
            cancelled: CallIds::default(),
            state_revision: None,
            early: VecDeque::new(),
            ended: VecDeque::new(),
            notes: VecDeque::new(),
            refused_methods: None,
            partial_state,
            skipped_fields: Vec::new(),
            features: FeatureSet::new(),
            going_away: false,
            resume: resume.filter(|resume| !resume.topics.is_empty()),
            topics: Topics::new(limits.max_topic_bytes()),
            events: Vec::new(),
            skipped_events: 0,
        };
        Self::new(schema, limits, compression, role, now)
    }

    /// Calls in flight.
    pub fn open_calls(&self) -> usize {
        self.role.open.len()
    }

    /// Events that were skipped, because this side does not know their type or knows another one of that name.
    pub fn skipped_events(&self) -> u64 {
        self.role.skipped_events
    }

    /// The features of the connection, as the server has said so far.
    pub fn features(&self) -> &FeatureSet {
        &self.role.features
    }

    /// How far this connection came on its topics, for [`ClientConfig::with_resume`] of the next one; also after the
    /// connection has ended. Before the server's Hello is read that is where it is itself to go on. `None` if there is
    /// nothing to resume.
    pub fn resume_point(&self) -> Option<Resume> {
        if !self.link.greeted {
            return self.role.resume.clone();
        }
        self.role.topics.resume()
    }

    /// Calls a method by its index in the schema. `payload` is that of its input; `call_value` takes the input itself.
    ///
    /// Before the connection is open the call waits for that. What is longer than [`MAX_MESSAGE_BYTES`] travels in
    /// pieces.
    ///
    /// # Errors
    ///
    /// [`CallError::TooManyCallsInFlight`] while 256 calls are open, [`CallError::InputTooLarge`] if the call is longer
    /// than either side allows, [`CallError::GoingAway`] if the connection is closing or closed or the server is
    /// stopping, [`CallError::UnknownMethod`] and [`CallError::IncompatibleMethod`] if the schema or the server has no
    /// such method.
    pub fn call(&mut self, method: u32, payload: Bytes) -> Result<CallId, CallError> {
        self.call_with(method, payload, Extensions::new())
    }

    /// [`call`](Self::call), and says more than that.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn call_with(
        &mut self,
        method: u32,
        payload: Bytes,
        extensions: Extensions,
    ) -> Result<CallId, CallError> {
        match self.link.phase {
            Phase::Handshake { .. } => {
                self.check_known(method)?;
                let id = self.next_id()?;
                self.role.early.push_back(Call { id, method, extensions, payload });
                Ok(id)
            }
            Phase::Open => {
                self.check_method(method)?;
                if self.link.takes_short(&payload, &extensions) {
                    let id = self.next_id()?;
                    self.link.outbox.push_short(ShortHead::call(id, method), &payload);
                    return Ok(id);
                }
                self.check_len(method, &payload, &extensions)?;
                let id = self.next_id()?;
                self.send_call(Call { id, method, extensions, payload });
                Ok(id)
            }
            Phase::Draining { .. } | Phase::Ended => {
                self.check_known(method)?;
                Err(CallError::GoingAway)
            }
        }
    }

    /// Asks the server to give a call up. It still ends with one [`ClientEvent::Answer`]: the result, if that came
    /// first, or [`CallError::Cancelled`]. Does nothing for an id that no call has.
    ///
    /// A call that has not gone out as a whole is given up at once, and does not run.
    ///
    /// The id of a call that has ended may be another's by now. So keep the ids of open calls in a table, take each out with
    /// its `Answer` or `Unanswered`, and cancel only what is in it.
    pub fn cancel(&mut self, id: CallId) {
        if self.is_ended() || !self.role.open.contains(id) {
            return;
        }
        if let Some(place) = self.role.early.iter().position(|call| call.id == id) {
            self.role.early.remove(place);
            self.role.ended.push_back((id, CallError::Cancelled));
        } else if self.link.outbox.withdraw(id) {
            self.role.ended.push_back((id, CallError::Cancelled));
        } else if !self.role.ended.iter().any(|(ended, _)| *ended == id)
            && self.role.cancelled.insert(id)
        {
            self.link.outbox.push(Frame::Cancel { id });
        }
    }

    /// The last state operations did not apply: ends the connection.
    ///
    /// For one who keeps the state by other means than `StateCopy`, which does this by itself.
    pub fn reject_state(&mut self) {
        self.fail(ProtocolError::InvalidState.into());
    }

    /// With the last state operations the copy of the state grew beyond
    /// [`Limits::max_state_bytes`](crate::Limits::with_max_state_bytes), which is for whoever keeps it to find out: ends the
    /// connection.
    pub fn reject_state_size(&mut self) {
        let allowed = self.link.limits.max_state_bytes();
        self.fail(ConnectionError::LimitExceeded { limit: "max_state_bytes", allowed });
    }

    /// Closes once the open calls have ended; new ones are refused. Calls still open after
    /// [`Limits::close_timeout`](crate::Limits::close_timeout) are given up: each ends as [`ClientEvent::Unanswered`].
    ///
    /// `now` is the time, from which that is counted. If a later one was told already, it is counted from there.
    pub fn close(&mut self, reason: CloseReason, now: Time) {
        self.drain(reason, now);
    }

    #[inline]
    fn next_event(&mut self) -> Option<ClientEvent> {
        // The most frequent, by itself.
        if matches!(self.link.phase, Phase::Open)
            && self.role.notes.is_empty()
            && self.role.ended.is_empty()
            && let Some((id, payload)) = self.link.inbox.frames().next_answer()
        {
            match self.handle_answer(id, Ok(payload.into()), Extensions::new()) {
                Ok(event) => return Some(event),
                Err(error) => self.fail(error),
            }
        }
        self.poll_any_event()
    }

    fn poll_any_event(&mut self) -> Option<ClientEvent> {
        for _ in 0..MAX_QUIET_FRAMES {
            if self.is_ended() {
                return self.poll_end();
            }
            let handled = if let Some(note) = self.role.notes.pop_front() {
                self.tell(note)
            } else if let Some((id, error)) = self.role.ended.pop_front() {
                Ok(Some(self.end_call(id, Err(error), Extensions::new())))
            } else {
                match self.link.inbox.pop() {
                    Ok(Some(frame)) => self.handle_encoded(frame),
                    Ok(None) => {
                        self.handle_end_of_input();
                        return self.poll_end();
                    }
                    Err(error) => Err(error.into()),
                }
            };
            match handled {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(error) => self.fail(error),
            }
        }
        Some(ClientEvent::Busy)
    }

    fn tell(&mut self, note: Note) -> Result<Option<ClientEvent>, ConnectionError> {
        match note {
            Note::Mismatch(mismatch) => Ok(Some(ClientEvent::Mismatch(mismatch))),
            Note::Frame(frame) => self.handle_open_frame(frame),
        }
    }

    /// The last events, if the connection has ended.
    fn poll_end(&mut self) -> Option<ClientEvent> {
        if !self.is_ended() {
            return None;
        }
        if let Some(id) = self.role.open.pop_lowest() {
            let is_early = self.role.early.iter().any(|call| call.id == id);
            let may_have_run = !is_early && !self.link.outbox.never_sends(id);
            return Some(ClientEvent::Unanswered { id, may_have_run });
        }
        self.take_closed().map(ClientEvent::Closed)
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(super) fn next_id(&mut self) -> Result<CallId, CallError> {
        let id = self.role.open.insert_lowest_free().ok_or(CallError::TooManyCallsInFlight)?;
        self.link.pinned.forget(id);
        Ok(id)
    }

    /// Whether a call of a method could be made now, whatever its input.
    #[cfg(feature = "payload")]
    pub(super) fn check_call(&self, method: u32) -> Result<(), CallError> {
        match self.link.phase {
            Phase::Handshake { .. } => self.check_known(method)?,
            Phase::Open => self.check_method(method)?,
            Phase::Draining { .. } | Phase::Ended => {
                self.check_known(method)?;
                return Err(CallError::GoingAway);
            }
        }
        if self.role.open.is_full() { Err(CallError::TooManyCallsInFlight) } else { Ok(()) }
    }

    fn check_known(&self, method: u32) -> Result<(), CallError> {
        let methods = self.link.schema.methods.len();
        if (method as usize) < methods { Ok(()) } else { Err(CallError::UnknownMethod) }
    }

    /// Whether a method may be called.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(super) fn check_method(&self, method: u32) -> Result<(), CallError> {
        self.check_known(method)?;
        if self.role.going_away {
            return Err(CallError::GoingAway);
        }
        let refused = self.role.refused_methods.as_ref().and_then(|methods| methods.get(&method));
        refused.map_or(Ok(()), |why| Err(why.to_call_error()))
    }

    /// Whether a call is short enough.
    fn check_len(
        &self,
        method: u32,
        payload: &Bytes,
        extensions: &Extensions,
    ) -> Result<(), CallError> {
        let header = 2 + varint::len(u64::from(method)) + extensions.encoded_len();
        let limit = self.link.max_sent_bytes() - header;
        let bytes = payload.len();
        if bytes > limit { Err(CallError::InputTooLarge { bytes, limit }) } else { Ok(()) }
    }

    fn send_call(&mut self, call: Call) {
        let Call { id, method, extensions, payload } = call;
        let is_secret = || self.link.schema.methods[method as usize].secret;
        let payload = self.link.shrink(payload, is_secret);
        self.link.outbox.push(Frame::Call { id, method, extensions, payload });
    }

    fn handle_encoded(&mut self, frame: Bytes) -> Result<Option<ClientEvent>, ConnectionError> {
        let Some(frame) = self.receive(frame)? else { return Ok(None) };
        let name = frame.name();
        match frame {
            Frame::Hello(hello) => self.handle_hello(*hello).map(|()| None),
            Frame::Methods(methods) if self.role.refused_methods.is_none() => {
                self.handle_methods(&methods)?;
                Ok(None)
            }
            Frame::Ping { token } => {
                self.link.outbox.control().pong(token);
                Ok(None)
            }
            Frame::GoingAway { grace } if !self.role.going_away => {
                self.role.going_away = true;
                Ok(Some(ClientEvent::GoingAway { grace }))
            }
            Frame::Snapshot { revision, operations } if self.role.state_revision.is_none() => {
                self.handle_snapshot(revision, operations).map(Some)
            }
            frame if self.role.state_revision.is_some() => self.handle_open_frame(frame),
            _ => Err(ProtocolError::UnexpectedFrame(name).into()),
        }
    }

    /// Handles a frame that may arrive once the snapshot is there.
    fn handle_open_frame(&mut self, frame: Frame) -> Result<Option<ClientEvent>, ConnectionError> {
        let topics = &mut self.role.topics;
        Ok(Some(match frame {
            Frame::Answer { id, extensions, payload } => {
                return self.handle_answer(id, Ok(payload), extensions).map(Some);
            }
            Frame::Error { id, error, extensions } => {
                return self.handle_answer(id, Err(error), extensions).map(Some);
            }
            Frame::State { revision, operations } => {
                return self.handle_state(revision, operations).map(Some);
            }
            Frame::Event { topic, sequence, event, extensions, payload } => {
                let topic = topics.advance(topic, sequence, sequence)?;
                let known = self.role.events.get(event as usize);
                let known = *known.ok_or(ProtocolError::NoSuchEvent(event))?;
                self.link.check_content(&payload)?;
                let Some(event) = known else {
                    self.role.skipped_events += 1;
                    return Ok(None);
                };
                let payload = self.link.expand(payload)?;
                ClientEvent::Event { topic, sequence, event, extensions, payload }
            }
            Frame::Topic { topic, next, start, name } => {
                return self.handle_topic(topic, next, start, &name).map(Some);
            }
            Frame::Leave { topic } => ClientEvent::Unsubscribed { topic: topics.leave(topic)? },
            Frame::Gap { topic, first, last, reason } => {
                let topic = topics.advance(topic, first, last)?;
                ClientEvent::Gap { topic, first, last, reason }
            }
            Frame::Features(names) => {
                self.role.features = FeatureSet::of_names(names);
                ClientEvent::Features
            }
            frame => return Err(ProtocolError::UnexpectedFrame(frame.name()).into()),
        }))
    }

    fn handle_topic(
        &mut self,
        topic: u64,
        next: u64,
        start: TopicStart,
        name: &Bytes,
    ) -> Result<ClientEvent, ConnectionError> {
        let Announced { name, start, missed } =
            self.role.topics.announce(topic, next, start, name)?;
        if let Some((first, last)) = missed {
            let gap = Frame::Gap { topic, first, last, reason: GapReason::Expired };
            self.role.notes.push_back(Note::Frame(gap));
        }
        Ok(ClientEvent::Subscribed { topic: name, start })
    }

    fn handle_hello(&mut self, hello: Hello) -> Result<(), ConnectionError> {
        check_revision(&hello)?;
        if hello.is_clients() {
            return Err(ProtocolError::InvalidHello.into());
        }
        self.accept_hello(&hello, None);
        self.compare_schema(&hello);
        self.check_state_fits()?;
        self.link.heartbeat = hello.heartbeat_interval.map(Heartbeat::new);
        self.role.topics.set_epoch(hello.epoch);
        self.role.features = FeatureSet::of_names(hello.features);
        let methods = self.link.schema.methods.iter().map(HelloEntry::from);
        let mut ours = Hello {
            max_frame_bytes: self.link.limits.max_frame_bytes(),
            deflate: self.link.deflates,
            methods: methods.collect(),
            ..Hello::new()
        };
        if let Some(mut resume) = self.role.resume.take() {
            let left = MAX_MESSAGE_BYTES.saturating_sub(ours.encoded_len());
            let asked = resume.count_fitting(left);
            self.role.topics.go_on(resume.clone(), asked);
            resume.topics.truncate(asked);
            ours.resume = Some(resume).filter(|resume| !resume.topics.is_empty());
        }
        self.greet(ours);
        Ok(())
    }

    /// Finds out what of the server's events and state fields fits.
    fn compare_schema(&mut self, hello: &Hello) {
        let ours = self.link.schema;
        self.role.events = map_events(ours, &hello.events);
        for (event, index) in ours.events.iter().zip(0..) {
            let known = self.role.events.contains(&Some(index));
            let named = hello.events.iter().any(|their| their.name_hash == event.name_hash);
            if named && !known {
                self.role.notes.push_back(Note::Mismatch(SchemaMismatch {
                    part: SchemaPart::Event,
                    index,
                    name: event.name,
                    why: Mismatch::Incompatible,
                    ty: &event.ty,
                    name_there: None,
                }));
            }
        }
        for (field, place) in ours.state.iter().zip(0..) {
            let their = hello.state.iter().find(|their| their.index == field.index);
            let other = |their: &&HelloField| {
                their.name != field.name || their.fingerprint != field.fingerprint
            };
            if let Some(their) = their.filter(other) {
                self.role.skipped_fields.push(field.index);
                self.role.notes.push_back(Note::Mismatch(SchemaMismatch {
                    part: SchemaPart::StateField,
                    index: place,
                    name: field.name,
                    why: Mismatch::Incompatible,
                    ty: &field.ty,
                    name_there: (their.name != field.name).then(|| their.name.clone()),
                }));
            }
        }
    }

    /// Unless the application can do without them, fields of other types are no state to work with.
    fn check_state_fits(&self) -> Result<(), ConnectionError> {
        if self.role.partial_state || self.role.skipped_fields.is_empty() {
            return Ok(());
        }
        let fields = self.role.notes.iter().filter_map(|note| match note {
            Note::Mismatch(mismatch) if mismatch.part == SchemaPart::StateField => Some(mismatch),
            _ => None,
        });
        let fields: Vec<_> = fields.map(ToString::to_string).collect();
        Err(ConnectionError::Incompatible(fields.join("; ").into()))
    }

    fn handle_methods(&mut self, methods: &[RefusedMethod]) -> Result<(), ProtocolError> {
        for refused in methods {
            let method = self.link.schema.methods.get(refused.method as usize);
            let method = method.ok_or(ProtocolError::InvalidMethods)?;
            self.role.notes.push_back(Note::Mismatch(SchemaMismatch {
                part: SchemaPart::Method,
                index: refused.method,
                name: method.name,
                why: refused.why,
                ty: &method.ty,
                name_there: None,
            }));
        }
        let refused = methods.iter().map(|refused| (refused.method, refused.why));
        self.role.refused_methods = Some(refused.collect());
        Ok(())
    }

    fn handle_snapshot(
        &mut self,
        revision: u64,
        operations: Content,
    ) -> Result<ClientEvent, ConnectionError> {
        if revision != 0 {
            return Err(ProtocolError::StateRevision.into());
        }
        let snapshot = self.link.expand(operations)?;
        self.role.state_revision = Some(revision);
        self.open();
        Ok(ClientEvent::Open { snapshot: skip_fields(snapshot, &self.role.skipped_fields) })
    }

    fn handle_state(
        &mut self,
        revision: u64,
        operations: Content,
    ) -> Result<ClientEvent, ConnectionError> {
        let expected = self.role.state_revision.and_then(|last| last.checked_add(1));
        if Some(revision) != expected {
            return Err(ProtocolError::StateRevision.into());
        }
        let operations = self.link.expand(operations)?;
        self.role.state_revision = expected;
        Ok(ClientEvent::State { operations: skip_fields(operations, &self.role.skipped_fields) })
    }

    /// The handshake is done: makes the calls that waited for it.
    fn open(&mut self) {
        if matches!(self.link.phase, Phase::Handshake { .. }) {
            self.link.phase = Phase::Open;
        }
        for call in core::mem::take(&mut self.role.early) {
            let checked = self
                .check_method(call.method)
                .and_then(|()| self.check_len(call.method, &call.payload, &call.extensions));
            match checked {
                Ok(()) => self.send_call(call),
                Err(error) => self.role.ended.push_back((call.id, error)),
            }
        }
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn handle_answer(
        &mut self,
        id: CallId,
        result: Result<Content, CallError>,
        extensions: Extensions,
    ) -> Result<ClientEvent, ConnectionError> {
        let ended = &self.role.ended;
        let ended = !ended.is_empty() && ended.iter().any(|(ended, _)| *ended == id);
        // The server cannot know of a call that has not gone out.
        let unsent = self.link.outbox.has_unsent(id);
        if !self.role.open.contains(id) || ended || unsent {
            return Err(ProtocolError::NoSuchCall(id.0).into());
        }
        let result = match result {
            Ok(payload) => Ok(self.link.give_out(id, payload)?),
            Err(error) => Err(error),
        };
        Ok(self.end_call(id, result, extensions))
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn end_call(
        &mut self,
        id: CallId,
        result: Result<Bytes, CallError>,
        extensions: Extensions,
    ) -> ClientEvent {
        self.role.open.remove(id);
        self.role.cancelled.remove(id);
        self.finish_draining();
        ClientEvent::Answer { id, result, extensions }
    }
}

/// What the server's event numbers mean here: nothing for those of an unknown name or of other fields.
fn map_events(ours: &ServiceSchema, theirs: &[HelloEntry]) -> Vec<Option<u32>> {
    let find = |their: &HelloEntry| {
        let mut events = ours.events.iter().zip(0..);
        let found = events.find(|(our, _)| {
            our.name_hash == their.name_hash && our.fingerprint == their.fingerprint
        });
        found.map(|(_, index)| index)
    };
    theirs.iter().map(find).collect()
}
