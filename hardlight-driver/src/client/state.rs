//! The client's copy of the connection state, and how large it is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use event_listener::Event;
use hardlight_proto::{ConnectionState, StateError, StateOperations, StateWriter};
use parking_lot::Mutex;

/// The client's copy of the connection state: the driver changes it, anybody reads it.
pub(super) struct StateCopy<S> {
    current: Mutex<Arc<S>>,
    version: AtomicU64,
    pub(super) changed: Event,
}

impl<S: ConnectionState> StateCopy<S> {
    pub(super) fn new() -> Self {
        Self {
            current: Mutex::new(Arc::new(S::initial())),
            version: AtomicU64::new(0),
            changed: Event::new(),
        }
    }

    pub(super) fn get(&self) -> Arc<S> {
        Arc::clone(&self.current.lock())
    }

    /// Counts the changes.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Applies operations: in place, unless somebody still holds the current copy.
    pub(super) fn apply(&self, operations: &[u8]) -> Result<(), StateError> {
        let operations = StateOperations::new(operations);
        {
            let mut current = self.current.lock();
            if let Some(state) = Arc::get_mut(&mut current) {
                state.apply(operations)?;
            } else {
                let mut state = copy(&**current)?;
                state.apply(operations)?;
                *current = Arc::new(state);
            }
            self.version.fetch_add(1, Ordering::Release);
        }
        self.changed.notify(usize::MAX);
        Ok(())
    }
}

/// Copies a state by its encoding, since it need not be `Clone`.
fn copy<S: ConnectionState>(state: &S) -> Result<S, StateError> {
    let mut copy = S::initial();
    copy.apply(StateOperations::new(&snapshot(state)?))?;
    Ok(copy)
}

fn snapshot<S: ConnectionState>(state: &S) -> Result<Bytes, StateError> {
    let mut writer = StateWriter::new();
    state.snapshot(&mut writer)?;
    Ok(writer.finish())
}

/// Sees to it that a server cannot make the copy grow without end.
pub(super) struct StateSize {
    /// The length of a snapshot when it was measured.
    measured: usize,
    /// What came since then.
    since: usize,
    max: usize,
}

impl StateSize {
    pub(super) const fn new(max: usize) -> Self {
        Self { measured: 0, since: 0, max }
    }

    /// Whether the state may be as large as it is after these operations. It is measured only once so much has come that
    /// it could be too large, and then not again before a sixteenth of the limit has: so that this costs in proportion to
    /// what comes.
    pub(super) fn allows<S: ConnectionState>(
        &mut self,
        state: &StateCopy<S>,
        operations: usize,
    ) -> Result<bool, StateError> {
        self.since = self.since.saturating_add(operations);
        if self.measured.saturating_add(self.since) <= self.max || self.since <= self.max / 16 {
            return Ok(true);
        }
        self.measured = snapshot(&*state.get())?.len();
        self.since = 0;
        Ok(self.measured <= self.max)
    }
}
