//! Waiting for the connection state to change, as a whole or in a part.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use event_listener::EventListener;
use futures_core::Stream;
use hardlight_proto::{
    Codable, ConnectionError, ConnectionState, Events, Fingerprint, NoEvents, ValueError, Values,
};

use super::{Shared, state::StateSnapshot};
use crate::local::{Local, MaybeSend};

/// Watches the connection state of a client change, and the values beside it. Does not keep the connection open.
///
/// As a stream it yields the state after each change, and ends with the connection. Several changes may be seen as one;
/// the last is always seen.
pub struct StateWatch<S: ConnectionState, E: Events = NoEvents> {
    shared: Arc<Shared<S, E>>,
    seen: u64,
    listener: Option<EventListener>,
}

impl<S: ConnectionState, E: Events> StateWatch<S, E> {
    pub(super) fn new(shared: Arc<Shared<S, E>>) -> Self {
        Self { seen: shared.state.number(), shared, listener: None }
    }

    /// Waits until the state has changed since the last time, or since the watch was made: the state then. Several
    /// changes may be seen as one. Cancel safe.
    ///
    /// # Errors
    ///
    /// Why the connection ended, once every change was seen.
    pub async fn changed(&mut self) -> Result<StateSnapshot<S>, ConnectionError> {
        poll_fn(|cx| self.poll_changed(cx)).await
    }

    /// The state now; [`changed`](Self::changed) counts it as seen.
    pub fn current(&mut self) -> StateSnapshot<S> {
        let newer = self.shared.state.newer_than(&mut self.seen);
        newer.unwrap_or_else(|| self.shared.state.get())
    }

    /// Watches one part of the state from here on: other changes are not seen. The part is copied when it has changed,
    /// not else.
    pub fn project<T, F>(mut self, part: F) -> Projection<S, E, T>
    where
        T: Clone + PartialEq,
        F: for<'a> FnMut(&'a S) -> &'a T + MaybeSend + 'static,
    {
        let mut part = Local::new(part);
        let seen = part.get_mut()(&self.current()).clone();
        Projection::new(self, seen, move |state, seen| {
            let new = part.get_mut()(state);
            let changed = new != seen;
            if changed {
                seen.clone_from(new);
            }
            changed
        })
    }

    /// Watches what `view` makes of the state from here on: changes that leave it equal are not seen. `view` runs in the
    /// task that waits, after each change.
    pub fn map<T, F>(mut self, view: F) -> Projection<S, E, T>
    where
        T: PartialEq,
        F: FnMut(&S) -> T + MaybeSend + 'static,
    {
        let mut view = Local::new(view);
        let seen = view.get_mut()(&self.current());
        Projection::new(self, seen, move |state, seen| {
            let new = view.get_mut()(state);
            let changed = new != *seen;
            if changed {
                *seen = new;
            }
            changed
        })
    }

    /// Watches the value of one name from here on, which may come and go: changes of the state and of other values are not
    /// seen. It is decoded when it has changed, not else.
    ///
    /// What is seen are results: [`ValueError::OtherType`] if the server has set it to a value of another type.
    pub fn value<T: Codable>(
        mut self,
        name: &str,
    ) -> Projection<S, E, Result<Option<T>, ValueError>> {
        let state = self.current();
        let values = StateSnapshot::values(&state);
        let (seen, mut seen_as) = (values.get(name), find(values, name));
        let name = name.to_owned();
        Projection::new(self, seen, move |state, seen| {
            let values = StateSnapshot::values(state);
            let new = find(values, &name);
            let changed = new != seen_as;
            if changed {
                *seen = values.get(&name);
                seen_as = new;
            }
            changed
        })
    }

    fn poll_changed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StateSnapshot<S>, ConnectionError>> {
        loop {
            if let Some(end) = self.look() {
                self.listener = None;
                return Poll::Ready(end);
            }
            match &mut self.listener {
                // Once it listens it looks again.
                None => self.listener = Some(self.shared.state.changed.listen()),
                Some(listener) => {
                    ready!(Pin::new(listener).poll(cx));
                    self.listener = None;
                }
            }
        }
    }

    /// Whether there is something to tell.
    fn look(&mut self) -> Option<Result<StateSnapshot<S>, ConnectionError>> {
        // Before the state is looked at: the last change came before the end.
        let has_ended = self.shared.mailbox.with(|calls| calls.ended.is_some());
        match self.shared.state.newer_than(&mut self.seen) {
            Some(state) => Some(Ok(state)),
            None if has_ended => self.shared.mailbox.with(|calls| calls.ended.clone()).map(Err),
            None => None,
        }
    }
}

impl<S: ConnectionState, E: Events> Stream for StateWatch<S, E> {
    type Item = StateSnapshot<S>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_changed(cx).map(Result::ok)
    }
}

impl<S: ConnectionState, E: Events> fmt::Debug for StateWatch<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateWatch").field("seen", &self.seen).finish_non_exhaustive()
    }
}

/// Watches a part of the connection state, what was made of it, or a value: see [`StateWatch::project`],
/// [`StateWatch::map`] and [`StateWatch::value`].
/// Does not keep the connection open.
///
/// As a stream it yields the part after each change of it, and ends with the connection.
pub struct Projection<S: ConnectionState, E: Events, T> {
    watch: StateWatch<S, E>,
    seen: T,
    update: Update<S, T>,
}

/// Brings what was seen up to date: whether it has changed.
type Update<S, T> = Box<dyn FnMut(&StateSnapshot<S>, &mut T) -> bool + Send>;

/// A value as it came.
fn find(values: &Values, name: &str) -> Option<(Fingerprint, Bytes)> {
    values.payload(name).map(|(fingerprint, payload)| (fingerprint, payload.clone()))
}

impl<S: ConnectionState, E: Events, T> Projection<S, E, T> {
    fn new(
        watch: StateWatch<S, E>,
        seen: T,
        update: impl FnMut(&StateSnapshot<S>, &mut T) -> bool + Send + 'static,
    ) -> Self {
        Self { watch, seen, update: Box::new(update) }
    }

    /// Waits until the part has changed since the last time, or since this was made: the part then. Several changes
    /// may be seen as one, and a change that was taken back as none. Cancel safe.
    ///
    /// # Errors
    ///
    /// Why the connection ended, once the last change was seen.
    pub async fn changed(&mut self) -> Result<&T, ConnectionError> {
        poll_fn(|cx| self.poll_changed(cx)).await?;
        Ok(&self.seen)
    }

    /// The part now; [`changed`](Self::changed) counts it as seen.
    pub fn current(&mut self) -> &T {
        (self.update)(&self.watch.current(), &mut self.seen);
        &self.seen
    }

    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        loop {
            let state = ready!(self.watch.poll_changed(cx))?;
            if (self.update)(&state, &mut self.seen) {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: ConnectionState, E: Events, T: Clone + Unpin> Stream for Projection<S, E, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match ready!(this.poll_changed(cx)) {
            Ok(()) => Poll::Ready(Some(this.seen.clone())),
            Err(_) => Poll::Ready(None),
        }
    }
}

impl<S: ConnectionState, E: Events, T: fmt::Debug> fmt::Debug for Projection<S, E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projection").field("seen", &self.seen).finish_non_exhaustive()
    }
}
