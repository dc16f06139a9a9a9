//! Scripts: what happens to a connection, step by step, as bytes that a fuzzer can change piece by piece.

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use hardlight_proto::MAX_TOPIC_NAME_BYTES;

/// How a connection begins, and what happens then.
///
/// A script is `setup:u8 *( step:u8 arguments )`: numbers are little-endian, bytes have a `u16` length before them. What is
/// cut off at the end reads as zeros and empty bytes, so any input is a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub setup: Setup,
    pub steps: Vec<Step>,
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Our side offers compression.
    pub compression: bool,
    /// The peer does.
    pub peer_compression: bool,
    /// The server has an epoch, and the client was there before.
    pub resumes: bool,
    /// The server asks for signs of life.
    pub heartbeats: bool,
    /// The snapshot is longer than a message.
    pub long_snapshot: bool,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    // What the outside world does.
    /// The peer does its part of the handshake.
    Handshake,
    /// The peer sends this.
    Message(Bytes),
    /// The peer sends a text message.
    Text,
    /// The peer closes.
    PeerCloses(u16),
    /// The transport fails.
    Lost,
    /// So many milliseconds pass.
    Pass(u16),
    /// The peer begins to send a frame of this kind in pieces; it is `more` and one byte longer than a message.
    Begin { kind: u8, id: u8, more: u16 },
    /// The peer sends a further piece of the transfer that it began so many before the last.
    Chunk { back: u8, len: u16 },
    /// The peer gives credit for the transfer that our side began so many before the last.
    Credit { back: u8, bytes: u16 },
    // What the application does.
    /// A call (client).
    Call { method: u8, len: usize },
    /// A call is given up (client).
    Cancel(u8),
    /// The state did not apply (client).
    RejectState,
    /// The copy of the state grew too large (client).
    RejectStateSize,
    /// An answer; an error if there is no length (server).
    Answer { id: u8, len: Option<usize> },
    /// A change of the state (server).
    State { len: usize },
    /// The features change to those of these bits (server).
    Features(u8),
    /// A topic is announced; its name has this length (server).
    Announce { topic: u8, len: u16 },
    /// A topic is left (server).
    Leave { topic: u8 },
    /// An event on a topic, behind so many that others got (server).
    Event { topic: u8, skip: u8, len: usize },
    /// So many events on a topic, and one more, did not come as far as here (server).
    Skip { topic: u8, more: u8 },
    /// A close that waits for calls.
    Close,
    /// A close that does not.
    Abort,
    // What the driver does.
    /// Takes one event.
    PollEvent,
    /// Takes one message.
    PollTransmit,
    /// Takes events and messages until there are none.
    Drain,
    // What the pipe between both sides does.
    /// So many messages arrive at the server and at the client.
    Deliver { up: u8, down: u8 },
    /// From now on nothing arrives: at the server (bit 0), at the client (bit 1).
    Hold(u8),
    /// It breaks. So many messages still arrive, the others are lost; the bits say what follows (`pair::cut`).
    Cut { up: u8, down: u8, then: u8 },
}

impl<'a> Arbitrary<'a> for Setup {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let bits = input.arbitrary::<u8>()?;
        Ok(Self {
            compression: bits & 1 != 0,
            peer_compression: bits & 2 != 0,
            resumes: bits & 4 != 0,
            heartbeats: bits & 8 != 0,
            long_snapshot: bits & 16 != 0,
        })
    }
}

impl Setup {
    fn bits(self) -> u8 {
        [
            self.compression,
            self.peer_compression,
            self.resumes,
            self.heartbeats,
            self.long_snapshot,
        ]
        .iter()
        .rev()
        .fold(0, |bits, &bit| bits << 1 | u8::from(bit))
    }
}

/// How many kinds of steps there are.
const STEPS: u8 = 29;

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match input.arbitrary::<u8>()? % STEPS {
            0 => Self::Handshake,
            1 => {
                let len = usize::from(input.arbitrary::<u16>()?);
                let bytes = input.bytes(len.min(input.len()))?;
                Self::Message(Bytes::copy_from_slice(bytes))
            }
            2 => Self::Text,
            3 => Self::PeerCloses(input.arbitrary()?),
            4 => Self::Lost,
            5 => Self::Pass(input.arbitrary()?),
            6 => Self::Call {
                method: input.arbitrary()?,
                len: len(input)?,
            },
            7 => Self::Cancel(input.arbitrary()?),
            8 => Self::RejectState,
            9 => Self::Answer {
                id: input.arbitrary()?,
                len: Some(len(input)?),
            },
            10 => Self::Answer {
                id: input.arbitrary()?,
                len: None,
            },
            11 => Self::State { len: len(input)? },
            12 => Self::Close,
            13 => Self::Abort,
            14 => Self::PollEvent,
            15 => Self::PollTransmit,
            16 => Self::Drain,
            17 => Self::Announce {
                topic: input.arbitrary()?,
                len: input.arbitrary::<u16>()? % (MAX_TOPIC_NAME_BYTES as u16 + 1),
            },
            18 => Self::Leave {
                topic: input.arbitrary()?,
            },
            19 => Self::Event {
                topic: input.arbitrary()?,
                skip: input.arbitrary()?,
                len: len(input)?,
            },
            20 => Self::Skip {
                topic: input.arbitrary()?,
                more: input.arbitrary()?,
            },
            21 => Self::Features(input.arbitrary()?),
            22 => Self::Begin {
                kind: input.arbitrary()?,
                id: input.arbitrary()?,
                more: input.arbitrary()?,
            },
            23 => Self::Chunk {
                back: input.arbitrary()?,
                len: input.arbitrary()?,
            },
            24 => Self::Credit {
                back: input.arbitrary()?,
                bytes: input.arbitrary()?,
            },
            25 => Self::RejectStateSize,
            26 => Self::Deliver {
                up: input.arbitrary()?,
                down: input.arbitrary()?,
            },
            27 => Self::Hold(input.arbitrary()?),
            _ => Self::Cut {
                up: input.arbitrary()?,
                down: input.arbitrary()?,
                then: input.arbitrary()?,
            },
        })
    }
}

