//! Features: names that decide what a connection may do (SPEC.md, section 14).

use alloc::{string::String, vec::Vec};

use bytes::{Buf, Bytes};
use thiserror::Error;

use crate::{error::ProtocolError, sink::Sink, varint};

/// The longest name of a feature, in bytes.
pub const MAX_FEATURE_NAME_BYTES: usize = 64;

/// The most features that a connection may have.
pub const MAX_FEATURES: usize = 256;

/// The features of a connection: which methods it may call, and which fields of the state and events it gets.
///
/// Memory: at most [`MAX_FEATURES`] names of [`MAX_FEATURE_NAME_BYTES`] each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureSet {
    /// In ascending order, each once.
    names: Vec<String>,
}

/// Something that a connection may be allowed: a name, which methods, state fields and events may need.
/// `#[derive(Feature)]` implements it for an enum, each variant of which is a feature.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a feature",
    label = "not a feature",
    note = "write `#[derive(Feature)]` on an enum, and name one of its variants"
)]
pub trait Feature {
    /// The feature's name, by which both sides know it: 1 to 64 bytes.
    fn name(&self) -> &'static str;
}

/// Why a feature was not added to a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// A name has 1 to 64 bytes.
    #[error("the name of a feature has 1 to {MAX_FEATURE_NAME_BYTES} bytes")]
    InvalidName,
    /// A connection has at most 256 features.
    #[error("a connection has at most {MAX_FEATURES} features")]
    TooMany,
}

impl FeatureSet {
    /// None.
    pub const fn new() -> Self {
        Self { names: Vec::new() }
    }

    /// Adds a feature.
    ///
    /// # Errors
    ///
    /// [`FeatureError`], if its name cannot travel or there are too many.
    pub fn insert(&mut self, name: impl Into<String>) -> Result<(), FeatureError> {
        let name = name.into();
        if !is_name(&name) {
            return Err(FeatureError::InvalidName);
        }
        let Err(place) = self.names.binary_search(&name) else { return Ok(()) };
        if self.names.len() == MAX_FEATURES {
            return Err(FeatureError::TooMany);
        }
        self.names.insert(place, name);
        Ok(())
    }

    /// Removes a feature: whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let place = self.place(name);
        place.map(|place| self.names.remove(place)).is_ok()
    }

    /// Whether a feature is there.
    pub fn contains(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// How many features there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, in ascending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The names as they travel.
    pub(crate) fn to_names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// Of names that were received, in ascending order.
    pub(crate) const fn of_names(names: Vec<String>) -> Self {
        Self { names }
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|other| other.as_str().cmp(name))
    }
}

pub(crate) fn put(out: &mut (impl Sink + ?Sized), features: &[String]) {
    features.iter().for_each(|name| varint::put_section(out, name.as_bytes()));
}

pub(crate) fn decode(mut body: Bytes) -> Result<Vec<String>, ProtocolError> {
    let mut features = Vec::<String>::new();
    while body.has_remaining() {
        let name = take_text(&mut body)?;
        let ascends = features.last().is_none_or(|last| *last < name);
        if !ascends || !is_name(&name) || features.len() == MAX_FEATURES {
            return Err(ProtocolError::InvalidFeatures);
        }
        features.push(name);
    }
    Ok(features)
}

/// Whether a feature may have this name: 1 to 64 bytes.
fn is_name(name: &str) -> bool {
    (1..=MAX_FEATURE_NAME_BYTES).contains(&name.len())
}

/// Takes a length and a text of that many bytes off the front of `input`.
pub(crate) fn take_text(input: &mut Bytes) -> Result<String, ProtocolError> {
    let text = varint::take_section(input)?;
    core::str::from_utf8(&text).map(Into::into).map_err(|_| ProtocolError::InvalidUtf8)
}
