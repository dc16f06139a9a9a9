//! The server's side of a connection, whatever the client and the application do.

use std::collections::BTreeSet;

use bytes::Bytes;
use hardlight_proto::{
    CallError, CallId, CloseCode, CloseReason, Connection, Frame, Server, ServerEvent, Time,
    Transmit,
};

use crate::{
    script::{self, Step},
    wire,
};

/// No script makes the server panic. A call starts at most once and only while its id is free, `Closed` comes once and
/// last, nothing follows a close on the wire, and what waits to be sent is bounded by the limit and by what the
/// application asked for.
pub fn server(input: &[u8]) {
    let snapshot = Bytes::from_static(b"snapshot");
    let mut run = Run {
        connection: Connection::server(wire::schema(), wire::limits(), snapshot, Time::ZERO),
        now: Time::ZERO,
        running: BTreeSet::new(),
        opened: false,
        closed: false,
        sent_frames: 0,
        sent_answers: 0,
        state_revision: 0,
        said_close: false,
        cut: false,
        asked_bytes: 256,
        heard_bytes: 0,
    };
    for step in script::read(input) {
        run.step(step);
        run.check();
    }
    run.finish();
}

struct Run {
    connection: Connection<Server>,
    now: Time,
    /// Calls that wait for their answer.
    running: BTreeSet<CallId>,
    /// The events `Open` and `Closed` were given out.
    opened: bool,
    closed: bool,
    /// What is on the wire.
    sent_frames: usize,
    sent_answers: usize,
    state_revision: u64,
    said_close: bool,
    /// The transport has ended: what is given out to be sent goes nowhere.
    cut: bool,
    /// What the application's commands, and the Hello, come to at most.
    asked_bytes: usize,
    heard_bytes: usize,
}

impl Run {
    fn step(&mut self, step: Step) {
        let connection = &mut self.connection;
        match step {
            Step::Handshake => connection.handle_message(wire::message(&wire::client_hello())),
            Step::Message(message) => {
                self.heard_bytes += message.len();
                connection.handle_message(message);
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
            }
            Step::Answer { id, len } => {
                let len = len.map(usize::from);
                let result = len
                    .map(|len| Bytes::from(vec![7; len]))
                    .ok_or(CallError::HandlerPanicked);
                self.asked_bytes += len.unwrap_or(0) + 8;
                connection.answer(CallId(id), result);
                // It does nothing on a connection that has ended.
                if !connection.is_ended() || connection.running_calls() < self.running.len() {
                    self.running.remove(&CallId(id));
                }
            }
            Step::State { len } => {
                self.asked_bytes += usize::from(len) + 16;
                connection.send_state(Bytes::from(vec![7; len.into()]));
            }
            Step::Close => connection.close(CloseReason::normal(), self.now),
            Step::Abort => connection.abort(CloseReason::normal()),
            Step::PollEvent => drop(self.poll_event()),
            Step::PollTransmit => drop(self.poll_transmit()),
            Step::Drain => self.drain(),
            Step::Call { .. } | Step::Cancel(_) | Step::RejectState => {}
        }
    }

    /// What holds after every step.
    fn check(&self) {
        let connection = &self.connection;
        assert_eq!(connection.running_calls(), self.running.len());
        // One refusal may take the queue across the limit; behind the end of the transport, what was heard counts.
        let most = wire::limits().max_buffered_bytes() + 16 + self.asked_bytes + self.heard_bytes;
        assert!(connection.queued_bytes() <= most);
        assert_eq!(connection.error().is_some(), connection.is_ended());
        if connection.is_ended() {
            assert_eq!(connection.poll_timeout(), None);
            assert!(!connection.is_open() && !connection.wants_message());
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
        self.connection.handle_lost("the end");
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
        match &transmit {
            Transmit::Close(reason) => {
                assert!(self.connection.is_ended());
                assert!(reason.reason().len() <= 123);
                self.said_close = true;
            }
            Transmit::Message(_) if self.cut => {}
            Transmit::Message(message) => {
                for frame in wire::frames(message) {
                    self.check_sent(&frame);
                    self.sent_frames += 1;
                }
            }
        }
        Some(transmit)
    }

    fn check_sent(&mut self, frame: &Frame) {
        let place = self.sent_frames;
        assert_eq!(
            place == 0,
            matches!(frame, Frame::Hello(_)),
            "{}",
            frame.name()
        );
        assert_eq!(
            place == 1,
            matches!(frame, Frame::Snapshot { .. }),
            "{frame:?}"
        );
        match frame {
            Frame::Hello(_) | Frame::Snapshot { .. } => {}
            Frame::Answer { .. } | Frame::Error { .. } => {
                self.sent_answers += 1;
                // A call takes at least three bytes.
                assert!(self.sent_answers * 3 <= self.heard_bytes);
            }
            Frame::State { revision, .. } => {
                self.state_revision += 1;
                assert_eq!(*revision, self.state_revision);
            }
            frame => panic!("a server sent {}", frame.name()),
        }
    }
}
