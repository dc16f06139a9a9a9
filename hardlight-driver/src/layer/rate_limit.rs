//! How often calls are made.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore, keyed::ShrinkableKeyedStateStore},
};
use hardlight_proto::{CallError, Time};
use parking_lot::Mutex;

use super::{
    Call, Layer, Methods, Next, Outcome,
    lines::{InLine, Lines},
    per_connection::PerConnection,
    place::Place,
};
use crate::{clock::Clock, events::ConnectionId, service::ServiceMethod};

/// How many keys are remembered, unless it is said otherwise.
const MAX_KEYS: usize = 65_536;

/// How many calls may wait, unless it is said otherwise.
const MAX_WAITING: usize = 1024;

/// How often keys are forgotten that say nothing any longer, while there is room.
const KEPT: Duration = Duration::from_secs(60);

/// The same, while there is none.
const KEPT_IF_FULL: Duration = Duration::from_secs(1);

type Refusal = Box<dyn Fn(&Call, Duration) -> Outcome + Send + Sync>;

/// How many calls in how long, and how many of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Quota);

impl Rate {
    /// So many calls a second, and as many at once.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub const fn per_second(calls: u32) -> Self {
        Self(Quota::per_second(some(calls)))
    }

    /// So many calls a minute, and as many at once.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub const fn per_minute(calls: u32) -> Self {
        Self(Quota::per_minute(some(calls)))
    }

    /// So many calls at once, after a time without any.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub const fn burst(self, calls: u32) -> Self {
        Self(self.0.allow_burst(some(calls)))
    }

    /// How long it takes from one call to the next.
    const fn interval(&self) -> Duration {
        self.0.replenish_interval()
    }
}

#[track_caller]
const fn some(calls: u32) -> NonZeroU32 {
    NonZeroU32::new(calls).expect("a rate of no calls lets none run")
}

/// A [`Layer`] that bounds how often calls are made: on each connection, by each client, or by whatever key there is. What comes too
/// often is answered [`CallError::Busy`]: it did not run, and clients may try again a little later.
///
/// It counts as the generic cell rate algorithm does (crate [governor](https://docs.rs/governor)), by the clock of the connections:
/// a shared one by that of its first.
///
/// How long to wait is not on the wire. An application whose clients should know says so by an error of its own:
/// [`refuse_with`](Self::refuse_with).
pub struct RateLimit {
    counts: Box<dyn Counts>,
    methods: Methods,
    patience: Duration,
    waiting: AtomicUsize,
    most_waiting: usize,
    refusal: Option<Refusal>,
}

impl RateLimit {
    /// So often on each connection. A client may have several: it is [by client](Self::per_client) that it cannot get around.
    ///
    /// Memory: some 250 bytes for each connection that has made a call.
    pub fn per_connection(rate: Rate) -> Self {
        Self::new(ByConnection { rate, counted: PerConnection::new() })
    }

    /// So often by each client, on all of its connections together: by the IP address that
    /// [`CallContext::client_ip`](crate::CallContext::client_ip) has, of which an IPv6 one counts as its network of 64 bits, which is
    /// what one customer has. Where a transport has no addresses each connection counts by itself.
    ///
    /// Behind a proxy that is not [trusted](crate::CallContext::client_ip) all clients are one.
    ///
    /// Memory: some 80 bytes for each of at most [65,536 clients](Self::max_keys).
    pub fn per_client(rate: Rate) -> Self {
        Self::per_key(rate, |call| {
            let context = call.context();
            let connection = || context.connection_id().map(Client::Connection);
            context.client_ip().map(Client::from).or_else(connection)
        })
    }

