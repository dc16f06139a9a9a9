//! Connections over whole messages: what stands for a close, for the end, for a message that is too long.

mod support;

use std::{cell::RefCell, convert::Infallible, rc::Rc};

use bytes::Bytes;
use futures_channel::mpsc::{Receiver, SendError, Sender, channel};
use futures_executor::LocalPool;
use futures_util::{SinkExt, Stream, StreamExt};
use hardlight_driver::{
    Acceptor, EventHub, FramePair, FrameTransport, ServerConnection, client,
    proto::{
        CloseCode, CloseReason, ConnectionError, Initiator, Limits, MAX_MESSAGE_BYTES,
        ProtocolError,
    },
};
use support::{
    ManualTimer,
    joined::{App, Seen, State, closed_by, counter, note_end},
};

type Incoming = Box<dyn Stream<Item = Result<Bytes, Infallible>> + Unpin>;
type Frames = FramePair<Incoming, Sender<Bytes>>;
type End = Rc<RefCell<Option<ConnectionError>>>;

fn end(incoming: Receiver<Bytes>, outgoing: Sender<Bytes>) -> Frames {
    FramePair::new(Box::new(incoming.map(Ok)), outgoing)
}

/// A server's connection, how it ends, and what its client holds.
struct Served {
    pool: LocalPool,
    connection: counter::Connection,
    handle: ServerConnection<State>,
    timer: ManualTimer,
    ended: End,
    to_server: Sender<Bytes>,
    from_server: Receiver<Bytes>,
}

impl Served {
    fn new() -> Self {
        let pool = LocalPool::new();
        let (to_server, at_server) = channel(8);
        let (to_client, from_server) = channel(8);
        let acceptor = Acceptor::<counter::Connection>::new(Limits::new(), &EventHub::new());
        let (connection, handle) = (acceptor.connection(), acceptor.handle().clone());
        let app = App { connection: connection.clone(), seen: Seen::default() };
        let timer = ManualTimer::default();
        let transport = FrameTransport::new(end(at_server, to_client));
        let ended = note_end(&pool, acceptor.serve(app, transport, timer.clone()));
        Self { pool, connection, handle, timer, ended, to_server, from_server }
    }

    fn send(&mut self, message: impl Into<Bytes>) {
        self.pool.run_until(self.to_server.send(message.into())).unwrap();
        self.pool.run_until_stalled();
    }

    /// What the client was sent, up to the end.
    fn received(&mut self) -> Vec<Bytes> {
        self.pool.run_until((&mut self.from_server).collect())
    }

    fn ended(&self) -> ConnectionError {
        self.ended.borrow().clone().expect("it has ended")
    }
}

/// A client of that server, driven in the same pool.
fn connect(served: &mut Served) -> (counter::Client, End) {
    let (to_server, from_server) = (served.to_server.clone(), channel(0).1);
    let from_server = std::mem::replace(&mut served.from_server, from_server);
    served.to_server = channel(0).0;
    let transport = FrameTransport::new(end(from_server, to_server));
    let (connecting, driver) = client(transport, ManualTimer::default(), Limits::new());
    let ended = note_end(&served.pool, driver);
    (served.pool.run_until(connecting).unwrap(), ended)
}

#[test]
fn calls_and_state_go_over_messages() {
    let mut served = Served::new();
    served.connection.state.lock().counter = 5;
    let (client, ended) = connect(&mut served);
    assert_eq!(served.pool.run_until(client.increment(2)), Ok(7));
    assert_eq!(client.state().counter, 7);
    served.pool.run_until(client.close());
    assert_eq!(*ended.borrow(), Some(closed_by(Initiator::Local, CloseCode::NORMAL, "")));
    assert_eq!(served.ended(), closed_by(Initiator::Remote, CloseCode::NORMAL, ""));
}

