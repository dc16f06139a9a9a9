//! Long work, done elsewhere than in the task of a connection.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use futures_channel::oneshot;

/// Something to do, once. It does not panic.
pub type Work = Box<dyn FnOnce() + Send>;

/// Does work elsewhere, soon, and returns at once; or does it here, where there is nowhere else.
pub type Offload = fn(Work);

/// Does it here: without a runtime there is nowhere else.
pub(crate) fn inline(work: Work) {
    work();
}

/// What comes of `work`, done elsewhere; `None` if it panicked. If nobody waits for it any longer when its turn comes it is not done.
pub(crate) async fn offloaded<T: Send + 'static>(
    offload: Offload,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    offload(Box::new(move || {
        let unless_given_up = || (!done.is_canceled()).then(work);
        if let Ok(Some(result)) = catch_unwind(AssertUnwindSafe(unless_given_up)) {
            // If it was given up meanwhile it is dropped here.
            let _ = done.send(result);
        }
    }));
    result.await.ok()
}

/// These bytes, whose memory is given back elsewhere: for megabytes that takes milliseconds.
pub(crate) fn dropped_elsewhere(offload: Offload, bytes: Bytes) -> Bytes {
    Bytes::from_owner(DroppedElsewhere { bytes, offload })
}

struct DroppedElsewhere {
    bytes: Bytes,
    offload: Offload,
}

impl AsRef<[u8]> for DroppedElsewhere {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for DroppedElsewhere {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        (self.offload)(Box::new(move || drop(bytes)));
    }
}
