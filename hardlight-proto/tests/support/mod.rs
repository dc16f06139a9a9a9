#![allow(dead_code, reason = "each test uses a part of it")]
//! A client and a server joined by two queues, with a clock that only the test moves; and what it takes to be a peer that
//! keeps to no rule.

mod tap;

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use hardlight_proto::*;

use tap::Tap;

pub(crate) const INPUT: Bytes = Bytes::from_static(b"in");
pub(crate) const OUTPUT: Bytes = Bytes::from_static(b"out");
pub(crate) const SNAPSHOT: Bytes = Bytes::from_static(b"snap");
pub(crate) const CHAT: Bytes = Bytes::from_static(b"chat");

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

/// The longest piece of a transfer, and what may be sent of one without credit, in bytes.
pub(crate) const PIECE: usize = 32 * KIB;
pub(crate) const INITIAL_CREDIT: usize = 64 * KIB;

/// Fields of the state and methods are made up by name; fingerprints by hash of a text.
pub(crate) fn schema(
    methods: &[(&'static str, &str)],
    state: &[(&'static str, &str)],
) -> &'static ServiceSchema {
    let methods = methods
        .iter()
        .map(|&(name, of)| MethodSchema::with_fingerprint(name, Fingerprint::of_text(of)));
    let state = state.iter().zip(0..).map(|(&(name, of), index)| {
        FieldSchema::with_fingerprint(index, name, Fingerprint::of_text(of))
    });
    let mut schema = ServiceSchema::new("Counter");
    schema.methods = methods.collect();
    schema.state = state.collect();
    leak(schema)
}

/// A service without methods that has these types of events.
pub(crate) fn events(events: &[(&'static str, &str)]) -> &'static ServiceSchema {
    let events = events
        .iter()
        .map(|&(name, of)| EventSchema::with_fingerprint(name, Fingerprint::of_text(of)));
    let mut schema = ServiceSchema::new("Events");
    schema.events = events.collect();
    leak(schema)
}

/// Two methods, one field, one type of event.
pub(crate) fn counter() -> &'static ServiceSchema {
    let mut counter = schema(&[("increment", "u32"), ("get", "")], &[("counter", "u32")]).clone();
    counter.events = events(&[("message", "a")]).events.clone();
    leak(counter)
}

pub(crate) fn leak(schema: ServiceSchema) -> &'static ServiceSchema {
    Box::leak(Box::new(schema))
}

/// Limits without heartbeats, so that time alone sends nothing.
pub(crate) fn quiet() -> Limits {
    Limits::new().with_heartbeat_interval(None)
}

pub(crate) fn client_config(limits: Limits) -> ClientConfig {
    ClientConfig::new(counter()).with_limits(limits)
}

pub(crate) fn server_config(limits: Limits) -> ServerConfig {
    ServerConfig::new(counter()).with_limits(limits)
}

/// Bytes that do not shrink when they are compressed.
pub(crate) fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes = (0..len).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    bytes.collect()
}

pub(crate) fn zeros(len: usize) -> Bytes {
    vec![0; len].into()
}

// Events and frames, without what most of them do not say.

pub(crate) fn opened() -> ClientEvent {
    ClientEvent::Open { snapshot: SNAPSHOT }
}

pub(crate) fn answered(id: CallId, payload: Bytes) -> ClientEvent {
    ClientEvent::Answer { id, result: Ok(payload), extensions: Extensions::new() }
}

pub(crate) fn failed(id: CallId, error: CallError) -> ClientEvent {
    ClientEvent::Answer { id, result: Err(error), extensions: Extensions::new() }
}

pub(crate) fn changed(operations: Bytes) -> ClientEvent {
    ClientEvent::State { operations }
}

pub(crate) fn subscribed(topic: Bytes) -> ClientEvent {
    ClientEvent::Subscribed { topic, start: TopicStart::Fresh }
}

pub(crate) fn arrived(topic: Bytes, sequence: u64, payload: Bytes) -> ClientEvent {
    ClientEvent::Event { topic, sequence, event: 0, extensions: Extensions::new(), payload }
}

pub(crate) fn missed(topic: Bytes, first: u64, last: u64, reason: GapReason) -> ClientEvent {
    ClientEvent::Gap { topic, first, last, reason }
}

pub(crate) fn client_failed(error: ProtocolError) -> ClientEvent {
    ClientEvent::Closed(error.into())
}

pub(crate) fn started(id: CallId, method: u32, payload: Bytes) -> ServerEvent {
    ServerEvent::Call { id, method, extensions: Extensions::new(), payload }
}

pub(crate) fn server_failed(error: ProtocolError) -> ServerEvent {
    ServerEvent::Closed(error.into())
}

pub(crate) fn closed_by(
    initiator: Initiator,
    code: CloseCode,
    reason: &'static str,
) -> ConnectionError {
    ConnectionError::Closed { initiator, reason: CloseReason::new(code, reason) }
}

pub(crate) fn exceeded(limit: &'static str, allowed: usize) -> ConnectionError {
    ConnectionError::LimitExceeded { limit, allowed }
}

pub(crate) fn call_frame(id: u8, method: u32, payload: Bytes) -> Frame {
    let extensions = Extensions::new();
    Frame::Call { id: CallId(id), method, extensions, payload: payload.into() }
}

pub(crate) fn answer_frame(id: u8, payload: Bytes) -> Frame {
    Frame::Answer { id: CallId(id), extensions: Extensions::new(), payload: payload.into() }
}

pub(crate) fn error_frame(id: u8, error: CallError) -> Frame {
    Frame::Error { id: CallId(id), error, extensions: Extensions::new() }
}

pub(crate) fn state_frame(revision: u64, operations: Bytes) -> Frame {
    Frame::State { revision, operations: operations.into() }
}

pub(crate) fn event_frame(topic: u64, sequence: u64, payload: Bytes) -> Frame {
    let extensions = Extensions::new();
    Frame::Event { topic, sequence, event: 0, extensions, payload: payload.into() }
}

pub(crate) fn topic_frame(topic: u64, next: u64, start: TopicStart, name: Bytes) -> Frame {
    Frame::Topic { topic, next, start, name }
}

pub(crate) fn features<const N: usize>(names: [&str; N]) -> FeatureSet {
    let mut set = FeatureSet::new();
    names.iter().for_each(|name| set.insert(*name).expect("a name that may travel"));
    set
}

// One side alone, whose peer is the test.

/// The Hello of a client of `counter`.
pub(crate) fn client_hello() -> Hello {
    let methods = counter().methods.iter().map(HelloEntry::from);
    Hello { methods: methods.collect(), max_frame_bytes: 4 * MIB, ..Hello::new() }
}

/// The Hello of a server of `counter`.
pub(crate) fn server_hello() -> Hello {
    Hello {
        state: counter().state.iter().map(HelloField::from).collect(),
        events: counter().events.iter().map(HelloEntry::from).collect(),
        max_frame_bytes: 4 * MIB,
        ..Hello::new()
    }
}

/// A server that has read this Hello, and has sent all it had to say.
pub(crate) fn server_of(config: ServerConfig, hello: Hello) -> Connection<Server> {
    let mut server = Connection::server(config, SNAPSHOT, Time::ZERO);
    receive(&mut server, &Frame::Hello(hello.into()));
    assert_eq!(server.poll_event(), Some(ServerEvent::Open));
    sent(&mut server);
    server
}

/// A server of `counter` that is open.
pub(crate) fn server(limits: Limits) -> Connection<Server> {
    server_of(server_config(limits), client_hello())
}

/// A client that has read this Hello and a snapshot, and has sent all it had to say.
pub(crate) fn client_of(config: ClientConfig, hello: Hello) -> Connection<Client> {
    let mut client = Connection::client(config, Time::ZERO);
    receive(&mut client, &Frame::Hello(hello.into()));
    receive(&mut client, &Frame::Snapshot { revision: 0, operations: SNAPSHOT.into() });
    let events = client_events(&mut client);
    assert_eq!(events.last(), Some(&opened()));
    sent(&mut client);
    client
}

/// A client of `counter` that is open.
pub(crate) fn client(limits: Limits) -> Connection<Client> {
    client_of(client_config(limits), server_hello())
}

/// A frame as a message of its own.
pub(crate) fn message(frame: &Frame) -> Bytes {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    out.freeze()
}

/// The peer sends a frame.
pub(crate) fn receive<R: Role>(to: &mut Connection<R>, frame: &Frame) {
    to.handle_message(message(frame));
}

/// A frame as it is sent in pieces.
pub(crate) fn pieces(transfer: u64, frame: &Frame) -> Vec<Frame> {
    let frame = message(frame);
    let length = frame.len() as u64;
    let mut rest = frame;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let piece = rest.split_to(PIECE.min(rest.len()));
        pieces.push(match pieces.len() {
            0 => Frame::Begin { transfer, length, piece },
            _ => Frame::Chunk { transfer, piece },
        });
    }
    pieces
}

/// All that waits to be sent, as messages.
pub(crate) fn messages<R: Role>(connection: &mut Connection<R>) -> Vec<Bytes> {
    std::iter::from_fn(|| connection.poll_transmit())
        .map(|transmit| match transmit {
            Transmit::Message(message) => message,
            Transmit::Close(reason) => panic!("closed: {reason}"),
        })
        .collect()
}

/// All that waits to be sent, as frames. Panics if any message is one that may not be sent.
pub(crate) fn sent<R: Role>(connection: &mut Connection<R>) -> Vec<Frame> {
    messages(connection).into_iter().flat_map(frames).collect()
}

/// The frames of a message that may be sent.
pub(crate) fn frames(message: Bytes) -> Vec<Frame> {
    assert!((1..=MAX_MESSAGE_BYTES).contains(&message.len()), "{} bytes", message.len());
    Frames::new(message).map(|frame| frame.expect("what is sent is well-formed")).collect()
}

pub(crate) fn client_events(client: &mut Connection<Client>) -> Vec<ClientEvent> {
    let events = std::iter::from_fn(|| client.poll_event());
    events.filter(|event| *event != ClientEvent::Busy).collect()
}

pub(crate) fn server_events(server: &mut Connection<Server>) -> Vec<ServerEvent> {
    let events = std::iter::from_fn(|| server.poll_event());
    events.filter(|event| *event != ServerEvent::Busy).collect()
}

// Both sides.

pub(crate) struct Pair {
    pub(crate) now: Time,
    pub(crate) client: Connection<Client>,
    pub(crate) server: Connection<Server>,
    pub(crate) to_client: VecDeque<Transmit>,
    pub(crate) to_server: VecDeque<Transmit>,
    pub(crate) client_events: Vec<ClientEvent>,
    pub(crate) server_events: Vec<ServerEvent>,
    /// What the client, and the server, has sent.
    pub(crate) up: Tap,
    pub(crate) down: Tap,
    /// Whether nothing is sent behind the taps' backs.
    pub(crate) is_tapped: bool,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(counter(), counter(), Limits::new(), Limits::new())
    }

    pub(crate) fn with(
        client: &'static ServiceSchema,
        server: &'static ServiceSchema,
        client_limits: Limits,
        server_limits: Limits,
    ) -> Self {
        let client = ClientConfig::new(client).with_limits(client_limits);
        let server = ServerConfig::new(server).with_limits(server_limits);
        Self::of(client, server, SNAPSHOT)
    }

    pub(crate) fn of(client: ClientConfig, server: ServerConfig, snapshot: Bytes) -> Self {
        let now = Time::ZERO;
        Self {
            now,
            client: Connection::client(client, now),
            server: Connection::server(server, snapshot, now),
            to_client: VecDeque::new(),
            to_server: VecDeque::new(),
            client_events: Vec::new(),
            server_events: Vec::new(),
            up: Tap::default(),
            down: Tap::default(),
            is_tapped: true,
        }
    }

    /// A pair that has exchanged its Hellos.
    pub(crate) fn open() -> Self {
        Self::new().opened()
    }

    /// The pair, once it has exchanged its Hellos.
    pub(crate) fn opened(mut self) -> Self {
        self.drive();
        assert!(self.client.is_open() && self.server.is_open());
        self.client_events.clear();
        self.server_events.clear();
        self
    }

    /// Delivers until nothing moves any more.
    pub(crate) fn drive(&mut self) {
        for _ in 0..100_000 {
            if !self.step() {
                return;
            }
        }
        panic!("the pair does not come to rest");
    }

    /// Delivers one message in each direction: whether there was one.
    pub(crate) fn step(&mut self) -> bool {
        self.client_events.extend(client_events(&mut self.client));
        self.server_events.extend(server_events(&mut self.server));
        if self.to_server.is_empty()
            && let Some(transmit) = self.client.poll_transmit()
        {
            if let (Transmit::Message(message), true) = (&transmit, self.is_tapped) {
                self.up.message(message, &mut self.down);
            }
            self.to_server.push_back(transmit);
        }
        if self.to_client.is_empty()
            && let Some(transmit) = self.server.poll_transmit()
        {
            if let (Transmit::Message(message), true) = (&transmit, self.is_tapped) {
                self.down.message(message, &mut self.up);
            }
            self.to_client.push_back(transmit);
        }
        let (up, down) = (self.to_server.pop_front(), self.to_client.pop_front());
        let moved = up.is_some() || down.is_some();
        up.into_iter().for_each(|transmit| deliver(transmit, &mut self.server));
        down.into_iter().for_each(|transmit| deliver(transmit, &mut self.client));
        moved
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        self.drive();
    }

    /// Makes a call and runs it up to the server: its id.
    pub(crate) fn call(&mut self, method: u32) -> CallId {
        self.call_of(method, INPUT)
    }

    /// Makes a call with this input and runs it up to the server: its id.
    pub(crate) fn call_of(&mut self, method: u32, input: Bytes) -> CallId {
        let id = self.client.call(method, input).expect("an id is free");
        self.drive();
        id
    }

    pub(crate) fn take_client_events(&mut self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.client_events)
    }

    pub(crate) fn take_server_events(&mut self) -> Vec<ServerEvent> {
        std::mem::take(&mut self.server_events)
    }
}

pub(crate) fn deliver<R: Role>(transmit: Transmit, to: &mut Connection<R>) {
    match transmit {
        Transmit::Message(message) => to.handle_message(message),
        Transmit::Close(reason) => to.handle_close(Some(reason)),
    }
}