#[test]
fn a_close_has_its_code_and_its_reason_on_the_other_side() {
    let mut served = Served::new();
    let (client, ended) = connect(&mut served);
    served.handle.close(CloseReason::new(CloseCode(4123), "moved"));
    let expected = closed_by(Initiator::Remote, CloseCode(4123), "moved");
    assert_eq!(served.pool.run_until(client.closed()), expected);
    served.pool.run_until_stalled();
    assert_eq!(*ended.borrow(), Some(expected));
    assert_eq!(served.ended(), closed_by(Initiator::Local, CloseCode(4123), "moved"));
}

#[test]
fn a_close_comes_back_and_the_sink_is_closed_behind_it() {
    let mut served = Served::new();
    let close = CloseReason::new(CloseCode(4001), "other revision").to_message();
    served.send(close.clone());
    assert_eq!(served.received().last(), Some(&close));
    assert_eq!(served.ended(), closed_by(Initiator::Remote, CloseCode(4001), "other revision"));
}

#[test]
fn who_closes_waits_for_the_others_close_and_not_for_the_end_of_the_stream() {
    let mut served = Served::new();
    served.handle.abort(CloseReason::new(CloseCode::NORMAL, "done"));
    served.pool.run_until_stalled();
    assert!(served.ended.borrow().is_none(), "the peer has not closed");
    served.send(CloseReason::normal().to_message());
    assert_eq!(served.ended(), closed_by(Initiator::Local, CloseCode::NORMAL, "done"));
}

#[test]
fn a_peer_that_answers_no_close_is_given_up_after_the_limit() {
    let mut served = Served::new();
    served.handle.abort(CloseReason::normal());
    served.pool.run_until_stalled();
    served.timer.advance(Limits::new().close_timeout());
    served.pool.run_until_stalled();
    assert_eq!(served.ended(), closed_by(Initiator::Local, CloseCode::NORMAL, ""));
}

#[test]
fn a_stream_that_ends_without_a_close_is_a_lost_connection() {
    let mut served = Served::new();
    served.pool.run_until_stalled();
    served.to_server.close_channel();
    served.pool.run_until_stalled();
    assert!(matches!(served.ended(), ConnectionError::Lost(_)), "{}", served.ended());
}

#[test]
fn a_sink_that_fails_is_a_lost_connection_which_says_why() {
    let mut served = Served::new();
    served.from_server.close();
    served.pool.run_until_stalled();
    let (mut sender, receiver) = channel(0);
    drop(receiver);
    let failed: SendError = sender.try_send(Bytes::new()).unwrap_err().into_send_error();
    assert_eq!(served.ended(), ConnectionError::Lost(failed.to_string().into()));
}

#[test]
fn a_message_beyond_the_limit_names_it_on_both_sides() {
    let mut served = Served::new();
    served.send(vec![3; MAX_MESSAGE_BYTES + 1]);
    let told = served.received().last().and_then(CloseReason::from_message);
    assert_eq!(told, Some(CloseReason::new(CloseCode::LIMIT_EXCEEDED, "max_message_bytes")));
    served.send(CloseReason::normal().to_message());
    let limit =
        ConnectionError::LimitExceeded { limit: "max_message_bytes", allowed: MAX_MESSAGE_BYTES };
    assert_eq!(served.ended(), limit);
}

#[test]
fn a_batch_whose_first_frame_is_empty_is_a_close_here_and_nothing_behind_it_counts() {
    let mut served = Served::new();
    served.send(&b"\0\0"[..]);
    served.pool.run_until_stalled();
    assert_eq!(served.ended(), closed_by(Initiator::Remote, CloseCode::NO_STATUS, ""));
    assert!(served.to_server.is_closed());
}

#[test]
fn an_empty_message_breaks_the_rules() {
    let mut served = Served::new();
    served.send(&b""[..]);
    served.send(CloseReason::normal().to_message());
    assert_eq!(served.ended(), ConnectionError::Protocol(ProtocolError::Empty));
}
