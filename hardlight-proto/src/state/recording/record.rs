use alloc::sync::Arc;

/// What a collection has recorded since its field was last sent; nothing at all while it is not the value of a field that
/// somebody keeps track of.
///
/// What is kept of such a field is a record too, with the same tie. The value that is tied to it has recorded all that
/// has happened since the field was sent; any other value, also one that was here before, has not. So values may be moved
/// and swapped at will, and a copy of a value is not taken for the value.
pub(super) struct Record<C>(Option<Tied<C>>);

struct Tied<C> {
    /// Nothing but its address counts.
    tie: Arc<()>,
    /// `None` in what is kept.
    changes: Option<C>,
}

impl<C> Record<C> {
    /// Of a value that nobody keeps track of.
    pub(super) const fn untied() -> Self {
        Self(None)
    }

    /// What has been recorded.
    pub(super) fn peek(&self) -> Option<&C> {
        self.0.as_ref()?.changes.as_ref()
    }

    /// Where to record, if it is of use.
    pub(super) fn changes(&mut self) -> Option<&mut C> {
        self.0.as_mut()?.changes.as_mut()
    }

    /// From now on nobody knows how the value came about.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// From now on changes are recorded: gives what is kept of the field.
    pub(super) fn tie(&mut self, no_changes: C) -> Self {
        let tie = Arc::new(());
        self.0 = Some(Tied { tie: Arc::clone(&tie), changes: Some(no_changes) });
        Self(Some(Tied { tie, changes: None }))
    }

    /// Whether all changes have been recorded since the field was sent of which `kept` is kept.
    pub(super) fn is_tied_to(&self, kept: &Self) -> bool {
        match (&self.0, &kept.0) {
            (Some(value), Some(kept)) => Arc::ptr_eq(&value.tie, &kept.tie),
            _ => false,
        }
    }
}
