//! What waits to be sent. Most of it stands in a line; what is long travels in pieces beside the line; a few frames that
//! wait for nothing go before all others. Behind a slow peer events may be dropped, oldest first; nothing else is.
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

use bytes::Bytes;

use super::{
    call_ids::{CallIds, MAX_CALLS_IN_FLIGHT},
    control::Control,
    packer::Packer,
    transfer::outgoing::{LongFrame, Withdrawn},
    waiting::{Waiting, release_map},
};
use crate::{
    error::{CallError, ProtocolError},
    event::{Announcement, Overflow},
    frame::{
        COMPRESSED, CallId, Content, Extensions, Frame, GapReason, Resume, ShortHead, TopicStart,
    },
    limits::MAX_MESSAGE_BYTES,
};

/// What a place in the line counts for, besides its frame.
const PLACE_BYTES: usize = 64;

/// The longest payload of a frame that is surely no longer than a message, and thus than either side allows.
const MAX_SHORT_BYTES: usize = MAX_MESSAGE_BYTES - 16;

/// Places that an empty line keeps: as many as there may be answers.
const MAX_IDLE_PLACES: usize = MAX_CALLS_IN_FLIGHT;

/// Frames are packed while no more than this waits in messages; the rest waits where events can still be dropped.
const MAX_PACKED_BYTES: usize = 64 * 1024;

/// What the line may send before a piece of a long frame gets its turn, in bytes.
const LINE_TURN_BYTES: usize = 32 * 1024;

/// Frames on their way out.
#[derive(Debug)]
pub(super) struct Outbox {
    packer: Packer,
    waiting: Waiting,
    /// What the line may still send before a piece gets its turn.
    line_turn: usize,
    line_bytes: usize,
    /// Of these, what events take.
    event_bytes: usize,
    /// Of these, what events take that do not make room for others.
    firm_bytes: usize,
    /// Of these, what changes of topics and features take.
    change_bytes: usize,
    /// Of these, what the state takes.
    state_bytes: usize,
    /// There is no event that makes room for others before this place in the line.
    first_event: usize,
    /// Goes up with every place that leaves the line at its front, and down with every one that comes there: with it a
    /// place can be named.
    popped: u64,
    /// Of a subscription of which only the latest event waits: the place of that event, while it does.
    latest: BTreeMap<u64, u64>,
    /// Places in the line whose event was dropped.
    empty_places: usize,
    /// Long frames in the line.
    long_items: usize,
    /// Of these, the ids of calls and answers.
    long_calls: CallIds,
    max_event_bytes: usize,
    /// Ids of the calls, or answers, that are not sent as a whole.
    unsent: CallIds,
    /// Counts the subscriptions: a topic may be left and announced again while all of it waits.
    subscriptions: u64,
    /// The subscription of each topic as far as it was queued.
    queued_topics: BTreeMap<u64, Queued>,
    /// The subscription of each topic as far as it was packed.
    packed_topics: BTreeMap<u64, Subscription>,
    /// What the peer has said: until then only what opens the connection is sent.
    peer: Option<Peer>,
    /// Nothing can be sent any longer.
    shut: bool,
}

/// What the peer has said about itself.
#[derive(Debug)]
struct Peer {
    max_frame_bytes: usize,
    /// By name: where the peer left off on an earlier connection.
    resume: BTreeMap<Bytes, u64>,
    /// Whether that was in this epoch.
    same_epoch: bool,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    subscription: u64,
    overflow: Overflow,
}

/// An event does not fit, and the connection is to end for that.
#[derive(Debug)]
pub(super) struct Overflowed;

#[derive(Debug)]
struct Subscription {
    number: u64,
    /// The sequence number that the peer expects next.
    next: u64,
}

/// Events of a subscription that were dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    topic: u64,
    last: u64,
    reason: GapReason,
}

#[derive(Debug)]
pub(super) enum Item {
    /// Opens the connection: waits for nobody.
    Greeting(Frame),
    Frame(Frame),
    /// The announcement of a topic.
    Topic {
        subscription: u64,
        announcement: Announcement,
        /// What the events that are kept count for.
        kept_bytes: usize,
    },
    /// An event, encoded, in memory that all subscribers share.
    Event {
        subscription: u64,
        topic: u64,
        sequence: u64,
        /// It may be dropped to make room for others.
        yields: bool,
        frame: Bytes,
    },
    /// An event that was dropped.
    Empty,
}

