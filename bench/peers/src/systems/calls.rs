//! Systems that have calls.

use std::{
    thread,
    time::{Duration, Instant},
};

use futures_channel::oneshot;
use futures_util::future::join_all;

use super::{
    System, Target,
    runtime::{Runtime, start},
};
use crate::work::{Answered, Beside, Clock, Payload, Phase, Work, nanoseconds};

/// What lies between two calls beside long answers.
const PACE: Duration = Duration::from_micros(500);

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

    async fn beside(client: C::Client, beside: Beside) -> Answered {
        let (busy, begins) = oneshot::channel();
        let pacing = thread::spawn({
            let (client, clock) = (client.clone(), beside.clock.clone());
            move || pace::<C>(&client, &clock, busy)
        });
        // It comes, or the other thread has panicked.
        let _ = begins.await;
        let (begin, mut answers) = (Instant::now(), 0);
        while beside.clock.phase() < Phase::Over {
            let length = C::download(&client, beside.answer_bytes).await;
            assert_eq!(length, beside.answer_bytes as usize);
            answers += 1;
        }
        let took = begin.elapsed();
        let calls = pacing.join().expect("it does not panic");
        let [mut alone, mut busy] = [Vec::new(), Vec::new()];
        for (phase, call) in calls {
            let time = call.await.expect("its task ends");
            match phase {
                Phase::WarmUp | Phase::Over => {}
                Phase::Measured => alone.push(time),
                Phase::Busy => busy.push(time),
            }
        }
        Answered {
            alone,
            busy,
            answers,
            took,
        }
    }
}

/// A call, and the phase in which it began.
type Begun = (Phase, oneshot::Receiver<u32>);

/// Begins calls at a steady pace until all is over, whether those before have been answered or not: else a call that waits
/// for long would stand for all those that were not made meanwhile.
fn pace<C: Calls>(client: &C::Client, clock: &Clock, busy: oneshot::Sender<()>) -> Vec<Begun> {
    let (mut begun, mut busy) = (Vec::new(), Some(busy));
    loop {
        let phase = clock.phase();
        if phase >= Phase::Busy {
            // The download may have been given up.
            let _ = busy.take().map(|busy| busy.send(()));
        }
        if phase == Phase::Over {
            return begun;
        }
        let client = client.clone();
        let call = start::<C::Runtime, _>(async move {
            let start = Instant::now();
            C::add(&client, 1).await;
            nanoseconds(start, Instant::now())
        });
        begun.push((phase, call));
        thread::sleep(PACE);
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
            Phase::Measured | Phase::Busy => {
                work.clock.count(&mut times, nanoseconds(start, end));
            }
            Phase::Over => return times,
        }
        start = end;
    }
}
