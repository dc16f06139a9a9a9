//! The client's copy of the connection state.
//!
//! There are two copies, which take turns: the driver changes the one that nobody can see, and publishes it; the other one
//! catches up later, when nobody reads it any longer. So readers and the driver never wait for each other, and the state is
//! copied only if a reader keeps the older one until the next change.

use std::{fmt, ops::Deref, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use event_listener::Event;
use hardlight_proto::{
    ConnectionState, EncodeError, StateError, StateOperations, StateSize, StateWriter, Values,
    WithValues,
};

/// Operations that the older copy still lacks are kept for it up to this length; beyond it the copy is given up.
const MAX_LAG_BYTES: usize = 64 * 1024;

/// Memory that is kept for them.
const MAX_KEPT_BYTES: usize = 1024;

/// The connection state at one moment, as a client knows it. It does not change any longer. Clones share it.
///
/// Keep it for as long as it is needed and no longer: if it is still held when the state changes for the second time, the
/// whole state is copied.
pub struct StateSnapshot<S> {
    version: Arc<Version<S>>,
}

/// The connection's values at one moment, as a client knows them: see [`Values`] on how to read them. Clones share them.
///
/// What a [`StateSnapshot`] says of how long to keep it holds for this one as well.
pub struct ValuesSnapshot<S> {
    version: Arc<Version<S>>,
}

/// One of the copies.
struct Version<S> {
    all: WithValues<S>,
    /// Counts the changes.
    number: u64,
}

impl<S> StateSnapshot<S> {
    /// The values beside the state, at the same moment.
    ///
    /// Not a method, so that it is not in the way of the state's own.
    pub fn values(snapshot: &Self) -> &Values {
        &snapshot.version.all.values
    }
}

impl<S> Deref for StateSnapshot<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.version.all.state
    }
}

impl<S> Deref for ValuesSnapshot<S> {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.version.all.values
    }
}

impl<S> Clone for ValuesSnapshot<S> {
    fn clone(&self) -> Self {
        Self { version: Arc::clone(&self.version) }
    }
}

impl<S> fmt::Debug for ValuesSnapshot<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<S> Clone for StateSnapshot<S> {
    fn clone(&self) -> Self {
        Self { version: Arc::clone(&self.version) }
    }
}

impl<S: fmt::Debug> fmt::Debug for StateSnapshot<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// What readers see.
pub(super) struct PublishedState<S> {
    published: ArcSwap<Version<S>>,
    pub(super) changed: Event,
}

impl<S: ConnectionState> PublishedState<S> {
    pub(super) fn new() -> Self {
        Self { published: ArcSwap::new(Arc::new(Version::first())), changed: Event::new() }
    }

    pub(super) fn get(&self) -> StateSnapshot<S> {
        StateSnapshot { version: self.published.load_full() }
    }

    pub(super) fn values(&self) -> ValuesSnapshot<S> {
        ValuesSnapshot { version: self.published.load_full() }
    }

    /// The state, if it has changed since version `seen`, which is brought up to date.
    pub(super) fn newer_than(&self, seen: &mut u64) -> Option<StateSnapshot<S>> {
        let version = self.published.load();
        if version.number == *seen {
            return None;
        }
        *seen = version.number;
        Some(StateSnapshot { version: Arc::clone(&version) })
    }

    /// Which version it is.
    pub(super) fn number(&self) -> u64 {
        self.published.load().number
    }
}

impl<S: ConnectionState> Version<S> {
    fn first() -> Self {
        Self { all: WithValues::initial(), number: 0 }
    }

    /// A copy by way of the encoding, since a state need not be `Clone`.
    fn copy(&self) -> Result<Self, StateError> {
        let mut all = WithValues::initial();
        all.apply(StateOperations::new(&self.snapshot()?))?;
        Ok(Self { all, number: self.number })
    }

    fn snapshot(&self) -> Result<Bytes, EncodeError> {
        let mut writer = StateWriter::new();
        self.all.snapshot(&mut writer)?;
        Ok(writer.finish())
    }
}

/// The driver's side of the copies.
pub(super) struct StateReplica<S> {
    /// The one that is not published. While it is behind, readers may still have it; else nobody does.
    back: Option<Arc<Version<S>>>,
    is_behind: bool,
    /// Nothing was applied yet.
    is_first: bool,
    /// What it lacks while it is behind.
    lag: Vec<u8>,
    size: StateSize,
    max_bytes: usize,
}

impl<S: ConnectionState> StateReplica<S> {
    pub(super) fn new(max_bytes: usize) -> Self {
        let back = Some(Arc::new(Version::first()));
        let size = StateSize::new();
        Self { back, is_behind: false, is_first: true, lag: Vec::new(), size, max_bytes }
    }

    /// Applies operations, all or none, and publishes the result: whether the state may be as large as it is now.
    pub(super) fn apply(
        &mut self,
        copy: &PublishedState<S>,
        operations: &[u8],
    ) -> Result<bool, StateError> {
        let current = copy.published.load_full();
        let mut next = self.take_back(&current)?;
        let version = Arc::get_mut(&mut next).expect("nobody reads a copy that is not behind");
        let applied = version.all.apply(StateOperations::new(operations));
        if applied.is_ok() {
            version.number = current.number + 1;
            drop(current);
            next = copy.published.swap(next);
            self.lag.extend_from_slice(operations);
            self.is_behind = true;
            copy.changed.notify(usize::MAX);
        }
        // The copy of another connection may have what a snapshot leaves out.
        let is_own = !std::mem::replace(&mut self.is_first, false);
        self.back = is_own.then_some(next);
        applied?;
        let measure = || copy.published.load().snapshot().map(|snapshot| snapshot.len());
        Ok(self.size.allows(operations.len(), self.max_bytes, measure)?)
    }

    /// A copy of the current version that nobody else has.
    fn take_back(&mut self, current: &Version<S>) -> Result<Arc<Version<S>>, StateError> {
        self.catch_up()?;
        let back = self.back.take().filter(|_| !self.is_behind);
        self.is_behind = false;
        self.lag.clear();
        back.map_or_else(|| current.copy().map(Arc::new), Ok)
    }

    /// Brings the copy that is not published up to date, unless somebody reads it. Best done once callers have their
    /// answers.
    pub(super) fn catch_up(&mut self) -> Result<(), StateError> {
        if !self.is_behind {
            return Ok(());
        }
        if let Some(version) = self.back.as_mut().and_then(Arc::get_mut) {
            version.all.apply(StateOperations::new(&self.lag))?;
            self.is_behind = false;
            self.lag.clear();
            self.lag.shrink_to(MAX_KEPT_BYTES);
        } else if self.lag.len() > MAX_LAG_BYTES {
            // By the time that it is free the state would be copied with less.
            self.back = None;
            self.lag = Vec::new();
        }
        Ok(())
    }
}
