//! Layers of tower.

use std::{
    fmt,
    future::{Ready, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_executor::LocalPool;
use hardlight_driver::{
    Error,
    layer::{Answer, Layers, TowerCall, TowerLayer, TowerNext},
    proto::CallError,
};
use tower_layer::{Layer, Stack, layer_fn};
use tower_service::Service;

use super::{call, desk, desk_of};

/// Counts the calls of all connections together, and those that were answered.
#[derive(Clone)]
struct Counting<S> {
    inner: S,
    counts: Arc<[AtomicUsize; 2]>,
}

impl<S> Service<TowerCall> for Counting<S>
where
    S: Service<TowerCall, Response = Answer>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: TowerCall) -> Self::Future {
        let (counts, running) = (Arc::clone(&self.counts), self.inner.call(request));
        counts[0].fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let answer = running.await?;
            counts[1].fetch_add(1, Ordering::SeqCst);
            Ok(answer)
        })
    }
}

#[derive(Clone)]
struct Count(Arc<[AtomicUsize; 2]>);

impl<S> Layer<S> for Count {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting { inner, counts: Arc::clone(&self.0) }
    }
}

#[test]
fn a_stack_of_tower_is_made_once_and_sees_the_calls_of_all_connections() {
    let mut pool = LocalPool::new();
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let count = Count(Arc::clone(&counts));
    let stack = Stack::new(count.clone(), count);
    let layers = Layers::none().with(TowerLayer::new(&stack));
    let (one, other) = (desk_of(&mut pool, layers.clone()), desk_of(&mut pool, layers));
    assert_eq!(call(&mut pool, &one, async |client| client.get().await), Ok(3));
    assert_eq!(call(&mut pool, &other, async |client| client.get().await), Ok(3));
    let panicked = Err(Error::Call(CallError::HandlerPanicked));
    assert_eq!(call(&mut pool, &other, async |client| client.panic().await), panicked);
    let counts = counts.each_ref().map(|count| count.load(Ordering::SeqCst));
    assert_eq!(counts, [6, 4]);
}

#[derive(Debug)]
struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("full")
    }
}

impl std::error::Error for Full {}

/// Fails in one way or another.
#[derive(Clone)]
struct Failing(Arc<AtomicUsize>);

impl Service<TowerCall> for Failing {
    type Response = Answer;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Ready<Result<Answer, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Poll::Ready(Err(Full.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, _: TowerCall) -> Self::Future {
        ready(Err(match self.0.load(Ordering::SeqCst) {
            2 => CallError::InvalidInput.into(),
            _ => "something else".into(),
        }))
    }
}

#[test]
fn errors_of_services_are_those_of_calls_as_far_as_somebody_says_so() {
    let mut pool = LocalPool::new();
    let count = Arc::default();
    let failing = layer_fn(move |_: TowerNext| Failing(Arc::clone(&count)));
    let layer = TowerLayer::new(&failing).error::<Full>(CallError::Busy);
    let desk = desk(&mut pool, layer);
    for error in [CallError::Busy, CallError::InvalidInput, CallError::Cancelled] {
        let failed = call(&mut pool, &desk, async |client| client.get().await);
        assert_eq!(failed, Err(Error::Call(error)));
    }
    assert_eq!(desk.seen.started(), 0);
}
