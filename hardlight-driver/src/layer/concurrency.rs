//! How many calls run at the same time.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_lock::{Semaphore, SemaphoreGuardArc};
use hardlight_proto::CallError;

use super::{Call, Layer, Methods, Next, Outcome, per_connection::PerConnection, place::Place};
use crate::service::ServiceMethod;

/// A [`Layer`] that lets a number of calls run at the same time, of each connection or of the server. What comes beyond waits in
/// line, or is answered [`CallError::Busy`] where too many wait already: it did not run, and clients may try again.
///
/// A call counts until its handler has ended, so also one of a method that is marked `#[rpc(no_cancel)]` and that nobody waits for
/// any longer: this is what bounds how many of these a server has, however many connections they came from.
///
/// While calls wait their arguments are kept, against the connection's `max_input_bytes`. A call that is given up leaves the line.
///
/// Memory: some 100 bytes for the server, or for each connection that has made a call; some 300 bytes for each call that waits.
pub struct ConcurrencyLimit {
    running: usize,
    waiting: usize,
    scope: Scope,
    methods: Methods,
}

enum Scope {
    Server(Arc<Line>),
    Connection(PerConnection<Line>),
}

/// Calls that share a limit.
struct Line {
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl ConcurrencyLimit {
    /// So many calls of all connections together; of several servers, if they share the [`Layers`](super::Layers).
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn per_server(running: usize) -> Self {
        Self::new(running, Scope::Server(Arc::new(Line::new(running))))
    }

    /// So many calls of each connection. A connection has at most 256 under way in any case.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn per_connection(running: usize) -> Self {
        Self::new(running, Scope::Connection(PerConnection::new()))
    }

    #[track_caller]
    fn new(running: usize, scope: Scope) -> Self {
        assert!(running > 0, "a limit of no calls lets none run");
        Self { running, waiting: running, scope, methods: Methods::all() }
    }

    /// How many calls may wait for others to end. With none whatever does not run at once is [`CallError::Busy`]. Default: as many as
    /// may run.
    #[must_use]
    pub const fn waiting(mut self, calls: usize) -> Self {
        self.waiting = calls;
        self
    }

    /// Counts these methods only, and lets all others run. Default: all.
    #[must_use]
    pub fn only(mut self, methods: impl IntoIterator<Item = impl ServiceMethod>) -> Self {
        self.methods.add(methods);
        self
    }

    fn line(&self, call: &Call) -> Arc<Line> {
        match &self.scope {
            Scope::Server(line) => Arc::clone(line),
            Scope::Connection(lines) => lines.get(call, || Line::new(self.running)),
        }
    }
}

impl Line {
    fn new(running: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(running)), waiting: AtomicUsize::new(0) }
    }

    /// Waits for its turn, if not too many others do.
    async fn enter(
        &self,
        call: &Call,
        most_waiting: usize,
    ) -> Result<SemaphoreGuardArc, CallError> {
        // Nobody goes past those who wait.
        if self.waiting.load(Ordering::Relaxed) == 0
            && let Some(turn) = self.room.try_acquire_arc()
        {
            return Ok(turn);
        }
        let Some(_place) = Place::take(&self.waiting, most_waiting) else {
            call.note_refusal("concurrency");
            return Err(CallError::Busy);
        };
        call.unless_cancelled(self.room.acquire_arc()).await
    }
}

impl Layer for ConcurrencyLimit {
    async fn around(&self, call: Call, next: Next) -> Outcome {
        if !self.methods.contain(&call) {
            return next.run(call).await;
        }
        let line = self.line(&call);
        let _turn = line.enter(&call, self.waiting).await?;
        next.run(call).await
    }
}

impl fmt::Debug for ConcurrencyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimit")
            .field("running", &self.running)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}
