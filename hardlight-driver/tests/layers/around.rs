//! What a layer sees of a call, and what it may do with it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::{Bytes, BytesMut};
use futures_executor::LocalPool;
use hardlight_driver::{
    Error, Incoming,
    layer::{Answer, Call, Layer, Layers, Next, Outcome},
    proto::{CallError, CallId, Extensions, Frame},
};
use parking_lot::Mutex;

use super::{EXCEEDED, SECOND, call, desk, desk_of, is_pending, start};
use crate::support::desk::{Choice, Desk, Odd, User, look, work};

/// Notes what happens, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, what: impl Into<String>) {
        self.0.lock().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

/// Notes when it begins, when it ends, and when it is dropped before that.
struct Noting(&'static str, Log);

struct Dropped<'a>(&'a Noting, bool);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        let Self(Noting(name, log), has_ended) = self;
        if !*has_ended {
            log.add(format!("{name} dropped"));
        }
    }
}

impl Layer for Noting {
    async fn around(&self, call: Call, next: Next) -> Outcome {
        let Self(name, log) = self;
        log.add(format!("{name} begins {}", call.method()));
        let mut dropped = Dropped(self, false);
        let outcome = next.run(call).await;
        dropped.1 = true;
        log.add(format!("{name} ends"));
        outcome
    }
}

#[test]
fn the_layer_that_is_set_first_is_the_outermost() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let layers = Layers::none()
        .with(Noting("one", log.clone()))
        .with(Noting("two", log.clone()))
        .with(Noting("three", log.clone()));
    assert_eq!(layers.len(), 3);
    let desk = desk_of(&mut pool, layers);
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), Ok(3));
    let expected = [
        "one begins get",
        "two begins get",
        "three begins get",
        "three ends",
        "two ends",
        "one ends",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_closure_is_a_layer() {
    let mut pool = LocalPool::new();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let desk = desk(&mut pool, move |call: Call, next: Next| {
        counted.fetch_add(call.input_len(), Ordering::SeqCst);
        next.run(call)
    });
    assert_eq!(call(&mut pool, &desk, async |client| client.large(2).await), Ok(vec![0; 2]));
    assert_eq!(count.load(Ordering::SeqCst), 4);
}

#[test]
fn arguments_are_decoded_for_a_layer_that_asks_for_those_of_this_method() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let seen = log.clone();
    let desk = desk(&mut pool, move |call: Call, next: Next| {
        let log = seen.clone();
        async move {
            let large = call.input::<work::LargeInput>()?.map(|input| input.bytes);
            let halve = call.input::<work::HalveInput>()?.map(|input| input.number);
            log.add(format!("{} {} {large:?} {halve:?}", call.method_index(), call.method()));
            next.run(call).await
        }
    });
    let _ = call(&mut pool, &desk, async |client| client.large(7).await);
    let _ = call(&mut pool, &desk, async |client| client.halve(8).await);
    let _ = call(&mut pool, &desk, async |client| client.get().await);
    let expected = ["8 large Some(7) None", "9 halve None Some(8)", "3 get None None"];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_layer_sees_what_was_returned_and_whether_it_is_the_applications_error() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let seen = log.clone();
    let desk = desk(&mut pool, move |call: Call, next: Next| {
        let log = seen.clone();
        async move {
            let answer = next.run(call).await?;
            let halve = answer.output::<work::HalveOutput>()?;
            let get = answer.output::<work::GetOutput>()?;
            log.add(format!("{} {halve:?} {get:?}", answer.is_error()));
            Ok(answer)
        }
    });
    assert_eq!(call(&mut pool, &desk, async |client| client.halve(8).await), Ok(4));
    let odd = Odd { number: 7 };
    let failed = call(&mut pool, &desk, async |client| client.halve(7).await);
    assert_eq!(failed, Err(Error::Application(odd)));
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), Ok(3));
    let expected =
        ["false Some(Ok(4)) None", "true Some(Err(Odd { number: 7 })) None", "false None Some(3)"];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_layer_sees_why_a_call_has_no_answer() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let seen = log.clone();
    let desk = desk(&mut pool, move |call: Call, next: Next| {
        let log = seen.clone();
        async move { next.run(call).await.inspect_err(|error| log.add(error.to_string())) }
    });
    desk.to_client.stall();
    // Arguments that are none.
    let payload = Bytes::from_static(&[1]).into();
    let frame = Frame::Call { id: CallId(9), method: 8, extensions: Extensions::new(), payload };
    let mut message = BytesMut::new();
    frame.encode(&mut message);
    desk.to_server.inject(Incoming::Message(message.freeze()));
    pool.run_until_stalled();
    assert_eq!(log.take(), [CallError::InvalidInput.to_string()]);
}

