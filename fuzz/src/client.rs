//! The client's side of a connection, whatever the server and the application do.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hardlight_proto::{
    CallId, Client, ClientEvent, CloseCode, CloseReason, Connection, Extensions, Frame, Limits,
    MAX_FEATURES, TOPIC_OVERHEAD_BYTES, Time, Transmit,
};

use crate::{
    script::{self, Setup, Step},
    wire,
};

/// No script makes the client panic. Every call ends once, `Closed` comes once and last, nothing follows a close on the
/// wire or the end of the transport, no gap in the events of a topic goes untold, transfers keep to their rules, what
/// arrives is bounded by the limits, and what waits to be sent by what the application asked for.
pub fn client(input: &[u8]) {
    let script = script::read(input);
    let limits = wire::limits(script.setup);
    let config = wire::client_config(script.setup, limits.clone());
    let mut run = Run {
        setup: script.setup,
        limits,
        connection: Connection::client(config, Time::ZERO),
        now: Time::ZERO,
        open: BTreeSet::new(),
        opened: false,
        closed: false,
        greeted: false,
        said_close: false,
        cut: false,
        asked_bytes: 0,
        topics: BTreeMap::new(),
        unseen_events: 0,
        going_away: false,
        reader: wire::Reader::default(),
        peer: wire::PeerTransfers::default(),
    };
    for step in script.steps {
        run.step(step);
        run.check();
    }
    run.finish();
}

/// A frame that waits takes no more than this and its payload.
const FRAME_BYTES: usize = 96;

struct Run {
    setup: Setup,
    limits: Limits,
    connection: Connection<Client>,
    now: Time,
    /// Calls that have not ended.
    open: BTreeSet<CallId>,
    /// The events `Open` and `Closed` were given out.
    opened: bool,
    closed: bool,
    /// Our Hello, and our close, are on the wire.
    greeted: bool,
    said_close: bool,
    /// The transport has ended before the connection did: nothing is given out to be sent any longer.
    cut: bool,
    /// What the application's commands come to at most, since nothing waited to be sent.
    asked_bytes: usize,
    /// The topics that are subscribed to, by their names.
    topics: BTreeMap<Bytes, Topic>,
    /// Of the events that were skipped, those that no topic's numbers have shown yet.
    unseen_events: u64,
    going_away: bool,
    /// What our side sends, and what the peer sends in pieces.
    reader: wire::Reader,
    peer: wire::PeerTransfers,
}

/// A topic, or several: a server may announce one name under many numbers. Their events cannot be told apart then.
#[derive(Default)]
struct Topic {
    announced: usize,
    ambiguous: bool,
    /// The sequence number of the next event, once there was one.
    next: Option<u64>,
}

impl Run {
    fn step(&mut self, step: Step) {
        let connection = &mut self.connection;
        match step {
            Step::Handshake => {
                self.receive(wire::message(&wire::server_hello(self.setup)));
                let operations = wire::operations(8).into();
                let snapshot = Frame::Snapshot {
                    revision: 0,
                    operations,
                };
                self.receive(wire::message(&snapshot));
            }
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
            Step::Call { method, len } => self.call(method, len),
            Step::Cancel(id) => {
                self.asked_bytes += FRAME_BYTES;
                connection.cancel(CallId(id));
            }
            Step::RejectState => connection.reject_state(),
            Step::RejectStateSize => connection.reject_state_size(),
            Step::Close => connection.close(CloseReason::normal(), self.now),
            Step::Abort => connection.abort(CloseReason::normal()),
            Step::PollEvent => drop(self.poll_event()),
            Step::PollTransmit => drop(self.poll_transmit()),
            Step::Drain => self.drain(),
            Step::Answer { .. }
            | Step::State { .. }
            | Step::Features(_)
            | Step::Announce { .. }
            | Step::Leave { .. }
            | Step::Event { .. }
            | Step::Skip { .. }
            | Step::Deliver { .. }
            | Step::Hold(_)
            | Step::Cut { .. } => {}
        }
    }

    fn receive(&mut self, message: Bytes) {
        self.reader.peer_sends(&message);
        self.connection.handle_message(message);
    }

    /// The top bit of the method says whether the call says something besides.
    fn call(&mut self, method: u8, len: usize) {
        let extensions = if method < 0x80 {
            Extensions::new()
        } else {
            let says = Extensions::new().with_idempotency_key(b"key");
            says.expect("the key has a length that it may have")
        };
        let method = u32::from(method % 3);
        let payload = Bytes::from(vec![7; len]);
        let Ok(id) = self.connection.call_with(method, payload, extensions) else {
            return;
        };
        assert!((method as usize) < wire::schema().methods.len());
        assert!(self.open.insert(id), "{id:?} was given out twice");
        self.asked_bytes += len + FRAME_BYTES;
    }

