//! What the handles of a server's connection tell its driver.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use hardlight_proto::{
    __private::Unannounced, CallId, CloseCode, CloseReason, EncodeError, EventSchema, FeatureSet,
    GapReason, KeptEvents, Overflow, Topic,
};

use super::call_set::CallSet;
use crate::{events::EncodedEvent, mailbox::Mailbox};

/// State operations that may wait to be sent, in bytes. A change beyond it only marks the state: so what waits is never
/// more than this, and one change as large as the state.
pub(super) const MAX_STATE_BYTES: usize = 64 * 1024;

/// Changes of the features that may wait for the driver, in bytes.
const MAX_FEATURE_BYTES: usize = 256 * 1024;

/// What a place in the queue counts for, besides its event or its state operations.
const PLACE_BYTES: usize = 64;

pub(crate) type ServerMailbox = Mailbox<Commands>;

/// What waits for the driver.
pub(crate) struct Commands {
    /// In the order in which it is to go out.
    pub(crate) queue: VecDeque<Command>,
    /// What the events in the queue take.
    event_bytes: usize,
    /// Of these, what those take that do not make room for others.
    firm_bytes: usize,
    /// What such events take that the driver has taken over and not sent.
    backlog: usize,
    /// What emitters are about to send that waited for room.
    reserved: usize,
    /// There is no event that makes room for others before this place in the queue.
    first_event: usize,
    /// The place of the event in the queue of each topic of which only the latest waits.
    latest: BTreeMap<u64, usize>,
    /// Places in the queue whose event was dropped.
    empty_places: usize,
    max_event_bytes: usize,
    /// What was dropped of a topic, and no event in the queue says so.
    dropped: Losses,
    /// An emitter waits for room, and is to wait so many milliseconds at most.
    waited: Option<u32>,
    /// Emitters wait no longer, until there is room again.
    given_up: bool,
    /// What the state operations in the queue take.
    state_bytes: usize,
    /// What those take that the driver has and the connection has not sent.
    unsent_state_bytes: usize,
    /// Subscriptions whose announcement is in the queue.
    unannounced: Unannounced,
    /// What changes of the features in the queue take.
    feature_bytes: usize,
    /// The types of events that are not for this client.
    withheld: Vec<u32>,
    /// The connection has ended: nothing is collected any longer.
    ended: bool,
    /// Changes of the state are sent: there was a snapshot, and the connection has not ended.
    pub(crate) live: bool,
    /// The state has changes that were not encoded. Only the driver ends that, while it holds the state.
    pub(crate) dirty: bool,
    /// Much output waits: changes of the state are encoded later, together.
    pub(crate) congested: bool,
    /// The driver waits for the state's lock.
    pub(crate) awaits_state: bool,
    pub(crate) close: Option<Close>,
    /// Calls whose future was woken.
    woken: CallSet,
    /// Somebody waits for a time that is earlier than all that the driver has seen.
    pub(super) alarm_is_set: bool,
}

pub(crate) enum Command {
    /// State operations.
    State(Bytes),
    /// What the connection may do has changed.
    Features(FeatureSet),
    /// The state could not be encoded.
    Fail(EncodeError),
    /// A subscription begins.
    Announce(Box<Announce>),
    /// A subscription ends.
    Leave { topic: u64, subscription: u32 },
    /// An event, in memory that all subscribers share.
    Event {
        event: Arc<EncodedEvent>,
        /// The subscription that it is for.
        subscription: u32,
        /// Why those before it are missing, if any are.
        gap: Option<GapReason>,
        /// It may be dropped to make room for others.
        yields: bool,
    },
    /// An event that was dropped.
    Empty,
}

/// How a subscription begins.
pub(crate) struct Announce {
    /// Counts the subscriptions of the connection.
    pub(crate) subscription: u32,
    pub(crate) topic: u64,
    pub(crate) next: u64,
    pub(crate) name: Topic,
    pub(crate) overflow: Overflow,
    /// Where the last events before `next` are.
    pub(crate) kept: Option<Arc<dyn KeptEvents>>,
    /// How many of these one gets who did not come back.
    pub(crate) history: usize,
}

