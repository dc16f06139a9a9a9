//! Why a text is no schema.

use hardlight_proto::Fingerprint;
use thiserror::Error;

use crate::{change::Part, schema::FORMAT};

/// Why a text is not the schema of a service.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It is no JSON, or something is missing or of another type: what, and where.
    #[error("{0}")]
    Malformed(String),
    /// It was written in another version of the format.
    #[error("its format is version {found}, and this program reads version {FORMAT}")]
    UnknownFormat {
        /// The version that it says.
        found: u64,
    },
    /// Two entries of a part have one name.
    #[error("two {part}s are called `{name}`")]
    NameTwice {
        /// What they are.
        part: Part,
        /// Their name.
        name: String,
    },
    /// Two entries of a part have one index.
    #[error("two {part}s have the index {index}")]
    IndexTwice {
        /// What they are.
        part: Part,
        /// Their index.
        index: u32,
    },
    /// A type is not known, or its description is none (SPEC.md, section 20.1).
    #[error("the type of the {part} `{name}` is not known, or none")]
    MalformedType {
        /// What has it.
        part: Part,
        /// The name of that.
        name: String,
    },
    /// A fingerprint is not that of the type beside it.
    #[error("the fingerprint of the {part} `{name}` is not that of its type, {expected}")]
    WrongFingerprint {
        /// What has it.
        part: Part,
        /// The name of that.
        name: String,
        /// The fingerprint of its type.
        expected: Fingerprint,
    },
}
