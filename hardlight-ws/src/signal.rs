//! What is said once, to whoever waits for it.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use event_listener::Event;
use futures_util::future::{Either, select};

/// Not given at first, then given for good. Clones are the same signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    given: AtomicBool,
    event: Event,
}

impl Signal {
    pub(crate) fn give(&self) {
        self.0.given.store(true, Ordering::SeqCst);
        self.0.event.notify(usize::MAX);
    }

    /// Returns once it is given.
    pub(crate) async fn given(&self) {
        while !self.is_given() {
            let listener = self.0.event.listen();
            // Whoever gives it from here on finds the listener.
            if !self.is_given() {
                listener.await;
            }
        }
    }

    /// What `step` comes to, if the signal is not given before.
    pub(crate) async fn unless_given<F: Future>(&self, step: F) -> Option<F::Output> {
        match select(pin!(self.given()), pin!(step)).await {
            Either::Left(_) => None,
            Either::Right((output, _)) => Some(output),
        }
    }

    /// Gives it when it is dropped.
    pub(crate) fn on_drop(&self) -> GivenOnDrop {
        GivenOnDrop(self.clone())
    }

    fn is_given(&self) -> bool {
        self.0.given.load(Ordering::SeqCst)
    }
}

pub(crate) struct GivenOnDrop(Signal);

impl Drop for GivenOnDrop {
    fn drop(&mut self) {
        self.0.give();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn whoever_waits_is_told_and_whoever_comes_later_need_not_wait() {
        let signal = Signal::default();
        let (mut first, mut second) = (Box::pin(signal.given()), Box::pin(signal.given()));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(signal.on_drop());
        assert!(first.now_or_never().is_some() && second.now_or_never().is_some());
        assert!(signal.given().now_or_never().is_some());
    }

    #[test]
    fn a_step_that_is_ready_does_not_count_once_the_signal_is_given() {
        let signal = Signal::default();
        assert_eq!(signal.unless_given(ready(1)).now_or_never(), Some(Some(1)));
        assert_eq!(signal.unless_given(pending::<()>()).now_or_never(), None);
        signal.give();
        assert_eq!(signal.unless_given(ready(1)).now_or_never(), Some(None));
    }
}
