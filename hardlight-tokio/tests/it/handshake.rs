//! What a server answers to clients that do not speak HardLight, byte by byte.

use std::time::Duration;

use hardlight_tokio::{ServerOptions, connect_plain};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::service::{Client, Running, bind_plain};

fn upgrade(path: &str, subprotocol: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    )
}

/// Sends `request` and reads until the server hangs up.
async fn answer(server: &Running, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_is_not_http_is_a_bad_request() {
    let server = Running::plain().await;
    for input in [&b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"[..], b"SSH-2.0-x\r\n"] {
        let answer = answer(&server, input).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_get_without_upgrade_is_told_what_is_spoken_here() {
    let server = Running::plain().await;
    let answer = answer(&server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
    assert!(answer.contains("hl.1"), "{answer}");
}

#[tokio::test]
async fn another_subprotocol_is_refused() {
    let server = Running::plain().await;
    let answer = answer(&server, upgrade("/", "graphql-ws").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("no common subprotocol: this server speaks hl.1\n"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_and_the_client_gets_to_read_why() {
    let server = Running::plain().await;
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n", "x".repeat(40_000));
    let answer = answer(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(answer.contains("max_head_bytes (16384)"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_cut_gets_no_answer() {
    let server = Running::plain().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn a_request_may_arrive_byte_by_byte() {
    let server = Running::plain().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in upgrade("/", "hl.1").bytes() {
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_head_is_dropped() {
    let (server, handler) = bind_plain().await;
    let options = ServerOptions::new().handshake_timeout(Duration::from_secs(5));
    let server = Running::plain_with(server.with_options(options), handler);
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The clock is paused: it jumps to the timeout once everybody waits.
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn a_handshake_may_have_all_the_time_there_is() {
    let (server, handler) = bind_plain().await;
    let options = ServerOptions::new().handshake_timeout(Duration::MAX);
    let server = Running::plain_with(server.with_options(options), handler);
    let client: Client = connect_plain(&server.url).await.unwrap();
    assert_eq!(client.double(21).await.unwrap(), 42);
    assert!(answer(&server, b"GET / HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 4"));
}

#[tokio::test]
async fn a_factory_refuses_with_its_own_status() {
    let server = Running::plain().await;
    let answer = answer(&server, upgrade("/nowhere", "hl.1").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nnot found\n"), "{answer}");
}

#[tokio::test]
async fn a_factory_that_panics_takes_nothing_else_with_it() {
    let server = Running::plain().await;
    assert_eq!(answer(&server, upgrade("/panic", "hl.1").as_bytes()).await, "");
    let client: Client = connect_plain(&server.url).await.unwrap();
    assert_eq!(client.double(21).await.unwrap(), 42);
}

#[tokio::test]
async fn the_first_bytes_of_the_websocket_may_come_with_the_request() {
    let server = Running::plain().await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    // A masked Close with code 1000 right behind the head.
    let close = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
    let request = [upgrade("/", "hl.1").as_bytes(), &close].concat();
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    assert!(answer.ends_with(&[0x88, 0x02, 0x03, 0xe8]), "{answer:?}");
}
