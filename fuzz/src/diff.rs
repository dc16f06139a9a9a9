//! Differences of arbitrary states, one after the other.

mod edits;
mod model;

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use hardlight_proto::{
    ConnectionState as _, EncodeError, StateOperation, StateOperations, StateWriter,
};

use self::{edits::edit, model::State};

/// A copy that every difference is applied to is the state, whatever happened in between. A difference is written if there
/// is one, once, and is no longer than the whole. A connection that lacks fields has their defaults, and gets their values
/// when it gains them.
///
/// An input is a list of edits, of sending what they changed, and of fields that are lost and gained.
pub fn diff(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let mut run = Run::new();
    while !input.is_empty() {
        if run.step(&mut input).is_err() || run.too_deep {
            return;
        }
    }
    run.send();
}

/// The values of fields. Two states are the same if these are.
type Values = BTreeMap<u32, Bytes>;

type Shadow = <State as hardlight_proto::ConnectionState>::Shadow;

struct Run {
    state: State,
    shadow: Shadow,
    /// What the client has, and the values of its fields.
    copy: State,
    copied: Values,
    /// The values of fields that were never set.
    defaults: Values,
    /// Fields that the connection does not have.
    lacking: BTreeSet<u32>,
    /// What is to be done at the next sending.
    lost: BTreeSet<u32>,
    gained: BTreeSet<u32>,
    /// A value has more levels than can travel.
    too_deep: bool,
}

impl Run {
    fn new() -> Self {
        let mut state = State::initial();
        let defaults = values(&state, &BTreeSet::new()).expect("it is not deep");
        Self {
            shadow: state.shadow(),
            state,
            copy: State::initial(),
            copied: defaults.clone(),
            defaults,
            lacking: BTreeSet::new(),
            lost: BTreeSet::new(),
            gained: BTreeSet::new(),
            too_deep: false,
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match input.arbitrary::<u8>()? % 16 {
            0 => self.state = input.arbitrary()?,
            1 => self.lose_or_gain(input.arbitrary()?),
            2..=5 => self.send(),
            _ => edit(&mut self.state, input)?,
        }
        Ok(())
    }

    fn lose_or_gain(&mut self, field: u8) {
        let field = u32::from(field) % model::FIELDS;
        // One thing at a time, as between two FEATURES frames.
        self.send();
        if self.lacking.remove(&field) {
            self.gained.insert(field);
        } else {
            self.lacking.insert(field);
            self.lost.insert(field);
        }
        self.send();
    }

    /// What changed is sent, and applied.
    fn send(&mut self) {
        if self.too_deep {
            return;
        }
        let treated = !self.lost.is_empty() || !self.gained.is_empty();
        let written = self.difference();
        let whole = self.expected();
        assert_eq!(written.is_ok(), whole.is_ok(), "{written:?}");
        let (Ok(operations), Ok(whole)) = (written, whole) else {
            self.too_deep = true;
            return;
        };
        assert_eq!(self.copy.apply(StateOperations::new(&operations)), Ok(()));
        let before = std::mem::replace(&mut self.copied, whole);
        assert!(values(&self.copy, &BTreeSet::new()).as_ref() == Ok(&self.copied));
        if !treated {
            assert_eq!(operations.is_empty(), before == self.copied);
            assert!(
                operations.len() <= whole_len(&self.copied),
                "longer than the whole"
            );
        }
        let again = self.difference().expect("it was sent");
        assert!(again.is_empty(), "the shadow was not brought up to date");
    }

    fn difference(&mut self) -> std::result::Result<Bytes, EncodeError> {
        let mut out = StateWriter::new();
        self.lacking.iter().for_each(|&field| out.leave_out(field));
        std::mem::take(&mut self.lost)
            .into_iter()
            .for_each(|field| out.reset(field));
        std::mem::take(&mut self.gained)
            .into_iter()
            .for_each(|field| out.send_whole(field));
        self.state.diff(&mut self.shadow, &mut out)?;
        Ok(out.finish())
    }

    /// The values as the client is to have them.
    fn expected(&self) -> std::result::Result<Values, EncodeError> {
        let mut expected = values(&self.state, &self.lacking)?;
        for (field, value) in &self.defaults {
            expected.entry(*field).or_insert_with(|| value.clone());
        }
        Ok(expected)
    }
}

/// The values of all fields but some.
fn values(state: &State, lacking: &BTreeSet<u32>) -> std::result::Result<Values, EncodeError> {
    let mut out = StateWriter::new();
    lacking.iter().for_each(|&field| out.leave_out(field));
    state.snapshot(&mut out)?;
    let snapshot = out.finish();
    let value = |operation| match operation {
        Ok(StateOperation::Set { field, value }) => (field, snapshot.slice_ref(value)),
        other => panic!("{other:?} in a snapshot"),
    };
    Ok(StateOperations::new(&snapshot).map(value).collect())
}

/// How many bytes a snapshot has, at least.
fn whole_len(values: &Values) -> usize {
    values.values().map(|value| 2 + value.len()).sum()
}
