//! The server's side: answers calls, owns the state.
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::{
    Connection, EventTally, MAX_QUIET_FRAMES, Phase, Role, call::Call, call_ids::CallIds,
    check_revision, config::ServerConfig, heartbeat::Heartbeat, held::Held, inputs::Inputs, sealed,
    skip::touches, tally::Refusals,
};
use crate::{
    close::CloseReason,
    error::{CallError, ConnectionError, ProtocolError},
    event::{Announcement, EncodedEvent},
    features::FeatureSet,
    frame::{
        CALL, CallId, Content, Extensions, Frame, GapReason, Hello, HelloEntry, HelloField,
        Mismatch, RefusedMethod, ShortHead,
    },
    limits::MAX_TOPIC_NAME_BYTES,
    schema::ServiceSchema,
    time::Time,
    varint,
};

/// The server's side of a [`Connection`].
#[derive(Debug)]
pub struct Server {
    /// Calls that were given out and are not answered.
    running: CallIds,
    /// Of these, those of methods that are marked secret.
    secret: CallIds,
    /// Calls that wait until less is to be sent.
    held: Held,
    /// Calls are held whatever waits to be sent.
    holds_calls: bool,
    inputs: Inputs,
    state_revision: u64,
    /// The longest frame of the state that was made before it was known what the client accepts.
    early_state_bytes: usize,
    epoch: Option<u64>,
    features: FeatureSet,
    methods: MethodTable,
    refusals: Refusals,
}

/// What happened on a server's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// The client's Hello is read, also while the connection is closing.
    Open,
    /// Run this method, then [`answer`](Connection::answer).
    Call {
        /// The call.
        id: CallId,
        /// Index of the method in the server's own schema.
        method: u32,
        /// What the call says besides.
        extensions: Extensions,
        /// The payload of the method's input, not checked yet. It may share the memory of the message that it came in: who
        /// keeps it for long had better copy it.
        payload: Bytes,
    },
    /// The client gave this call up. It is still to be answered, once, best at once with [`CallError::Cancelled`]; whatever
    /// runs for it must not answer it as well (see [`Connection::answer`]). It comes also while this side is closing.
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
    Mapped(Vec<Result<u32, Mismatch>>),
}

impl Role for Server {
    type Event = ServerEvent;
}

impl sealed::Role for Server {
    fn next_event(connection: &mut Connection<Self>) -> Option<ServerEvent> {
        connection.next_event()
    }

    const HANDLES_LATE_INPUT: bool = false;
    const SENDS_PINGS: bool = true;
    const WITHHOLDS_CREDIT: bool = true;
    const SENDS_EVENTS: bool = true;

    fn has_open_calls(&self) -> bool {
        !self.running.is_empty() || !self.held.is_empty()
    }

    fn forget(&mut self) {
        self.running = CallIds::default();
        self.held.clear();
        self.inputs = Inputs::default();
    }

    fn release_memory(&mut self) {
        self.held.shrink_to_fit();
        self.inputs.release_memory();
    }

    fn is_idle(&self) -> bool {
        !self.has_open_calls()
    }

    fn takes_in_pieces(kind: u8) -> bool {
        kind == CALL
    }

    fn deadline(&self) -> Option<Time> {
        self.held.next_deadline()
    }

    fn handle_time(connection: &mut Connection<Self>, now: Time) {
        if !connection.role.held.is_empty() {
            connection.expire_held(now);
        }
    }
}

impl Connection<Server> {
    /// A server's side. Its Hello and `snapshot` (state operations that set every field) go out at once. The snapshot of a
    /// service without state is empty: `Bytes::new()`.
    pub fn server(config: ServerConfig, snapshot: Bytes, now: Time) -> Self {
        let ServerConfig { schema, limits, compression, epoch, features } = config;
        let role = Server {
            running: CallIds::default(),
            secret: CallIds::default(),
            held: Held::default(),
            holds_calls: false,
            inputs: Inputs::default(),
            state_revision: 0,
            early_state_bytes: 0,
            epoch,
            features,
            methods: MethodTable::Same(0),
            refusals: Refusals::default(),
        };
        let mut connection = Self::new(schema, limits, compression, role, now);
        connection.withhold_events(None);
        connection.greet_client(snapshot);
        connection
    }

