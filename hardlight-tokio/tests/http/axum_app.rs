//! A route of an axum application.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::Request,
    middleware,
    response::Response,
    routing::{any_service, get},
};
use hardlight_tokio::{
    ClientOptions, CloseCode, ConnectError, ConnectionError, Initiator, OriginPolicy, Peer,
    RefuseInBand, ServerOptions, connect_plain, connect_plain_with,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::service::{Mounted, User, answer, echo::Client, text, upgrade};

/// Serves an application on a port.
async fn serve(app: Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (addr, serving)
}

/// A page at `/`, the service at `/rpc`.
fn app(mounted: &Mounted) -> Router {
    Router::new().route("/", get(async || "a page")).route_service("/rpc", mounted.service.clone())
}

async fn serve_all(mounted: &Mounted) -> SocketAddr {
    serve(app(mounted)).await.0
}

fn get_page(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[tokio::test]
async fn a_page_and_a_service_share_a_port() {
    let mounted = Mounted::new();
    let addr = serve_all(&mounted).await;
    let page = text(addr, &get_page("/")).await;
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.ends_with("a page"), "{page}");
    let client: Client = connect_plain(&format!("ws://{addr}/rpc")).await.unwrap();
    assert_eq!(client.echo("hello".to_owned()).await.unwrap(), "hello");
    // Whatever the length, and however the HTTP server hands the stream over.
    let long = "x".repeat(1_000_000);
    assert!(client.echo(long.clone()).await.unwrap() == long, "another text came back");
    let peer: SocketAddr = client.state().peer.parse().unwrap();
    assert_eq!((client.state().path.as_str(), peer.ip()), ("/rpc", addr.ip()));
    client.close().await;
}

#[tokio::test]
async fn whoever_is_no_websocket_is_told_what_is_spoken_here() {
    let mounted = Mounted::new();
    let addr = serve_all(&mounted).await;
    for request in [get_page("/rpc"), get_page("/rpc").replacen("GET", "DELETE", 1)] {
        let told = text(addr, &request).await;
        assert!(told.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{told}");
        assert!(told.contains("upgrade: websocket\r\n") && told.contains("hl.1"), "{told}");
    }
    let other = upgrade("/rpc", "").replace("hl.1", "graphql-ws");
    let told = text(addr, &other).await;
    assert!(told.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{told}");
    assert!(told.ends_with("no common subprotocol: this server speaks hl.1\n"), "{told}");
}

#[tokio::test]
async fn a_factory_refuses_by_status_or_in_band() {
    for (in_band, code) in
        [(RefuseInBand::WithOrigin, None), (RefuseInBand::Always, Some(CloseCode(4404)))]
    {
        let mounted = Mounted::with(ServerOptions::new().refuse_in_band(in_band));
        let url = format!("ws://{}/rpc?refuse", serve_all(&mounted).await);
        match connect_plain::<Client>(&url).await {
            Err(ConnectError::Refused { status, reason, close_code, .. }) => {
                let told = (status.as_u16(), reason.as_str(), close_code);
                assert_eq!(told, (404, "not found", code));
            }
            other => panic!("{:?}", other.err()),
        }
        // Nothing is left of a client that was told so.
        mounted.handle.stop().await;
    }
}

#[tokio::test]
async fn a_web_page_of_another_origin_gets_no_websocket() {
    let allowed = OriginPolicy::same_origin().allow("https://app.example.com").unwrap();
    let mounted = Mounted::with(ServerOptions::new().origins(allowed));
    let addr = serve_all(&mounted).await;
    let url = format!("ws://{addr}/rpc");
    let from = |origin: &str| ClientOptions::new().origin(origin);
    for origin in ["https://app.example.com", &format!("http://{addr}")] {
        let client: Client = connect_plain_with(&url, from(origin)).await.unwrap();
        assert_eq!(client.echo("hi".to_owned()).await.unwrap(), "hi");
    }
    match connect_plain_with::<Client>(&url, from("https://elsewhere.example")).await {
        Err(ConnectError::Refused { status, close_code: None, .. }) => {
            assert_eq!(status.as_u16(), 403);
        }
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn middleware_sees_the_request_and_the_factory_what_it_adds() {
    async fn log_in(mut request: Request, next: middleware::Next) -> Response {
        request.extensions_mut().insert(User("ann"));
        request.extensions_mut().insert(Peer::from(SocketAddr::from(([192, 0, 2, 1], 7))));
        let mut response = next.run(request).await;
        response.headers_mut().insert("x-seen-by", "a layer".parse().unwrap());
        response
    }
    let mounted = Mounted::new();
    let (addr, _) = serve(app(&mounted).layer(middleware::from_fn(log_in))).await;
    let client: Client = connect_plain(&format!("ws://{addr}/rpc")).await.unwrap();
    assert_eq!(client.state().user, "ann");
    assert_eq!(client.state().peer, "192.0.2.1:7");
    let response = client.response::<hardlight_tokio::Response>().unwrap();
    assert_eq!(response.headers()["x-seen-by"], "a layer");
    assert_eq!(response.headers()["x-made-by"], "the factory");
}

#[tokio::test]
async fn a_layer_may_refuse_before_the_handshake() {
    let mounted = Mounted::new();
    let keep_out = middleware::from_fn(async |_: Request, _: middleware::Next| {
        axum::http::StatusCode::PAYMENT_REQUIRED
    });
    let (addr, _) = serve(app(&mounted).layer(keep_out)).await;
    match connect_plain::<Client>(&format!("ws://{addr}/rpc")).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status.as_u16(), 402),
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn the_path_is_what_the_router_leaves_of_it() {
    let mounted = Mounted::new();
    let inner = Router::new().route("/{*rest}", any_service(mounted.service.clone()));
    let (addr, _) = serve(Router::new().nest("/api", inner)).await;
    let client: Client = connect_plain(&format!("ws://{addr}/api/rooms/7")).await.unwrap();
    assert_eq!(client.state().path, "/rooms/7");
}

#[tokio::test]
async fn a_stop_lets_calls_finish_and_answers_503_from_then_on() {
    let mounted = Mounted::new();
    let addr = serve_all(&mounted).await;
    let url = format!("ws://{addr}/rpc");
    let client: Client = connect_plain(&url).await.unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.wait(7).await }
    });
    mounted.gate.begun.acquire().await.unwrap().forget();
    let stopping = tokio::spawn({
        let handle = mounted.handle.clone();
        async move { handle.stop().await }
    });
    while !matches!(connect_plain::<Client>(&url).await, Err(ConnectError::Refused { status, .. }) if status == 503)
    {
        tokio::task::yield_now().await;
    }
    mounted.gate.open.add_permits(1);
    assert_eq!(call.await.unwrap().unwrap(), 7);
    match client.closed().await {
        ConnectionError::Closed { initiator, reason } => {
            assert_eq!((initiator, reason.code()), (Initiator::Remote, CloseCode::GOING_AWAY));
        }
        error => panic!("{error}"),
    }
    stopping.await.unwrap();
    mounted.task.await.unwrap();
    // The application goes on.
    assert!(text(addr, &get_page("/")).await.ends_with("a page"));
}

#[tokio::test]
async fn dropping_a_server_aborts_its_connections_and_answers_503() {
    let mounted = Mounted::new();
    let url = format!("ws://{}/rpc", serve_all(&mounted).await);
    let client: Client = connect_plain(&url).await.unwrap();
    mounted.task.abort();
    assert!(matches!(client.closed().await, ConnectionError::Lost(_)));
    match connect_plain::<Client>(&url).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status.as_u16(), 503),
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn a_factory_that_is_too_slow_or_panics_takes_nothing_else_with_it() {
    let options = ServerOptions::new().handshake_timeout(Duration::from_millis(20));
    let mounted = Mounted::with(options);
    let addr = serve_all(&mounted).await;
    for (query, expected) in [("never", 503), ("panic", 500)] {
        match connect_plain::<Client>(&format!("ws://{addr}/rpc?{query}")).await {
            Err(ConnectError::Refused { status, .. }) => assert_eq!(status.as_u16(), expected),
            other => panic!("{:?}", other.err()),
        }
    }
    assert!(text(addr, &get_page("/")).await.ends_with("a page"));
    mounted.handle.stop().await;
}

#[tokio::test]
async fn a_factory_whose_client_hangs_up_is_dropped() {
    let mounted = Mounted::with(ServerOptions::new().handshake_timeout(Duration::MAX));
    let addr = serve_all(&mounted).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(upgrade("/rpc?never", "").as_bytes()).await.unwrap();
    mounted.gate.begun.acquire().await.unwrap().forget();
    drop(stream);
    mounted.gate.dropped.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn what_a_client_sends_behind_its_request_is_read() {
    let mounted = Mounted::new();
    let addr = serve_all(&mounted).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // A ping, masked with zeros, in the same packet.
    let request = [upgrade("/rpc", "").as_bytes(), b"\x89\x83\0\0\0\0abc"].concat();
    stream.write_all(&request).await.unwrap();
    let (mut seen, mut piece) = (Vec::new(), [0; 512]);
    while !seen.windows(5).any(|window| window == b"\x8a\x03abc") {
        let read = stream.read(&mut piece).await.unwrap();
        assert_ne!(read, 0, "it hung up: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
}

#[tokio::test]
async fn a_browser_reads_a_refusal_in_band() {
    let mounted = Mounted::new();
    let addr = serve_all(&mounted).await;
    let request = upgrade("/rpc?refuse", "Origin: http://localhost\r\n");
    let told = answer(addr, &request).await;
    assert!(told.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(told.ends_with(b"\x88\x0b\x11\x34not found"), "{}", String::from_utf8_lossy(&told));
}