impl Outbox {
    pub(super) fn new(max_event_bytes: usize) -> Self {
        Self {
            packer: Packer::default(),
            waiting: Waiting::new(),
            line_turn: LINE_TURN_BYTES,
            line_bytes: 0,
            event_bytes: 0,
            firm_bytes: 0,
            change_bytes: 0,
            state_bytes: 0,
            first_event: 0,
            popped: 1 << 63,
            latest: BTreeMap::new(),
            empty_places: 0,
            long_items: 0,
            long_calls: CallIds::default(),
            max_event_bytes,
            unsent: CallIds::default(),
            subscriptions: 0,
            queued_topics: BTreeMap::new(),
            packed_topics: BTreeMap::new(),
            peer: None,
            shut: false,
        }
    }

    /// The peer has said what it accepts, and where it left off; `epoch` is this side's.
    pub(super) fn greeted(
        &mut self,
        max_frame_bytes: usize,
        resume: Option<&Resume>,
        epoch: Option<u64>,
    ) {
        let same_epoch = epoch.is_some() && resume.map(|resume| resume.epoch) == epoch;
        let topics = resume.into_iter().flat_map(|resume| &resume.topics);
        // A slice would keep the whole message it came in.
        let resume =
            topics.map(|topic| (Bytes::copy_from_slice(&topic.name), topic.next)).collect();
        self.peer = Some(Peer { max_frame_bytes, resume, same_epoch });
        self.refill();
    }

    /// The longest frame that the peer accepts, in bytes.
    pub(super) fn max_frame_bytes(&self) -> usize {
        self.peer.as_ref().map_or(MAX_MESSAGE_BYTES, |peer| peer.max_frame_bytes)
    }

    /// Where the peer left off on a topic in this epoch, if it asked to go on from there and nobody has yet.
    pub(super) fn resume_hint(&self, name: &[u8]) -> Option<u64> {
        let peer = self.peer.as_ref().filter(|peer| peer.same_epoch)?;
        let asked = peer.resume.get(name).copied()?;
        // An announcement that waits will go on from there.
        let announced = |item: &Item| matches!(item, Item::Topic { announcement, .. } if announcement.name == name);
        (!self.waiting.line.iter().any(announced)).then_some(asked)
    }

    /// Whether the peer asked to go on with topics that were not announced yet; or whether that is not known.
    pub(super) fn may_resume(&self) -> bool {
        self.peer.as_ref().is_none_or(|peer| peer.same_epoch && !peer.resume.is_empty())
    }

    /// What the events take that do not make room for others.
    pub(super) const fn firm_bytes(&self) -> usize {
        self.firm_bytes
    }

    /// Bytes that wait to be sent.
    pub(super) fn queued_bytes(&self) -> usize {
        self.packer.queued_bytes() + self.line_bytes + self.waiting.outgoing.bytes()
    }

    /// Of these, what has its place in the line or behind it, events aside that may still be dropped.
    pub(super) fn line_bytes(&self) -> usize {
        self.packer.queued_bytes() + self.line_bytes - self.event_bytes
    }

    /// What changes of topics and features take in the line.
    pub(super) const fn change_bytes(&self) -> usize {
        self.change_bytes
    }

    /// What of the state is not packed yet, in bytes.
    pub(super) fn state_bytes(&self) -> usize {
        self.state_bytes + self.waiting.outgoing.state_bytes()
    }

    /// Bytes of calls and answers that are sent in pieces.
    pub(super) fn transfer_bytes(&self) -> usize {
        self.waiting.outgoing.unordered_bytes()
    }

    /// Whether frames are sent, or are to be sent, in pieces.
    pub(super) fn has_transfers(&self) -> bool {
        !self.waiting.outgoing.is_empty() || self.long_items > 0
    }

    /// Whether the call, or answer, of an id is not sent as a whole: the peer cannot know of it.
    pub(super) const fn has_unsent(&self, id: CallId) -> bool {
        self.unsent.contains(id)
    }

    /// Whether nothing waits, whether or not it could be sent now.
    pub(super) fn is_empty(&self) -> bool {
        self.packer.is_empty() && self.waiting.is_empty() && self.unsent.is_empty()
    }