    /// Calls that were received and are not answered.
    pub fn running_calls(&self) -> usize {
        self.role.running.len() + self.role.held.len()
    }

    /// What the inputs of these calls take, in bytes; not counting what they keep of the messages that they came in (see
    /// [`Limits::with_max_input_bytes`](crate::Limits::with_max_input_bytes)).
    pub const fn input_bytes(&self) -> usize {
        self.role.inputs.total()
    }

    /// Whether a call that was held may start now: [`poll_event`](Self::poll_event) gives it out.
    pub fn has_ready_call(&self) -> bool {
        !self.is_ended() && !self.role.held.is_empty() && !self.may_not_start()
    }

    /// Whether a call is held whose caller waits for some time only. As long as that is so, tell the time by
    /// [`handle_timeout`](Self::handle_timeout) before and after events are polled: no message carries it, so what a call says is
    /// left counts from when the time is told next.
    ///
    /// A call whose deadline passes while it is held is answered [`CallError::DeadlineExceeded`], and never given out. One that
    /// is given out says what was left when the time was told last.
    #[inline]
    pub fn wants_time(&self) -> bool {
        !self.role.held.is_empty() && self.role.held.have_deadlines()
    }

    /// Whether calls that arrive are held, although there may be room for their answers: for one who cannot start them
    /// just now. At most 256 are.
    pub fn hold_calls(&mut self, hold: bool) {
        self.role.holds_calls = hold;
    }

    #[inline(always)]
    fn may_not_start(&self) -> bool {
        self.role.holds_calls || self.link.is_congested()
    }

    /// The calls that this side has answered by itself so far, without giving them out: with which errors, and how many each.
    pub fn refusals(&self) -> impl Iterator<Item = (CallError, u64)> + use<> {
        self.role.refusals.iter()
    }

    /// What became of the events of this connection so far.
    pub const fn event_tally(&self) -> EventTally {
        self.link.outbox.event_tally()
    }

    /// The features of the connection.
    pub const fn features(&self) -> &FeatureSet {
        &self.role.features
    }

    /// Where the client left off on a topic on an earlier connection: the sequence number that it expects next, if that
    /// is in this epoch, and it was not subscribed again yet. [`announce_topic`](Self::announce_topic) goes on from there.
    pub fn resume_hint(&self, name: &[u8]) -> Option<u64> {
        self.link.outbox.resume_hint(name)
    }

    /// The names of the topics that the client left off on an earlier connection in this epoch, and that were not announced
    /// to it yet.
    pub fn resume_names(&self) -> impl Iterator<Item = &[u8]> {
        self.link.outbox.resume_names()
    }

    /// Ends a call with the payload of the method's output, or without. Does nothing for an id that no running call has.
    ///
    /// With its answer an id becomes free, and the client's next call may have it: a second answer, from a handler that was
    /// cancelled and runs on, would go to that one. So keep the ids of running calls in a table, by a number of your own for
    /// each; take one out to answer it, at [`ServerEvent::Cancel`] too, and drop the output of a number that is not in it.
    ///
    /// `answer_value` and `answer_result` take the output itself.
    ///
    /// An answer longer than [`MAX_MESSAGE_BYTES`](crate::MAX_MESSAGE_BYTES) travels in pieces; one longer than either
    /// side allows becomes [`CallError::OutputTooLarge`].
    pub fn answer(&mut self, id: CallId, result: Result<Bytes, CallError>) {
        self.answer_with(id, result, Extensions::new());
    }

    /// [`answer`](Self::answer), and says more than that.
    pub fn answer_with(
        &mut self,
        id: CallId,
        result: Result<Bytes, CallError>,
        extensions: Extensions,
    ) {
        if !self.end_running(id) {
            return;
        }
        match &result {
            Ok(payload) if self.link.takes_short(payload, &extensions) => {
                self.link.outbox.push_short(ShortHead::answer(id), payload);
            }
            _ => self.queue_answer(id, result, extensions),
        }
        self.finish_draining();
    }

