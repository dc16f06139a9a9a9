//! The server's connection state: a lock whose guard sends what changed.

use std::{
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    panic::Location,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering, fence},
    },
};

use bytes::Bytes;
use hardlight_proto::{
    ConnectionState, EncodeError, EventSchema, FeatureSet, GatedFields, StateWriter, Values,
    WithValues,
};
use parking_lot::{RecursiveRwLock, RecursiveRwLockReadGuard, RecursiveRwLockWriteGuard, RwLock};

use super::{
    held::{Access, Held},
    mailbox::{Command, ServerMailbox},
    topics::StateTopics,
};
use crate::context::Allowed;

/// The state of one connection, on the server. Clones share it.
///
/// It may be kept and changed for as long as the application likes; once the connection has ended, changes go nowhere.
pub struct StateCell<S: ConnectionState> {
    pub(super) shared: Arc<Shared<S>>,
}

/// What the handles of a server's connection and its driver share.
pub(super) struct Shared<S: ConnectionState> {
    /// One that prefers readers: a thread that reads twice would else wait for a writer that waits for it.
    state: RecursiveRwLock<Tracked<S>>,
    /// The driver found the state locked, and waits for it: a hint to those who hold it.
    awaited: AtomicBool,
    pub(super) mailbox: Arc<ServerMailbox>,
    /// What the connection may do. Changed under the state's lock only.
    pub(super) features: RwLock<FeatureSet>,
    /// The types of events, which may need features.
    types: &'static [EventSchema],
    /// What the connection is subscribed to follows from its state, if the application says so.
    pub(super) topics: OnceLock<StateTopics<S>>,
}

impl<S: ConnectionState> Allowed for Shared<S> {
    fn features(&self) -> FeatureSet {
        self.features.read().clone()
    }

    fn has(&self, feature: &str) -> bool {
        self.features.read().contains(feature)
    }
}

struct Tracked<S: ConnectionState> {
    /// With the values, which so have their place in the order of its changes.
    all: WithValues<S>,
    /// What is known of what the client was last sent.
    shadow: <WithValues<S> as ConnectionState>::Shadow,
    /// Which of the fields that need a feature the client has.
    gated: GatedFields,
    /// Kept for its memory.
    writer: StateWriter,
}

/// The locked state. Read it and write it; what was written is sent to the client when the guard is dropped. A guard that
/// was only read through sends nothing, and compares nothing.
///
/// It cannot be held across an `.await` in a handler: it is not [`Send`].
///
/// After a panic while it is held, the state is as it was left, and is sent like that.
#[must_use = "the state is unlocked again at once"]
pub struct StateGuard<'a, S: ConnectionState> {
    written: bool,
    tracked: RecursiveRwLockWriteGuard<'a, Tracked<S>>,
    /// Stands behind the lock, so that it is dropped after it.
    holds: Holds<'a, S>,
}

/// The state, locked for reading: others may read it at the same time, nobody changes it.
///
/// As a [`StateGuard`], it cannot be held across an `.await` in a handler.
#[must_use = "the state is unlocked again at once"]
pub struct StateReadGuard<'a, S: ConnectionState> {
    tracked: RecursiveRwLockReadGuard<'a, Tracked<S>>,
    /// Stands behind the lock, so that it is dropped after it.
    _holds: Holds<'a, S>,
}

/// What a guard sees to once it has let go of the lock.
struct Holds<'a, S: ConnectionState> {
    shared: &'a Shared<S>,
    held: Held,
    /// parking_lot's own guards would be `Send` if anybody in the build turned on its `send_guard` feature. The pointer
    /// is of the type that they use, so that the compiler says it once.
    not_send: PhantomData<*mut ()>,
}

impl<S: ConnectionState> StateCell<S> {
    /// Locks the state to this thread. Waits while other threads hold it: so hold it briefly, and not while other
    /// connections' states are locked.
    ///
    /// # Panics
    ///
    /// If this thread holds it already, by a guard that is still alive: that would wait for ever. The message names both
    /// places.
    #[track_caller]
    pub fn lock(&self) -> StateGuard<'_, S> {
        self.shared.lock()
    }

    /// Locks the state to this thread, unless anybody holds it.
    #[track_caller]
    pub fn try_lock(&self) -> Option<StateGuard<'_, S>> {
        self.shared.try_lock()
    }

    /// Locks the state for reading. Several may read it at once, also on one thread; who [locks](Self::lock) it waits for
    /// them, and they for it.
    ///
    /// # Panics
    ///
    /// If this thread has locked it, by a [`StateGuard`] that is still alive: that would wait for ever. The message names
    /// both places.
    #[track_caller]
    pub fn read(&self) -> StateReadGuard<'_, S> {
        self.shared.read()
    }
}

