//! What an application does once it is connected again, before other calls go out.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hardlight_proto::{CloseReason, ConnectionError, ConnectionState, Events};
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

/// What to do on the new connection of a number. Nothing, once the client is gone.
type Restore = Box<dyn FnMut(u64) -> Option<Restoring> + Send>;

/// What the application does on each new connection, in the order in which it said so.
#[derive(Default)]
pub(super) struct Restores {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    all: Vec<Restore>,
    /// What is being done.
    running: Option<Running>,
    ended: bool,
}

struct Running {
    attachment: Attachment,
    /// It is dropped on purpose.
    stopped: Arc<AtomicBool>,
}

impl Restores {
    pub(super) fn add<F, X: fmt::Display>(
        &self,
        restore: impl FnMut(u64) -> Option<F> + MaybeSend + 'static,
    ) where
        F: Future<Output = Result<(), X>> + MaybeSend + 'static,
    {
        let mut restore = Local::new(restore);
        let restore = move |connection| -> Option<Restoring> {
            let restoring = restore.get_mut()(connection)?;
            Some(boxed(async { restoring.await.map_err(|error| error.to_string()) }))
        };
        let mut inner = self.inner.lock();
        let left = if inner.ended {
            Some(restore)
        } else {
            inner.all.push(Box::new(restore));
            None
        };
        drop(inner);
        // Without the lock: it may hold whatever it likes.
        drop(left);
    }

    /// What there is to do on the connection of this number, or that one of them panicked.
    fn begin(&self, connection: u64) -> std::thread::Result<Vec<Restoring>> {
        // Not under the lock: it is the application's code, and may add another one.
        let mut all = std::mem::take(&mut self.inner.lock().all);
        let begin = || all.iter_mut().filter_map(|restore| restore(connection)).collect();
        let begun = catch_unwind(AssertUnwindSafe(begin));
        let mut inner = self.inner.lock();
        all.append(&mut inner.all);
        if !inner.ended {
            std::mem::swap(&mut inner.all, &mut all);
        }
        drop(inner);
        drop(all);
        begun
    }

    /// The connection is lost: what is being done on it is dropped.
    pub(super) fn stop(&self) {
        let running = self.inner.lock().running.take();
        if let Some(running) = running {
            running.stopped.store(true, Ordering::Release);
            running.attachment.detach();
        }
    }

    /// The client has ended.
    pub(super) fn end(&self) {
        self.stop();
        let all = {
            let mut inner = self.inner.lock();
            inner.ended = true;
            std::mem::take(&mut inner.all)
        };
        // Dropped without the lock: one may hold whatever it likes.
        drop(all);
    }
}

/// Something is being done that is not done yet. If it ends so, it panicked.
struct Unfinished<S: ConnectionState, E: Events> {
    shared: Arc<Shared<S, E>>,
    stopped: Arc<AtomicBool>,
}

impl<S: ConnectionState, E: Events> Drop for Unfinished<S, E> {
    fn drop(&mut self) {
        if !self.stopped.load(Ordering::Acquire) {
            self.shared.give_up("it panicked");
        }
    }
}

impl<S: ConnectionState, E: Events> Shared<S, E> {
    /// The connection is open again: calls go out, once all is as the application wants it.
    pub(super) fn restore(self: &Arc<Self>) {
        let connection = self.mailbox.with(|calls| {
            calls.gate = Gate::First;
            calls.restoring += 1;
            calls.restoring
        });
        let restoring = match self.restores.begin(connection) {
            Ok(restoring) if restoring.is_empty() => return self.restored(),
            Ok(restoring) => restoring,
            Err(_) => return self.give_up("it panicked"),
        };
        self.status.publish(ConnectionStatus::Restoring);
        let stopped = Arc::new(AtomicBool::new(false));
        let unfinished = Unfinished { shared: Arc::clone(self), stopped: Arc::clone(&stopped) };
        let task = async move {
            for step in restoring {
                if let Err(why) = step.await {
                    unfinished.stopped.store(true, Ordering::Release);
                    return unfinished.shared.give_up(&why);
                }
            }
            unfinished.stopped.store(true, Ordering::Release);
            unfinished.shared.restored();
        };
        let (attached, attachment) = Attached::new(self, Box::pin(task));
        self.restores.inner.lock().running = Some(Running { attachment, stopped });
        self.mailbox.post(|calls| {
            calls.attached.push(attached);
            calls.attached_woken = true;
        });
    }

    fn restored(&self) {
        let now = self.clock.now();
        self.mailbox.post(|calls| {
            calls.gate = Gate::Open;
            calls.lost = None;
            calls.restoring += 1;
            calls.connected_at = Some(now);
        });
        self.status.publish(ConnectionStatus::Connected);
    }

    /// What the application does on a new connection has failed: the client ends.
    fn give_up(&self, why: &str) {
        tracing::warn!(why, "a new connection could not be restored: the client is closed");
        let why = format!("what was to be done on a new connection failed: {why}");
        self.mailbox.post(|calls| {
            calls.failed = Some(ConnectionError::Internal(why.into()));
            calls.close = Some(CloseReason::normal());
        });
    }
}
