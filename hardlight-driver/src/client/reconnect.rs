//! A client that comes back: when its connection is lost, another one takes its place.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use hardlight_proto::{ClientConfig, ConnectionError, ConnectionState, Events, Initiator};

use super::{
    ClientDriver, Shared, attached::Attached, calls::Pause, driver::Persistence,
    status::ConnectionStatus,
};
use crate::{
    inside::Inside,
    opening::Opening,
    telemetry::{Endpoint, Telemetry},
    timer::Timer,
    transport::Transport,
};

/// No server is waited for any longer than this, whatever it asks for: one answer must not keep a client away for good.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);

/// The shortest delay. Even a client that is to try at once lets others have their turn.
const MIN_DELAY: Duration = Duration::from_millis(1);

/// How a client comes back when its connection is lost.
///
/// The delay before each attempt is twice the one before, from [`min_delay`](Self::min_delay) to
/// [`max_delay`](Self::max_delay), and up to as much again by chance, so that the clients of a server that was started anew do
/// not all come at once. It begins anew behind a connection that lasted ([`stable_after`](Self::stable_after)). A server that says
/// when to come (`Retry-After`) is not asked earlier, but for ten minutes at most.
///
/// It ends where trying again is of no use: see [`ConnectionError::is_retryable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconnect {
    min_delay: Duration,
    max_delay: Duration,
    max_attempts: Option<u32>,
    stable_after: Duration,
    restore_timeout: Duration,
    seed: Option<u64>,
}

impl Reconnect {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            min_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(15),
            max_attempts: None,
            stable_after: Duration::from_secs(10),
            restore_timeout: Duration::from_secs(30),
            seed: None,
        }
    }

    /// The shortest delay, at least 1 ms. Default 250 ms, so that the first attempt comes after 250 to 500 ms. No memory cost.
    #[must_use]
    pub const fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// The longest delay, before what chance adds. Default 15 s, so that attempts come every 15 to 30 s in the end. No memory
    /// cost.
    #[must_use]
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How many attempts to make before the client gives up and ends with the error of the last. Default: no limit.
    #[must_use]
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// How long a connection must have lasted, from when all calls could go out, so that delays and attempts behind it begin anew.
    /// Default 10 s. No memory cost.
    #[must_use]
    pub const fn stable_after(mut self, time: Duration) -> Self {
        self.stable_after = time;
        self
    }

    /// How long what the application does on a new connection may take
    /// ([`on_reconnected`](crate::ClientConnection::on_reconnected)): one on which it is not done by then counts as lost. Default
    /// 30 s. No memory cost.
    #[must_use]
    pub const fn restore_timeout(mut self, timeout: Duration) -> Self {
        self.restore_timeout = timeout;
        self
    }

    /// Makes the delays the same in every run, for tests. Default: they are random.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn delays(&self) -> ExponentialBackoff {
        let mut delays = ExponentialBuilder::new()
            .with_min_delay(self.min_delay.max(MIN_DELAY))
            .with_max_delay(self.max_delay.max(self.min_delay).max(MIN_DELAY))
            .with_jitter();
        delays = match self.max_attempts {
            Some(attempts) => delays.with_max_times(attempts as usize),
            None => delays.without_max_times(),
        };
        if let Some(seed) = self.seed {
            delays = delays.with_jitter_seed(seed);
        }
        delays.build()
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::new()
    }
}

/// A transport that is connected, and what the client's side of it is made with.
#[derive(Debug)]
pub struct Connected<T, M> {
    pub(super) transport: T,
    pub(super) timer: M,
    pub(super) config: ClientConfig,
    pub(super) response: Opening,
    pub(super) call_timeout: Option<Duration>,
    pub(super) telemetry: Telemetry,
    pub(super) endpoint: Endpoint,
    /// How long the server asks to wait, if it refuses the connection yet.
    retry_after: Option<Duration>,
}

impl<T, M> Connected<T, M> {
    /// One that nobody has said anything on yet.
    pub const fn new(transport: T, timer: M, config: ClientConfig) -> Self {
        let response = Opening::none();
        Self {
            transport,
            timer,
            config,
            response,
            call_timeout: None,
            telemetry: Telemetry::new(),
            endpoint: Endpoint::unknown(),
            retry_after: None,
        }
    }

    /// What the server accepted it with: [`ClientConnection::response`](crate::ClientConnection::response) finds it.
    #[must_use]
    pub fn with_response(mut self, response: impl Send + Sync + 'static) -> Self {
        self.response = Opening::new(response);
        self
    }

