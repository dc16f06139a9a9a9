//! The server's side of a connection, whatever the client and the application do.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, CloseCode, CloseReason, Connection, EncodedEvent, Frame, GapReason, Limits,
    Server, ServerEvent, Time, Transmit,
};

use crate::{
    script::{self, Setup, Step},
    wire,
};

/// No script makes the server panic. A call starts at most once and only while its id is free, `Closed` comes once and
/// last, nothing follows a close on the wire or the end of the transport, no gap in the events of a topic goes untold,
/// transfers keep to their rules, what arrives is bounded by the limits, and what waits to be sent by the limits, the
/// answers of running calls and what else the application asked for.
pub fn server(input: &[u8]) {
    let script = script::read(input);
    let limits = limits(script.setup);
    let config = wire::server_config(script.setup, limits.clone());
    let snapshot = wire::snapshot(script.setup);
    let mut run = Run {
        setup: script.setup,
        limits,
        asked_bytes: GREETING_BYTES + snapshot.len(),
        connection: Connection::server(config, snapshot, Time::ZERO),
        now: Time::ZERO,
        running: BTreeSet::new(),
        opened: false,
        closed: false,
        sent_frames: 0,
        sent_snapshot: false,
        sent_answers: 0,
        state_revision: 0,
        said_close: false,
        cut: false,
        heard_bytes: 0,
        subscribed: BTreeSet::new(),
        next_events: BTreeMap::new(),
        sent_topics: BTreeMap::new(),
        reader: wire::Reader::default(),
        peer: wire::PeerTransfers::default(),
    };
    for step in script.steps {
        run.step(step);
        run.check();
    }
    run.finish();
}

/// The Hello and the snapshot take no more.
const GREETING_BYTES: usize = 256;

/// A frame that waits takes no more than this and its payload.
const FRAME_BYTES: usize = 96;

/// Topics may be announced while as many events wait as can be.
fn limits(setup: Setup) -> Limits {
    wire::limits(setup).with_max_topic_bytes(wire::PACKED_BYTES)
}

struct Run {
    setup: Setup,
    limits: Limits,
    connection: Connection<Server>,
    now: Time,
    /// Calls that wait for their answer.
    running: BTreeSet<CallId>,
    /// The events `Open` and `Closed` were given out.
    opened: bool,
    closed: bool,
    /// What is on the wire.
    sent_frames: usize,
    sent_snapshot: bool,
    sent_answers: usize,
    state_revision: u64,
    said_close: bool,
    /// The transport has ended: nothing is given out to be sent any longer.
    cut: bool,
    /// What the application's commands other than events, and the Hello, come to at most, since nothing waited to be
    /// sent.
    asked_bytes: usize,
    heard_bytes: usize,
    /// The topics that the application has announced and not left.
    subscribed: BTreeSet<u64>,
    /// The sequence number of the next event of each topic.
    next_events: BTreeMap<u64, u64>,
    /// The topics that the wire has announced and not left, and the sequence number of the next event.
    sent_topics: BTreeMap<u64, u64>,
    /// What our side sends, and what the peer sends in pieces.
    reader: wire::Reader,
    peer: wire::PeerTransfers,
}

impl Run {
    fn step(&mut self, step: Step) {
        let connection = &mut self.connection;
        match step {
            Step::Handshake => self.receive(wire::message(&wire::client_hello(self.setup))),
            Step::Message(message) => self.receive(message),
            Step::Begin { kind, id, more } => {
                let begin = self.peer.begin(kind, id, more);
                self.receive(wire::message(&begin));
            }
            Step::Chunk { back, len } => {
                let chunk = self.peer.chunk(back, len);
                self.receive(wire::message(&chunk));
            }
            Step::Credit { back, bytes } => {
                let transfer = wire::number(self.reader.begun(), back);
                let bytes = bytes.into();
                self.receive(wire::message(&Frame::Credit { transfer, bytes }));
            }
            Step::Text => connection.handle_text(),
            Step::PeerCloses(code) => {
                self.cut = true;
                connection.handle_close(Some(CloseReason::new(CloseCode(code), "because")));
            }
            Step::Lost => {
                self.cut = true;
                connection.handle_lost("cut");
            }
            Step::Pass(millis) => {
                self.now = self.now + std::time::Duration::from_millis(millis.into());
                connection.handle_timeout(self.now);
                wire::check_timeout(connection, self.now);
            }
            Step::Answer { id, len } => self.answer(CallId(id), len),
            Step::State { len } => {
                self.asked_bytes += len + FRAME_BYTES;
                connection.send_state(wire::operations(len));
            }
            Step::Features(bits) => {
                self.asked_bytes += FRAME_BYTES;
                connection.set_features(wire::features(bits));
            }
            Step::Announce { topic, len } => self.announce(topic.into(), len.into()),
            Step::Leave { topic } => {
                // Whoever leaves a topic has announced it.
                if self.subscribed.remove(&topic.into()) {
                    // It may take a statement of what was lost before it.
                    self.asked_bytes += 2 * FRAME_BYTES;
                    connection.leave_topic(topic.into());
                }
            }
            Step::Event { topic, skip, len } => self.event(topic.into(), skip, len),
            Step::Skip { topic, more } => {
                let last = self.number(topic.into(), more.into());
                self.asked_bytes += FRAME_BYTES;
                let reason = GapReason::Withheld;
                self.connection.skip_events(topic.into(), last, reason);
            }
            Step::Close => connection.close(CloseReason::normal(), self.now),
            Step::Abort => connection.abort(CloseReason::normal()),
            Step::PollEvent => drop(self.poll_event()),
            Step::PollTransmit => drop(self.poll_transmit()),
            Step::Drain => self.drain(),
            Step::Call { .. }
            | Step::Cancel(_)
            | Step::RejectState
            | Step::RejectStateSize
            | Step::Deliver { .. }
            | Step::Hold(_)
            | Step::Cut { .. } => {}
        }
    }

