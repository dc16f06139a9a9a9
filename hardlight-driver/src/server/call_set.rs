//! Sets of calls.

use hardlight_proto::CallId;

/// Calls of one connection, a bit each: however often one is put in, it takes no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallSet([u64; 4]);

impl CallSet {
    /// None.
    pub(crate) const fn new() -> Self {
        Self([0; 4])
    }

    pub(crate) const fn is_empty(self) -> bool {
        let [a, b, c, d] = self.0;
        a | b | c | d == 0
    }

    pub(crate) fn insert(&mut self, id: CallId) {
        self.0[id.index() / 64] |= 1 << (id.0 % 64);
    }

    /// Takes out the one with the lowest number.
    pub(crate) fn pop(&mut self) -> Option<CallId> {
        let word = self.0.iter().position(|bits| *bits != 0)?;
        let bits = &mut self.0[word];
        let id = CallId((word * 64) as u8 + bits.trailing_zeros() as u8);
        *bits &= *bits - 1;
        Some(id)
    }
}
