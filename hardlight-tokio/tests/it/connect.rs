//! Clients: what works, and what is said when it does not.

use std::{fs, time::Duration};

use hardlight_tokio::{
    ClientOptions, ConnectError, ConnectPhase, Identity, Trust, connect_driver, connect_plain,
    connect_plain_with, connect_with, http::HeaderValue, http::StatusCode,
    http::header::AUTHORIZATION,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::service::{Client, Running};

/// Takes one connection, answers its request with these header lines, and the key where `{key}` stands.
async fn raw_server(answer: impl Into<String>) -> String {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap().into());
        }
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let key =
            tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.unwrap().as_bytes());
        stream.write_all(answer.replace("{key}", &key).as_bytes()).await.unwrap();
        // Hang up when the client does.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    url
}

async fn plain_error(url: &str) -> ConnectError {
    connect_plain::<Client>(url).await.expect_err("it should not connect")
}

#[tokio::test]
async fn a_client_calls_over_tls() {
    let server = Running::secure(Identity::development(["localhost"]).unwrap()).await;
    assert!(server.url.starts_with("wss://localhost:"));
    let client: Client = connect_with(&server.url, server.options()).await.unwrap();
    assert_eq!(client.double(21).await.unwrap(), 42);
    client.0.close().await;
}

#[tokio::test]
async fn a_client_calls_without_tls() {
    let server = Running::plain().await;
    assert!(server.url.starts_with("ws://127.0.0.1:"));
    let client: Client = connect_plain(&server.url).await.unwrap();
    assert_eq!(client.double(21).await.unwrap(), 42);
}

