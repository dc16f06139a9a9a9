//! A change of a schema, and what it means for an older client.

use std::fmt;

/// What is different in a newer schema. Shown, it is a sentence that says what, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The service, as the older schema calls it.
    pub service: String,
    /// The part that it is a change of.
    pub part: Part,
    /// The name of what has changed, as the older schema has it; of what was added, as the newer has it.
    pub name: String,
    /// What has changed.
    pub what: What,
}

/// A part of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The service as a whole.
    Service,
    /// A method.
    Method,
    /// A field of the state.
    StateField,
    /// A type of event.
    Event,
}

/// What has changed. `ty`, `old` and `new` types are the descriptions of SPEC.md, section 20.1, or, of a type that has none, the
/// word `fingerprint` and its fingerprint. An `index` means something for fields of the state only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The revision of the protocol. Breaks: neither end reads the other.
    Revision {
        /// The older one.
        old: u32,
        /// The newer one.
        new: u32,
    },
    /// The name of the service, which does not travel.
    Renamed {
        /// What it is called now.
        new: String,
    },
    /// It is new.
    Added {
        /// Its place.
        index: u32,
        /// Its type.
        ty: String,
    },
    /// It is gone. Breaks.
    Removed {
        /// The place that it had.
        index: u32,
        /// The type that it had.
        ty: String,
    },
    /// Another field of the state has its index. Breaks: older clients refuse to connect.
    Replaced {
        /// The index.
        index: u32,
        /// The type of the older field.
        old: String,
        /// The name of the newer one.
        name: String,
        /// The type of the newer one.
        new: String,
    },
    /// It is of another type. Breaks.
    Retyped {
        /// Its place.
        index: u32,
        /// The older type.
        old: String,
        /// The newer type.
        new: String,
    },
    /// The feature that it needs. Breaks if it needs one now, and needed none or another one.
    Needs {
        /// Its place.
        index: u32,
        /// Its type.
        ty: String,
        /// The feature that it needed.
        old: Option<String>,
        /// The feature that it needs.
        new: Option<String>,
    },
    /// Whether it is never compressed.
    Secret {
        /// Its place.
        index: u32,
        /// Its type.
        ty: String,
        /// Whether it is secret now.
        new: bool,
    },
}

impl Change {
    /// Whether a client of the older schema misses something at a server of the newer one.
    pub const fn is_breaking(&self) -> bool {
        match &self.what {
            What::Revision { .. }
            | What::Removed { .. }
            | What::Replaced { .. }
            | What::Retyped { .. } => true,
            What::Needs { new, .. } => new.is_some(),
            What::Renamed { .. } | What::Added { .. } | What::Secret { .. } => false,
        }
    }

    /// What comes of it for a client of the older schema.
    const fn consequence(&self) -> &'static str {
        match (&self.what, self.part) {
            (What::Revision { .. }, _) => "clients cannot connect",
            (What::Renamed { .. }, _) => "that name does not travel",
            (What::Added { .. }, Part::Method) => "older clients do not call it",
            (What::Added { .. }, _) => "older clients skip it",
            (What::Removed { .. }, Part::Method) => "calls of it fail with UNKNOWN_METHOD",
            (What::Removed { .. }, Part::StateField) => "clients keep their default of it",
            (What::Removed { .. }, _) => "clients get none any longer",
            (What::Replaced { .. }, _) | (What::Retyped { .. }, Part::StateField) => {
                "clients refuse to connect"
            }
            (What::Retyped { .. }, Part::Method) => "calls of it fail with INCOMPATIBLE_METHOD",
            (What::Retyped { .. }, _) => "clients skip it",
            (What::Needs { new: None, .. }, _) => "no connection has less than before",
            (What::Needs { .. }, Part::Method) => {
                "without that feature calls of it fail with MISSING_FEATURE"
            }
            (What::Needs { .. }, _) => "connections without that feature do not get it",
            (What::Secret { .. }, _) => "clients read either",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, part, name, what } = self;
        write!(f, "{service}: the {part} `{name}`")?;
        if let (Part::StateField, Some(index)) = (part, what.index()) {
            write!(f, " at index {index}")?;
        }
        write!(f, " {what}: {}", self.consequence())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "service",
            Self::Method => "method",
            Self::StateField => "state field",
            Self::Event => "event",
        })
    }
}

impl What {
    const fn index(&self) -> Option<u32> {
        match self {
            Self::Revision { .. } | Self::Renamed { .. } => None,
            Self::Added { index, .. }
            | Self::Removed { index, .. }
            | Self::Replaced { index, .. }
            | Self::Retyped { index, .. }
            | Self::Needs { index, .. }
            | Self::Secret { index, .. } => Some(*index),
        }
    }
}

/// What is said of the name.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revision { old, new } => {
                write!(f, "speaks revision {new} of the protocol, and spoke {old}")
            }
            Self::Renamed { new } => write!(f, "is called `{new}` now"),
            Self::Added { ty, .. } => write!(f, "(`{ty}`) is new"),
            Self::Removed { ty, .. } => write!(f, "(`{ty}`) is gone"),
            Self::Replaced { old, name, new, .. } => {
                write!(f, "(`{old}`) has given its place to `{name}` (`{new}`)")
            }
            Self::Retyped { old, new, .. } => write!(f, "was `{old}` and is `{new}`"),
            Self::Needs { ty, old, new, .. } => feature(f, ty, old.as_deref(), new.as_deref()),
            Self::Secret { ty, new: true, .. } => write!(f, "(`{ty}`) is secret now"),
            Self::Secret { ty, new: false, .. } => write!(f, "(`{ty}`) is no longer secret"),
        }
    }
}

fn feature(
    f: &mut fmt::Formatter<'_>,
    ty: &str,
    old: Option<&str>,
    new: Option<&str>,
) -> fmt::Result {
    match (old, new) {
        (None, Some(new)) => write!(f, "(`{ty}`) needs the feature `{new}`, and needed none"),
        (Some(old), Some(new)) => {
            write!(f, "(`{ty}`) needs the feature `{new}`, and needed `{old}`")
        }
        (Some(old), None) => write!(f, "(`{ty}`) no longer needs the feature `{old}`"),
        (None, None) => write!(f, "(`{ty}`) needs no feature"),
    }
}
