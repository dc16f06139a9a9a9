//! What the factory and the handlers see of a client, and what the factory tells it.

use std::{sync::Arc, time::Duration};

use hardlight::{
    ClientOptions, ConnectError, HeaderError, Request, Response, Server, ServerOptions,
    connect_plain, connect_plain_with,
    cookie::{Cookie, CookieJar},
    http::{self, HeaderName, HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::handshake::server::{Request as RawRequest, Response as RawResponse},
};

use crate::house::{CLOSE, House, Who, upgrade, who};

#[tokio::test]
async fn the_factory_and_the_handler_see_what_the_client_sent() {
    let house = House::open().await;
    let options = ClientOptions::new()
        .header(HeaderName::from_static("x-tenant"), HeaderValue::from_static("7"))
        .cookie(("session", "abc"))
        .cookie(("theme", "dark"))
        .token("t0ken")
        .subprotocol("chat.v2");
    let url = format!("{}/rooms/7?as=guest", house.url);
    let client: who::Client = connect_plain_with(&url, options).await.unwrap();
    let request = house.last();
    assert_eq!((request.path(), request.query()), ("/rooms/7", Some("as=guest")));
    assert_eq!(request.headers()["x-tenant"], "7");
    assert_eq!(request.cookie("theme").unwrap().value(), "dark");
    assert_eq!(request.cookies().count(), 2);
    assert_eq!(request.bearer_token().as_deref(), Some("t0ken"));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["hl.1", "chat.v2"]);
    assert!(request.peer_addr().unwrap().ip().is_loopback());
    assert!(request.origin().is_none() && request.tls().is_none());
    assert_eq!(client.session().await.unwrap().as_deref(), Some("abc"));
}

#[tokio::test]
async fn a_test_gives_a_handler_the_request_that_it_looks_at() {
    let request = http::Request::get("/").header("Cookie", "session=abc").body(()).unwrap();
    let connection = who::Connection::detached_with(Request::new(request, None, None));
    assert_eq!(who::Handler::new(connection).session().await.as_deref(), Some("abc"));
    assert_eq!(who::Handler::new(who::Connection::detached()).session().await, None);
}

#[tokio::test]
async fn cookies_that_are_malformed_or_forged_do_no_harm() {
    let house = House::open().await;
    let junk = "Cookie: =x; ;;; nothing; session; a=\u{e9}; session=abc; session=forged; b=\"";
    let answer = house.answer(&[junk, "Cookie: "]).await;
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    assert_eq!(house.last().cookie("session").unwrap().value(), "abc");
    assert_eq!(house.last().cookie("").map(|cookie| cookie.to_string()), None);
}

