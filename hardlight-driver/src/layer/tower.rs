//! Layers of tower.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

use hardlight_proto::CallError;
use parking_lot::Mutex;
use tower_service::Service;

use super::{Answer, Call, Layer, Next, Outcome, Running};

type AnyError = Box<dyn Error + Send + Sync>;
type OnError = Box<dyn Fn(&(dyn Error + 'static)) -> Option<CallError> + Send + Sync>;

/// A [`Layer`] that is one of tower's, or a whole stack of them: what `tower::ServiceBuilder` makes.
///
/// The stack is made once, so what its services share they share for all connections. The request is a [`TowerCall`], the response an
/// [`Answer`], and the innermost service is [`TowerNext`]. For each call the service is cloned, awaited until it is ready, and called.
///
/// A service may fail with a [`CallError`], which the call ends with, or with whatever else it has. Such an error is for
/// [`on_error`](Self::on_error) to translate; where nobody does the call ends with [`CallError::Cancelled`], since it may have run.
///
/// What drops a call's future half-way, such as tower's timeout, does so also to one of a method that is marked
/// `#[rpc(no_cancel)]`.
pub struct TowerLayer<S> {
    /// Behind a lock since it need not be `Sync`.
    service: Mutex<S>,
    on_error: Option<OnError>,
}

impl<S> TowerLayer<S> {
    /// This layer, or stack of layers.
    pub fn new<L>(layer: &L) -> Self
    where
        L: tower_layer::Layer<TowerNext, Service = S>,
    {
        Self { service: Mutex::new(layer.layer(TowerNext)), on_error: None }
    }

    /// Says what calls end with whose service has failed with an error of its own. `None` leaves it to those that were set before.
    #[must_use]
    pub fn on_error(
        mut self,
        translate: impl Fn(&(dyn Error + 'static)) -> Option<CallError> + Send + Sync + 'static,
    ) -> Self {
        let before = self.on_error.take();
        self.on_error = Some(Box::new(move |error| {
            translate(error).or_else(|| before.as_ref().and_then(|before| before(error)))
        }));
        self
    }

    /// This error alone, by its type: `error::<tower::timeout::error::Elapsed>(CallError::DeadlineExceeded)`.
    #[must_use]
    pub fn error<X: Error + 'static>(self, stands_for: CallError) -> Self {
        self.on_error(move |error| error.is::<X>().then(|| stands_for.clone()))
    }

    fn translate(&self, error: AnyError) -> CallError {
        let error = match error.downcast::<CallError>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        let translated = self.on_error.as_ref().and_then(|on_error| on_error(&*error));
        translated.unwrap_or_else(|| {
            tracing::warn!(error, "an error of a tower service that nobody has translated");
            CallError::Cancelled
        })
    }
}

impl<S> Layer for TowerLayer<S>
where
    S: Service<TowerCall, Response = Answer> + Clone + Send + 'static,
    S::Error: Into<AnyError>,
    S::Future: Send,
{
    async fn around(&self, call: Call, next: Next) -> Outcome {
        let mut service = self.service.lock().clone();
        let is_ready = call.unless_cancelled(poll_fn(|cx| service.poll_ready(cx))).await?;
        is_ready.map_err(|error| self.translate(error.into()))?;
        let answer = service.call(TowerCall { call, next }).await;
        answer.map_err(|error| self.translate(error.into()))
    }
}

impl<S> fmt::Debug for TowerLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerLayer").finish_non_exhaustive()
    }
}

/// A call together with what runs the rest of it: the request of a tower service.
#[derive(Debug)]
pub struct TowerCall {
    /// The call.
    pub call: Call,
    /// What runs it.
    pub next: Next,
}

/// The innermost service: it runs the layers within, and the handler.
#[derive(Clone, Copy, Debug)]
pub struct TowerNext;

impl Service<TowerCall> for TowerNext {
    type Response = Answer;
    type Error = CallError;
    type Future = Running;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, TowerCall { call, next }: TowerCall) -> Running {
        next.run(call)
    }
}
