//! The topics that a client is subscribed to, as the server has announced them (SPEC.md, section 13).

use alloc::{
    collections::{BTreeMap, btree_map::Entry},
    vec::Vec,
};

use bytes::Bytes;

use crate::{
    error::{ConnectionError, ProtocolError},
    frame::{Resume, ResumeTopic, TopicStart},
    limits::{MAX_TOPIC_NAME_BYTES, TOPIC_OVERHEAD_BYTES},
};

/// Topics by their number.
#[derive(Debug)]
pub(super) struct Topics {
    topics: BTreeMap<u64, Topic>,
    bytes: usize,
    max_bytes: usize,
    /// Where the client asked to go on, by name, as far as the server has not said how.
    asked: BTreeMap<Bytes, u64>,
    /// Whether that is the server's.
    same_epoch: bool,
}

#[derive(Debug)]
struct Topic {
    name: Bytes,
    /// The sequence number of the next event.
    next: u64,
}

impl Topics {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            topics: BTreeMap::new(),
            bytes: 0,
            max_bytes,
            asked: BTreeMap::new(),
            same_epoch: false,
        }
    }

    /// The client asks to go on from an earlier connection, with a server of this epoch.
    pub(super) fn ask(&mut self, resume: &Resume, epoch: Option<u64>) {
        let topics = resume.topics.iter();
        self.asked = topics.map(|topic| (topic.name.clone(), topic.next)).collect();
        self.same_epoch = Some(resume.epoch) == epoch;
    }

    /// How far the client came: on the topics it is subscribed to, and on those it asked for and was not subscribed to
    /// yet, if this is the same epoch.
    pub(super) fn resume_topics(&self) -> Vec<ResumeTopic> {
        let asked = self.asked.iter().filter(|_| self.same_epoch);
        let mut topics: BTreeMap<_, _> = asked.map(|(name, next)| (name.clone(), *next)).collect();
        topics.extend(self.topics.values().map(|topic| (topic.name.clone(), topic.next)));
        topics.into_iter().map(|(name, next)| ResumeTopic { name, next }).collect()
    }

    pub(super) fn announce(
        &mut self,
        topic: u64,
        next: u64,
        start: TopicStart,
        name: &Bytes,
    ) -> Result<Bytes, ConnectionError> {
        let Entry::Vacant(place) = self.topics.entry(topic) else {
            return Err(ProtocolError::InvalidTopic.into());
        };
        let fits = match (self.asked.remove(name), start) {
            (None, start) => start == TopicStart::Fresh,
            (Some(_), TopicStart::Fresh) => false,
            (Some(asked), TopicStart::Resumed) => self.same_epoch && next == asked,
            (Some(asked), TopicStart::Restarted) => !self.same_epoch || next < asked,
        };
        if name.len() > MAX_TOPIC_NAME_BYTES || !fits {
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
