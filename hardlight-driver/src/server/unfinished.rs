//! The handlers that outlive their connection: those of methods that are marked `#[rpc(no_cancel)]`.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hardlight_proto::{CallError, ConnectionError, ConnectionState};
use tracing::Span;

use super::{
    driver::ServerDriver,
    handlers::Handlers,
    mailbox::{Commands, ServerMailbox},
};
use crate::{
    inside::Inside,
    telemetry::{enter, leave},
    timer::Timer,
    transport::Transport,
};

/// Rounds of polling before others get their turn.
const MAX_ROUNDS: usize = 16;

/// Serves to the end: that of the connection, and of those handlers that outlive it.
pub(super) struct Serving<S: ConnectionState, T, M, D, F> {
    /// Dropped with its transport once the connection has ended.
    driver: Option<ServerDriver<S, T, M, D, F>>,
    rest: Option<(Unfinished<F>, ConnectionError)>,
    /// Of the connection: all that is done here is done in it.
    span: Span,
}

impl<S: ConnectionState, T, M, D, F> Serving<S, T, M, D, F> {
    pub(super) const fn new(driver: ServerDriver<S, T, M, D, F>, span: Span) -> Self {
        Self { driver: Some(driver), rest: None, span }
    }
}

impl<S, T, M, D, F> Future for Serving<S, T, M, D, F>
where
    S: ConnectionState,
    T: Transport,
    M: Timer,
    D: Fn(u32, Bytes) -> F + Unpin,
    F: Future<Output = Result<Bytes, CallError>>,
{
    type Output = ConnectionError;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ConnectionError> {
        let this = self.get_mut();
        let entered = enter(&this.span);
        let advanced = this.advance(cx);
        leave(entered);
        advanced
    }
}

impl<S, T, M, D, F> Serving<S, T, M, D, F>
where
    S: ConnectionState,
    T: Transport,
    M: Timer,
    D: Fn(u32, Bytes) -> F + Unpin,
    F: Future<Output = Result<Bytes, CallError>>,
{
    #[inline(always)]
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionError> {
        if let Some(driver) = &mut self.driver {
            let error = ready!(Pin::new(driver).poll(cx));
            self.rest = self.driver.take().map(|driver| (driver.into_unfinished(), error));
        }
        match &mut self.rest {
            Some((unfinished, error)) => Pin::new(unfinished).poll(cx).map(|()| error.clone()),
            None => Poll::Pending,
        }
    }
}

/// Runs what is left of a connection's handlers to its end. Their answers go nowhere.
pub(super) struct Unfinished<F> {
    handlers: Handlers<F>,
    mailbox: Arc<ServerMailbox>,
}

impl<F> Unfinished<F> {
    pub(super) const fn new(handlers: Handlers<F>, mailbox: Arc<ServerMailbox>) -> Self {
        Self { handlers, mailbox }
    }
}

impl<F: Future<Output = Result<Bytes, CallError>>> Unfinished<F> {
    /// Polls those that were woken.
    fn run(&mut self, cx: &Context<'_>) {
        for _ in 0..MAX_ROUNDS {
            if run_woken(&mut self.handlers, &self.mailbox) {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }
}

impl<F: Future<Output = Result<Bytes, CallError>>> Future for Unfinished<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.handlers.is_empty() {
            return Poll::Ready(());
        }
        let _inside = Inside::enter();
        this.mailbox.wake_up(cx);
        this.run(cx);
        if this.handlers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Polls those handlers of an ended connection that were woken: whether no other was meanwhile.
pub(super) fn run_woken<F>(handlers: &mut Handlers<F>, mailbox: &ServerMailbox) -> bool
where
    F: Future<Output = Result<Bytes, CallError>>,
{
    let mut woken = mailbox.with(Commands::take_woken);
    while let Some(id) = woken.pop() {
        // Nobody waits for the answer.
        let _ = handlers.poll(id);
    }
    mailbox.fall_asleep(Commands::has_nothing_woken)
}
