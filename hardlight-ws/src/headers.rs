//! Headers that an application adds to the server's response.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cookie::Cookie;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE,
        TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};
use thiserror::Error;

use crate::{Refusal, cookies};

/// What belongs to the connection or to the handshake and to nobody else: hop by hop (RFC 9110, section 7.6.1), the length of a
/// body, the server's name. Besides all of `Sec-WebSocket-*`.
const RESERVED: [HeaderName; 11] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Whether an application may not set a header, neither of a request nor of a response.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.contains(name) || name.as_str().starts_with("sec-websocket-")
}

/// Why a header cannot be added to a response.
///
/// In a factory `?` makes a [`Refusal`] of it, with the status 500.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It belongs to the connection or to the WebSocket handshake.
    #[error(
        "the header '{0}' belongs to the connection or the WebSocket handshake and cannot be set"
    )]
    Reserved(HeaderName),
    /// Its value is not ASCII.
    #[error("the value of the header '{0}' is not ASCII")]
    NotAscii(HeaderName),
    /// The cookie of this name holds what cannot stand in a header, or would add something to it.
    #[error("the cookie '{0}' holds characters that cannot stand in one (RFC 6265, section 4.1.1)")]
    InvalidCookie(String),
    /// The response was sent already.
    #[error("the response was sent already")]
    Sent,
}

/// A bug of the application's: it is logged, and the client is told no more than that.
impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        tracing::error!(%error, "the factory cannot set a header");
        Self::new(http::StatusCode::INTERNAL_SERVER_ERROR, "internal error\n")
    }
}

/// What the factory adds to the `101 Switching Protocols` response that accepts a connection: see
/// [`Request::response`](crate::Request::response). If the factory refuses the connection after all, what was added is dropped: a
/// [`Refusal`] has headers of its own.
#[derive(Debug)]
pub struct ResponseHeaders(Mutex<Option<HeaderMap>>);

impl ResponseHeaders {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(HeaderMap::new())))
    }

    /// Adds a header; one name may have several values.
    ///
    /// # Errors
    ///
    /// [`HeaderError::Reserved`] for a hop-by-hop header, `Content-Length`, `Host` and `Sec-WebSocket-*`; [`HeaderError::NotAscii`];
    /// [`HeaderError::Sent`] once the factory has returned.
    pub fn append(&self, name: HeaderName, value: HeaderValue) -> Result<(), HeaderError> {
        append(self.lock().as_mut().ok_or(HeaderError::Sent)?, name, value)
    }

    /// Has the client keep a cookie. Give one that says who the client is `HttpOnly`, `Secure`, `SameSite` and a name that
    /// begins with `__Host-`.
    ///
    /// # Errors
    ///
    /// [`HeaderError::InvalidCookie`] if a name, value or attribute holds a space, a control character, `;` or the like;
    /// [`HeaderError::Sent`] once the factory has returned.
    pub fn set_cookie(&self, cookie: &Cookie<'_>) -> Result<(), HeaderError> {
        set_cookie(self.lock().as_mut().ok_or(HeaderError::Sent)?, cookie)
    }

    /// What was added. Nothing can be from now on.
    pub(crate) fn take(&self) -> HeaderMap {
        self.lock().take().unwrap_or_default()
    }

    /// Nothing runs under the lock that could leave it half done.
    fn lock(&self) -> MutexGuard<'_, Option<HeaderMap>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn append(
    headers: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), HeaderError> {
    if is_reserved(&name) {
        return Err(HeaderError::Reserved(name));
    }
    if value.to_str().is_err() {
        return Err(HeaderError::NotAscii(name));
    }
    headers.append(name, value);
    Ok(())
}

pub(crate) fn set_cookie(headers: &mut HeaderMap, cookie: &Cookie<'_>) -> Result<(), HeaderError> {
    let value = cookies::set_header(cookie)
        .ok_or_else(|| HeaderError::InvalidCookie(cookie.name().to_owned()))?;
    headers.append(SET_COOKIE, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{
        StatusCode,
        header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, SERVER},
    };

    use super::*;

    #[test]
    fn what_belongs_to_the_connection_cannot_be_set() {
        let headers = ResponseHeaders::new();
        let websocket = [SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL];
        for name in RESERVED.into_iter().chain(websocket) {
            let error = headers.append(name.clone(), HeaderValue::from_static("x")).unwrap_err();
            assert_eq!(error, HeaderError::Reserved(name));
        }
        let value = HeaderValue::from_bytes(b"\xff").unwrap();
        let error = headers.append(SERVER, value).unwrap_err();
        assert_eq!(error, HeaderError::NotAscii(SERVER));
        assert!(headers.take().is_empty());
    }

    #[test]
    fn what_comes_behind_the_response_is_refused() {
        let headers = ResponseHeaders::new();
        headers.set_cookie(&Cookie::new("a", "1")).unwrap();
        assert_eq!(headers.take()[SET_COOKIE], "a=1");
        assert_eq!(headers.set_cookie(&Cookie::new("a", "1")), Err(HeaderError::Sent));
        assert_eq!(
            headers.append(SET_COOKIE, HeaderValue::from_static("a")),
            Err(HeaderError::Sent)
        );
    }

    #[test]
    fn a_bad_cookie_is_named_and_the_client_is_not_told() {
        let headers = ResponseHeaders::new();
        let error = headers.set_cookie(&Cookie::new("a", "1; Domain=b")).unwrap_err();
        assert_eq!(error, HeaderError::InvalidCookie("a".to_owned()));
        let refusal = Refusal::from(error);
        assert_eq!(refusal.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!refusal.body().contains("cookie"), "{refusal}");
    }
}
