//! tarpc: bincode over TCP, its settings as they are but for the longest frame.

use std::net::Ipv4Addr;

use futures_util::StreamExt;
use serde_bytes::ByteBuf;
use tarpc::{
    client::Config,
    context::{self, Context},
    serde_transport,
    server::{BaseChannel, Channel},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_serde::formats::Bincode;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::{
    MAX_ANSWER_BYTES, Target,
    calls::Calls,
    runtime::{Runtime, Tokio},
};

/// The service.
#[tarpc::service]
pub trait Work {
    async fn add(number: u32) -> u32;
    async fn echo(bytes: ByteBuf) -> ByteBuf;
    async fn download(length: u32) -> ByteBuf;
}

#[derive(Clone)]
struct Handler;

impl Work for Handler {
    async fn add(self, _: Context, number: u32) -> u32 {
        number.wrapping_add(1)
    }

    async fn echo(self, _: Context, bytes: ByteBuf) -> ByteBuf {
        bytes
    }

    async fn download(self, _: Context, length: u32) -> ByteBuf {
        ByteBuf::from(vec![7; length as usize])
    }
}

#[derive(Debug)]
pub enum Tarpc {}

fn framed(stream: TcpStream) -> Framed<TcpStream, LengthDelimitedCodec> {
    stream.set_nodelay(true).expect("a socket");
    let mut codec = LengthDelimitedCodec::builder();
    Framed::new(stream, codec.max_frame_length(MAX_ANSWER_BYTES).new_codec())
}

impl Calls for Tarpc {
    type Runtime = Tokio;
    type Client = WorkClient;

    async fn serve(ready: impl FnOnce(Target)) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        ready(Target::plain(listener.local_addr().expect("bound")));
        while let Ok((stream, _)) = listener.accept().await {
            let transport = serde_transport::new(framed(stream), Bincode::default());
            let calls = BaseChannel::with_defaults(transport).execute(Handler.serve());
            Tokio::spawn(calls.for_each(|call| async { Tokio::spawn(call) }));
        }
    }

    async fn connect(target: &Target) -> WorkClient {
        let stream = TcpStream::connect(target.address).await.expect("a server");
        let transport = serde_transport::new(framed(stream), Bincode::default());
        WorkClient::new(Config::default(), transport).spawn()
    }

    async fn add(client: &WorkClient, number: u32) -> u32 {
        client
            .add(context::current(), number)
            .await
            .expect("an answer")
    }

    async fn echo(client: &WorkClient, bytes: Vec<u8>) -> Vec<u8> {
        let bytes = ByteBuf::from(bytes);
        let echo = client.echo(context::current(), bytes).await;
        echo.expect("an answer").into_vec()
    }

    async fn download(client: &WorkClient, length: u32) -> usize {
        let answer = client.download(context::current(), length).await;
        answer.expect("an answer").len()
    }
}
