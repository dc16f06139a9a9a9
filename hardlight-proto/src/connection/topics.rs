//! The topics that a client is subscribed to, as the server has announced them.

use alloc::collections::{BTreeMap, btree_map::Entry};

use bytes::Bytes;

use crate::{
    error::{ConnectionError, ProtocolError},
    limits::{MAX_TOPIC_NAME_BYTES, TOPIC_OVERHEAD_BYTES},
};

/// Topics by their number.
#[derive(Debug)]
pub(super) struct Topics {
    topics: BTreeMap<u64, Topic>,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Topic {
    name: Bytes,
    /// The sequence number of the next event.
    next: u64,
}

impl Topics {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { topics: BTreeMap::new(), bytes: 0, max_bytes }
    }

    pub(super) fn announce(
        &mut self,
        topic: u64,
        next: u64,
        name: &Bytes,
    ) -> Result<Bytes, ConnectionError> {
        let Entry::Vacant(place) = self.topics.entry(topic) else {
            return Err(ProtocolError::InvalidTopic.into());
        };
        if name.len() > MAX_TOPIC_NAME_BYTES {
            return Err(ProtocolError::InvalidTopic.into());
        }
        self.bytes += name.len() + TOPIC_OVERHEAD_BYTES;
        if self.bytes > self.max_bytes {
            let allowed = self.max_bytes;
            return Err(ConnectionError::LimitExceeded { limit: "max_topic_bytes", allowed });
        }
        // A slice would keep the whole message it came in.
        let name = Bytes::copy_from_slice(name);
        place.insert(Topic { name: name.clone(), next });
        Ok(name)
    }

    pub(super) fn leave(&mut self, topic: u64) -> Result<Bytes, ProtocolError> {
        let left = self.topics.remove(&topic).ok_or(ProtocolError::InvalidTopic)?;
        self.bytes -= left.name.len() + TOPIC_OVERHEAD_BYTES;
        Ok(left.name)
    }

    /// Moves a topic on over the events from `first` to `last`, which must be the next: its name.
    pub(super) fn advance(
        &mut self,
        topic: u64,
        first: u64,
        last: u64,
    ) -> Result<Bytes, ProtocolError> {
        let topic = self.topics.get_mut(&topic).ok_or(ProtocolError::InvalidTopic)?;
        let next = last.checked_add(1).filter(|_| first == topic.next && first <= last);
        topic.next = next.ok_or(ProtocolError::EventSequence)?;
        Ok(topic.name.clone())
    }
}
