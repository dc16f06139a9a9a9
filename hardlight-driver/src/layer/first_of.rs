//! Whichever of two futures is ready first.

use std::{future::poll_fn, pin::pin, task::Poll};

/// Which one was.
pub(super) enum First<A, B> {
    One(A),
    Other(B),
}

/// Both are polled until one is ready, the first one first; the other one is dropped.
pub(super) async fn first_of<A: Future, B: Future>(
    one: A,
    other: B,
) -> First<A::Output, B::Output> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| {
        if let Poll::Ready(output) = one.as_mut().poll(cx) {
            return Poll::Ready(First::One(output));
        }
        other.as_mut().poll(cx).map(First::Other)
    })
    .await
}
