//! Frames that travel in pieces (SPEC.md, section 9).

mod credit;
mod ending;
mod giving_up;
mod pieces;
mod refusals;
mod sharing;
mod snapshot;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use bytes::Bytes;
use hardlight_proto::*;
use support::*;

/// Longer than a message.
const LONG: usize = 200_000;

const TOO_SHORT: u64 = MAX_MESSAGE_BYTES as u64;

/// A CALL whose whole frame has this length.
fn call_of(id: u8, len: usize) -> Frame {
    call_frame(id, 0, noise(len - 3))
}

fn begin(transfer: u64, length: u64, piece: &[u8]) -> Frame {
    Frame::Begin { transfer, length, piece: Bytes::copy_from_slice(piece) }
}

fn chunk(transfer: u64, len: usize) -> Frame {
    Frame::Chunk { transfer, piece: zeros(len) }
}

fn credit(transfer: u64, bytes: u64) -> Frame {
    Frame::Credit { transfer, bytes }
}

/// The first piece of a CALL, of this length.
fn call_piece(len: usize) -> Bytes {
    let mut piece = vec![0; len];
    piece[0] = 0x03;
    piece.into()
}

/// What is given of credit, by transfer.
fn credits(frames: &[Frame]) -> BTreeMap<u64, u64> {
    let mut credits = BTreeMap::new();
    for frame in frames {
        if let Frame::Credit { transfer, bytes } = frame {
            *credits.entry(*transfer).or_default() += bytes;
        }
    }
    credits
}

/// Numbers and bytes of the pieces, in order.
fn piece_lens(frames: &[Frame]) -> Vec<(u64, usize)> {
    let piece = |frame: &Frame| match frame {
        Frame::Begin { transfer, piece, .. } | Frame::Chunk { transfer, piece } => {
            Some((*transfer, piece.len()))
        }
        _ => None,
    };
    frames.iter().filter_map(piece).collect()
}

fn aborts(frames: &[Frame]) -> usize {
    frames.iter().filter(|frame| matches!(frame, Frame::Abort { .. })).count()
}

/// A pair with so much room that large inputs do not end as BUSY.
fn roomy() -> Pair {
    let limits = quiet().with_max_input_bytes(1 << 30);
    Pair::with(counter(), counter(), limits.clone(), limits).opened()
}

/// A server that has begun to send long answers of this length to so many calls, from id 0, and has no credit for more
/// than the beginning of each.
fn server_with_answers(count: u8, len: usize) -> (Connection<Server>, Vec<Frame>) {
    let mut server = server(quiet());
    for id in 0..count {
        receive(&mut server, &call_frame(id, 0, INPUT));
    }
    server_events(&mut server);
    for id in 0..count {
        server.answer(CallId(id), Ok(noise(len)));
    }
    let frames = sent(&mut server);
    (server, frames)
}