/// Lengths with the top bit travel in pieces, or are longer than anybody accepts.
const LONG: u16 = 0x8000;
const SHORTEST_LONG: usize = 66_000;

/// A length: below 4 KiB, or from 66,000 to 197,068 bytes in steps of 4.
fn len(input: &mut Unstructured<'_>) -> Result<usize> {
    let number = input.arbitrary::<u16>()?;
    Ok(if number & LONG == 0 {
        usize::from(number % 4096)
    } else {
        SHORTEST_LONG + 4 * usize::from(number & !LONG)
    })
}

/// The number that stands for a length.
fn number(len: usize) -> u16 {
    let steps = len.checked_sub(SHORTEST_LONG).map(|more| more / 4);
    let number = steps.map_or(len, |steps| usize::from(LONG) | steps);
    u16::try_from(number).expect("a script's payloads are not that long")
}

/// The script that `input` stands for.
pub fn read(input: &[u8]) -> Script {
    let mut input = Unstructured::new(input);
    let setup = input.arbitrary().unwrap_or_default();
    let steps = std::iter::from_fn(|| {
        let more = !input.is_empty();
        more.then(|| input.arbitrary().ok()).flatten()
    });
    Script {
        setup,
        steps: steps.collect(),
    }
}

/// The bytes that stand for a script.
pub fn write(script: &Script) -> Vec<u8> {
    let mut out = vec![script.setup.bits()];
    for step in &script.steps {
        match step {
            Step::Handshake => out.push(0),
            Step::Message(bytes) => {
                let len = u16::try_from(bytes.len()).expect("a script's messages are short");
                out.push(1);
                out.extend_from_slice(&len.to_le_bytes());
                out.extend_from_slice(bytes);
            }
            Step::Text => out.push(2),
            Step::PeerCloses(code) => put(&mut out, &[3], *code),
            Step::Lost => out.push(4),
            Step::Pass(millis) => put(&mut out, &[5], *millis),
            Step::Call { method, len } => put(&mut out, &[6, *method], number(*len)),
            Step::Cancel(id) => out.extend_from_slice(&[7, *id]),
            Step::RejectState => out.push(8),
            Step::Answer { id, len: Some(len) } => put(&mut out, &[9, *id], number(*len)),
            Step::Answer { id, len: None } => out.extend_from_slice(&[10, *id]),
            Step::State { len } => put(&mut out, &[11], number(*len)),
            Step::Close => out.push(12),
            Step::Abort => out.push(13),
            Step::PollEvent => out.push(14),
            Step::PollTransmit => out.push(15),
            Step::Drain => out.push(16),
            Step::Announce { topic, len } => put(&mut out, &[17, *topic], *len),
            Step::Leave { topic } => out.extend_from_slice(&[18, *topic]),
            Step::Event { topic, skip, len } => put(&mut out, &[19, *topic, *skip], number(*len)),
            Step::Skip { topic, more } => out.extend_from_slice(&[20, *topic, *more]),
            Step::Features(bits) => out.extend_from_slice(&[21, *bits]),
            Step::Begin { kind, id, more } => put(&mut out, &[22, *kind, *id], *more),
            Step::Chunk { back, len } => put(&mut out, &[23, *back], *len),
            Step::Credit { back, bytes } => put(&mut out, &[24, *back], *bytes),
            Step::RejectStateSize => out.push(25),
            Step::Deliver { up, down } => out.extend_from_slice(&[26, *up, *down]),
            Step::Hold(bits) => out.extend_from_slice(&[27, *bits]),
            Step::Cut { up, down, then } => out.extend_from_slice(&[28, *up, *down, *then]),
        }
    }
    out
}

fn put(out: &mut Vec<u8>, head: &[u8], number: u16) {
    out.extend_from_slice(head);
    out.extend_from_slice(&number.to_le_bytes());
}