    /// Whether there is a message to send now.
    pub(super) fn is_ready(&self) -> bool {
        let Self { waiting, .. } = self;
        let more =
            || !waiting.control.is_empty() || waiting.outgoing.is_ready() || self.line_is_ready();
        !self.shut && (!self.packer.is_empty() || !self.waiting.is_nothing() && more())
    }

    /// What goes before everything else.
    pub(super) fn control(&mut self) -> &mut Control {
        &mut self.waiting.control
    }

    /// Lets go of the memory that is kept for messages to come.
    pub(super) fn release_memory(&mut self) {
        self.packer.release_memory();
        self.waiting.release_memory();
        let Self { latest, queued_topics, packed_topics, .. } = self;
        release_map(latest);
        release_map(queued_topics);
        release_map(packed_topics);
    }

    /// Nobody is waited for any longer: what is left goes out as it can, except what needs the peer.
    pub(super) fn release(&mut self) {
        self.waiting.control = Control::default();
        let keeps_line = self.peer.is_some() && !self.waiting.outgoing.blocks_line();
        self.waiting.outgoing.clear();
        self.unsent = CallIds::default();
        let short =
            self.waiting.line.iter().position(Item::is_long).unwrap_or(self.waiting.line.len());
        self.truncate_line(if keeps_line { short } else { 0 });
        if !keeps_line {
            // What was dropped stood behind what was cut off.
            self.waiting.dropped.clear();
        }
        self.refill();
    }

    fn truncate_line(&mut self, len: usize) {
        while self.waiting.line.len() > len
            && let Some(item) = self.waiting.line.pop_back()
        {
            self.uncount(&item);
        }
        self.first_event = self.first_event.min(len);
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.packer.clear();
        self.waiting.control = Control::default();
        self.waiting.outgoing.clear();
        self.unsent = CallIds::default();
        self.waiting.line.clear();
        self.waiting.dropped.clear();
        self.latest.clear();
        self.line_bytes = 0;
        self.event_bytes = 0;
        self.firm_bytes = 0;
        self.change_bytes = 0;
        self.state_bytes = 0;
        self.first_event = 0;
        self.empty_places = 0;
        self.long_items = 0;
        self.long_calls = CallIds::default();
    }

    /// Forgets everything that waits, and all that is still to come.
    pub(super) fn shut(&mut self) {
        self.clear();
        self.shut = true;
    }

    /// Sends what opens the connection.
    pub(super) fn greet(&mut self, frame: Frame) {
        self.push_item(Item::Greeting(frame));
    }

    /// Whether a call or an answer with this payload is short, and may be sent at once since nothing waits before it.
    #[inline(always)]
    pub(super) fn takes_short(&self, payload: &[u8]) -> bool {
        let is_clear =
            self.waiting.is_nothing() && self.has_room() && self.peer.is_some() && !self.shut;
        is_clear && payload.len() <= MAX_SHORT_BYTES
    }

    /// Sends a call or an answer that is [taken](Self::takes_short).
    #[inline(always)]
    pub(super) fn push_short(&mut self, head: ShortHead, payload: &[u8]) {
        self.packer.push_parts(head, payload);
    }

    pub(super) fn push(&mut self, frame: Frame) {
        if let Frame::Call { id, .. } | Frame::Answer { id, .. } | Frame::Error { id, .. } = frame
            && !self.shut
        {
            self.unsent.insert(id);
        }
        self.push_item(Item::Frame(frame));
    }

    /// Announces a topic.
    pub(super) fn push_topic(&mut self, mut announcement: Announcement) {
        self.subscriptions += 1;
        let (subscription, overflow) = (self.subscriptions, announcement.overflow);
        self.queued_topics.insert(announcement.topic, Queued { subscription, overflow });
        let room = self.max_event_bytes.saturating_sub(self.event_bytes);
        let kept_bytes = trim(&mut announcement.kept, room);
        self.push_item(Item::Topic { subscription, announcement, kept_bytes });
        self.refill();
    }

    /// Whether a topic is announced, or waits to be.
    pub(super) fn has_topic(&self, topic: u64) -> bool {
        self.queued_topics.contains_key(&topic)
    }

    /// Ends the subscription to a topic.
    pub(super) fn push_leave(&mut self, topic: u64) {
        if let Some(queued) = self.queued_topics.remove(&topic) {
            self.latest.remove(&queued.subscription);
            self.push_item(Item::Frame(Frame::Leave { topic }));
        }
    }

