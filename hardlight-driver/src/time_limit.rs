//! A time by which several steps must be done together.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use hardlight_proto::Time;

use crate::timer::Timer;

/// The time allowed for all steps of connecting, or of letting a client in. For adapters.
#[derive(Debug)]
pub struct TimeLimit<M> {
    timer: M,
    end: Time,
    limit: Duration,
}

/// It took longer.
#[derive(Debug, PartialEq, Eq)]
pub struct Late;

impl<M: Timer> TimeLimit<M> {
    /// From now on. Any limit will do: none is too long for the clock.
    pub fn new(timer: M, limit: Duration) -> Self {
        let end = timer.now() + limit;
        Self { timer, end, limit }
    }

    /// The time allowed in all.
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// What is left of it.
    pub fn remaining(&self) -> Duration {
        self.end.saturating_since(self.timer.now())
    }

    /// One step, with what the earlier ones have left.
    ///
    /// # Errors
    ///
    /// [`Late`] if it takes longer; the step is dropped then.
    pub async fn within<F: Future>(&mut self, step: F) -> Result<F::Output, Late> {
        let mut step = pin!(step);
        poll_fn(|cx| match step.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => {
                self.timer.reset(self.end);
                self.timer.poll_expired(cx).map(|()| Err(Late))
            }
        })
        .await
    }
}
