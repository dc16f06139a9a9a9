//! The client's copy of the connection state.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use event_listener::Event;
use hardlight_proto::{ConnectionState, EncodeError, StateError, StateOperations, StateWriter};
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

    /// The length of a snapshot that would make it, in bytes.
    pub(super) fn measure(&self) -> Result<usize, EncodeError> {
        Ok(snapshot(&*self.get())?.len())
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

fn snapshot<S: ConnectionState>(state: &S) -> Result<Bytes, EncodeError> {
    let mut writer = StateWriter::new();
    state.snapshot(&mut writer)?;
    Ok(writer.finish())
}