#[tokio::test]
async fn a_browsers_token_reaches_the_factory_and_is_echoed_nowhere() {
    let house = House::open().await;
    let entry = "Sec-WebSocket-Protocol: hl.token.c2VjcmV0";
    let answer = String::from_utf8_lossy(&house.answer(&[entry]).await).into_owned();
    assert!(answer.contains("sec-websocket-protocol: hl.1\r\n"), "{answer}");
    assert!(!answer.contains("c2VjcmV0") && !answer.contains("secret"), "{answer}");
    let request = house.last();
    assert_eq!(request.bearer_token().as_deref(), Some("secret"));
    let shown = format!("{request:?} {:?}", request.headers());
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn cookies_that_the_factory_sets_come_back_with_the_next_connection() {
    let house = House::plain(ServerOptions::new(), |request| {
        let session = Cookie::build(("session", "new")).path("/").http_only(true);
        if request.cookie("session").is_none() {
            request.response().set_cookie(&session.build())?;
        }
        let name = HeaderName::from_static("x-region");
        Ok(request.response().append(name, HeaderValue::from_static("north"))?)
    });
    let house = house.await;
    let mut jar = CookieJar::new();
    let client: who::Client =
        connect_plain_with(&house.url, ClientOptions::new().cookies(&jar)).await.unwrap();
    assert_eq!(client.session().await.unwrap(), None);
    let response: Arc<Response> = client.response().unwrap();
    assert_eq!(response.headers()["x-region"], "north");
    let set = response.cookies().next().unwrap();
    assert_eq!((set.value(), set.path(), set.http_only()), ("new", Some("/"), Some(true)));
    response.store(&mut jar);

    let client: who::Client =
        connect_plain_with(&house.url, ClientOptions::new().cookies(&jar)).await.unwrap();
    assert_eq!(client.session().await.unwrap().as_deref(), Some("new"));
    assert_eq!(client.response::<Response>().unwrap().cookies().count(), 0);
}

#[tokio::test]
async fn a_header_of_the_handshake_cannot_be_set_and_the_client_is_not_told() {
    let house = House::plain(ServerOptions::new(), |request| {
        let value = HeaderValue::from_static("hl.2");
        Ok(request.response().append(SEC_WEBSOCKET_PROTOCOL, value)?)
    });
    let house = house.await;
    let error = connect_plain_with::<who::Client>(&house.url, ClientOptions::new()).await;
    match error.unwrap_err() {
        ConnectError::Refused { status, reason, .. } => {
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(reason, "internal error");
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_the_handshake_refuses_by_itself_does_not_reach_the_factory() {
    let house = House::open().await;
    let own = format!("Origin: http://{}", house.addr);
    for (header, status) in [
        ("Sec-WebSocket-Key: again", "400"),
        ("Content-Length: 1", "400"),
        ("Host: other.example", "400"),
        ("no header", "400"),
        (&format!("X: {}", "x".repeat(20_000)), "431"),
    ] {
        // By status also for a page: it is not known whether the client speaks WebSocket.
        let answer = String::from_utf8(house.answer(&[&own, header]).await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{header:.40}: {answer}");
    }
    assert_eq!(house.made(), 0);
}

#[tokio::test]
async fn what_is_added_behind_the_response_is_refused() {
    let house = House::open().await;
    let _client: who::Client = connect_plain_with(&house.url, ClientOptions::new()).await.unwrap();
    let late = house.last().response().set_cookie(&Cookie::new("a", "1"));
    assert_eq!(late, Err(HeaderError::Sent));
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_takes_too_long_is_dropped_and_its_client_told() {
    let options = ServerOptions::new().handshake_timeout(Duration::from_secs(3));
    let Gated { url, begun, dropped, .. } = gated(options).await;
    let options = ClientOptions::new().connect_timeout(Duration::from_secs(60));
    let error = connect_plain_with::<who::Client>(&url, options).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused { status, .. } if *status == 503), "{error}");
    assert!(error.is_retryable());
    begun.acquire().await.unwrap().forget();
    dropped.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn the_factory_of_a_client_that_has_gone_is_dropped() {
    let options = ServerOptions::new().handshake_timeout(Duration::from_secs(3600));
    let Gated { url, begun, dropped, .. } = gated(options).await;
    let connecting = tokio::spawn(async move { connect_plain::<who::Client>(&url).await });
    begun.acquire().await.unwrap().forget();
    connecting.abort();
    dropped.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn what_a_client_sends_while_the_factory_runs_is_not_lost() {
    let Gated { url, begun, gate, .. } = gated(ServerOptions::new()).await;
    let addr = url.strip_prefix("ws://").unwrap();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(upgrade(addr, &[]).as_bytes()).await.unwrap();
    begun.acquire().await.unwrap().forget();
    stream.write_all(&CLOSE[..3]).await.unwrap();
    gate.add_permits(1);
    stream.write_all(&CLOSE[3..]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    // The same code comes back.
    assert!(answer.ends_with(&[0x88, 2, 0x03, 0xe8]), "{:x?}", &answer[answer.len() - 8..]);
}

/// A server whose factory waits.
struct Gated {
    url: String,
    begun: Arc<Semaphore>,
    gate: Arc<Semaphore>,
    dropped: Arc<Semaphore>,
}

async fn gated(options: ServerOptions) -> Gated {
    let [begun, gate, dropped] = [(); 3].map(|()| Arc::new(Semaphore::new(0)));
    let of_factory = (Arc::clone(&begun), Arc::clone(&gate), Arc::clone(&dropped));
    let server =
        Server::bind_plain("127.0.0.1:0", move |connection: who::Connection, _: Request| {
            let (begun, gate, dropped) = of_factory.clone();
            async move {
                let _dropped = Dropped(dropped);
                begun.add_permits(1);
                gate.acquire().await.expect("it is not closed").forget();
                Ok(who::Handler::new(connection))
            }
        });
    let server = server.await.unwrap().with_options(options);
    let url = server.url("127.0.0.1");
    tokio::spawn(server.run());
    Gated { url, begun, gate, dropped }
}

struct Dropped(Arc<Semaphore>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[tokio::test]
async fn a_server_that_selects_what_was_offered_besides_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
        let select = |_: &RawRequest, mut response: RawResponse| {
            let token = HeaderValue::from_static("hl.token.c2VjcmV0");
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, token);
            Ok(response)
        };
        let _socket = accept_hdr_async(stream, select).await.unwrap();
    });
    let options = ClientOptions::new().subprotocol("hl.token.c2VjcmV0");
    let error = connect_plain_with::<who::Client>(&url, options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Subprotocol(_)), "{error}");
    assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
}