impl<S: ConnectionState> Shared<S> {
    /// See [`StateCell::lock`].
    #[track_caller]
    fn lock(&self) -> StateGuard<'_, S> {
        let place = Location::caller();
        match self.state.try_write() {
            Some(tracked) => self.guard(tracked, place),
            None => self.wait_to_lock(place),
        }
    }

    #[track_caller]
    fn try_lock(&self) -> Option<StateGuard<'_, S>> {
        let place = Location::caller();
        self.state.try_write().map(|tracked| self.guard(tracked, place))
    }

    #[track_caller]
    fn read(&self) -> StateReadGuard<'_, S> {
        let place = Location::caller();
        match self.state.try_read() {
            Some(tracked) => self.read_guard(tracked, place),
            None => self.wait_to_read(place),
        }
    }

    #[cold]
    fn wait_to_lock(&self, place: &'static Location<'static>) -> StateGuard<'_, S> {
        if let Some(held) = Held::find(&self.state) {
            held_already(held, "locked", place);
        }
        self.guard(self.state.write(), place)
    }

    #[cold]
    fn wait_to_read(&self, place: &'static Location<'static>) -> StateReadGuard<'_, S> {
        if let Some(held) = Held::find(&self.state)
            && held.access() == Access::Write
        {
            held_already(held, "read", place);
        }
        self.read_guard(self.state.read(), place)
    }

    fn guard<'a>(
        &'a self,
        tracked: RecursiveRwLockWriteGuard<'a, Tracked<S>>,
        place: &'static Location<'static>,
    ) -> StateGuard<'a, S> {
        let holds = Holds::new(self, Access::Write, place);
        StateGuard { written: false, tracked, holds }
    }

    fn read_guard<'a>(
        &'a self,
        tracked: RecursiveRwLockReadGuard<'a, Tracked<S>>,
        place: &'static Location<'static>,
    ) -> StateReadGuard<'a, S> {
        StateReadGuard { tracked, _holds: Holds::new(self, Access::Read, place) }
    }
}

#[cold]
#[track_caller]
fn held_already(held: Held, how: &str, place: &Location<'_>) -> ! {
    let first = match held.access() {
        Access::Write => "locked",
        Access::Read => "read",
    };
    let before = held.place;
    panic!(
        "the connection state is {first} at {before}, and {how} at {place} on the same thread while that guard lives: \
         drop the first one before"
    )
}

impl<'a, S: ConnectionState> Holds<'a, S> {
    fn new(shared: &'a Shared<S>, access: Access, place: &'static Location<'static>) -> Self {
        let held = Held::begin(&shared.state, access, place);
        Self { shared, held, not_send: PhantomData }
    }
}

impl<S: ConnectionState> Drop for Holds<'_, S> {
    fn drop(&mut self) {
        self.held.end();
        // Either this sees that the driver waits, or the driver, which looks once more after it said so, that the state
        // is free.
        fence(Ordering::SeqCst);
        if self.shared.awaited.load(Ordering::Relaxed) {
            self.shared.mailbox.state_is_free();
        }
    }
}

impl<S: ConnectionState> Shared<S> {
    pub(super) fn new(mailbox: Arc<ServerMailbox>, types: &'static [EventSchema]) -> Self {
        mailbox.with(|commands| commands.withhold(types, &FeatureSet::new()));
        let mut all = WithValues::initial();
        let shadow = all.shadow();
        let gated = GatedFields::of::<WithValues<S>>();
        let tracked = Tracked { all, shadow, gated, writer: StateWriter::new() };
        Self {
            state: RecursiveRwLock::new(tracked),
            awaited: AtomicBool::new(false),
            mailbox,
            features: RwLock::default(),
            types,
            topics: OnceLock::new(),
        }
    }

    /// Encodes the whole state, and sends changes from here on: what the connection may do by now, and the state. Panics as [`StateCell::lock`] does.
    #[track_caller]
    pub(super) fn go_live(&self) -> (FeatureSet, Result<Bytes, EncodeError>) {
        let mut guard = self.lock();
        let features = self.features.read().clone();
        let snapshot = guard.tracked.take_snapshot(&features);
        if snapshot.is_ok() {
            self.mailbox.with(|commands| commands.live = true);
        }
        (features, snapshot)
    }

