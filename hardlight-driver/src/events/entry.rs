//! One topic of a hub, and the table of all.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hardlight_proto::{EncodedEvent, KeptEvents, Overflow, Topic};
use hashbrown::{HashTable, hash_table};
use parking_lot::{Mutex, RwLock};
use slab::Slab;

use super::{
    kept::Kept,
    options::TopicOptions,
    subscriber::{ConnectionId, Subscriber},
};

/// The table is in so many parts, each with a lock of its own.
const SHARDS: usize = 64;

/// A topic that somebody is subscribed to, or that keeps events.
pub(crate) struct Entry {
    pub(super) name: Topic,
    pub(super) hash: u64,
    /// Stands for the topic on the wire; never used again for another one.
    pub(super) number: u64,
    pub(super) state: Mutex<EntryState>,
}

/// Each event is looked up under the topic's lock.
impl KeptEvents for Entry {
    fn first_from(&self, sequence: u64) -> Option<Arc<EncodedEvent>> {
        self.state.lock().extra.as_ref()?.kept.as_ref()?.first_from(sequence)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}

pub(super) struct EntryState {
    /// The sequence number of the next event.
    pub(super) next: u64,
    /// All followers of patterns that match up to this stamp are members.
    pub(super) seen: u64,
    pub(super) members: Slab<Member>,
    /// Members that are subscribed to the topic itself.
    pub(super) exact: u32,
    /// Members for which emitters may wait.
    pub(super) patient: u32,
    /// It is no longer in the table.
    pub(super) gone: bool,
    /// What few topics have.
    pub(super) extra: Option<Box<Extra>>,
}

/// What is chosen for a topic, or known of it, and is not the default.
#[derive(Default)]
pub(super) struct Extra {
    pub(super) options: TopicOptions,
    pub(super) kept: Option<Kept>,
    /// Names it among the topics that nobody is subscribed to and that keep events.
    pub(super) idle: Option<u64>,
    /// Of each other hub that sent events here: the number of the last. Those that have been silent for longest come first.
    pub(super) origins: Vec<(u64, u64)>,
    /// Connections that follow a pattern that matches, and have left the topic for others until its next event.
    pub(super) shed: Vec<ConnectionId>,
}

/// A connection that is subscribed.
pub(super) struct Member {
    pub(super) subscriber: Arc<Subscriber>,
    /// Counts the subscriptions of the connection.
    pub(super) subscription: u32,
    /// How many milliseconds an emitter waits for it; 0 if it does not.
    pub(super) patience: u32,
    pub(super) overflow: Overflow,
}

impl EntryState {
    /// Whether it stays without any member.
    pub(super) fn keeps(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.kept.is_some())
    }

    /// Whether somebody would miss it: a backplane brings its events here.
    pub(super) fn is_wanted(&self) -> bool {
        self.exact > 0 || self.keeps()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether nobody is subscribed to it, and nothing is kept.
    pub(super) fn is_done(&self) -> bool {
        let kept = self.extra.as_ref().and_then(|extra| extra.kept.as_ref());
        self.is_idle() && kept.is_none_or(Kept::is_empty)
    }

    pub(super) fn options(&self) -> TopicOptions {
        self.extra.as_ref().map_or_else(TopicOptions::new, |extra| extra.options)
    }

    /// Whether connections have left it for others until its next event.
    pub(super) fn has_shed(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| !extra.shed.is_empty())
    }

    pub(super) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_with(Box::default)
    }

    pub(super) fn insert(&mut self, member: Member) -> usize {
        if member.patience > 0 {
            self.patient += 1;
        }
        if self.members.capacity() == 0 {
            // Most topics have one member, and there may be millions of them.
            self.members = Slab::with_capacity(1);
        }
        self.members.insert(member)
    }

    pub(super) fn remove(&mut self, place: u32) -> Member {
        let member = self.members.remove(place as usize);
        if member.patience > 0 {
            self.patient -= 1;
        }
        member
    }
}

/// All topics of a hub, by name. A part's lock is held to look one up or to add or remove one, never while an event is
/// sent.
pub(super) struct Table {
    hasher: RandomState,
    shards: Box<[Shard]>,
}

/// Apart from others, so that emitters on several threads do not share a line of cache.
#[repr(align(64))]
struct Shard(RwLock<Part>);

#[derive(Default)]
struct Part {
    entries: HashTable<Arc<Entry>>,
    /// No topic of this part that is gone came further than this number, and every event that reached nobody counts. A new
    /// topic goes on from here, so that nobody who comes back takes its events for those that were missed, or is not told
    /// that there were some.
    highest: AtomicU64,
}

impl Table {
    pub(super) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Shard(RwLock::default())).collect();
        Self { hasher: RandomState::new(), shards }
    }

    pub(super) fn hash(&self, topic: &Topic) -> u64 {
        self.hasher.hash_one(topic.as_bytes())
    }

    /// A part is chosen by other bits than those that choose a place in it.
    fn shard(&self, hash: u64) -> &RwLock<Part> {
        &self.shards[(hash >> 40) as usize % SHARDS].0
    }

    pub(super) fn find(&self, hash: u64, topic: &Topic) -> Option<Arc<Entry>> {
        let part = self.shard(hash).read();
        part.entries.find(hash, |entry| entry.name == *topic).cloned()
    }

    /// Finds a topic that an event was emitted on. If there is none the event counts as missed by those who may come back.
    pub(super) fn find_or_count(&self, hash: u64, topic: &Topic) -> Option<Arc<Entry>> {
        let part = self.shard(hash).read();
        let found = part.entries.find(hash, |entry| entry.name == *topic).cloned();
        if found.is_none() {
            part.highest.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Finds a topic, or adds it: whether it was added.
    pub(super) fn find_or_add(
        &self,
        hash: u64,
        topic: &Topic,
        make: impl FnOnce(u64) -> Entry,
    ) -> (Arc<Entry>, bool) {
        if let Some(entry) = self.find(hash, topic) {
            return (entry, false);
        }
        let mut part = self.shard(hash).write();
        let next = part.highest.load(Ordering::Relaxed);
        let same = |entry: &Arc<Entry>| entry.name == *topic;
        match part.entries.entry(hash, same, |entry| entry.hash) {
            hash_table::Entry::Occupied(found) => (Arc::clone(found.get()), false),
            hash_table::Entry::Vacant(place) => {
                let entry = Arc::new(make(next));
                place.insert(Arc::clone(&entry));
                (entry, true)
            }
        }
    }

    /// Removes a topic if `is_done` with it says so, under both its locks.
    pub(super) fn remove_if(
        &self,
        entry: &Arc<Entry>,
        is_done: impl FnOnce(&mut EntryState) -> bool,
    ) {
        let mut part = self.shard(entry.hash).write();
        let mut state = entry.state.lock();
        if state.gone || !is_done(&mut state) {
            return;
        }
        state.gone = true;
        part.highest.fetch_max(state.next, Ordering::Relaxed);
        let found = part.entries.find_entry(entry.hash, |other| Arc::ptr_eq(other, entry));
        if let Ok(found) = found {
            found.remove();
        }
        let len = part.entries.len();
        if part.entries.capacity() > 4 * len + 64 {
            part.entries.shrink_to(2 * len, |entry| entry.hash);
        }
    }

    /// Visits all topics that there are, part by part.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&Arc<Entry>)) {
        for shard in &self.shards {
            let entries: Vec<_> = shard.0.read().entries.iter().cloned().collect();
            entries.iter().for_each(&mut visit);
        }
    }
}
