//! Some of a service's methods, or all.

use std::collections::BTreeSet;

use super::Call;
use crate::service::ServiceMethod;

/// The methods that a layer is about.
pub(super) struct Methods(Option<BTreeSet<&'static str>>);

impl Methods {
    pub(super) const fn all() -> Self {
        Self(None)
    }

    /// Only these, and those that were named before.
    pub(super) fn add(&mut self, methods: impl IntoIterator<Item = impl ServiceMethod>) {
        let names = self.0.get_or_insert_default();
        names.extend(methods.into_iter().map(ServiceMethod::name));
    }

    pub(super) fn contain(&self, call: &Call) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(call.method()))
    }
}
