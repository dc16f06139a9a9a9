//! One side alone, whose peer is the test; and what it takes to be a peer that keeps to no rule.

use bytes::{Bytes, BytesMut};
use hardlight_proto::*;

use super::*;

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