    fn receive(&mut self, message: Bytes) {
        self.heard_bytes += message.len();
        self.reader.peer_sends(&message);
        self.connection.handle_message(message);
    }

    fn answer(&mut self, id: CallId, len: Option<usize>) {
        let result = len
            .map(|len| Bytes::from(vec![7; len]))
            .ok_or(CallError::HandlerPanicked);
        let before = self.connection.running_calls();
        self.connection.answer(id, result);
        // It does nothing for a call that was not given out, or on a connection that has ended.
        if self.connection.running_calls() < before {
            assert!(self.running.remove(&id), "{id:?} was not running");
            self.asked_bytes += len.unwrap_or(0) + FRAME_BYTES;
        }
    }

    /// Whoever announces a topic has not announced it, or has left it.
    fn announce(&mut self, topic: u64, len: usize) {
        if self.subscribed.insert(topic) {
            self.asked_bytes += len + FRAME_BYTES;
            let next = *self.next_events.entry(topic).or_default();
            self.connection
                .announce_topic(topic, next, Bytes::from(vec![7; len]));
        }
    }

    /// Topics that are not announced have events as well. The top bit of `skip` says that the event may be compressed, if
    /// that was agreed.
    fn event(&mut self, topic: u64, skip: u8, len: usize) {
        let sequence = self.number(topic, u64::from(skip & 0x7f));
        let payload = Bytes::from(vec![7; len]);
        let event = EncodedEvent::new(topic, sequence, 1, payload);
        let event = if skip & 0x80 != 0 {
            event
        } else {
            event.secret()
        };
        self.connection.send_event(&event);
    }

    /// The number of the next event but `skip`.
    fn number(&mut self, topic: u64, skip: u64) -> u64 {
        let next = self.next_events.entry(topic).or_default();
        let number = *next + skip;
        *next = number + 1;
        number
    }

    /// What holds after every step.
    fn check(&mut self) {
        let connection = &self.connection;
        if connection.queued_bytes() == 0 {
            self.asked_bytes = 0;
            self.check_nothing_is_untold();
        }
        if self.cut {
            assert_eq!(connection.queued_bytes(), 0);
            assert!(!connection.has_transmit());
        }
        // The others are held; once the end is told there are none.
        let running = if self.closed { 0 } else { self.running.len() };
        assert!((running..=256).contains(&connection.running_calls()));
        assert!(connection.input_bytes() <= self.limits.max_input_bytes());
        assert!(connection.arriving_bytes() <= wire::arriving_bytes(&self.limits));
        // Each id may have an error that waits.
        let errors = 256 * FRAME_BYTES;
        // One that has begun is not dropped any longer. Each topic may have a statement of what was lost.
        let events = self.limits.max_queued_event_bytes() + wire::PEER_FRAME_BYTES;
        let losses = FRAME_BYTES * (self.subscribed.len() + 2);
        let allowed = self.asked_bytes + wire::PACKED_BYTES + errors + events + losses;
        assert!(connection.queued_bytes() <= allowed);
        assert_eq!(connection.error().is_some(), connection.is_ended());
        if connection.is_ended() {
            assert_eq!(
                connection.poll_timeout().is_some(),
                connection.has_transmit()
            );
            assert_eq!(connection.arriving_bytes(), 0);
            assert!(!connection.is_open() && !connection.wants_message());
        }
    }

