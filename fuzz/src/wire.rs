//! What the targets of connections need of the wire.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use bytes::{Bytes, BytesMut};
use hardlight_proto::{
    ClientConfig, Connection, EventSchema, FeatureSet, FieldSchema, Fingerprint, Frame, Frames,
    Hello, HelloEntry, HelloField, Limits, MAX_MESSAGE_BYTES, MethodSchema, Resume, ResumeTopic,
    Role, ServerConfig, ServiceSchema, Time,
};

use crate::{message::pack, script::Setup};

/// What a transfer may send without credit, and a piece of it, in bytes (SPEC.md, section 9).
pub const INITIAL_CREDIT: usize = 64 * 1024;
pub const PIECE: usize = 32 * 1024;

/// What is packed into messages at most: 64 KiB, and one more frame or piece.
pub const PACKED_BYTES: usize = 64 * 1024 + MAX_MESSAGE_BYTES;

/// The longest frame that the peer accepts: less than our side does.
pub const PEER_FRAME_BYTES: usize = 100_000;

/// The names of two features; the second is what a method and a field need.
pub const FEATURES: [&str; 2] = ["beta", "paid"];

/// That of most sessions in `spec-vectors/` which have one.
pub const EPOCH: u64 = 77;

/// The service of every script: two methods, two fields of state, two types of event. But for features, what is secret
/// and the second field it is that of most sessions in `spec-vectors/`.
pub fn schema() -> &'static ServiceSchema {
    static SCHEMA: OnceLock<ServiceSchema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schema = ServiceSchema::new("Counter");
        schema.methods = vec![
            method("increment").secret(),
            method("get").with_feature(FEATURES[1]),
        ];
        schema.state = vec![
            FieldSchema::with_fingerprint(0, "counter", Fingerprint::of_text("u32")),
            FieldSchema::with_fingerprint(1, "limit", Fingerprint::of_text("u32"))
                .with_feature(FEATURES[1])
                .secret(),
        ];
        schema.events = vec![event("Changed"), event("Stopped")];
        schema
    })
}

fn method(name: &'static str) -> MethodSchema {
    let text = match name {
        "increment" => "fn{amount:u32}->u32",
        "get" => "fn{}->u32",
        _ => "fn{}->unit",
    };
    MethodSchema::with_fingerprint(name, Fingerprint::of_text(text))
}

fn event(name: &'static str) -> EventSchema {
    let text = if name == "Changed" {
        "event{to:u32}"
    } else {
        "event{}"
    };
    EventSchema::with_fingerprint(name, Fingerprint::of_text(text))
}

/// So small that a script reaches them.
pub fn limits(setup: Setup) -> Limits {
    let heartbeat = setup.heartbeats.then_some(Duration::from_secs(3));
    Limits::new()
        .with_max_frame_bytes(130_000)
        .with_max_transfer_bytes(200_000)
        .with_max_input_bytes(150_000)
        .with_max_buffered_bytes(512)
        .with_max_queued_event_bytes(2048)
        .with_max_topic_bytes(4096)
        .with_hello_timeout(Duration::from_secs(10))
        .with_close_timeout(Duration::from_secs(10))
        .with_heartbeat_interval(heartbeat)
}

/// What arrives in pieces takes no more: what is taken in, and the beginnings of what is not.
pub fn arriving_bytes(limits: &Limits) -> usize {
    limits.max_transfer_bytes() + 16 * INITIAL_CREDIT
}

/// What a client of a script is made with.
pub fn client_config(setup: Setup, limits: Limits) -> ClientConfig {
    ClientConfig::new(schema())
        .with_limits(limits)
        .with_compression(setup.compression)
        .with_partial_state(true)
        .with_resume(setup.resumes.then(resume))
}

/// What a server of a script is made with.
pub fn server_config(setup: Setup, limits: Limits) -> ServerConfig {
    let config = ServerConfig::new(schema())
        .with_limits(limits)
        .with_compression(setup.compression)
        .with_features(features(1));
    if setup.resumes {
        config.with_epoch(EPOCH)
    } else {
        config
    }
}

