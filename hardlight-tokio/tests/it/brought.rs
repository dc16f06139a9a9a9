//! Connections that the application brings: over memory with a clock that jumps, over Unix sockets.

use std::time::Duration;

use hardlight_tokio::{
    ClientOptions, ConnectError, ConnectPhase, ConnectionError, Peer, Server, ServerOptions,
    Unbound, connect_stream,
};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

use crate::service::{Client, Connection, Doubler, factory};

const BUFFER: usize = 64 * 1024;

fn unbound(options: ServerOptions) -> (Server<Unbound>, Doubler) {
    let handler = Doubler::new();
    let made = handler.clone();
    let server = Server::unbound(move |_: Connection, request| factory(made.clone(), request));
    (server.with_options(options), handler)
}

async fn connect(stream: DuplexStream, url: &str) -> Result<Client, ConnectError> {
    connect_stream(stream, url, ClientOptions::new()).await
}

fn run(server: Server<Unbound>) -> JoinHandle<()> {
    tokio::spawn(server.run())
}

#[tokio::test(start_paused = true)]
async fn a_day_of_a_connection_in_memory_takes_no_time() {
    let (server, _) = unbound(ServerOptions::new());
    let (mount, handle) = (server.mount(), server.handle());
    let running = run(server);
    let (end, other) = duplex(BUFFER);
    mount.serve_stream(other, Peer::unknown());
    let client = connect(end, "ws://localhost").await.unwrap();
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(client.double(21).await.unwrap(), 42);
    handle.stop().await;
    running.await.unwrap();
}

#[tokio::test]
async fn who_comes_before_the_server_runs_waits_for_it() {
    let (server, _) = unbound(ServerOptions::new());
    let mount = server.mount();
    let (end, other) = duplex(BUFFER);
    mount.serve_stream(other, None);
    let connecting = tokio::spawn(connect(end, "ws://localhost"));
    tokio::task::yield_now().await;
    let _running = run(server);
    assert_eq!(connecting.await.unwrap().unwrap().double(2).await.unwrap(), 4);
}

#[tokio::test]
async fn a_server_that_is_dropped_before_it_runs_drops_who_waits() {
    let (server, _) = unbound(ServerOptions::new());
    let (mount, handle) = (server.mount(), server.handle());
    let (mut end, other) = duplex(BUFFER);
    mount.serve_stream(other, None);
    drop(server);
    assert_eq!(end.read(&mut [0; 1]).await.unwrap(), 0);
    let (mut end, other) = duplex(BUFFER);
    mount.serve_stream(other, None);
    assert_eq!(end.read(&mut [0; 1]).await.unwrap(), 0);
    handle.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_over_memory_has_the_servers_time_and_the_clients() {
    let limit = Duration::from_secs(7);
    let (server, _) = unbound(ServerOptions::new().handshake_timeout(limit));
    let mount = server.mount();
    let _running = run(server);
    let began = Instant::now();
    let (mut silent, other) = duplex(BUFFER);
    mount.serve_stream(other, None);
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    assert!((limit..limit * 2).contains(&began.elapsed()), "{:?}", began.elapsed());

    let (end, _silent) = duplex(BUFFER);
    match connect(end, "ws://localhost").await {
        Err(ConnectError::Timeout { phase, .. }) => assert_eq!(phase, ConnectPhase::WebSocket),
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn a_url_with_tls_is_refused_since_there_would_be_none() {
    let (end, _other) = duplex(BUFFER);
    let error = connect(end, "wss://localhost").await.err().unwrap();
    assert!(matches!(error, ConnectError::InvalidUrl { .. }), "{error}");
}

#[tokio::test]
async fn a_stream_that_ends_is_a_lost_connection() {
    let (server, handler) = unbound(ServerOptions::new());
    let mount = server.mount();
    let running = run(server);
    let (end, other) = duplex(BUFFER);
    mount.serve_stream(other, None);
    let client = connect(end, "ws://localhost").await.unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.wait(1).await }
    });
    handler.begun.acquire().await.unwrap().forget();
    running.abort();
    assert!(call.await.unwrap().is_err());
    assert!(matches!(client.0.closed().await, ConnectionError::Lost(_)));
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_listened_at_by_the_application() {
    use tokio::net::{UnixListener, UnixStream};

    let (server, _) = unbound(ServerOptions::new());
    let (mount, handle) = (server.mount(), server.handle());
    let running = run(server);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("doubler.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            mount.serve_stream(stream, None);
        }
    });
    let mut clients = Vec::new();
    for number in 0..10 {
        let stream = UnixStream::connect(&path).await.unwrap();
        let options = ClientOptions::new();
        let client: Client = connect_stream(stream, "ws://localhost", options).await.unwrap();
        assert_eq!(client.double(number).await.unwrap(), 2 * number);
        clients.push(client);
    }
    let stream = UnixStream::connect(&path).await.unwrap();
    let url = "ws://localhost/private";
    let authorized = ClientOptions::new().token("let-me-in");
    let client: Client = connect_stream(stream, url, authorized).await.unwrap();
    assert_eq!(client.double(1).await.unwrap(), 2);
    handle.stop().await;
    running.await.unwrap();
    for client in clients {
        client.0.closed().await;
    }
    accepting.abort();
}