    /// Queues an event that is encoded already. If too many wait, some are dropped.
    pub(super) fn push_event(
        &mut self,
        topic: u64,
        sequence: u64,
        frame: Bytes,
    ) -> Result<(), Overflowed> {
        let Some(&Queued { subscription, overflow }) = self.queued_topics.get(&topic) else {
            return Ok(());
        };
        let yields = overflow.yields();
        let item = Item::Event { subscription, topic, sequence, yields, frame };
        if overflow == Overflow::Latest {
            self.drop_earlier(subscription);
        }
        if !yields && self.waits(&item) && self.firm_bytes + item.len() > self.max_event_bytes {
            self.skip_events(topic, sequence, GapReason::Lagged);
            return if overflow == Overflow::Disconnect { Err(Overflowed) } else { Ok(()) };
        }
        self.push_item(item);
        if overflow == Overflow::Latest && !self.waiting.line.is_empty() {
            self.latest.insert(subscription, self.popped + (self.waiting.line.len() - 1) as u64);
        }
        while self.event_bytes > self.max_event_bytes && self.drop_oldest_event() {}
        self.refill();
        Ok(())
    }

    /// A later event of a subscription takes the place of the one that waits, if any does.
    fn drop_earlier(&mut self, subscription: u64) {
        let Some(place) = self.latest.remove(&subscription) else { return };
        let index = place.checked_sub(self.popped).and_then(|index| usize::try_from(index).ok());
        if let Some(index) = index
            && matches!(self.waiting.line.get(index), Some(Item::Event { subscription: found, .. }) if *found == subscription)
        {
            self.drop_event(index, GapReason::Conflated);
        }
    }

    /// The events of a topic up to this one are dropped, as far as they were not sent.
    pub(super) fn skip_events(&mut self, topic: u64, last: u64, reason: GapReason) {
        if let Some(queued) = self.queued_topics.get(&topic)
            && !self.shut
        {
            self.note_dropped(queued.subscription, Loss { topic, last, reason });
            self.state_losses();
        }
    }

    /// The peer gives credit for a transfer.
    pub(super) fn credit(&mut self, transfer: u64, bytes: u64) -> Result<(), ProtocolError> {
        self.waiting.outgoing.credit(transfer, bytes)?;
        self.refill();
        Ok(())
    }

    /// Gives up sending an answer in pieces, if it is, and sends an error in its place.
    pub(super) fn withdraw_answer(&mut self, id: CallId, error: CallError) {
        if self.withdraw(id) {
            self.push(Frame::Error { id, error, extensions: Extensions::new() });
        }
    }

    /// Gives up sending the call, or answer, of an id in pieces: whether it was. The peer will not have heard of it.
    pub(super) fn withdraw(&mut self, id: CallId) -> bool {
        // Looked for only if it is there, so that a flood of cancels costs nothing.
        if self.long_calls.contains(id)
            && let Some(place) = self.waiting.line.iter_mut().find(|item| item.call() == Some(id))
        {
            let item = core::mem::replace(place, Item::Empty);
            self.uncount(&item);
            self.note_empty_place();
            self.unsent.remove(id);
            return true;
        }
        match self.waiting.outgoing.withdraw(id) {
            Some(Withdrawn::Begun(number)) => self.control().abort(number),
            Some(Withdrawn::Unsent) => {}
            None => return false,
        }
        self.unsent.remove(id);
        self.refill();
        true
    }