    #[cfg(feature = "payload")]
    pub(super) fn is_running(&self, id: CallId) -> bool {
        !self.is_ended() && self.role.running.contains(id)
    }

    /// Whether the call was running; it is not any longer.
    #[inline(always)]
    pub(super) fn end_running(&mut self, id: CallId) -> bool {
        let ended = !self.is_ended() && self.role.running.remove(id);
        if ended {
            self.role.inputs.remove(id);
            self.link.pinned.forget(id);
        }
        ended
    }

    fn queue_answer(
        &mut self,
        id: CallId,
        result: Result<Bytes, CallError>,
        extensions: Extensions,
    ) {
        let frame = match result {
            Ok(payload) => self.make_answer(id, payload, extensions),
            Err(error) => Frame::Error { id, error, extensions },
        };
        self.link.outbox.push(frame);
    }

    fn make_answer(&self, id: CallId, payload: Bytes, extensions: Extensions) -> Frame {
        let len = 2 + extensions.encoded_len() + payload.len();
        if len > self.link.max_sent_bytes() {
            return error_frame(id, CallError::OutputTooLarge);
        }
        let payload = self.link.shrink(payload, || self.role.secret.contains(id));
        Frame::Answer { id, extensions, payload }
    }

    /// Sends a change of the state: state operations, as a snapshot was made of.
    ///
    /// Nothing bounds what waits: while [`state_bytes`](Self::state_bytes) are many, keep changes back and send them as
    /// one.
    ///
    /// A change that is longer than either side allows ends the connection.
    pub fn send_state(&mut self, operations: Bytes) {
        if self.is_ended() {
            return;
        }
        self.role.state_revision += 1;
        let revision = self.role.state_revision;
        let max_bytes = if self.link.greeted {
            self.link.max_sent_bytes()
        } else {
            self.link.limits.max_frame_bytes()
        };
        let len = 1 + varint::len(revision) + operations.len();
        if len > max_bytes {
            return self.fail_to_send("a change of the state");
        }
        if !self.link.greeted {
            self.role.early_state_bytes = self.role.early_state_bytes.max(len);
        }
        let touches_secrets = self.link.deflates && self.touches_secrets(&operations);
        let operations = self.link.shrink(operations, || touches_secrets);
        self.link.outbox.push(Frame::State { revision, operations });
    }

    /// Whether operations may be about a field that is marked secret.
    fn touches_secrets(&self, operations: &[u8]) -> bool {
        let fields = &self.link.schema.state;
        let is_secret = |field: u32| fields.iter().any(|our| our.secret && our.index == field);
        fields.iter().any(|field| field.secret) && touches(operations, is_secret)
    }

    fn fail_to_send(&mut self, what: &str) {
        let why = alloc::format!("{what} is longer than the client accepts, or this side sends");
        self.fail(ConnectionError::Internal(why.into()));
    }

    /// Changes what the connection may do, and tells the client. Calls that arrive from here on are checked against it, and
    /// those that arrived and were not given out yet. Events of a feature that is lost and that wait are withheld.
    pub fn set_features(&mut self, features: FeatureSet) {
        if self.is_ended() || self.role.features == features {
            return;
        }
        self.link.outbox.push(Frame::Features(features.to_names()));
        self.role.features = features;
        self.withhold_events(None);
        self.refuse_held_without_feature(None);
        self.check_waiting();
    }

    /// For one who knows that features are lost and cannot tell the client yet, since something has to go before that: from here
    /// on no call that needs another feature than `still` has starts, and no such event is sent. What is gained counts once it
    /// is told by [`set_features`](Self::set_features).
    pub fn restrict_features(&mut self, still: &FeatureSet) {
        if !self.is_ended() {
            self.withhold_events(Some(still));
            self.refuse_held_without_feature(Some(still));
        }
    }

