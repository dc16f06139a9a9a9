//! Values by name, beside the server's state.

use std::fmt;

use hardlight_proto::{Codable, ConnectionState, ValueError, Values};

use super::state::{StateCell, StateGuard, StateReadGuard};

/// The values of one connection, on the server: anything that travels, by name, beside the state and without a type of
/// their own. The client has a copy of them, but for those that are private.
///
/// Each of these methods locks the connection's state for as long as it runs, so that values change in one order with the
/// state, and are there before the answer like it. To change several at once, or some together with the state, lock it and
/// use [`StateGuard::values`].
pub struct ValuesCell<'a, S: ConnectionState> {
    state: &'a StateCell<S>,
}

/// # Panics
///
/// Every method panics if this thread holds the state by a guard that is still alive, as [`StateCell::lock`] does (to read
/// values: as [`StateCell::read`] does).
impl<'a, S: ConnectionState> ValuesCell<'a, S> {
    pub(super) const fn new(state: &'a StateCell<S>) -> Self {
        Self { state }
    }

    /// The value of this name, if there is one, private or not.
    ///
    /// # Errors
    ///
    /// [`ValueError::OtherType`] if it is of another type.
    #[track_caller]
    pub fn get<T: Codable>(&self, name: &str) -> Result<Option<T>, ValueError> {
        self.read(|values| values.get(name))
    }

    /// Sets a value, which the client gets.
    ///
    /// # Errors
    ///
    /// [`ValueError::Private`] if there is a private one of that name, [`ValueError::Encode`] if it cannot be encoded. What
    /// was there stays.
    #[track_caller]
    pub fn set<T: Codable>(&self, name: &str, value: &T) -> Result<(), ValueError> {
        self.change(|values| values.set(name, value))
    }

    /// Sets a value that never leaves the server: a token, a session. If the client has one of that name, it goes.
    ///
    /// # Errors
    ///
    /// [`ValueError::Encode`] if it cannot be encoded. What was there stays.
    #[track_caller]
    pub fn set_private<T: Codable>(&self, name: &str, value: &T) -> Result<(), ValueError> {
        self.change(|values| values.set_private(name, value))
    }

    /// Removes a value: whether there was one.
    #[track_caller]
    pub fn remove(&self, name: &str) -> bool {
        self.change(|values| values.remove(name))
    }

    /// Removes all values.
    #[track_caller]
    pub fn clear(&self) {
        self.change(Values::clear);
    }

    /// Whether there is a value of this name.
    #[track_caller]
    pub fn contains(&self, name: &str) -> bool {
        self.read(|values| values.contains(name))
    }

    /// The names, in order; those of private values last.
    #[track_caller]
    pub fn names(&self) -> Vec<String> {
        self.read(|values| values.names().map(Into::into).collect())
    }

    #[track_caller]
    fn read<R>(&self, look: impl FnOnce(&Values) -> R) -> R {
        look(StateReadGuard::values(&self.state.read()))
    }

    #[track_caller]
    fn change<R>(&self, change: impl FnOnce(&mut Values) -> R) -> R {
        change(StateGuard::values(&mut self.state.lock()))
    }
}

impl<S: ConnectionState> Clone for ValuesCell<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ConnectionState> Copy for ValuesCell<'_, S> {}

impl<S: ConnectionState> fmt::Debug for ValuesCell<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValuesCell").finish_non_exhaustive()
    }
}
