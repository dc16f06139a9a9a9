//! The open connections of a server, for the day it stops.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Close = Box<dyn FnOnce() + Send>;

/// How to close each open connection of a server.
///
/// A connection that watched a signal for "stop" itself would look at it, shared and locked, whenever it runs. This
/// costs a connection nothing between its start and its end.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Closers(Arc<Mutex<Open>>);

/// `None` once everything was closed.
type Open = Option<Connections>;

#[derive(Default)]
struct Connections {
    next: u64,
    close: HashMap<u64, Close>,
}

impl Closers {
    /// For a server without connections.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Connections::default()))))
    }

    /// Remembers how to close a connection, until what it returns is dropped. After [`close_all`](Self::close_all) it
    /// closes at once.
    #[must_use = "dropping it forgets the connection"]
    pub fn register(&self, close: impl FnOnce() + Send + 'static) -> Registered {
        let mut open = self.lock();
        let Some(connections) = &mut *open else {
            drop(open);
            close();
            return Registered { closers: self.clone(), key: u64::MAX };
        };
        let key = connections.next;
        connections.next += 1;
        connections.close.insert(key, Box::new(close));
        drop(open);
        Registered { closers: self.clone(), key }
    }

    /// Closes every connection that is open, and from now on every one that registers.
    pub fn close_all(&self) {
        let open = self.lock().take();
        open.into_iter().flat_map(|connections| connections.close).for_each(|(_, close)| close());
    }

    /// Nothing runs under the lock that could panic halfway, so what it protects is whole in any case.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Closers {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Closers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.lock().as_ref().map(|connections| connections.close.len());
        f.debug_struct("Closers").field("open", &open).finish()
    }
}

/// A connection that is open. Drop it when the connection has ended.
#[derive(Debug)]
pub struct Registered {
    closers: Closers,
    key: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let closer = self
            .closers
            .lock()
            .as_mut()
            .and_then(|connections| connections.close.remove(&self.key));
        // Behind the lock: it may be the last handle of something large.
        drop(closer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn open_connections_are_closed_once_and_later_ones_at_once() {
        let closed = Arc::new(AtomicUsize::new(0));
        let closers = Closers::new();
        let register = || {
            let closed = Arc::clone(&closed);
            closers.register(move || {
                closed.fetch_add(1, Ordering::Relaxed);
            })
        };
        let _open = register();
        drop(register());
        closers.close_all();
        assert_eq!(closed.load(Ordering::Relaxed), 1);
        let _late = register();
        assert_eq!(closed.load(Ordering::Relaxed), 2);
        closers.close_all();
        assert_eq!(closed.load(Ordering::Relaxed), 2);
    }
}
