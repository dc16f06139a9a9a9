//! What is still to be run of a call: the layers within, and the handler.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{Call, Outcome, Stack};

/// What a [`Layer`](super::Layer) runs around: the layers within it, and the handler.
#[must_use = "without it the handler does not run"]
pub struct Next {
    stack: Arc<Stack>,
    /// How many layers are around it.
    position: usize,
}

impl Next {
    pub(super) const fn new(stack: Arc<Stack>) -> Self {
        Self { stack, position: 0 }
    }

    /// Runs the call: what came of it. Dropping the future drops the handler.
    ///
    /// The future may be polled anywhere, in a task of the application's own for one. There
    /// [`CallContext::current`](crate::CallContext::current) finds the call if the future is in the
    /// [`scope`](crate::CallContext::scope) of its context.
    pub fn run(self, call: Call) -> Running {
        let Self { stack, position } = self;
        match stack.layer(position) {
            Some(layer) => Running(layer.around(call, Self { stack, position: position + 1 })),
            None => stack.handle(call),
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("position", &self.position).finish_non_exhaustive()
    }
}

/// A call that runs: what [`Next::run`] returns.
#[must_use = "futures do nothing unless polled"]
pub struct Running(pub(super) Pin<Box<dyn Future<Output = Outcome> + Send>>);

impl Future for Running {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
