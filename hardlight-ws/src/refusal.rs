//! How a server says no to an HTTP request.

use std::fmt;

use http::{
    HeaderValue, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE},
};
use tungstenite::handshake::server::write_response;

/// An HTTP response in place of a connection: a status and a text.
///
/// A factory returns one to refuse a connection; the handshake itself makes some of its own. The text is sent as
/// `text/plain` to the client, so it should hold nothing that is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    body: String,
    /// Lower-case names and ASCII values, all of them constants: so this type stays small in a `Result`.
    headers: &'static [(&'static str, &'static str)],
}

impl Refusal {
    /// A refusal with this status. A success, a redirection or an informational status would not refuse anything,
    /// so such a status is sent as `500 Internal Server Error`.
    pub fn new(status: StatusCode, body: impl Into<String>) -> Self {
        let refuses = status.is_client_error() || status.is_server_error();
        let status = if refuses { status } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self { status, body: body.into(), headers: &[] }
    }

    /// `401 Unauthorized`: the client did not say who it is, or could not prove it.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized\n")
    }

    /// `403 Forbidden`: the client may not connect.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden\n")
    }

    /// `404 Not Found`: there is no service at this path.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found\n")
    }

    /// `503 Service Unavailable`: not now; the client may try again later.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable\n")
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The text that goes with it.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The whole HTTP response, ready to be written. The connection is to be closed behind it.
    pub fn response(&self) -> Vec<u8> {
        let mut response = Response::new(());
        *response.status_mut() = self.status;
        *response.version_mut() = Version::HTTP_11;
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        // `append`: a 426 has a `Connection: upgrade` of its own.
        headers.append(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        let mut out = Vec::with_capacity(256 + self.body.len());
        write_response(&mut out, &response)
            .expect("a Vec takes every write, and the headers above are ASCII");
        out.extend_from_slice(self.body.as_bytes());
        out
    }

    /// Sets the headers that this refusal has besides the usual ones.
    pub(crate) const fn with_headers(
        mut self,
        headers: &'static [(&'static str, &'static str)],
    ) -> Self {
        self.headers = headers;
        self
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal").field("status", &self.status).field("body", &self.body).finish()
    }
}

/// The status, and the first line of the text.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.body.lines().next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_states_its_length_and_closes() {
        let response = String::from_utf8(Refusal::unauthorized().response()).unwrap();
        assert!(response.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{response}");
        assert!(response.contains("connection: close\r\n"), "{response}");
        assert!(response.contains("content-length: 13\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\nunauthorized\n"), "{response}");
    }

    #[test]
    fn a_status_that_refuses_nothing_becomes_an_error() {
        for status in [StatusCode::OK, StatusCode::SWITCHING_PROTOCOLS, StatusCode::FOUND] {
            assert_eq!(Refusal::new(status, "").status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }

    #[test]
    fn display_is_one_line() {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "not you\nand not now\n");
        assert_eq!(refusal.to_string(), "403 Forbidden: not you");
    }
}
