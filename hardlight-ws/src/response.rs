//! What a server answered, as the client sees it.

use std::{fmt, sync::Arc, time::Duration};

use cookie::{Cookie, CookieJar};
use http::{
    HeaderMap,
    header::{RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL},
};

use crate::{ConnectError, SUBPROTOCOL, cookies};

/// The head of a server's HTTP response: of the one that accepted the connection, which a client finds again
/// (`client.response::<Response>()`), or of a refusal.
///
/// `Debug` shows the names of the headers, and no values. Cheap to clone; clones share it.
///
/// Memory: what the server sent, for as long as the connection lives.
#[derive(Clone, Default)]
pub struct Response(Arc<HeaderMap>);

impl Response {
    /// A response with these headers: for tests, and for transports of your own.
    pub fn new(headers: HeaderMap) -> Self {
        Self(Arc::new(headers))
    }

    /// The response that accepted a WebSocket.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Subprotocol`] if the server has selected another subprotocol than `hl.1`: one that was offered besides.
    pub fn accepted<T>(response: http::Response<T>) -> Result<Self, ConnectError> {
        let headers = response.into_parts().0.headers;
        match headers.get(SEC_WEBSOCKET_PROTOCOL) {
            Some(selected) if selected == SUBPROTOCOL => Ok(Self::new(headers)),
            // What it is may be a token that came back.
            _ => Err(ConnectError::Subprotocol("it selected another one".to_owned())),
        }
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.0
    }

    /// The cookies that the server sets, with their attributes. What is malformed is skipped.
    pub fn cookies(&self) -> impl Iterator<Item = Cookie<'_>> {
        cookies::set(&self.0)
    }

    /// Keeps the cookies that the server sets in `jar`, and takes those out that it deletes (`Max-Age=0`), for
    /// [`ClientOptions::cookies`](crate::ClientOptions::cookies) of the next connection.
    ///
    /// A jar is for one server: domains and paths are not looked at, nor when a cookie expires.
    pub fn store(&self, jar: &mut CookieJar) {
        for cookie in self.cookies().map(Cookie::into_owned) {
            if cookie.max_age().is_some_and(|age| !age.is_positive()) {
                jar.force_remove(cookie.name());
            } else {
                jar.add_original(cookie);
            }
        }
    }

    /// How long the server asks a client to wait before it tries again (`Retry-After`); `None` if it does not, or names a
    /// date instead of seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.0.get(RETRY_AFTER)?.to_str().ok()?;
        Some(Duration::from_secs(seconds.parse().ok()?))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = self.0.keys().collect::<Vec<_>>();
        f.debug_struct("Response").field("headers", &headers).finish()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::SET_COOKIE};

    use super::*;

    fn response(cookies: &[&'static str]) -> Response {
        let values = cookies.iter().map(|cookie| HeaderValue::from_static(cookie));
        Response::new(values.map(|value| (SET_COOKIE, value)).collect())
    }

    #[test]
    fn a_jar_keeps_what_is_set_and_loses_what_is_deleted() {
        let mut jar = CookieJar::new();
        response(&["a=1; Path=/", "b=2", "nothing", "=x"]).store(&mut jar);
        response(&["a=; Max-Age=0; Path=/", "b=3; Max-Age=60", "c=4; Max-Age=-1"]).store(&mut jar);
        let kept: Vec<_> = jar.iter().map(|cookie| cookie.stripped().to_string()).collect();
        assert_eq!(kept, ["b=3"]);
    }

    #[test]
    fn debug_shows_no_values() {
        let shown = format!("{:?}", response(&["session=secret"]));
        assert!(shown.contains("set-cookie") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn seconds_to_wait_are_read_and_anything_else_is_not() {
        let wait = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            Response::new([(RETRY_AFTER, value)].into_iter().collect()).retry_after()
        };
        assert_eq!(wait("30"), Some(Duration::from_secs(30)));
        for other in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999"] {
            assert_eq!(wait(other), None, "{other}");
        }
    }
}
