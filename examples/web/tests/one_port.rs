//! Pages, JSON and HardLight on one port, with and without TLS.

use std::{future::ready, io, net::SocketAddr, sync::Arc};

use axum::{Router, extract::connect_info::Connected, serve::IncomingStream};
use hardlight::{
    ClientAuth, ClientOptions, ConnectError, HttpService, Identity, Received, Request, Server,
    ServerHandle, Unbound, connect_plain, connect_plain_with, connect_with,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
use web::{App, Arrival, Change, PlainListener, TlsListener, Total, routes, tally};

/// The application, and what stops it.
fn application() -> (Router, ServerHandle) {
    let total = Total::default();
    let made = total.clone();
    let factory = move |connection: tally::Connection, request: Request| {
        ready(App::accept(made.clone(), connection, &request))
    };
    let server: Server<Unbound> = Server::unbound(factory);
    let (service, handle) = (HttpService::new(server.mount()), server.handle());
    tokio::spawn(server.run());
    (routes(total, service), handle)
}

fn serve<L>(listener: L, app: Router)
where
    L: axum::serve::Listener<Addr: std::fmt::Debug>,
    Arrival: for<'a> Connected<IncomingStream<'a, L>>,
{
    let app = app.into_make_service_with_connect_info::<Arrival>();
    tokio::spawn(async move { axum::serve(listener, app).await });
}

async fn listener() -> (PlainListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (PlainListener(listener), addr)
}

/// What is answered to a GET.
async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    match stream.read_to_string(&mut answer).await {
        // axum ends a connection without TLS's own end.
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => panic!("{error}"),
    }
    answer
}

fn total_of(answer: &str) -> u64 {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["total"].as_u64().unwrap()
}

#[tokio::test]
async fn a_page_a_json_route_and_a_client_share_a_port_and_a_total() {
    let (app, handle) = application();
    let (listener, addr) = listener().await;
    serve(listener, app);
    let page = get(TcpStream::connect(addr).await.unwrap(), "/").await;
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("</html>"), "{page}");

    let client: tally::Client = connect_plain(&format!("ws://{addr}/rpc")).await.unwrap();
    assert!(!client.state().is_secure);
    assert!(client.state().you.starts_with("127.0.0.1:"), "{}", client.state().you);
    let response = client.response::<hardlight::Response>().unwrap();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");

    let mut events = client.events();
    assert_eq!(client.add(3).await.unwrap(), 3);
    assert_eq!(client.add(4).await.unwrap(), 7);
    for expected in [3, 7] {
        match events.next().await.unwrap() {
            Received::Event { event: Change::Total(total), .. } => assert_eq!(total, expected),
            other => panic!("{other:?}"),
        }
    }
    let answer = get(TcpStream::connect(addr).await.unwrap(), "/total").await;
    assert_eq!(total_of(&answer), 7);

    handle.stop().await;
    client.closed().await;
    let answer = get(TcpStream::connect(addr).await.unwrap(), "/total").await;
    assert_eq!(total_of(&answer), 7, "the pages go on");
}

#[tokio::test]
async fn with_tls_of_the_applications_the_service_knows_of_it() {
    let (app, _handle) = application();
    let (listener, addr) = listener().await;
    let identity = Identity::development(["localhost"]).unwrap();
    let config = identity.server_config(&ClientAuth::None);
    serve(TlsListener::new(listener, config), app);

    let options = ClientOptions::new().trust(identity.certificate());
    let connect_from = |origin: &str| {
        let options = options.clone().origin(origin);
        let url = format!("wss://localhost:{}/rpc", addr.port());
        async move { connect_with::<tally::Client>(&url, options).await }
    };
    let port = addr.port();
    let client = connect_from(&format!("https://localhost:{port}")).await.unwrap();
    assert!(client.state().is_secure);
    assert_eq!(client.add(1).await.unwrap(), 1);
    // Without TLS it would be another origin.
    match connect_from(&format!("http://localhost:{port}")).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status.as_u16(), 403),
        other => panic!("{:?}", other.err()),
    }

    let trust: hardlight::Trust = identity.certificate().into();
    let connector = TlsConnector::from(Arc::clone(&trust.client_config(None)));
    let tcp = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let page = get(connector.connect(name, tcp).await.unwrap(), "/").await;
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
}

#[tokio::test]
async fn a_client_that_does_nothing_keeps_no_other_from_tls() {
    let (app, _handle) = application();
    let (listener, addr) = listener().await;
    let identity = Identity::development(["localhost"]).unwrap();
    serve(TlsListener::new(listener, identity.server_config(&ClientAuth::None)), app);
    let _silent = TcpStream::connect(addr).await.unwrap();
    let url = format!("wss://localhost:{}/rpc", addr.port());
    let options = ClientOptions::new().trust(identity.certificate());
    let client: tally::Client = connect_with(&url, options).await.unwrap();
    assert_eq!(client.add(1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_client_that_fails_at_tls_keeps_no_other_from_it() {
    let (app, _handle) = application();
    let (listener, addr) = listener().await;
    let identity = Identity::development(["localhost"]).unwrap();
    serve(TlsListener::new(listener, identity.server_config(&ClientAuth::None)), app);
    // It has come before the one that fails, and none comes after.
    let slow = TcpStream::connect(addr).await.unwrap();
    let mut failing = TcpStream::connect(addr).await.unwrap();
    failing.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = failing.read_to_end(&mut Vec::new()).await;

    let trust: hardlight::Trust = identity.certificate().into();
    let connector = TlsConnector::from(Arc::clone(&trust.client_config(None)));
    let name = ServerName::try_from("localhost").unwrap();
    let page = get(connector.connect(name, slow).await.unwrap(), "/").await;
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
}

#[tokio::test]
async fn a_page_from_elsewhere_may_not_connect() {
    let (app, _handle) = application();
    let (listener, addr) = listener().await;
    serve(listener, app);
    let options = ClientOptions::new().origin("https://elsewhere.example");
    match connect_plain_with::<tally::Client>(&format!("ws://{addr}/rpc"), options).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status.as_u16(), 403),
        other => panic!("{:?}", other.err()),
    }
}
