//! Refusals of the factory: by status, or in band where a browser could not read one.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hardlight::{
    ClientOptions, CloseCode, ConnectError, Refusal, RefuseInBand, Request, Response,
    ServerOptions, connect_plain_with,
    cookie::Cookie,
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::house::{House, who};

/// Refuses as the path says.
fn decide(request: &Request) -> Result<(), Refusal> {
    let mut session = Cookie::new("session", "");
    session.make_removal();
    Err(match request.path() {
        "/login" => Refusal::unauthorized()
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))?
            .with_cookie(&session)?,
        "/secret" => Refusal::forbidden(),
        "/busy" => Refusal::unavailable().with_retry_after(Duration::from_secs(7)),
        "/long" => Refusal::new(StatusCode::GONE, "x".repeat(2000)),
        _ => Refusal::not_found(),
    })
}

async fn house(in_band: RefuseInBand) -> House {
    House::plain(ServerOptions::new().refuse_in_band(in_band), decide).await
}

/// The options of a web page of the house, and of a client that is none.
fn page_and_other(house: &House) -> [ClientOptions; 2] {
    let own = house.url.replace("ws://", "http://");
    [ClientOptions::new().origin(own), ClientOptions::new()]
}

async fn refused(house: &House, path: &str, options: ClientOptions) -> ConnectError {
    let url = format!("{}{path}", house.url);
    connect_plain_with::<who::Client>(&url, options).await.expect_err("it should be refused")
}

fn parts(error: &ConnectError) -> (u16, &str, Option<CloseCode>, &Response) {
    match error {
        ConnectError::Refused { status, reason, close_code, response } => {
            (status.as_u16(), reason, *close_code, response)
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_page_and_another_client_get_the_same_error() {
    let house = house(RefuseInBand::WithOrigin).await;
    for (path, status, expected) in [
        ("/login", 401, "unauthorized"),
        ("/secret", 403, "forbidden"),
        ("/nowhere", 404, "not found"),
        ("/busy", 503, "unavailable"),
    ] {
        let [page, other] = page_and_other(&house);
        let (page, other) = (refused(&house, path, page).await, refused(&house, path, other).await);
        assert_eq!(page.to_string(), other.to_string());
        for (error, code) in [(page, Some(CloseCode(4000 + status))), (other, None)] {
            let (told, reason, close_code, _) = parts(&error);
            assert_eq!((told, reason, close_code), (status, expected, code));
            assert_eq!(error.is_retryable(), status == 503, "{error}");
            let wait = (status == 503).then_some(Duration::from_secs(7));
            assert_eq!(error.retry_after(), wait);
        }
    }
}

#[tokio::test]
async fn a_refusal_has_headers_and_cookies_both_ways() {
    let house = house(RefuseInBand::WithOrigin).await;
    for options in page_and_other(&house) {
        let error = refused(&house, "/login", options.cookie(("session", "stale"))).await;
        let (.., response) = parts(&error);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        let deleted = response.cookies().next().unwrap();
        assert_eq!((deleted.name(), deleted.value()), ("session", ""));
        assert!(deleted.max_age().unwrap().is_zero());
    }
}

#[tokio::test]
async fn the_server_chooses() {
    for (in_band, expected) in [(RefuseInBand::Always, true), (RefuseInBand::Never, false)] {
        let house = house(in_band).await;
        for options in page_and_other(&house) {
            let error = refused(&house, "/secret", options).await;
            assert_eq!(parts(&error).2.is_some(), expected, "{in_band:?}");
        }
    }
}

#[tokio::test]
async fn a_long_text_is_cut_to_what_a_close_holds() {
    let house = house(RefuseInBand::Always).await;
    let error = refused(&house, "/long", ClientOptions::new()).await;
    assert_eq!(parts(&error).1.len(), 123);
}

/// As a browser sees it: a WebSocket that opens, and closes cleanly with a code and a reason.
#[tokio::test]
async fn any_websocket_client_sees_a_clean_close() {
    let house = house(RefuseInBand::Always).await;
    let mut request = format!("{}/login", house.url).into_client_request().unwrap();
    let offered = HeaderValue::from_static("hl.1");
    request.headers_mut().insert("sec-websocket-protocol", offered);
    let stream = TcpStream::connect(house.addr).await.unwrap();
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    match socket.next().await {
        Some(Ok(Message::Close(Some(frame)))) => {
            assert_eq!((u16::from(frame.code), &*frame.reason), (4401, "unauthorized"));
        }
        other => panic!("{other:?}"),
    }
    // The answer to the Close, and then the server's hanging up: no error in between.
    socket.flush().await.unwrap();
    assert!(socket.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_neither_answers_nor_hangs_up_is_left() {
    let house = house(RefuseInBand::Always).await;
    let mut stream = house.send(&[], b"").await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101") && answer.ends_with(b"not found"));
    // The clock is paused: it jumps to the timeout once everybody waits, and then writing fails.
    while stream.write_all(b"still here").await.is_ok() {
        tokio::task::yield_now().await;
    }
}
