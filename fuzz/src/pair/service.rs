//! The server's application: it answers calls, changes the state and emits events.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::OnceLock,
};

use bytes::Bytes;
use hardlight_macros::ConnectionState;
use hardlight_proto::{
    CallError, CallId, Connection, ConnectionState as _, EncodedEvent, GapReason, Limits, Server,
    ServerConfig, ServerEvent, ServiceSchema, StateWriter,
};

use super::{TOPICS, World, calls::Calls, check_ended, wire};
use crate::{
    noise::{self, content},
    script::Setup,
};

/// So many events of a topic are kept for clients that come back.
const KEPT_EVENTS: usize = 4;

/// The field that a connection has only with a feature.
const PAID: u32 = 3;

pub(super) fn schema() -> &'static ServiceSchema {
    static SCHEMA: OnceLock<ServiceSchema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schema = wire::schema().clone().state::<State>();
        let paid = schema.state.remove(PAID as usize);
        let paid = paid.with_feature(wire::FEATURES[1]).secret();
        schema.state.push(paid);
        schema
    })
}

/// What an application does by itself is not to end the connection.
pub(super) fn limits(setup: Setup) -> Limits {
    wire::limits(setup).with_max_topic_bytes(1 << 20)
}

#[derive(Clone, ConnectionState)]
pub(super) struct State {
    /// Counts the changes.
    pub(super) counter: u64,
    bytes: Bytes,
    entries: BTreeMap<u8, String>,
    #[state(default = "nothing".into())]
    paid: String,
}

impl State {
    fn change(&mut self, len: usize) {
        self.counter += 1;
        self.bytes = content(self.counter, len);
        let (key, entry) = (self.counter as u8 % 8, format!("change {}", self.counter));
        if self.counter.is_multiple_of(5) {
            self.entries.remove(&key);
        } else {
            self.entries.insert(key, entry.clone());
        }
        if self.counter.is_multiple_of(3) {
            self.paid = entry;
        }
    }

    /// The whole state. Two states are the same if these bytes are.
    pub(super) fn encoded(&self) -> Bytes {
        let mut out = StateWriter::new();
        self.snapshot(&mut out).expect("it is not deep");
        out.finish()
    }
}

/// The events of a topic.
#[derive(Default)]
struct Topic {
    announced: bool,
    /// The number of the next event.
    next: u64,
    /// Numbers and lengths of the last events.
    kept: VecDeque<(u64, usize)>,
}

pub(super) struct Service {
    pub(super) connection: Connection<Server>,
    running: BTreeMap<CallId, usize>,
    state: State,
    /// What the client was last sent.
    shadow: <State as hardlight_proto::ConnectionState>::Shadow,
    /// The state has changed since.
    dirty: bool,
    features: u8,
    topics: [Topic; TOPICS],
    closed: bool,
}

impl Service {
    pub(super) fn new(world: &World) -> Self {
        let mut state = State::initial();
        if world.setup.long_snapshot {
            state.change(90_000);
        }
        Self::of(world, state, Default::default(), 3)
    }

    fn of(world: &World, mut state: State, topics: [Topic; TOPICS], features: u8) -> Self {
        let mut snapshot = StateWriter::new();
        if !has_paid(features) {
            snapshot.leave_out(PAID);
        }
        state.snapshot(&mut snapshot).expect("it is not deep");
        let config = ServerConfig::new(schema())
            .with_limits(limits(world.setup))
            .with_compression(world.setup.compression)
            .with_features(wire::features(features));
        let config = if world.setup.resumes {
            config.with_epoch(world.epoch)
        } else {
            config
        };
        Self {
            connection: Connection::server(config, snapshot.finish(), world.now),
            running: BTreeMap::new(),
            shadow: state.shadow(),
            state,
            dirty: false,
            features,
            topics,
            closed: false,
        }
    }

