//! What a layer keeps for each connection.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use super::Call;

/// Names the layers of this process that keep something.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A value of one layer for each connection, for as long as that lives. It is among the connection's extensions.
pub(super) struct PerConnection<T> {
    layer: u64,
    value: PhantomData<fn() -> T>,
}

/// Those of all layers that keep a `T`: a few.
struct Kept<T>(Arc<Mutex<Vec<Value<T>>>>);

struct Value<T> {
    layer: u64,
    value: Arc<T>,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + Sync + 'static> PerConnection<T> {
    pub(super) fn new() -> Self {
        Self { layer: MADE.fetch_add(1, Ordering::Relaxed), value: PhantomData }
    }

    /// The value of the connection that the call came on. It is made with the first call.
    pub(super) fn get(&self, call: &Call, make: impl FnOnce() -> T) -> Arc<T> {
        let Some(extensions) = call.connection_extensions() else { return Arc::new(make()) };
        let Kept(kept) = extensions.get_or_insert_with(|| Kept(Arc::default()));
        let mut kept = kept.lock();
        if let Some(known) = kept.iter().find(|known| known.layer == self.layer) {
            return Arc::clone(&known.value);
        }
        let value = Arc::new(make());
        kept.push(Value { layer: self.layer, value: Arc::clone(&value) });
        value
    }
}