    /// What calls may take, if that is some time: see
    /// [`ClientConnection::with_timeout`](crate::ClientConnection::with_timeout). That of a client's first connection counts.
    #[must_use]
    pub const fn with_call_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// What the client tells of itself. That of a client's first connection counts. Default: [`Telemetry::new`].
    #[must_use]
    pub fn with_telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Where the ends of the connection are, for its spans. Default: nobody knows.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// How long the server asks to wait before another attempt, should it refuse this connection in place of its greeting.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}

/// Why an attempt to connect has failed.
#[derive(Clone, Debug)]
pub struct ConnectFailure {
    /// What the client ends with if there is no other attempt.
    pub error: ConnectionError,
    /// Whether to try again.
    pub is_retryable: bool,
    /// How long the server asks to wait before that.
    pub retry_after: Option<Duration>,
}

/// Connects a client to its server, again and again. An adapter implements it.
pub trait Connector {
    /// What it connects.
    type Transport: Transport;
    /// The clock and alarm of a connection.
    type Timer: Timer;
    /// An attempt.
    type Connecting: Future<
        Output = Result<Connected<Self::Transport, Self::Timer>, ConnectFailure>,
    >;

    /// A timer of its own, for the delays.
    fn timer(&self) -> Self::Timer;

    /// What chance begins with, where the standard library has none: in a browser. Default: it has.
    fn seed(&self) -> Option<u64> {
        None
    }

    /// Ready if there is reason to connect again now: the network is there again, or somebody looks at the page. It is asked
    /// while the client waits to do so, once at its beginning and whenever the waker was woken. Default: there is none.
    fn poll_hurry(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Pending
    }

    /// Begins an attempt: `error` is why the last one failed, or the connection before ended. It ends by itself in a bounded
    /// time.
    fn connect(&mut self, error: &ConnectionError) -> Self::Connecting;
}

/// Drives the connections of a client, one after the other, until it is closed or there is no hope: why it has ended.
pub(super) fn run<S: ConnectionState, E: Events, K: Connector>(
    shared: Arc<Shared<S, E>>,
    first: Connected<K::Transport, K::Timer>,
    connector: K,
    policy: Reconnect,
) -> impl Future<Output = ConnectionError> {
    // Made before they are polled: to drop what was never polled ends the client as well.
    let mut redialer = Redialer::new(Arc::clone(&shared), connector, policy);
    let mut asked = first.retry_after;
    let persistence = Persistence::Recurring { restore_timeout: redialer.policy.restore_timeout };
    let mut driver = ClientDriver::new(Arc::clone(&shared), first, persistence);
    async move {
        loop {
            let error = driver.await;
            if let Some(error) = shared.mailbox.with(|calls| calls.ended.clone()) {
                return error;
            }
            let mut alarm = redialer.connector.timer();
            let connected = match shared.meanwhile(&mut alarm, redialer.redial(error, asked)).await
            {
                Ok(connected) => connected,
                Err(error) => {
                    shared.end(&error);
                    return error;
                }
            };
            asked = connected.retry_after;
            driver = ClientDriver::new(Arc::clone(&shared), connected, persistence);
        }
    }
}

struct Redialer<S: ConnectionState, E: Events, K: Connector> {
    shared: Arc<Shared<S, E>>,
    connector: K,
    timer: K::Timer,
    policy: Reconnect,
    delays: ExponentialBackoff,
    attempt: u32,
}

/// However it ends, every waiter learns of it.
impl<S: ConnectionState, E: Events, K: Connector> Drop for Redialer<S, E, K> {
    fn drop(&mut self) {
        self.shared.end(&ConnectionError::Lost("its driver was dropped".into()));
        self.shared.finish();
    }
}

impl<S: ConnectionState, E: Events, K: Connector> Redialer<S, E, K> {
    fn new(shared: Arc<Shared<S, E>>, connector: K, mut policy: Reconnect) -> Self {
        policy.seed = policy.seed.or_else(|| connector.seed());
        let (timer, delays) = (connector.timer(), policy.delays());
        Self { shared, connector, timer, policy, delays, attempt: 0 }
    }

    /// Tries to connect until that succeeds, or there is no hope. The server has asked to wait for so long, should it not have
    /// let the client in.
    async fn redial(
        &mut self,
        mut error: ConnectionError,
        asked: Option<Duration>,
    ) -> Result<Connected<K::Transport, K::Timer>, ConnectionError> {
        let lasted = self.shared.mailbox.with(|calls| calls.lasted.take());
        if lasted.is_some_and(|lasted| lasted >= self.policy.stable_after) {
            (self.delays, self.attempt) = (self.policy.delays(), 0);
        }
        let mut asked = asked.filter(|_| lasted.is_none());
        loop {
            let Some(delay) = self.delays.next() else { return Err(error) };
            let delay = match asked.map(|asked| asked.min(MAX_RETRY_AFTER)) {
                // With a part that differs, as ever.
                Some(asked) if asked > delay => asked + delay,
                _ => delay,
            };
            self.attempt += 1;
            let attempt = self.attempt;
            tracing::debug!(%error, attempt, ?delay, "connecting again");
            self.pause(ConnectionStatus::Waiting { attempt, delay, error: error.clone() }, delay)
                .await;
            self.shared.status.publish(ConnectionStatus::Connecting { attempt });
            let failure = match self.connector.connect(&error).await {
                Ok(connected) => {
                    self.shared.telemetry.meters.reconnected(true);
                    return Ok(self.resuming(connected));
                }
                Err(failure) => failure,
            };
            self.shared.telemetry.meters.reconnected(false);
            if !failure.is_retryable {
                return Err(failure.error);
            }
            (error, asked) = (failure.error, failure.retry_after);
        }
    }