    /// A further connection, of a server that begins anew or of the same. It is subscribed to nothing; gives what the one
    /// before was subscribed to.
    pub(super) fn reconnect(&mut self, world: &World, restarts: bool) -> Vec<usize> {
        let mut topics = std::mem::take(&mut self.topics);
        let mut subscribed = Vec::new();
        for (number, topic) in topics.iter_mut().enumerate() {
            if std::mem::take(&mut topic.announced) {
                subscribed.push(number);
            }
            if restarts {
                topic.kept.clear();
                topic.next /= 2;
            }
        }
        let state = if restarts {
            State::initial()
        } else {
            self.state.clone()
        };
        *self = Self::of(world, state, topics, self.features);
        subscribed
    }

    pub(super) fn poll_events(&mut self, world: &mut World) {
        while let Some(event) = self.connection.poll_event() {
            assert!(!self.closed, "{event:?} after Closed");
            match event {
                ServerEvent::Call {
                    id,
                    method,
                    payload,
                    ..
                } => {
                    let number = world.calls.start(method, &payload);
                    let taken = self.running.insert(id, number);
                    assert_eq!(taken, None, "{id:?} started and was running");
                }
                ServerEvent::Cancel { id } => self.cancel(world, id),
                ServerEvent::Closed(_) => {
                    self.closed = true;
                    // Calls that were not answered are void.
                    self.running.clear();
                }
                ServerEvent::Open | ServerEvent::Busy => {}
                event => panic!("{event:?} was not to be expected"),
            }
        }
        if self.dirty && !self.connection.is_congested() {
            self.send_changes();
        }
    }

    /// Every second handler heeds it.
    fn cancel(&mut self, world: &mut World, id: CallId) {
        let number = self.running[&id];
        if number.is_multiple_of(2) {
            self.running.remove(&id);
            world.calls.answer(number, Err(CallError::Cancelled));
            self.connection.answer(id, Err(CallError::Cancelled));
        }
    }

    pub(super) fn first_running(&self) -> Option<CallId> {
        self.running.keys().next().copied()
    }

    /// The call's changes go first, however much waits.
    pub(super) fn answer(&mut self, world: &mut World, id: CallId, len: Option<usize>) {
        let Some(number) = self.running.remove(&id) else {
            return;
        };
        self.state.counter += 1;
        self.send_changes();
        let answer = len.ok_or(CallError::HandlerPanicked);
        world.calls.answer(number, answer.clone());
        let counter = self.state.counter;
        let output = answer.map(|len| Calls::output(number, counter, len));
        self.connection.answer(id, output);
    }

    /// What is longer than the client accepts would end the connection.
    pub(super) fn change_state(&mut self, len: usize) {
        if len < wire::PEER_FRAME_BYTES - 1000 {
            self.state.change(len);
            self.dirty = true;
        }
    }

    fn send_changes(&mut self) {
        let mut out = StateWriter::new();
        if !has_paid(self.features) {
            out.leave_out(PAID);
        }
        self.send_state(out);
    }

    fn send_state(&mut self, mut out: StateWriter) {
        let written = self.state.diff(&mut self.shadow, &mut out);
        written.expect("it is not deep");
        if !out.is_empty() {
            self.connection.send_state(out.finish());
        }
        self.dirty = false;
    }

    /// Not while much waits: nothing bounds how many changes would be sent.
    pub(super) fn set_features(&mut self, bits: u8) {
        let bits = bits & 3;
        if self.connection.is_congested() {
            return;
        }
        self.connection.set_features(wire::features(bits));
        let had_paid = has_paid(std::mem::replace(&mut self.features, bits));
        let mut out = StateWriter::new();
        match (had_paid, has_paid(bits)) {
            (true, false) => out.reset(PAID),
            (false, true) => out.send_whole(PAID),
            (false, false) => out.leave_out(PAID),
            (true, true) => {}
        }
        self.send_state(out);
    }

