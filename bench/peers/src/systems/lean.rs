//! The leanest RPC that one can write on tungstenite by hand: an id, a method and bytes in a message, a waiter for each call,
//! a flush when nothing more is ready, handlers in the task of their connection. It checks nothing, bounds nothing, and
//! handles no error.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_channel::oneshot;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::{
    Target,
    calls::Calls,
    runtime::{Runtime, Tokio},
    websocket::{self, Plain, next},
};

const ADD: u8 = 0;
const ECHO: u8 = 1;
const DOWNLOAD: u8 = 2;

type Socket = websocket::Socket<Plain>;

/// What stands before the bytes: the id, the method.
const HEADER_BYTES: usize = 2;

#[derive(Debug)]
pub enum Lean {}

impl Calls for Lean {
    type Runtime = Tokio;
    type Client = Client;

    fn serve(ready: impl FnOnce(Target)) -> impl Future<Output = ()> {
        websocket::serve::<Plain, _>(ready, answer)
    }

    async fn connect(target: &Target) -> Client {
        let socket = websocket::connect::<Plain>(target).await;
        let (calls, waiting) = mpsc::unbounded_channel();
        let mut driver = Driver::new(socket, waiting);
        Tokio::spawn(async move { poll_fn(|cx| driver.poll(cx)).await });
        Client { calls }
    }

    async fn add(client: &Client, number: u32) -> u32 {
        let output = client.call(ADD, &number.to_le_bytes()).await;
        number_of(&output)
    }

    async fn echo(client: &Client, bytes: Vec<u8>) -> Vec<u8> {
        client.call(ECHO, &bytes).await.into()
    }

    async fn download(client: &Client, length: u32) -> usize {
        client.call(DOWNLOAD, &length.to_le_bytes()).await.len()
    }
}

fn number_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("a number"))
}

#[derive(Clone, Debug)]
pub struct Client {
    calls: mpsc::UnboundedSender<Call>,
}

#[derive(Debug)]
struct Call {
    /// With an id that is still to be chosen.
    message: BytesMut,
    waiter: oneshot::Sender<Bytes>,
}

impl Client {
    async fn call(&self, method: u8, input: &[u8]) -> Bytes {
        let mut message = BytesMut::with_capacity(HEADER_BYTES + input.len());
        message.put_slice(&[0, method]);
        message.put_slice(input);
        let (waiter, output) = oneshot::channel();
        self.calls
            .send(Call { message, waiter })
            .expect("a connection");
        output.await.expect("an answer")
    }
}

/// The client's end of a connection.
struct Driver {
    socket: Socket,
    calls: mpsc::UnboundedReceiver<Call>,
    waiters: Vec<Option<oneshot::Sender<Bytes>>>,
    free: Vec<u8>,
}

impl Driver {
    fn new(socket: Socket, calls: mpsc::UnboundedReceiver<Call>) -> Self {
        Self {
            socket,
            calls,
            waiters: (0..=u8::MAX).map(|_| None).collect(),
            free: (0..=u8::MAX).collect(),
        }
    }

    /// Reads all that is ready, then writes all that is, then flushes.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(message) = self.socket.poll_next_unpin(cx) {
            match message {
                Some(Ok(Message::Binary(answer))) => self.answer(answer),
                _ => return Poll::Ready(()),
            }
        }
        while let Some(&id) = self.free.last() {
            if ready!(self.socket.poll_ready_unpin(cx)).is_err() {
                return Poll::Ready(());
            }
            match self.calls.poll_recv(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(call)) => self.send(id, call),
            }
        }
        // Whether it has failed is seen by the next read.
        let _ = ready!(self.socket.poll_flush_unpin(cx));
        Poll::Pending
    }

    fn answer(&mut self, mut answer: Bytes) {
        let id = answer.split_to(HEADER_BYTES)[0];
        if let Some(waiter) = self.waiters[usize::from(id)].take() {
            self.free.push(id);
            // The caller may have gone.
            let _ = waiter.send(answer);
        }
    }

    fn send(
        &mut self,
        id: u8,
        Call {
            mut message,
            waiter,
        }: Call,
    ) {
        self.free.pop();
        message[0] = id;
        self.waiters[usize::from(id)] = Some(waiter);
        // Whether it has failed is seen by the next read.
        let _ = self
            .socket
            .start_send_unpin(Message::Binary(message.freeze()));
    }
}

/// The server's end of a connection.
async fn answer(mut socket: Socket) {
    while let Some(Message::Binary(call)) = next(&mut socket).await {
        let input = call.slice(HEADER_BYTES..);
        let (length, output) = match call[1] {
            ADD => (
                4,
                Bytes::copy_from_slice(&add(number_of(&input)).await.to_le_bytes()),
            ),
            ECHO => (input.len(), input),
            _ => {
                let length = number_of(&input) as usize;
                (length, vec![7; length].into())
            }
        };
        let mut message = BytesMut::with_capacity(HEADER_BYTES + length);
        message.put_slice(&call[..HEADER_BYTES]);
        message.put(output);
        // Whether it has failed is seen by the next read.
        let _ = socket.feed(Message::Binary(message.freeze())).await;
    }
}

async fn add(number: u32) -> u32 {
    number.wrapping_add(1)
}
