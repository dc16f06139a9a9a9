//! Calls that are made again, where that is safe and may help.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use hardlight_proto::{ConnectionState, Events, Time};

use super::{
    ClientConnection,
    call::{Call, Stage},
    calls::{Calls, Request, Special, WhenFull},
};
use crate::{clock::Clock, error::Error, mailbox::Mailbox};

/// The shortest delay: a call that is made again at once finds what the last one found.
const MIN_DELAY: Duration = Duration::from_millis(1);

/// What one retry takes of a budget, which is filled by percents of calls.
const RETRY: u32 = 100;

/// How calls are made again that have failed.
///
/// A call is made again if it certainly did not run and may well succeed later ([`Error::is_retryable`]): the server was busy, or the
/// connection was closing and another one takes its place. Where nobody knows whether it ran ([`Error::Indeterminate`]) it is not: a
/// client that [comes back](crate::Reconnect) makes calls of methods that are marked `#[rpc(idempotent)]` again by itself, and gives
/// them up after some attempts. An error of the application's own, a deadline that has passed, and whatever would fail the same way
/// again are handed out. So is the last error once there were enough attempts.
///
/// The delay before each attempt is twice the one before, from [`min_delay`](Self::min_delay) to [`max_delay`](Self::max_delay), and
/// up to as much again by chance. A timeout or deadline is one for all attempts together: there is none that could only begin behind
/// it. Calls that are not to wait (`try_`) are made once.
///
/// Retries come when a server is at its worst, so there is a [budget](Self::budget) for all calls of the clients that share the
/// `Retry`, by being cloned.
#[derive(Clone)]
pub struct Retry {
    min_delay: Duration,
    max_delay: Duration,
    max_attempts: u32,
    budget: Arc<Budget>,
    seed: Option<u64>,
}

/// What retries may be made, in hundredths. It fills with each call that is made, and each retry takes from it.
struct Budget {
    left: AtomicU32,
    most: u32,
    percent: u32,
    /// How many calls were made again.
    begun: AtomicU64,
}

impl Budget {
    const fn new(reserve: u32, percent: u32) -> Self {
        let most = reserve.saturating_mul(RETRY);
        Self { left: AtomicU32::new(most), most, percent, begun: AtomicU64::new(0) }
    }

    /// A call is made.
    fn pay_in(&self) {
        let more = |left: u32| Some(left.saturating_add(self.percent).min(self.most));
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether one may be made again.
    fn take(&self) -> bool {
        let less = |left: u32| left.checked_sub(RETRY);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Retry {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            min_delay: Duration::from_millis(50),
            max_delay: Duration::from_secs(2),
            max_attempts: 4,
            budget: Arc::new(Budget::new(10, 10)),
            seed: None,
        }
    }

    /// The shortest delay, at least 1 ms. Default 50 ms, so that the second attempt comes after 50 to 100 ms. No memory cost.
    #[must_use]
    pub const fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// The longest delay, before what chance adds. Default 2 s. No memory cost.
    #[must_use]
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How many attempts to make in all, the first one among them. Default 4; with 1 there is no other. No memory cost.
    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// How many retries there may be: a `reserve` to begin with, and `percent` of the calls that are made, which fill the reserve up
    /// again. So a server that answers every call with an error gets no more than that much more calls. Default 10 and 10.
    ///
    /// Memory: some 50 bytes, shared by all clones made from here on.
    #[must_use]
    pub fn budget(mut self, reserve: u32, percent: u32) -> Self {
        self.budget = Arc::new(Budget::new(reserve, percent));
        self
    }

    /// Makes the delays the same in every run, for tests. Default: they are random.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Begins chance with this, if nobody has said otherwise: where the standard library has none.
    pub(super) fn or_seed(mut self, seed: Option<u64>) -> Self {
        self.seed = self.seed.or(seed);
        self
    }

    /// The delays of one call, one for each attempt but the first.
    fn delays(&self) -> ExponentialBackoff {
        let begun = self.budget.begun.fetch_add(1, Ordering::Relaxed);
        let mut delays = ExponentialBuilder::new()
            .with_min_delay(self.min_delay.max(MIN_DELAY))
            .with_max_delay(self.max_delay.max(self.min_delay).max(MIN_DELAY))
            .with_max_times(self.max_attempts.saturating_sub(1) as usize)
            .with_jitter();
        if let Some(seed) = self.seed {
            // Calls that fail together are not to come together again.
            delays = delays.with_jitter_seed(seed.wrapping_add(begun));
        }
        delays.build()
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("min_delay", &self.min_delay)
            .field("max_delay", &self.max_delay)
            .field("max_attempts", &self.max_attempts)
            .field("budget_left", &(self.budget.left.load(Ordering::Relaxed) / RETRY))
            .finish_non_exhaustive()
    }
}

impl<S: ConnectionState, E: Events> ClientConnection<S, E> {
    /// This handle with retries: its calls are made again where they have failed and may succeed. See [`Retry`].
    ///
    /// It takes the place of others, those of `ClientOptions::retry` among them. A call keeps its arguments until it has ended.
    #[must_use]
    pub fn with_retry(&self, retry: Retry) -> Self {
        let retry = retry.or_seed(self.shared().seed);
        self.with(|options| options.retry = Some(retry))
    }

