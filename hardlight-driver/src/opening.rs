//! What was said before a connection began, as the adapter knows it.

use std::{any::Any, fmt, sync::Arc};

/// A request or a response, of a type that only the adapter and the application know.
#[derive(Clone, Default)]
pub(crate) struct Opening(Option<Arc<dyn Any + Send + Sync>>);

impl Opening {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new<T: Send + Sync + 'static>(said: T) -> Self {
        Self(Some(Arc::new(said)))
    }

    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.0.as_deref()?.downcast_ref()
    }
}

impl Opening {
    pub(crate) fn get_shared<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::downcast(Arc::clone(self.0.as_ref()?)).ok()
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opening").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_found_by_its_type_alone() {
        let opening = Opening::new("hello".to_owned());
        assert_eq!(opening.get::<String>().map(String::as_str), Some("hello"));
        assert_eq!(opening.get::<u32>(), None);
        assert_eq!(Opening::none().get::<String>(), None);
    }
}
