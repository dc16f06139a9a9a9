//! Frames that are sent in pieces.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{INITIAL_CREDIT, MAX_OPEN, MAX_PIECE_BYTES};
use crate::{
    connection::packer::Packer,
    error::ProtocolError,
    frame::{CallId, Frame},
};

/// One place is kept for a frame that others have to wait for.
const MAX_UNORDERED: usize = MAX_OPEN - 1;

/// A long frame, in two parts.
#[derive(Debug)]
pub(in crate::connection) struct LongFrame {
    head: Bytes,
    payload: Bytes,
    /// The call that it is, or answers. What has none keeps its place in the order of all frames.
    call: Option<CallId>,
    /// Whether it is about the state.
    state: bool,
}

#[derive(Debug)]
struct Transfer {
    frame: LongFrame,
    /// Its number, once it has begun.
    number: Option<u64>,
    sent: u64,
    /// How much of it may be sent in all.
    allowed: u64,
}

/// The frames that are being sent in pieces, and those that wait for that.
#[derive(Debug, Default)]
pub(in crate::connection) struct Outgoing {
    /// The number of the next transfer.
    next: u64,
    /// The first is the next to send a piece of.
    open: VecDeque<Transfer>,
    waiting: VecDeque<LongFrame>,
    /// Bytes that are not sent yet.
    bytes: usize,
    /// What calls and answers hold: each its whole length until its last piece is sent.
    unordered_bytes: usize,
}

/// What became of a transfer that is not wanted any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::connection) enum Withdrawn {
    /// Nothing of it was sent.
    Unsent,
    /// The transfer of this number is to be aborted.
    Begun(u64),
}

impl LongFrame {
    pub(in crate::connection) fn new(frame: &Frame) -> Self {
        let (head, payload) = frame.split();
        let call = match frame {
            Frame::Call { id, .. } | Frame::Answer { id, .. } => Some(*id),
            _ => None,
        };
        Self { head, payload, call, state: frame.is_state() }
    }

    /// An event that is encoded already.
    pub(in crate::connection) const fn of_event(frame: Bytes) -> Self {
        Self { head: Bytes::new(), payload: frame, call: None, state: false }
    }

    fn len(&self) -> usize {
        self.head.len() + self.payload.len()
    }

    /// Appends a part of the frame.
    fn write(&self, start: usize, len: usize, out: &mut BytesMut) {
        let (head, end) = (self.head.len(), start + len);
        if start < head {
            out.extend_from_slice(&self.head[start..end.min(head)]);
        }
        if end > head {
            out.extend_from_slice(&self.payload[start.max(head) - head..end - head]);
        }
    }
}

impl Outgoing {
    /// Sends a frame in pieces, when its turn comes.
    pub(in crate::connection) fn push(&mut self, frame: LongFrame) {
        self.bytes += frame.len();
        if frame.call.is_some() {
            self.unordered_bytes += frame.len();
        }
        if frame.call.is_some() && self.unordered() >= MAX_UNORDERED {
            self.waiting.push_back(frame);
        } else {
            self.open(frame);
        }
    }

    fn open(&mut self, frame: LongFrame) {
        self.open.push_back(Transfer { frame, number: None, sent: 0, allowed: INITIAL_CREDIT });
    }

    fn unordered(&self) -> usize {
        self.open.iter().filter(|transfer| transfer.frame.call.is_some()).count()
    }

    /// Bytes that are not sent yet.
    pub(in crate::connection) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What of the state is not sent yet, in bytes.
    pub(in crate::connection) fn state_bytes(&self) -> usize {
        let state = self.open.iter().filter(|transfer| transfer.frame.state);
        state.map(Transfer::unsent).sum()
    }

    /// What calls and answers hold, in bytes: each its whole length until its last piece is sent.
    pub(in crate::connection) const fn unordered_bytes(&self) -> usize {
        self.unordered_bytes
    }

    /// Whether a frame is being sent that others have to wait for.
    pub(in crate::connection) fn blocks_line(&self) -> bool {
        self.open.iter().any(|transfer| transfer.frame.call.is_none())
    }

