//! Which topics and patterns somebody is subscribed to, as it changes.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use parking_lot::Mutex;

use super::Interest;
use crate::wakes::wake_later;

/// A topic or a pattern has its first subscriber, or none any longer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicNotice {
    /// The first connection subscribed to it; or it is a topic that keeps events, and an event was emitted on it.
    Created(Interest),
    /// The last connection that was subscribed to it is not any longer: it left it, or has ended. A topic that keeps events
    /// goes when the hub forgets them.
    Removed(Interest),
}

/// Tells which topics and patterns are wanted, as it changes: for a backplane that brings their events from elsewhere, for
/// one.
///
/// It begins with those that are wanted when it is made. A topic that is wanted only because a pattern matches it is not
/// among them: the pattern is. What is created and removed again before anybody reads it is not told, nor the other way
/// round; so it takes no more memory than the names of all topics, however slowly it is read.
pub struct TopicNotices {
    watch: Arc<Watch>,
}

/// All that watch.
#[derive(Default)]
pub(super) struct Watches {
    /// Whether there may be any: looked at for every subscription.
    any: AtomicBool,
    watches: Mutex<Vec<Weak<Watch>>>,
}

struct Watch(Mutex<Pending>);

/// What was not read yet.
#[derive(Default)]
struct Pending {
    next: u64,
    notices: BTreeMap<u64, (Interest, bool)>,
    places: HashMap<Interest, u64>,
    waker: Option<Waker>,
    /// What is there is still being noted, while it changes: the latest that is known of each counts.
    begins: bool,
    /// The hub is gone.
    ended: bool,
}

impl Watches {
    /// Makes one that is told of what comes; `existing` gives what is there, and may do so again with what comes.
    pub(super) fn add(&self, existing: impl FnOnce(&mut dyn FnMut(Interest))) -> TopicNotices {
        let pending = Pending { begins: true, ..Pending::default() };
        let watch = Arc::new(Watch(Mutex::new(pending)));
        self.watches.lock().push(Arc::downgrade(&watch));
        self.any.store(true, Ordering::SeqCst);
        existing(&mut |interest| watch.0.lock().note(interest, true));
        watch.0.lock().begin();
        TopicNotices { watch }
    }

    /// Something is wanted now, or no longer. Called under the lock of whatever decides that, so that the order is right.
    pub(super) fn tell(&self, interest: impl FnOnce() -> Interest, wanted: bool) {
        if !self.any.load(Ordering::SeqCst) {
            return;
        }
        let interest = interest();
        let mut watches = self.watches.lock();
        watches.retain(|watch| {
            let Some(watch) = watch.upgrade() else { return false };
            watch.0.lock().note(interest.clone(), wanted);
            true
        });
        if watches.is_empty() {
            self.any.store(false, Ordering::SeqCst);
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for watch in self.watches.get_mut().iter().filter_map(Weak::upgrade) {
            let mut pending = watch.0.lock();
            pending.ended = true;
            let waker = pending.waker.take();
            drop(pending);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl Pending {
    fn note(&mut self, interest: Interest, wanted: bool) {
        if let Some(place) = self.places.get(&interest) {
            let Some((_, noted)) = self.notices.get_mut(place) else { return };
            if self.begins {
                *noted = wanted;
            } else if *noted != wanted {
                self.notices.remove(place);
                self.places.remove(&interest);
            }
            return;
        }
        self.places.insert(interest.clone(), self.next);
        self.notices.insert(self.next, (interest, wanted));
        self.next += 1;
        wake_later(self.waker.take());
    }

    /// All that was there is noted: what is not there any longer was never told.
    fn begin(&mut self) {
        self.begins = false;
        self.notices.retain(|_, (_, wanted)| *wanted);
        self.places.retain(|_, place| self.notices.contains_key(place));
    }

    fn pop(&mut self) -> Option<TopicNotice> {
        let (_, (interest, wanted)) = self.notices.pop_first()?;
        self.places.remove(&interest);
        let kind = if wanted { TopicNotice::Created } else { TopicNotice::Removed };
        Some(kind(interest))
    }
}

impl TopicNotices {
    /// Waits for the next notice; `None` once the hub is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<TopicNotice> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// The next notice, if there is one now.
    pub fn try_next(&mut self) -> Option<TopicNotice> {
        self.watch.0.lock().pop()
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<TopicNotice>> {
        let mut pending = self.watch.0.lock();
        match pending.pop() {
            None if !pending.ended => {
                pending.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            notice => Poll::Ready(notice),
        }
    }
}

impl Stream for TopicNotices {
    type Item = TopicNotice;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl fmt::Debug for TopicNotices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.watch.0.lock().notices.len();
        f.debug_struct("TopicNotices").field("waiting", &waiting).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(notices: &mut TopicNotices) -> Vec<TopicNotice> {
        std::iter::from_fn(|| notices.try_next()).collect()
    }

    #[test]
    fn what_changes_while_it_is_noted_what_there_is_is_told_as_it_is_at_last() {
        let watches = Watches::default();
        let (stays, goes) = (Interest::from("stays"), Interest::from("goes"));
        let mut notices = watches.add(|note| {
            // It is removed and created again, and the walk comes to neither.
            watches.tell(|| stays.clone(), false);
            watches.tell(|| stays.clone(), true);
            // It is seen, and gone before the walk is over.
            note(goes.clone());
            watches.tell(|| goes.clone(), false);
            // It comes and goes, and was never there.
            watches.tell(|| "never".into(), true);
            watches.tell(|| "never".into(), false);
        });
        assert_eq!(told(&mut notices), [TopicNotice::Created(stays.clone())]);
        watches.tell(|| stays.clone(), false);
        watches.tell(|| goes.clone(), true);
        let expected = [TopicNotice::Removed(stays), TopicNotice::Created(goes)];
        assert_eq!(told(&mut notices), expected);
    }
}
