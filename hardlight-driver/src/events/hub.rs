//! The hub of a server: which connections are subscribed to which topic.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

use bytes::Bytes;
use event_listener::EventListener;
use hardlight_proto::Topic;
use parking_lot::{Mutex, MutexGuard, RwLock};
use slab::Slab;

use super::{
    Interest, Pattern, SubscribeOptions, TopicNotices, TopicOptions,
    encoded::EncodedEvent,
    entry::{Entry, EntryState, Extra, Member, Table},
    kept::{Kept, KeptBytes},
    notices::Watches,
    relay::Exports,
    subscriber::{ConnectionId, Subscriber},
    trie::Trie,
};
use crate::server::mailbox::{Announce, Command, Reserved, ServerMailbox};

/// What all topics keep together, in bytes, unless something else is chosen.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// Other hubs whose events a topic tells from those that came already.
const MAX_ORIGINS: usize = 64;

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
    pub(super) exports: Exports,
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

/// What is emitted, and by whom.
pub(super) struct Emission<'a> {
    pub(super) topic: &'a Topic,
    pub(super) event: u32,
    pub(super) payload: &'a Bytes,
    /// The other hub that it was emitted on, and its number there.
    pub(super) origin: Option<(u64, u64)>,
}

/// How long an emitter waits for those whose subscription says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// Until there is room, or the connection's driver says that it has been long enough.
    Waits,
}

/// An emitter has to wait for a client.
pub(super) struct Full {
    /// Notified when there is room, or it has been long enough.
    pub(super) room: EventListener,
    /// How long that may take, in milliseconds.
    pub(super) patience: u32,
}

