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
    /// What was announced and not seen: the number of the next event. Those that were left before they were sent are never
    /// seen, and which these are only the next event tells.
    announcements: VecDeque<u64>,
    /// The number behind the last that was posted on this connection.
    posted: u64,
    /// Where the client is, while it is subscribed; before its first event, where it may be.
    seen: Option<Vec<u64>>,
    /// Where the client asked to go on, until it is told how.
    asked: Option<u64>,
    /// Where what is kept may begin, from where the client went on: it has to be told so.
    kept_from: Vec<u64>,
    /// The last event that arrived, on any connection.
    arrived: Option<u64>,
    /// What is below was posted before an answer that has arrived.
    floor: u64,
    /// It was announced on this connection, and left.
    was_left: bool,
    /// The client heard nothing of that, and goes on from an earlier connection all the same: what was posted behind the first
    /// announcement may come behind answers.
    begins_again: bool,
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
        self.begins_again |= self.was_left && hint.is_some();
        self.announcements.push_back(next);
        self.posted = self.next;
        let replayed = self.kept.iter().filter(|(sequence, _)| *sequence >= next);
        (next, replayed.cloned().collect())
    }

    pub(crate) fn leave(&mut self) {
        self.was_left |= self.is_announced;
        (self.is_announced, self.is_wanted) = (false, false);
    }

    /// The client has read an answer that was sent behind the events below `posted`.
    pub(super) fn answered(&mut self, posted: u64) {
        self.floor = self.floor.max(posted);
    }

    fn subscribed(&mut self, start: TopicStart) {
        assert!(!self.announcements.is_empty(), "nobody subscribed it");
        let announced: Vec<_> = self.announcements.iter().copied().collect();
        self.seen = match (start, self.asked.take()) {
            (TopicStart::Fresh, None) => Some(announced),
            (TopicStart::Resumed, Some(asked)) => {
                self.kept_from = announced;
                Some(vec![asked])
            }
            how => panic!("{how:?}"),
        };
    }

    /// The next number tells which announcement it was.
    fn began_at(&mut self, next: u64) {
        let place = self.announcements.iter().position(|announced| *announced == next);
        self.announcements.drain(..=place.expect("it was announced so"));
    }

    /// The client hears of what comes next.
    fn hears(&mut self, first: u64, what: &str) {
        let seen = self.seen.as_ref().expect("it is subscribed");
        assert!(seen.contains(&first), "{what} is out of order");
        if seen.len() > 1 {
            self.began_at(first);
        }
    }

    fn unsubscribed(&mut self) {
        let left = self.seen.take();
        assert!(left.is_some(), "it was not subscribed");
        self.kept_from.clear();
    }

    fn arrived(&mut self, sequence: u64) {
        if !std::mem::take(&mut self.kept_from).is_empty() {
            self.began_at(sequence);
        }
        self.hears(sequence, "an event");
        assert!(self.arrived < Some(sequence), "event {sequence} arrives twice");
        let is_behind = self.begins_again || self.floor <= sequence;
        assert!(is_behind, "an answer overtook event {sequence}");
        (self.seen, self.arrived) = (Some(vec![sequence + 1]), Some(sequence));
    }

    fn missed(&mut self, first: u64, last: u64, reason: GapReason) {
        if !std::mem::take(&mut self.kept_from).is_empty() {
            let is_gone = reason == GapReason::Expired;
            self.began_at(if is_gone { last + 1 } else { first });
        }
        self.hears(first, "a gap");
        assert!(first <= last && last < self.next);
        self.seen = Some(vec![last + 1]);
    }

    pub(super) fn check_settled(&self) {
        assert_eq!(self.is_announced, self.seen.is_some());
        let is_next = |seen: &Vec<u64>| seen.contains(&self.next);
        assert!(self.seen.as_ref().is_none_or(is_next), "events are missing that no gap covers");
    }

    /// The client came so far.
    pub(super) fn reconnect(&mut self, next: Option<u64>) {
        (self.asked, self.seen) = (next, None);
        self.is_announced = false;
        self.announcements.clear();
        (self.posted, self.floor) = (0, 0);
        (self.was_left, self.begins_again) = (false, false);
        self.kept_from.clear();
    }
}

/// The client sees something of its topics.
pub(super) fn see(event: &ClientEvent, topics: &mut [Topic; TOPICS]) {
    match event {
        ClientEvent::Subscribed { topic, start } => topics[number(topic)].subscribed(*start),
        ClientEvent::Unsubscribed { topic } => topics[number(topic)].unsubscribed(),
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

/// Checks what the client would ask to go on with.
pub(super) fn check_resume(topics: &[Topic; TOPICS], resume: &[ResumeTopic]) {
    for (topic, number) in topics.iter().zip(0..) {
        let says = position(resume, number);
        let may_say = |next: u64| match &topic.seen {
            Some(seen) => seen.contains(&next),
            None => topic.asked == Some(next),
        };
        let is_known = topic.seen.is_some() || topic.asked.is_some();
        assert!(says.map_or(!is_known, may_say), "how far the client came: {says:?}");
    }
}

/// How far a client came on a topic.
pub(super) fn position(resume: &[ResumeTopic], topic: usize) -> Option<u64> {
    resume.iter().find(|asked| asked.name == name(topic)).map(|asked| asked.next)
}
