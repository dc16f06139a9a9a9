//! Frames that arrive in pieces.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{INITIAL_CREDIT, MAX_OPEN, MAX_PIECE_BYTES};
use crate::{
    error::{ConnectionError, ProtocolError},
    frame::{CALL, KIND_MASK},
    limits::{Limits, MAX_MESSAGE_BYTES},
};

/// The most credit to keep ahead of what has arrived, in bytes: of one transfer, and of all.
const MAX_AHEAD: u64 = 256 * 1024;
const MAX_TOTAL_AHEAD: u64 = 1024 * 1024;

/// The part of a transfer that has to arrive before there is room for all of it.
const GROWN_PART: usize = 16;

#[derive(Debug)]
struct Transfer {
    number: u64,
    length: u64,
    /// What has arrived.
    bytes: Vec<u8>,
    /// How much the peer may send of it in all.
    allowed: u64,
    /// It is taken in. One that is not gets no credit.
    admitted: bool,
}

/// The frames that are arriving in pieces.
#[derive(Debug)]
pub(in crate::connection) struct Incoming {
    /// The number of the next transfer.
    next: u64,
    /// In the order in which they began.
    open: Vec<Transfer>,
    /// Whether this kind of frame may arrive so.
    takes: fn(u8) -> bool,
    max_frame_bytes: usize,
    /// Bound of the lengths of those that are taken in.
    max_admitted_bytes: u64,
}

impl Incoming {
    pub(in crate::connection) fn new(limits: &Limits, takes: fn(u8) -> bool) -> Self {
        let max_frame_bytes = limits.max_frame_bytes();
        let max_admitted_bytes = limits.max_transfer_bytes().max(max_frame_bytes) as u64;
        Self { next: 0, open: Vec::new(), takes, max_frame_bytes, max_admitted_bytes }
    }

    pub(in crate::connection) const fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Memory that is held, in bytes.
    pub(in crate::connection) fn bytes(&self) -> usize {
        self.open.iter().map(|transfer| transfer.bytes.capacity()).sum()
    }

    /// A transfer begins.
    pub(in crate::connection) fn begin(
        &mut self,
        number: u64,
        length: u64,
        piece: &[u8],
    ) -> Result<(), ConnectionError> {
        if number != self.next || self.open.len() == MAX_OPEN || length <= MAX_MESSAGE_BYTES as u64
        {
            return Err(ProtocolError::InvalidTransfer.into());
        }
        if length > self.max_frame_bytes as u64 {
            let allowed = self.max_frame_bytes;
            return Err(ConnectionError::LimitExceeded { limit: "max_frame_bytes", allowed });
        }
        let takes = piece.first().is_some_and(|header| (self.takes)(header & KIND_MASK));
        if !takes {
            return Err(ProtocolError::InvalidTransfer.into());
        }
        self.next += 1;
        let mut transfer = Transfer {
            number,
            length,
            bytes: Vec::new(),
            allowed: INITIAL_CREDIT,
            admitted: false,
        };
        transfer.take(piece)?;
        self.open.push(transfer);
        Ok(())
    }

    /// A further piece: the frame, if that was the last.
    pub(in crate::connection) fn chunk(
        &mut self,
        number: u64,
        piece: &[u8],
    ) -> Result<Option<Bytes>, ProtocolError> {
        let index = self.find(number)?;
        self.open[index].take(piece)?;
        if (self.open[index].bytes.len() as u64) < self.open[index].length {
            return Ok(None);
        }
        Ok(Some(self.open.remove(index).bytes.into()))
    }

    /// The peer gives up a transfer, of a call or an answer.
    pub(in crate::connection) fn abort(&mut self, number: u64) -> Result<(), ProtocolError> {
        let index = self.find(number)?;
        let kind = self.open[index].bytes[0] & KIND_MASK;
        if !matches!(kind, CALL | crate::frame::ANSWER) {
            return Err(ProtocolError::InvalidTransfer);
        }
        self.open.remove(index);
        Ok(())
    }

    pub(in crate::connection) fn clear(&mut self) {
        self.open.clear();
    }

    /// Lets go of memory that nothing arrives in.
    pub(in crate::connection) fn release_memory(&mut self) {
        self.open.shrink_to_fit();
    }

    /// Gives credit to those that are taken in: to each its share, in pieces that are worth a frame.
    pub(in crate::connection) fn grant(&mut self, mut give: impl FnMut(u64, u64)) {
        self.admit();
        let admitted = self.open.iter().filter(|transfer| transfer.admitted);
        let share = MAX_AHEAD.min(MAX_TOTAL_AHEAD / (admitted.clone().count() as u64).max(1));
        let ahead: u64 = admitted.map(Transfer::ahead).sum();
        // Those that were fewer may have more than their share.
        let mut room = MAX_TOTAL_AHEAD.saturating_sub(ahead);
        for transfer in self.open.iter_mut().filter(|transfer| transfer.admitted) {
            let arrived = transfer.bytes.len() as u64;
            let more = transfer.length.min(arrived + share).saturating_sub(transfer.allowed);
            if transfer.ahead() < share / 2 && (1..=room).contains(&more) {
                give(transfer.number, more);
                transfer.allowed += more;
                room -= more;
            }
        }
    }

    /// Takes in as many as there is room for, those first that began first.
    fn admit(&mut self) {
        let mut room = self.max_admitted_bytes;
        for transfer in &mut self.open {
            let Some(left) = room.checked_sub(transfer.length) else { return };
            room = left;
            transfer.admitted = true;
        }
    }

    fn find(&self, number: u64) -> Result<usize, ProtocolError> {
        let mut open = self.open.iter();
        open.position(|transfer| transfer.number == number).ok_or(ProtocolError::InvalidTransfer)
    }
}

impl Transfer {
    /// How much the peer may send of it now.
    const fn ahead(&self) -> u64 {
        self.allowed - self.bytes.len() as u64
    }

    /// Grows with what arrives, not with what was announced, and while it waits for its turn not beyond what may come. Once a
    /// [part](GROWN_PART) has arrived there is room for all: to grow further would copy megabytes at once.
    fn capacity_for(&self, arrived: usize) -> usize {
        let most = if self.admitted { self.length } else { self.allowed } as usize;
        if self.admitted && arrived >= most / GROWN_PART {
            return most;
        }
        arrived.max(2 * self.bytes.capacity()).min(most)
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ProtocolError> {
        let arrived = self.bytes.len() + piece.len();
        let fits = (1..=MAX_PIECE_BYTES).contains(&piece.len()) && arrived as u64 <= self.allowed;
        if !fits || arrived as u64 > self.length {
            return Err(ProtocolError::InvalidTransfer);
        }
        if arrived > self.bytes.capacity() {
            let capacity = self.capacity_for(arrived);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}