    fn refuse_held_without_feature(&mut self, still: Option<&FeatureSet>) {
        let mut held = core::mem::take(&mut self.role.held);
        let lacking = held.remove_unless(|call| self.may_call(call.method, still));
        self.role.held = held;
        lacking.into_iter().for_each(|id| self.refuse_held(id, CallError::MissingFeature));
    }

    /// Events that need a feature which the connection lacks are not sent on it.
    fn withhold_events(&mut self, still: Option<&FeatureSet>) {
        let types = self.link.schema.events.iter().zip(0..).filter_map(|(event, index)| {
            let feature = event.feature?;
            (!self.has_feature(feature, still)).then_some(index)
        });
        let types = types.collect();
        self.link.outbox.withhold(types);
    }

    fn has_feature(&self, feature: &str, still: Option<&FeatureSet>) -> bool {
        self.role.features.contains(feature) && still.is_none_or(|still| still.contains(feature))
    }

    /// Whether the connection has the feature that this method needs.
    fn may_call(&self, method: u32, still: Option<&FeatureSet>) -> bool {
        let needs = self.link.schema.methods[method as usize].feature;
        needs.is_none_or(|feature| self.has_feature(feature, still))
    }

    /// Tells the client that a subscription is in force: `topic` stands for `name` from here on, and the next event that
    /// is sent has the sequence number `next`. A topic may be announced again once it was left. Does nothing if it is
    /// announced already, or if `name` is longer than [`MAX_TOPIC_NAME_BYTES`].
    ///
    /// If the client left off here on an earlier connection ([`resume_hint`](Self::resume_hint)): to replay, announce with
    /// the hint for `next`, and send the events from there. If `next` is above the hint, the client is told that what is
    /// between is no longer kept; if it is below, that the topic is numbered anew (SPEC.md, section 13.5).
    pub fn announce_topic(&mut self, topic: u64, next: u64, name: Bytes) {
        self.announce(Announcement::new(topic, next, name));
    }

    /// [`announce_topic`](Self::announce_topic), and says what is done with its events.
    ///
    /// If events are [kept](Announcement::with_kept) there is no need to look at the hint: a client that left off here on an
    /// earlier connection is sent what it missed of them, before all that is sent from here on, and is told what it missed
    /// besides. [`close`](Self::close) waits for it.
    pub fn announce(&mut self, announcement: Announcement) {
        let topic = announcement.topic;
        let fits = announcement.name.len() <= MAX_TOPIC_NAME_BYTES;
        if !self.is_ended() && fits && !self.link.outbox.has_topic(topic) {
            self.link.outbox.push_topic(announcement);
            self.check_waiting();
        }
    }

    /// What the events take that wait and may not be dropped to make room for others (see [`Overflow`](crate::Overflow)),
    /// in bytes.
    pub const fn firm_event_bytes(&self) -> usize {
        self.link.outbox.firm_bytes()
    }

    /// Tells the client that a subscription has ended.
    pub fn leave_topic(&mut self, topic: u64) {
        if !self.is_ended() {
            self.link.outbox.push_leave(topic);
            self.check_waiting();
        }
    }

    /// Sends an event, if its topic is announced to the client; compressed, if that is agreed on and the event may be.
    ///
    /// Each has the number that follows the one before. Numbers that are left out are told as missing; an event whose
    /// number is not above those that were sent is dropped.
    ///
    /// Behind a slow client, once more than
    /// [`Limits::max_queued_event_bytes`](crate::Limits::max_queued_event_bytes) of events wait, some are dropped, which
    /// ones [`Overflow`](crate::Overflow) says, and the client is told how many it missed. So it is if an event is longer
    /// than it accepts.
    ///
    /// One whose type needs a feature that the connection lacks is told as withheld.
    pub fn send_event(&mut self, event: &EncodedEvent) {
        if self.link.outbox.is_withheld(event.event()) {
            return self.skip_events(event.topic(), event.sequence(), GapReason::Withheld);
        }
        let frame = event.frame(self.link.deflates).clone();
        let (topic, sequence) = (event.topic(), event.sequence());
        if !self.is_ended()
            && self.link.outbox.push_event(topic, sequence, event.event(), frame).is_err()
        {
            let allowed = self.link.limits.max_queued_event_bytes();
            let limit = "max_queued_event_bytes";
            self.fail(ConnectionError::LimitExceeded { limit, allowed });
        }
    }

