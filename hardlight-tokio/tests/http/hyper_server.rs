//! hyper without a framework, and what has no connection to give.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use hardlight_tokio::{
    ConnectError, connect_plain,
    http::{Request, StatusCode, Version},
};
use hyper::{server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::service::{Mounted, echo::Client};

/// Serves connections of hyper's, with upgrades or without.
async fn serve(mounted: &Mounted, with_upgrades: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let service = mounted.service.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serving =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
            if with_upgrades {
                tokio::spawn(serving.with_upgrades());
            } else {
                tokio::spawn(serving);
            }
        }
    });
    addr
}

#[tokio::test]
async fn it_is_a_service_of_hyper() {
    let mounted = Mounted::new();
    let addr = serve(&mounted, true).await;
    let client: Client = connect_plain(&format!("ws://{addr}/any/path")).await.unwrap();
    assert_eq!(client.echo("hello".to_owned()).await.unwrap(), "hello");
    assert_eq!((client.state().path.as_str(), client.state().peer.as_str()), ("/any/path", ""));
    client.close().await;
    mounted.handle.stop().await;
}

#[tokio::test]
async fn a_connection_that_hyper_does_not_give_up_is_lost_and_no_task_stays() {
    let mounted = Mounted::new();
    let addr = serve(&mounted, false).await;
    let error = connect_plain::<Client>(&format!("ws://{addr}/")).await.err().unwrap();
    assert!(matches!(error, ConnectError::Connection(_) | ConnectError::WebSocket(_)), "{error}");
    mounted.handle.stop().await;
    mounted.task.await.unwrap();
}

async fn call(mounted: &Mounted, version: Version) -> (StatusCode, String) {
    let request = Request::get("/")
        .version(version)
        .header("host", "localhost")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "hl.1")
        .body(());
    let response: Result<_, Infallible> = mounted.service.call(request.unwrap()).await;
    let (head, body) = response.unwrap().into_parts();
    let body: Bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    (head.status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn a_request_without_a_connection_behind_it_does_not_reach_the_factory() {
    let (status, told) = call(&Mounted::new(), Version::HTTP_11).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(told, "this server cannot upgrade connections\n");
}

#[tokio::test]
async fn http_2_is_refused_with_a_reason() {
    let (status, told) = call(&Mounted::new(), Version::HTTP_2).await;
    assert_eq!(status, StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    assert_eq!(told, "hl.1 (HardLight) is spoken over HTTP/1.1 only, not over HTTP/2.0\n");
}
