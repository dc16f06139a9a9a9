//! The driver's timer on tokio's clock.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hardlight_driver::{Clock, Timer, proto::Time};
use tokio::time::{Instant, Sleep, sleep_until};

/// A [`Timer`] on tokio's clock, hence also on its paused one.
///
/// The `Sleep` is made when the timer is first waited for, and touched only when the deadline has changed.
#[derive(Debug)]
pub struct TokioTimer {
    origin: Instant,
    deadline: Option<Time>,
    sleep: Option<(Time, Pin<Box<Sleep>>)>,
}

impl TokioTimer {
    /// A timer whose clock begins now.
    pub fn new() -> Self {
        Self { origin: Instant::now(), deadline: None, sleep: None }
    }

    fn instant(&self, time: Time) -> Instant {
        /// A year is as good as never, and no clock overflows with it.
        const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        let after = Duration::from_micros(time.as_micros());
        self.origin.checked_add(after).unwrap_or_else(|| Instant::now() + FAR)
    }
}

impl Default for TokioTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer for TokioTimer {
    fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    fn clock(&self) -> Clock {
        let origin = self.origin;
        Clock::new(move || Time::ZERO + origin.elapsed())
    }

    fn reset(&mut self, deadline: Time) {
        self.deadline = Some(deadline);
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let instant = self.instant(deadline);
        let (armed, sleep) =
            self.sleep.get_or_insert_with(|| (deadline, Box::pin(sleep_until(instant))));
        if *armed != deadline {
            *armed = deadline;
            sleep.as_mut().reset(instant);
        }
        sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn is_pending(timer: &mut TokioTimer) -> bool {
        poll_fn(|cx| Poll::Ready(timer.poll_expired(cx).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_its_deadline_has_passed_and_not_before() {
        let mut timer = TokioTimer::new();
        assert!(is_pending(&mut timer).await, "no deadline was set");
        for seconds in [60, 30] {
            let deadline = timer.now() + Duration::from_secs(seconds);
            timer.reset(deadline);
            assert!(is_pending(&mut timer).await);
            poll_fn(|cx| timer.poll_expired(cx)).await;
            assert!(timer.now() >= deadline);
            assert!(timer.now() < deadline + Duration::from_secs(1));
            assert!(!is_pending(&mut timer).await, "it goes on ringing");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_deadline_replaces_an_earlier_one() {
        let mut timer = TokioTimer::new();
        timer.reset(timer.now() + Duration::from_secs(1));
        assert!(is_pending(&mut timer).await);
        timer.reset(timer.now() + Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(is_pending(&mut timer).await);
        timer.reset(Time::from_micros(u64::MAX));
        assert!(is_pending(&mut timer).await);
        timer.reset(Time::ZERO);
        assert!(!is_pending(&mut timer).await, "a deadline in the past rings at once");
    }
}
