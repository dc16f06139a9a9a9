//! A way through a proxy: HTTP's `CONNECT` (RFC 9110, section 9.3.6), and what it is answered with.

use std::io;

use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::PROXY_AUTHORIZATION};
use httparse::{EMPTY_HEADER, Status};

use crate::{
    ProxyError, Response, Target, handshake::ends_head, proxy::Endpoint, target::authority,
};

/// The most that a proxy's answer may take, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The most headers that it may have.
const MAX_HEADERS: usize = 64;

/// Has the proxy that `stream` leads to connect it with `target`. Afterwards what is written goes there, and nothing of what
/// comes from there was read.
pub(crate) async fn open(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    proxy: &Endpoint,
    target: &Target,
) -> Result<(), ProxyError> {
    stream.write_all(&request(proxy, target)).await?;
    stream.flush().await?;
    let (mut answer, mut input) = (Answer::default(), [0; 1024]);
    loop {
        let length = stream.read(&mut input).await?;
        if length == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if answer.handle_input(&input[..length])? {
            return Ok(());
        }
    }
}

fn request(proxy: &Endpoint, target: &Target) -> Vec<u8> {
    let server = authority(target.host(), target.port());
    let mut request = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(PROXY_AUTHORIZATION.as_str().as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// What has arrived of the answer.
#[derive(Default)]
struct Answer(Vec<u8>);

impl Answer {
    /// Takes the next bytes. Whether the way is open; more are needed until it is.
    fn handle_input(&mut self, input: &[u8]) -> Result<bool, ProxyError> {
        let seen = self.0.len();
        let fits = input.len().min(MAX_HEAD_BYTES - seen);
        self.0.extend_from_slice(&input[..fits]);
        // Whatever else listens there is found out at once, and not when it hangs up.
        if !self.0.iter().zip(b"HTTP/1.").all(|(sent, expected)| sent == expected) {
            return Err(ProxyError::Malformed);
        }
        if ends_head(&self.0, seen) {
            let length = check(&self.0)?;
            // A server says nothing before its client does.
            let is_all = length == self.0.len() && fits == input.len();
            return if is_all { Ok(true) } else { Err(ProxyError::Malformed) };
        }
        if self.0.len() == MAX_HEAD_BYTES { Err(ProxyError::TooLong) } else { Ok(false) }
    }
}

/// The length of a head that says that the way is open.
fn check(head: &[u8]) -> Result<usize, ProxyError> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(head) {
        Ok(Status::Complete(length)) => length,
        Err(httparse::Error::TooManyHeaders) => return Err(ProxyError::TooLong),
        Ok(Status::Partial) | Err(_) => return Err(ProxyError::Malformed),
    };
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    match status {
        Some(status) if status.is_success() => Ok(length),
        Some(status) => {
            let response = Response::new(header_map(response.headers)?);
            Err(ProxyError::Refused { status, response })
        }
        None => Err(ProxyError::Malformed),
    }
}

fn header_map(headers: &[httparse::Header<'_>]) -> Result<HeaderMap, ProxyError> {
    let header = |header: &httparse::Header<'_>| {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(header.value).ok()?))
    };
    headers.iter().map(|sent| header(sent).ok_or(ProxyError::Malformed)).collect()
}

#[cfg(test)]
mod tests {
    use http::header::PROXY_AUTHENTICATE;
    use proptest::prelude::*;

    use super::*;
    use crate::{Proxy, Scheme};

    /// The outcome of an answer that comes in pieces of this size.
    fn in_pieces(answer: &[u8], size: usize) -> Result<bool, ProxyError> {
        let mut head = Answer::default();
        let mut is_open = false;
        for piece in answer.chunks(size) {
            assert!(!is_open, "there is something behind the head");
            is_open = head.handle_input(piece)?;
        }
        Ok(is_open)
    }

    fn answered(answer: &str) -> Result<bool, ProxyError> {
        let whole = in_pieces(answer.as_bytes(), usize::MAX);
        let by_byte = in_pieces(answer.as_bytes(), 1);
        assert_eq!(format!("{whole:?}"), format!("{by_byte:?}"), "{answer:?}");
        whole
    }

    fn requested(proxy: &str, url: &str, scheme: Scheme) -> String {
        let (proxy, target) = (Proxy::http(proxy).unwrap(), Target::parse(url, scheme).unwrap());
        let endpoint = proxy.before(&target, scheme).unwrap().unwrap();
        String::from_utf8(request(endpoint, &target)).unwrap()
    }

    #[test]
    fn the_proxy_is_asked_for_the_server_by_its_name() {
        assert_eq!(
            requested("p:1", "wss://server.example/path?secret", Scheme::Secure),
            "CONNECT server.example:443 HTTP/1.1\r\nHost: server.example:443\r\n\r\n"
        );
        assert_eq!(
            requested("http://Aladdin:open%20sesame@p", "ws://[::1]:8080", Scheme::Plain),
            "CONNECT [::1]:8080 HTTP/1.1\r\nHost: [::1]:8080\r\n\
             proxy-authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }

    #[test]
    fn any_status_that_says_success_opens_the_way() {
        for answer in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200 OK\r\nProxy-Agent: x\r\nVia: 1.1 y\r\n\r\n",
            "HTTP/1.1 204\r\n\r\n",
            "HTTP/1.1 200 \r\nContent-Length: 7\r\n\r\n",
            "HTTP/1.1 200 OK\n\n",
        ] {
            assert!(answered(answer).unwrap(), "{answer:?}");
            assert!(!answered(&answer[..answer.len() - 1]).unwrap(), "{answer:?}");
        }
    }

    #[test]
    fn any_other_status_is_a_refusal_with_its_headers() {
        let answer =
            "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n<html>";
        match in_pieces(answer.as_bytes(), usize::MAX) {
            Err(ProxyError::Refused { status, response }) => {
                assert_eq!(status, 407);
                assert_eq!(response.headers()[PROXY_AUTHENTICATE], "Basic realm=\"x\"");
            }
            other => panic!("{other:?}"),
        }
        for (status, is_retryable) in [
            (100, false),
            (101, false),
            (302, false),
            (403, false),
            (407, false),
            (429, true),
            (502, true),
            (503, true),
            (504, true),
        ] {
            let error = answered(&format!("HTTP/1.1 {status} x\r\n\r\n")).unwrap_err();
            assert!(matches!(error, ProxyError::Refused { .. }), "{status}: {error}");
            assert_eq!(error.is_retryable(), is_retryable, "{status}");
        }
    }

    #[test]
    fn what_is_no_answer_is_malformed_at_once() {
        for answer in [
            "\r\n",
            "SSH-2.0-OpenSSH",
            "\u{15}\u{3}\u{1}",
            "HTTP/2 200\r\n\r\n",
            "http/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
            "HTTP/1.x 200 OK\r\n\r\n",
        ] {
            let error = in_pieces(answer.as_bytes(), usize::MAX).unwrap_err();
            assert!(matches!(error, ProxyError::Malformed), "{answer:?}: {error}");
            assert!(!error.is_retryable());
        }
    }

    #[test]
    fn what_comes_behind_an_open_way_before_it_is_used_is_malformed() {
        let answer = b"HTTP/1.1 200 OK\r\n\r\n\x16\x03";
        assert!(matches!(in_pieces(answer, usize::MAX), Err(ProxyError::Malformed)));
    }

    #[test]
    fn an_answer_beyond_the_bound_is_too_long_however_it_comes() {
        let head = "HTTP/1.1 200 OK\r\nX: ";
        let fits = format!("{head}{}\r\n\r\n", "x".repeat(MAX_HEAD_BYTES - head.len() - 4));
        assert_eq!(fits.len(), MAX_HEAD_BYTES);
        assert!(answered(&fits).unwrap());
        let long = head.to_owned() + &"x".repeat(MAX_HEAD_BYTES);
        for size in [1, 1000, usize::MAX] {
            assert!(matches!(in_pieces(long.as_bytes(), size), Err(ProxyError::TooLong)), "{size}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(MAX_HEADERS + 1));
        assert!(matches!(answered(&many), Err(ProxyError::TooLong)));
    }

    proptest! {
        #[test]
        fn any_answer_is_taken_without_a_panic(bytes: Vec<u8>, size in 1_usize..50) {
            let answer = [b"HTTP/1.1 200 ", &bytes[..]].concat();
            let mut head = Answer::default();
            for piece in answer.chunks(size) {
                if !matches!(head.handle_input(piece), Ok(false)) {
                    break;
                }
            }
        }
    }
}
