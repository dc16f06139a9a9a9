//! The layers of a server, and the handler of a connection behind them.

use std::{
    fmt,
    future::ready,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hardlight_proto::{CallError, ServiceSchema};
use pin_project_lite::pin_project;

use super::{Answer, Call, Layer, Next, Outcome, Running};
use crate::{
    context::CallContext,
    service::{Dispatch, MethodTypes, failed},
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What runs around every call of a server, the outermost first. Cheap to clone; clones share the layers, and what these keep.
#[derive(Clone, Default)]
pub struct Layers(Option<Arc<[Arc<dyn AnyLayer>]>>);

/// A layer of whatever type.
pub(super) trait AnyLayer: Send + Sync {
    fn around(self: Arc<Self>, call: Call, next: Next) -> Boxed<Outcome>;
}

impl<L: Layer> AnyLayer for L {
    fn around(self: Arc<Self>, call: Call, next: Next) -> Boxed<Outcome> {
        Box::pin(async move { Layer::around(&*self, call, next).await })
    }
}

impl Layers {
    /// None. It holds no memory.
    pub const fn none() -> Self {
        Self(None)
    }

    /// These, and one more within them.
    #[must_use]
    pub fn with(self, layer: impl Layer) -> Self {
        let layer: Arc<dyn AnyLayer> = Arc::new(layer);
        Self(Some(self.iter().cloned().chain([layer]).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn iter(&self) -> std::slice::Iter<'_, Arc<dyn AnyLayer>> {
        self.0.as_deref().unwrap_or_default().iter()
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers").field("len", &self.len()).finish()
    }
}

/// The layers of one connection, with its handler.
pub(crate) struct Stack {
    layers: Layers,
    handler: Box<dyn AnyHandler>,
    schema: &'static ServiceSchema,
    types: &'static [MethodTypes],
}

impl Stack {
    pub(crate) fn new<S, H>(layers: Layers, handler: Arc<H>) -> Arc<Self>
    where
        S: Dispatch<H>,
        H: Send + Sync + 'static,
    {
        let handler = Box::new(Handler::<S, H> { handler, service: PhantomData });
        Arc::new(Self { layers, handler, schema: S::schema(), types: S::types() })
    }

    /// A call that was just taken from the wire, within all layers. To be asked for where the context of the call is found.
    pub(crate) fn begin(self: Arc<Self>, method: u32, input: Bytes) -> Running {
        let index = method as usize;
        let (schema, types) = (&self.schema.methods[index], self.types.get(index));
        let call = Call::new(method, input, CallContext::current(), schema, types);
        Next::new(self).run(call)
    }

    pub(super) fn layer(&self, position: usize) -> Option<Arc<dyn AnyLayer>> {
        self.layers.iter().nth(position).cloned()
    }

    /// The handler, behind all layers, if the connection still has the feature that it needs: layers may have waited.
    pub(super) fn handle(&self, call: Call) -> Running {
        if call.schema().feature.is_some_and(|feature| !call.has_feature(feature)) {
            return Running(Box::pin(ready(Err(CallError::MissingFeature))));
        }
        let Call { method, input, types, given, .. } = call;
        let handling = self.handler.handle(method, input, types);
        Running(match given {
            Some(context) => Box::pin(context.scope(handling)),
            None => handling,
        })
    }
}

/// A handler of whatever type.
trait AnyHandler: Send + Sync {
    fn handle(
        &self,
        method: u32,
        input: Bytes,
        types: Option<&'static MethodTypes>,
    ) -> Boxed<Outcome>;
}

struct Handler<S, H> {
    handler: Arc<H>,
    service: PhantomData<fn() -> S>,
}

impl<S, H> AnyHandler for Handler<S, H>
where
    S: Dispatch<H>,
    H: Send + Sync + 'static,
{
    fn handle(
        &self,
        method: u32,
        input: Bytes,
        types: Option<&'static MethodTypes>,
    ) -> Boxed<Outcome> {
        let future = S::dispatch(Arc::clone(&self.handler), method, input);
        Box::pin(Handling { future, types })
    }
}

pin_project! {
    /// A handler that runs: what it returns, and whether that is an error.
    struct Handling<F> {
        #[pin]
        future: F,
        types: Option<&'static MethodTypes>,
    }
}

impl<F: Future<Output = Result<Bytes, CallError>>> Future for Handling<F> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.project();
        let (polled, failed) = failed::during(|| this.future.poll(cx));
        let payload = ready!(polled)?;
        let is_error = failed && this.types.is_some_and(MethodTypes::may_fail);
        Poll::Ready(Ok(Answer::new(payload, is_error, *this.types)))
    }
}
