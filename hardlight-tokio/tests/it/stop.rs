//! Stopping a server.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use hardlight_tokio::{
    CallError, CloseCode, ConnectError, ConnectionError, Error, Identity, Initiator, ServerOptions,
    connect_plain, connect_with,
};
use tokio::net::TcpStream;

use crate::service::{Client, Running, bind_plain};

#[tokio::test]
async fn a_server_without_connections_stops_and_may_be_stopped_again() {
    let server = Running::plain().await;
    server.handle.stop().await;
    server.handle.clone().stop().await;
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err());
}

#[tokio::test]
async fn a_server_that_is_dropped_or_stopped_before_it_runs_does_not_hang() {
    let (server, _) = bind_plain().await;
    let handle = server.handle();
    drop(server);
    handle.stop().await;

    let (server, _) = bind_plain().await;
    let handle = server.handle();
    assert!(handle.stop().now_or_never().is_none(), "it has not ended yet");
    server.run().await;
    handle.stop().await;
}

#[tokio::test]
async fn clients_are_told_that_the_server_goes_away() {
    let server = Running::secure(Identity::development(["localhost"]).unwrap()).await;
    let clients: Vec<Client> = join_all(
        (0..3).map(|_| async { connect_with(&server.url, server.options()).await.unwrap() }),
    )
    .await;
    server.handle.stop().await;
    for client in clients {
        match client.0.closed().await {
            ConnectionError::Closed { initiator, reason } => {
                assert_eq!(initiator, Initiator::Remote);
                assert_eq!(reason.code(), CloseCode::GOING_AWAY);
                assert_eq!(reason.reason(), "the server is stopping");
            }
            error => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_call_that_runs_is_finished_and_a_new_one_is_not_started() {
    let server = Running::plain().await;
    let client: Client = connect_plain(&server.url).await.unwrap();
    let running = tokio::spawn({
        let client = client.clone();
        async move { client.wait(21).await }
    });
    server.handler.begun.acquire().await.unwrap().forget();
    let handle = server.handle.clone();
    let stopping = tokio::spawn(async move { handle.stop().await });
    // Until the server has heard of the stop it still answers; a loop of calls finds the moment.
    let refused = loop {
        match client.double(1).await {
            Ok(doubled) => assert_eq!(doubled, 2),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(
            refused,
            Error::Call(CallError::GoingAway) | Error::NotSent(_) | Error::Indeterminate(_)
        ),
        "{refused}"
    );
    assert!(!stopping.is_finished(), "a call still runs");
    server.handler.gate.add_permits(1);
    assert_eq!(running.await.unwrap().unwrap(), 42);
    stopping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_still_open_after_the_grace_is_aborted() {
    let (server, handler) = bind_plain().await;
    let options = ServerOptions::new().stop_grace(Duration::from_secs(2));
    let server = Running::plain_with(server.with_options(options), handler);
    let client: Client = connect_plain(&server.url).await.unwrap();
    let stuck = tokio::spawn(async move { client.wait(21).await });
    server.handler.begun.acquire().await.unwrap().forget();
    server.handle.stop().await;
    assert!(stuck.await.unwrap().is_err());
}

#[tokio::test]
async fn a_client_that_is_still_being_let_in_is_refused() {
    let server = Running::plain().await;
    let url = format!("{}/never", server.url);
    let connecting = tokio::spawn(async move { connect_plain::<Client>(&url).await.err() });
    // Nothing tells when the factory has begun, and it does not matter: at any moment the client is not let in.
    let client: Client = connect_plain(&server.url).await.unwrap();
    assert_eq!(client.double(1).await.unwrap(), 2);
    server.handle.stop().await;
    let error = connecting.await.unwrap().expect("it is not let in");
    assert!(
        matches!(&error, ConnectError::Refused { status, .. } if status.as_u16() == 503)
            || matches!(&error, ConnectError::Io { .. } | ConnectError::WebSocket(_)),
        "{error}"
    );
}

#[tokio::test]
async fn dropping_the_server_aborts_its_connections() {
    let server = Running::plain().await;
    let client: Client = connect_plain(&server.url).await.unwrap();
    server.task.abort();
    assert!(matches!(client.0.closed().await, ConnectionError::Lost(_)));
    server.handle.stop().await;
}

#[tokio::test]
async fn clients_come_and_go() {
    let server = Running::plain().await;
    for _ in 0..50 {
        let client: Client = connect_plain(&server.url).await.unwrap();
        assert_eq!(client.double(21).await.unwrap(), 42);
    }
    // Every client closed when it was dropped, so nothing is left to wait for.
    server.handle.stop().await;
}