    /// Replays what is kept, if the client asks for it and nobody subscribed it before.
    pub(super) fn announce(&mut self, world: &mut World, number: usize) {
        if self.topics[number].announced || self.connection.is_ended() {
            return;
        }
        let hint = self.connection.resume_hint(&name(number));
        let topic = &mut self.topics[number];
        topic.announced = true;
        let mut replayed = topic.kept.clone();
        replayed.retain(|(sequence, _)| hint.is_some_and(|hint| *sequence >= hint));
        let first = replayed.front().map_or(topic.next, |(first, _)| *first);
        world.announced[number].push_back(first);
        self.connection
            .announce_topic(number as u64, first, name(number));
        for (sequence, len) in replayed {
            self.send_event(number, sequence, len, 0);
        }
        // The last ones may have been skipped.
        if let Some(last) = self.topics[number].next.checked_sub(1) {
            self.connection
                .skip_events(number as u64, last, GapReason::Conflated);
        }
    }

    pub(super) fn leave(&mut self, number: usize) {
        self.topics[number].announced = false;
        self.connection.leave_topic(number as u64);
    }

    pub(super) fn event(&mut self, number: usize, skip: u64, len: usize) {
        let topic = &mut self.topics[number];
        let sequence = topic.next + (skip & 0x7f);
        topic.next = sequence + 1;
        topic.kept.push_back((sequence, len));
        if topic.kept.len() > KEPT_EVENTS {
            topic.kept.pop_front();
        }
        // What has changed and was not sent may come behind it.
        let counter = if self.dirty { 0 } else { self.state.counter };
        self.send_event(number, sequence, len, counter);
    }

    fn send_event(&mut self, number: usize, sequence: u64, len: usize, counter: u64) {
        let mut payload = counter.to_le_bytes().to_vec();
        payload.extend_from_slice(&content(sequence << 8 | number as u64, len));
        let (topic, kind) = (number as u64, sequence as u32 % 2);
        let event = EncodedEvent::new(topic, sequence, kind, payload.into());
        self.connection.send_event(&event);
    }

    pub(super) fn skip(&mut self, number: usize, more: u64) {
        let topic = &mut self.topics[number];
        let last = topic.next + more;
        topic.next = last + 1;
        self.connection
            .skip_events(number as u64, last, GapReason::Conflated);
    }

    pub(super) fn check(&self) {
        assert!((self.running.len()..=256).contains(&self.connection.running_calls()));
    }

    pub(super) fn check_ended(&mut self) {
        check_ended(&mut self.connection, self.closed);
        self.running.clear();
    }

    /// The state as the client is to have it.
    pub(super) fn state_at_client(&self) -> State {
        let mut state = self.state.clone();
        if !has_paid(self.features) {
            state.paid = State::initial().paid;
        }
        state
    }

    /// The topics that the client is subscribed to, and the number of the next event of each.
    pub(super) fn topics(&self) -> BTreeMap<Bytes, u64> {
        let topics = self.topics.iter().enumerate();
        let announced = topics.filter(|(_, topic)| topic.announced);
        announced
            .map(|(number, topic)| (name(number), topic.next))
            .collect()
    }
}

/// The names of topics are runs of 7s in all scripts.
fn name(number: usize) -> Bytes {
    vec![7; number + 1].into()
}

fn has_paid(features: u8) -> bool {
    features & 2 != 0
}

/// An event is the one that was emitted, and the client's state has come as far as the server's had then.
pub(super) fn check_event(name: &Bytes, sequence: u64, kind: u32, payload: &Bytes, counter: u64) {
    assert_eq!(kind, sequence as u32 % 2);
    let changed = u64::from_le_bytes(*payload.first_chunk().expect("it has a counter"));
    assert!(changed <= counter, "an event came before the state");
    let number = sequence << 8 | (name.len() as u64 - 1);
    assert!(noise::is_content(&payload.slice(8..), number));
}
