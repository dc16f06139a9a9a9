//! Values by their type.

use std::fmt;

use http::Extensions;
use parking_lot::RwLock;

/// Values of the application's own, one of each type: who the user is, for one. It may be used from anywhere.
///
/// Without any it holds no memory. Values are given out as clones: put an `Arc` in for what is large, or is to be changed.
#[derive(Default)]
pub struct TypeMap(RwLock<Extensions>);

impl TypeMap {
    /// Without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of this type.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.read().get().cloned()
    }

    /// Whether there is a value of this type.
    pub fn contains<T: Send + Sync + 'static>(&self) -> bool {
        self.0.read().get::<T>().is_some()
    }

    /// Puts a value in: the one of this type that was there before.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        self.0.write().insert(value)
    }

    /// The value of this type; if there is none it is made and put in. If two make it at the same time, the first one's stays.
    pub fn get_or_insert_with<T: Clone + Send + Sync + 'static>(
        &self,
        make: impl FnOnce() -> T,
    ) -> T {
        if let Some(value) = self.get() {
            return value;
        }
        // Without the lock, so that it may use the map.
        let made = make();
        self.0.write().get_or_insert(made).clone()
    }

    /// Takes the value of this type out.
    pub fn remove<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.write().remove()
    }
}

/// Shows how many values there are: they may be secret.
impl fmt::Debug for TypeMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeMap").field("len", &self.0.read().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct User(&'static str);

    #[test]
    fn a_value_is_found_by_its_type_until_it_is_taken_out() {
        let map = TypeMap::new();
        assert_eq!(map.get::<User>(), None);
        assert_eq!(map.insert(User("alice")), None);
        assert_eq!(map.insert(7_u32), None);
        assert_eq!(map.insert(User("bob")), Some(User("alice")));
        assert_eq!((map.get(), map.get()), (Some(User("bob")), Some(7_u32)));
        assert!(map.contains::<User>() && !map.contains::<String>());
        assert_eq!(map.remove(), Some(User("bob")));
        assert!(!map.contains::<User>());
    }

    #[test]
    fn a_value_is_made_once_and_what_makes_it_may_use_the_map() {
        let map = TypeMap::new();
        let made = map.get_or_insert_with(|| User(if map.contains::<u32>() { "b" } else { "a" }));
        assert_eq!(made, User("a"));
        assert_eq!(map.get_or_insert_with(|| User("c")), User("a"));
        // Two at once.
        let late = TypeMap::new();
        let second = late.get_or_insert_with(|| {
            late.insert(User("first"));
            User("second")
        });
        assert_eq!(second, User("first"));
    }

    #[test]
    fn debug_shows_no_values() {
        let map = TypeMap::new();
        map.insert("secret");
        assert_eq!(format!("{map:?}"), "TypeMap { len: 1 }");
    }
}
