//! What a server's connection counts, for whoever measures it.

use crate::{error::CallError, frame::GapReason};

/// What became of the events of a connection so far: those that were sent, and those that the client was told are missing, by
/// the reason that it was told. One that waits is in neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventTally {
    /// Sent.
    pub sent: u64,
    /// [`GapReason::Lagged`].
    pub lagged: u64,
    /// [`GapReason::Conflated`].
    pub conflated: u64,
    /// [`GapReason::Withheld`].
    pub withheld: u64,
    /// [`GapReason::Expired`].
    pub expired: u64,
    /// [`GapReason::TooLong`].
    pub too_long: u64,
}

impl EventTally {
    pub(super) const fn lose(&mut self, events: u64, reason: GapReason) {
        let lost = match reason {
            GapReason::Lagged | GapReason::Unknown(_) => &mut self.lagged,
            GapReason::Conflated => &mut self.conflated,
            GapReason::Withheld => &mut self.withheld,
            GapReason::Expired => &mut self.expired,
            GapReason::TooLong => &mut self.too_long,
        };
        *lost = lost.saturating_add(events);
    }
}

/// The codes of errors are below this.
const CODES: usize = 12;

/// Calls that a connection answered by itself, by the code of its error.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusals([u64; CODES]);

impl Refusals {
    pub(super) fn note(&mut self, error: &CallError) {
        if let Some(count) = self.0.get_mut(error.code() as usize) {
            *count += 1;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (CallError, u64)> + use<> {
        let counts = self.0.into_iter().zip(0..);
        counts
            .filter(|(count, _)| *count > 0)
            .map(|(count, code)| (CallError::from_code(code), count))
    }
}