/// Events of a topic that were dropped: up to which, and why.
#[derive(Clone, Copy)]
pub(crate) struct Loss {
    pub(crate) last: u64,
    pub(crate) reason: GapReason,
}

/// By topic.
pub(crate) type Losses = BTreeMap<u64, Loss>;

/// What the driver takes at the beginning of a round, besides the queue.
pub(crate) struct Taken {
    /// The only command in the queue: exchanging queues would cost more than it.
    pub(crate) only: Option<Command>,
    pub(crate) dropped: Losses,
    pub(crate) close: Option<Close>,
    pub(crate) dirty: bool,
    /// Changes of the features stay in the queue.
    pub(crate) features_wait: bool,
    /// For how many milliseconds emitters wait, if some began to.
    pub(crate) waited: Option<u32>,
    /// Calls whose future was woken.
    pub(crate) woken: CallSet,
}

/// Whether an emitter that waits may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// There is room.
    Room,
    /// Nobody waits for this client.
    GivenUp,
    /// There is no room yet.
    Full,
}

/// Whether an answer waits for changes of the state that were not encoded yet, and what these wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// None waits.
    None,
    /// Somebody holds the state.
    AwaitsState,
    /// So much of the state is to be sent that no more is made.
    AwaitsClient,
}

/// How the application ends the connection.
pub(crate) enum Close {
    /// After the calls that run.
    Drain(CloseReason),
    /// At once.
    Abort(CloseReason),
}

