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
    topics: Mutex<HashMap<Topic, Arc<Mutex<Subscribers>>>>,
    next_topic: AtomicU64,
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
        let offset = RandomState::new().hash_one(0) >> 16;
        Self { topics: Mutex::new(HashMap::new()), next_topic: AtomicU64::new(offset) }
    }

    /// Subscribes a connection, which is not subscribed to the topic yet. Every event that is emitted once this has
    /// returned reaches it.
    pub(crate) fn subscribe(&self, topic: &Topic, mailbox: &Arc<ServerMailbox>) -> Subscription {
        let mut topics = self.topics.lock();
        let entry = topics.entry(topic.clone()).or_insert_with(|| {
            let topic = self.next_topic.fetch_add(1, Ordering::Relaxed);
            Arc::new(Mutex::new(Subscribers { topic, next: 0, mailboxes: Slab::new() }))
        });
        let entry = Arc::clone(entry);
        let mut subscribers = entry.lock();
        drop(topics);
        // Under the topic's lock, so that no event comes between.
        let (number, next) = (subscribers.topic, subscribers.next);
        mailbox.post(|commands| {
            commands.push(Command::Announce { topic: number, next, name: topic.to_bytes() });
        });
        let place = subscribers.mailboxes.insert(Arc::clone(mailbox));
        drop(subscribers);
        Subscription { entry, place }
    }

    pub(crate) fn unsubscribe(&self, topic: &Topic, subscription: &Subscription) {
        let mut topics = self.topics.lock();
        let mut subscribers = subscription.entry.lock();
        let mailbox = subscribers.mailboxes.remove(subscription.place);
        mailbox.post(|commands| commands.push(Command::Leave { topic: subscribers.topic }));
        if subscribers.mailboxes.is_empty() {
            topics.remove(topic);
        }
    }

    /// Sends an event to everybody who is subscribed to the topic: to how many. It is encoded if there is anybody.
    pub(crate) fn emit<Error>(
        &self,
        topic: &Topic,
        encode: impl FnOnce() -> Result<(u32, Bytes), Error>,
    ) -> Result<usize, Error> {
        let Some(entry) = self.topics.lock().get(topic).cloned() else { return Ok(0) };
        let (event, payload) = encode()?;
        let mut subscribers = entry.lock();
        let (number, sequence) = (subscribers.topic, subscribers.next);
        subscribers.next += 1;
        let frame = encode_event(number, sequence, event, payload);
        for (_, mailbox) in &subscribers.mailboxes {
            mailbox.post(|commands| {
                commands.push_event(number, sequence, frame.clone());
            });
        }
        Ok(subscribers.mailboxes.len())
    }
}
