//! Whether something was given up, and who waits to hear it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use event_listener::Event;

/// Says, once and to all who ask, that something was given up. Clones are the same token.
#[derive(Clone, Default)]
pub struct CancellationToken(Arc<Token>);

#[derive(Default)]
struct Token {
    is_cancelled: AtomicBool,
    cancelled: Event,
}

impl CancellationToken {
    /// One of what goes on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives it up. Whoever waits is woken.
    pub fn cancel(&self) {
        if !self.0.is_cancelled.swap(true, Ordering::AcqRel) {
            self.0.cancelled.notify(usize::MAX);
        }
    }

    /// Whether it was given up.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// Waits until it is given up. Cancel safe.
    pub async fn cancelled(&self) {
        while !self.is_cancelled() {
            let listener = self.0.cancelled.listen();
            if !self.is_cancelled() {
                listener.await;
            }
        }
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancellationToken").field(&self.is_cancelled()).finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn all_who_wait_hear_of_it_and_who_comes_later_as_well() {
        let token = CancellationToken::new();
        let (mut first, other) = (Box::pin(token.cancelled()), token.clone());
        let mut second = Box::pin(other.cancelled());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        other.cancel();
        other.cancel();
        assert!(first.now_or_never().is_some() && second.now_or_never().is_some());
        assert!(token.cancelled().now_or_never().is_some() && token.is_cancelled());
    }
}
