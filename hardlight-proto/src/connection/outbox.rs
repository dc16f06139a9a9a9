//! What waits to be sent. Most of it stands in a line; what is long travels in pieces beside the line; a few frames that
//! wait for nothing go before all others. Behind a slow peer events may be dropped, oldest first; nothing else is.
//!
//! Where it says `inline(always)`, `scripts/test instructions` holds what that is for.

mod events;
mod item;
mod line;
mod losses;
mod replay;
pub(super) mod unannounced;

use alloc::{collections::BTreeMap, vec::Vec};
use core::marker::PhantomData;

use bytes::Bytes;

use super::{
    call_ids::{CallIds, MAX_CALLS_IN_FLIGHT},
    control::Control,
    packer::Packer,
    sealed::Role,
    tally::EventTally,
    transfer::outgoing::Withdrawn,
    waiting::{Waiting, release_map},
};
use crate::{
    error::{CallError, ProtocolError},
    event::Overflow,
    frame::{CallId, Extensions, Frame, Resume, ShortHead},
    limits::MAX_MESSAGE_BYTES,
};
pub(super) use item::Item;
pub(super) use losses::Loss;
use unannounced::Unannounced;

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
pub(super) struct Outbox<R> {
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
    /// The types of events that are not for the peer.
    withheld: Vec<u32>,
    /// Ids of the calls, or answers, that are not sent as a whole.
    unsent: CallIds,
    /// Ids of those that never will be.
    never_sent: CallIds,
    /// Counts the subscriptions: a topic may be left and announced again while all of it waits.
    subscriptions: u64,
    /// Of these, those whose announcement waits.
    unannounced: Unannounced,
    /// The subscription of each topic as far as it was queued.
    queued_topics: BTreeMap<u64, Queued>,
    /// The subscription of each topic as far as it was packed.
    packed_topics: BTreeMap<u64, Subscription>,
    /// What the peer has said: until then only what opens the connection is sent.
    peer: Option<Peer>,
    /// Nothing can be sent any longer.
    shut: bool,
    tally: EventTally,
    role: PhantomData<R>,
}