    /// The next message to send.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if self.waiting.is_nothing() {
            return self.packer.pop();
        }
        if self.packer.is_empty() {
            self.refill();
        }
        let message = self.packer.pop();
        self.refill();
        message
    }

    /// Packs what there is room for: what waits for nothing first, then the line and the pieces by turns.
    fn refill(&mut self) {
        if self.shut || self.waiting.is_nothing() {
            return;
        }
        while self.has_room()
            && let Some(frame) = self.waiting.control.pop()
        {
            self.pack_frame(&frame);
        }
        while self.has_room() && self.pack_next() {}
        self.state_losses();
        self.waiting.look();
    }

    /// Packs one frame or piece: whether there was one.
    fn pack_next(&mut self) -> bool {
        let (line, piece) = (self.line_is_ready(), self.waiting.outgoing.is_ready());
        if !piece && !line {
            return false;
        }
        if line && (self.line_turn > 0 || !piece) {
            self.pack_from_line();
        } else {
            self.line_turn = LINE_TURN_BYTES;
            if let Some(id) = self.waiting.outgoing.pack_piece(&mut self.packer) {
                self.unsent.remove(id);
            }
        }
        true
    }

    fn pack_from_line(&mut self) {
        let Some(item) = self.waiting.line.pop_front() else { return };
        if self.waiting.line.is_empty() && self.waiting.line.capacity() > MAX_IDLE_PLACES {
            self.waiting.line = VecDeque::new();
        }
        self.first_event = self.first_event.saturating_sub(1);
        self.popped += 1;
        self.line_turn = self.line_turn.saturating_sub(item.len());
        self.uncount(&item);
        self.pack(item);
    }

    fn line_is_ready(&self) -> bool {
        self.waiting.line.front().is_some_and(|item| self.takes(item))
    }

    fn takes(&self, item: &Item) -> bool {
        let greets = matches!(item, Item::Greeting(_));
        (greets || self.peer.is_some()) && !self.waiting.outgoing.blocks_line()
    }

    fn has_room(&self) -> bool {
        self.packer.queued_bytes() < MAX_PACKED_BYTES
    }

    fn push_item(&mut self, item: Item) {
        if self.shut {
            return;
        }
        if !self.waits(&item) {
            return self.pack(item);
        }
        self.count(&item);
        self.waiting.line.push_back(item);
        self.refill();
    }

    /// Whether an item has to wait in the line.
    fn waits(&self, item: &Item) -> bool {
        let waits =
            !self.waiting.line.is_empty() || !self.has_room() || self.waiting.outgoing.is_ready();
        waits || !self.takes(item)
    }

    fn count(&mut self, item: &Item) {
        self.line_bytes += item.len();
        self.event_bytes += item.event_len();
        self.firm_bytes += item.firm_len();
        self.change_bytes += item.change_len();
        self.state_bytes += item.state_len();
        if item.is_long() {
            self.long_items += 1;
            item.call().map(|id| self.long_calls.insert(id));
        }
    }

    fn drop_oldest_event(&mut self) -> bool {
        while let Some(place) = self.waiting.line.get(self.first_event) {
            self.first_event += 1;
            if let Item::Event { yields: true, .. } = place {
                self.drop_event(self.first_event - 1, GapReason::Lagged);
                return true;
            }
        }
        false
    }

    /// Drops the event at this place of the line.
    fn drop_event(&mut self, index: usize, reason: GapReason) {
        let item = core::mem::replace(&mut self.waiting.line[index], Item::Empty);
        self.uncount(&item);
        if let Item::Event { subscription, topic, sequence, .. } = item {
            self.note_dropped(subscription, Loss { topic, last: sequence, reason });
        }
        self.note_empty_place();
    }

    /// Empty places are cleared away once they are the greater part, so that each costs little.
    fn note_empty_place(&mut self) {
        self.empty_places += 1;
        if self.empty_places > self.waiting.line.len() / 2 {
            self.waiting.line.retain(|item| !matches!(item, Item::Empty));
            self.empty_places = 0;
            self.first_event = 0;
            self.find_latest();
        }
    }

    /// Finds the places of the latest events again.
    fn find_latest(&mut self) {
        if self.latest.is_empty() {
            return;
        }
        for (item, place) in self.waiting.line.iter().zip(self.popped..) {
            if let Item::Event { subscription, .. } = item
                && let Some(latest) = self.latest.get_mut(subscription)
            {
                *latest = place;
            }
        }
    }

    /// Once nothing waits any longer, no later event would state what was lost.
    fn state_losses(&mut self) {
        while self.waiting.line.is_empty()
            && self.has_room()
            && !self.waiting.outgoing.blocks_line()
            && let Some((subscription, loss)) = self.waiting.dropped.pop_first()
        {
            self.pack_gap(subscription, loss);
        }
    }

    /// A gap of several reasons gives the first of them in order of their codes.
    fn note_dropped(&mut self, subscription: u64, loss: Loss) {
        let noted = self.waiting.dropped.entry(subscription).or_insert(loss);
        noted.last = noted.last.max(loss.last);
        noted.reason = noted.reason.min(loss.reason);
    }

    fn uncount(&mut self, item: &Item) {
        self.line_bytes -= item.len();
        self.event_bytes -= item.event_len();
        self.firm_bytes -= item.firm_len();
        self.change_bytes -= item.change_len();
        self.state_bytes -= item.state_len();
        if item.is_long() {
            self.long_items -= 1;
            item.call().map(|id| self.long_calls.remove(id));
        }
        if matches!(item, Item::Empty) {
            self.empty_places -= 1;
        }
    }

    fn pack(&mut self, item: Item) {
        match item {
            Item::Greeting(frame) => self.pack_frame(&frame),
            Item::Frame(frame) => {
                if let Frame::Leave { topic } = &frame {
                    self.pack_end(*topic);
                }
                self.pack_frame(&frame);
            }
            Item::Topic { subscription, announcement, .. } => {
                self.pack_topic(subscription, announcement);
            }
            Item::Event { subscription, topic, sequence, frame, .. } => {
                self.pack_event(subscription, topic, sequence, frame);
            }
            Item::Empty => {}
        }
    }

    /// Packs a frame, or begins to send it in pieces.
    fn pack_frame(&mut self, frame: &Frame) {
        let len = frame.encoded_len();
        if len > MAX_MESSAGE_BYTES {
            return self.waiting.outgoing.push(LongFrame::new(frame));
        }
        if let Frame::Call { id, .. } | Frame::Answer { id, .. } | Frame::Error { id, .. } = frame {
            self.unsent.remove(*id);
        }
        self.packer.push(len, |out| frame.encode(out));
    }

    /// Announces a topic: from where the peer left off, if it asked for that. What is kept of the events from there on is
    /// next in the line.
    fn pack_topic(&mut self, number: u64, announcement: Announcement) {
        let Announcement { topic, next, name, overflow, mut kept, history } = announcement;
        let asked = self.peer.as_mut().and_then(|peer| {
            let asked = peer.resume.remove(&name)?;
            Some(asked).filter(|&asked| peer.same_epoch && asked <= next).ok_or(()).into()
        });
        let oldest = next.saturating_sub(kept.len() as u64);
        let recent = next.saturating_sub(history as u64).max(oldest);
        let (start, first) = match asked {
            None => (TopicStart::Fresh, recent),
            Some(Ok(asked)) => (TopicStart::Resumed, asked),
            Some(Err(())) => (TopicStart::Restarted, recent),
        };
        self.packed_topics.insert(topic, Subscription { number, next: first });
        self.pack_frame(&Frame::Topic { topic, next: first, start, name });
        let (mut begin, mut reason) = (first.max(oldest), GapReason::Expired);
        if overflow == Overflow::Latest && begin < next {
            (begin, reason) = (next - 1, GapReason::Conflated);
        }
        if let Some(last) = begin.checked_sub(1) {
            self.pack_gap(number, Loss { topic, last, reason });
        }
        let replayed = kept.split_off((begin - oldest) as usize);
        for (sequence, frame) in (begin..next).rev().zip(replayed.into_iter().rev()) {
            self.replay(number, topic, sequence, overflow, frame);
        }
    }

    /// Puts an event that is kept at the front of the line.
    fn replay(
        &mut self,
        subscription: u64,
        topic: u64,
        sequence: u64,
        overflow: Overflow,
        frame: Bytes,
    ) {
        let yields = overflow.yields();
        let item = Item::Event { subscription, topic, sequence, yields, frame };
        self.count(&item);
        self.waiting.line.push_front(item);
        self.first_event = 0;
        self.popped -= 1;
        if overflow == Overflow::Latest {
            self.latest.insert(subscription, self.popped);
        }
    }

    /// A subscription ends: what was dropped of it is stated before.
    fn pack_end(&mut self, topic: u64) {
        let Some(Subscription { number, .. }) = self.packed_topics.get(&topic) else { return };
        let number = *number;
        if let Some(loss) = self.waiting.dropped.remove(&number) {
            self.pack_gap(number, loss);
        }
        self.packed_topics.remove(&topic);
    }

    /// Packs an event, behind a statement of those before it that were dropped. One that is longer than the peer accepts
    /// is not sent.
    fn pack_event(&mut self, subscription: u64, topic: u64, sequence: u64, frame: Bytes) {
        if let Some(last) = sequence.checked_sub(1) {
            let noted = self.waiting.dropped.get(&subscription).copied();
            if noted.is_some_and(|loss| loss.last <= last) {
                self.waiting.dropped.remove(&subscription);
            }
            let reason = noted.map_or(GapReason::Lagged, |loss| loss.reason);
            self.pack_gap(subscription, Loss { topic, last, reason });
        }
        if len_at_peer(&frame) > self.max_frame_bytes() {
            let reason = GapReason::TooLong;
            return self.pack_gap(subscription, Loss { topic, last: sequence, reason });
        }
        let expected = self
            .packed_topics
            .get_mut(&topic)
            .filter(|packed| packed.number == subscription && packed.next == sequence);
        if let Some(packed) = expected
            && let Some(next) = sequence.checked_add(1)
        {
            packed.next = next;
            if frame.len() > MAX_MESSAGE_BYTES {
                self.waiting.outgoing.push(LongFrame::of_event(frame));
            } else {
                self.packer.push_shared(frame);
            }
        }
    }

    /// States that the events of a subscription up to one are missing, as far as that was not stated and they were not
    /// sent.
    fn pack_gap(&mut self, subscription: u64, loss: Loss) {
        let Loss { topic, last, reason } = loss;
        let packed = self.packed_topics.get_mut(&topic);
        let Some(packed) = packed.filter(|packed| packed.number == subscription) else { return };
        let first = packed.next;
        if let Some(next) = last.checked_add(1).filter(|_| first <= last) {
            packed.next = next;
            self.pack_frame(&Frame::Gap { topic, first, last, reason });
        }
    }
}

