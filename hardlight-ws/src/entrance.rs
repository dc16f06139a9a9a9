//! Where connections come to a server that its listener does not bring.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Connections that may wait for a server that is not run. One that is takes them at once.
const MAX_WAITING: usize = 1024;

/// All of a connection's life.
pub(crate) type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A queue of connections that one server takes them from. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Entrance(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Life>,
    server: Option<Waker>,
    is_closed: bool,
}

impl Entrance {
    /// Whether the server takes the connection, which is dropped otherwise.
    pub(crate) fn enter(&self, connection: impl Future<Output = ()> + Send + 'static) -> bool {
        let connection = Box::pin(connection);
        let mut state = self.lock();
        if state.is_closed || state.waiting.len() == MAX_WAITING {
            drop(state);
            return false;
        }
        state.waiting.push_back(connection);
        let server = state.server.take();
        drop(state);
        server.into_iter().for_each(Waker::wake);
        true
    }

    pub(crate) fn is_open(&self) -> bool {
        let state = self.lock();
        !state.is_closed && state.waiting.len() < MAX_WAITING
    }

    /// The next connection. One server asks.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Life> {
        let mut state = self.lock();
        match state.waiting.pop_front() {
            Some(connection) => Poll::Ready(connection),
            None => {
                state.server = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Takes nothing in from now on: what has waited until now.
    pub(crate) fn close(&self) -> VecDeque<Life> {
        let mut state = self.lock();
        state.is_closed = true;
        std::mem::take(&mut state.waiting)
    }

    /// Closes it when the server is dropped.
    pub(crate) fn on_drop(&self) -> ClosedOnDrop {
        ClosedOnDrop(self.clone())
    }

    /// Nothing runs under the lock that could panic halfway, so what it protects is whole in any case.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct ClosedOnDrop(Entrance);

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        drop(self.0.close());
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn who_comes_before_the_server_looks_waits_up_to_a_bound() {
        let entrance = Entrance::default();
        assert!((0..MAX_WAITING).all(|_| entrance.enter(pending())));
        assert!(!entrance.is_open() && !entrance.enter(pending()));
        assert!(poll_fn(|cx| entrance.poll_next(cx)).now_or_never().is_some());
        assert!(entrance.is_open() && entrance.enter(pending()));
    }

    #[test]
    fn behind_the_end_of_the_server_nobody_enters() {
        let entrance = Entrance::default();
        assert!(entrance.enter(pending()));
        drop(entrance.on_drop());
        assert!(!entrance.is_open() && !entrance.enter(pending()));
        assert!(entrance.close().is_empty());
    }
}
