//! Who is a member of which topic.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
};

use hardlight_proto::{KeptEvents, Topic};
use parking_lot::MutexGuard;

use super::{Follower, Followers, Hub};
use crate::{
    events::{
        Pattern, SubscribeOptions,
        entry::{Entry, EntryState, Member},
        subscriber::{Subscriber, bytes},
    },
    server::mailbox::{Announce, Command},
    wakes::wake_later,
};

impl Hub {
    /// Subscribes a connection to a topic, to which it is not subscribed yet. Every event that is emitted once this has
    /// returned reaches it.
    pub(crate) fn subscribe(
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
            return self.join(&entry, &mut state, subscriber, options, true);
        }
    }

    /// Whether a connection is subscribed to the topic itself.
    pub(crate) fn is_subscribed(&self, topic: &Topic, subscriber: &Subscriber) -> bool {
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
    pub(crate) fn unsubscribe(&self, topic: &Topic, subscriber: &Arc<Subscriber>) -> bool {
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
    pub(crate) fn follow(
        &self,
        pattern: &Pattern,
        subscriber: &Arc<Subscriber>,
        options: SubscribeOptions,
    ) -> u64 {
        let mut patterns = self.patterns.write();
        let stamp = self.last_follower.load(Ordering::Relaxed) + 1;
        let followers = patterns.trie.pattern(pattern).get_or_insert_with(|| {
            self.watches.tell(|| pattern.into(), true);
            let (pattern, by_stamp, stamps) = (pattern.clone(), BTreeMap::new(), HashMap::new());
            Followers { pattern, by_stamp, stamps }
        });
        let follower = Follower { subscriber: Arc::clone(subscriber), options };
        followers.by_stamp.insert(stamp, follower);
        followers.stamps.insert(subscriber.id, stamp);
        // Whoever emits from here on looks at the patterns again.
        self.last_follower.store(stamp, Ordering::SeqCst);
        drop(patterns);
        // Others are announced with their next event; of these there is something to send already.
        if options.history > 0 {
            let kept = self.kept_within(pattern, subscriber.induced_room());
            kept.iter().for_each(|entry| self.bring(entry));
        }
        stamp
    }

    /// Topics that keep events and that a pattern matches: as many as there is room for.
    fn kept_within(&self, pattern: &Pattern, mut room: usize) -> Vec<Arc<Entry>> {
        let mut found = Vec::new();
        self.kept.read().within(pattern, |entry| match room.checked_sub(bytes(&entry.name)) {
            Some(left) => {
                room = left;
                found.push(Arc::clone(entry));
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        });
        found
    }

    /// Announces a topic that keeps events to those that follow a pattern that matches it, and do not know of it yet.
    pub(crate) fn bring_kept(&self, topic: &Topic) {
        let entry = self.find(topic).filter(|entry| entry.state.lock().keeps());
        entry.iter().for_each(|entry| self.bring(entry));
    }

    fn bring(&self, entry: &Arc<Entry>) {
        let mut joined = Vec::new();
        let mut state = entry.state.lock();
        if !state.gone {
            joined = self.join_followers(entry, &mut state);
        }
        drop(state);
        joined.iter().for_each(|subscriber| self.shed(subscriber));
    }

    /// Ends what [`follow`](Self::follow) began. `still` says whether another pattern of the connection matches a topic.
    pub(crate) fn unfollow(
        &self,
        pattern: &Pattern,
        stamp: u64,
        subscriber: &Arc<Subscriber>,
        still: impl Fn(&Topic) -> bool,
    ) {
        self.remove_follower(pattern, stamp);
        // Whoever joined it to a topic held the patterns' lock, and is done.
        let brought = subscriber.memberships.lock().by_pattern(pattern);
        for entry in brought {
            if still(&entry.name) {
                continue;
            }
            let state = entry.state.lock();
            subscriber.memberships.lock().set_by_pattern(&entry, false);
            self.leave_if_free(&entry, state, subscriber);
        }
    }

    pub(crate) fn remove_follower(&self, pattern: &Pattern, stamp: u64) {
        let mut patterns = self.patterns.write();
        let Some(followers) = patterns.trie.pattern(pattern) else { return };
        if let Some(follower) = followers.by_stamp.remove(&stamp) {
            followers.stamps.remove(&follower.subscriber.id);
        }
        if followers.by_stamp.is_empty() {
            patterns.trie.remove_pattern(pattern);
            self.watches.tell(|| pattern.into(), false);
        }
    }

    /// The connection has ended. It follows no pattern any longer.
    pub(crate) fn end(&self, subscriber: &Arc<Subscriber>) {
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
    }

    /// Takes a connection out of a topic if nothing holds it there any longer.
    fn leave_if_free(
        &self,
        entry: &Arc<Entry>,
        mut state: MutexGuard<'_, EntryState>,
        subscriber: &Arc<Subscriber>,
    ) {
        let Some(membership) = subscriber.memberships.lock().remove_if_free(entry) else { return };
        let Member { subscription, .. } = state.remove(membership.place);
        let leave = Command::Leave { topic: entry.number, subscription };
        wake_later(subscriber.mailbox.post_quietly(|commands| commands.push(leave)));
        self.settle(entry, state);
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
    /// event comes between.
    fn join(
        &self,
        entry: &Arc<Entry>,
        state: &mut EntryState,
        subscriber: &Arc<Subscriber>,
        options: SubscribeOptions,
        exact: bool,
    ) {
        let mut memberships = subscriber.memberships.lock();
        if memberships.is_ended() {
            return;
        }
        if memberships.find(entry).is_some() {
            if exact {
                memberships.set_exact(entry, true);
            } else {
                memberships.set_by_pattern(entry, true);
            }
            return;
        }
        let chosen = state.options();
        let overflow = options.overflow.unwrap_or(chosen.overflow);
        let (patience, overflow) = (overflow.patience(), overflow.behind());
        let subscription = memberships.next_subscription();
        let member =
            Member { subscriber: Arc::clone(subscriber), subscription, patience, overflow };
        let place = state.insert(member);
        memberships.insert(entry, place, exact);
        let announce = Announce {
            subscription,
            topic: entry.number,
            next: state.next,
            name: entry.name.clone(),
            overflow,
            kept: state.keeps().then(|| Arc::clone(entry) as Arc<dyn KeptEvents>),
            history: options.history,
        };
        wake_later(subscriber.mailbox.post_quietly(|commands| {
            commands.push(Command::Announce(Box::new(announce)));
        }));
        drop(memberships);
        self.set_idle(entry, state);
    }

    /// Whether all who follow a pattern that matches a topic are members of it.
    pub(super) fn knows_all_followers(&self, state: &EntryState) -> bool {
        !state.has_shed() && state.seen == self.last_follower.load(Ordering::SeqCst)
    }

    /// Makes those members of a topic that follow a pattern that matches it: those who came since it was looked last, and
    /// those who left it for others. They are handed out if they were announced anything.
    pub(super) fn join_followers(
        &self,
        entry: &Arc<Entry>,
        state: &mut EntryState,
    ) -> Vec<Arc<Subscriber>> {
        let mut joined = Vec::new();
        if self.knows_all_followers(state) {
            return joined;
        }
        let shed = state.extra.as_mut().map(|extra| std::mem::take(&mut extra.shed));
        let (shed, seen) = (shed.unwrap_or_default(), state.seen);
        // Held until they are members, so that whoever ends a pattern finds them all.
        let patterns = self.patterns.read();
        let mut followers = Vec::new();
        patterns.trie.matching(&entry.name, |matched| {
            let again = shed.iter().filter_map(|id| matched.stamps.get(id));
            let again = again.filter(|stamp| **stamp <= seen);
            followers.extend(again.filter_map(|stamp| matched.by_stamp.get_key_value(stamp)));
            followers.extend(matched.by_stamp.range(seen + 1..));
        });
        // Of several patterns of one connection the first says how.
        followers.sort_unstable_by_key(|(stamp, _)| **stamp);
        for (stamp, Follower { subscriber, options }) in followers {
            // Who was here before has had it.
            let options = if *stamp <= seen { options.history(0) } else { *options };
            let before = state.members.len();
            self.join(entry, state, subscriber, options, false);
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
    pub(crate) fn shed(&self, subscriber: &Arc<Subscriber>) {
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
            state.extra().shed.push(subscriber.id);
            self.leave_if_free(&oldest, state, subscriber);
        }
    }
}