    /// What holds after every step.
    fn check(&mut self) {
        let connection = &self.connection;
        // Before it is open, calls do not wait to be sent, but for that.
        if self.opened && connection.queued_bytes() == 0 {
            self.asked_bytes = 0;
        }
        let names = self.topics.iter();
        let topic_bytes =
            names.map(|(name, topic)| (name.len() + TOPIC_OVERHEAD_BYTES) * topic.announced);
        assert!(topic_bytes.sum::<usize>() <= self.limits.max_topic_bytes());
        assert!(connection.arriving_bytes() <= wire::arriving_bytes(&self.limits));
        if self.cut {
            assert_eq!(connection.queued_bytes(), 0);
            assert!(!connection.has_transmit());
        }
        assert_eq!(connection.open_calls(), self.open.len());
        // The Hello, and what needs no asking: PONG, CREDIT and ABORT.
        assert!(connection.queued_bytes() <= self.asked_bytes + 512 + wire::PACKED_BYTES);
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
        assert!(!self.connection.has_transmit());
        self.step(Step::Lost);
        self.drain();
        assert!(self.closed && self.open.is_empty());
        assert_eq!(self.connection.queued_bytes(), 0);
    }

    fn poll_event(&mut self) -> Option<ClientEvent> {
        let skipped = self.connection.skipped_events();
        let event = self.connection.poll_event()?;
        self.unseen_events += self.connection.skipped_events() - skipped;
        assert!(!self.closed, "{event:?} after Closed");
        match &event {
            ClientEvent::Open { .. } => assert!(!std::mem::replace(&mut self.opened, true)),
            ClientEvent::State { .. } => assert!(self.opened),
            ClientEvent::Subscribed { topic, .. } => {
                assert!(self.opened);
                let topic = self.topics.entry(topic.clone()).or_default();
                topic.announced += 1;
                topic.ambiguous |= topic.announced > 1;
            }
            ClientEvent::Unsubscribed { topic: name } => {
                let topic = self.topics.get_mut(name).expect("it was subscribed to");
                topic.announced -= 1;
                if topic.announced == 0 {
                    self.topics.remove(name);
                }
            }
            ClientEvent::Event {
                topic,
                sequence,
                event,
                ..
            } => {
                assert!((*event as usize) < wire::schema().events.len());
                self.events(topic, *sequence, *sequence);
                self.check_resume_point(topic, *sequence + 1);
            }
            ClientEvent::Gap {
                topic, first, last, ..
            } => {
                assert!(first <= last);
                self.events(topic, *first, *last);
                self.check_resume_point(topic, *last + 1);
            }
            ClientEvent::Mismatch(_) => assert!(!self.connection.is_ended()),
            ClientEvent::Features => {
                assert!(self.connection.features().iter().len() <= MAX_FEATURES);
            }
            ClientEvent::GoingAway { .. } => {
                assert!(!std::mem::replace(&mut self.going_away, true));
            }
            ClientEvent::Busy => assert!(!self.connection.is_ended()),
            // Also before the connection is open, if it was given up.
            ClientEvent::Answer { id, .. } => {
                assert!(self.open.remove(id), "{id:?} ended and was not open");
            }
            ClientEvent::Unanswered { id, .. } => {
                assert!(self.connection.is_ended());
                assert!(self.open.remove(id), "{id:?} ended and was not open");
            }
            ClientEvent::Closed(error) => {
                self.closed = true;
                assert_eq!(self.connection.error(), Some(error));
                assert!(self.open.is_empty(), "{:?} never ended", self.open);
            }
            event => panic!("{event:?} is not known here"),
        }
        Some(event)
    }

    /// The events from `first` to `last` are the next of their topic, but for those that were skipped.
    fn events(&mut self, name: &Bytes, first: u64, last: u64) {
        let topic = self.topics.get_mut(name).expect("it is subscribed to");
        if let Some(next) = topic.next.filter(|_| !topic.ambiguous) {
            assert!(first >= next, "{first} is no later than {next}");
            let skipped = first - next;
            assert!(skipped <= self.unseen_events, "{next}..{first} are gone");
            self.unseen_events -= skipped;
        }
        topic.next = (!topic.ambiguous).then_some(last + 1);
    }

    /// A topic that can be resumed is to go on from `next`.
    fn check_resume_point(&self, name: &Bytes, next: u64) {
        let Some(resume) = self.connection.resume_point() else {
            return;
        };
        let mut topics = resume.topics.iter();
        let topic = topics.find(|topic| topic.name == name);
        let topic = topic.expect("it is subscribed to");
        assert!(self.topics[name].ambiguous || topic.next == next);
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
                    let hello = matches!(frame, Frame::Hello(_));
                    assert_ne!(hello, self.greeted, "{} out of place", frame.name());
                    let allowed = matches!(
                        frame,
                        Frame::Hello(_)
                            | Frame::Call { .. }
                            | Frame::Cancel { .. }
                            | Frame::Credit { .. }
                            | Frame::Pong { .. }
                    );
                    assert!(allowed, "a client sent {}", frame.name());
                    self.greeted = true;
                }
            }
        }
        Some(transmit)
    }
}