    /// Makes a call, and makes it again as long as there is reason to.
    pub(super) async fn call_again(
        &self,
        retry: &Retry,
        request: Request,
        special: Option<Box<Special>>,
    ) -> Result<Bytes, Error> {
        retry.budget.pay_in();
        let until = special.as_ref().and_then(|special| special.deadline);
        let mut delays = None;
        loop {
            let (request, special, turn) = (request.clone(), special.clone(), self.turn);
            let stage = Stage::New { request, turn, when_full: WhenFull::Wait, special };
            let answer = Call { mailbox: &self.shared().mailbox, stage }.await;
            let Err(error) = answer else { return answer };
            if !error.is_retryable() || self.is_closed() {
                return Err(error);
            }
            let Some(delay) = delays.get_or_insert_with(|| retry.delays()).next() else {
                return Err(error);
            };
            let at = self.shared().clock.now() + delay;
            if until.is_some_and(|until| until <= at) || !retry.budget.take() {
                return Err(error);
            }
            Pause {
                mailbox: &self.shared().mailbox,
                clock: &self.shared().clock,
                at,
                number: None,
            }
            .await;
        }
    }
}

/// The time between two attempts, or until the client has ended.
struct Pause<'a> {
    mailbox: &'a Mailbox<Calls>,
    clock: &'a Clock,
    at: Time,
    number: Option<u64>,
}

impl Future for Pause<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.clock.now() >= this.at {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let former = this.mailbox.post(|calls| calls.pause_until(this.at, &mut this.number, waker));
        former.map_or(Poll::Ready(()), |_| Poll::Pending)
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            drop(self.mailbox.with(|calls| calls.end_pause(self.at, number)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_lets_no_more_be_made_again_than_its_reserve_and_a_part_of_the_calls() {
        let budget = Budget::new(3, 10);
        let taken = |budget: &Budget| {
            std::iter::repeat_with(|| budget.take()).take_while(|&had| had).count()
        };
        assert_eq!(taken(&budget), 3);
        (0..9).for_each(|_| budget.pay_in());
        assert_eq!(taken(&budget), 0);
        (0..11).for_each(|_| budget.pay_in());
        assert_eq!(taken(&budget), 2);
        (0..1000).for_each(|_| budget.pay_in());
        assert_eq!(taken(&budget), 3);
    }

    #[test]
    fn delays_grow_up_to_a_bound_and_calls_have_different_ones() {
        let retry = Retry::new().max_attempts(8).max_delay(Duration::from_millis(200)).seed(7);
        let (first, second): (Vec<_>, Vec<_>) =
            (retry.delays().collect(), retry.delays().collect());
        assert_eq!(first.len(), 7);
        assert!(first[0] >= Duration::from_millis(50) && first[0] <= Duration::from_millis(100));
        assert!(first[6] >= Duration::from_millis(200) && first[6] <= Duration::from_millis(400));
        assert_ne!(first, second);
        assert_eq!(Retry::new().max_attempts(1).delays().count(), 0);
        assert_eq!(Retry::new().max_attempts(0).delays().count(), 0);
    }
}
