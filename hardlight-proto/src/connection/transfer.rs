//! What both ends of a transfer agree on (SPEC.md, section 9).

pub(super) mod incoming;
pub(super) mod outgoing;

/// The longest piece, in bytes.
const MAX_PIECE_BYTES: usize = 32 * 1024;

/// What may be sent of a transfer without credit, in bytes.
const INITIAL_CREDIT: u64 = 64 * 1024;

/// Transfers that may be open in one direction.
const MAX_OPEN: usize = 16;
