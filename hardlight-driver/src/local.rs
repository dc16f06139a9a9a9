//! What an application gives a client to keep, and who may have it: in a browser it need not be `Send`.

use std::pin::Pin;

/// `Send`, where there are threads; in a browser, whose objects never leave theirs, everything is.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}

#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Send`, where there are threads; in a browser, whose objects never leave theirs, everything is.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}

#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSend for T {}

#[cfg(not(target_arch = "wasm32"))]
type Kept<T> = T;

/// Who uses or drops it in another thread, which takes a build with threads, panics.
#[cfg(target_arch = "wasm32")]
type Kept<T> = send_wrapper::SendWrapper<T>;

/// A value that is `Send` as what keeps it wants it to be.
pub(crate) struct Local<T>(Kept<T>);

impl<T: MaybeSend> Local<T> {
    pub(crate) fn new(value: T) -> Self {
        #[cfg(target_arch = "wasm32")]
        let value = Kept::new(value);
        Self(value)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A future on the heap, which is `Send` as what polls it wants it to be.
pub(crate) fn boxed<F: Future + MaybeSend + 'static>(
    future: F,
) -> Pin<Box<dyn Future<Output = F::Output> + Send>> {
    #[cfg(target_arch = "wasm32")]
    let future = Kept::new(future);
    Box::pin(future)
}
