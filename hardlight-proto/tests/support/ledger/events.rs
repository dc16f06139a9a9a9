//! Topics: what is posted on them, and what the client sees of that.

use std::collections::VecDeque;

use bytes::Bytes;
use hardlight_proto::*;

use super::super::payloads::{numbered, read_numbered};

pub(crate) const TOPICS: usize = 3;

/// The latest events of a topic that the server keeps.
const KEPT: usize = 4;

#[derive(Default)]
pub(crate) struct Topic {
    /// The number of the next event.
    next: u64,
    /// The latest events, by number; those that are withheld are not there.
    kept: VecDeque<(u64, Option<EncodedEvent>)>,
    /// On the server the client is subscribed, and is to be so again on its next connection.
    pub(crate) is_wanted: bool,
    /// It was announced on this connection.
    pub(crate) is_announced: bool,
    /// What was announced and not seen: the number of the next event.
    announcements: VecDeque<u64>,
    /// The number behind the last that was posted on this connection.
    posted: u64,
    /// Where the client is, while it is subscribed.
    seen: Option<u64>,
    /// Where the client asked to go on, until it is told how.
    asked: Option<u64>,
    /// Where what is kept begins, behind where the client went on: it has to be told so.
    kept_from: Option<u64>,
    /// The last event that arrived, on any connection.
    arrived: Option<u64>,
    /// What is below was posted before an answer that has arrived.
    floor: u64,
}

pub(crate) fn name(topic: usize) -> Bytes {
    format!("topic {topic}").into()
}

impl Topic {
    /// The number behind the last that was posted on this connection.
    pub(super) fn posted(&self) -> u64 {
        self.posted
    }

    /// The number of the next event.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// An event is posted.
    pub(crate) fn post(&mut self, topic: usize, len: usize) -> EncodedEvent {
        let payload = numbered([topic as u64, self.next], len);
        let event = EncodedEvent::new(topic as u64, self.next, 0, payload);
        self.keep(Some(event.clone()));
        event
    }

    /// A number has no event for this client.
    pub(crate) fn withhold(&mut self) -> u64 {
        self.keep(None);
        self.next - 1
    }

    fn keep(&mut self, event: Option<EncodedEvent>) {
        self.kept.push_back((self.next, event));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        self.next += 1;
        if self.is_announced {
            self.posted = self.next;
        }
    }

    /// The client is subscribed, and sent what is kept from where it left off: the number of the next event, and those.
    pub(crate) fn announce(
        &mut self,
        hint: Option<u64>,
    ) -> (u64, Vec<(u64, Option<EncodedEvent>)>) {
        let oldest = self.kept.front().map_or(self.next, |(sequence, _)| *sequence);
        let next = hint.map_or(self.next, |hint| hint.max(oldest));
        (self.is_announced, self.is_wanted) = (true, true);
        self.announcements.push_back(next);
        self.posted = self.next;
        let replayed = self.kept.iter().filter(|(sequence, _)| *sequence >= next);
        (next, replayed.cloned().collect())
    }

    pub(crate) fn leave(&mut self) {
        (self.is_announced, self.is_wanted) = (false, false);
    }

    /// The client has read an answer that was sent behind the events below `posted`.
    pub(super) fn answered(&mut self, posted: u64) {
        self.floor = self.floor.max(posted);
    }

    fn subscribed(&mut self, start: TopicStart) {
        assert!(self.announcements.front().is_some(), "nobody subscribed it");
        let announced = self.announcements.pop_front();
        self.seen = match (start, self.asked.take()) {
            (TopicStart::Fresh, None) => announced,
            (TopicStart::Resumed, Some(asked)) => {
                self.kept_from = announced.filter(|kept| *kept > asked);
                Some(asked)
            }
            how => panic!("{how:?}"),
        };
    }

    fn arrived(&mut self, sequence: u64) {
        assert_eq!(self.seen, Some(sequence), "an event is out of order");
        assert_eq!(self.kept_from, None);
        assert!(self.arrived < Some(sequence), "event {sequence} arrives twice");
        assert!(self.floor <= sequence, "an answer overtook event {sequence}");
        (self.seen, self.arrived) = (Some(sequence + 1), Some(sequence));
    }

    fn missed(&mut self, first: u64, last: u64, reason: GapReason) {
        let gone = self.kept_from.take().map(|kept| (kept - 1, GapReason::Expired));
        assert!(gone.is_none_or(|gone| gone == (last, reason)), "not told what is no longer kept");
        assert_eq!(self.seen, Some(first), "a gap is out of order");
        assert!(first <= last && last < self.next);
        self.seen = Some(last + 1);
    }

    pub(super) fn check_settled(&self) {
        assert!(self.announcements.is_empty());
        assert_eq!(self.is_announced, self.seen.is_some());
        if self.is_announced {
            assert_eq!(self.seen, Some(self.next), "events are missing that no gap covers");
        }
    }

    pub(super) fn reconnect(&mut self) {
        self.asked = self.seen.take().or(self.asked);
        self.is_announced = false;
        self.announcements.clear();
        (self.posted, self.floor, self.kept_from) = (0, 0, None);
    }
}

/// The client sees something of its topics.
pub(super) fn see(event: &ClientEvent, topics: &mut [Topic; TOPICS]) {
    match event {
        ClientEvent::Subscribed { topic, start } => topics[number(topic)].subscribed(*start),
        ClientEvent::Unsubscribed { topic } => {
            let left = topics[number(topic)].seen.take();
            assert!(left.is_some(), "it was not subscribed");
        }
        ClientEvent::Event { topic, sequence, event, payload, .. } => {
            let topic = number(topic);
            assert_eq!((*event, read_numbered(payload)), (0, [topic as u64, *sequence]));
            topics[topic].arrived(*sequence);
        }
        ClientEvent::Gap { topic, first, last, reason } => {
            topics[number(topic)].missed(*first, *last, *reason);
        }
        event => panic!("{event:?}"),
    }
}

fn number(named: &Bytes) -> usize {
    (0..TOPICS).find(|topic| name(*topic) == named).expect("the name of a topic")
}

/// What the client would ask to go on with.
pub(super) fn resume(topics: &[Topic; TOPICS]) -> Vec<ResumeTopic> {
    let next = topics.iter().map(|topic| topic.seen.or(topic.asked));
    let topics = next.enumerate().filter_map(|(topic, next)| Some((name(topic), next?)));
    topics.map(|(name, next)| ResumeTopic { name, next }).collect()
}
