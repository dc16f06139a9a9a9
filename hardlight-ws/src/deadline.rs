//! A time by which several steps must be done together.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use hardlight_driver::{Timer, proto::Time};

/// The time allowed for all steps of connecting, or of letting a client in.
pub(crate) struct Deadline<M> {
    timer: M,
    end: Time,
    pub(crate) limit: Duration,
}

/// It took longer.
pub(crate) struct Late;

impl<M: Timer> Deadline<M> {
    /// From now on. Any limit will do: none is too long for the clock.
    pub(crate) fn new(timer: M, limit: Duration) -> Self {
        let end = timer.now() + limit;
        Self { timer, end, limit }
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.end.saturating_since(self.timer.now())
    }

    /// One step, with what the earlier ones have left.
    pub(crate) async fn within<F: Future>(&mut self, step: F) -> Result<F::Output, Late> {
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
