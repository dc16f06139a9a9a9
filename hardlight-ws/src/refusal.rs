//! How a server says no to an HTTP request.

use std::{fmt, time::Duration};

use cookie::Cookie;
use hardlight_proto::{CloseCode, CloseReason};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
};
use tungstenite::handshake::server::write_response;

use crate::{HeaderError, headers};

/// Whether a refusal is told by an HTTP status, or in band: by a WebSocket that is closed at once, with a code that stands
/// for the status (SPEC.md, section 3.4).
///
/// A browser shows its page no status of a refused WebSocket, so the page could not tell why it is refused, and would try for
/// ever. Proxies, logs and whoever is no browser understand the status better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefuseInBand {
    /// Where the request has an `Origin`, so comes from a browser: the default.
    #[default]
    WithOrigin,
    /// Wherever the client speaks WebSocket and HardLight.
    Always,
    /// Nowhere.
    Never,
}

/// What a client is told in place of a connection: an HTTP status, a text, and headers.
///
/// A factory returns one to refuse a connection; the handshake itself makes some of its own. The text is sent as
/// `text/plain` to the client, so it should hold nothing that is secret. In band ([`RefuseInBand`]) the client gets the status
/// as a close code, and the first line of the text, at most 123 bytes of it; the headers are in the response before that.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    body: String,
    /// In a box, so that this type stays small in a `Result`.
    headers: Option<Box<HeaderMap>>,
}

impl Refusal {
    /// A refusal with this status. A success, a redirection or an informational status would not refuse anything,
    /// so such a status is sent as `500 Internal Server Error`.
    pub fn new(status: StatusCode, body: impl Into<String>) -> Self {
        let refuses = status.is_client_error() || status.is_server_error();
        let status = if refuses { status } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self { status, body: body.into(), headers: None }
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

    /// Adds a header, `WWW-Authenticate` for one; one name may have several values.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Reserved`] for a hop-by-hop header, `Content-Length`, `Host` and `Sec-WebSocket-*`; [`HeaderError::NotAscii`].
    pub fn with_header(
        mut self,
        name: HeaderName,
        value: HeaderValue,
    ) -> Result<Self, HeaderError> {
        headers::append(self.headers_mut(), name, value)?;
        Ok(self)
    }

    /// Has the client keep a cookie, or delete it if it was made a removal (`Cookie::make_removal`).
    ///
    /// # Errors
    ///
    /// [`HeaderError::InvalidCookie`] if a name, value or attribute holds what cannot stand in a header.
    pub fn with_cookie(mut self, cookie: &Cookie<'_>) -> Result<Self, HeaderError> {
        headers::set_cookie(self.headers_mut(), cookie)?;
        Ok(self)
    }

    /// Asks the client to wait so long before it tries again, in whole seconds, rounded up. For a status that says that it
    /// may: 429 or 503.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        self.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        self
    }

    /// The headers that were added.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.headers.iter().flat_map(|headers| headers.iter())
    }

    /// The whole HTTP response, ready to be written. The connection is to be closed behind it.
    pub fn response(&self) -> Vec<u8> {
        let (mut head, body) = self.http_response().into_parts();
        // `append`: a 426 has a `Connection: upgrade` of its own.
        head.headers.append(CONNECTION, HeaderValue::from_static("close"));
        let mut out = Vec::with_capacity(256 + body.len());
        write_response(&mut out, &Response::from_parts(head, ()))
            .expect("a Vec takes every write, and headers are ASCII: see `headers::append`");
        out.extend_from_slice(body.as_bytes());
        out
    }

    /// The same response for an HTTP server, which may go on with the connection.
    pub fn http_response(&self) -> Response<String> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        *response.version_mut() = Version::HTTP_11;
        let headers = response.headers_mut();
        for (name, value) in self.headers() {
            headers.append(name, value.clone());
        }
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.entry(CONTENT_TYPE).or_insert(text);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        response
    }

    /// What a WebSocket is closed with in place of the response.
    pub(crate) fn close_reason(&self) -> CloseReason {
        let code = CloseCode::refusal(self.status.as_u16());
        let code = code.expect("the status of a refusal is 400 to 599");
        CloseReason::new(code, self.first_line().to_owned())
    }

    /// Adds headers that the application may not, from constants.
    pub(crate) fn with_own_headers(
        mut self,
        headers: &'static [(&'static str, &'static str)],
    ) -> Self {
        for (name, value) in headers {
            self.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        self
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers.get_or_insert_default()
    }

    fn first_line(&self) -> &str {
        self.body.lines().next().unwrap_or_default()
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
        write!(f, "{}: {}", self.status, self.first_line())
    }
}

#[cfg(test)]
mod tests {
    use http::header::{SEC_WEBSOCKET_ACCEPT, TRANSFER_ENCODING, WWW_AUTHENTICATE};

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
    fn a_refusal_has_headers_of_its_own() {
        let mut session = Cookie::new("session", "");
        session.make_removal();
        let refusal = Refusal::unauthorized()
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            .and_then(|refusal| refusal.with_cookie(&session))
            .unwrap()
            .with_retry_after(Duration::from_millis(1500));
        let response = String::from_utf8(refusal.response()).unwrap();
        for line in [
            "www-authenticate: Bearer\r\n",
            "set-cookie: session=; Max-Age=0",
            "retry-after: 2\r\n",
        ] {
            assert!(response.contains(line), "{response}");
        }
        assert_eq!(response.matches("content-type").count(), 1, "{response}");
    }

    #[test]
    fn the_frame_of_a_refusal_cannot_be_changed() {
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, SEC_WEBSOCKET_ACCEPT] {
            let value = HeaderValue::from_static("x");
            let error = Refusal::forbidden().with_header(name.clone(), value).unwrap_err();
            assert_eq!(error, HeaderError::Reserved(name));
        }
        let cookie = Cookie::new("a", "1\r\nX: y");
        let error = Refusal::forbidden().with_cookie(&cookie).unwrap_err();
        assert_eq!(error, HeaderError::InvalidCookie("a".to_owned()));
    }

    #[test]
    fn in_band_the_status_is_a_code_and_the_first_line_a_reason() {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "é".repeat(100) + "\nmore");
        let close = refusal.close_reason();
        assert_eq!((close.code(), close.reason().len()), (CloseCode(4403), 122));
        assert_eq!(Refusal::new(StatusCode::OK, "").close_reason().code(), CloseCode(4500));
        let odd = Refusal::new(StatusCode::from_u16(599).unwrap(), "x");
        assert_eq!(odd.close_reason().code(), CloseCode(4599));
    }

    #[test]
    fn display_is_one_line() {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "not you\nand not now\n");
        assert_eq!(refusal.to_string(), "403 Forbidden: not you");
    }
}