/// The features of these bits.
pub fn features(bits: u8) -> FeatureSet {
    let mut features = FeatureSet::new();
    for (bit, name) in FEATURES.into_iter().enumerate() {
        if bits & 1 << bit != 0 {
            features.insert(name).expect("the name may travel");
        }
    }
    features
}

/// State operations that set every field: one of them is of the length that the setup asks for.
pub fn snapshot(setup: Setup) -> Bytes {
    operations(if setup.long_snapshot { 90_000 } else { 8 })
}

/// A SET of field 0, of a value of this length.
pub fn operations(len: usize) -> Bytes {
    let mut out = vec![0];
    let mut rest = len;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend(vec![7; len]);
    out.into()
}

/// Whoever was told the time has nothing left that was due by then: a driver would be woken without end.
#[track_caller]
pub fn check_timeout<R: Role>(connection: &Connection<R>, now: Time) {
    assert!(connection.poll_timeout().is_none_or(|next| next > now));
}

/// A frame as a message of its own.
pub fn message(frame: &Frame) -> Bytes {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    out.freeze()
}

/// The Hello of a server of this service that has the types of event in the other order, and one that the client does
/// not know between them. It has another type for one of the fields.
pub fn server_hello(setup: Setup) -> Frame {
    let field = |index: u32, fingerprint| {
        let field = &schema().state[index as usize];
        let (name, feature) = (field.name.into(), field.feature.unwrap_or_default().into());
        HelloField {
            index,
            fingerprint,
            name,
            feature,
        }
    };
    let events = ["Stopped", "Gone", "Changed"].map(event);
    let events = events.map(|event| entry(event.name_hash, event.fingerprint));
    let state = vec![
        field(0, Fingerprint::of_text("u32")),
        field(1, Fingerprint::of_text("u64")),
    ];
    hello(Hello {
        deflate: setup.peer_compression,
        epoch: setup.resumes.then_some(EPOCH),
        heartbeat_interval: setup.heartbeats.then_some(Duration::from_secs(3)),
        features: vec!["beta".into()],
        state,
        events: events.into(),
        ..Hello::new()
    })
}

/// The Hello of a client that has both methods, in the other order, and one that the server does not know.
pub fn client_hello(setup: Setup) -> Frame {
    let methods = ["get", "increment", "gone"].map(method);
    let methods = methods.map(|method| entry(method.name_hash, method.fingerprint));
    hello(Hello {
        deflate: setup.peer_compression && setup.compression,
        methods: methods.into(),
        resume: setup.resumes.then(resume),
        ..Hello::new()
    })
}

/// The names of topics are runs of 7s in all scripts.
fn resume() -> Resume {
    let topics = (0..4).map(|len| ResumeTopic {
        name: vec![7; len].into(),
        next: len as u64,
    });
    Resume {
        epoch: EPOCH,
        topics: topics.collect(),
    }
}

fn entry(name_hash: u64, fingerprint: Fingerprint) -> HelloEntry {
    HelloEntry {
        name_hash,
        fingerprint,
    }
}

fn hello(hello: Hello) -> Frame {
    Frame::Hello(Box::new(Hello {
        max_frame_bytes: PEER_FRAME_BYTES,
        ..hello
    }))
}

/// Reads what our side sends, and holds it to the rules of messages and transfers (SPEC.md, sections 4 and 9).
#[derive(Default)]
pub struct Reader {
    begun: u64,
    open: BTreeMap<u64, Transfer>,
    /// What the peer gave in all, by transfer; more than it may have counted for.
    credits: BTreeMap<u64, u64>,
}

struct Transfer {
    length: u64,
    bytes: Vec<u8>,
}

impl Reader {
    /// How many transfers have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// The peer sends this: there may be credit in it.
    pub fn peer_sends(&mut self, message: &Bytes) {
        for frame in Frames::new(message.clone()).map_while(|frame| frame.ok()) {
            if let Frame::Credit { transfer, bytes } = frame {
                let credit = self.credits.entry(transfer).or_default();
                *credit = credit.saturating_add(bytes);
            }
        }
    }

