//! Clients behind an HTTP proxy, as every runtime has to have them. The proxies here are threads of the tests.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use hardlight::{ClientOptions, ConnectError, ConnectPhase, Proxy, ProxyError, ServerOptions};

use crate::{
    runtimes::Subject,
    service::{Running, suite::Client},
    suite::{assert_tls, use_all},
};

/// Handles each connection in a thread of its own.
fn listen(handle: impl Fn(TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, handle) = (stream.unwrap(), handle.clone());
            thread::spawn(move || handle(stream));
        }
    });
    addr
}

/// Reads up to the empty line, and not beyond it.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A proxy that connects with `server`, whatever it is asked for, and tells what that was.
fn proxy_to(server: SocketAddr) -> (SocketAddr, Receiver<String>) {
    let (send, heads) = mpsc::channel();
    let addr = listen(move |mut client| {
        // The test may have seen enough.
        let _ = send.send(head(&mut client));
        let mut server = TcpStream::connect(server).unwrap();
        client.write_all(b"HTTP/1.0 200 Connection established\r\nVia: 1.0 test\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || io::copy(&mut from, &mut to));
        let _ = io::copy(&mut server, &mut client);
    });
    (addr, heads)
}

/// A proxy that answers this, and waits until the client hangs up if it `stays`.
fn proxy_that_says(answer: &'static str, stays: bool) -> SocketAddr {
    listen(move |mut client| {
        head(&mut client);
        client.write_all(answer.as_bytes()).unwrap();
        if stays {
            let _ = client.read(&mut [0]);
        }
    })
}

fn behind(proxy: SocketAddr) -> ClientOptions {
    ClientOptions::new().proxy(Proxy::http(&format!("http://{proxy}")).unwrap())
}

/// Why a server that is known to the proxy alone is not reached.
async fn failed<R: Subject>(options: ClientOptions) -> ConnectError {
    let connected = R::connect_plain_with::<Client>("ws://server.invalid:81", options).await;
    connected.expect_err("there is no such server")
}

pub(crate) async fn a_client_goes_through_a_proxy_with_tls<R: Subject>() {
    let server = Running::secure::<R>(ServerOptions::new());
    let (addr, heads) = proxy_to(server.addr);
    let proxy = Proxy::http(&format!("http://Aladdin:open%20sesame@{addr}")).unwrap();
    let options = server.options.clone().proxy(proxy);
    let client: Client = R::connect_with(&server.url, options).await.unwrap();
    use_all(&server, &client).await;
    let head = heads.recv().unwrap();
    let asked = format!("CONNECT localhost:{} HTTP/1.1\r\n", server.addr.port());
    assert!(head.starts_with(&asked), "{head}");
    let authorization = "proxy-authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    assert!(head.contains(authorization), "{head}");
    server.stop().await;
}

pub(crate) async fn the_name_of_a_server_is_for_the_proxy_to_resolve<R: Subject>() {
    let server = Running::plain::<R>(ServerOptions::new());
    let (addr, heads) = proxy_to(server.addr);
    let url = "ws://server.invalid:81";
    let client: Client = R::connect_plain_with(url, behind(addr)).await.unwrap();
    use_all(&server, &client).await;
    let head = heads.recv().unwrap();
    let expected = "CONNECT server.invalid:81 HTTP/1.1\r\nHost: server.invalid:81\r\n\r\n";
    assert_eq!(head, expected);
    server.stop().await;
}

pub(crate) async fn a_proxy_cannot_put_another_server_in_the_place_of_one<R: Subject>() {
    let [server, other] = [(); 2].map(|()| Running::secure::<R>(ServerOptions::new()));
    let (addr, _heads) = proxy_to(other.addr);
    let proxy = Proxy::http(&addr.to_string()).unwrap();
    assert_tls(R::connect_with(&server.url, server.options.clone().proxy(proxy)).await);
}

pub(crate) async fn a_server_that_is_excepted_is_reached_without_the_proxy<R: Subject>() {
    let server = Running::secure::<R>(ServerOptions::new());
    let proxy = Proxy::http(&proxy_that_says("", false).to_string()).unwrap().except("localhost");
    let options = server.options.clone().proxy(proxy);
    let client: Client = R::connect_with(&server.url, options).await.unwrap();
    assert_eq!(client.add(1).await, Ok(1));
}

pub(crate) async fn a_proxy_that_refuses_is_named_with_its_status<R: Subject>() {
    let answer = "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno";
    let addr = proxy_that_says(answer, true);
    let error = failed::<R>(behind(addr)).await;
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    assert!(error.to_string().contains("407") && !error.is_retryable(), "{error}");
    let ConnectError::Proxy { source: ProxyError::Refused { response, .. }, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(response.headers()["proxy-authenticate"], "Basic");

    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n";
    let error = failed::<R>(behind(proxy_that_says(busy, false))).await;
    assert!(error.is_retryable(), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

pub(crate) async fn what_is_no_proxy_is_left<R: Subject>() {
    for (answer, stays, is_retryable) in [
        ("SSH-2.0-x\r\n", true, false),
        ("HTTP/1.1 200 OK\r\n\r\n\u{16}", true, false),
        ("HTTP/1", false, true),
    ] {
        let error = failed::<R>(behind(proxy_that_says(answer, stays))).await;
        assert!(matches!(error, ConnectError::Proxy { .. }), "{error}");
        assert_eq!(error.is_retryable(), is_retryable, "{error}");
    }
}

pub(crate) async fn a_proxy_that_says_nothing_is_given_up<R: Subject>() {
    let limit = Duration::from_millis(200);
    let options = behind(proxy_that_says("HTTP/1.1 200 OK\r\n", true)).connect_timeout(limit);
    match failed::<R>(options).await {
        ConnectError::Timeout { phase, limit: told } => {
            assert_eq!((phase, told), (ConnectPhase::Proxy, limit));
        }
        error => panic!("{error}"),
    }
}

pub(crate) async fn a_proxy_that_is_not_there_is_named<R: Subject>() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = failed::<R>(behind(addr)).await;
    assert!(matches!(error, ConnectError::Io { .. }) && error.is_retryable(), "{error}");
    assert!(error.to_string().contains("the proxy 127.0.0.1"), "{error}");
}
