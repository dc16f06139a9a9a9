#![no_std]
//! The sans-IO core of HardLight.

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

// The macros name the crate that they find in the manifest, also in this crate's own tests.
#[cfg(all(test, feature = "payload"))]
extern crate self as hardlight_proto;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "payload")]
pub mod payload;
pub mod schema;

#[cfg(feature = "payload")]
pub use payload::{Codable, DecodeError, EncodeError};
pub use schema::{FieldSchema, Fingerprint, MethodSchema, ServiceSchema, TypeDescription};
