//! The client's side of a connection, whatever the server and the application do.

use std::collections::BTreeSet;

use bytes::Bytes;
use hardlight_proto::{
    CallId, Client, ClientEvent, CloseCode, CloseReason, Connection, Frame, Time, Transmit,
};

use crate::{
    script::{self, Step},
    wire,
};

/// No script makes the client panic. Every call ends once, `Closed` comes once and last, nothing follows a close on the
/// wire, and what waits to be sent is bounded by what the application asked for.
pub fn client(input: &[u8]) {
    let mut run = Run {
        connection: Connection::client(wire::schema(), wire::limits(), Time::ZERO),
        now: Time::ZERO,
        open: BTreeSet::new(),
        opened: false,
        closed: false,
        greeted: false,
        said_close: false,
        cut: false,
        asked_bytes: 0,
    };
    for step in script::read(input) {
        run.step(step);
        run.check();
    }
    run.finish();
}

struct Run {
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
    /// The transport has ended: what is given out to be sent goes nowhere.
    cut: bool,
    /// What the application's commands come to at most.
    asked_bytes: usize,
}

impl Run {
    fn step(&mut self, step: Step) {
        let connection = &mut self.connection;
        match step {
            Step::Handshake => {
                connection.handle_message(wire::message(&wire::server_hello()));
                connection.handle_message(wire::message(&Frame::Snapshot {
                    revision: 0,
                    operations: Bytes::from_static(b"snapshot"),
                }));
            }
            Step::Message(message) => connection.handle_message(message),
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
            Step::Call { method, len } => self.call(u32::from(method % 3), len.into()),
            Step::Cancel(id) => {
                self.asked_bytes += 4;
                connection.cancel(CallId(id));
            }
            Step::RejectState => connection.reject_state(),
            Step::Close => connection.close(CloseReason::normal(), self.now),
            Step::Abort => connection.abort(CloseReason::normal()),
            Step::PollEvent => drop(self.poll_event()),
            Step::PollTransmit => drop(self.poll_transmit()),
            Step::Drain => self.drain(),
            Step::Answer { .. } | Step::State { .. } => {}
        }
    }

    fn call(&mut self, method: u32, len: usize) {
        let Ok(id) = self.connection.call(method, Bytes::from(vec![7; len])) else {
            return;
        };
        assert!((method as usize) < wire::schema().methods.len());
        assert!(self.open.insert(id), "{id:?} was given out twice");
        self.asked_bytes += len + 8;
    }

    /// What holds after every step.
    fn check(&self) {
        let connection = &self.connection;
        assert_eq!(connection.open_calls(), self.open.len());
        assert!(connection.queued_bytes() <= self.asked_bytes + 256);
        assert_eq!(connection.error().is_some(), connection.is_ended());
        if connection.is_ended() {
            assert_eq!(connection.poll_timeout(), None);
            assert!(!connection.is_open() && !connection.wants_message());
        }
    }

    fn drain(&mut self) {
        while self.poll_event().is_some() {
            self.check();
        }
        while self.poll_transmit().is_some() {
            self.check();
        }
    }

    fn finish(&mut self) {
        self.drain();
        self.connection.handle_lost("the end");
        self.drain();
        assert!(self.closed && self.open.is_empty());
        assert_eq!(self.connection.queued_bytes(), 0);
    }

    fn poll_event(&mut self) -> Option<ClientEvent> {
        let event = self.connection.poll_event()?;
        assert!(!self.closed, "{event:?} after Closed");
        match &event {
            ClientEvent::Open { .. } => assert!(!std::mem::replace(&mut self.opened, true)),
            ClientEvent::State { .. } => assert!(self.opened),
            ClientEvent::Answer { id, .. } => {
                assert!(self.opened);
                assert!(self.open.remove(id), "{id:?} ended and was not open");
            }
            ClientEvent::Unanswered { id } => {
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
                    let hello = matches!(frame, Frame::Hello(_));
                    assert_ne!(hello, self.greeted, "{} out of place", frame.name());
                    let allowed =
                        hello || matches!(frame, Frame::Call { .. } | Frame::Cancel { .. });
                    assert!(allowed, "a client sent {}", frame.name());
                    self.greeted = true;
                }
            }
        }
        Some(transmit)
    }
}
