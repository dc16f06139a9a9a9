//! A connection as topics know it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use event_listener::Event;
use hardlight_proto::{TOPIC_OVERHEAD_BYTES, Topic};
use hashbrown::HashTable;
use parking_lot::Mutex;

use super::{Pattern, entry::Entry};
use crate::server::mailbox::ServerMailbox;

/// Names a connection among those of a hub; no other one has it, nor had.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) u64);

impl ConnectionId {
    /// The number behind it.
    pub const fn to_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One connection: where its events go, and which topics it was told of.
pub(crate) struct Subscriber {
    pub(crate) id: ConnectionId,
    pub(crate) mailbox: Arc<ServerMailbox>,
    /// There is room again for events that emitters wait with.
    pub(crate) room: Event,
    /// What topics that patterns alone brought may take, in bytes.
    induced_room: AtomicUsize,
    pub(super) memberships: Mutex<Memberships>,
}

/// The topics that a connection was told of, and is sent the events of. The last lock to be taken but for the mailbox's.
#[derive(Default)]
pub(super) struct Memberships {
    table: HashTable<Membership>,
    /// Those that patterns alone brought, in the order in which they came.
    induced: BTreeMap<u64, Arc<Entry>>,
    induced_bytes: usize,
    next_induced: u64,
    next_subscription: u32,
    /// The connection has ended.
    ended: bool,
}

/// A connection's place at a topic.
pub(super) struct Membership {
    pub(super) entry: Arc<Entry>,
    pub(super) place: u32,
    /// It is subscribed to the topic itself.
    pub(super) exact: bool,
    /// It is subscribed to a pattern that matches the topic.
    by_pattern: bool,
    /// Names it among those that patterns alone brought.
    induced: u64,
}

impl Subscriber {
    pub(super) fn new(id: ConnectionId, mailbox: Arc<ServerMailbox>) -> Self {
        Self {
            id,
            mailbox,
            room: Event::new(),
            induced_room: AtomicUsize::new(0),
            memberships: Mutex::default(),
        }
    }

    pub(super) fn set_induced_room(&self, bytes: usize) {
        self.induced_room.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn induced_room(&self) -> usize {
        self.induced_room.load(Ordering::Relaxed)
    }

    /// The topics that the connection is subscribed to itself, in no order.
    pub(super) fn topics(&self) -> Vec<Topic> {
        let memberships = self.memberships.lock();
        let exact = memberships.table.iter().filter(|membership| membership.exact);
        exact.map(|membership| membership.entry.name.clone()).collect()
    }
}

impl Memberships {
    pub(super) fn end(&mut self) -> Vec<Arc<Entry>> {
        self.ended = true;
        self.table.iter().map(|membership| Arc::clone(&membership.entry)).collect()
    }

    pub(super) const fn is_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn find(&mut self, entry: &Entry) -> Option<&mut Membership> {
        self.table.find_mut(entry.hash, |membership| std::ptr::eq(&*membership.entry, entry))
    }

    pub(super) fn by_name(&self, hash: u64, topic: &Topic) -> Option<&Membership> {
        self.table.find(hash, |membership| membership.entry.name == *topic)
    }

    /// The topics that patterns brought, and that this one matches.
    pub(super) fn by_pattern(&self, pattern: &Pattern) -> Vec<Arc<Entry>> {
        let brought = self
            .table
            .iter()
            .filter(|membership| membership.by_pattern && pattern.matches(&membership.entry.name));
        brought.map(|membership| Arc::clone(&membership.entry)).collect()
    }

    /// The number of one that begins. It is used again only when four billion others have begun.
    pub(super) const fn next_subscription(&mut self) -> u32 {
        self.next_subscription = self.next_subscription.wrapping_add(1);
        self.next_subscription
    }

    /// Adds a place that the connection does not have yet.
    pub(super) fn insert(&mut self, entry: &Arc<Entry>, place: usize, exact: bool) {
        let place = u32::try_from(place).expect("four billion connections do not fit into memory");
        let entry = Arc::clone(entry);
        let by_pattern = !exact;
        let membership = Membership { entry, place, exact, by_pattern, induced: 0 };
        let mut membership =
            self.table.insert_unique(membership.entry.hash, membership, |other| other.entry.hash);
        let membership = membership.get_mut();
        if by_pattern {
            self.next_induced += 1;
            membership.induced = self.next_induced;
            self.induced_bytes += bytes(&membership.entry.name);
            self.induced.insert(self.next_induced, Arc::clone(&membership.entry));
        }
    }

    /// The connection is subscribed to the topic itself, or no longer.
    pub(super) fn set_exact(&mut self, entry: &Arc<Entry>, exact: bool) {
        if let Some(membership) = self.find(entry) {
            membership.exact = exact;
            self.sort_in(entry);
        }
    }

    /// A pattern brings the topic, or no pattern does any longer.
    pub(super) fn set_by_pattern(&mut self, entry: &Arc<Entry>, by_pattern: bool) {
        if let Some(membership) = self.find(entry) {
            membership.by_pattern = by_pattern;
            self.sort_in(entry);
        }
    }

    /// Whether nothing holds the connection at the topic any longer: then the place is taken out.
    pub(super) fn remove_if_free(&mut self, entry: &Arc<Entry>) -> Option<Membership> {
        let found = self
            .table
            .find_entry(entry.hash, |membership| Arc::ptr_eq(&membership.entry, entry))
            .ok()?;
        if found.get().exact || found.get().by_pattern {
            return None;
        }
        Some(found.remove().0)
    }

    /// Takes a place out, whatever holds it.
    pub(super) fn remove(&mut self, entry: &Arc<Entry>) -> Option<Membership> {
        self.set_by_pattern(entry, false);
        let same = |membership: &Membership| Arc::ptr_eq(&membership.entry, entry);
        Some(self.table.find_entry(entry.hash, same).ok()?.remove().0)
    }

    /// What the topics take that patterns alone brought, in bytes of their names and the overhead of each.
    pub(super) const fn induced_bytes(&self) -> usize {
        self.induced_bytes
    }

    /// The topic that a pattern alone brought first, unless it is the only one.
    pub(super) fn oldest_induced(&self) -> Option<Arc<Entry>> {
        let oldest = self.induced.first_key_value().filter(|_| self.induced.len() > 1);
        oldest.map(|(_, entry)| Arc::clone(entry))
    }

    pub(super) fn is_induced(&mut self, entry: &Entry) -> bool {
        self.find(entry).is_some_and(|membership| membership.induced != 0)
    }

    /// Counts the place among those that patterns alone brought, or no longer.
    fn sort_in(&mut self, entry: &Arc<Entry>) {
        let next = self.next_induced + 1;
        let Some(membership) = self.find(entry) else { return };
        let is_induced = membership.by_pattern && !membership.exact;
        let was = membership.induced;
        if is_induced == (was != 0) {
            return;
        }
        membership.induced = if is_induced { next } else { 0 };
        if is_induced {
            self.next_induced = next;
            self.induced_bytes += bytes(&entry.name);
            self.induced.insert(next, Arc::clone(entry));
        } else {
            self.induced_bytes -= bytes(&entry.name);
            self.induced.remove(&was);
        }
    }
}

/// What a topic counts for against the limit of a connection.
pub(super) fn bytes(topic: &Topic) -> usize {
    topic.as_bytes().len() + TOPIC_OVERHEAD_BYTES
}
