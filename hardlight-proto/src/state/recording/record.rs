use alloc::sync::Arc;
use core::mem;

/// What a collection has recorded since its field was last sent; nothing at all while it is not the value of a field that
/// somebody keeps track of.
#[derive(Default)]
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

impl<C: Default> Record<C> {
    /// Of a value that nobody keeps track of yet.
    pub(super) const fn untied() -> Self {
        Self(None)
    }

    /// Where to record, if it is of use.
    pub(super) fn changes(&mut self) -> Option<&mut C> {
        self.0.as_mut().map(|tied| &mut tied.changes)
    }

    /// From now on nothing is known about how the value came about.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// From now on changes are recorded.
    pub(super) fn tie(&mut self) -> Tie {
        let tie = Tie(Arc::new(()));
        self.0 = Some(Tied { tie: tie.clone(), changes: C::default() });
        tie
    }

    /// What has changed since the field with this tie was sent, if it is known.
    pub(super) fn take(&mut self, tie: &Tie) -> Option<C> {
        let tied = self.0.as_mut().filter(|tied| Arc::ptr_eq(&tied.tie.0, &tie.0))?;
        Some(mem::take(&mut tied.changes))
    }
}
