//! The server's connection state: a lock whose guard sends what changed.

use std::{
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use hardlight_proto::{ConnectionState, EncodeError, StateWriter};
use parking_lot::{Mutex, MutexGuard};

use super::{
    mailbox::{Command, ServerMailbox},
    topics::StateTopics,
};

/// The state of one connection, on the server. Clones share it.
///
/// It may be kept and changed for as long as the application likes; once the connection has ended, changes go nowhere.
pub struct StateCell<S: ConnectionState> {
    pub(super) shared: Arc<Shared<S>>,
}

/// What the handles of a server's connection and its driver share.
pub(super) struct Shared<S: ConnectionState> {
    state: Mutex<Tracked<S>>,
    pub(super) mailbox: Arc<ServerMailbox>,
    /// What the connection is subscribed to follows from its state, if the application says so.
    pub(super) topics: OnceLock<StateTopics<S>>,
}

struct Tracked<S: ConnectionState> {
    state: S,
    /// What the client was last sent.
    shadow: S::Shadow,
}

/// The locked state. Read it and write it; what was written is sent to the client when the guard is dropped.
///
/// It cannot be held across an `.await` in a handler: it is not [`Send`].
///
/// After a panic while it is held, the state is as it was left, and is sent like that.
pub struct StateGuard<'a, S: ConnectionState> {
    /// `None` only while it is dropped.
    tracked: Option<MutexGuard<'a, Tracked<S>>>,
    shared: &'a Shared<S>,
    written: bool,
    /// parking_lot's own guard would be `Send` if anybody in the build turned on its `send_guard` feature.
    not_send: PhantomData<*const ()>,
}

impl<S: ConnectionState> StateCell<S> {
    /// Locks the state to this thread. Waits while another thread holds it.
    ///
    /// Locking it twice on one thread, with both guards alive, waits forever. So hold it briefly, and not while other
    /// connections' states are locked.
    pub fn lock(&self) -> StateGuard<'_, S> {
        self.guard(self.shared.state.lock())
    }

    /// Locks the state to this thread, unless it is locked already.
    pub fn try_lock(&self) -> Option<StateGuard<'_, S>> {
        self.shared.state.try_lock().map(|tracked| self.guard(tracked))
    }

    fn guard<'a>(&'a self, tracked: MutexGuard<'a, Tracked<S>>) -> StateGuard<'a, S> {
        StateGuard {
            tracked: Some(tracked),
            shared: &self.shared,
            written: false,
            not_send: PhantomData,
        }
    }
}

impl<S: ConnectionState> Shared<S> {
    pub(super) fn new(mailbox: Arc<ServerMailbox>) -> Self {
        let state = S::initial();
        let shadow = state.shadow();
        Self { state: Mutex::new(Tracked { state, shadow }), mailbox, topics: OnceLock::new() }
    }

    /// Encodes the whole state, and sends changes from here on.
    pub(super) fn go_live(&self) -> Result<Bytes, EncodeError> {
        let mut tracked = self.state.lock();
        let mut writer = StateWriter::new();
        tracked.state.snapshot(&mut writer)?;
        tracked.shadow = tracked.state.shadow();
        self.mailbox.with(|commands| commands.live = true);
        Ok(writer.finish())
    }

    /// Encodes what has changed, unless somebody holds the state: then the driver is woken once it is free.
    ///
    /// What was encoded before and is still in the mailbox is moved to `commands`: it goes first.
    pub(super) fn try_take_changes(
        &self,
        commands: &mut VecDeque<Command>,
    ) -> Option<Result<Bytes, EncodeError>> {
        let mut tracked = self.state.try_lock();
        if tracked.is_none() {
            self.mailbox.with(|commands| commands.awaits_state = true);
            // It may have become free before the holder could see that.
            tracked = self.state.try_lock();
        }
        let mut tracked = tracked?;
        self.mailbox.with(|mailbox| {
            mailbox.take_queue(commands);
            mailbox.dirty = false;
            mailbox.awaits_state = false;
        });
        // What a handler wrote that panicked was not looked at yet.
        self.follow_state(&tracked.state);
        Some(tracked.take_changes())
    }

    /// Subscribes the connection to what its state says, behind the changes that led to it.
    fn follow_state(&self, state: &S) {
        if let Some(topics) = self.topics.get()
            && !std::thread::panicking()
        {
            topics.follow(state);
        }
    }

    /// Has the connection's subscriptions follow its state from here on, unless they do already.
    pub(super) fn set_topics(&self, topics: StateTopics<S>) {
        let tracked = self.state.lock();
        if self.topics.set(topics).is_ok() {
            self.follow_state(&tracked.state);
        }
    }
}

impl<S: ConnectionState> Tracked<S> {
    fn take_changes(&mut self) -> Result<Bytes, EncodeError> {
        let mut writer = StateWriter::new();
        self.state.diff(&mut self.shadow, &mut writer)?;
        Ok(writer.finish())
    }
}

impl<S: ConnectionState> Deref for StateGuard<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        match &self.tracked {
            Some(tracked) => &tracked.state,
            None => unreachable!("a guard holds the lock until it is dropped"),
        }
    }
}

impl<S: ConnectionState> DerefMut for StateGuard<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        self.written = true;
        match &mut self.tracked {
            Some(tracked) => &mut tracked.state,
            None => unreachable!("a guard holds the lock until it is dropped"),
        }
    }
}

impl<S: ConnectionState> Drop for StateGuard<'_, S> {
    fn drop(&mut self) {
        let Some(mut tracked) = self.tracked.take() else {
            return;
        };
        if self.written {
            // While the state is still locked, so that the order of changes is the order of locks.
            self.shared.mailbox.send_state(|| tracked.take_changes());
            self.shared.follow_state(&tracked.state);
        }
        drop(tracked);
        self.shared.mailbox.state_is_free();
    }
}

impl<S: ConnectionState> Clone for StateCell<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: ConnectionState> fmt::Debug for StateCell<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateCell").finish_non_exhaustive()
    }
}

impl<S: ConnectionState + fmt::Debug> fmt::Debug for StateGuard<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// What a state change has for the driver.
impl ServerMailbox {
    fn send_state(&self, changes: impl FnOnce() -> Result<Bytes, EncodeError>) {
        let wanted = self.with(|commands| {
            // A slow client gets fewer, larger changes; so does one whose handler panics just now.
            let later = commands.live && (commands.defers_state() || std::thread::panicking());
            if later {
                commands.dirty = true;
            }
            commands.live && !later
        });
        if !wanted {
            // Not sent yet, or no longer: a snapshot or the driver will see to it.
            return self.wake_if(|commands| commands.dirty);
        }
        match changes() {
            Ok(operations) if operations.is_empty() => {}
            Ok(operations) => self.post(|commands| commands.push(Command::State(operations))),
            Err(error) => self.post(|commands| commands.push(Command::Fail(error))),
        }
    }

    fn state_is_free(&self) {
        self.wake_if(|commands| std::mem::take(&mut commands.awaits_state));
    }
}
