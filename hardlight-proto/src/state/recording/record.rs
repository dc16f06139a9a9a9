use alloc::sync::Arc;
use core::mem;

/// What a collection has recorded since its field was last sent; nothing at all while it is not the value of a field that
/// somebody keeps track of.
pub(super) struct Record<C>(Option<Tied<C>>);

struct Tied<C> {
    tie: Tie,
    changes: C,
}

/// Kept of a field whose value records its changes. The value that has the same tie has recorded all that has happened
/// to it since the field was last sent; any other value, also one that was here before, has not.
///
/// So values may be moved and swapped at will, and a copy of a value is not taken for the value.
#[derive(Clone, Debug)]
pub struct Tie(Arc<()>);

impl<C> Record<C> {
    /// Of a value that nobody keeps track of.
    pub(super) const fn untied() -> Self {
        Self(None)
    }

    /// Where to record, if it is of use.
    pub(super) fn changes(&mut self) -> Option<&mut C> {
        self.0.as_mut().map(|tied| &mut tied.changes)
    }

    /// From now on nobody knows how the value came about.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// From now on changes are recorded.
    pub(super) fn tie(&mut self, no_changes: C) -> Tie {
        let tie = Tie(Arc::new(()));
        self.0 = Some(Tied { tie: tie.clone(), changes: no_changes });
        tie
    }

    /// Whether the field with this tie was sent, and nothing has been recorded since.
    pub(super) fn is_empty(&self, tie: &Tie, is_empty: impl FnOnce(&C) -> bool) -> bool {
        self.tied_by(tie).is_some_and(|tied| is_empty(&tied.changes))
    }

    /// What has changed since the field with this tie was sent, if it is known.
    pub(super) fn take(&mut self, tie: &Tie, no_changes: C) -> Option<C> {
        self.tied_by(tie)?;
        self.changes().map(|changes| mem::replace(changes, no_changes))
    }

    fn tied_by(&self, tie: &Tie) -> Option<&Tied<C>> {
        self.0.as_ref().filter(|tied| Arc::ptr_eq(&tied.tie.0, &tie.0))
    }
}
