//! Scripts: what happens to one side of a connection, step by step, as bytes that a fuzzer can change piece by piece.

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use hardlight_proto::MAX_TOPIC_NAME_BYTES;

/// One step of a script.
///
/// A script is `*( step:u8 arguments )`: numbers are little-endian, bytes have a `u16` length before them. What is cut
/// off at the end reads as zeros and empty bytes, so any input is a script.
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
    // What the application does.
    /// A call (client).
    Call { method: u8, len: u16 },
    /// A call is given up (client).
    Cancel(u8),
    /// The state did not apply (client).
    RejectState,
    /// An answer; an error if there is no length (server).
    Answer { id: u8, len: Option<u16> },
    /// A change of the state (server).
    State { len: u16 },
    /// A topic is announced; its name has this length (server).
    Announce { topic: u8, len: u16 },
    /// A topic is left (server).
    Leave { topic: u8 },
    /// An event on a topic, behind so many that others got (server).
    Event { topic: u8, skip: u8, len: u16 },
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
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match input.arbitrary::<u8>()? % 21 {
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
                len: len(input)? % (MAX_TOPIC_NAME_BYTES as u16 + 1),
            },
            18 => Self::Leave {
                topic: input.arbitrary()?,
            },
            19 => Self::Event {
                topic: input.arbitrary()?,
                skip: input.arbitrary()?,
                len: len(input)?,
            },
            _ => Self::Skip {
                topic: input.arbitrary()?,
                more: input.arbitrary()?,
            },
        })
    }
}

/// Up to twice what the peer accepts: longer ones only take time.
fn len(input: &mut Unstructured<'_>) -> Result<u16> {
    Ok(input.arbitrary::<u16>()? % 4096)
}

/// The steps that `input` stands for.
pub fn read(input: &[u8]) -> Vec<Step> {
    let mut input = Unstructured::new(input);
    std::iter::from_fn(|| {
        let more = !input.is_empty();
        more.then(|| input.arbitrary().ok()).flatten()
    })
    .collect()
}

/// The bytes that stand for `steps`.
pub fn write(steps: &[Step]) -> Vec<u8> {
    let mut out = Vec::new();
    for step in steps {
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
            Step::Call { method, len } => put(&mut out, &[6, *method], *len),
            Step::Cancel(id) => out.extend_from_slice(&[7, *id]),
            Step::RejectState => out.push(8),
            Step::Answer { id, len: Some(len) } => put(&mut out, &[9, *id], *len),
            Step::Answer { id, len: None } => out.extend_from_slice(&[10, *id]),
            Step::State { len } => put(&mut out, &[11], *len),
            Step::Close => out.push(12),
            Step::Abort => out.push(13),
            Step::PollEvent => out.push(14),
            Step::PollTransmit => out.push(15),
            Step::Drain => out.push(16),
            Step::Announce { topic, len } => put(&mut out, &[17, *topic], *len),
            Step::Leave { topic } => out.extend_from_slice(&[18, *topic]),
            Step::Event { topic, skip, len } => put(&mut out, &[19, *topic, *skip], *len),
            Step::Skip { topic, more } => out.extend_from_slice(&[20, *topic, *more]),
        }
    }
    out
}

fn put(out: &mut Vec<u8>, head: &[u8], number: u16) {
    out.extend_from_slice(head);
    out.extend_from_slice(&number.to_le_bytes());
}
