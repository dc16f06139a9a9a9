//! What a connection may do, on the server.

use std::fmt;

use hardlight_proto::{ConnectionState, Feature, FeatureSet};

use super::state::StateCell;

/// The features of one connection, on the server: which methods it may call, which fields of the state and which events it
/// gets (SPEC.md, section 14).
///
/// A connection has none until the application gives it some: in the factory, before the client hears of it, or while it
/// lives, after a login for one. Each change is told to the client, before the answer of the call that made it: the features
/// first, then the fields of the state that it gained, or lost.
///
/// What is taken away is gone at once: a call that arrived and has not begun to run is refused, also one that waits in a
/// [layer](crate::layer), and no event is sent that is emitted from there on. Calls that run go on, and so do events that are on their way to a slow client.
pub struct FeaturesCell<'a, S: ConnectionState> {
    state: &'a StateCell<S>,
}

impl<'a, S: ConnectionState> FeaturesCell<'a, S> {
    pub(super) const fn new(state: &'a StateCell<S>) -> Self {
        Self { state }
    }

    /// Whether the connection has a feature.
    pub fn contains(&self, feature: impl Feature) -> bool {
        self.contains_name(feature.name())
    }

    pub(crate) fn contains_name(&self, feature: &str) -> bool {
        self.state.shared.features.read().contains(feature)
    }

    /// All that it has.
    pub fn get(&self) -> FeatureSet {
        self.state.shared.features.read().clone()
    }

    /// Gives the connection a feature: whether it had not.
    ///
    /// # Panics
    ///
    /// If this thread holds the state by a guard that is still alive, as [`StateCell::lock`] does; if the connection has
    /// [256 features](hardlight_proto::MAX_FEATURES) already, or the name is not one of 1 to 64 bytes, which one that is derived
    /// always is.
    #[track_caller]
    pub fn insert(&self, feature: impl Feature) -> bool {
        self.change(|features| insert(features, &feature))
    }

    /// Takes a feature away: whether the connection had it.
    ///
    /// # Panics
    ///
    /// If this thread holds the state by a guard that is still alive, as [`StateCell::lock`] does.
    #[track_caller]
    pub fn remove(&self, feature: impl Feature) -> bool {
        self.change(|features| features.remove(feature.name()))
    }

    /// Gives the connection these features, and takes all others away: whether it had others.
    ///
    /// # Panics
    ///
    /// As [`insert`](Self::insert).
    #[track_caller]
    pub fn set<F: Feature>(&self, features: impl IntoIterator<Item = F>) -> bool {
        let mut new = FeatureSet::new();
        for feature in features {
            insert(&mut new, &feature);
        }
        self.change(|features| {
            let differs = *features != new;
            *features = new;
            differs
        })
    }

    /// Takes all features away: whether the connection had any.
    ///
    /// # Panics
    ///
    /// As [`remove`](Self::remove).
    #[track_caller]
    pub fn clear(&self) -> bool {
        self.change(|features| std::mem::take(features) != FeatureSet::new())
    }

    /// All at once, so that the client never sees a part of the change.
    #[track_caller]
    fn change(&self, change: impl FnOnce(&mut FeatureSet) -> bool) -> bool {
        self.state.shared.change_features(change)
    }
}

fn insert(features: &mut FeatureSet, feature: &impl Feature) -> bool {
    let name = feature.name();
    let is_new = !features.contains(name);
    let inserted = features.insert(name);
    inserted.unwrap_or_else(|error| panic!("feature `{name}`: {error}"));
    is_new
}

impl<S: ConnectionState> Clone for FeaturesCell<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ConnectionState> Copy for FeaturesCell<'_, S> {}

impl<S: ConnectionState> fmt::Debug for FeaturesCell<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.get().iter()).finish()
    }
}