    /// The events of a topic up to number `last` do not come here, as far as they were not sent: tells the client so, and
    /// why.
    pub fn skip_events(&mut self, topic: u64, last: u64, reason: GapReason) {
        if !self.is_ended() {
            self.link.outbox.skip_events(topic, last, reason);
        }
    }

    /// Closes once the calls that run have ended and everything is sent; new ones are answered
    /// [`CallError::GoingAway`]. What is not done after
    /// [`Limits::close_timeout`](crate::Limits::close_timeout) is given up.
    ///
    /// `now` is the time, from which that is counted. If a later one was told already, it is counted from there.
    pub fn close(&mut self, reason: CloseReason, now: Time) {
        if self.is_ended() {
            return;
        }
        if self.link.phase == Phase::Open {
            self.link.outbox.control().go_away(self.link.limits.close_timeout());
        }
        self.drain(reason, now);
        let held = self.role.held.remove_unless(|_| false);
        held.into_iter().for_each(|id| self.refuse_held(id, CallError::GoingAway));
        self.finish_draining();
    }

    /// An application that changes this and that, while the client does not read, is stopped some time.
    fn check_waiting(&mut self) {
        let limits = &self.link.limits;
        let allowed = limits.max_buffered_bytes().saturating_add(limits.max_topic_bytes());
        if self.link.outbox.change_bytes() > allowed.saturating_mul(2) {
            let why = "subscriptions and features change faster than the client reads";
            self.fail(ConnectionError::Internal(why.into()));
        }
    }

    #[inline]
    fn next_event(&mut self) -> Option<ServerEvent> {
        // The most frequent, by itself.
        if matches!(self.link.phase, Phase::Open)
            && self.role.held.is_empty()
            && let Some((id, method, payload)) = self.link.inbox.frames().next_call()
        {
            match self.handle_call(id, method, Extensions::new(), payload.into()) {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(error) => self.fail(error),
            }
        }
        self.poll_any_event()
    }

    fn poll_any_event(&mut self) -> Option<ServerEvent> {
        for _ in 0..MAX_QUIET_FRAMES {
            if self.is_ended() {
                return self.poll_end();
            }
            if !self.role.held.is_empty()
                && let Some(call) = self.next_held()
            {
                return Some(self.start(call));
            }
            let handled = match self.link.inbox.pop() {
                Ok(Some(frame)) => self.handle_encoded(frame),
                Ok(None) => {
                    self.handle_end_of_input();
                    return self.poll_end();
                }
                Err(error) => Err(error.into()),
            };
            match handled {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(error) => self.fail(error),
            }
        }
        Some(ServerEvent::Busy)
    }

    /// A call that was held and may start now.
    fn next_held(&mut self) -> Option<Call> {
        if self.link.transport_gone {
            // Nobody waits for their answers.
            self.role.held.clear();
        }
        if self.has_ready_call() { self.role.held.pop(self.link.now) } else { None }
    }

    /// The last event, if the connection has ended.
    fn poll_end(&mut self) -> Option<ServerEvent> {
        if self.is_ended() { self.take_closed().map(ServerEvent::Closed) } else { None }
    }

