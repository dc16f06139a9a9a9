use cookie::Cookie;
use http::HeaderName;

use super::*;
use crate::{HeaderError, OriginPolicy};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn head(lines: &[&str]) -> Vec<u8> {
    let mut head = "GET /rooms/7?as=guest HTTP/1.1\r\nHost: example.com\r\n".to_owned();
    for line in lines {
        head += line;
        head += "\r\n";
    }
    (head + "\r\n").into_bytes()
}

fn good(subprotocols: &str) -> Vec<u8> {
    head(&[
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        &format!("Sec-WebSocket-Key: {KEY}"),
        &format!("Sec-WebSocket-Protocol: {subprotocols}"),
    ])
}

fn read(input: &[u8]) -> Result<Option<Upgrade>, Refusal> {
    Handshake::new(&ServerOptions::new(), None, None).handle_input(input)
}

fn refused(input: &[u8]) -> Refusal {
    read(input).expect_err("it should be refused")
}

#[test]
fn a_good_request_is_accepted_and_what_follows_it_is_kept() {
    let mut input = good("chat, hl.1");
    input.extend_from_slice(b"\x82\x00");
    let upgrade = read(&input).unwrap().unwrap();
    let request = upgrade.request().clone();
    let accept = upgrade.accept();
    assert_eq!((request.path(), request.query()), ("/rooms/7", Some("as=guest")));
    assert_eq!(accept.rest, b"\x82\x00");
    let response = String::from_utf8(accept.response).unwrap();
    assert!(response.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{response}");
    // The example of RFC 6455, section 1.3.
    assert!(
        response.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{response}"
    );
    assert!(response.contains("sec-websocket-protocol: hl.1\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "{response}");
}

#[test]
fn a_request_may_arrive_in_any_pieces() {
    let input = good("hl.1");
    for size in 1..input.len() {
        let options = ServerOptions::new();
        let mut handshake = Handshake::new(&options, None, None);
        let mut pieces = input.chunks(size).peekable();
        while let Some(piece) = pieces.next() {
            let upgrade = handshake.handle_input(piece).unwrap();
            assert_eq!(upgrade.is_some(), pieces.peek().is_none(), "pieces of {size}");
        }
    }
}

#[test]
fn a_token_is_never_echoed() {
    let accepted = read(&good("hl.1, hl.token.c2VjcmV0")).unwrap().unwrap();
    assert!(!format!("{:?}", accepted.request()).contains("c2VjcmV0"));
    assert!(!String::from_utf8(accepted.accept().response).unwrap().contains("c2VjcmV0"));
    let refusal = refused(&good("hl.2, hl.token.c2VjcmV0"));
    assert!(!refusal.body().contains("c2VjcmV0"), "{refusal}");
}

#[test]
fn another_subprotocol_is_refused_by_the_name_of_the_right_one_and_never_echoed() {
    let other = "no common subprotocol: this server speaks hl.1\n";
    let none = "no subprotocol was offered: this server speaks hl.1\n";
    for (offered, body) in [
        ("hl.2, chat", other),
        ("HL.1", other),
        ("HL.TOKEN.c2VjcmV0", other),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", other),
        ("", none),
        ("hl.token.c2VjcmV0", none),
    ] {
        let refusal = refused(&good(offered));
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        assert_eq!(refusal.body(), body, "{offered}");
    }
}

#[test]
fn subprotocols_may_be_spread_over_headers() {
    let input = String::from_utf8(good("chat")).unwrap();
    let input = input.trim_end().to_owned() + "\r\nsec-websocket-protocol: x,hl.1\r\n\r\n";
    assert!(read(input.as_bytes()).unwrap().is_some());
}

#[test]
fn what_is_no_websocket_request_is_told_to_upgrade() {
    let post = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    let old = b"GET / HTTP/1.0\r\nHost: a\r\n\r\n".to_vec();
    let h2c = head(&["Connection: upgrade", "Upgrade: h2c"]);
    for input in [head(&[]), post, old, h2c] {
        let refusal = refused(&input);
        assert_eq!(refusal.status(), StatusCode::UPGRADE_REQUIRED);
        assert!(refusal.body().contains("hl.1"), "{refusal}");
        let response = String::from_utf8(refusal.response()).unwrap();
        assert!(response.contains("\r\nupgrade: websocket\r\n"), "{response}");
        assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
    }
}

#[test]
fn another_websocket_version_is_told_which_one_is_spoken() {
    let input = String::from_utf8(good("hl.1")).unwrap().replace("Version: 13", "Version: 8");
    let refusal = refused(input.as_bytes());
    assert_eq!(refusal.status(), StatusCode::UPGRADE_REQUIRED);
    let response = String::from_utf8(refusal.response()).unwrap();
    assert!(response.contains("\r\nsec-websocket-version: 13\r\n"), "{response}");
}

#[test]
fn bad_requests_are_refused() {
    let good = String::from_utf8(good("hl.1")).unwrap();
    let bad = [
        "\x16\x03\x01\x02\x00\x01".to_owned(),
        "hello\r\n\r\n".to_owned(),
        good.replace(KEY, "short"),
        good.replace("Sec-WebSocket-Key", "X-Key"),
        good.replace("Host", "X-Host"),
        good.replace("Host: example.com", "Host: example.com\r\nHost: other"),
        good.replace("Host: example.com", "Host: example.com\r\nContent-Length: 5"),
        good.replace("Host: example.com", "Host: example.com\r\nTransfer-Encoding: chunked"),
        good.replace("/rooms", "rooms\\\\"),
        good.replace("GET /rooms/7", "GET http://elsewhere/rooms/7"),
        good.replace("GET /rooms/7?as=guest", "GET *"),
        good.replace("GET /rooms/7?as=guest", "GET elsewhere:80"),
        good.replace(
            "Host: example.com",
            &format!("Host: example.com\r\nSec-WebSocket-Key: {KEY}"),
        ),
    ];
    for input in bad {
        assert_eq!(refused(input.as_bytes()).status(), StatusCode::BAD_REQUEST, "{input}");
    }
}

#[test]
fn a_head_beyond_the_limit_is_refused_and_never_held() {
    let input = good("hl.1");
    let options = ServerOptions::new().max_head_bytes(input.len());
    let mut exact = Handshake::new(&options, None, None);
    assert!(exact.handle_input(&input).unwrap().is_some());

    let options = ServerOptions::new().max_head_bytes(input.len() - 1);
    let mut short = Handshake::new(&options, None, None);
    let refusal = short.handle_input(&input).unwrap_err();
    assert_eq!(refusal.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert!(refusal.body().contains("max_head_bytes"), "{refusal}");
    assert!(short.head.len() < input.len());
}

#[test]
fn one_empty_line_before_the_request_is_passed_over_and_more_end_it_at_once() {
    for line in ["\r\n", "\n"] {
        let input = [line.as_bytes(), &good("hl.1")].concat();
        assert!(read(&input).unwrap().is_some(), "{line:?}");
        for size in 1..4 {
            let options = ServerOptions::new();
            let mut handshake = Handshake::new(&options, None, None);
            let empty = line.repeat(100);
            let mut pieces = empty.as_bytes().chunks(size);
            let refusal = pieces.find_map(|piece| handshake.handle_input(piece).err());
            let refusal = refusal.expect("it should be refused");
            assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
            assert!(handshake.head.len() <= 4, "{line:?} by {size}: {}", handshake.head.len());
        }
    }
}

#[test]
fn too_many_headers_are_refused() {
    let refusal = refused(&head(&["a: b"; 200]));
    assert_eq!(refusal.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

fn with(lines: &[&str]) -> Vec<u8> {
    let good = String::from_utf8(good("hl.1")).unwrap();
    let added: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    (good.strip_suffix("\r\n").unwrap().to_owned() + &added + "\r\n").into_bytes()
}

#[test]
fn a_page_of_another_origin_gets_a_status_and_no_websocket() {
    for in_band in [RefuseInBand::WithOrigin, RefuseInBand::Always, RefuseInBand::Never] {
        let options = ServerOptions::new().refuse_in_band(in_band);
        let mut handshake = Handshake::new(&options, None, None);
        let input = with(&["Origin: https://evil.example"]);
        let refusal = handshake.handle_input(&input).expect_err("it should be refused");
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
        assert_eq!(refusal.body(), "this origin is not allowed\n");
    }
}

#[test]
fn pages_that_are_allowed_and_clients_without_a_page_pass() {
    let origins = OriginPolicy::same_origin().allow("https://*.pages.example").unwrap();
    let options = ServerOptions::new().origins(origins);
    for lines in [
        &[][..],
        &["Origin: https://example.com"],
        &["origin: http://EXAMPLE.com"],
        &["Origin: https://a.pages.example"],
    ] {
        let mut handshake = Handshake::new(&options, None, None);
        assert!(handshake.handle_input(&with(lines)).unwrap().is_some(), "{lines:?}");
    }
}

#[test]
fn two_origins_and_null_are_refused() {
    for lines in [
        &["Origin: https://example.com", "Origin: https://example.com"][..],
        &["Origin: null"],
        &["Origin:"],
        &["Origin: \u{e9}"],
    ] {
        let refusal = refused(&with(lines));
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN, "{lines:?}");
    }
}

#[test]
fn what_the_factory_adds_is_in_the_response_behind_what_belongs_to_it() {
    let upgrade = read(&good("hl.1")).unwrap().unwrap();
    let request = upgrade.request().clone();
    for value in ["1", "2"] {
        let name = HeaderName::from_static("x-many");
        request.response().append(name, HeaderValue::from_static(value)).unwrap();
    }
    let cookie = Cookie::build(("__Host-session", "abc")).path("/").secure(true).http_only(true);
    request.response().set_cookie(&cookie.build()).unwrap();
    let response = String::from_utf8(upgrade.accept().response).unwrap();
    for line in [
        "sec-websocket-protocol: hl.1\r\n",
        "x-many: 1\r\nx-many: 2\r\n",
        "set-cookie: __Host-session=abc; HttpOnly; Secure; Path=/\r\n",
    ] {
        assert!(response.contains(line), "{response}");
    }
    assert_eq!(request.response().set_cookie(&Cookie::new("a", "1")), Err(HeaderError::Sent));
}

#[test]
fn a_refusal_is_in_band_where_the_request_has_an_origin_unless_the_server_chooses() {
    let page = ["Origin: https://example.com"];
    for (lines, in_band, expected) in [
        (&page[..], RefuseInBand::WithOrigin, true),
        (&[], RefuseInBand::WithOrigin, false),
        (&[], RefuseInBand::Always, true),
        (&page, RefuseInBand::Never, false),
    ] {
        let upgrade = read(&with(lines)).unwrap().unwrap();
        let answer = upgrade.refuse(&Refusal::not_found(), in_band);
        let status = if expected { &b"HTTP/1.1 101"[..] } else { b"HTTP/1.1 404" };
        assert!(answer.starts_with(status), "{lines:?} {in_band:?}");
    }
}

#[test]
fn a_refusal_in_band_is_the_response_with_its_headers_and_a_close() {
    let upgrade = read(&with(&["Origin: https://example.com"])).unwrap().unwrap();
    let request = upgrade.request().clone();
    request.response().set_cookie(&Cookie::new("of", "the-factory")).unwrap();
    let mut gone = Cookie::new("session", "");
    gone.make_removal();
    let refusal = Refusal::unauthorized().with_cookie(&gone).unwrap();
    let answer = upgrade.refuse(&refusal, RefuseInBand::WithOrigin);
    // A Close frame of a server, 4401 and the first line of the text.
    let frame = [&[0x88, 14][..], &4401_u16.to_be_bytes(), b"unauthorized"].concat();
    let head = answer.strip_suffix(&*frame).expect("it ends with a Close");
    let head = str::from_utf8(head).unwrap();
    assert!(
        head.ends_with("\r\n\r\n") && head.contains("set-cookie: session=; Max-Age=0"),
        "{head}"
    );
    assert!(!head.contains("the-factory"), "{head}");
    assert_eq!(request.response().set_cookie(&gone), Err(HeaderError::Sent));
}

#[test]
fn a_request_that_an_http_server_has_read_follows_the_same_rules() {
    let request = |version| {
        http::Request::get("/rooms/7")
            .version(version)
            .header("host", "example.com")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", KEY)
            .header("sec-websocket-protocol", "hl.1")
    };
    let read = |request: http::request::Builder| {
        Upgrade::new(request.body(()).unwrap(), &ServerOptions::new(), None)
    };
    let upgrade = read(request(Version::HTTP_11)).unwrap();
    let (response, rest) = upgrade.accept_response();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(rest.is_empty());
    for version in [Version::HTTP_2, Version::HTTP_3] {
        let refusal = read(request(version)).expect_err("it should be refused");
        assert_eq!(refusal.status(), StatusCode::HTTP_VERSION_NOT_SUPPORTED);
        assert!(refusal.body().contains("HTTP/1.1"), "{refusal}");
    }
    let foreign = request(Version::HTTP_11).header("origin", "https://elsewhere.example");
    assert_eq!(read(foreign).expect_err("it should be refused").status(), StatusCode::FORBIDDEN);
}

#[test]
fn an_http_server_is_given_a_refusal_in_band_as_a_response_and_a_frame() {
    let upgrade = || read(&good("hl.1")).unwrap().unwrap();
    let refusal = Refusal::not_found();
    match upgrade().refuse_response(&refusal, RefuseInBand::Never) {
        RefusedUpgrade::Status(response) => {
            assert_eq!(
                (response.status(), &**response.body()),
                (StatusCode::NOT_FOUND, "not found\n")
            );
        }
        other => panic!("{other:?}"),
    }
    match upgrade().refuse_response(&refusal, RefuseInBand::Always) {
        RefusedUpgrade::InBand { response, close } => {
            assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
            assert_eq!(close, [&b"\x88\x0b\x11\x34"[..], b"not found"].concat());
        }
        other => panic!("{other:?}"),
    }
}
