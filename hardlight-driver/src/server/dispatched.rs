//! The future of a call that a handler runs for, by itself or within layers.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hardlight_proto::CallError;
use pin_project_lite::pin_project;

use crate::{
    context::Current,
    layer::{Running, Stack},
};

pin_project! {
    /// One type for both, so that a driver is compiled once for each service.
    #[project = Kind]
    pub(super) enum Dispatched<F> {
        Plain {
            #[pin]
            future: F,
        },
        Layered {
            call: Layered,
        },
    }
}

/// A call within layers. They are asked for once it is polled, since only then they find its context.
pub(super) enum Layered {
    New { stack: Arc<Stack>, method: u32, input: Bytes },
    Running(Running),
    Ended,
}

impl<F> Dispatched<F> {
    #[inline(always)]
    pub(super) const fn plain(future: F) -> Self {
        Self::Plain { future }
    }

    pub(super) const fn layered(stack: Arc<Stack>, method: u32, input: Bytes) -> Self {
        Self::Layered { call: Layered::New { stack, method, input } }
    }
}

impl<F: Future<Output = Result<Bytes, CallError>>> Future for Dispatched<F> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Kind::Plain { future } => future.poll(cx),
            Kind::Layered { call } => call.poll(cx),
        }
    }
}

impl Layered {
    #[inline(never)]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, CallError>> {
        let mut running = match std::mem::replace(self, Self::Ended) {
            Self::New { stack, method, input } => stack.begin(method, input),
            Self::Running(running) => running,
            Self::Ended => return Poll::Pending,
        };
        let polled = Pin::new(&mut running).poll(cx);
        if polled.is_pending() {
            *self = Self::Running(running);
        }
        polled.map_ok(|answer| {
            // Layers have the last word, whatever the handler has returned, if it ran.
            Current::set_failure(answer.is_error());
            answer.into_payload()
        })
    }
}
