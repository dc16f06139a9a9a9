//! Both sides of a connection, joined, whatever both applications do.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, Client, ClientEvent, CloseReason, Connection, ConnectionError, EncodedEvent,
    GapReason, Limits, Role, Server, ServerEvent, Time, Transmit,
};

use crate::{
    script::{self, Setup, Step},
    wire,
};

/// Neither side finds fault with the other. Unless one closes, all that either application asks for arrives: every call
/// ends, no change of the state and no event is lost without a word, nobody waits for the other for ever, and nothing is
/// left behind.
pub fn pair(input: &[u8]) {
    let script = script::read(input);
    let mut pair = Pair::new(script.setup);
    for step in script.steps {
        pair.step(step);
    }
    pair.finish();
}

/// More topics than these are not announced.
const TOPICS: usize = 3;

struct Pair {
    now: Time,
    client: Connection<Client>,
    server: Connection<Server>,
    /// What is on its way to the client and to the server.
    down: VecDeque<Transmit>,
    up: VecDeque<Transmit>,
    /// The transport is not to be used any longer, or somebody wants to close.
    over: bool,
    running: Vec<CallId>,
    /// Calls that were made and have not ended.
    open: usize,
    sent_states: usize,
    seen_states: usize,
    /// By topic: it is announced, and the number of its next event here and at the client.
    announced: [bool; TOPICS],
    next: [u64; TOPICS],
    seen: [Option<u64>; TOPICS],
}

impl Pair {
    fn new(setup: Setup) -> Self {
        // What an application does by itself is not to end the connection.
        let limits = wire::limits(setup).with_max_topic_bytes(1 << 20);
        let mut server = Connection::server(
            wire::server_config(setup, limits.clone()),
            wire::snapshot(setup),
            Time::ZERO,
        );
        server.set_features(wire::features(3));
        Self {
            now: Time::ZERO,
            client: Connection::client(
                wire::client_config(setup, client_limits(limits)),
                Time::ZERO,
            ),
            server,
            down: VecDeque::new(),
            up: VecDeque::new(),
            over: false,
            running: Vec::new(),
            open: 0,
            sent_states: 0,
            seen_states: 0,
            announced: [false; TOPICS],
            next: [0; TOPICS],
            seen: [None; TOPICS],
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Call { method, len } => {
                let payload = vec![7; len].into();
                self.open += usize::from(self.client.call(method.into(), payload).is_ok());
            }
            Step::Cancel(id) => self.client.cancel(CallId(id)),
            Step::Answer { id, len } => {
                let result = len.map(|len| vec![7; len].into());
                self.answer(CallId(id), result.ok_or(CallError::HandlerPanicked));
            }
            // What is longer than the client accepts would end the connection.
            Step::State { len } if len < wire::PEER_FRAME_BYTES - 100 => {
                self.server.send_state(wire::operations(len));
                self.sent_states += 1;
            }
            Step::Features(bits) => self.server.set_features(wire::features(bits)),
            Step::Announce { topic, .. } => self.announce(usize::from(topic) % TOPICS),
            Step::Leave { topic } => self.leave(usize::from(topic) % TOPICS),
            Step::Event { topic, skip, len } => self.event(usize::from(topic) % TOPICS, skip, len),
            Step::Skip { topic, more } => {
                let topic = usize::from(topic) % TOPICS;
                let last = self.number(topic, more.into());
                self.server
                    .skip_events(topic as u64, last, GapReason::Conflated);
            }
            // Less than is counted as a sign of life missed.
            Step::Pass(millis) => self.pass(Duration::from_millis(u64::from(millis) % 3_001)),
            Step::Close => {
                self.over = true;
                self.server.close(CloseReason::normal(), self.now);
            }
            Step::Abort => {
                self.over = true;
                self.client.close(CloseReason::normal(), self.now);
            }
            Step::Lost => {
                self.over = true;
                self.client.handle_lost("cut");
                self.server.handle_lost("cut");
            }
            Step::PollEvent => self.poll_events(),
            Step::PollTransmit => drop(self.deliver()),
            Step::Drain => self.drive(),
            Step::State { .. }
            | Step::Handshake
            | Step::Message(_)
            | Step::Text
            | Step::PeerCloses(_)
            | Step::RejectState
            | Step::Begin { .. }
            | Step::Chunk { .. }
            | Step::Credit { .. } => {}
        }
        self.check();
    }

    fn answer(&mut self, id: CallId, result: Result<Bytes, CallError>) {
        self.running.retain(|running| *running != id);
        self.server.answer(id, result);
    }

    fn announce(&mut self, topic: usize) {
        if !std::mem::replace(&mut self.announced[topic], true) {
            let name = vec![7; topic + 1].into();
            self.server
                .announce_topic(topic as u64, self.next[topic], name);
        }
    }

