//! The hub of a server: which connections are subscribed to which topic.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use hardlight_proto::encode_event;
use parking_lot::Mutex;
use slab::Slab;

use super::Topic;
use crate::server::mailbox::{Command, ServerMailbox};

/// All topics of a server that somebody is subscribed to.
///
/// Locks are taken in this order: a connection's subscriptions, the topics, one topic, a connection's mailbox.
pub(crate) struct Hub {
    topics: Mutex<Topics>,
    next_topic: AtomicU64,
    /// Stands for this life of the sequence numbers.
    epoch: u64,
}

#[derive(Default)]
struct Topics {
    entries: HashMap<Topic, Arc<Mutex<Subscribers>>>,
    /// No topic that is gone came further than this number. A new one goes on from here, so that nobody who comes back
    /// takes its events for those that were missed.
    highest: u64,
}

/// The subscription of one connection to one topic.
pub(crate) struct Subscription {
    entry: Arc<Mutex<Subscribers>>,
    place: usize,
}

/// Who is subscribed to one topic.
struct Subscribers {
    /// Stands for the topic on the wire; never used again for another one.
    topic: u64,
    /// The sequence number of the next event.
    next: u64,
    mailboxes: Slab<Arc<ServerMailbox>>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        // Somewhere in 48 bits, so that the numbers tell nobody how many topics there were.
        let random = RandomState::new();
        let next_topic = AtomicU64::new(random.hash_one(0) >> 16);
        Self { topics: Mutex::default(), next_topic, epoch: random.hash_one(1) }
    }

    /// Stands for this life of the sequence numbers.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Subscribes a connection, which is not subscribed to the topic yet. Every event that is emitted once this has
    /// returned reaches it.
    pub(crate) fn subscribe(&self, topic: &Topic, mailbox: &Arc<ServerMailbox>) -> Subscription {
        let mut topics = self.topics.lock();
        let next = topics.highest;
        let entry = topics.entries.entry(topic.clone()).or_insert_with(|| {
            let topic = self.next_topic.fetch_add(1, Ordering::Relaxed);
            Arc::new(Mutex::new(Subscribers { topic, next, mailboxes: Slab::new() }))
        });
        let entry = Arc::clone(entry);
        let mut subscribers = entry.lock();
        drop(topics);
        // Under the topic's lock, so that no event comes between.
        let (number, next) = (subscribers.topic, subscribers.next);
        let asleep = mailbox.post_asleep(|commands| {
            commands.push(Command::Announce { topic: number, next, name: topic.to_bytes() });
        });
        let place = subscribers.mailboxes.insert(Arc::clone(mailbox));
        drop(subscribers);
        if asleep {
            mailbox.wake();
        }
        Subscription { entry, place }
    }

    pub(crate) fn unsubscribe(&self, topic: &Topic, subscription: &Subscription) {
        let mut topics = self.topics.lock();
        let mut subscribers = subscription.entry.lock();
        let mailbox = subscribers.mailboxes.remove(subscription.place);
        let number = subscribers.topic;
        let asleep =
            mailbox.post_asleep(|commands| commands.push(Command::Leave { topic: number }));
        if subscribers.mailboxes.is_empty() {
            topics.highest = topics.highest.max(subscribers.next);
            topics.entries.remove(topic);
        }
        drop(subscribers);
        drop(topics);
        if asleep {
            mailbox.wake();
        }
    }

    /// Sends an event to everybody who is subscribed to the topic: to how many. It is encoded if there is anybody.
    pub(crate) fn emit<Error>(
        &self,
        topic: &Topic,
        encode: impl FnOnce() -> Result<(u32, Bytes), Error>,
    ) -> Result<usize, Error> {
        let Some(entry) = self.topics.lock().entries.get(topic).cloned() else { return Ok(0) };
        let (event, payload) = encode()?;
        let mut subscribers = entry.lock();
        let (number, sequence) = (subscribers.topic, subscribers.next);
        subscribers.next += 1;
        let frame = encode_event(number, sequence, event, payload);
        let mut asleep = Vec::new();
        for (_, mailbox) in &subscribers.mailboxes {
            if mailbox.post_asleep(|commands| commands.push_event(number, sequence, frame.clone()))
            {
                asleep.push(Arc::clone(mailbox));
            }
        }
        let reached = subscribers.mailboxes.len();
        drop(subscribers);
        asleep.iter().for_each(|mailbox| mailbox.wake());
        Ok(reached)
    }
}
