//! A client that comes back: when its connection is lost, another one takes its place.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use hardlight_proto::{ClientConfig, ConnectionError, ConnectionState, Events, Initiator, Time};

use super::{
    ClientDriver, Shared, attached::Attached, calls::Pause, driver::Persistence,
    status::ConnectionStatus,
};
use crate::{inside::Inside, opening::Opening, timer::Timer, transport::Transport};

/// How a client comes back when its connection is lost.
///
/// The delay before each attempt is twice the one before, from [`min_delay`](Self::min_delay) to
/// [`max_delay`](Self::max_delay), and up to as much again by chance, so that the clients of a server that was started anew do
/// not all come at once. It begins anew with a connection that lasts for `max_delay`. A server that says when to come
/// (`Retry-After`) is not asked earlier.
///
/// It ends where trying again is of no use: see [`ConnectionError::is_retryable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconnect {
    min_delay: Duration,
    max_delay: Duration,
    max_attempts: Option<u32>,
    seed: Option<u64>,
}

impl Reconnect {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            min_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(15),
            max_attempts: None,
            seed: None,
        }
    }

    /// The shortest delay. Default 250 ms, so that the first attempt comes after 250 to 500 ms. No memory cost.
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

    /// Makes the delays the same in every run, for tests. Default: they are random.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn delays(&self) -> ExponentialBackoff {
        let mut delays = ExponentialBuilder::new()
            .with_min_delay(self.min_delay)
            .with_max_delay(self.max_delay.max(self.min_delay))
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

/// A transport that is connected, and what the client's side of it is made with. How far the last connection came is not for
/// the adapter to say.
#[derive(Debug)]
pub struct Connected<T, M> {
    transport: T,
    timer: M,
    config: ClientConfig,
    response: Opening,
}

impl<T, M> Connected<T, M> {
    /// One that nobody has said anything on yet.
    pub const fn new(transport: T, timer: M, config: ClientConfig) -> Self {
        Self { transport, timer, config, response: Opening::none() }
    }

    /// What the server accepted it with: [`ClientConnection::response`](crate::ClientConnection::response) finds it.
    #[must_use]
    pub fn with_response(mut self, response: impl Send + Sync + 'static) -> Self {
        self.response = Opening::new(response);
        self
    }

    pub(super) fn with_opening(mut self, response: Opening) -> Self {
        self.response = response;
        self
    }

    pub(super) fn into_parts(self) -> (T, M, ClientConfig, Opening) {
        (self.transport, self.timer, self.config, self.response)
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
pub(super) async fn run<S: ConnectionState, E: Events, K: Connector>(
    shared: Arc<Shared<S, E>>,
    first: Connected<K::Transport, K::Timer>,
    connector: K,
    policy: Reconnect,
) -> ConnectionError {
    let mut redialer = Redialer::new(&shared, connector, policy);
    let mut connected = first;
    loop {
        let began = redialer.timer.now();
        let (transport, timer, config, _) = connected.into_parts();
        let driver = ClientDriver::new(
            Arc::clone(&shared),
            transport,
            timer,
            config,
            Persistence::Recurring,
        );
        let error = driver.await;
        if shared.mailbox.with(|calls| calls.ended.is_some()) {
            return error;
        }
        connected = match shared.meanwhile(redialer.redial(began, error)).await {
            Ok(connected) => connected,
            Err(error) => {
                shared.end(&error);
                return error;
            }
        };
    }
}

struct Redialer<'a, S: ConnectionState, E: Events, K: Connector> {
    shared: &'a Arc<Shared<S, E>>,
    connector: K,
    timer: K::Timer,
    policy: Reconnect,
    delays: ExponentialBackoff,
    attempt: u32,
}

/// However it ends, every waiter learns of it.
impl<S: ConnectionState, E: Events, K: Connector> Drop for Redialer<'_, S, E, K> {
    fn drop(&mut self) {
        self.shared.end(&ConnectionError::Lost("its driver was dropped".into()));
        self.shared.finish();
    }
}

impl<'a, S: ConnectionState, E: Events, K: Connector> Redialer<'a, S, E, K> {
    fn new(shared: &'a Arc<Shared<S, E>>, connector: K, mut policy: Reconnect) -> Self {
        policy.seed = policy.seed.or_else(|| connector.seed());
        let (timer, delays) = (connector.timer(), policy.delays());
        Self { shared, connector, timer, policy, delays, attempt: 0 }
    }

    /// Tries to connect until that succeeds, or there is no hope.
    async fn redial(
        &mut self,
        began: Time,
        mut error: ConnectionError,
    ) -> Result<Connected<K::Transport, K::Timer>, ConnectionError> {
        if self.timer.now().saturating_since(began) >= self.policy.max_delay {
            (self.delays, self.attempt) = (self.policy.delays(), 0);
        }
        let mut retry_after = None;
        loop {
            let Some(delay) = self.delays.next() else { return Err(error) };
            let delay = delay.max(retry_after.unwrap_or_default());
            self.attempt += 1;
            let attempt = self.attempt;
            tracing::debug!(%error, attempt, ?delay, "connecting again");
            let waiting = ConnectionStatus::Waiting { attempt, delay, error: error.clone() };
            self.shared.status.publish(waiting);
            self.sleep(delay).await;
            self.shared.status.publish(ConnectionStatus::Connecting { attempt });
            let failure = match self.connector.connect(&error).await {
                Ok(connected) => return Ok(self.resuming(connected)),
                Err(failure) => failure,
            };
            if !failure.is_retryable {
                return Err(failure.error);
            }
            (error, retry_after) = (failure.error, failure.retry_after);
        }
    }

    /// Waits, unless it is asked to hurry, or has reason to.
    async fn sleep(&mut self, delay: Duration) {
        self.timer.reset(self.timer.now() + delay);
        let Self { shared, connector, timer, .. } = self;
        shared.mailbox.with(|calls| calls.pause = Pause::Waiting);
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
        connected: Connected<K::Transport, K::Timer>,
    ) -> Connected<K::Transport, K::Timer> {
        let (transport, timer, config, response) = connected.into_parts();
        assert!(
            std::ptr::eq(config.schema(), self.shared.schema),
            "the schema is that of the service"
        );
        self.shared.response.store(Arc::new(response));
        let resume = self.shared.mailbox.with(|calls| calls.resume.clone());
        let config = config.with_resume(resume);
        Connected { transport, timer, config, response: Opening::none() }
    }
}

impl<S: ConnectionState, E: Events> Shared<S, E> {
    /// Runs `connecting`, and does beside it what needs no connection, until the client is closed.
    async fn meanwhile<V>(
        &self,
        connecting: impl Future<Output = Result<V, ConnectionError>>,
    ) -> Result<V, ConnectionError> {
        let mut connecting = pin!(connecting);
        poll_fn(|cx| {
            let _inside = Inside::enter();
            self.mailbox.wake_up(cx);
            loop {
                if let Some(reason) = self.mailbox.with(|calls| calls.close.take()) {
                    let initiator = Initiator::Local;
                    return Poll::Ready(Err(ConnectionError::Closed { initiator, reason }));
                }
                self.tell_resume_point();
                self.run_attached();
                if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
                    return Poll::Ready(connected);
                }
                if self.mailbox.fall_asleep(|calls| !calls.wants_attention()) {
                    return Poll::Pending;
                }
            }
        })
        .await
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
