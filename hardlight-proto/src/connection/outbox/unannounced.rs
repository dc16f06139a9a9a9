//! Subscriptions that end before they were announced.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};

/// Subscriptions whose announcement waits. One that has ended and of whose events none waits need not be told at all. So what
/// waits of subscriptions that come and go is bounded, however often they do: by what they may take at a time, and by
/// what their events take.
///
/// They are numbered in the order in which they began, and no number is used twice.
///
/// Most of the time there is none: it is looked at for every event, and takes no more than a pointer then.
#[derive(Debug, Default)]
pub struct Unannounced(Option<Box<Subscriptions>>);

#[derive(Debug, Default)]
struct Subscriptions {
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
        Self(None)
    }

    /// What the announcements and ends take of subscriptions that have ended.
    pub fn ended_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |some| some.ended_bytes)
    }

    /// The announcement of a subscription begins to wait.
    pub fn begin(&mut self, subscription: u64, bytes: usize) {
        let announced = Announced { bytes, events: 0, ended: false };
        self.0.get_or_insert_default().waiting.insert(subscription, announced);
    }

    fn find(&mut self, subscription: u64) -> Option<&mut Announced> {
        self.0.as_mut()?.waiting.get_mut(&subscription)
    }

    /// An event begins to wait.
    pub fn add_event(&mut self, subscription: u64) {
        if let Some(announced) = self.find(subscription) {
            announced.events += 1;
        }
    }

    /// An event is dropped: whether that is of a subscription that has ended.
    pub fn drop_event(&mut self, subscription: u64) -> bool {
        let Some(announced) = self.find(subscription) else { return false };
        announced.events -= 1;
        let (ended, is_idle) = (announced.ended, announced.ended && announced.events == 0);
        if let Some(some) = self.0.as_mut().filter(|_| is_idle) {
            some.idle.insert(subscription);
        }
        ended
    }

    /// A subscription is to end: whether it need not be told.
    pub fn cancel(&mut self, subscription: u64) -> Option<Untold> {
        let bytes = self.find(subscription).filter(|announced| announced.events == 0)?.bytes;
        let some = self.0.as_mut()?;
        some.waiting.remove(&subscription);
        some.untold.insert(subscription, 1);
        Some(Untold { subscription, places: 1, bytes })
    }

    /// The end of a subscription begins to wait.
    pub fn end(&mut self, subscription: u64, bytes: usize) {
        let Some(some) = &mut self.0 else { return };
        let Some(announced) = some.waiting.get_mut(&subscription) else { return };
        announced.ended = true;
        announced.bytes += bytes;
        some.ended_bytes += announced.bytes;
        if announced.events == 0 {
            some.idle.insert(subscription);
        }
    }

    /// Of those that have ended and of whose events none waits: the one that began first. It is not told.
    pub fn cancel_oldest(&mut self) -> Option<Untold> {
        let some = self.0.as_mut()?;
        let subscription = some.idle.pop_first()?;
        let Announced { bytes, .. } = some.waiting.remove(&subscription)?;
        some.ended_bytes -= bytes;
        some.untold.insert(subscription, 2);
        Some(Untold { subscription, places: 2, bytes })
    }

    /// The announcement of a subscription waits no longer: whether it is to be told.
    pub fn announce(&mut self, subscription: u64) -> bool {
        let Some(some) = &mut self.0 else { return true };
        let Some(announced) = some.waiting.remove(&subscription) else {
            return self.leave(subscription);
        };
        if announced.ended {
            some.ended_bytes -= announced.bytes;
            some.idle.remove(&subscription);
        }
        self.shrink();
        true
    }

    /// The end of a subscription waits no longer: whether it is to be told.
    pub fn leave(&mut self, subscription: u64) -> bool {
        let Some(some) = &mut self.0 else { return true };
        let Some(places) = some.untold.get_mut(&subscription) else { return true };
        *places -= 1;
        if *places == 0 {
            some.untold.remove(&subscription);
            self.shrink();
        }
        false
    }

    fn shrink(&mut self) {
        self.0.take_if(|some| some.waiting.is_empty() && some.untold.is_empty());
    }

    /// Whether a subscription is to be told.
    pub fn is_told(&self, subscription: u64) -> bool {
        self.0.as_ref().is_none_or(|some| !some.untold.contains_key(&subscription))
    }

    /// Whether all are to be told that have a place.
    pub fn are_all_told(&self) -> bool {
        self.0.as_ref().is_none_or(|some| some.untold.is_empty())
    }

    /// None waits any longer.
    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// Those that are not told have no place any longer.
    pub fn clear_untold(&mut self) {
        if let Some(some) = &mut self.0 {
            some.untold.clear();
            self.shrink();
        }
    }
}
