#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod change;
mod compare;
mod error;
mod fingerprint;
mod schema;
mod typescript;

pub use change::{Change, Part, What};
pub use compare::compare;
pub use error::SchemaError;
pub use hardlight_proto::{Fingerprint, ServiceSchema};
pub use schema::{Entry, FORMAT, Schema, to_json};
pub use typescript::to_typescript;
