//! Compressed payloads, as whatever carries them.

use allocation_counter::measure;
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use hardlight_proto::{
    CallId, Client, ClientConfig, ClientEvent, Connection, ConnectionError, Content, EncodedEvent,
    Extensions, Frame, Limits, MAX_MESSAGE_BYTES, ProtocolError, Server, ServerConfig, ServerEvent,
    Time, TopicStart,
};

use crate::{script::Setup, wire};

/// A stream is read as another decompressor reads it, in no more memory than its payload takes and a constant: it gives as
/// many bytes as it was said to, and ends with its last byte, or it is refused. What is compressed is no longer than it
/// was, and comes out as it went in.
///
/// An input is `carrier:u8 length:u32 stream`, or, if the top bit of the first byte is set, `copies:u8 payload`.
pub fn inflate(input: &[u8]) {
    match input.split_first() {
        Some((first, payload)) if first & 0x80 != 0 => check_deflated(first & 0x7f, payload),
        Some(_) => check_inflated(input),
        None => {}
    }
}

/// The longest frame that is accepted.
const MAX_BYTES: usize = 80_000;

/// What inflating takes besides the payload: the decompressor, and what a connection makes of a frame.
const WORK_BYTES: u64 = 24_000;

/// How much a stream may be longer than what it gives, before it may be refused for that alone (SPEC.md, section 8).
const OVERHEAD: usize = 1024;

/// What may be compressed.
#[derive(Clone, Copy, Debug)]
pub enum Carrier {
    Call,
    Answer,
    Snapshot,
    State,
    Event,
}

