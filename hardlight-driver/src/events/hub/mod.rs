//! The hub of a server: which connections are subscribed to which topic.

mod sending;
mod subscribing;

use std::{
    any::{TypeId, type_name},
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use hardlight_proto::{Events, NoEvents, Topic};
use parking_lot::{Mutex, RwLock};
use slab::Slab;

#[cfg(not(target_family = "wasm"))]
pub(super) use self::sending::Full;
pub(super) use self::sending::{Emission, Patience};

use super::{
    Interest, Pattern, SubscribeOptions, TopicNotices, TopicOptions,
    entry::{Entry, EntryState, Extra, Table},
    kept::{Kept, KeptBytes},
    notices::Watches,
    relay::Exports,
    subscriber::{ConnectionId, Subscriber},
    trie::{Trie, tree_levels},
};
use crate::{
    server::mailbox::ServerMailbox, telemetry::meters::MetersOfServices, wakes::WakesLater,
};

/// What all topics keep together, in bytes, unless something else is chosen.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// What a topic that keeps events counts for, besides its name and its events: an entry, and its places.
const ENTRY_BYTES: usize = 512;
/// What each of its levels counts for.
const LEVEL_BYTES: usize = 128;

/// All topics of a server that somebody is subscribed to.
///
/// Locks are taken in this order: a connection's subscriptions, a part of the table of topics, one topic, the patterns,
/// what is idle, a connection's memberships, a connection's mailbox, those who watch. None but the topic's is held while
/// an event is sent.
pub(crate) struct Hub {
    table: Table,
    next_topic: AtomicU64,
    next_connection: AtomicU64,
    /// Stands for this life of the sequence numbers.
    epoch: u64,
    patterns: RwLock<Patterns>,
    /// The stamp of the pattern's follower that came last: looked at for every event.
    last_follower: AtomicU64,
    rules: RwLock<Rules>,
    kept_bytes: Arc<KeptBytes>,
    /// Topics that keep events.
    kept: RwLock<Trie<Arc<Entry>>>,
    idle: Mutex<Idle>,
    watches: Watches,
    /// The type of the events, and its name, once somebody has said it.
    events: OnceLock<(TypeId, &'static str)>,
    /// Events that went to nobody since the topic's name was too long.
    too_long: AtomicU64,
    pub(super) exports: Exports,
    /// What is measured of its connections.
    pub(crate) meters: MetersOfServices,
}

/// What connections are subscribed to by pattern.
struct Patterns {
    trie: Trie<Followers>,
}

/// Who follows a pattern.
struct Followers {
    pattern: Pattern,
    /// By the stamp of when that began.
    by_stamp: BTreeMap<u64, Follower>,
    /// The stamp of each connection.
    stamps: HashMap<ConnectionId, u64>,
}

struct Follower {
    subscriber: Arc<Subscriber>,
    options: SubscribeOptions,
}

/// What was chosen for topics.
struct Rules {
    trie: Trie<(u64, TopicOptions)>,
    next: u64,
}

/// Topics that nobody is subscribed to and that keep events, those first that have been so for longest.
#[derive(Default)]
struct Idle {
    next: u64,
    entries: BTreeMap<u64, Arc<Entry>>,
}

impl Hub {
    /// The hub has events of this type from here on, if it has any: types of events are known by their number, which is of
    /// no use in another enum.
    #[track_caller]
    pub(super) fn claim<E: Events>(&self) {
        let mine = (TypeId::of::<E>(), type_name::<E>());
        if mine.0 == TypeId::of::<NoEvents>() {
            return;
        }
        let (is, name) = *self.events.get_or_init(|| mine);
        assert!(is == mine.0, "the hub has events of the type {name}, not of {}", mine.1);
    }

    pub(crate) fn new() -> Self {
        // Somewhere in 48 bits, so that the numbers tell nobody how many topics there were.
        let random = RandomState::new();
        let next_topic = AtomicU64::new(random.hash_one(0) >> 16);
        Self {
            table: Table::new(),
            next_topic,
            next_connection: AtomicU64::new(1),
            epoch: random.hash_one(1),
            patterns: RwLock::new(Patterns { trie: Trie::new() }),
            last_follower: AtomicU64::new(0),
            rules: RwLock::new(Rules { trie: Trie::new(), next: 0 }),
            kept_bytes: Arc::new(KeptBytes::new(MAX_KEPT_BYTES)),
            kept: RwLock::new(Trie::new()),
            idle: Mutex::default(),
            events: OnceLock::new(),
            watches: Watches::default(),
            too_long: AtomicU64::new(0),
            exports: Exports::default(),
            meters: MetersOfServices::default(),
        }
    }

    /// Stands for this life of the sequence numbers.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn subscriber(&self, mailbox: Arc<ServerMailbox>) -> Arc<Subscriber> {
        let id = ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed));
        Arc::new(Subscriber::new(id, mailbox))
    }

    pub(super) fn configure(&self, topics: &Interest, options: TopicOptions) {
        let mut rules = self.rules.write();
        let rule = (rules.next, options);
        rules.next += 1;
        *match topics {
            Interest::Topic(topic) => rules.trie.topic(topic),
            Interest::Pattern(pattern) => rules.trie.pattern(pattern),
        } = Some(rule);
    }

    pub(super) fn set_max_kept_bytes(&self, max: usize) {
        let _later = WakesLater::enter();
        self.kept_bytes.set_max(max);
        self.shrink_kept(None);
    }

    fn find(&self, topic: &Topic) -> Option<Arc<Entry>> {
        self.table.find(self.table.hash(topic), topic)
    }

    fn find_or_add(&self, topic: &Topic) -> Arc<Entry> {
        let hash = self.table.hash(topic);
        let (entry, added) = self.table.find_or_add(hash, topic, |next| {
            let number = self.next_topic.fetch_add(1, Ordering::Relaxed);
            let extra = self.rule(topic).map(|options| {
                let kept = options
                    .keep
                    .map(|keep| Kept::new(keep, own_bytes(topic), Arc::clone(&self.kept_bytes)));
                Box::new(Extra { options, kept, ..Extra::default() })
            });
            let (members, patient) = (Slab::new(), 0);
            let state =
                EntryState { next, seen: 0, members, exact: 0, patient, gone: false, extra };
            Entry { name: topic.clone(), hash, number, state: Mutex::new(state) }
        });
        if added {
            self.note_added(&entry);
        }
        entry
    }

    /// A topic that keeps events is wanted from the start.
    fn note_added(&self, entry: &Arc<Entry>) {
        let mut state = entry.state.lock();
        if state.keeps() && !state.gone {
            *self.kept.write().topic(&entry.name) = Some(Arc::clone(entry));
            self.watches.tell(|| entry.name.clone().into(), true);
            self.set_idle(entry, &mut state);
        }
    }

    /// What was chosen last for a topic.
    fn rule(&self, topic: &Topic) -> Option<TopicOptions> {
        let mut last: Option<&(u64, TopicOptions)> = None;
        let rules = self.rules.read();
        rules.trie.matching(topic, |rule| {
            if last.is_none_or(|last| last.0 < rule.0) {
                last = Some(rule);
            }
        });
        last.map(|(_, options)| *options)
    }

    /// The topic of an event, if anybody gets it or it is to be kept.
    fn find_to_emit(&self, topic: &Topic) -> Option<Arc<Entry>> {
        if let Some(entry) = self.table.find_or_count(self.table.hash(topic), topic) {
            return Some(entry);
        }
        let kept = self.rule(topic).is_some_and(|options| options.keep.is_some());
        (kept || self.patterns.read().trie.matches(topic)).then(|| self.find_or_add(topic))
    }

    /// Nobody is subscribed to a topic that keeps events; or somebody is again.
    fn set_idle(&self, entry: &Arc<Entry>, state: &mut EntryState) {
        let is_idle = state.is_idle();
        if !state.keeps() {
            return;
        }
        let extra = state.extra();
        let mut idle = self.idle.lock();
        match extra.idle {
            None if is_idle => {
                let stamp = idle.next;
                idle.next += 1;
                idle.entries.insert(stamp, Arc::clone(entry));
                extra.idle = Some(stamp);
            }
            Some(stamp) if !is_idle => {
                idle.entries.remove(&stamp);
                extra.idle = None;
            }
            _ => {}
        }
    }

    /// While too much is kept: forgets topics that nobody is subscribed to, then events of the topic at hand.
    fn shrink_kept(&self, at_hand: Option<&Arc<Entry>>) {
        while self.kept_bytes.is_exceeded() {
            let oldest =
                self.idle.lock().entries.first_key_value().map(|(_, entry)| Arc::clone(entry));
            let Some(oldest) = oldest else { break };
            self.table.remove_if(&oldest, |state| {
                let is_idle = state.is_idle();
                if is_idle {
                    self.forget(&oldest, state);
                }
                is_idle
            });
        }
        if let Some(entry) = at_hand
            && self.kept_bytes.is_exceeded()
            && let Some(kept) = &mut entry.state.lock().extra().kept
        {
            kept.shrink();
        }
    }

    /// A topic that keeps events goes, to which nobody is subscribed.
    fn forget(&self, entry: &Arc<Entry>, state: &mut EntryState) {
        let extra = state.extra();
        extra.kept = None;
        // One that is so new that it is not noted yet never will be.
        let Some(stamp) = extra.idle.take() else { return };
        self.idle.lock().entries.remove(&stamp);
        self.kept.write().remove_topic(&entry.name);
        self.watches.tell(|| entry.name.clone().into(), false);
    }

    /// Removes a topic that nobody is subscribed to, and that keeps nothing now.
    fn remove_if_idle(&self, entry: &Arc<Entry>) {
        self.table.remove_if(entry, |state| {
            let is_done = state.is_done();
            if is_done && state.keeps() {
                self.forget(entry, state);
            }
            is_done
        });
    }

    pub(super) fn notices(&self) -> TopicNotices {
        self.watches.add(|note| {
            self.table.for_each(|entry| {
                let state = entry.state.lock();
                if !state.gone && state.is_wanted() {
                    note(entry.name.clone().into());
                }
            });
            let patterns = self.patterns.read();
            patterns.trie.for_each(|followers| note((&followers.pattern).into()));
        })
    }

    pub(super) fn is_wanted(&self, topic: &Topic) -> bool {
        self.find(topic).is_some_and(|entry| entry.state.lock().is_wanted())
            || self.patterns.read().trie.matches(topic)
    }

    /// How many connections an event on the topic would reach.
    pub(super) fn subscriber_count(&self, topic: &Topic) -> usize {
        if let Some(entry) = self.find(topic) {
            let state = entry.state.lock();
            if self.knows_all_followers(&state) {
                return state.members.len();
            }
        } else if !self.patterns.read().trie.matches(topic) {
            return 0;
        }
        // One connection may follow several patterns.
        self.subscribers(topic).len()
    }

    /// The connections that an event on the topic would reach, in the order of their ids.
    pub(super) fn subscribers(&self, topic: &Topic) -> Vec<ConnectionId> {
        let mut ids = Vec::new();
        if let Some(entry) = self.find(topic) {
            let state = entry.state.lock();
            ids.extend(state.members.iter().map(|(_, member)| member.subscriber.id));
        }
        self.patterns.read().trie.matching(topic, |followers| {
            ids.extend(followers.by_stamp.values().map(|follower| follower.subscriber.id));
        });
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// What a topic that keeps events takes, without these.
fn own_bytes(topic: &Topic) -> usize {
    let name = topic.as_bytes();
    // It is there twice: as a whole, and in its levels.
    ENTRY_BYTES + 2 * name.len() + LEVEL_BYTES * tree_levels(name).count()
}
