//! Which call a thread runs just now.

use std::{
    cell::Cell,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hardlight_proto::{Extensions, Time};

use super::{CallContext, Peer};
use crate::{
    offload::{Offload, inline},
    telemetry::{TraceContext, server::ServerCall},
};

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current::None) };
}

/// What a thread runs.
#[derive(Default)]
pub(crate) enum Current {
    /// No call.
    #[default]
    None,
    /// A handler, which its driver polls.
    Handler(Box<Running>),
    /// A future in the scope of a call.
    Scope(CallContext),
}

/// A call that runs, of which a context is made once somebody asks for it. It is kept in memory that the next call uses too, and
/// goes in and out of the thread as it is: so this costs a call a few instructions.
pub(crate) struct Running {
    peer: Arc<Peer>,
    pub(crate) method: u32,
    /// When it is to end.
    pub(crate) deadline: Option<Time>,
    pub(crate) wire: Extensions,
    /// What is told of the call, if anybody wants to know.
    pub(crate) told: Option<Box<ServerCall>>,
    context: Option<CallContext>,
    /// It was given up, and runs on.
    is_cancelled: bool,
}

impl Running {
    pub(crate) fn new(peer: &Arc<Peer>) -> Self {
        Self {
            peer: Arc::clone(peer),
            method: 0,
            deadline: None,
            wire: Extensions::new(),
            told: None,
            context: None,
            is_cancelled: false,
        }
    }

    /// The call is given up: whoever asks for its context learns of it.
    pub(crate) fn cancel(&mut self) {
        self.is_cancelled = true;
        if let Some(context) = &self.context {
            context.cancellation().cancel();
        }
    }

    /// What happens from here on happens in the call, as far as anybody wants to know.
    #[cold]
    pub(crate) fn enter(&mut self) {
        if let Some(told) = &mut self.told {
            told.enter();
        }
    }

    /// The call has ended: there is nothing left of it.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.deadline = None;
        self.is_cancelled = false;
        self.context = None;
        self.wire = Extensions::new();
        self.told = None;
    }

    fn context(&mut self) -> CallContext {
        let made = self.context.get_or_insert_with(|| {
            let trace = self.told.as_ref().and_then(|told| told.trace().cloned());
            let trace = trace.or_else(|| TraceContext::of(&self.wire));
            CallContext::of(&self.peer, self.method, self.deadline, self.wire.clone(), trace)
        });
        if self.is_cancelled {
            made.cancellation().cancel();
        }
        made.clone()
    }
}

impl Current {
    /// Runs `poll` as a part of the call, which is given back behind it.
    #[inline]
    pub(crate) fn run<R>(
        running: Box<Running>,
        poll: impl FnOnce() -> R,
    ) -> (R, Option<Box<Running>>) {
        let before = Self::enter(Self::Handler(running));
        let result = poll();
        match Self::enter(before) {
            Self::Handler(running) => (result, Some(running)),
            _ => (result, None),
        }
    }

    fn enter(self) -> Self {
        CURRENT.with(|current| current.replace(self))
    }

    /// The call that the thread runs answers with the application's own error.
    #[cold]
    pub(crate) fn note_failure() {
        Self::set_failure(true);
    }

    /// Says whether what the call that the thread runs answers is the application's own error, as far as anybody wants to know.
    pub(crate) fn set_failure(is_error: bool) {
        CURRENT.with(|cell| {
            let mut current = cell.take();
            if let Self::Handler(running) = &mut current
                && let Some(told) = &mut running.told
            {
                told.set_failure(is_error);
            }
            cell.set(current);
        });
    }

    /// Where the thread's call has long work done; here, outside of one.
    pub(crate) fn offload() -> Offload {
        let offload = CURRENT.try_with(|cell| {
            let current = cell.take();
            let offload = match &current {
                Self::Handler(running) => Some(running.peer.offload),
                Self::Scope(context) => context.offload(),
                Self::None => None,
            };
            cell.set(current);
            offload
        });
        offload.ok().flatten().unwrap_or(inline)
    }

    /// The method of the call that the thread runs, if its payloads may be logged.
    pub(crate) fn method_with_payloads() -> Option<String> {
        CURRENT.with(|cell| {
            let current = cell.take();
            let method = match &current {
                Self::Handler(running) => running.peer.method_with_payloads(running.method),
                Self::Scope(context) => context.method_with_payloads(),
                Self::None => None,
            };
            cell.set(current);
            method
        })
    }

    /// The context of what the thread runs.
    pub(super) fn context() -> Option<CallContext> {
        // A thread that ends runs no call.
        let context = CURRENT.try_with(|cell| {
            let mut current = cell.take();
            let context = match &mut current {
                Self::None => None,
                Self::Handler(running) => Some(running.context()),
                Self::Scope(context) => Some(context.clone()),
            };
            cell.set(current);
            context
        });
        context.ok().flatten()
    }
}

/// A future that finds a context as the current one: what [`CallContext::scope`] makes.
#[must_use = "futures do nothing unless polled"]
pub struct InContext<F> {
    context: CallContext,
    future: Pin<Box<F>>,
}

impl<F: Future> InContext<F> {
    pub(super) fn new(context: CallContext, future: F) -> Self {
        Self { context, future: Box::pin(future) }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        /// Puts back what was there before, also if the future panics.
        struct Before(Current);
        impl Drop for Before {
            fn drop(&mut self) {
                mem::take(&mut self.0).enter();
            }
        }
        let this = self.get_mut();
        let _before = Before(Current::Scope(this.context.clone()).enter());
        this.future.as_mut().poll(cx)
    }
}

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").field("context", &self.context).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_scope_ends_with_each_poll_and_scopes_may_be_nested() {
        let (outer, inner) = (CallContext::detached(), CallContext::detached());
        outer.extensions().insert("outer");
        inner.extensions().insert("inner");
        let here = || CallContext::try_current().and_then(|context| context.extensions().get());
        let nested = inner.scope(async { assert_eq!(here(), Some("inner")) });
        let scope = outer.scope(async {
            assert_eq!(here(), Some("outer"));
            nested.await;
            assert_eq!(here(), Some("outer"));
        });
        assert_eq!(here(), None);
        assert_eq!(scope.now_or_never(), Some(()));
        assert_eq!(here(), None);
        let panics = outer.scope(async { panic!("on purpose") });
        assert!(catch_unwind(AssertUnwindSafe(|| panics.now_or_never())).is_err());
        assert_eq!(here(), None);
    }
}
