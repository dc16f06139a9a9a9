//! What the driver asks of a runtime: one clock and one alarm.

use std::task::{Context, Poll};

use hardlight_proto::Time;

use crate::clock::Clock;

/// A monotonic clock with one alarm.
pub trait Timer: Unpin {
    /// The time now. Must not run backwards.
    fn now(&self) -> Time;

    /// The clock that [`now`](Self::now) asks, for those who have no timer: calls ask it what is left until their deadline.
    /// Asked for once for each connection.
    fn clock(&self) -> Clock;

    /// Sets the alarm; the earlier one is forgotten. A deadline in the past rings at once.
    fn reset(&mut self, deadline: Time);

    /// Ready once the alarm's deadline has passed; pending if none was ever set. A connection that finds it pending does not call it again
    /// before the waker was woken or the alarm was set anew: the waker is one for this alone.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}
