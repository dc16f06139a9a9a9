//! Subscriptions that end before they were announced.

use alloc::collections::{BTreeMap, BTreeSet};

/// Subscriptions whose announcement waits. One that has ended and of whose events none waits need not be told at all. So what
/// waits of subscriptions that come and go is bounded, however often they do: by what they may take at a time, and by
/// what their events take.
///
/// They are numbered in the order in which they began, and no number is used twice.
#[derive(Debug, Default)]
pub struct Unannounced {
    waiting: BTreeMap<u64, Announced>,
    /// Of these, those that have ended and of whose events none waits.
    idle: BTreeSet<u64>,
    /// What those that have ended take.
    ended_bytes: usize,
    /// Those that are not told: how many places they still have.
    untold: BTreeMap<u64, usize>,
}

/// A subscription whose announcement waits.
#[derive(Debug)]
struct Announced {
    /// What the announcement takes, and the end if there is one.
    bytes: usize,
    /// Events that wait.
    events: usize,
    ended: bool,
}

/// A subscription that need not be told any longer.
#[derive(Debug)]
pub struct Untold {
    /// Its number.
    pub subscription: u64,
    /// The places that its announcement and its end have.
    pub places: usize,
    /// What they take.
    pub bytes: usize,
}

impl Unannounced {
    /// None.
    pub const fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            idle: BTreeSet::new(),
            ended_bytes: 0,
            untold: BTreeMap::new(),
        }
    }

    /// What the announcements and ends take of subscriptions that have ended.
    pub const fn ended_bytes(&self) -> usize {
        self.ended_bytes
    }

    /// The announcement of a subscription begins to wait.
    pub fn begin(&mut self, subscription: u64, bytes: usize) {
        self.waiting.insert(subscription, Announced { bytes, events: 0, ended: false });
    }

    /// An event begins to wait.
    pub fn add_event(&mut self, subscription: u64) {
        if !self.waiting.is_empty()
            && let Some(announced) = self.waiting.get_mut(&subscription)
        {
            announced.events += 1;
        }
    }

    /// An event is dropped: whether that is of a subscription that has ended.
    pub fn drop_event(&mut self, subscription: u64) -> bool {
        let Some(announced) = self.waiting.get_mut(&subscription) else { return false };
        announced.events -= 1;
        if announced.ended && announced.events == 0 {
            self.idle.insert(subscription);
        }
        announced.ended
    }

    /// A subscription is to end: whether it need not be told.
    pub fn cancel(&mut self, subscription: u64) -> Option<Untold> {
        let announced =
            self.waiting.get(&subscription).filter(|announced| announced.events == 0)?;
        let bytes = announced.bytes;
        self.waiting.remove(&subscription);
        self.untold.insert(subscription, 1);
        Some(Untold { subscription, places: 1, bytes })
    }

    /// The end of a subscription begins to wait.
    pub fn end(&mut self, subscription: u64, bytes: usize) {
        let Some(announced) = self.waiting.get_mut(&subscription) else { return };
        announced.ended = true;
        announced.bytes += bytes;
        self.ended_bytes += announced.bytes;
        if announced.events == 0 {
            self.idle.insert(subscription);
        }
    }

    /// Of those that have ended and of whose events none waits: the one that began first. It is not told.
    pub fn cancel_oldest(&mut self) -> Option<Untold> {
        let subscription = self.idle.pop_first()?;
        let Announced { bytes, .. } = self.waiting.remove(&subscription)?;
        self.ended_bytes -= bytes;
        self.untold.insert(subscription, 2);
        Some(Untold { subscription, places: 2, bytes })
    }

    /// The announcement of a subscription waits no longer: whether it is to be told.
    pub fn announce(&mut self, subscription: u64) -> bool {
        if let Some(announced) = self.waiting.remove(&subscription) {
            if announced.ended {
                self.ended_bytes -= announced.bytes;
                self.idle.remove(&subscription);
            }
            return true;
        }
        self.leave(subscription)
    }

    /// The end of a subscription waits no longer: whether it is to be told.
    pub fn leave(&mut self, subscription: u64) -> bool {
        let Some(places) = self.untold.get_mut(&subscription) else { return true };
        *places -= 1;
        if *places == 0 {
            self.untold.remove(&subscription);
        }
        false
    }

    /// Whether a subscription is to be told.
    pub fn is_told(&self, subscription: u64) -> bool {
        !self.untold.contains_key(&subscription)
    }

    /// Whether all are to be told that have a place.
    pub fn are_all_told(&self) -> bool {
        self.untold.is_empty()
    }

    /// None waits any longer.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Those that are not told have no place any longer.
    pub fn clear_untold(&mut self) {
        self.untold.clear();
    }
}