thread_local! {
    /// Drivers to wake; kept for its memory.
    static WAKERS: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

impl Hub {
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
            watches: Watches::default(),
            exports: Exports::default(),
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
        self.kept_bytes.set_max(max);
        self.shrink_kept(None);
    }

    // Topics.

    fn find(&self, topic: &Topic) -> Option<Arc<Entry>> {
        self.table.find(self.table.hash(topic), topic)
    }

    fn find_or_add(&self, topic: &Topic) -> Arc<Entry> {
        let hash = self.table.hash(topic);
        let (entry, added) = self.table.find_or_add(hash, topic, |next| {
            let number = self.next_topic.fetch_add(1, Ordering::Relaxed);
            let extra = self.rule(topic).map(|options| {
                let kept = options.keep.map(|keep| Kept::new(keep, Arc::clone(&self.kept_bytes)));
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

    /// A topic that keeps events goes.
    fn forget(&self, entry: &Arc<Entry>, state: &mut EntryState) {
        let extra = state.extra();
        if let Some(stamp) = extra.idle.take() {
            self.idle.lock().entries.remove(&stamp);
        }
        extra.kept = None;
        self.kept.write().remove_topic(&entry.name);
        self.watches.tell(|| entry.name.clone().into(), false);
    }

    fn remove_if_idle(&self, entry: &Arc<Entry>) {
        self.table.remove_if(entry, |state| state.is_idle() && !state.keeps());
    }

    // Subscribing.

    /// Subscribes a connection to a topic, to which it is not subscribed yet. Every event that is emitted once this has
    /// returned reaches it.
    pub(super) fn subscribe(
        &self,
        topic: &Topic,
        subscriber: &Arc<Subscriber>,
        options: SubscribeOptions,
    ) {
        loop {
            let entry = self.find_or_add(topic);
            let mut state = entry.state.lock();
            if state.gone {
                continue;
            }
            if !state.is_wanted() {
                self.watches.tell(|| topic.clone().into(), true);
            }
            state.exact += 1;
            let waker = self.join(&entry, &mut state, subscriber, options, true);
            drop(state);
            waker.into_iter().for_each(Waker::wake);
            return;
        }
    }

    /// Whether a connection is subscribed to the topic itself.
    pub(super) fn is_subscribed(&self, topic: &Topic, subscriber: &Subscriber) -> bool {
        self.subscribed_entry(topic, subscriber).is_some()
    }

    fn subscribed_entry(&self, topic: &Topic, subscriber: &Subscriber) -> Option<Arc<Entry>> {
        let hash = self.table.hash(topic);
        let memberships = subscriber.memberships.lock();
        let found = memberships.by_name(hash, topic).filter(|membership| membership.exact);
        found.map(|membership| Arc::clone(&membership.entry))
    }

    /// Ends the subscription of a connection to a topic: whether there was one. If a pattern brings the topic as well, it
    /// stays a member.
    pub(super) fn unsubscribe(&self, topic: &Topic, subscriber: &Arc<Subscriber>) -> bool {
        let Some(entry) = self.subscribed_entry(topic, subscriber) else { return false };
        let mut state = entry.state.lock();
        self.end_exact(&entry, &mut state);
        subscriber.memberships.lock().set_exact(&entry, false);
        self.leave_if_free(&entry, state, subscriber);
        true
    }

    fn end_exact(&self, entry: &Entry, state: &mut EntryState) {
        state.exact -= 1;
        if !state.is_wanted() {
            self.watches.tell(|| entry.name.clone().into(), false);
        }
    }

    /// Subscribes a connection to all topics that a pattern matches: the stamp of that.
    pub(super) fn follow(
        &self,
        pattern: &Pattern,
        subscriber: &Arc<Subscriber>,
        options: SubscribeOptions,
    ) -> u64 {
        let mut patterns = self.patterns.write();
        let stamp = self.last_follower.load(Ordering::Relaxed) + 1;
        let followers = patterns.trie.pattern(pattern).get_or_insert_with(|| {
            self.watches.tell(|| pattern.into(), true);
            Followers { pattern: pattern.clone(), by_stamp: BTreeMap::new() }
        });
        let follower = Follower { subscriber: Arc::clone(subscriber), options };
        followers.by_stamp.insert(stamp, follower);
        // Whoever emits from here on looks at the patterns again.
        self.last_follower.store(stamp, Ordering::SeqCst);
        drop(patterns);
        // Others are announced with their next event; of these there may be something to send already.
        let mut kept = Vec::new();
        self.kept.read().within(pattern, |entry| kept.push(Arc::clone(entry)));
        for entry in kept {
            let (mut wakers, mut joined) = (Vec::new(), Vec::new());
            let mut state = entry.state.lock();
            if !state.gone {
                joined = self.join_followers(&entry, &mut state, &mut wakers);
            }
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
            joined.iter().for_each(|subscriber| self.shed(subscriber));
        }
        stamp
    }

    /// Ends what [`follow`](Self::follow) began. `still` says whether another pattern of the connection matches a topic.
    pub(super) fn unfollow(
        &self,
        pattern: &Pattern,
        stamp: u64,
        subscriber: &Arc<Subscriber>,
        still: impl Fn(&Topic) -> bool,
    ) {
        self.remove_follower(pattern, stamp);
        // Whoever joined it to a topic held the patterns' lock, and is done.
        let brought = subscriber.memberships.lock().by_pattern();
        for entry in brought {
            if !pattern.matches(&entry.name) || still(&entry.name) {
                continue;
            }
            let state = entry.state.lock();
            subscriber.memberships.lock().set_by_pattern(&entry, false);
            self.leave_if_free(&entry, state, subscriber);
        }
    }

    pub(super) fn remove_follower(&self, pattern: &Pattern, stamp: u64) {
        let mut patterns = self.patterns.write();
        let Some(followers) = patterns.trie.pattern(pattern) else { return };
        followers.by_stamp.remove(&stamp);
        if followers.by_stamp.is_empty() {
            patterns.trie.remove_pattern(pattern);
            self.watches.tell(|| pattern.into(), false);
        }
    }

    /// The connection has ended. It follows no pattern any longer.
    pub(super) fn end(&self, subscriber: &Arc<Subscriber>) {
        let entries = subscriber.memberships.lock().end();
        for entry in entries {
            let mut state = entry.state.lock();
            let Some(membership) = subscriber.memberships.lock().remove(&entry) else { continue };
            state.remove(membership.place);
            if membership.exact {
                self.end_exact(&entry, &mut state);
            }
            self.settle(&entry, state);
        }
        subscriber.room.notify(usize::MAX);
    }

    /// Takes a connection out of a topic if nothing holds it there any longer.
    fn leave_if_free(
        &self,
        entry: &Arc<Entry>,
        mut state: MutexGuard<'_, EntryState>,
        subscriber: &Arc<Subscriber>,
    ) {
        let Some(membership) = subscriber.memberships.lock().remove_if_free(entry) else { return };
        state.remove(membership.place);
        let topic = entry.number;
        let waker =
            subscriber.mailbox.post_quietly(|commands| commands.push(Command::Leave { topic }));
        self.settle(entry, state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// A member has left.
    fn settle(&self, entry: &Arc<Entry>, mut state: MutexGuard<'_, EntryState>) {
        if !state.is_idle() {
            return;
        }
        self.set_idle(entry, &mut state);
        drop(state);
        self.remove_if_idle(entry);
    }

    /// Makes a connection a member of a topic, and announces it, if it is not yet. Called under the topic's lock, so that no
    /// event comes between. The driver is to be woken later.
    fn join(
        &self,
        entry: &Arc<Entry>,
        state: &mut EntryState,
        subscriber: &Arc<Subscriber>,
        options: SubscribeOptions,
        exact: bool,
    ) -> Option<Waker> {
        let mut memberships = subscriber.memberships.lock();
        if memberships.is_ended() {
            return None;
        }
        if memberships.find(entry).is_some() {
            if exact {
                memberships.set_exact(entry, true);
            } else {
                memberships.set_by_pattern(entry, true);
            }
            return None;
        }
        let chosen = state.options();
        let overflow = options.overflow.unwrap_or(chosen.overflow);
        let (patience, overflow) = (overflow.patience(), overflow.behind());
        let place = state.insert(Member { subscriber: Arc::clone(subscriber), patience, overflow });
        memberships.insert(entry, place, exact);
        let kept = match &state.extra {
            Some(extra) if options.history > 0 || subscriber.may_resume() => {
                extra.kept.as_ref().map_or_else(Vec::new, Kept::events)
            }
            _ => Vec::new(),
        };
        let announce = Announce {
            topic: entry.number,
            next: state.next,
            name: entry.name.clone(),
            overflow,
            kept,
            history: options.history,
        };
        let waker = subscriber.mailbox.post_quietly(|commands| commands.announce(announce));
        drop(memberships);
        self.set_idle(entry, state);
        waker
    }

    /// Makes those members of a topic that follow a pattern that matches it: those who came since it was looked last.
    /// They are handed out if they were announced anything.
    fn join_followers(
        &self,
        entry: &Arc<Entry>,
        state: &mut EntryState,
        wakers: &mut Vec<Waker>,
    ) -> Vec<Arc<Subscriber>> {
        let mut joined = Vec::new();
        if state.seen == self.last_follower.load(Ordering::SeqCst) {
            return joined;
        }
        // Held until they are members, so that whoever ends a pattern finds them all.
        let patterns = self.patterns.read();
        let mut followers = Vec::new();
        patterns.trie.matching(&entry.name, |matched| {
            followers.extend(matched.by_stamp.range(state.seen + 1..));
        });
        // Of several patterns of one connection the first says how.
        followers.sort_unstable_by_key(|(stamp, _)| **stamp);
        for (_, Follower { subscriber, options }) in followers {
            let before = state.members.len();
            wakers.extend(self.join(entry, state, subscriber, *options, false));
            if state.members.len() > before {
                joined.push(Arc::clone(subscriber));
            }
        }
        // No follower comes while the patterns are locked.
        state.seen = self.last_follower.load(Ordering::SeqCst);
        joined
    }

    /// Leaves topics that patterns alone brought, the oldest first, while they take more than the connection has for them.
    /// Their next event brings them again.
    pub(super) fn shed(&self, subscriber: &Arc<Subscriber>) {
        loop {
            let memberships = subscriber.memberships.lock();
            if memberships.induced_bytes() <= subscriber.induced_room() {
                return;
            }
            let Some(oldest) = memberships.oldest_induced() else { return };
            drop(memberships);
            let mut state = oldest.state.lock();
            let mut memberships = subscriber.memberships.lock();
            if !memberships.is_induced(&oldest) {
                continue;
            }
            memberships.set_by_pattern(&oldest, false);
            drop(memberships);
            // Whoever follows a pattern is to be found again.
            state.seen = 0;
            self.leave_if_free(&oldest, state, subscriber);
        }
    }

    // Events.

    /// Sends an event to everybody who is subscribed to the topic: to how many. It is encoded if there is anybody.
    pub(super) fn emit<Error>(
        &self,
        topic: &Topic,
        encode: impl FnOnce() -> Result<(u32, Bytes), Error>,
    ) -> Result<usize, Error> {
        let found = self.find_to_emit(topic);
        if found.is_none() && !self.exports.is_active() {
            return Ok(0);
        }
        let (event, payload) = encode()?;
        let emission = Emission { topic, event, payload: &payload, origin: None };
        // Without patience there is nothing to wait for.
        Ok(self.send_to(found, &emission, Patience::None).unwrap_or(0))
    }

    pub(super) fn import(
        &self,
        topic: &Topic,
        origin: (u64, u64),
        event: u32,
        payload: &Bytes,
    ) -> usize {
        let emission = Emission { topic, event, payload, origin: Some(origin) };
        self.send(&emission, Patience::None).unwrap_or(0)
    }

    pub(super) fn send(&self, emission: &Emission<'_>, patience: Patience) -> Result<usize, Full> {
        self.send_to(None, emission, patience)
    }

    /// Sends an event on a topic that may be found already.
    fn send_to(
        &self,
        found: Option<Arc<Entry>>,
        emission: &Emission<'_>,
        patience: Patience,
    ) -> Result<usize, Full> {
        let mut wakers = WAKERS.try_with(RefCell::take).unwrap_or_default();
        let sent = self.send_and_note(found, emission, patience, &mut wakers);
        wakers.drain(..).for_each(Waker::wake);
        // A thread that ends has none any longer.
        let _ = WAKERS.try_with(|kept| kept.replace(wakers));
        sent
    }

    /// Sends an event; whose drivers are to be woken for it is noted.
    fn send_and_note(
        &self,
        mut found: Option<Arc<Entry>>,
        emission: &Emission<'_>,
        patience: Patience,
        wakers: &mut Vec<Waker>,
    ) -> Result<usize, Full> {
        loop {
            let Some(entry) = found.take().or_else(|| self.find_to_emit(emission.topic)) else {
                self.export(emission);
                return Ok(0);
            };
            let mut state = entry.state.lock();
            if state.gone {
                continue;
            }
            let joined = self.join_followers(&entry, &mut state, wakers);
            let sent = self.send_to_members(&entry, &mut state, emission, patience, wakers);
            let (done, keeps) = (state.is_idle() && !state.keeps(), state.keeps());
            drop(state);
            if done {
                self.remove_if_idle(&entry);
            }
            if keeps && self.kept_bytes.is_exceeded() {
                self.shrink_kept(Some(&entry));
            }
            joined.iter().for_each(|subscriber| self.shed(subscriber));
            return sent;
        }
    }

    /// Numbers an event and gives it to all members, under the topic's lock.
    fn send_to_members(
        &self,
        entry: &Entry,
        state: &mut EntryState,
        emission: &Emission<'_>,
        patience: Patience,
        wakers: &mut Vec<Waker>,
    ) -> Result<usize, Full> {
        if emission.origin.is_some_and(|origin| !is_new(state, origin)) {
            return Ok(0);
        }
        let Emission { event, payload, .. } = *emission;
        let event = EncodedEvent::new(entry.number, state.next, event, payload.clone());
        let reserved = match patience {
            Patience::Waits if state.patient > 0 => reserve(state, event.len(), wakers)?,
            _ => Vec::new(),
        };
        let event = Arc::new(event);
        state.next += 1;
        let mut reserved = reserved.into_iter().peekable();
        for (place, member) in &state.members {
            let is_reserved = reserved.next_if_eq(&place).is_some();
            let mailbox = &member.subscriber.mailbox;
            wakers.extend(mailbox.post_quietly(|commands| {
                commands.push_event(&event, member.overflow, is_reserved);
            }));
        }
        if let Some(kept) = state.extra.as_mut().and_then(|extra| extra.kept.as_mut()) {
            kept.push(event);
        }
        self.export(emission);
        Ok(state.members.len())
    }

    /// Gives an event that was emitted here to those who bring it elsewhere.
    fn export(&self, emission: &Emission<'_>) {
        if emission.origin.is_none() && self.exports.is_active() {
            self.exports.push(self.epoch, emission.topic, emission.event, emission.payload);
        }
    }

    // Who is there.

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

/// Reserves room for an event with all members for which emitters wait: their places, in order. If there is none
/// somewhere, nothing is reserved.
fn reserve(state: &EntryState, len: usize, wakers: &mut Vec<Waker>) -> Result<Vec<usize>, Full> {
    let mut places = Vec::new();
    for (place, member) in state.members.iter().filter(|(_, member)| member.patience > 0) {
        let Member { subscriber, patience, .. } = member;
        // Before it is looked, so that nothing happens unnoticed between.
        let room = subscriber.room.listen();
        let mut reserved = Reserved::GivenUp;
        wakers.extend(subscriber.mailbox.post_if(|commands| {
            reserved = commands.reserve(len, *patience);
            reserved == Reserved::Full
        }));
        match reserved {
            Reserved::Room => places.push(place),
            Reserved::GivenUp => {}
            Reserved::Full => {
                for place in places {
                    let mailbox = &state.members[place].subscriber.mailbox;
                    mailbox.with(|commands| commands.unreserve(len));
                }
                return Err(Full { room, patience: *patience });
            }
        }
    }
    Ok(places)
}

/// Whether an event of another hub did not come yet.
fn is_new(state: &mut EntryState, (origin, number): (u64, u64)) -> bool {
    let origins = &mut state.extra().origins;
    if let Some((_, last)) = origins.iter_mut().find(|(known, _)| *known == origin) {
        let is_new = number > *last;
        *last = number.max(*last);
        return is_new;
    }
    if origins.len() == MAX_ORIGINS {
        origins.remove(0);
    }
    origins.push((origin, number));
    true
}
