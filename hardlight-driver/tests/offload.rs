//! Payloads of megabytes, and what else a connection does meanwhile.

mod support;

use std::{cell::RefCell, collections::VecDeque};

use futures_executor::LocalPool;
use hardlight_driver::{
    Acceptor, Error, EventHub, Work, client,
    proto::{CallError, Limits},
};
use hardlight_macros::{codable, rpc};
use support::{ManualTimer, joined::note_end, transport};

const LONG: usize = 1024 * 1024;

#[codable]
#[derive(Debug, PartialEq)]
struct Refused {
    reason: String,
}

#[rpc]
trait Store {
    async fn load(&self, bytes: u32) -> Vec<u8>;
    async fn save(&self, bytes: Vec<u8>) -> Result<u32, Refused>;
    async fn size(&self) -> u32;
}

struct Shelf;

impl Store for Shelf {
    async fn load(&self, bytes: u32) -> Vec<u8> {
        vec![7; bytes as usize]
    }

    async fn save(&self, bytes: Vec<u8>) -> Result<u32, Refused> {
        u32::try_from(bytes.len()).map_err(|_| Refused { reason: "too large".into() })
    }

    async fn size(&self) -> u32 {
        5
    }
}

thread_local! {
    static WORK: RefCell<VecDeque<Work>> = const { RefCell::new(VecDeque::new()) };
}

/// Does nothing yet.
fn later(work: Work) {
    WORK.with_borrow_mut(|waiting| waiting.push_back(work));
}

fn take() -> Option<Work> {
    WORK.with_borrow_mut(VecDeque::pop_front)
}

/// A client of a shelf, whose long work waits until a test does it.
fn connect(pool: &mut LocalPool) -> store::Client {
    let limits = Limits::new().with_max_frame_bytes(2 * LONG).with_max_transfer_bytes(4 * LONG);
    let (client_side, server_side, ..) = transport();
    let acceptor = Acceptor::<store::Connection>::new(limits.clone(), &EventHub::new());
    let acceptor = acceptor.with_offload(later);
    note_end(pool, acceptor.serve(Shelf, server_side, ManualTimer::default()));
    let (connecting, driver) = client(client_side, ManualTimer::default(), limits);
    note_end(pool, driver);
    pool.run_until(connecting).expect("the server answers")
}

#[test]
fn a_short_call_is_answered_while_a_long_answer_is_encoded() {
    let mut pool = LocalPool::new();
    let client = connect(&mut pool);
    let long = note_end(&pool, {
        let client = client.clone();
        async move { client.load(LONG as u32).await }
    });
    pool.run_until_stalled();
    let encoding = take().expect("it is encoded elsewhere");
    assert_eq!(pool.run_until(client.size()), Ok(5));
    assert!(long.borrow().is_none());
    encoding();
    pool.run_until_stalled();
    assert_eq!(long.borrow_mut().take(), Some(Ok(vec![7; LONG])));
    // Its memory is given back.
    take().expect("it is given back elsewhere")();
    assert!(take().is_none());
}

#[test]
fn a_short_call_is_answered_while_a_long_input_is_decoded() {
    let mut pool = LocalPool::new();
    let client = connect(&mut pool);
    let long = note_end(&pool, {
        let client = client.clone();
        async move { client.save(vec![7; LONG]).await }
    });
    pool.run_until_stalled();
    let decoding = take().expect("it is decoded elsewhere");
    assert_eq!(pool.run_until(client.size()), Ok(5));
    decoding();
    pool.run_until_stalled();
    assert_eq!(long.borrow_mut().take(), Some(Ok(LONG as u32)));
}

#[test]
fn what_is_shorter_is_done_at_once() {
    let mut pool = LocalPool::new();
    let client = connect(&mut pool);
    let bytes = pool.run_until(client.load(LONG as u32 - 100)).unwrap();
    assert_eq!(pool.run_until(client.save(bytes)), Ok(LONG as u32 - 100));
    assert!(take().is_none());
}

#[test]
fn the_work_of_a_call_that_is_given_up_is_not_done() {
    let mut pool = LocalPool::new();
    let client = connect(&mut pool);
    let call = note_end(&pool, {
        let client = client.clone();
        async move {
            let call = std::pin::pin!(client.load(LONG as u32));
            futures_util::future::select(call, std::pin::pin!(client.size())).await;
        }
    });
    pool.run_until_stalled();
    assert!(call.borrow().is_some());
    take().expect("it was begun")();
    // Nothing was encoded, whose memory would be given back.
    assert!(take().is_none());
    assert_eq!(pool.run_until(client.size()), Ok(5));
}

#[test]
fn work_that_is_never_done_fails_its_call_alone() {
    let mut pool = LocalPool::new();
    let client = connect(&mut pool);
    let long = note_end(&pool, {
        let client = client.clone();
        async move { client.load(LONG as u32).await }
    });
    pool.run_until_stalled();
    drop(take());
    pool.run_until_stalled();
    assert_eq!(long.borrow_mut().take(), Some(Err(Error::Call(CallError::HandlerPanicked))));
    assert_eq!(pool.run_until(client.size()), Ok(5));
}
