//! What events are about: a name.

use std::{fmt, str};

use bytes::Bytes;

/// The name of a topic: text, usually, or any bytes. Cheap to clone.
///
/// A topic comes to be when the first connection subscribes to it, and is gone with the last. Names of more than
/// [`MAX_TOPIC_NAME_BYTES`](hardlight_proto::MAX_TOPIC_NAME_BYTES) cannot be subscribed to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Bytes);

impl Topic {
    /// The name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl From<&str> for Topic {
    fn from(name: &str) -> Self {
        Self(Bytes::copy_from_slice(name.as_bytes()))
    }
}

impl From<String> for Topic {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<&String> for Topic {
    fn from(name: &String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<&[u8]> for Topic {
    fn from(name: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(name))
    }
}

impl From<Vec<u8>> for Topic {
    fn from(name: Vec<u8>) -> Self {
        Self(name.into())
    }
}

impl From<Bytes> for Topic {
    fn from(name: Bytes) -> Self {
        Self(name)
    }
}

impl From<&Self> for Topic {
    fn from(topic: &Self) -> Self {
        topic.clone()
    }
}

impl PartialEq<str> for Topic {
    fn eq(&self, name: &str) -> bool {
        self.0 == name.as_bytes()
    }
}

impl PartialEq<&str> for Topic {
    fn eq(&self, name: &&str) -> bool {
        self.0 == name.as_bytes()
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