    /// Nothing waits to be sent: every event was sent, or the client was told that it was not.
    fn check_nothing_is_untold(&self) {
        if self.cut || self.connection.is_ended() {
            return;
        }
        for topic in &self.subscribed {
            assert_eq!(self.sent_topics.get(topic), self.next_events.get(topic));
        }
    }

    /// Events first, then messages, until there are none: what is sent makes room for calls that wait.
    fn drain(&mut self) {
        loop {
            let mut idle = true;
            while self.poll_event().is_some() {
                self.check();
                idle = false;
            }
            while self.poll_transmit().is_some() {
                self.check();
                idle = false;
            }
            if idle {
                return;
            }
        }
    }

    fn finish(&mut self) {
        self.drain();
        // What is left waits for the peer's word.
        assert!(!self.connection.has_transmit() && !self.connection.has_ready_call());
        self.step(Step::Lost);
        self.drain();
        assert!(self.closed);
        assert_eq!(self.connection.queued_bytes(), 0);
    }

    fn poll_event(&mut self) -> Option<ServerEvent> {
        let event = self.connection.poll_event()?;
        assert!(!self.closed, "{event:?} after Closed");
        match &event {
            ServerEvent::Open => assert!(!std::mem::replace(&mut self.opened, true)),
            ServerEvent::Call { id, method, .. } => {
                assert!(self.opened);
                assert!((*method as usize) < wire::schema().methods.len());
                assert!(self.running.insert(*id), "{id:?} started and was running");
            }
            ServerEvent::Cancel { id } => assert!(self.running.contains(id)),
            ServerEvent::Busy => assert!(!self.connection.is_ended()),
            ServerEvent::Closed(error) => {
                self.closed = true;
                assert_eq!(self.connection.error(), Some(error));
            }
            event => panic!("{event:?} is not known here"),
        }
        Some(event)
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.connection.poll_transmit()?;
        assert!(!self.said_close, "{transmit:?} after a close");
        assert!(!self.cut, "{transmit:?} after the end of the transport");
        match &transmit {
            Transmit::Close(reason) => {
                assert!(self.connection.is_ended());
                assert!(reason.reason().len() <= 123);
                self.said_close = true;
            }
            Transmit::Message(message) => {
                for frame in self.reader.read(message) {
                    self.check_sent(&frame);
                    self.sent_frames += 1;
                }
            }
        }
        Some(transmit)
    }

    fn check_sent(&mut self, frame: &Frame) {
        let hello = matches!(frame, Frame::Hello(_));
        assert_eq!(self.sent_frames == 0, hello, "{}", frame.name());
        let early = matches!(
            frame,
            Frame::Hello(_)
                | Frame::Methods(_)
                | Frame::GoingAway { .. }
                | Frame::Ping { .. }
                | Frame::Credit { .. }
        );
        assert!(early || self.sent_snapshot != matches!(frame, Frame::Snapshot { .. }));
        match frame {
            Frame::Snapshot { .. } => self.sent_snapshot = true,
            Frame::Hello(_)
            | Frame::Methods(_)
            | Frame::Features(_)
            | Frame::GoingAway { .. }
            | Frame::Ping { .. }
            | Frame::Credit { .. } => {}
            Frame::Answer { .. } | Frame::Error { .. } => {
                self.sent_answers += 1;
                // A call takes at least three bytes.
                assert!(self.sent_answers * 3 <= self.heard_bytes);
            }
            Frame::State { revision, .. } => {
                self.state_revision += 1;
                assert_eq!(*revision, self.state_revision);
            }
            Frame::Topic { topic, next, .. } => {
                let new = self.sent_topics.insert(*topic, *next).is_none();
                assert!(new, "{frame:?} again");
            }
            Frame::Leave { topic } => {
                let left = self.sent_topics.remove(topic);
                assert!(left.is_some(), "{frame:?} was not announced");
            }
            Frame::Event {
                topic, sequence, ..
            } => self.check_sent_events(*topic, *sequence, *sequence),
            Frame::Gap {
                topic, first, last, ..
            } => self.check_sent_events(*topic, *first, *last),
            frame => panic!("a server sent {}", frame.name()),
        }
    }

    /// The events from `first` to `last` are the next of their topic.
    fn check_sent_events(&mut self, topic: u64, first: u64, last: u64) {
        let next = self.sent_topics.get_mut(&topic).expect("it was announced");
        assert_eq!(first, *next);
        assert!(first <= last);
        *next = last + 1;
    }
}