    pub(in crate::connection) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.waiting.is_empty()
    }

    /// Whether there is a piece to send.
    pub(in crate::connection) fn is_ready(&self) -> bool {
        (0..self.open.len()).any(|index| self.may_send(index))
    }

    /// Whether a piece of a transfer may be sent: it has credit, and does not begin while others have to wait.
    fn may_send(&self, index: usize) -> bool {
        let Some(transfer) = self.open.get(index) else { return false };
        let waits =
            transfer.number.is_none() && transfer.frame.call.is_some() && self.ordered_begun();
        transfer.allowed > transfer.sent && !waits
    }

    fn ordered_begun(&self) -> bool {
        let mut open = self.open.iter();
        open.any(|transfer| transfer.frame.call.is_none() && transfer.number.is_some())
    }

    /// The peer gives credit.
    pub(in crate::connection) fn credit(
        &mut self,
        number: u64,
        bytes: u64,
    ) -> Result<(), ProtocolError> {
        if number >= self.next || bytes == 0 {
            return Err(ProtocolError::InvalidTransfer);
        }
        let mut open = self.open.iter_mut();
        // It may have ended while the credit was on its way.
        let Some(transfer) = open.find(|transfer| transfer.number == Some(number)) else {
            return Ok(());
        };
        let allowed = transfer.allowed.checked_add(bytes);
        let allowed = allowed.filter(|&allowed| allowed <= transfer.frame.len() as u64);
        transfer.allowed = allowed.ok_or(ProtocolError::InvalidTransfer)?;
        Ok(())
    }

    /// Packs a piece of the transfer whose turn it is. If that ends the call or answer of an id, that id.
    pub(in crate::connection) fn pack_piece(&mut self, packer: &mut Packer) -> Option<CallId> {
        let index = (0..self.open.len()).find(|&index| self.may_send(index))?;
        // Those before it have no credit: they keep their turn.
        let mut transfer = self.open.remove(index)?;
        let len = transfer.pack_piece(&mut self.next, packer);
        self.bytes -= len;
        if transfer.sent < transfer.frame.len() as u64 {
            self.open.push_back(transfer);
            return None;
        }
        if transfer.frame.call.is_some() {
            self.unordered_bytes -= transfer.frame.len();
        }
        self.open_waiting();
        transfer.frame.call
    }

    fn open_waiting(&mut self) {
        if self.unordered() < MAX_UNORDERED
            && let Some(frame) = self.waiting.pop_front()
        {
            self.open(frame);
        }
    }

    /// Gives up the call, or answer, of an id.
    pub(in crate::connection) fn withdraw(&mut self, id: CallId) -> Option<Withdrawn> {
        if let Some(index) = self.waiting.iter().position(|frame| frame.call == Some(id)) {
            let frame = self.waiting.remove(index)?;
            self.forget(&frame, frame.len());
            return Some(Withdrawn::Unsent);
        }
        let index = self.open.iter().position(|transfer| transfer.frame.call == Some(id))?;
        let transfer = self.open.remove(index)?;
        self.forget(&transfer.frame, transfer.unsent());
        self.open_waiting();
        Some(transfer.number.map_or(Withdrawn::Unsent, Withdrawn::Begun))
    }

    /// What is left of a call or an answer is not to be sent any longer.
    fn forget(&mut self, frame: &LongFrame, left: usize) {
        self.bytes -= left;
        self.unordered_bytes -= frame.len();
    }

    /// Lets go of memory that nothing waits in.
    pub(in crate::connection) fn release_memory(&mut self) {
        self.open.shrink_to_fit();
        self.waiting.shrink_to_fit();
    }

    /// Gives everything up.
    pub(in crate::connection) fn clear(&mut self) {
        self.open.clear();
        self.waiting.clear();
        self.bytes = 0;
        self.unordered_bytes = 0;
    }
}

impl Transfer {
    fn unsent(&self) -> usize {
        self.frame.len() - self.sent as usize
    }

    /// Packs the next piece: its length.
    fn pack_piece(&mut self, next: &mut u64, packer: &mut Packer) -> usize {
        let start = self.sent as usize;
        let credit = usize::try_from(self.allowed - self.sent).unwrap_or(usize::MAX);
        let len = MAX_PIECE_BYTES.min(credit).min(self.frame.len() - start);
        self.sent += len as u64;
        let head = self.number.map_or_else(
            || {
                self.number = Some(*next);
                *next += 1;
                let length = self.frame.len() as u64;
                Frame::Begin { transfer: *next - 1, length, piece: Bytes::new() }
            },
            |transfer| Frame::Chunk { transfer, piece: Bytes::new() },
        );
        let frame = &self.frame;
        packer.push(head.encoded_len() + len, |out| {
            head.encode(out);
            frame.write(start, len, out);
        });
        len
    }
}
