//! Runtimes, as systems use them.

use std::sync::LazyLock;

use futures_channel::oneshot;
pub use hardlight::{async_std::AsyncStd, smol::Smol, tokio::Tokio};

/// Threads that run tasks, whatever the runtime.
pub const WORKERS: &str = "2";

/// What says so to runtimes that read it from the environment.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("ASYNC_STD_THREAD_COUNT", WORKERS),
    ("SMOL_THREADS", WORKERS),
];

/// A runtime with [`WORKERS`] threads for its tasks.
pub trait Runtime: 'static {
    /// Runs a future on this thread.
    fn block_on<F: Future>(future: F) -> F::Output;

    /// Runs a future as a task.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);
}

impl Runtime for Tokio {
    fn block_on<F: Future>(future: F) -> F::Output {
        RUNTIME.block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        RUNTIME.spawn(future);
    }
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let workers = WORKERS.parse().expect("a number");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build();
    runtime.expect("threads")
});

impl Runtime for Smol {
    fn block_on<F: Future>(future: F) -> F::Output {
        smol::block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(future).detach();
    }
}

impl Runtime for AsyncStd {
    fn block_on<F: Future>(future: F) -> F::Output {
        async_std::task::block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        async_std::task::spawn(future);
    }
}

/// Runs a future as a task; what it gives is received.
pub fn start<R: Runtime, T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (ended, end) = oneshot::channel();
    R::spawn(async move {
        // Who does not wait for the end need not hear of it.
        let _ = ended.send(future.await);
    });
    end
}
