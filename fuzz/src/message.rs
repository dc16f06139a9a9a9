//! Messages: what is a batch, and what is none.

use bytes::{BufMut, Bytes, BytesMut};
use hardlight_proto::{Frame, Frames, ProtocolError, read_varint};

/// A message is taken apart as SPEC.md, section 4.2, says: the same frames, and the same error behind them. If all of it
/// is known then packing the frames again gives the same bytes.
pub fn message(input: &[u8]) {
    let expected = Split::of(input);
    let found: Vec<_> = Frames::new(Bytes::copy_from_slice(input)).collect();
    assert_eq!(found, expected.frames);
    let frames: Result<Vec<_>, _> = found.into_iter().collect();
    let Ok(frames) = frames else { return };
    // What was left out, or skipped in a Hello, cannot be written again.
    let hello = |frame: &Frame| matches!(frame, Frame::Hello(_));
    if !expected.left_out && !frames.iter().any(hello) {
        assert_eq!(pack(&frames), input);
    }
}

/// These frames, of which there is at least one, as a message.
pub fn pack(frames: &[Frame]) -> Bytes {
    let mut out = BytesMut::new();
    if let [frame] = frames {
        frame.encode(&mut out);
        return out.freeze();
    }
    out.put_u8(BATCH);
    for frame in frames {
        put_varint(&mut out, frame.encoded_len() as u64);
        frame.encode(&mut out);
    }
    out.freeze()
}

const BATCH: u8 = 0;

fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// A message taken apart by the words of SPEC.md.
#[derive(Default)]
struct Split {
    /// Up to the first error.
    frames: Vec<Result<Frame, ProtocolError>>,
    /// Some frames may be ignored, and are.
    left_out: bool,
}

impl Split {
    fn of(message: &[u8]) -> Self {
        let mut split = Self::default();
        if message.first() == Some(&BATCH) {
            split.batch(&message[1..]);
        } else {
            split.frame(message);
        }
        split
    }

    fn batch(&mut self, mut rest: &[u8]) {
        let mut first = true;
        while first || !rest.is_empty() {
            let frame = match section(&mut rest) {
                Ok(_) if first && rest.is_empty() => Err(ProtocolError::InvalidBatch),
                section => section,
            };
            first = false;
            match frame {
                Ok(frame) if self.frame(frame) => {}
                Ok(_) => return,
                Err(error) => return self.frames.push(Err(error)),
            }
        }
    }

    /// Whether it may go on.
    fn frame(&mut self, frame: &[u8]) -> bool {
        let decoded = Frame::decode(Bytes::copy_from_slice(frame)).transpose();
        self.left_out |= decoded.is_none();
        let good = !matches!(decoded, Some(Err(_)));
        self.frames.extend(decoded);
        good
    }
}

/// Takes a length and as many bytes from the front.
fn section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ProtocolError> {
    let (len, width) = read_varint(rest)?;
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let taken = rest[width..].split_at_checked(len);
    let (section, behind) = taken.ok_or(ProtocolError::Truncated)?;
    *rest = behind;
    Ok(section)
}
