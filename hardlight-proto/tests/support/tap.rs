//! Reads along what one side sends, and holds it to the rules of transfers (SPEC.md, section 9).

use std::collections::BTreeMap;

use bytes::Bytes;
use hardlight_proto::*;

use super::{INITIAL_CREDIT, PIECE, frames, message};

#[derive(Default)]
pub(crate) struct Tap {
    begun: u64,
    open: BTreeMap<u64, Transfer>,
    /// Bytes of all messages.
    pub(crate) bytes: usize,
    /// The most transfers that were open at a time.
    pub(crate) most_open: usize,
}

struct Transfer {
    length: usize,
    bytes: Vec<u8>,
    allowed: usize,
}

impl Tap {
    /// This side has sent a message; the other side's tap learns of the credit in it.
    pub(crate) fn message(&mut self, message: &Bytes, other: &mut Self) {
        self.bytes += message.len();
        for frame in frames(message.clone()) {
            self.frame(frame, other);
        }
    }

    fn frame(&mut self, frame: Frame, other: &mut Self) {
        assert!(self.may_send(&frame), "{} within a transfer that others wait for", frame.name());
        match frame {
            Frame::Begin { transfer, length, piece } => {
                assert_eq!(transfer, self.begun);
                assert!(length > MAX_MESSAGE_BYTES as u64);
                self.begun += 1;
                let length = length as usize;
                let begun = Transfer { length, bytes: Vec::new(), allowed: INITIAL_CREDIT };
                self.open.insert(transfer, begun);
                self.most_open = self.most_open.max(self.open.len());
                assert!(self.open.len() <= 16);
                self.piece(transfer, &piece);
            }
            Frame::Chunk { transfer, piece } => self.piece(transfer, &piece),
            Frame::Abort { transfer } => {
                let given_up = self.open.remove(&transfer).expect("what is aborted is open");
                assert!(!given_up.is_ordered());
            }
            Frame::Credit { transfer, bytes } => {
                assert!(bytes > 0 && transfer < other.begun);
                if let Some(open) = other.open.get_mut(&transfer) {
                    open.allowed += bytes as usize;
                    assert!(open.allowed <= open.length);
                }
            }
            frame => assert!(message(&frame).len() <= MAX_MESSAGE_BYTES, "{}", frame.name()),
        }
    }

    fn piece(&mut self, transfer: u64, piece: &[u8]) {
        assert!((1..=PIECE).contains(&piece.len()));
        let open = self.open.get_mut(&transfer).expect("a piece is of what is open");
        open.bytes.extend_from_slice(piece);
        assert!(open.bytes.len() <= open.allowed, "more than there is credit for");
        if open.bytes.len() == open.length {
            self.open.remove(&transfer);
        }
    }

    fn may_send(&self, frame: &Frame) -> bool {
        let waits = matches!(
            frame,
            Frame::Snapshot { .. }
                | Frame::State { .. }
                | Frame::Topic { .. }
                | Frame::Leave { .. }
                | Frame::Event { .. }
                | Frame::Gap { .. }
                | Frame::Features(_)
                | Frame::Answer { .. }
                | Frame::Error { .. }
                | Frame::Begin { .. }
        );
        !(waits && self.open.values().any(Transfer::is_ordered))
    }
}

impl Transfer {
    /// Whether it is of a SNAPSHOT, a STATE or an EVENT.
    fn is_ordered(&self) -> bool {
        matches!(self.bytes[0] & 0x3f, 0x07 | 0x08 | 0x0b)
    }
}