    /// So often by each key: a user, a tenant. Calls without one are not counted. `key` must not block.
    ///
    /// Memory: a key and some 50 bytes for each of at most [65,536](Self::max_keys).
    pub fn per_key<K: Clone + Eq + Hash + Send + Sync + 'static>(
        rate: Rate,
        key: impl Fn(&Call) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        Self::new(ByKey {
            rate,
            key,
            limiter: OnceLock::new(),
            max_keys: MAX_KEYS,
            is_full: Arc::default(),
            cleaned: AtomicU64::new(0),
            lines: Lines::default(),
        })
    }

    fn new(counts: impl Counts + 'static) -> Self {
        Self {
            counts: Box::new(counts),
            methods: Methods::all(),
            patience: Duration::ZERO,
            waiting: AtomicUsize::new(0),
            most_waiting: MAX_WAITING,
            refusal: None,
        }
    }

    /// How many keys are remembered. Those that have made no call for so long that they may make as many at once as any other are
    /// forgotten once a minute, and once a second while there is no room; as long as there is none new keys count as one, together.
    /// So a flood of clients costs those that are new, and not those that are known. They are forgotten as calls come, and all are
    /// looked at for that. Default 65,536; without keys it does nothing.
    #[must_use]
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.counts.set_max_keys(keys);
        self
    }

    /// Counts these methods only. Default: all.
    #[must_use]
    pub fn only(mut self, methods: impl IntoIterator<Item = impl ServiceMethod>) -> Self {
        self.methods.add(methods);
        self
    }

    /// Has calls that come too often wait until it is their time, behind those of the same key that wait already, if that is no longer
    /// than this. Their arguments are kept meanwhile, and they count among the 256 that a connection may have under way. Default:
    /// they do not wait.
    #[must_use]
    pub const fn wait(mut self, at_most: Duration) -> Self {
        self.patience = at_most;
        self
    }

    /// How many calls may wait, of all keys together: whatever comes beyond is refused as if it could not wait. Default 1,024.
    ///
    /// Memory: some 100 bytes and a key for each call that waits, beside what any call that runs takes.
    #[must_use]
    pub const fn waiting(mut self, calls: usize) -> Self {
        self.most_waiting = calls;
        self
    }

    /// Answers what comes too often with something else, which is told how long to wait: an error of the application's own, by
    /// [`Call::answer`].
    #[must_use]
    pub fn refuse_with(
        mut self,
        refusal: impl Fn(&Call, Duration) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.refusal = Some(Box::new(refusal));
        self
    }

    /// Waits for the call's time, if it may.
    async fn enter(&self, call: &Call) -> Result<(), Refused> {
        let Err(mut wait) = self.counts.count(call) else { return Ok(()) };
        if wait > self.patience {
            return Err(Refused::TooOften(wait));
        }
        let place = Place::take(&self.waiting, self.most_waiting);
        let _place = place.ok_or(Refused::TooOften(wait))?;
        let line = self.counts.join(call);
        // Those ahead go first: who came when they do would find nothing left.
        wait = wait.saturating_add(line.ahead);
        let mut patience = self.patience;
        loop {
            patience = patience.checked_sub(wait).ok_or(Refused::TooOften(wait))?;
            let waited = call.unless_cancelled(call.sleep(wait)).await;
            waited.map_err(Refused::Cancelled)?;
            match self.counts.count(call) {
                Ok(()) => return Ok(()),
                // Somebody else was quicker.
                Err(again) => wait = again,
            }
        }
    }
}

enum Refused {
    TooOften(Duration),
    Cancelled(CallError),
}

impl Layer for RateLimit {
    async fn around(&self, call: Call, next: Next) -> Outcome {
        if !self.methods.contain(&call) {
            return next.run(call).await;
        }
        match self.enter(&call).await {
            Ok(()) => next.run(call).await,
            Err(Refused::TooOften(wait)) => {
                call.note_refusal("rate");
                self.refusal.as_ref().map_or(Err(CallError::Busy), |refusal| refusal(&call, wait))
            }
            Err(Refused::Cancelled(error)) => Err(error),
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// Counts calls.
trait Counts: Send + Sync {
    /// Counts a call, or says how long it has to wait until it may come.
    fn count(&self, call: &Call) -> Result<(), Duration>;

    /// Has a call wait behind those of the same key.
    fn join(&self, call: &Call) -> InLine;

    fn set_max_keys(&mut self, keys: usize);
}

type Limiter<K, S> = RateLimiter<K, S, LimiterClock, NoOpMiddleware<Duration>>;

/// The clock of a connection, as governor asks it.
struct LimiterClock(Clock);

impl LimiterClock {
    fn of(call: &Call) -> Self {
        Self(call.clock().cloned().unwrap_or_else(|| Clock::new(|| Time::ZERO)))
    }
}

impl governor::clock::Clock for LimiterClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().saturating_since(Time::ZERO)
    }
}

fn wait_of<K, S: StateStore<Key = K>>(
    limiter: &Limiter<K, S>,
    until: governor::NotUntil<Duration>,
) -> Duration {
    let now = governor::clock::Clock::now(limiter.clock());
    // One that is late by less than a microsecond, which clocks do not show, would be asked again at once.
    until.wait_time_from(now).max(Duration::from_micros(1))
}

struct ByConnection {
    rate: Rate,
    counted: PerConnection<Counted>,
}

struct Counted {
    limiter: Limiter<NotKeyed, InMemoryState>,
    line: Lines<()>,
}

impl ByConnection {
    fn counted(&self, call: &Call) -> Arc<Counted> {
        self.counted.get(call, || {
            let (state, clock) = (InMemoryState::default(), LimiterClock::of(call));
            Counted { limiter: Limiter::new(self.rate.0, state, clock), line: Lines::default() }
        })
    }
}

impl Counts for ByConnection {
    fn count(&self, call: &Call) -> Result<(), Duration> {
        let limiter = &self.counted(call).limiter;
        limiter.check().map_err(|until| wait_of(limiter, until))
    }

