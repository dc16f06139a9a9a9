//! What events are about: a name.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{borrow::Borrow, fmt, str};

use bytes::Bytes;

/// The name of a topic: text, usually, or any bytes. Cheap to clone.
///
/// A topic comes to be when the first connection subscribes to it, and is gone with the last. Names of more than
/// [`MAX_TOPIC_NAME_BYTES`](crate::MAX_TOPIC_NAME_BYTES) cannot be subscribed to.
///
/// No character of it means anything here: `a/+` is a topic like any other. What wildcards match is a pattern, which is a
/// type of its own.
///
/// It may travel: in state, in calls and in events. There it is a list of bytes, as `Vec<u8>` and `Bytes` are
/// (`vec<u8>`, SPEC.md, section 20), whatever the bytes are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<[u8]>);

impl Topic {
    /// The name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    /// The name, as frames have it. Copies it.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }
}

/// The empty name.
impl Default for Topic {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl From<&str> for Topic {
    fn from(name: &str) -> Self {
        Self(name.as_bytes().into())
    }
}

impl From<String> for Topic {
    fn from(name: String) -> Self {
        Self(name.into_bytes().into())
    }
}

impl From<&String> for Topic {
    fn from(name: &String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<&[u8]> for Topic {
    fn from(name: &[u8]) -> Self {
        Self(name.into())
    }
}

impl From<Vec<u8>> for Topic {
    fn from(name: Vec<u8>) -> Self {
        Self(name.into())
    }
}

impl From<Bytes> for Topic {
    fn from(name: Bytes) -> Self {
        Self(name.as_ref().into())
    }
}

impl From<&Self> for Topic {
    fn from(topic: &Self) -> Self {
        topic.clone()
    }
}

impl AsRef<[u8]> for Topic {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Hashes and compares as its bytes do.
impl Borrow<[u8]> for Topic {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for Topic {
    fn eq(&self, name: &str) -> bool {
        *self.0 == *name.as_bytes()
    }
}

impl PartialEq<&str> for Topic {
    fn eq(&self, name: &&str) -> bool {
        *self == **name
    }
}

/// Bytes that are not UTF-8 are shown as U+FFFD.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}
