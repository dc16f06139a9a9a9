//! jsonrpsee: JSON over WebSocket, its settings as they are but for the longest body and the most connections.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use jsonrpsee::{
    core::{RpcResult, async_trait},
    proc_macros::rpc,
    server::{Server, ServerConfig},
    ws_client::{WsClient, WsClientBuilder},
};

use super::{MAX_ANSWER_BYTES, Target, calls::Calls, runtime::Tokio};

/// More connections than any load has.
const MAX_CONNECTIONS: u32 = 20_000;

/// Bytes travel as base64, which takes four for three.
const MAX_BODY_BYTES: u32 = (MAX_ANSWER_BYTES / 3 * 4 + 1024) as u32;

/// The service.
#[rpc(client, server)]
pub trait Work {
    #[method(name = "add")]
    async fn add(&self, number: u32) -> RpcResult<u32>;

    #[method(name = "echo")]
    async fn echo(&self, bytes: String) -> RpcResult<String>;

    #[method(name = "download")]
    async fn download(&self, length: u32) -> RpcResult<String>;
}

struct Handler;

#[async_trait]
impl WorkServer for Handler {
    async fn add(&self, number: u32) -> RpcResult<u32> {
        Ok(number.wrapping_add(1))
    }

    async fn echo(&self, bytes: String) -> RpcResult<String> {
        let bytes = BASE64_STANDARD.decode(bytes).expect("base64");
        Ok(BASE64_STANDARD.encode(bytes))
    }

    async fn download(&self, length: u32) -> RpcResult<String> {
        Ok(BASE64_STANDARD.encode(vec![7; length as usize]))
    }
}

#[derive(Debug)]
pub enum Jsonrpsee {}

impl Calls for Jsonrpsee {
    type Runtime = Tokio;
    type Client = Arc<WsClient>;

    async fn serve(ready: impl FnOnce(Target)) {
        let config = ServerConfig::builder()
            .max_connections(MAX_CONNECTIONS)
            .max_request_body_size(MAX_BODY_BYTES)
            .max_response_body_size(MAX_BODY_BYTES)
            .build();
        let server = Server::builder()
            .set_config(config)
            .build("127.0.0.1:0")
            .await;
        let server = server.expect("a port");
        ready(Target::plain(server.local_addr().expect("bound")));
        server.start(Handler.into_rpc()).stopped().await;
    }

    async fn connect(target: &Target) -> Arc<WsClient> {
        let client = WsClientBuilder::new()
            .max_request_size(MAX_BODY_BYTES)
            .max_response_size(MAX_BODY_BYTES)
            .build(format!("ws://{}", target.address))
            .await;
        Arc::new(client.expect("a server"))
    }

    async fn add(client: &Arc<WsClient>, number: u32) -> u32 {
        WorkClient::add(&**client, number).await.expect("an answer")
    }

    async fn echo(client: &Arc<WsClient>, bytes: Vec<u8>) -> Vec<u8> {
        let bytes = BASE64_STANDARD.encode(bytes);
        let answer = WorkClient::echo(&**client, bytes).await.expect("an answer");
        BASE64_STANDARD.decode(answer).expect("base64")
    }

    async fn download(client: &Arc<WsClient>, length: u32) -> usize {
        let answer = WorkClient::download(&**client, length)
            .await
            .expect("an answer");
        BASE64_STANDARD.decode(answer).expect("base64").len()
    }
}
