//! A time by which several steps must be done together.

use std::time::Duration;

use tokio::time::{Instant, error::Elapsed, timeout};

/// The time allowed for all steps of connecting, or of letting a client in.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    start: Instant,
    pub(crate) limit: Duration,
}

impl Deadline {
    /// From now on. Any limit will do: none is too long for the clock.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { start: Instant::now(), limit }
    }

    pub(crate) fn remaining(self) -> Duration {
        self.limit.saturating_sub(self.start.elapsed())
    }

    /// One step, with what the earlier ones have left.
    pub(crate) async fn within<F: Future>(self, step: F) -> Result<F::Output, Elapsed> {
        timeout(self.remaining(), step).await
    }
}
