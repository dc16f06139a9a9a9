//! tonic: protobuf over HTTP/2, its settings as they are but for the longest message and the most streams.

use std::net::Ipv4Addr;

use futures_util::stream;
use prost::Message;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Server},
};

use super::{MAX_ANSWER_BYTES, Target, calls::Calls, runtime::Tokio};

use self::generated::{
    work_client::WorkClient,
    work_server::{Work, WorkServer},
};

/// More than are in flight at a time: hyper allows 200 if nobody says otherwise.
const MAX_STREAMS: u32 = 1024;

mod generated {
    include!(concat!(env!("OUT_DIR"), "/bench.Work.rs"));
}

#[derive(Clone, PartialEq, Message)]
pub struct Number {
    #[prost(uint32, tag = "1")]
    pub number: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Content {
    #[prost(bytes = "vec", tag = "1")]
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct Handler;

#[tonic::async_trait]
impl Work for Handler {
    async fn add(&self, request: Request<Number>) -> Result<Response<Number>, Status> {
        let number = request.into_inner().number.wrapping_add(1);
        Ok(Response::new(Number { number }))
    }

    async fn echo(&self, request: Request<Content>) -> Result<Response<Content>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn download(&self, request: Request<Number>) -> Result<Response<Content>, Status> {
        let bytes = vec![7; request.into_inner().number as usize];
        Ok(Response::new(Content { bytes }))
    }
}

#[derive(Debug)]
pub enum Tonic {}

impl Calls for Tonic {
    type Runtime = Tokio;
    type Client = WorkClient<Channel>;

    async fn serve(ready: impl FnOnce(Target)) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        ready(Target::plain(listener.local_addr().expect("bound")));
        let incoming = stream::unfold(listener, |listener| async {
            let accepted = listener.accept().await.map(|(stream, _)| {
                stream.set_nodelay(true).expect("a socket");
                stream
            });
            Some((accepted, listener))
        });
        let service = WorkServer::new(Handler)
            .max_decoding_message_size(MAX_ANSWER_BYTES)
            .max_encoding_message_size(MAX_ANSWER_BYTES);
        let server = Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .add_service(service);
        server
            .serve_with_incoming(incoming)
            .await
            .expect("it serves");
    }

    async fn connect(target: &Target) -> WorkClient<Channel> {
        let endpoint = Endpoint::try_from(format!("http://{}", target.address)).expect("a URL");
        let channel = endpoint
            .tcp_nodelay(true)
            .connect()
            .await
            .expect("a server");
        WorkClient::new(channel)
            .max_decoding_message_size(MAX_ANSWER_BYTES)
            .max_encoding_message_size(MAX_ANSWER_BYTES)
    }

    async fn add(client: &WorkClient<Channel>, number: u32) -> u32 {
        let answer = client.clone().add(Number { number }).await;
        answer.expect("an answer").into_inner().number
    }

    async fn echo(client: &WorkClient<Channel>, bytes: Vec<u8>) -> Vec<u8> {
        let answer = client.clone().echo(Content { bytes }).await;
        answer.expect("an answer").into_inner().bytes
    }

    async fn download(client: &WorkClient<Channel>, length: u32) -> usize {
        let answer = client.clone().download(Number { number: length }).await;
        answer.expect("an answer").into_inner().bytes.len()
    }
}
