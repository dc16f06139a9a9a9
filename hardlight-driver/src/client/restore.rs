//! What an application does once it is connected again, before other calls go out.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use hardlight_proto::{CloseCode, CloseReason, ConnectionState, Events};
use parking_lot::Mutex;

use super::{
    Shared,
    attached::{Attached, Attachment},
    calls::Gate,
    status::ConnectionStatus,
};
use crate::local::{Local, MaybeSend, boxed};

/// What is done: why it failed, if it did.
type Restoring = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What to do on each new connection. Nothing, once the client is gone.
type Restore = Box<dyn FnMut() -> Option<Restoring> + Send>;

/// What the application does on each new connection, in the order in which it said so.
#[derive(Default)]
pub(super) struct Restores {
    all: Mutex<Vec<Restore>>,
    /// What is being done.
    running: Mutex<Option<Attachment>>,
}

impl Restores {
    pub(super) fn add<F, X: fmt::Display>(
        &self,
        restore: impl FnMut() -> Option<F> + MaybeSend + 'static,
    ) where
        F: Future<Output = Result<(), X>> + MaybeSend + 'static,
    {
        let mut restore = Local::new(restore);
        let restore = move || -> Option<Restoring> {
            let restoring = restore.get_mut()()?;
            Some(boxed(async { restoring.await.map_err(|error| error.to_string()) }))
        };
        self.all.lock().push(Box::new(restore));
    }

    fn begin(&self) -> Vec<Restoring> {
        // Not under the lock: it is the application's code, and may add another one.
        let mut all = std::mem::take(&mut *self.all.lock());
        let begun = all.iter_mut().filter_map(|restore| restore()).collect();
        let mut added = self.all.lock();
        all.append(&mut added);
        *added = all;
        begun
    }

    /// The connection is lost: what is being done on it is dropped.
    pub(super) fn stop(&self) {
        let running = self.running.lock().take();
        if let Some(running) = running {
            running.detach();
        }
    }

    /// The client has ended.
    pub(super) fn end(&self) {
        self.stop();
        // Dropped without the lock: one may hold whatever it likes.
        let all = std::mem::take(&mut *self.all.lock());
        drop(all);
    }
}

impl<S: ConnectionState, E: Events> Shared<S, E> {
    /// The connection is open again: calls go out, once all is as the application wants it.
    pub(super) fn restore(self: &Arc<Self>) {
        let restoring = self.restores.begin();
        if restoring.is_empty() {
            return self.restored();
        }
        let shared = Arc::clone(self);
        let task = async move {
            for step in restoring {
                if let Err(why) = step.await {
                    return shared.give_up(&why);
                }
            }
            shared.restored();
        };
        let (attached, attachment) = Attached::new(self, Box::pin(task));
        *self.restores.running.lock() = Some(attachment);
        self.mailbox.post(|calls| {
            calls.gate = Gate::First;
            calls.attached.push(attached);
            calls.attached_woken = true;
        });
        self.status.publish(ConnectionStatus::Restoring);
    }

    fn restored(&self) {
        self.mailbox.post(|calls| {
            calls.gate = Gate::Open;
            calls.lost = None;
        });
        self.status.publish(ConnectionStatus::Connected);
    }

    fn give_up(&self, why: &str) {
        tracing::warn!(why, "the connection could not be restored, and is closed");
        let reason = format!("what was to be done on a new connection failed: {why}");
        let reason = CloseReason::new(CloseCode::NORMAL, reason);
        self.mailbox.post(|calls| calls.close = Some(reason));
    }
}