    /// The frames that are complete with a message that our side sends. Panics if it may not be sent.
    pub fn read(&mut self, message: &Bytes) -> Vec<Frame> {
        assert!((1..=MAX_MESSAGE_BYTES).contains(&message.len()));
        let frames: Result<Vec<_>, _> = Frames::new(message.clone()).collect();
        let frames = frames.unwrap_or_else(|error| panic!("sent {message:?}: {error}"));
        assert_eq!(pack(&frames), message);
        frames
            .into_iter()
            .filter_map(|frame| self.frame(frame))
            .collect()
    }

    fn frame(&mut self, frame: Frame) -> Option<Frame> {
        let blocked = self.open.values().any(Transfer::is_ordered);
        match frame {
            Frame::Begin {
                transfer,
                length,
                piece,
            } => {
                assert!(
                    !blocked,
                    "a transfer begins within one that others wait for"
                );
                assert_eq!(transfer, self.begun);
                assert!(length > MAX_MESSAGE_BYTES as u64);
                assert!(self.open.len() < 16);
                self.begun += 1;
                let bytes = Vec::new();
                self.open.insert(transfer, Transfer { length, bytes });
                self.piece(transfer, &piece)
            }
            Frame::Chunk { transfer, piece } => self.piece(transfer, &piece),
            Frame::Abort { transfer } => {
                let given_up = self.open.remove(&transfer).expect("it is open");
                assert!(!given_up.is_ordered());
                None
            }
            Frame::Methods(_)
            | Frame::GoingAway { .. }
            | Frame::Ping { .. }
            | Frame::Pong { .. }
            | Frame::Credit { .. } => Some(frame),
            frame => {
                assert!(!blocked, "{} within a transfer", frame.name());
                Some(frame)
            }
        }
    }

    fn piece(&mut self, number: u64, piece: &[u8]) -> Option<Frame> {
        assert!((1..=PIECE).contains(&piece.len()));
        let transfer = self.open.get_mut(&number).expect("it is open");
        transfer.bytes.extend_from_slice(piece);
        let sent = transfer.bytes.len() as u64;
        let credit = self.credits.get(&number).copied().unwrap_or(0);
        assert!(sent <= credit.saturating_add(INITIAL_CREDIT as u64));
        if sent < transfer.length {
            return None;
        }
        let whole = self.open.remove(&number)?.bytes;
        Frame::decode(whole.into()).expect("what is sent in pieces is a frame")
    }
}

impl Transfer {
    /// Whether it is of a SNAPSHOT, a STATE or an EVENT.
    fn is_ordered(&self) -> bool {
        matches!(self.bytes[0] & 0x3f, 0x07 | 0x08 | 0x0b)
    }
}

/// What the peer sends in pieces.
#[derive(Default)]
pub struct PeerTransfers {
    begun: u64,
}

impl PeerTransfers {
    /// The first piece of a frame of this kind, which is `more` and one byte longer than a message.
    pub fn begin(&mut self, kind: u8, id: u8, more: u16) -> Frame {
        let mut piece = vec![0; PIECE];
        (piece[0], piece[1]) = (kind, id);
        let transfer = self.begun;
        self.begun += 1;
        Frame::Begin {
            transfer,
            length: (MAX_MESSAGE_BYTES + 1) as u64 + u64::from(more),
            piece: piece.into(),
        }
    }

    /// A further piece.
    pub fn chunk(&self, back: u8, len: u16) -> Frame {
        Frame::Chunk {
            transfer: number(self.begun, back),
            piece: vec![0; usize::from(len).min(PIECE)].into(),
        }
    }
}

/// The number of the transfer that began so many before the last of so many.
pub fn number(begun: u64, back: u8) -> u64 {
    begun.wrapping_sub(1).wrapping_sub(back.into())
}