    fn leave(&mut self, topic: usize) {
        self.announced[topic] = false;
        self.server.leave_topic(topic as u64);
    }

    fn event(&mut self, topic: usize, skip: u8, len: usize) {
        let sequence = self.number(topic, u64::from(skip & 0x7f));
        let payload = Bytes::from(vec![7; len]);
        let event = EncodedEvent::new(topic as u64, sequence, 1, payload);
        self.server.send_event(&event);
    }

    /// The number of the next event but `skip`.
    fn number(&mut self, topic: usize, skip: u64) -> u64 {
        let number = self.next[topic] + skip;
        self.next[topic] = number + 1;
        number
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        self.drive();
    }

    /// Delivers until nothing moves any more.
    fn drive(&mut self) {
        loop {
            self.poll_events();
            if !self.deliver() {
                return;
            }
        }
    }

    /// Delivers one message in each direction: whether there was one.
    fn deliver(&mut self) -> bool {
        self.up.extend(self.client.poll_transmit());
        self.down.extend(self.server.poll_transmit());
        let (up, down) = (self.up.pop_front(), self.down.pop_front());
        let moved = up.is_some() || down.is_some();
        up.into_iter()
            .for_each(|it| hand_over(it, &mut self.server));
        down.into_iter()
            .for_each(|it| hand_over(it, &mut self.client));
        moved
    }

    fn poll_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            if let ServerEvent::Call { id, .. } = event {
                self.running.push(id);
            }
        }
        while let Some(event) = self.client.poll_event() {
            self.client_event(event);
        }
    }

    fn client_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Answer { .. } | ClientEvent::Unanswered { .. } => self.open -= 1,
            ClientEvent::State { .. } => self.seen_states += 1,
            ClientEvent::Subscribed { topic, .. } => {
                assert_eq!(self.seen[topic.len() - 1], None);
                // Where it begins is not told.
                self.seen[topic.len() - 1] = Some(0);
            }
            ClientEvent::Unsubscribed { topic } => self.seen[topic.len() - 1] = None,
            ClientEvent::Event {
                topic, sequence, ..
            } => self.seen[topic.len() - 1] = Some(sequence + 1),
            ClientEvent::Gap { topic, last, .. } => self.seen[topic.len() - 1] = Some(last + 1),
            ClientEvent::Mismatch(mismatch) => panic!("{mismatch:?}"),
            _ => {}
        }
    }

    /// Nobody finds fault with the other.
    fn check(&self) {
        for error in [self.client.error(), self.server.error()] {
            let fault = matches!(
                error,
                Some(
                    ConnectionError::Protocol(_)
                        | ConnectionError::LimitExceeded { .. }
                        | ConnectionError::Incompatible(_)
                        | ConnectionError::Internal(_)
                )
            );
            assert!(!fault, "{error:?}");
        }
        let ended = self.client.is_ended() || self.server.is_ended();
        assert!(self.over || !ended, "nobody wanted to close");
    }

    fn finish(&mut self) {
        self.drive();
        self.check();
        while let Some(id) = self.running.pop() {
            self.answer(id, Ok(Bytes::from_static(b"out")));
            self.drive();
        }
        self.check();
        if self.over {
            self.client.handle_lost("end");
            self.server.handle_lost("end");
            self.drive();
        } else {
            assert!(self.client.is_open() && self.server.is_open());
            assert_eq!(self.seen_states, self.sent_states);
            assert_eq!(self.server.input_bytes(), 0);
            self.check_events();
        }
        assert_eq!(self.open, 0);
        check_empty(&self.client);
        check_empty(&self.server);
    }

    /// Every event has arrived, or it was told that it did not.
    fn check_events(&self) {
        for topic in 0..TOPICS {
            assert_eq!(self.announced[topic], self.seen[topic].is_some());
            if let Some(seen) = self.seen[topic].filter(|seen| *seen > 0) {
                assert_eq!(seen, self.next[topic]);
            }
        }
    }
}

/// Less than the server sends.
fn client_limits(limits: Limits) -> Limits {
    limits.with_max_frame_bytes(wire::PEER_FRAME_BYTES)
}

fn hand_over<R: Role>(transmit: Transmit, to: &mut Connection<R>) {
    match transmit {
        Transmit::Message(message) => to.handle_message(message),
        Transmit::Close(reason) => to.handle_close(Some(reason)),
    }
}

fn check_empty<R: Role>(connection: &Connection<R>) {
    assert_eq!(connection.queued_bytes(), 0);
    assert_eq!(connection.arriving_bytes(), 0);
    assert!(!connection.has_transmit());
}
