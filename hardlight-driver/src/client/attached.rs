//! Handlers that wait: futures of the application's that a client's driver polls beside its connection.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use hardlight_proto::{ConnectionState, Events};

use super::Shared;

/// What an attached handler does: it ends with the connection.
pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A handler that is attached to a client. Dropping this changes nothing.
#[derive(Clone)]
pub struct Attachment {
    flags: Arc<Flags>,
    wake: Waker,
}

#[derive(Default)]
struct Flags {
    woken: AtomicBool,
    detached: AtomicBool,
}

impl Attachment {
    /// Takes the handler from the client: it is given no more events, and is dropped. One that waits for something just now
    /// is dropped there.
    pub fn detach(&self) {
        self.flags.detached.store(true, Ordering::Release);
        self.wake.wake_by_ref();
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").finish_non_exhaustive()
    }
}

/// A handler that the driver polls.
pub(super) struct Attached {
    task: Task,
    flags: Arc<Flags>,
    waker: Waker,
}

impl Attached {
    pub(super) fn new<S: ConnectionState, E: Events>(
        shared: &Arc<Shared<S, E>>,
        task: Task,
    ) -> (Self, Attachment) {
        let flags = Arc::new(Flags::default());
        flags.woken.store(true, Ordering::Relaxed);
        let waker = TaskWaker { flags: Arc::clone(&flags), shared: Arc::clone(shared) };
        let waker = Waker::from(Arc::new(waker));
        let attachment = Attachment { flags: Arc::clone(&flags), wake: waker.clone() };
        (Self { task, flags, waker }, attachment)
    }

    /// Polls it if it was woken: whether it goes on.
    pub(super) fn run(&mut self) -> bool {
        if self.flags.detached.load(Ordering::Acquire) {
            return false;
        }
        if !self.flags.woken.swap(false, Ordering::AcqRel) {
            return true;
        }
        let mut cx = Context::from_waker(&self.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| self.task.as_mut().poll(&mut cx)));
        if polled.is_err() {
            tracing::error!("an attached event handler panicked, and is detached");
        }
        polled.is_ok_and(|poll: Poll<()>| poll.is_pending())
    }
}

/// Wakes one task: notes which, and wakes the driver.
struct TaskWaker<S: ConnectionState, E: Events> {
    flags: Arc<Flags>,
    shared: Arc<Shared<S, E>>,
}

impl<S: ConnectionState, E: Events> Wake for TaskWaker<S, E> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flags.woken.store(true, Ordering::Release);
        self.shared.mailbox.post(|calls| calls.attached_woken = true);
    }
}
