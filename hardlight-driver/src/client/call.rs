//! The future of a call.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;

use super::calls::{CallKey, Calls, Request, Special, Turn, WhenFull};
use crate::{error::Error, mailbox::Mailbox};

/// The result of one call.
pub(super) struct Call<'a> {
    pub(super) mailbox: &'a Mailbox<Calls>,
    pub(super) stage: Stage,
}

pub(super) enum Stage {
    New { request: Request, turn: Turn, when_full: WhenFull, special: Option<Box<Special>> },
    Waiting(CallKey),
    Done,
}

impl Future for Call<'_> {
    type Output = Result<Bytes, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let result = match std::mem::replace(&mut this.stage, Stage::Done) {
            Stage::New { request, turn, when_full, special } => {
                let inserted = this.mailbox.post(|calls| {
                    let key = calls.insert(request, turn, when_full)?;
                    if let Some(special) = special {
                        calls.set_special(key, special);
                    }
                    calls.poll(key, cx.waker());
                    Ok(key)
                });
                match inserted {
                    Ok(key) => {
                        this.stage = Stage::Waiting(key);
                        None
                    }
                    Err(error) => Some(Err(error)),
                }
            }
            Stage::Waiting(key) => {
                let result = this.mailbox.with(|calls| calls.poll(key, cx.waker()));
                if result.is_none() {
                    this.stage = Stage::Waiting(key);
                }
                result
            }
            Stage::Done => None,
        };
        result.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Stage::Waiting(key) = self.stage {
            drop(self.mailbox.post(|calls| calls.abandon(key)));
        }
    }
}