    /// Whether more waits to be sent than [`Limits::max_buffered_bytes`](crate::Limits::max_buffered_bytes), events aside
    /// that may still be dropped, or more than two of the longest answers: calls that arrive are held meanwhile.
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.link.is_congested()
    }

    /// What of the state waits to be sent, in bytes; each change counts 64 bytes more than it takes, for its place.
    ///
    /// Up to [`MAX_MESSAGE_BYTES`](crate::MAX_MESSAGE_BYTES) or so are packed ahead, and do not count any longer.
    pub fn state_bytes(&self) -> usize {
        self.link.outbox.state_bytes()
    }

    fn greet_client(&mut self, snapshot: Bytes) {
        let schema = self.link.schema;
        let hello = Hello {
            max_frame_bytes: self.link.limits.max_frame_bytes(),
            heartbeat_interval: self.link.limits.heartbeat_interval(),
            deflate: self.link.offers_deflate,
            epoch: self.role.epoch,
            features: self.role.features.to_names(),
            state: schema.state.iter().map(HelloField::from).collect(),
            events: schema.events.iter().map(HelloEntry::from).collect(),
            ..Hello::new()
        };
        self.greet(hello);
        if self.is_ended() {
            return;
        }
        let frame = Frame::Snapshot { revision: 0, operations: Content::Plain(snapshot) };
        self.role.early_state_bytes = frame.encoded_len();
        if self.role.early_state_bytes > self.link.limits.max_frame_bytes() {
            return self.fail_to_send("the snapshot of the state");
        }
        self.link.outbox.greet(frame);
    }

    fn handle_encoded(&mut self, frame: Bytes) -> Result<Option<ServerEvent>, ConnectionError> {
        let Some(frame) = self.receive(frame)? else { return Ok(None) };
        let name = frame.name();
        match frame {
            Frame::Hello(hello) => self.handle_hello(&hello),
            Frame::Call { id, method, extensions, payload } => {
                self.handle_call(id, method, extensions, payload)
            }
            Frame::Cancel { id } => Ok(self.handle_cancel(id)),
            Frame::Pong { .. } => Ok(None),
            _ => Err(ProtocolError::UnexpectedFrame(name).into()),
        }
    }

    fn handle_hello(&mut self, hello: &Hello) -> Result<Option<ServerEvent>, ConnectionError> {
        check_revision(hello)?;
        if hello.is_servers() || hello.deflate && !self.link.offers_deflate {
            return Err(ProtocolError::InvalidHello.into());
        }
        if self.role.early_state_bytes > hello.max_frame_bytes {
            self.fail_to_send("the state");
            return Ok(None);
        }
        self.role.methods = MethodTable::new(self.link.schema, &hello.methods);
        let refused = self.role.methods.refused();
        if !refused.is_empty() {
            self.link.outbox.control().refuse_methods(refused);
        }
        self.accept_hello(hello, self.role.epoch);
        if matches!(self.link.phase, Phase::Handshake { .. }) {
            self.link.phase = Phase::Open;
        }
        self.link.heartbeat = self.link.limits.heartbeat_interval().map(Heartbeat::new);
        Ok(Some(ServerEvent::Open))
    }

    #[inline(always)]
    fn handle_call(
        &mut self,
        id: CallId,
        method: u32,
        extensions: Extensions,
        payload: Content,
    ) -> Result<Option<ServerEvent>, ConnectionError> {
        if self.is_in_use(id) {
            return Err(ProtocolError::CallIdInUse(id.0).into());
        }
        let method = self.role.methods.get(method).ok_or(ProtocolError::NoSuchMethod(method))?;
        let bytes = self.link.check_content(&payload)?;
        let method = match self.admit(method, &extensions, bytes) {
            Ok(method) => method,
            Err(refusal) => {
                self.role.refusals.note(&refusal);
                self.link.outbox.push(error_frame(id, refusal));
                return Ok(None);
            }
        };
        let payload = self.link.give_out(id, payload)?;
        self.role.inputs.insert(id, bytes);
        // A slice would keep the whole message, or transfer.
        let extensions = extensions.detached();
        let call = Call { id, method, extensions, payload };
        if self.may_not_start() {
            self.hold(call);
            return Ok(None);
        }
        Ok(Some(self.start(call)))
    }

    fn hold(&mut self, call: Call) {
        self.link.pinned.forget(call.id);
        self.role.held.push(call.detached());
    }

    /// Whether a call may run: the method's index here.
    #[inline(always)]
    fn admit(
        &self,
        method: Result<u32, Mismatch>,
        extensions: &Extensions,
        bytes: usize,
    ) -> Result<u32, CallError> {
        if !matches!(self.link.phase, Phase::Open) {
            return Err(CallError::GoingAway);
        }
        let method = method.map_err(Mismatch::to_call_error)?;
        if !self.may_call(method, None) {
            return Err(CallError::MissingFeature);
        }
        if bytes > self.link.limits.max_input_bytes().saturating_sub(self.role.inputs.total()) {
            return Err(CallError::Busy);
        }
        if !extensions.is_empty() && extensions.deadline() == Some(Duration::ZERO) {
            return Err(CallError::DeadlineExceeded);
        }
        Ok(method)
    }

    #[inline(always)]
    fn start(&mut self, call: Call) -> ServerEvent {
        let Call { id, method, extensions, payload } = call;
        self.role.running.insert(id);
        // Only of use where payloads are compressed.
        if self.link.deflates {
            if self.link.schema.methods[method as usize].secret {
                self.role.secret.insert(id);
            } else {
                self.role.secret.remove(id);
            }
        }
        ServerEvent::Call { id, method, extensions, payload }
    }

    /// Whether a client cannot know that this id is free: its call is not answered, or the answer was not sent.
    #[inline(always)]
    fn is_in_use(&self, id: CallId) -> bool {
        self.role.running.contains(id)
            || self.link.outbox.has_unsent(id)
            || !self.role.held.is_empty() && self.role.held.contains(id)
    }

    fn handle_cancel(&mut self, id: CallId) -> Option<ServerEvent> {
        if self.role.running.contains(id) {
            return Some(ServerEvent::Cancel { id });
        }
        if self.role.held.remove(id) {
            self.refuse_held(id, CallError::Cancelled);
        } else {
            self.link.outbox.withdraw_answer(id, CallError::Cancelled);
        }
        None
    }

    /// Ends those calls that nobody waits for any longer. Only where the time was told: it may be long ago elsewhere.
    fn expire_held(&mut self, now: Time) {
        let expired = self.role.held.tell_time(now);
        expired.into_iter().for_each(|id| self.refuse_held(id, CallError::DeadlineExceeded));
    }

    fn refuse_held(&mut self, id: CallId, error: CallError) {
        self.role.refusals.note(&error);
        self.role.inputs.remove(id);
        self.link.outbox.push(error_frame(id, error));
    }
}

