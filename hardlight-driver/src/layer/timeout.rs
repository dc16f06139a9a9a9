//! How long calls may take.

use std::{collections::BTreeMap, fmt, time::Duration};

use hardlight_proto::CallError;

use super::{
    Call, Layer, Next, Outcome,
    first_of::{First, first_of},
};
use crate::service::ServiceMethod;

/// A [`Layer`] that ends calls which take too long, all of them or some: they are dropped and answered
/// [`CallError::DeadlineExceeded`]. Their [cancellation](crate::CallContext::cancellation) says so.
///
/// It is the time within this layer that counts: one within a [`ConcurrencyLimit`](super::ConcurrencyLimit) begins when the call's
/// turn has come. The handler finds it as the deadline of its [context](crate::CallContext), and so do calls of other servers that
/// are made for it. A caller's own deadline counts beside it. Methods that are marked `#[rpc(no_cancel)]` run to their end.
///
/// `max_call_time` of the server is one time for all methods and costs less.
///
/// Memory: some 400 bytes for each call that runs.
pub struct Timeout {
    others: Option<Duration>,
    methods: BTreeMap<&'static str, Option<Duration>>,
}

impl Timeout {
    /// So long for every call.
    pub const fn new(limit: Duration) -> Self {
        Self { others: Some(limit), methods: BTreeMap::new() }
    }

    /// None, but for the methods for which there is [another](Self::of).
    pub const fn none() -> Self {
        Self { others: None, methods: BTreeMap::new() }
    }

    /// So long for calls of these methods.
    #[must_use]
    pub fn of(
        mut self,
        methods: impl IntoIterator<Item = impl ServiceMethod>,
        limit: impl Into<Option<Duration>>,
    ) -> Self {
        let limit = limit.into();
        self.methods.extend(methods.into_iter().map(|method| (method.name(), limit)));
        self
    }

    fn limit(&self, call: &Call) -> Option<Duration> {
        if call.schema().no_cancel {
            return None;
        }
        self.methods.get(call.method()).copied().unwrap_or(self.others)
    }
}

impl Layer for Timeout {
    async fn around(&self, call: Call, next: Next) -> Outcome {
        let Some(limit) = self.limit(&call) else { return next.run(call).await };
        let Some(deadline) = call.deadline_after(limit) else { return next.run(call).await };
        let late = call.sleep(limit);
        let context = call.context().with_deadline(deadline);
        let given_up = context.cancellation().clone();
        match first_of(next.run(call.with_context(context)), late).await {
            First::One(outcome) => outcome,
            First::Other(()) => {
                // Its handler is gone; what that has started elsewhere is to know.
                given_up.cancel();
                Err(CallError::DeadlineExceeded)
            }
        }
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("others", &self.others)
            .field("methods", &self.methods)
            .finish()
    }
}