fn check_inflated(input: &[u8]) {
    let Some((head, stream)) = input.split_first_chunk::<5>() else {
        return;
    };
    let [carrier, length @ ..] = *head;
    let carrier = Carrier::ALL[usize::from(carrier) % Carrier::ALL.len()];
    // Not so many that most are refused for their length.
    let length = u32::from_le_bytes(length) as usize % (2 * MAX_BYTES);
    if stream.len() > MAX_MESSAGE_BYTES - 64 {
        return;
    }
    let frame = carrier.frame(Content::Deflated {
        length: length as u64,
        stream: Bytes::copy_from_slice(stream),
    });
    let message = wire::message(&frame);
    let mut end = End::before(carrier);
    let mut outcome = None;
    let memory = measure(|| outcome = Some(end.receive(message)));
    let allowed = if length > MAX_BYTES { 0 } else { length as u64 };
    assert!(
        memory.bytes_max <= allowed + WORK_BYTES,
        "{} bytes for {length}",
        memory.bytes_max
    );
    match outcome.expect("it was received") {
        Ok(payload) => assert!(other_opinion(stream, length) == Some(payload.into())),
        Err(ConnectionError::LimitExceeded { limit, .. }) => {
            assert_eq!(limit, "max_frame_bytes");
            assert!(length > MAX_BYTES);
        }
        Err(ConnectionError::Protocol(ProtocolError::InvalidCompression)) => {
            let bulky = stream.len() > OVERHEAD;
            assert!(length == 0 || bulky || other_opinion(stream, length).is_none());
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// What `stream` gives, if that is `length` bytes and nothing is left of it.
fn other_opinion(stream: &[u8], length: usize) -> Option<Vec<u8>> {
    // One more, so that it shows if there are too many.
    let mut out = vec![0; length + 1];
    let mut inflater = Decompress::new(false);
    let status = inflater.decompress(stream, &mut out, FlushDecompress::Finish);
    out.truncate(length);
    let whole = (inflater.total_in(), inflater.total_out()) == (stream.len() as u64, length as u64);
    matches!(status, Ok(Status::StreamEnd) if whole).then_some(out)
}

/// So many copies of it, and one more, so that short inputs are compressed too.
fn check_deflated(copies: u8, payload: &[u8]) {
    let payload = Bytes::from(payload.repeat(1 + usize::from(copies)));
    if payload.len() > MAX_BYTES {
        return;
    }
    let event = EncodedEvent::new(TOPIC, 0, 0, payload.clone());
    let (plain, deflated) = (event.frame(false), event.frame(true));
    assert!(deflated.len() <= plain.len());
    if deflated.len() <= MAX_MESSAGE_BYTES {
        assert_eq!(
            End::before(Carrier::Event).receive(deflated.clone()),
            Ok(payload)
        );
    }
}

/// What carries a compressed payload, and what it carries.
pub fn carried(frame: &Frame) -> Option<(Carrier, &Content)> {
    Some(match frame {
        Frame::Call { payload, .. } => (Carrier::Call, payload),
        Frame::Answer { payload, .. } => (Carrier::Answer, payload),
        Frame::Snapshot { operations, .. } => (Carrier::Snapshot, operations),
        Frame::State { operations, .. } => (Carrier::State, operations),
        Frame::Event { payload, .. } => (Carrier::Event, payload),
        _ => return None,
    })
}

/// The input that checks this stream.
pub fn input(carrier: Carrier, length: u32, stream: &[u8]) -> Vec<u8> {
    let mut input = vec![carrier as u8];
    input.extend(length.to_le_bytes());
    input.extend(stream);
    input
}

const TOPIC: u64 = 1;

impl Carrier {
    const ALL: [Self; 5] = [
        Self::Call,
        Self::Answer,
        Self::Snapshot,
        Self::State,
        Self::Event,
    ];

    /// A frame of this payload, the first of its kind.
    pub fn frame(self, payload: Content) -> Frame {
        let (id, extensions) = (CallId(0), Extensions::new());
        match self {
            Self::Call => Frame::Call {
                id,
                method: 1,
                extensions,
                payload,
            },
            Self::Answer => Frame::Answer {
                id,
                extensions,
                payload,
            },
            Self::Snapshot => Frame::Snapshot {
                revision: 0,
                operations: payload,
            },
            Self::State => Frame::State {
                revision: 1,
                operations: payload,
            },
            Self::Event => Frame::Event {
                topic: TOPIC,
                sequence: 0,
                event: 0,
                extensions,
                payload,
            },
        }
    }

    /// The frames that come before it.
    fn before(self) -> Vec<Frame> {
        let snapshot = Self::Snapshot.frame(Content::Plain(Bytes::new()));
        let topic = Frame::Topic {
            topic: TOPIC,
            next: 0,
            start: TopicStart::Fresh,
            name: Bytes::from_static(b"topic"),
        };
        match self {
            Self::Call => vec![wire::client_hello(COMPRESSED)],
            Self::Snapshot => vec![wire::server_hello(COMPRESSED)],
            Self::Answer | Self::State => vec![wire::server_hello(COMPRESSED), snapshot],
            Self::Event => vec![wire::server_hello(COMPRESSED), snapshot, topic],
        }
    }
}

const COMPRESSED: Setup = Setup {
    compression: true,
    peer_compression: true,
    resumes: false,
    heartbeats: false,
    long_snapshot: false,
};

/// The end that a compressed payload comes to.
enum End {
    Client(Box<Connection<Client>>),
    Server(Box<Connection<Server>>),
}

impl End {
    /// An end that waits for a frame of this kind.
    fn before(carrier: Carrier) -> Self {
        let limits = Limits::new().with_max_frame_bytes(MAX_BYTES);
        let mut end = if let Carrier::Call = carrier {
            let config = ServerConfig::new(wire::schema())
                .with_limits(limits)
                .with_compression(true)
                .with_features(wire::features(3));
            Self::Server(Connection::server(config, Bytes::new(), Time::ZERO).into())
        } else {
            let config = ClientConfig::new(wire::schema())
                .with_limits(limits)
                .with_compression(true)
                .with_partial_state(true);
            Self::Client(Connection::client(config, Time::ZERO).into())
        };
        for frame in carrier.before() {
            end.handle(wire::message(&frame));
            while end.poll().is_some() {}
        }
        if let (Self::Client(client), Carrier::Answer) = (&mut end, carrier) {
            client.call(1, Bytes::new()).expect("it may be called");
        }
        end.send();
        end
    }

    /// What becomes of a message: the payload in it, or why it is refused.
    fn receive(&mut self, message: Bytes) -> Result<Bytes, ConnectionError> {
        self.handle(message);
        self.poll().expect("something becomes of it")
    }

    fn handle(&mut self, message: Bytes) {
        match self {
            Self::Client(client) => client.handle_message(message),
            Self::Server(server) => server.handle_message(message),
        }
    }

    /// The next payload, or the end of the connection.
    fn poll(&mut self) -> Option<Result<Bytes, ConnectionError>> {
        match self {
            Self::Client(client) => loop {
                match client.poll_event()? {
                    ClientEvent::Open { snapshot } => return Some(Ok(snapshot)),
                    ClientEvent::State { operations } => return Some(Ok(operations)),
                    ClientEvent::Event { payload, .. } => return Some(Ok(payload)),
                    ClientEvent::Answer { result, .. } => {
                        return Some(Ok(result.expect("it is no error")));
                    }
                    ClientEvent::Closed(error) => return Some(Err(error)),
                    _ => {}
                }
            },
            Self::Server(server) => loop {
                match server.poll_event()? {
                    ServerEvent::Call { payload, .. } => return Some(Ok(payload)),
                    ServerEvent::Closed(error) => return Some(Err(error)),
                    _ => {}
                }
            },
        }
    }

    fn send(&mut self) {
        match self {
            Self::Client(client) => while client.poll_transmit().is_some() {},
            Self::Server(server) => while server.poll_transmit().is_some() {},
        }
    }
}
