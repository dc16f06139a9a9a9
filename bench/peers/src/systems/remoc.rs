//! remoc: a remote trait over TCP, its own codec with the short names that it knows, its settings as they are but for the
//! longest answer.

use std::{net::Ipv4Addr, sync::Arc};

use remoc::{
    Cfg, Connect, ConnectExt,
    rtc::{self, CallError, Client, ServerShared},
};
use serde_bytes::ByteBuf;
use tokio::net::{TcpListener, TcpStream};

use super::{
    MAX_ANSWER_BYTES, Target,
    calls::Calls,
    runtime::{Runtime, Tokio},
};

/// The service.
#[rtc::remote]
pub trait Work {
    #[serde(rename = "_0")]
    async fn add(&self, #[serde(rename = "_0")] number: u32) -> Result<u32, CallError>;

    #[serde(rename = "_1")]
    async fn echo(&self, #[serde(rename = "_0")] bytes: ByteBuf) -> Result<ByteBuf, CallError>;

    #[serde(rename = "_2")]
    async fn download(&self, #[serde(rename = "_0")] length: u32) -> Result<ByteBuf, CallError>;
}

struct Handler;

impl Work for Handler {
    async fn add(&self, number: u32) -> Result<u32, CallError> {
        Ok(number.wrapping_add(1))
    }

    async fn echo(&self, bytes: ByteBuf) -> Result<ByteBuf, CallError> {
        Ok(bytes)
    }

    async fn download(&self, length: u32) -> Result<ByteBuf, CallError> {
        Ok(ByteBuf::from(vec![7; length as usize]))
    }
}

#[derive(Debug)]
pub enum Remoc {}

impl Calls for Remoc {
    type Runtime = Tokio;
    type Client = WorkClient;

    async fn serve(ready: impl FnOnce(Target)) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        ready(Target::plain(listener.local_addr().expect("bound")));
        while let Ok((stream, _)) = listener.accept().await {
            Tokio::spawn(async {
                stream.set_nodelay(true).expect("a socket");
                let (input, output) = stream.into_split();
                let (server, client) =
                    WorkServerShared::<_, remoc::codec::Default>::new(Arc::new(Handler));
                let connection = Connect::io(Cfg::default(), input, output);
                connection.provide(client).await.expect("a client");
                // It ends with the connection, and how does not matter.
                let _ = server.serve().await;
            });
        }
    }

    async fn connect(target: &Target) -> WorkClient {
        let stream = TcpStream::connect(target.address).await.expect("a server");
        stream.set_nodelay(true).expect("a socket");
        let (input, output) = stream.into_split();
        let connection = Connect::io(Cfg::default(), input, output);
        let mut client: WorkClient = connection.consume().await.expect("a server");
        client.set_max_response_size(MAX_ANSWER_BYTES);
        client
    }

    async fn add(client: &WorkClient, number: u32) -> u32 {
        client.add(number).await.expect("an answer")
    }

    async fn echo(client: &WorkClient, bytes: Vec<u8>) -> Vec<u8> {
        let answer = client.echo(ByteBuf::from(bytes)).await;
        answer.expect("an answer").into_vec()
    }

    async fn download(client: &WorkClient, length: u32) -> usize {
        client.download(length).await.expect("an answer").len()
    }
}