    fn join(&self, call: &Call) -> InLine {
        self.counted(call).line.join((), self.rate.interval())
    }

    fn set_max_keys(&mut self, _keys: usize) {}
}

/// A client as far as it can be told from others.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Client {
    V4(Ipv4Addr),
    /// The first 64 bits.
    V6([u16; 4]),
    Connection(ConnectionId),
}

impl From<IpAddr> for Client {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

struct ByKey<K: Clone + Eq + Hash, F> {
    rate: Rate,
    key: F,
    /// Made with the first call, whose clock it has.
    limiter: OnceLock<Limiter<K, Keys<K>>>,
    max_keys: usize,
    /// There was no room for a key.
    is_full: Arc<AtomicBool>,
    /// When keys were last forgotten, in microseconds.
    cleaned: AtomicU64,
    lines: Lines<K>,
}

impl<K, F> Counts for ByKey<K, F>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    F: Fn(&Call) -> Option<K> + Send + Sync,
{
    fn count(&self, call: &Call) -> Result<(), Duration> {
        let Some(key) = (self.key)(call) else { return Ok(()) };
        let limiter = self.limiter.get_or_init(|| {
            let keys = Keys::new(self.max_keys, Arc::clone(&self.is_full));
            Limiter::new(self.rate.0, keys, LimiterClock::of(call))
        });
        self.forget_some(limiter);
        limiter.check_key(&key).map_err(|until| wait_of(limiter, until))
    }

    fn join(&self, call: &Call) -> InLine {
        match (self.key)(call) {
            Some(key) => self.lines.join(key, self.rate.interval()),
            None => InLine::of_nobody(),
        }
    }

    fn set_max_keys(&mut self, keys: usize) {
        self.max_keys = keys;
    }
}

impl<K, F> ByKey<K, F>
where
    K: Clone + Eq + Hash,
{
    /// Forgets the keys that say nothing any longer: now and then, since all of them have to be looked at.
    fn forget_some(&self, limiter: &Limiter<K, Keys<K>>) {
        let now = limiter.clock().0.now();
        let is_full = self.is_full.load(Ordering::Relaxed);
        let pause = if is_full { KEPT_IF_FULL } else { KEPT };
        let last = self.cleaned.load(Ordering::Relaxed);
        if now.saturating_since(Time::from_micros(last)) < pause {
            return;
        }
        let (order, micros) = (Ordering::Relaxed, now.as_micros());
        if self.cleaned.compare_exchange(last, micros, order, order).is_ok() {
            limiter.retain_recent();
        }
    }
}

/// What is known of each key, and of those for which there is no room.
struct Keys<K> {
    known: Mutex<HashMap<K, Nanos>>,
    others: Mutex<Option<Nanos>>,
    max: usize,
    is_full: Arc<AtomicBool>,
}

impl<K> Keys<K> {
    fn new(max: usize, is_full: Arc<AtomicBool>) -> Self {
        Self { known: Mutex::default(), others: Mutex::default(), max, is_full }
    }
}

impl<K: Clone + Eq + Hash> StateStore for Keys<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut known = self.known.lock();
        let has_room = known.len() < self.max;
        match known.entry(key.clone()) {
            Entry::Occupied(mut place) => {
                let (result, state) = f(Some(*place.get()))?;
                place.insert(state);
                Ok(result)
            }
            Entry::Vacant(place) if has_room => {
                let (result, state) = f(None)?;
                place.insert(state);
                Ok(result)
            }
            Entry::Vacant(_) => {
                drop(known);
                self.is_full.store(true, Ordering::Relaxed);
                let mut others = self.others.lock();
                let (result, state) = f(*others)?;
                *others = Some(state);
                Ok(result)
            }
        }
    }
}

impl<K: Clone + Eq + Hash> ShrinkableKeyedStateStore<K> for Keys<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut known = self.known.lock();
        known.retain(|_, state| *state > drop_below);
        let (len, capacity) = (known.len(), known.capacity());
        if capacity > 4 * len {
            known.shrink_to(2 * len);
        }
        if len < self.max {
            self.is_full.store(false, Ordering::Relaxed);
        }
    }

    fn len(&self) -> usize {
        self.known.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.known.lock().is_empty()
    }
}
