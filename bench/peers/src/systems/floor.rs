//! Messages that bare tungstenite echoes: no calls, no ids, no waiters. Nothing on WebSockets is faster but by packing.

use std::{collections::VecDeque, marker::PhantomData, time::Instant};

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use super::{
    System, Target,
    runtime::Tokio,
    websocket::{self, Layer, Socket, next},
};
use crate::work::{Answered, Beside, Payload, Phase, Work, nanoseconds};

/// What a message takes that stands for a call of a number, in bytes.
const MESSAGE_BYTES: usize = 8;

/// An echo, over TLS or not; each message flushed, or all of them when no more are ready.
#[derive(Debug)]
pub struct Floor<L, const FLUSH: bool>(PhantomData<L>);

impl<L: Layer, const FLUSH: bool> System for Floor<L, FLUSH> {
    type Runtime = Tokio;
    type Connection = Socket<L>;

    fn serve(ready: impl FnOnce(Target)) -> impl Future<Output = ()> {
        websocket::serve::<L, _>(ready, echo::<L, FLUSH>)
    }

    fn connect(target: &Target) -> impl Future<Output = Socket<L>> {
        websocket::connect::<L>(target)
    }

    async fn touch(socket: &mut Socket<L>) {
        let sent = socket
            .send(Message::Binary(vec![7; MESSAGE_BYTES].into()))
            .await;
        sent.expect("a connection");
        next(socket).await.expect("an echo");
    }

    async fn work(mut socket: Socket<L>, work: Work) -> Vec<u32> {
        let message = Bytes::from(vec![
            7;
            match work.payload {
                Payload::Number => MESSAGE_BYTES,
                Payload::Bytes(length) => length,
            }
        ]);
        let (mut times, mut starts) = (Vec::new(), VecDeque::new());
        for _ in 0..work.in_flight {
            starts.push_back(Instant::now());
            send::<L, FLUSH>(&mut socket, Message::Binary(message.clone())).await;
        }
        while next(&mut socket).await.is_some() {
            let (start, end) = (starts.pop_front().expect("it was sent"), Instant::now());
            match work.clock.phase() {
                Phase::WarmUp => {}
                Phase::Measured | Phase::Busy => {
                    work.clock.count(&mut times, nanoseconds(start, end));
                }
                Phase::Over => return times,
            }
            starts.push_back(end);
            send::<L, FLUSH>(&mut socket, Message::Binary(message.clone())).await;
        }
        panic!("the server has gone");
    }

    async fn beside(_: Socket<L>, _: Beside) -> Answered {
        unreachable!("there are no calls");
    }
}

async fn echo<L: Layer, const FLUSH: bool>(mut socket: Socket<L>) {
    while let Some(message) = next(&mut socket).await {
        if !message.is_binary() {
            return;
        }
        send::<L, FLUSH>(&mut socket, message).await;
    }
}

/// Sends a message. If the peer has gone, the next read says so.
async fn send<L: Layer, const FLUSH: bool>(socket: &mut Socket<L>, message: Message) {
    let _ = socket.feed(message).await;
    if FLUSH {
        let _ = socket.flush().await;
    }
}
