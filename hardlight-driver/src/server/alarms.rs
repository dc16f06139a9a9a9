//! Who waits for a time, by the clock of a connection, whose driver has the only timer.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use hardlight_proto::Time;
use parking_lot::Mutex;

use super::mailbox::ServerMailbox;
use crate::clock::Clock;

/// The driver waits for nobody.
const NEVER: u64 = u64::MAX;

/// Those who wait for a time. The driver wakes them, by its own clock.
pub(crate) struct Alarms {
    /// What somebody waits for next, in microseconds: to be looked at without the lock.
    next: AtomicU64,
    waiting: Mutex<Waiting>,
    mailbox: Arc<ServerMailbox>,
}

#[derive(Default)]
struct Waiting {
    /// In the order of their coming where the time is the same.
    wakers: BTreeMap<(Time, u64), Waker>,
    made: u64,
    /// Nobody wakes anybody any longer.
    ended: bool,
}

impl Alarms {
    pub(super) fn new(mailbox: Arc<ServerMailbox>) -> Self {
        Self { next: AtomicU64::new(NEVER), waiting: Mutex::default(), mailbox }
    }

    /// What somebody waits for next.
    pub(super) fn next(&self) -> Option<Time> {
        let next = self.next.load(Ordering::Acquire);
        (next != NEVER).then(|| Time::from_micros(next))
    }

    /// Wakes those whose time has come.
    pub(super) fn ring(&self, now: Time) {
        let mut waiting = self.waiting.lock();
        let later = waiting.wakers.split_off(&(now, NEVER));
        let due = std::mem::replace(&mut waiting.wakers, later);
        self.note_next(&waiting);
        drop(waiting);
        due.into_values().for_each(Waker::wake);
    }

    /// The driver stops. Whoever waits has waited long enough.
    pub(super) fn end(&self) {
        let mut waiting = self.waiting.lock();
        waiting.ended = true;
        let due = std::mem::take(&mut waiting.wakers);
        self.note_next(&waiting);
        drop(waiting);
        due.into_values().for_each(Waker::wake);
    }

    /// Waits until that time by the connection's clock, or until the driver stops.
    pub(crate) fn wait_until(self: &Arc<Self>, at: Time, clock: &Clock) -> Wait {
        Wait { alarms: Arc::clone(self), clock: clock.clone(), at, number: None }
    }

    fn note_next(&self, waiting: &Waiting) {
        let next = waiting.wakers.keys().next().map_or(NEVER, |(at, _)| at.as_micros());
        self.next.store(next, Ordering::Release);
    }
}

/// The driver is gone, however it went.
pub(super) struct EndAlarms(pub(super) Arc<Alarms>);

impl Drop for EndAlarms {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Waits for a time.
pub(crate) struct Wait {
    alarms: Arc<Alarms>,
    clock: Clock,
    at: Time,
    number: Option<u64>,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.clock.now() >= this.at {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let mut waiting = this.alarms.waiting.lock();
        if waiting.ended {
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            waiting.made += 1;
            waiting.made
        });
        let former = waiting.wakers.insert((this.at, number), waker);
        let before = this.alarms.next();
        this.alarms.note_next(&waiting);
        drop(waiting);
        drop(former);
        if before.is_none_or(|next| this.at < next) {
            // The driver may sleep until a later time.
            this.alarms.mailbox.post(|commands| commands.alarm_is_set = true);
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut waiting = self.alarms.waiting.lock();
            let waker = waiting.wakers.remove(&(self.at, number));
            self.alarms.note_next(&waiting);
            drop(waiting);
            drop(waker);
        }
    }
}