    /// Encodes what has changed, unless somebody holds the state: then the driver is woken once it is free.
    ///
    /// What was encoded before and is still in the mailbox is moved to `commands`: it goes first.
    pub(super) fn try_take_changes(
        &self,
        commands: &mut VecDeque<Command>,
    ) -> Option<Result<Bytes, EncodeError>> {
        let mut guard = self.try_lock();
        if guard.is_none() {
            self.mailbox.with(|commands| commands.awaits_state = true);
            self.awaited.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            // It may have become free before the holder could see that.
            guard = self.try_lock();
        }
        let mut guard = guard?;
        self.awaited.store(false, Ordering::Relaxed);
        self.mailbox.with(|mailbox| {
            mailbox.take_queue(commands);
            mailbox.dirty = false;
            mailbox.awaits_state = false;
        });
        // What a handler wrote that panicked was not looked at yet.
        self.follow_state(&guard);
        Some(guard.tracked.take_changes(&self.features))
    }

    /// Subscribes the connection to what its state says, behind the changes that led to it.
    fn follow_state(&self, state: &S) {
        if let Some(topics) = self.topics.get()
            && !std::thread::panicking()
        {
            topics.follow(state);
        }
    }

    /// Changes what the connection may do: whether `change` says that it did. Panics as [`StateCell::lock`] does.
    ///
    /// The client hears of it in order with what else is sent; of the fields of the state that come and go by it as of any
    /// change of the state.
    #[track_caller]
    pub(super) fn change_features(&self, change: impl FnOnce(&mut FeatureSet) -> bool) -> bool {
        let mut guard = self.lock();
        let mut features = self.features.read().clone();
        if !change(&mut features) {
            return false;
        }
        self.features.write().clone_from(&features);
        self.mailbox.post(|commands| {
            commands.withhold(self.types, &features);
            if commands.live {
                commands.push(Command::Features(features));
            }
        });
        guard.written = true;
        true
    }

    /// Has the connection's subscriptions follow its state from here on, unless they do already. Panics as
    /// [`StateCell::lock`] does.
    #[track_caller]
    pub(super) fn set_topics(&self, topics: StateTopics<S>) {
        let guard = self.lock();
        if self.topics.set(topics).is_ok() {
            self.follow_state(&guard);
        }
    }

    /// Nothing follows from the state any longer: what the application gave for that may hold this connection.
    pub(super) fn forget_topics(&self) {
        if let Some(topics) = self.topics.get() {
            topics.forget();
        }
    }
}

impl<S: ConnectionState> Tracked<S> {
    fn take_snapshot(&mut self, features: &FeatureSet) -> Result<Bytes, EncodeError> {
        self.gated.apply(features, &mut self.writer);
        self.all.snapshot(&mut self.writer)?;
        self.shadow = self.all.shadow();
        Ok(self.writer.take())
    }

    fn take_changes(&mut self, features: &RwLock<FeatureSet>) -> Result<Bytes, EncodeError> {
        if !self.gated.is_empty() {
            self.gated.apply(&features.read(), &mut self.writer);
        }
        self.all.diff(&mut self.shadow, &mut self.writer)?;
        Ok(self.writer.take())
    }
}

impl<S: ConnectionState> StateGuard<'_, S> {
    /// The values beside the state, to be changed together with it: the client gets both changes at once.
    ///
    /// Not a method, so that it is not in the way of the state's own.
    pub fn values(guard: &mut Self) -> &mut Values {
        guard.written = true;
        &mut guard.tracked.all.values
    }
}

impl<S: ConnectionState> StateGuard<'_, S> {
    /// Sends what was written while the state is still locked, so that the order of changes is the order of locks. Not
    /// inlined, so that a guard that was only read through costs little.
    #[inline(never)]
    fn send(&mut self) {
        let shared = self.holds.shared;
        shared.mailbox.send_state(|| self.tracked.take_changes(&shared.features));
        shared.follow_state(&self.tracked.all.state);
    }
}

impl<S: ConnectionState> StateReadGuard<'_, S> {
    /// The values beside the state, as they are at this moment.
    ///
    /// Not a method, so that it is not in the way of the state's own.
    pub fn values(guard: &Self) -> &Values {
        &guard.tracked.all.values
    }
}

impl<S: ConnectionState> Deref for StateGuard<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.tracked.all.state
    }
}

impl<S: ConnectionState> DerefMut for StateGuard<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        self.written = true;
        &mut self.tracked.all.state
    }
}

impl<S: ConnectionState> Deref for StateReadGuard<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.tracked.all.state
    }
}

impl<S: ConnectionState> Drop for StateGuard<'_, S> {
    #[inline]
    fn drop(&mut self) {
        if self.written {
            self.send();
        }
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

impl<S: ConnectionState + fmt::Debug> fmt::Debug for StateReadGuard<'_, S> {
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
