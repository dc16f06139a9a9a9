//! What the code that the macros generate refers to, and what the driver shares with the core. Not for anybody else, and
//! without any promise of stability.

pub use alloc::vec::Vec;

pub use bytes::Bytes;

pub use crate::{
    connection::{Unannounced, Untold},
    features::Feature,
    schema::{EventSchema, FieldSchema, TypeDescription},
    sorted_map::SortedMap,
};

#[cfg(feature = "payload")]
pub use crate::{
    event::Events,
    payload::{
        Codable, DecodeError, EncodeError, PayloadEncoder, decode, encode_to_bytes,
        member::{ArchivedMember, Beside, CheckedBy, Member, MemberResolver, MemberWire},
    },
    state::{
        Change, ConnectionState, FieldPatch, PatchError, PatchReader, PatchWriter, StateDiff,
        StateError, StateOperation, StateOperations, StateWriter,
        field::{Field, FieldChange, FieldOf},
        members,
    },
};

#[cfg(feature = "payload")]
pub use rkyv;
