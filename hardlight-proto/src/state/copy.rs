//! The client's end of a state: a copy, which a server cannot make grow without end.

use core::{fmt, ops::Deref};

use super::{ConnectionState, StateError, StateOperations, StateWriter};
use crate::{
    connection::{Client, Connection},
    payload::EncodeError,
};

/// A client's copy of the state, for an embedder. Each connection needs a new one: its first operations are those of the
/// snapshot, and what they leave out is at its default.
///
/// Memory: as [`Limits::with_max_state_bytes`](crate::Limits::with_max_state_bytes) says.
pub struct StateCopy<S> {
    state: S,
    size: StateSize,
}

impl<S: ConnectionState> StateCopy<S> {
    /// Every field at its default.
    pub fn new() -> Self {
        Self { state: S::initial(), size: StateSize::new() }
    }

    /// Applies what came with [`ClientEvent::Open`](crate::ClientEvent::Open) or
    /// [`ClientEvent::State`](crate::ClientEvent::State): whether that could be done. If not, it has ended the connection.
    pub fn apply(&mut self, operations: &[u8], connection: &mut Connection<Client>) -> bool {
        let applied = self.try_apply(operations, connection.limits().max_state_bytes());
        match applied {
            Ok(true) => {}
            Ok(false) => connection.reject_state_size(),
            Err(_) => connection.reject_state(),
        }
        matches!(applied, Ok(true))
    }

    fn try_apply(&mut self, operations: &[u8], max_bytes: usize) -> Result<bool, StateError> {
        self.state.apply(StateOperations::new(operations))?;
        let state = &self.state;
        Ok(self.size.allows(operations.len(), max_bytes, || {
            let mut snapshot = StateWriter::new();
            state.snapshot(&mut snapshot)?;
            Ok(snapshot.finish().len())
        })?)
    }
}

impl<S: ConnectionState> Default for StateCopy<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Deref for StateCopy<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S: fmt::Debug> fmt::Debug for StateCopy<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateCopy").field(&self.state).finish()
    }
}

/// Sees to it that a server cannot make a copy of the state grow without end
/// ([`Limits::with_max_state_bytes`](crate::Limits::with_max_state_bytes)), for who keeps one otherwise than in a
/// [`StateCopy`], which does so by itself.
#[derive(Debug, Default)]
pub struct StateSize {
    /// The length of a snapshot when it was measured.
    measured: usize,
    /// What came since then.
    since: usize,
}

impl StateSize {
    /// Of a state that has its defaults.
    pub const fn new() -> Self {
        Self { measured: 0, since: 0 }
    }

    /// Whether the state may be as large as it is after this many bytes of operations: `max_bytes` at most. Its snapshot is
    /// measured only once so much has come that it could be too large, and then not again before a sixteenth of the limit
    /// has: so that this costs in proportion to what comes.
    ///
    /// # Errors
    ///
    /// Those of `measure`.
    pub fn allows(
        &mut self,
        operations: usize,
        max_bytes: usize,
        measure: impl FnOnce() -> Result<usize, EncodeError>,
    ) -> Result<bool, EncodeError> {
        self.since = self.since.saturating_add(operations);
        if self.measured.saturating_add(self.since) <= max_bytes || self.since <= max_bytes / 16 {
            return Ok(true);
        }
        self.measured = measure()?;
        self.since = 0;
        Ok(self.measured <= max_bytes)
    }
}