    /// Waits, unless somebody does not want to, or there is reason not to.
    async fn pause(&mut self, status: ConnectionStatus, delay: Duration) {
        self.timer.reset(self.timer.now() + delay);
        let Self { shared, connector, timer, .. } = self;
        shared.mailbox.with(|calls| calls.pause = Pause::Waiting);
        // Whoever sees it may cut it short.
        shared.status.publish(status);
        poll_fn(|cx| match shared.mailbox.with(|calls| calls.pause) {
            Pause::CutShort => Poll::Ready(()),
            _ => match connector.poll_hurry(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => timer.poll_expired(cx),
            },
        })
        .await;
        shared.mailbox.with(|calls| calls.pause = Pause::None);
    }

    /// A connection that goes on where the last one left off.
    fn resuming(
        &self,
        mut connected: Connected<K::Transport, K::Timer>,
    ) -> Connected<K::Transport, K::Timer> {
        assert!(
            std::ptr::eq(connected.config.schema(), self.shared.schema),
            "the schema is that of the service"
        );
        let response = std::mem::replace(&mut connected.response, Opening::none());
        self.shared.response.store(Arc::new(response));
        self.shared.telemetry.move_to(std::mem::take(&mut connected.endpoint));
        let resume = self.shared.mailbox.with(|calls| calls.resume.clone());
        connected.config = connected.config.with_resume(resume);
        connected
    }
}

impl<S: ConnectionState, E: Events> Shared<S, E> {
    /// Runs `connecting`, and does beside it what needs no connection, until the client is closed.
    async fn meanwhile<V>(
        &self,
        alarm: &mut impl Timer,
        connecting: impl Future<Output = Result<V, ConnectionError>>,
    ) -> Result<V, ConnectionError> {
        let mut connecting = pin!(connecting);
        poll_fn(|cx| {
            let _inside = Inside::enter();
            self.mailbox.wake_up(cx);
            if let Some(reason) = self.mailbox.with(|calls| calls.close.take()) {
                let initiator = Initiator::Local;
                return Poll::Ready(Err(ConnectionError::Closed { initiator, reason }));
            }
            self.tell_resume_point();
            self.run_attached();
            let expiring = self.expire(alarm, cx);
            if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
                return Poll::Ready(connected);
            }
            if expiring || !self.mailbox.fall_asleep(|calls| !calls.wants_attention()) {
                // Others may have their turn before.
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }

    /// Ends calls whose deadline has passed: whether others may have passed it meanwhile.
    fn expire(&self, alarm: &mut impl Timer, cx: &mut Context<'_>) -> bool {
        let mut wakers = Vec::new();
        let left = self.mailbox.with(|calls| {
            let now = self.clock.now();
            calls.expire(now, &mut wakers);
            calls.next_deadline().map(|at| at.saturating_since(now))
        });
        wakers.into_iter().for_each(Waker::wake);
        left.is_some_and(|left| {
            alarm.reset(alarm.now() + left);
            alarm.poll_expired(cx).is_ready()
        })
    }

    /// How far the last connection came is known.
    fn tell_resume_point(&self) {
        let asked = self.mailbox.with(|calls| {
            let asked = calls.resume_asked != calls.resume_answered;
            calls.resume_answered = calls.resume_asked;
            asked
        });
        if asked {
            self.tell();
        }
    }

    /// Lets those handlers go on that were woken. They wait in the mailbox for the next driver.
    fn run_attached(&self) {
        let (woken, mut attached) = self.mailbox.with(|calls| {
            (std::mem::take(&mut calls.attached_woken), std::mem::take(&mut calls.attached))
        });
        if woken {
            self.events.catch_up();
            attached.retain_mut(Attached::run);
        }
        self.mailbox.with(|calls| {
            // Those that were attached meanwhile have not run yet, which is noted.
            attached.append(&mut calls.attached);
            calls.attached = attached;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_chance_adds_up_to_as_much_again() {
        let policy = Reconnect::new().seed(7);
        let bases = [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000].map(Duration::from_millis);
        for (delay, base) in policy.delays().zip(bases) {
            assert!((base..base * 2).contains(&delay), "{delay:?} {base:?}");
        }
        assert!(policy.delays().take(5).eq(policy.delays().take(5)), "the seed says them all");
        assert!(!policy.delays().take(5).eq(policy.clone().seed(8).delays().take(5)));
    }

    #[test]
    fn there_are_as_many_delays_as_attempts() {
        assert_eq!(Reconnect::new().max_attempts(3).delays().count(), 3);
        assert_eq!(Reconnect::new().max_attempts(0).delays().count(), 0);
    }
}