/// What the peer holds against its limit of an event that is encoded: its length, and its payload's once it is inflated.
fn len_at_peer(frame: &Bytes) -> usize {
    let is_compressed = frame.first().is_some_and(|header| header & COMPRESSED != 0);
    match is_compressed.then(|| Frame::decode(frame.clone())) {
        Some(Ok(Some(Frame::Event { payload: Content::Deflated { length, .. }, .. }))) => {
            frame.len().max(usize::try_from(length).unwrap_or(usize::MAX))
        }
        _ => frame.len(),
    }
}

/// Leaves out the oldest of the events that are kept, as far as they take more than `room`: what the others count for.
fn trim(kept: &mut Vec<Bytes>, room: usize) -> usize {
    let mut bytes = 0;
    let newest = kept.iter().rev().take_while(|frame| {
        let len = PLACE_BYTES + frame.len();
        let fits = bytes + len <= room;
        if fits {
            bytes += len;
        }
        fits
    });
    let newest = newest.count();
    drop(kept.drain(..kept.len() - newest));
    bytes
}

impl Item {
    /// What it counts for: its bytes, and its place.
    fn len(&self) -> usize {
        match self {
            Self::Greeting(frame) | Self::Frame(frame) => PLACE_BYTES + frame.encoded_len(),
            Self::Topic { kept_bytes, .. } => self.change_len() + kept_bytes,
            Self::Event { frame, .. } => PLACE_BYTES + frame.len(),
            Self::Empty => 0,
        }
    }

    fn event_len(&self) -> usize {
        match self {
            Self::Event { .. } => self.len(),
            Self::Topic { kept_bytes, .. } => *kept_bytes,
            _ => 0,
        }
    }

    /// What it takes and does not make room for others with.
    fn firm_len(&self) -> usize {
        match self {
            Self::Event { yields: true, .. } => 0,
            _ => self.event_len(),
        }
    }

    fn change_len(&self) -> usize {
        match self {
            Self::Topic { announcement, .. } => PLACE_BYTES + announcement.name.len(),
            Self::Frame(Frame::Leave { .. } | Frame::Features(_)) => self.len(),
            _ => 0,
        }
    }

    fn state_len(&self) -> usize {
        match self {
            Self::Greeting(frame) | Self::Frame(frame) if frame.is_state() => self.len(),
            _ => 0,
        }
    }

    /// Whether it is sent in pieces.
    fn is_long(&self) -> bool {
        !matches!(self, Self::Topic { .. }) && self.len() > MAX_MESSAGE_BYTES + PLACE_BYTES
    }

    const fn call(&self) -> Option<CallId> {
        match self {
            Self::Frame(Frame::Call { id, .. } | Frame::Answer { id, .. }) => Some(*id),
            _ => None,
        }
    }
}