/// What the peer has said about itself.
#[derive(Debug)]
struct Peer {
    max_frame_bytes: usize,
    /// It was agreed to compress.
    deflates: bool,
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

impl<R: Role> Outbox<R> {
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
            withheld: Vec::new(),
            unsent: CallIds::default(),
            never_sent: CallIds::default(),
            subscriptions: 0,
            unannounced: Unannounced::new(),
            queued_topics: BTreeMap::new(),
            packed_topics: BTreeMap::new(),
            peer: None,
            shut: false,
            tally: EventTally::default(),
            role: PhantomData,
        }
    }

    /// The peer has said what it accepts, and where it left off; `epoch` is this side's.
    pub(super) fn greeted(
        &mut self,
        max_frame_bytes: usize,
        deflates: bool,
        resume: Option<&Resume>,
        epoch: Option<u64>,
    ) {
        let same_epoch = epoch.is_some() && resume.map(|resume| resume.epoch) == epoch;
        let topics = resume.into_iter().flat_map(|resume| &resume.topics);
        // A slice would keep the whole message it came in.
        let resume = if R::SENDS_EVENTS {
            topics.map(|topic| (Bytes::copy_from_slice(&topic.name), topic.next)).collect()
        } else {
            BTreeMap::new()
        };
        self.peer = Some(Peer { max_frame_bytes, deflates, resume, same_epoch });
        self.refill();
    }

    /// The longest frame that the peer accepts, in bytes.
    pub(super) fn max_frame_bytes(&self) -> usize {
        self.peer.as_ref().map_or(MAX_MESSAGE_BYTES, |peer| peer.max_frame_bytes)
    }

    /// Whether events are sent compressed.
    fn deflates(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.deflates)
    }

    /// Where the peer left off on a topic in this epoch, if it asked to go on from there and nobody has yet.
    pub(super) fn resume_hint(&self, name: &[u8]) -> Option<u64> {
        let peer = self.peer.as_ref().filter(|peer| peer.same_epoch)?;
        let asked = peer.resume.get(name).copied()?;
        // An announcement that waits will go on from there.
        let announced = |item: &Item| matches!(item, Item::Topic { subscription, announcement } if announcement.name == name && self.unannounced.is_told(*subscription));
        (!self.waiting.line.iter().any(announced)).then_some(asked)
    }

    /// The topics that the peer asked to go on with in this epoch, and that were not announced yet.
    pub(super) fn resume_names(&self) -> impl Iterator<Item = &[u8]> {
        let peer = self.peer.iter().filter(|peer| peer.same_epoch);
        peer.flat_map(|peer| peer.resume.keys().map(|name| &**name))
    }

    /// What the events take that do not make room for others.
    pub(super) const fn firm_bytes(&self) -> usize {
        self.firm_bytes
    }

    pub(super) const fn event_tally(&self) -> EventTally {
        self.tally
    }

    /// Bytes that wait to be sent.
    pub(super) fn queued_bytes(&self) -> usize {
        self.packer.queued_bytes() + self.line_bytes + self.waiting.outgoing.bytes()
    }

    /// Of these, what has its place in the line or behind it, events aside that may still be dropped.
    pub(super) fn line_bytes(&self) -> usize {
        self.packer.queued_bytes() + self.line_bytes - self.event_bytes
    }

    /// What changes of topics and features take in the line, without those that wait for events.
    pub(super) fn change_bytes(&self) -> usize {
        self.change_bytes - self.unannounced.ended_bytes()
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

    /// Whether the call of an id is not sent as a whole, and never will be.
    pub(super) const fn never_sends(&self, id: CallId) -> bool {
        self.never_sent.contains(id)
    }

    fn give_up_unsent(&mut self) {
        self.never_sent.insert_all(&core::mem::take(&mut self.unsent));
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
        if R::SENDS_EVENTS {
            let Self { waiting, latest, queued_topics, packed_topics, .. } = self;
            release_map(&mut waiting.dropped);
            release_map(latest);
            release_map(queued_topics);
            release_map(packed_topics);
            waiting.look();
        }
    }

    /// Nobody is waited for any longer: what is left goes out as it can, except what needs the peer.
    pub(super) fn release(&mut self) {
        self.waiting.control = Control::default();
        let keeps_line = self.peer.is_some() && !self.waiting.outgoing.blocks_line();
        self.waiting.outgoing.clear();
        let short =
            self.waiting.line.iter().position(Item::is_long).unwrap_or(self.waiting.line.len());
        self.truncate_line(if keeps_line { short } else { 0 });
        // What is left in the line goes out yet.
        let Self { waiting, unsent, .. } = self;
        for item in &waiting.line {
            if let Item::Frame(Frame::Call { id, .. }) = item {
                unsent.remove(*id);
            }
        }
        self.give_up_unsent();
        if !keeps_line {
            // What was dropped stood behind what was cut off.
            self.forget_losses();
        }
        self.refill();
    }

    /// Forgets everything that waits.
    pub(super) fn clear(&mut self) {
        self.packer.clear();
        self.waiting.control = Control::default();
        self.waiting.outgoing.clear();
        self.give_up_unsent();
        self.waiting.line.clear();
        self.forget_losses();
        if R::SENDS_EVENTS {
            self.latest.clear();
            self.unannounced.clear();
        }
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

    fn forget_losses(&mut self) {
        if R::SENDS_EVENTS {
            self.waiting.dropped.clear();
        }
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
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(super) fn takes_short(&self, payload: &[u8]) -> bool {
        let is_clear =
            self.waiting.is_nothing() && self.has_room() && self.peer.is_some() && !self.shut;
        is_clear && payload.len() <= MAX_SHORT_BYTES
    }

    /// Sends a call or an answer that is [taken](Self::takes_short).
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(super) fn push_short(&mut self, head: ShortHead, payload: &[u8]) {
        self.packer.push_parts(head, payload);
    }

    pub(super) fn push(&mut self, frame: Frame) {
        if let Frame::Call { id, .. } | Frame::Answer { id, .. } | Frame::Error { id, .. } = frame {
            let unsent = if self.shut { &mut self.never_sent } else { &mut self.unsent };
            unsent.insert(id);
        }
        self.push_item(Item::Frame(frame));
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
            self.note_empty_places(1);
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
}