const fn error_frame(id: CallId, error: CallError) -> Frame {
    Frame::Error { id, error, extensions: Extensions::new() }
}

impl MethodTable {
    fn new(ours: &ServiceSchema, theirs: &[HelloEntry]) -> Self {
        let methods: Vec<_> = theirs.iter().map(|their| find_method(ours, their)).collect();
        let same = methods.iter().zip(0..).all(|(method, index)| *method == Ok(index));
        if same { Self::Same(methods.len() as u32) } else { Self::Mapped(methods) }
    }

    /// `None` if the client announced no such method.
    #[inline(always)]
    fn get(&self, method: u32) -> Option<Result<u32, Mismatch>> {
        match self {
            Self::Same(len) => (method < *len).then_some(Ok(method)),
            Self::Mapped(methods) => methods.get(method as usize).copied(),
        }
    }

    /// The methods that are not to be called.
    fn refused(&self) -> Vec<RefusedMethod> {
        let Self::Mapped(methods) = self else { return Vec::new() };
        let refused = methods.iter().zip(0..);
        refused
            .filter_map(|(found, method)| Some(RefusedMethod { method, why: (*found).err()? }))
            .collect()
    }
}

fn find_method(ours: &ServiceSchema, their: &HelloEntry) -> Result<u32, Mismatch> {
    let mut methods = ours.methods.iter().zip(0..);
    let (our, index) =
        methods.find(|(our, _)| our.name_hash == their.name_hash).ok_or(Mismatch::Unknown)?;
    if our.fingerprint == their.fingerprint { Ok(index) } else { Err(Mismatch::Incompatible) }
}
