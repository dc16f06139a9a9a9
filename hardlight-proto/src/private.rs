//! What the code that the macros generate refers to. Not for anybody else, and without any promise of stability.

pub use crate::schema::TypeDescription;

#[cfg(feature = "payload")]
pub use crate::payload::{
    Codable, DecodeError, EncodeError, PayloadEncoder,
    member::{ArchivedMember, Beside, CheckedBy, Member, MemberResolver, MemberWire},
};

#[cfg(feature = "payload")]
pub use rkyv;
