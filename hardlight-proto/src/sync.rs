//! Collections for connection state that record their changes, so that a change costs in proportion to itself and not to
//! the size of the collection.
//!
//! A field of any other type is compared with a copy of what was last sent. That costs a pass over the whole field each
//! time the state was written, and the memory of the copy: nothing for a number, much for a map of a million entries. A
//! [`Map`], a [`List`] or a [`Text`] keeps no copy. Its methods note what they change, and that is what is sent.
//!
//! They are read like [`BTreeMap`](alloc::collections::BTreeMap), [`Vec`](alloc::vec::Vec) and
//! [`str`], to which they deref, and on the wire they are the same types: a client may have a plain `Vec` where the
//! server has a `List`, and a server may change its mind without breaking anybody.
//!
//! # Where they record
//!
//! As fields of the state, on the server. Anywhere else (within another value, in a call, on a client) they are what
//! they deref to: they record nothing, and are compared like any other value.
//!
//! A collection that is put in the place of another one is sent whole, since nobody knows how it came about. So are what
//! `whole_mut` was called on, and one of which so much has changed that the record would be as large as the collection.
//!
//! # Memory
//!
//! Until changes are sent, a `Map` keeps the old value of each entry that was removed, replaced or borrowed mutably, but
//! of no more entries than it has, and 64; a `List` the same of elements, but of no more than 1,024, or
//! a thirty-second of those it has; a `Text` some words for each place that changed, for no more than 1,024 places, or one
//! for every 32 bytes.

pub use crate::state::recording::{List, Map, Text};
