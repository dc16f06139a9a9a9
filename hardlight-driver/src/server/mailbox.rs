//! What the handles of a server's connection tell its driver.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use hardlight_proto::{CallId, CloseCode, CloseReason, EncodeError};

use crate::mailbox::Mailbox;

/// State operations that may wait to be sent, in bytes. A change beyond it only marks the state: so what waits is never
/// more than this, and one change as large as the state.
pub(super) const MAX_STATE_BYTES: usize = 64 * 1024;

/// Subscriptions that may begin or end between two runs of the driver.
const MAX_TOPIC_CHANGES: usize = 100_000;

/// What a place in the queue counts for, besides its event or its state operations.
const PLACE_BYTES: usize = 64;

pub(crate) type ServerMailbox = Mailbox<Commands>;

/// What waits for the driver.
pub(crate) struct Commands {
    /// In the order in which it is to go out.
    pub(crate) queue: VecDeque<Command>,
    /// What the events in the queue take.
    event_bytes: usize,
    /// There is no event before this place in the queue.
    first_event: usize,
    /// Places in the queue whose event was dropped.
    empty_places: usize,
    max_event_bytes: usize,
    /// The last event of a topic that was dropped from the queue.
    pub(crate) dropped: BTreeMap<u64, u64>,
    /// What the state operations in the queue take.
    state_bytes: usize,
    /// What those take that the driver has and the connection has not sent.
    unsent_state_bytes: usize,
    /// Subscriptions that begin or end, in the queue.
    topic_changes: usize,
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
    /// Calls whose future was woken, a bit each.
    pub(crate) woken: [u64; 4],
}

pub(crate) enum Command {
    /// State operations.
    State(Bytes),
    /// The state could not be encoded.
    Fail(EncodeError),
    /// A subscription begins.
    Announce { topic: u64, next: u64, name: Bytes },
    /// A subscription ends.
    Leave { topic: u64 },
    /// An event, encoded, in memory that all subscribers share.
    Event { topic: u64, sequence: u64, frame: Bytes },
    /// An event that was dropped.
    Empty,
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
            first_event: 0,
            empty_places: 0,
            max_event_bytes,
            dropped: BTreeMap::new(),
            state_bytes: 0,
            unsent_state_bytes: 0,
            topic_changes: 0,
            ended: false,
            live: false,
            dirty: false,
            congested: false,
            awaits_state: false,
            close: None,
            woken: [0; 4],
        }
    }

    pub(crate) fn push(&mut self, command: Command) {
        if self.ended {
            return;
        }
        match &command {
            Command::State(operations) => self.state_bytes += operations.len() + PLACE_BYTES,
            Command::Announce { .. } | Command::Leave { .. } => self.change_topic(),
            Command::Fail(_) | Command::Event { .. } | Command::Empty => {}
        }
        self.queue.push_back(command);
    }

    /// An application that subscribes a connection here and there faster than its driver runs ends it.
    fn change_topic(&mut self) {
        self.topic_changes += 1;
        if self.topic_changes > MAX_TOPIC_CHANGES {
            let reason = "subscriptions change faster than they can be sent";
            self.close = Some(Close::Abort(CloseReason::new(CloseCode::INTERNAL_ERROR, reason)));
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

    /// Queues an event. If the driver does not come to empty the queue in time, the oldest events are dropped; it finds
    /// out by their numbers.
    pub(crate) fn push_event(&mut self, topic: u64, sequence: u64, frame: Bytes) {
        if self.ended {
            return;
        }
        self.event_bytes += frame.len() + PLACE_BYTES;
        self.queue.push_back(Command::Event { topic, sequence, frame });
        while self.event_bytes > self.max_event_bytes && self.drop_oldest_event() {}
    }

    fn drop_oldest_event(&mut self) -> bool {
        while let Some(place) = self.queue.get_mut(self.first_event) {
            self.first_event += 1;
            if let Command::Event { topic, sequence, ref frame } = *place {
                self.event_bytes -= frame.len() + PLACE_BYTES;
                self.dropped.insert(topic, sequence);
                *place = Command::Empty;
                self.note_empty_place();
                return true;
            }
        }
        false
    }

    /// Empty places are cleared away once they are the greater part, so that each costs little.
    fn note_empty_place(&mut self) {
        self.empty_places += 1;
        if self.empty_places > self.queue.len() / 2 {
            self.queue.retain(|command| !matches!(command, Command::Empty));
            self.empty_places = 0;
            self.first_event = 0;
        }
    }

    /// Takes all that is queued, in exchange for an empty queue.
    pub(crate) fn take_queue(&mut self, empty: &mut VecDeque<Command>) {
        std::mem::swap(&mut self.queue, empty);
        self.event_bytes = 0;
        self.first_event = 0;
        self.empty_places = 0;
        self.unsent_state_bytes += std::mem::take(&mut self.state_bytes);
        self.topic_changes = 0;
    }

    /// The connection has ended.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.live = false;
        self.queue = VecDeque::new();
    }

    pub(crate) fn wake_call(&mut self, id: CallId) {
        self.woken[id.index() / 64] |= 1 << (id.0 % 64);
    }

    /// Whether the driver has nothing to do. While an answer waits for the state, all else does so with it.
    pub(crate) fn lets_driver_sleep(&self, answer: Answer) -> bool {
        if self.close.is_some() {
            return false;
        }
        match answer {
            Answer::AwaitsClient => true,
            Answer::AwaitsState => self.awaits_state,
            Answer::None if self.dirty && !self.congested => self.awaits_state,
            Answer::None => self.queue.is_empty() && self.woken == [0; 4],
        }
    }
}