#[tokio::test]
async fn an_identity_and_its_trust_may_come_from_files() {
    let directory = std::env::temp_dir().join(format!("hardlight-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&certificate, generated.cert.pem()).unwrap();
    fs::write(&key, generated.signing_key.serialize_pem()).unwrap();

    let server = Running::secure(Identity::from_pem_files(&certificate, &key).unwrap()).await;
    let options = ClientOptions::new().trust(Trust::pem_file(&certificate).unwrap());
    fs::remove_dir_all(&directory).unwrap();
    let client: Client = connect_with(&server.url, options).await.unwrap();
    assert_eq!(client.double(21).await.unwrap(), 42);
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused() {
    let server = Running::secure(Identity::development(["localhost"]).unwrap()).await;
    let other = Identity::development(["localhost"]).unwrap();
    let options = ClientOptions::new().trust(other.certificate());
    let error = connect_with::<Client>(&server.url, options).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Tls { name, .. } if name == "localhost"), "{error}");
}

#[tokio::test]
async fn another_host_name_is_refused() {
    let server = Running::secure(Identity::development(["example.com"]).unwrap()).await;
    let error = connect_with::<Client>(&server.url, server.options()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("example.com"), "{error}");
}

#[tokio::test]
async fn a_scheme_that_does_not_fit_is_refused_before_anything_is_sent() {
    let options = ClientOptions::new();
    let error = connect_with::<Client>("ws://127.0.0.1:1", options).await.unwrap_err();
    assert!(matches!(error, ConnectError::InvalidUrl { .. }), "{error}");
    assert!(matches!(plain_error("wss://127.0.0.1:1").await, ConnectError::InvalidUrl { .. }));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = plain_error(&format!("ws://{addr}")).await;
    assert!(matches!(error, ConnectError::Io { .. }), "{error}");
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
}

#[tokio::test]
async fn plain_to_a_tls_server_and_the_reverse_fail() {
    let secure = Running::secure(Identity::development(["localhost"]).unwrap()).await;
    let error = plain_error(&secure.url.replace("wss", "ws")).await;
    assert!(matches!(error, ConnectError::WebSocket(_)), "{error}");

    let plain = Running::plain().await;
    let url = plain.url.replace("ws", "wss");
    let error = connect_with::<Client>(&url, secure.options()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_arrives_with_status_and_text() {
    let server = Running::plain().await;
    let url = format!("{}/private", server.url);
    match plain_error(&url).await {
        ConnectError::Refused { status, reason, .. } => {
            assert_eq!((status, reason.as_str()), (StatusCode::UNAUTHORIZED, "unauthorized"));
        }
        error => panic!("{error}"),
    }
    let token = HeaderValue::from_static("Bearer let-me-in");
    let options = ClientOptions::new().header(AUTHORIZATION, token);
    let client: Client = connect_plain_with(&url, options).await.unwrap();
    assert_eq!(client.double(21).await.unwrap(), 42);
}

#[tokio::test]
async fn a_server_that_selects_no_subprotocol_or_another_is_told_apart() {
    for selected in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: hl.2\r\n\r\n",
    ] {
        let error = plain_error(&raw_server(selected).await).await;
        assert!(matches!(error, ConnectError::Subprotocol(_)), "{error}");
        assert!(error.to_string().contains("hl.1"), "{error}");
    }
}

#[tokio::test]
async fn a_long_refusal_is_cut() {
    let body = "busy".repeat(500);
    let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2000\r\n\r\n";
    match plain_error(&raw_server(head.to_owned() + &body).await).await {
        ConnectError::Refused { status, reason, .. } => {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(reason.starts_with("busy") && reason.len() <= 1024, "{reason}");
        }
        error => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_deadline_covers_every_phase_and_the_error_names_it() {
    let limit = Duration::from_secs(3);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", silent.local_addr().unwrap());
    let without_hello = raw_server(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: hl.1\r\n\r\n",
    )
    .await;
    for (url, expected) in [(url, ConnectPhase::WebSocket), (without_hello, ConnectPhase::Hello)] {
        let options = ClientOptions::new().connect_timeout(limit);
        match connect_plain_with::<Client>(&url, options).await.unwrap_err() {
            ConnectError::Timeout { phase, limit: told } => {
                assert_eq!((phase, told), (expected, limit));
            }
            error => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn the_caller_may_drive_the_connection() {
    let server = Running::secure(Identity::development(["localhost"]).unwrap()).await;
    let (client, driver) = connect_driver::<Client>(&server.url, server.options()).await.unwrap();
    let calls = async {
        let doubled = client.double(21).await.unwrap();
        drop(client);
        doubled
    };
    let (doubled, _ended) = tokio::join!(calls, driver);
    assert_eq!(doubled, 42);
}

/// What the system trusts is read once per process, from where its environment says: so this runs in one of its own.
#[tokio::test]
async fn a_client_trusts_what_the_system_trusts() {
    let server = Running::secure(Identity::development(["localhost"]).unwrap()).await;
    let roots = std::env::temp_dir().join(format!("hardlight-roots-{}.pem", server.addr.port()));
    fs::write(&roots, server.certificate.as_ref().unwrap().pem()).unwrap();
    let connects = |roots: std::path::PathBuf| {
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        child.env("HARDLIGHT_TEST_URL", &server.url).env("SSL_CERT_FILE", roots);
        child.args(["--exact", "connect::connect_with_system_roots", "--ignored"]);
        async move { child.output().await.unwrap() }
    };
    let output = connects(roots.clone()).await;
    assert!(output.status.success(), "{output:?}");
    fs::write(&roots, Identity::development(["localhost"]).unwrap().certificate_pem()).unwrap();
    let output = connects(roots.clone()).await;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("InvalidCertificate"), "{said}");
    fs::remove_file(roots).unwrap();
}

#[tokio::test]
#[ignore = "a part of a_client_trusts_what_the_system_trusts, which runs it"]
async fn connect_with_system_roots() {
    let url = std::env::var("HARDLIGHT_TEST_URL").unwrap();
    let client: Client = hardlight_tokio::connect(&url).await.unwrap();
    assert_eq!(client.double(21).await.unwrap(), 42);
}