#[test]
fn a_layer_answers_in_the_handlers_place() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, |call: Call, next: Next| async move {
        match call.input::<work::HalveInput>()?.map(|input| input.number) {
            Some(0) => call.answer(&Ok::<u32, Odd>(1000)),
            Some(2) => call.answer(&Err::<u32, _>(Odd { number: 2 })),
            Some(4) => Err(CallError::Busy),
            _ => next.run(call).await,
        }
    });
    let mut halve = |number| call(&mut pool, &desk, async move |client| client.halve(number).await);
    assert_eq!(halve(0), Ok(1000));
    assert_eq!(halve(2), Err(Error::Application(Odd { number: 2 })));
    assert_eq!(halve(4), Err(Error::Call(CallError::Busy)));
    assert_eq!(desk.seen.started(), 0);
    let mut halve = |number| call(&mut pool, &desk, async move |client| client.halve(number).await);
    assert_eq!(halve(6), Ok(3));
    assert_eq!(desk.seen.started(), 1);
}

#[test]
fn an_answer_that_a_layer_makes_says_whether_it_is_an_error() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let seen = log.clone();
    let outer = move |call: Call, next: Next| {
        let log = seen.clone();
        async move {
            let outcome = next.run(call).await;
            log.add(format!("{:?}", outcome.as_ref().map(Answer::is_error)));
            outcome
        }
    };
    let inner = |call: Call, _: Next| async move {
        let number = call.input::<work::HalveInput>()?.expect("it is called alone").number;
        call.answer::<work::HalveOutput>(&if number == 0 { Ok(0) } else { Err(Odd { number }) })
    };
    let desk = desk_of(&mut pool, Layers::none().with(outer).with(inner));
    let _ = call(&mut pool, &desk, async |client| client.halve(0).await);
    let _ = call(&mut pool, &desk, async |client| client.halve(1).await);
    assert_eq!(log.take(), ["Ok(false)", "Ok(true)"]);
}

#[test]
fn an_answer_of_another_type_ends_its_call_alone() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, |call: Call, next: Next| async move {
        match call.method() {
            "get" => call.answer(&"three".to_owned()),
            _ => next.run(call).await,
        }
    });
    let panicked = Err(Error::Call(CallError::HandlerPanicked));
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), panicked);
    assert_eq!(call(&mut pool, &desk, async |client| client.again().await), Ok(5));
}

#[test]
fn a_handler_that_panics_drops_its_layers_and_ends_its_call_alone() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let desk = desk(&mut pool, Noting("layer", log.clone()));
    let panicked = Err(Error::Call(CallError::HandlerPanicked));
    assert_eq!(call(&mut pool, &desk, async |client| client.panic().await), panicked);
    assert_eq!(log.take(), ["layer begins panic", "layer dropped"]);
    assert_eq!(call(&mut pool, &desk, async |client| client.get().await), Ok(3));
}

#[test]
fn a_call_that_is_given_up_drops_its_layers() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let desk = desk(&mut pool, Noting("layer", log.clone()));
    let expected = ["layer begins hang", "layer dropped"];
    // By its caller.
    let mut hanging = Box::pin(desk.client.hang());
    assert!(is_pending(&mut hanging));
    pool.run_until_stalled();
    drop(hanging);
    pool.run_until_stalled();
    assert_eq!(log.take(), expected);
    // By its deadline.
    let late = desk.client.with_timeout(SECOND);
    let late = start(&mut pool, &desk, async move |_| late.hang().await);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!(*late.borrow(), Some(EXCEEDED));
    assert_eq!(log.take(), expected);
    // By the end of its connection.
    start(&mut pool, &desk, async |client| client.hang().await);
    desk.to_server.cut();
    pool.run_until_stalled();
    assert_eq!(log.take(), expected);
}

#[test]
fn layers_of_a_method_that_cannot_be_cancelled_run_to_their_end() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let desk = desk(&mut pool, Noting("layer", log.clone()));
    start(&mut pool, &desk, async |client| client.finish().await);
    desk.to_server.cut();
    pool.run_until_stalled();
    assert_eq!(log.take(), ["layer begins finish"]);
    desk.seen.open_gate();
    pool.run_until_stalled();
    assert_eq!(log.take(), ["layer ends"]);
    assert_eq!(desk.seen.finished(), 1);
}

