//! Systems that have calls.

use std::{sync::atomic::Ordering, time::Instant};

use futures_util::future::join_all;

use super::{
    System, Target,
    runtime::{Runtime, start},
};
use crate::work::{Beside, Payload, Phase, Work, nanoseconds};

/// A system with calls. A call in flight is a task that awaits one after another.
pub trait Calls: 'static {
    type Runtime: Runtime;
    type Client: Clone + Send + Sync + 'static;

    fn serve(ready: impl FnOnce(Target)) -> impl Future<Output = ()>;

    fn connect(target: &Target) -> impl Future<Output = Self::Client>;

    fn add(client: &Self::Client, number: u32) -> impl Future<Output = u32> + Send;

    fn echo(client: &Self::Client, bytes: Vec<u8>) -> impl Future<Output = Vec<u8>> + Send;

    /// The length of the answer.
    fn download(client: &Self::Client, length: u32) -> impl Future<Output = usize> + Send;
}

impl<C: Calls> System for C {
    type Runtime = C::Runtime;
    type Connection = C::Client;

    fn serve(ready: impl FnOnce(Target)) -> impl Future<Output = ()> {
        C::serve(ready)
    }

    fn connect(target: &Target) -> impl Future<Output = C::Client> {
        C::connect(target)
    }

    async fn touch(client: &mut C::Client) {
        assert_eq!(C::add(client, 1).await, 2);
    }

    async fn work(client: C::Client, work: Work) -> Vec<u32> {
        let tasks = (0..work.in_flight)
            .map(|_| start::<C::Runtime, _>(task::<C>(client.clone(), work.clone())));
        let tasks: Vec<_> = tasks.collect();
        join_all(tasks)
            .await
            .into_iter()
            .flat_map(|times| times.expect("the task ends"))
            .collect()
    }

    async fn beside(client: C::Client, beside: Beside) {
        let small = start::<C::Runtime, _>(small::<C>(client.clone(), beside.clone()));
        while beside.clock.phase() < Phase::Busy {
            C::add(&client, 1).await;
        }
        while beside.clock.phase() < Phase::Over {
            let length = C::download(&client, beside.answer_bytes).await;
            assert_eq!(length, beside.answer_bytes as usize);
            beside.answers.fetch_add(1, Ordering::Relaxed);
        }
        small.await.expect("the task ends");
    }
}

async fn task<C: Calls>(client: C::Client, work: Work) -> Vec<u32> {
    let mut times = Vec::new();
    let mut number = 0_u32;
    let mut bytes = match work.payload {
        Payload::Bytes(length) => vec![7; length],
        Payload::Number => Vec::new(),
    };
    let mut start = Instant::now();
    loop {
        match work.payload {
            Payload::Number => number = C::add(&client, number).await,
            Payload::Bytes(_) => bytes = C::echo(&client, bytes).await,
        }
        let end = Instant::now();
        match work.clock.phase() {
            Phase::WarmUp => {}
            Phase::Measured | Phase::Busy => times.push(nanoseconds(start, end)),
            Phase::Over => return times,
        }
        start = end;
    }
}

/// Small calls. One that begins while the phase changes does not count.
async fn small<C: Calls>(client: C::Client, beside: Beside) {
    loop {
        let (phase, start) = (beside.clock.phase(), Instant::now());
        C::add(&client, 1).await;
        let took = nanoseconds(start, Instant::now());
        let times = match phase {
            Phase::WarmUp => continue,
            Phase::Measured => &beside.alone,
            Phase::Busy => &beside.busy,
            Phase::Over => return,
        };
        if beside.clock.phase() == phase {
            times.lock().expect("nobody panics with it").push(took);
        }
    }
}
