use alloc::vec::Vec;

use super::{ConnectionState, StateWriter};
use crate::features::FeatureSet;

/// The fields of a state that need a feature, and which of them the client was sent (SPEC.md, section 14.2).
///
/// Memory: 24 bytes or so for each of them; nothing for a state that has none.
#[derive(Debug)]
pub struct GatedFields {
    fields: Vec<GatedField>,
}

#[derive(Debug)]
struct GatedField {
    index: u32,
    feature: &'static str,
    /// The client has it.
    sent: bool,
}

impl GatedFields {
    /// Those of a state of which nothing was sent yet.
    pub fn of<S: ConnectionState>() -> Self {
        let fields = S::schema().into_iter().filter_map(|field| {
            let feature = field.feature?;
            Some(GatedField { index: field.index, feature, sent: false })
        });
        let mut fields = Vec::from_iter(fields);
        // Collected in the memory that all of them were in.
        fields.shrink_to_fit();
        Self { fields }
    }

    /// Whether the state has none.
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Has what is written to `out` next, and sent, bring the client to what a connection with these features has: a field
    /// that it gains is written whole, one that it loses is reset, and one that it lacks is left out.
    pub fn apply(&mut self, features: &FeatureSet, out: &mut StateWriter) {
        for field in &mut self.fields {
            let index = field.index;
            let sent = core::mem::replace(&mut field.sent, features.contains(field.feature));
            match (sent, field.sent) {
                (false, false) => out.leave_out(index),
                (false, true) => out.send_whole(index),
                (true, false) => out.reset(index),
                (true, true) => out.write_as_usual(index),
            }
        }
    }
}