#[test]
fn a_layer_may_wait_before_and_after() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, |call: Call, next: Next| async move {
        call.sleep(SECOND).await;
        let later = call.sleep(3 * SECOND);
        let outcome = next.run(call).await;
        later.await;
        outcome
    });
    let got = start(&mut pool, &desk, async |client| client.get().await);
    assert_eq!(desk.seen.started(), 0);
    desk.server_timer.advance(SECOND);
    pool.run_until_stalled();
    assert_eq!((desk.seen.started(), got.borrow().clone()), (1, None));
    desk.server_timer.advance(3 * SECOND);
    pool.run_until_stalled();
    assert_eq!(*got.borrow(), Some(Ok(3)));
}

#[test]
fn many_calls_wait_for_different_times() {
    let mut pool = LocalPool::new();
    let desk = desk(&mut pool, |call: Call, next: Next| async move {
        let bytes = call.input::<work::LargeInput>()?.map_or(0, |input| input.bytes);
        call.sleep(bytes * SECOND).await;
        next.run(call).await
    });
    let calls: Vec<_> = [7, 3, 5, 3, 1]
        .map(|seconds| start(&mut pool, &desk, async move |client| client.large(seconds).await))
        .into();
    let answered = || calls.iter().map(|call| call.borrow().is_some()).collect::<Vec<_>>();
    for expected in [
        [false, false, false, false, true],
        [false, false, false, false, true],
        [false, true, false, true, true],
        [false, true, false, true, true],
        [false, true, true, true, true],
    ] {
        desk.server_timer.advance(SECOND);
        pool.run_until_stalled();
        assert_eq!(answered(), expected);
    }
}

#[test]
fn what_a_layer_keeps_for_the_call_the_handler_finds() {
    let mut pool = LocalPool::new();
    let layer = |call: Call, next: Next| async move {
        call.context().extensions().insert(User("alice"));
        let deadline = call
            .context()
            .clock()
            .map(|clock| hardlight_driver::Deadline::after(clock, 7 * SECOND));
        let context = call.context().with_deadline(deadline.expect("a call has a clock"));
        next.run(call.with_context(context)).await
    };
    let check = |call: Call, next: Next| async move {
        assert!(call.context().extensions().contains::<User>());
        next.run(call).await
    };
    let desk = desk_of(&mut pool, Layers::none().with(layer).with(check));
    let found = call(&mut pool, &desk, async |client| client.look().await).unwrap();
    assert_eq!(found.remaining, Some(7 * SECOND));
    assert_eq!(found.method, "look");
    let _ = call(&mut pool, &desk, async |client| client.get().await);
    assert!(desk.seen.contexts.lock()[0].extensions().contains::<User>());
    assert_eq!(look().method, "");
}

#[test]
fn a_layer_knows_the_connection_and_the_client() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let seen = log.clone();
    let layer = move |call: Call, next: Next| {
        let context = call.context();
        let id = context.connection_id().expect("it is one of a connection");
        seen.add(format!("{id:?} {:?} {}", context.client_ip(), context.service()));
        next.run(call)
    };
    let ip = "192.0.2.7".parse().unwrap();
    let choice =
        Choice { layers: Layers::none().with(layer), client_ip: Some(ip), ..Choice::default() };
    let desk = Desk::with(&mut pool, choice);
    let _ = call(&mut pool, &desk, async |client| client.get().await);
    let expected = format!("{:?} Some(192.0.2.7) Work", desk.connection.id());
    assert_eq!(log.take(), [expected]);
}

#[test]
fn what_debug_shows_of_a_call_and_its_answer_has_no_values() {
    let (mut pool, log) = (LocalPool::new(), Log::default());
    let seen = log.clone();
    let desk = desk(&mut pool, move |call: Call, next: Next| {
        let log = seen.clone();
        async move {
            log.add(format!("{call:?}"));
            let outcome = next.run(call).await;
            log.add(format!("{outcome:?}"));
            outcome
        }
    });
    let _ = call(&mut pool, &desk, async |client| client.halve(8).await);
    let expected = [
        "Call { service: \"Work\", method: \"halve\", input_len: 4, .. }",
        "Ok(Answer { len: 8, is_error: false })",
    ];
    assert_eq!(log.take(), expected);
}
