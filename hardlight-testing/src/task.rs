//! Tasks of a world.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_channel::oneshot;
use futures_util::{
    future::{AbortHandle, abortable},
    task::LocalSpawnExt,
};

use crate::world::here;

/// Runs `future` in a task of its own, until the handle is dropped.
///
/// # Panics
///
/// Outside of [`World::run`](crate::World::run).
#[track_caller]
pub fn spawn(future: impl Future<Output = ()> + 'static) -> Task {
    let (future, abort) = abortable(future);
    let (done, is_done) = oneshot::channel();
    let task = async move {
        // The future is gone before it is said that it is.
        let _ = future.await;
        let _ = done.send(());
    };
    // A world that ends has no use for more tasks.
    let _ = here().1.spawn_local(task);
    Task { abort: Some(abort), is_done }
}

/// A task. To drop it ends the task; to wait for it waits until it has ended, and all that it held is gone.
#[derive(Debug)]
#[must_use = "to drop it ends the task"]
pub struct Task {
    abort: Option<AbortHandle>,
    is_done: oneshot::Receiver<()>,
}

impl Task {
    /// Lets the task go on by itself, up to the end of the test.
    pub fn detach(mut self) {
        self.abort = None;
    }

    /// Ends the task, and waits until all that it held is gone.
    pub async fn cancel(mut self) {
        self.abort.take().inspect(AbortHandle::abort);
        self.await;
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.is_done).poll(cx).map(drop)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort.take().inspect(AbortHandle::abort);
    }
}
