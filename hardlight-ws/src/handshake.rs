//! The server's side of the HTTP upgrade (RFC 6455, section 4.2), without I/O: bytes in, a request or a refusal out.

use std::net::SocketAddr;

use hardlight_proto::SUBPROTOCOL;
use http::{
    HeaderMap, HeaderValue, StatusCode, Uri,
    header::{CONTENT_LENGTH, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING},
};
use tungstenite::{
    error::{CapacityError, Error, ProtocolError},
    handshake::{
        machine::TryParse,
        server::{Request as HttpRequest, Response, create_response, write_response},
    },
};

use crate::{Refusal, Request};

/// What an entry of `Sec-WebSocket-Protocol` begins with if it is a bearer token: no choice of protocol, and secret.
pub(crate) const TOKEN_PREFIX: &str = "hl.token.";

/// What a 426 must say (RFC 9110, section 15.5.22, and RFC 6455, section 4.2.2).
const UPGRADE: &[(&str, &str)] = &[("connection", "upgrade"), ("upgrade", "websocket")];
const UPGRADE_TO_VERSION_13: &[(&str, &str)] =
    &[("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];

/// Reads the head of one HTTP request.
///
/// Feed it what arrives with [`handle_input`](Self::handle_input) until that gives an [`Upgrade`] or a [`Refusal`].
/// Holds at most the limit it was made with.
#[derive(Debug)]
pub struct Handshake {
    head: Vec<u8>,
    max_head_bytes: usize,
    /// The length at which an incomplete head is parsed again, so that errors are found early at a cost that stays
    /// linear however small the pieces are.
    parse_at: usize,
    peer: Option<SocketAddr>,
}

impl Handshake {
    /// A handshake with the client at `peer`, whose request line and headers may take `max_head_bytes`.
    pub const fn new(max_head_bytes: usize, peer: Option<SocketAddr>) -> Self {
        Self { head: Vec::new(), max_head_bytes, parse_at: 0, peer }
    }

    /// Takes the next bytes of the client; `None` means that more are needed.
    ///
    /// # Errors
    ///
    /// The response to send, if this request cannot become a HardLight connection. Nothing may be fed after that.
    pub fn handle_input(&mut self, input: &[u8]) -> Result<Option<Upgrade>, Refusal> {
        let fits = input.len().min(self.max_head_bytes - self.head.len());
        let seen = self.head.len();
        self.head.extend_from_slice(&input[..fits]);
        if (ends_head(&self.head, seen) || self.head.len() >= self.parse_at)
            && let Some((length, request)) = HttpRequest::try_parse(&self.head).map_err(refuse)?
        {
            let mut rest = self.head.split_off(length);
            rest.extend_from_slice(&input[fits..]);
            return Upgrade::new(request, rest, self.peer).map(Some);
        }
        if self.head.len() == self.max_head_bytes {
            return Err(too_large(self.max_head_bytes));
        }
        self.parse_at = self.head.len() * 2;
        Ok(None)
    }
}

/// A request that may become a connection: refuse it with a [`Refusal`], or send the response of its [`Accept`] and speak
/// WebSocket from then on.
#[derive(Debug)]
pub struct Upgrade {
    response: Vec<u8>,
    rest: Vec<u8>,
    request: Request,
}

impl Upgrade {
    /// What the client asks for.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Takes it apart: the request for the application, and what accepts it.
    pub fn into_parts(self) -> (Request, Accept) {
        (self.request, Accept { response: self.response, rest: self.rest })
    }

    fn new(http: HttpRequest, rest: Vec<u8>, peer: Option<SocketAddr>) -> Result<Self, Refusal> {
        check_target(http.uri())?;
        check_framing(http.headers())?;
        let mut response = create_response(&http).map_err(refuse)?;
        let request = Request::new(http, peer);
        if !request.subprotocols().any(|offered| offered == SUBPROTOCOL) {
            return Err(no_common_subprotocol(&request));
        }
        let selected = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, selected);
        Ok(Self { response: response_bytes(&response), rest, request })
    }
}

/// What turns an HTTP request into a WebSocket.
#[derive(Debug)]
pub struct Accept {
    /// The `101 Switching Protocols` response, to be written whole.
    pub response: Vec<u8>,
    /// What the client sent behind its request: the first bytes of the WebSocket.
    pub rest: Vec<u8>,
}

/// Whether an empty line ends within `head[seen..]`. Only says when to parse: the parser decides.
fn ends_head(head: &[u8], seen: usize) -> bool {
    let from = seen.saturating_sub(2);
    head[from..].windows(2).any(|pair| pair == b"\n\n")
        || head[from..].windows(3).any(|triple| triple == b"\n\r\n")
}

/// Only the usual form of a target, a path, is read the same by everybody on the way (RFC 9112, section 3.2).
fn check_target(target: &Uri) -> Result<(), Refusal> {
    if target.authority().is_some() || !target.path().starts_with('/') {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "the request's target must be a path\n"));
    }
    Ok(())
}