impl Commands {
    pub(crate) const fn new(max_event_bytes: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            event_bytes: 0,
            firm_bytes: 0,
            backlog: 0,
            reserved: 0,
            first_event: 0,
            latest: BTreeMap::new(),
            empty_places: 0,
            max_event_bytes,
            dropped: BTreeMap::new(),
            waited: None,
            given_up: false,
            state_bytes: 0,
            unsent_state_bytes: 0,
            feature_bytes: 0,
            withheld: Vec::new(),
            unannounced: Unannounced::new(),
            ended: false,
            live: false,
            dirty: false,
            congested: false,
            awaits_state: false,
            close: None,
            woken: CallSet::new(),
            alarm_is_set: false,
        }
    }

    pub(crate) fn push(&mut self, command: Command) {
        if self.ended {
            return;
        }
        match &command {
            Command::State(operations) => self.state_bytes += operations.len() + PLACE_BYTES,
            &Command::Leave { topic, subscription } => {
                self.dropped.remove(&topic);
                self.latest.remove(&topic);
                if let Some(untold) = self.unannounced.cancel(subscription.into()) {
                    return self.note_empty_places(untold.places);
                }
                self.unannounced.end(subscription.into(), PLACE_BYTES);
            }
            Command::Announce(announce) => {
                let bytes = PLACE_BYTES + announce.name.as_bytes().len();
                self.unannounced.begin(announce.subscription.into(), bytes);
            }
            Command::Features(features) => self.change_features(features),
            Command::Fail(_) | Command::Event { .. } | Command::Empty => {}
        }
        self.queue.push_back(command);
        self.leave_out_ended();
    }

    /// Events of these types that need a feature which is not there are not for this client.
    pub(crate) fn withhold(&mut self, types: &[EventSchema], features: &FeatureSet) {
        let lacks = |feature: &str| !features.contains(feature);
        let withheld = types.iter().zip(0..).filter(|(ty, _)| ty.feature.is_some_and(lacks));
        self.withheld = withheld.map(|(_, index)| index).collect();
    }

    /// An application that changes what a connection may do faster than its driver runs ends it.
    fn change_features(&mut self, features: &FeatureSet) {
        let names: usize = features.iter().map(|name| PLACE_BYTES + name.len()).sum();
        self.feature_bytes += PLACE_BYTES + names;
        if self.feature_bytes > MAX_FEATURE_BYTES {
            let reason = "features change faster than they can be sent";
            self.close = Some(Close::Abort(CloseReason::new(CloseCode::INTERNAL_ERROR, reason)));
        }
    }

    /// Subscriptions that came and went before the driver did take no more than events may: then those are left out, with
    /// what was lost of them, of whose events none waits.
    fn leave_out_ended(&mut self) {
        while self.unannounced.ended_bytes() > self.max_event_bytes {
            match self.unannounced.cancel_oldest() {
                Some(untold) => self.note_empty_places(untold.places),
                None if self.drop_oldest_event() => {}
                None => return,
            }
        }
    }

    /// Whether changes of the state had better be encoded later, together.
    pub(crate) const fn defers_state(&self) -> bool {
        self.congested || self.state_bytes + self.unsent_state_bytes > MAX_STATE_BYTES
    }

    /// The connection has this much of the state to send, besides what is still here.
    pub(crate) const fn set_unsent_state(&mut self, bytes: usize) {
        self.unsent_state_bytes = bytes;
    }

    /// Queues an event. If the driver does not come to empty the queue in time, some are dropped, by what was chosen for the
    /// subscription. For one that was [reserved](Self::reserve) there is room.
    pub(crate) fn push_event(
        &mut self,
        event: &Arc<EncodedEvent>,
        subscription: u32,
        overflow: Overflow,
        is_reserved: bool,
    ) {
        let (topic, bytes, yields) =
            (event.topic(), PLACE_BYTES + event.encoded_len(), overflow.yields());
        if is_reserved {
            self.unreserve(event.encoded_len());
        }
        if self.ended {
            return;
        }
        if self.withheld.contains(&event.event()) {
            return self.note_dropped(topic, event.sequence(), GapReason::Withheld);
        }
        if overflow == Overflow::Latest {
            self.drop_earlier(topic);
        }
        if !yields && !is_reserved && !self.has_room(bytes) {
            return self.refuse(event, overflow);
        }
        if overflow == Overflow::Latest {
            self.latest.insert(topic, self.queue.len());
        }
        let gap = if self.dropped.is_empty() { None } else { self.dropped.remove(&topic) };
        let gap = gap.map(|dropped| dropped.reason);
        self.event_bytes += bytes;
        if !yields {
            self.firm_bytes += bytes;
        }
        self.unannounced.add_event(subscription.into());
        let event = Arc::clone(event);
        self.queue.push_back(Command::Event { event, subscription, gap, yields });
        // The only one goes on, of whatever length: the connection knows whether it has to wait.
        while self.event_bytes > self.max_event_bytes.max(bytes) && self.drop_oldest_event() {}
    }

    /// A later event of a topic takes the place of the one that waits, if that was not dropped before.
    fn drop_earlier(&mut self, topic: u64) {
        if let Some(place) = self.latest.remove(&topic)
            && matches!(self.queue.get(place), Some(Command::Event { event, .. }) if event.topic() == topic)
        {
            self.drop_event(place, GapReason::Conflated);
        }
    }

    /// Whether so much more may wait besides what does not make room. One that waits for nothing may be of any length.
    fn has_room(&self, bytes: usize) -> bool {
        let waiting = self.firm_bytes + self.backlog + self.reserved;
        waiting == 0
            || waiting + bytes <= self.max_event_bytes
                && self.unannounced.ended_bytes() <= self.max_event_bytes
    }

    fn refuse(&mut self, event: &EncodedEvent, overflow: Overflow) {
        self.note_dropped(event.topic(), event.sequence(), GapReason::Lagged);
        if overflow == Overflow::Disconnect {
            let reason = CloseReason::new(CloseCode::LIMIT_EXCEEDED, "max_queued_event_bytes");
            self.close = Some(Close::Abort(reason));
        }
    }

    /// Keeps room for an event of this length, for an emitter that waits at most so many milliseconds for it.
    pub(crate) fn reserve(&mut self, len: usize, patience: u32) -> Reserved {
        let bytes = PLACE_BYTES + len;
        if self.ended || self.given_up {
            return Reserved::GivenUp;
        }
        if !self.has_room(bytes) {
            self.waited = Some(self.waited.unwrap_or(0).max(patience));
            return Reserved::Full;
        }
        self.reserved += bytes;
        Reserved::Room
    }

    /// An event for which there was room is sent, or is not to be sent yet.
    pub(crate) const fn unreserve(&mut self, len: usize) {
        self.reserved -= PLACE_BYTES + len;
    }

    /// Emitters wait no longer for this client.
    pub(crate) const fn give_up(&mut self) {
        self.given_up = true;
        self.waited = None;
    }

    /// The driver says what events it holds that do not make room: whether there is room again for those who wait.
    pub(crate) const fn set_backlog(&mut self, bytes: usize) -> bool {
        self.backlog = bytes;
        let roomy = self.firm_bytes + self.backlog <= self.max_event_bytes / 2;
        if roomy {
            self.given_up = false;
        }
        roomy
    }

    fn drop_oldest_event(&mut self) -> bool {
        while let Some(place) = self.queue.get(self.first_event) {
            self.first_event += 1;
            if let Command::Event { yields: true, .. } = place {
                self.drop_event(self.first_event - 1, GapReason::Lagged);
                return true;
            }
        }
        false
    }

    /// Drops the event at this place of the queue.
    fn drop_event(&mut self, place: usize, reason: GapReason) {
        let dropped = std::mem::replace(&mut self.queue[place], Command::Empty);
        let Command::Event { event, subscription, gap, .. } = dropped else { return };
        self.event_bytes -= PLACE_BYTES + event.encoded_len();
        // Nobody asks what was lost of a subscription that has ended.
        if !self.unannounced.drop_event(subscription.into()) {
            let reason = gap.map_or(reason, |gap| gap.min(reason));
            self.note_dropped(event.topic(), event.sequence(), reason);
        }
        self.note_empty_places(1);
    }

    /// A gap of several reasons gives the first of them in order of their codes.
    fn note_dropped(&mut self, topic: u64, last: u64, reason: GapReason) {
        let dropped = self.dropped.entry(topic).or_insert(Loss { last, reason });
        dropped.last = dropped.last.max(last);
        dropped.reason = dropped.reason.min(reason);
    }

    /// Empty places are cleared away once they are the greater part, so that each costs little.
    fn note_empty_places(&mut self, places: usize) {
        self.empty_places += places;
        if self.empty_places > self.queue.len() / 2 {
            self.clear_empty_places();
            self.first_event = 0;
            self.find_latest();
        }
    }

    fn clear_empty_places(&mut self) {
        let is_told = |subscription: u32| self.unannounced.is_told(subscription.into());
        self.queue.retain(|command| match command {
            Command::Empty => false,
            Command::Announce(announce) => is_told(announce.subscription),
            Command::Leave { subscription, .. } => is_told(*subscription),
            _ => true,
        });
        self.unannounced.clear_untold();
        self.empty_places = 0;
    }

    /// Finds the places of the latest events again.
    fn find_latest(&mut self) {
        if self.latest.is_empty() {
            return;
        }
        for (place, command) in self.queue.iter().enumerate() {
            if let Command::Event { event, .. } = command
                && let Some(latest) = self.latest.get_mut(&event.topic())
            {
                *latest = place;
            }
        }
    }

    /// Takes all that is queued, in exchange for an empty queue.
    pub(crate) fn take_queue(&mut self, empty: &mut VecDeque<Command>) {
        if !self.unannounced.are_all_told() {
            self.clear_empty_places();
        }
        self.unannounced.clear();
        if !self.queue.is_empty() {
            std::mem::swap(&mut self.queue, empty);
        }
        self.backlog += self.firm_bytes;
        self.firm_bytes = 0;
        self.latest.clear();
        self.event_bytes = 0;
        self.first_event = 0;
        self.empty_places = 0;
        self.unsent_state_bytes += std::mem::take(&mut self.state_bytes);
        self.feature_bytes = 0;
    }

    /// Whether something was dropped and no event in the queue says so.
    pub(crate) fn has_dropped(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// Takes what was dropped of each topic and no event in the queue says so.
    pub(crate) fn take_dropped(&mut self) -> Losses {
        std::mem::take(&mut self.dropped)
    }

    /// Takes all that there is for the driver to do, in exchange for an empty queue; without one it leaves what has to keep
    /// its order with answers. The connection has `unsent` bytes of the state to send.
    pub(crate) fn take(&mut self, empty: Option<&mut VecDeque<Command>>, unsent: usize) -> Taken {
        let (mut only, mut dropped, mut woken) = (None, Losses::new(), CallSet::new());
        if let Some(empty) = empty {
            self.set_unsent_state(unsent);
            if self.queue.len() == 1 && self.unannounced.are_all_told() {
                only = self.queue.pop_front();
                // The next one comes to the same place.
                self.queue.clear();
            }
            self.take_queue(empty);
            dropped = self.take_dropped();
            woken = std::mem::take(&mut self.woken);
        }
        let (close, waited) = (self.close.take(), self.waited.take());
        let (dirty, features_wait) = (self.dirty, self.feature_bytes > 0);
        Taken { only, dropped, close, dirty, features_wait, waited, woken }
    }

    /// The connection has ended.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.live = false;
        self.queue = VecDeque::new();
    }

    pub(crate) fn wake_call(&mut self, id: CallId) {
        self.woken.insert(id);
    }

    /// Takes the calls whose future was woken, once the connection has ended and nothing else is left.
    pub(crate) fn take_woken(&mut self) -> CallSet {
        std::mem::take(&mut self.woken)
    }

    /// Whether no future was woken.
    pub(crate) fn has_nothing_woken(&mut self) -> bool {
        self.woken.is_empty()
    }

    /// Whether the driver has nothing to do. While an answer waits for the state, all else does so with it.
    pub(crate) fn lets_driver_sleep(&mut self, answer: Answer) -> bool {
        if self.close.is_some() || self.waited.is_some() || std::mem::take(&mut self.alarm_is_set) {
            return false;
        }
        match answer {
            Answer::AwaitsClient => true,
            Answer::AwaitsState => self.awaits_state,
            Answer::None => {
                let state_waits = !self.dirty || self.congested || self.awaits_state;
                let is_empty = self.queue.is_empty() && self.dropped.is_empty();
                state_waits && is_empty && self.woken.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 1000;

    fn event(topic: u64, sequence: u64) -> Arc<EncodedEvent> {
        Arc::new(EncodedEvent::new(topic, sequence, 0, vec![0; 32].into()))
    }

    /// The topics and numbers of the events that wait, in order, and why those before them are missing.
    fn waiting(commands: &Commands) -> Vec<(u64, u64, Option<GapReason>)> {
        let event = |command: &Command| match command {
            Command::Event { event, gap, .. } => Some((event.topic(), event.sequence(), *gap)),
            _ => None,
        };
        commands.queue.iter().filter_map(event).collect()
    }

    #[test]
    fn a_latest_event_that_was_dropped_for_room_is_not_taken_for_another_one() {
        let mut commands = Commands::new(ROOM);
        commands.push_event(&event(1, 0), 1, Overflow::Latest, false);
        // These push it out, and move up into its place.
        for sequence in 0..30 {
            commands.push_event(&event(2, sequence), 2, Overflow::DropOldest, false);
        }
        let before = waiting(&commands).len();
        commands.push_event(&event(1, 1), 1, Overflow::Latest, false);
        let waiting = waiting(&commands);
        assert_eq!(waiting.last(), Some(&(1, 1, Some(GapReason::Lagged))));
        // One made room for it, the oldest.
        assert_eq!(waiting.len(), before);
        let numbers: Vec<_> = waiting[..before - 1].iter().map(|(_, number, _)| *number).collect();
        assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]), "{numbers:?}");
        assert_eq!(numbers.last(), Some(&29));
    }

    fn announce(commands: &mut Commands, topic: u64, subscription: u32) {
        let (name, overflow) = (Topic::from(topic.to_string()), Overflow::default());
        let (next, kept, history) = (0, None, 0);
        let announce = Announce { subscription, topic, next, name, overflow, kept, history };
        commands.push(Command::Announce(Box::new(announce)));
    }

    fn taken(commands: &mut Commands) -> VecDeque<Command> {
        let mut queue = VecDeque::new();
        commands.take_queue(&mut queue);
        queue
    }

    #[test]
    fn a_subscription_that_comes_and_goes_before_the_driver_does_takes_no_place() {
        let mut commands = Commands::new(ROOM);
        for subscription in 1..=100_000 {
            announce(&mut commands, 1, subscription);
            commands.push(Command::Leave { topic: 1, subscription });
            assert!(commands.queue.len() < 3);
        }
        announce(&mut commands, 1, 100_001);
        assert!(matches!(&taken(&mut commands).make_contiguous(), [Command::Announce(_)]));
        // Of one that the driver has taken over it hears the end.
        commands.push(Command::Leave { topic: 1, subscription: 100_001 });
        assert!(matches!(&taken(&mut commands).make_contiguous(), [Command::Leave { .. }]));
    }

    #[test]
    fn subscriptions_that_come_and_go_with_events_take_no_more_than_events() {
        let mut commands = Commands::new(ROOM);
        for subscription in 1..=100_000 {
            let topic = subscription.into();
            announce(&mut commands, topic, subscription);
            commands.push_event(&event(topic, 0), subscription, Overflow::DropOldest, false);
            commands.push(Command::Leave { topic, subscription });
        }
        assert!(commands.queue.len() < 100, "{}", commands.queue.len());
        assert!(commands.dropped.is_empty());
        assert!(commands.close.is_none());
        // What is left is whole.
        let queue = taken(&mut commands);
        let mut subscribed = None;
        for command in queue {
            match command {
                Command::Announce(announce) => {
                    assert_eq!(subscribed.replace(announce.topic), None);
                }
                Command::Event { event, .. } => assert_eq!(subscribed, Some(event.topic())),
                Command::Leave { topic, .. } => assert_eq!(subscribed.take(), Some(topic)),
                _ => {}
            }
        }
        assert_eq!(subscribed, None);
    }

    #[test]
    fn room_that_was_kept_is_there_and_given_back() {
        let mut commands = Commands::new(ROOM);
        let bytes = event(1, 0).encoded_len();
        let mut reserved = 0;
        while commands.reserve(bytes, 5) == Reserved::Room {
            reserved += 1;
        }
        assert_eq!(commands.take(None, 0).waited, Some(5));
        assert_eq!(reserved, ROOM / (PLACE_BYTES + bytes));
        // Others find none.
        commands.push_event(&event(1, 0), 1, Overflow::DropNewest, false);
        assert_eq!(waiting(&commands), []);
        for sequence in 1..=reserved as u64 {
            commands.push_event(&event(1, sequence), 1, Overflow::DropNewest, true);
        }
        assert_eq!(waiting(&commands).len(), reserved);
        // What the driver has taken over and not sent still takes its room.
        commands.take_queue(&mut VecDeque::new());
        assert_eq!(commands.reserve(bytes, 5), Reserved::Full);
        assert!(commands.set_backlog(0));
        assert_eq!(commands.reserve(bytes, 5), Reserved::Room);
        commands.unreserve(bytes);
    }

    #[test]
    fn nobody_waits_for_a_client_that_was_given_up_until_it_has_caught_up() {
        let mut commands = Commands::new(ROOM);
        commands.give_up();
        assert_eq!(commands.reserve(10, 5), Reserved::GivenUp);
        assert!(!commands.set_backlog(ROOM / 2 + 1));
        assert_eq!(commands.reserve(10, 5), Reserved::GivenUp);
        assert!(commands.set_backlog(ROOM / 2));
        assert_eq!(commands.reserve(10, 5), Reserved::Room);
    }
}
