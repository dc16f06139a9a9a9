//! The topics that a client is subscribed to, as the server has announced them (SPEC.md, section 13).

use alloc::{collections::BinaryHeap, vec::Vec};

use bytes::Bytes;

use crate::{
    error::{ConnectionError, ProtocolError},
    frame::{Resume, ResumeTopic, TopicStart},
    limits::{MAX_TOPIC_NAME_BYTES, TOPIC_OVERHEAD_BYTES},
    sorted_map::SortedMap,
};

/// Topics by their number.
#[derive(Debug)]
pub(super) struct Topics {
    topics: SortedMap<u64, Topic>,
    bytes: usize,
    max_bytes: usize,
    /// The server's epoch.
    epoch: Option<u64>,
    /// Where the client is to go on, by name, as far as the server has not said how.
    earlier: SortedMap<Bytes, Earlier>,
    /// The epoch of that.
    earlier_epoch: Option<u64>,
    /// There were more of these than there is room for.
    forgot_some: bool,
}

/// A topic of an earlier connection.
#[derive(Clone, Copy, Debug)]
struct Earlier {
    /// The sequence number of the next event.
    next: u64,
    /// Whether the server was asked to go on there. If not, a Hello had no room for it.
    is_asked: bool,
}

/// In place of a number that is not known: the server's is lower, so it says that it does not know what is missing.
const UNKNOWN: u64 = u64::MAX;

/// How a topic begins.
pub(super) struct Announced {
    pub(super) name: Bytes,
    pub(super) start: TopicStart,
    /// The first and the last event that are missing, as the client itself knows.
    pub(super) missed: Option<(u64, u64)>,
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
            topics: SortedMap::new(),
            bytes: 0,
            max_bytes,
            epoch: None,
            earlier: SortedMap::new(),
            earlier_epoch: None,
            forgot_some: false,
        }
    }

    pub(super) const fn set_epoch(&mut self, epoch: Option<u64>) {
        self.epoch = epoch;
    }

    /// The client is to go on from an earlier connection; it asks for as many of its topics as `asked`, the first.
    pub(super) fn go_on(&mut self, resume: Resume, asked: usize) {
        self.earlier_epoch = Some(resume.epoch);
        let mut bytes = 0;
        for (place, ResumeTopic { name, next }) in resume.topics.into_iter().enumerate() {
            let is_asked = place < asked;
            bytes += name.len() + TOPIC_OVERHEAD_BYTES;
            if is_asked || bytes <= self.max_bytes {
                self.earlier.insert(name, Earlier { next, is_asked });
            } else {
                self.forgot_some = true;
            }
        }
    }

    /// How far the client came: on the topics it is subscribed to, and on those it was to go on with and was not subscribed
    /// to yet. Of another epoch that is known of the latter only, and no number of theirs in this one.
    pub(super) fn resume(&self) -> Option<Resume> {
        let epoch = self.epoch.or(self.earlier_epoch)?;
        let number = |next| if self.earlier_epoch == Some(epoch) { next } else { UNKNOWN };
        let earlier = self.earlier.iter();
        let mut topics: BinaryHeap<_> =
            earlier.map(|(name, earlier)| (name.clone(), number(earlier.next))).collect();
        if self.epoch.is_some() {
            topics.extend(self.topics.values().map(|topic| (topic.name.clone(), topic.next)));
        }
        // A heap sorts by less code than a sort does, which a browser has to download.
        let topics = topics.into_sorted_vec().into_iter();
        let mut topics: Vec<_> = topics.map(|(name, next)| ResumeTopic { name, next }).collect();
        // One that was announced is no longer among the earlier ones; only a server that broke the protocol announces one twice.
        topics.dedup_by(|a, b| a.name == b.name);
        (!topics.is_empty()).then_some(Resume { epoch, topics })
    }

    pub(super) fn announce(
        &mut self,
        topic: u64,
        next: u64,
        start: TopicStart,
        name: &Bytes,
    ) -> Result<Announced, ConnectionError> {
        if self.topics.contains_key(&topic) {
            return Err(ProtocolError::InvalidTopic.into());
        }
        let same_epoch = self.earlier_epoch.is_some() && self.earlier_epoch == self.epoch;
        let earlier = self.earlier.remove(name);
        let asked = earlier.filter(|earlier| earlier.is_asked).map(|earlier| earlier.next);
        let fits = match (asked, start) {
            (None, start) => start == TopicStart::Fresh,
            (Some(_), TopicStart::Fresh) => false,
            (Some(asked), TopicStart::Resumed) => same_epoch && next == asked,
            (Some(asked), TopicStart::Restarted) => !same_epoch || next < asked,
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
        // What the server was not asked for the client finds out by itself.
        let (start, from) = match earlier {
            Some(Earlier { next: from, is_asked: false }) if same_epoch && from <= next => {
                (TopicStart::Resumed, from)
            }
            Some(Earlier { is_asked: false, .. }) => (TopicStart::Restarted, next),
            None if self.forgot_some => (TopicStart::Restarted, next),
            _ => (start, next),
        };
        self.topics.insert(topic, Topic { name: name.clone(), next: from });
        Ok(Announced { name, start, missed: (from < next).then(|| (from, next - 1)) })
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