/// What a request may not have, since a proxy might see its end elsewhere than this server does.
fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.get_all(HOST).iter().count() != 1 {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "exactly one Host header is required\n"));
    }
    if headers.get_all(SEC_WEBSOCKET_KEY).iter().count() > 1 {
        let why = "one Sec-WebSocket-Key header is enough\n";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, why));
    }
    let empty = headers.get_all(CONTENT_LENGTH).iter().all(|length| length == "0");
    if !empty || headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a WebSocket request has no body\n"));
    }
    Ok(())
}

fn response_bytes(response: &Response) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(192);
    write_response(&mut bytes, response)
        .expect("a Vec takes every write, and a 101 has ASCII headers only");
    bytes
}

fn refuse(error: Error) -> Refusal {
    match error {
        Error::Protocol(
            ProtocolError::WrongHttpMethod
            | ProtocolError::WrongHttpVersion
            | ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader,
        ) => Refusal::new(
            StatusCode::UPGRADE_REQUIRED,
            format!(
                "This server speaks the WebSocket subprotocol {SUBPROTOCOL} (HardLight) only: \
                 a GET request over HTTP/1.1 with 'Upgrade: websocket' is required.\n"
            ),
        )
        .with_headers(UPGRADE),
        Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => Refusal::new(
            StatusCode::UPGRADE_REQUIRED,
            "This server speaks version 13 of the WebSocket protocol.\n",
        )
        .with_headers(UPGRADE_TO_VERSION_13),
        Error::Capacity(CapacityError::TooManyHeaders) => {
            Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers\n")
        }
        // What these say is made of constants: nothing that the client sent is echoed.
        Error::Protocol(error) => Refusal::new(StatusCode::BAD_REQUEST, format!("{error}\n")),
        _ => Refusal::new(StatusCode::BAD_REQUEST, "malformed HTTP request\n"),
    }
}

fn too_large(max_head_bytes: usize) -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        format!("the head of the request is larger than max_head_bytes ({max_head_bytes})\n"),
    )
}

fn no_common_subprotocol(request: &Request) -> Refusal {
    let offered: Vec<_> =
        request.subprotocols().filter(|offered| !offered.starts_with(TOKEN_PREFIX)).collect();
    let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
    Refusal::new(
        StatusCode::BAD_REQUEST,
        format!("no common subprotocol: offered {offered}; this server speaks {SUBPROTOCOL}\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
        Handshake::new(16 * 1024, None).handle_input(input)
    }

    fn refused(input: &[u8]) -> Refusal {
        read(input).expect_err("it should be refused")
    }

    #[test]
    fn a_good_request_is_accepted_and_what_follows_it_is_kept() {
        let mut input = good("chat, hl.1");
        input.extend_from_slice(b"\x82\x00");
        let upgrade = read(&input).unwrap().unwrap();
        let (request, accept) = upgrade.into_parts();
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
            let mut handshake = Handshake::new(16 * 1024, None);
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
        assert!(!String::from_utf8(accepted.response).unwrap().contains("c2VjcmV0"));
        let refusal = refused(&good("hl.2, hl.token.c2VjcmV0"));
        assert!(!refusal.body().contains("c2VjcmV0"), "{refusal}");
    }

    #[test]
    fn another_subprotocol_is_refused_by_name() {
        let refusal = refused(&good("hl.2, chat"));
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        assert_eq!(
            refusal.body(),
            "no common subprotocol: offered hl.2, chat; this server speaks hl.1\n"
        );
        assert!(refused(&good("")).body().contains("offered none"));
        assert!(refused(&good("HL.1")).body().contains("offered HL.1"));
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
        let mut exact = Handshake::new(input.len(), None);
        assert!(exact.handle_input(&input).unwrap().is_some());

        let mut short = Handshake::new(input.len() - 1, None);
        let refusal = short.handle_input(&input).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert!(refusal.body().contains("max_head_bytes"), "{refusal}");
        assert!(short.head.len() < input.len());
    }

    #[test]
    fn too_many_headers_are_refused() {
        let refusal = refused(&head(&["a: b"; 200]));
        assert_eq!(refusal.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
}
