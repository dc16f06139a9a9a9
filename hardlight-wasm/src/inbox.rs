//! What a WebSocket has told and its transport has not taken yet.

use std::{
    cell::RefCell,
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use hardlight_driver::{
    Incoming,
    proto::{CloseCode, CloseReason},
};

use crate::TransportError;

/// The code with which a browser tells that a connection ended without a close (RFC 6455, section 7.1.5).
const ABNORMAL: u16 = 1006;

/// Filled by the browser's callbacks, emptied by the transport. Between two of the former the driver runs, so it holds a message
/// at a time.
#[derive(Default)]
pub(crate) struct Inbox(RefCell<Inner>);

#[derive(Default)]
struct Inner {
    stage: Stage,
    arrived: VecDeque<Incoming>,
    /// This side has closed, so the connection may end in any way.
    is_closing: bool,
    waker: Option<Waker>,
}

#[derive(Default)]
enum Stage {
    #[default]
    Opening,
    Open,
    /// Behind what has arrived. Why, if it was no close.
    Ended(Option<TransportError>),
}

impl Inbox {
    /// The WebSocket is open.
    pub(crate) fn open(&self) {
        self.change(|inner| {
            if matches!(inner.stage, Stage::Opening) {
                inner.stage = Stage::Open;
            }
        });
    }

    /// Something has arrived.
    pub(crate) fn push(&self, incoming: Incoming) {
        self.change(|inner| {
            if matches!(inner.stage, Stage::Open) {
                inner.arrived.push_back(incoming);
            }
        });
    }

    /// The WebSocket is closed.
    pub(crate) fn close(&self, code: u16, reason: String) {
        if code == ABNORMAL {
            return self.fail(TransportError::Lost);
        }
        let code = CloseCode(code);
        let reason = (code != CloseCode::NO_STATUS).then(|| CloseReason::new(code, reason));
        self.push(Incoming::Close(reason));
        self.end(None);
    }

    /// The connection is of no use any longer.
    pub(crate) fn fail(&self, error: TransportError) {
        self.end(Some(error));
    }

    fn end(&self, error: Option<TransportError>) {
        self.change(|inner| {
            if !matches!(inner.stage, Stage::Ended(_)) {
                inner.stage = Stage::Ended(error.filter(|_| !inner.is_closing));
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let waker = {
            let mut inner = self.0.borrow_mut();
            change(&mut inner);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// This side has closed.
    pub(crate) fn set_closing(&self) {
        self.0.borrow_mut().is_closing = true;
    }

    /// Whether what is sent goes nowhere.
    pub(crate) fn is_closing(&self) -> bool {
        let inner = self.0.borrow();
        inner.is_closing || matches!(inner.stage, Stage::Ended(_))
    }

    /// Whether the WebSocket opened, once that is known.
    pub(crate) fn poll_open(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut inner = self.0.borrow_mut();
        match inner.stage {
            Stage::Opening => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Stage::Open => Poll::Ready(true),
            Stage::Ended(_) => Poll::Ready(false),
        }
    }

    /// What has arrived next, and then the end.
    pub(crate) fn poll_next(
        &self,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<Incoming, TransportError>>> {
        let mut inner = self.0.borrow_mut();
        if let Some(incoming) = inner.arrived.pop_front() {
            return Poll::Ready(Some(Ok(incoming)));
        }
        if let Stage::Ended(error) = &mut inner.stage {
            return Poll::Ready(error.take().map(Err));
        }
        inner.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(inbox: &Inbox) -> Poll<Option<Result<Incoming, TransportError>>> {
        inbox.poll_next(&Context::from_waker(Waker::noop()))
    }

    fn opened() -> Inbox {
        let inbox = Inbox::default();
        inbox.open();
        inbox
    }

    #[test]
    fn what_has_arrived_comes_before_the_end() {
        let inbox = opened();
        inbox.push(Incoming::Message("last".into()));
        inbox.close(4401, "why".to_owned());
        inbox.push(Incoming::Message("too late".into()));
        assert_eq!(next(&inbox), Poll::Ready(Some(Ok(Incoming::Message("last".into())))));
        let reason = CloseReason::new(CloseCode(4401), "why");
        assert_eq!(next(&inbox), Poll::Ready(Some(Ok(Incoming::Close(Some(reason))))));
        assert_eq!(next(&inbox), Poll::Ready(None));
    }

    #[test]
    fn a_close_without_a_code_has_no_reason() {
        let inbox = opened();
        inbox.close(1005, String::new());
        assert_eq!(next(&inbox), Poll::Ready(Some(Ok(Incoming::Close(None)))));
        assert_eq!(next(&inbox), Poll::Ready(None));
    }

    #[test]
    fn a_connection_that_breaks_is_an_error_unless_it_was_closing() {
        let inbox = opened();
        inbox.close(1006, String::new());
        assert_eq!(next(&inbox), Poll::Ready(Some(Err(TransportError::Lost))));
        let inbox = opened();
        inbox.set_closing();
        inbox.close(1006, String::new());
        assert_eq!(next(&inbox), Poll::Ready(None));
    }

    #[test]
    fn the_first_reason_of_an_end_counts() {
        let inbox = opened();
        inbox.fail(TransportError::PageLeft);
        inbox.close(1006, String::new());
        assert_eq!(next(&inbox), Poll::Ready(Some(Err(TransportError::PageLeft))));
    }

    #[test]
    fn what_does_not_open_has_ended() {
        let inbox = Inbox::default();
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(inbox.poll_open(&cx), Poll::Pending);
        inbox.close(1006, String::new());
        assert_eq!(inbox.poll_open(&cx), Poll::Ready(false));
    }
}
