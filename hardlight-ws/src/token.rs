//! Bearer tokens: where they stand in a request.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use crate::handshake::offered;

/// What an entry of `Sec-WebSocket-Protocol` begins with if it is a bearer token: no choice of protocol, and secret.
pub(crate) const PREFIX: &str = "hl.token.";

const SCHEME: &str = "Bearer";

/// The token of a request: of its `Authorization: Bearer` header, or else of its `hl.token.` entry.
///
/// Two of one kind are none: nobody could say which one counts. From either place it is one of RFC 6750: what compares, logs or
/// passes on a token need not expect a line break in one.
pub(crate) fn of(headers: &HeaderMap) -> Option<String> {
    let mut credentials = headers.get_all(AUTHORIZATION).iter().filter_map(credentials).peekable();
    if credentials.peek().is_some() {
        return only(credentials).map(str::to_owned).filter(|token| is_token(token));
    }
    let entry = only(offered(headers).filter_map(|entry| entry.strip_prefix(PREFIX)))?;
    decoded(entry).filter(|token| is_token(token))
}

/// The `Authorization` header for a token; `None` if it holds what cannot stand there.
pub(crate) fn header(token: &str) -> Option<HeaderValue> {
    let mut value = is_token(token).then(|| format!("{SCHEME} {token}").parse().ok())??;
    HeaderValue::set_sensitive(&mut value, true);
    Some(value)
}

/// What follows the scheme, if it is that of bearer tokens. A browser may send a password of another scheme by itself.
fn credentials(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    let (scheme, token) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_matches([' ', '\t']))
}

fn decoded(entry: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(entry).ok()?).ok()
}

/// RFC 6750, section 2.1.
fn is_token(token: &str) -> bool {
    let part = token.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !part.is_empty() && part.bytes().all(allowed)
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

#[cfg(test)]
mod tests {
    use http::header::SEC_WEBSOCKET_PROTOCOL;

    use super::*;

    fn token(authorization: &[&'static str], subprotocols: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocols));
        of(&headers)
    }

    #[test]
    fn a_token_comes_from_either_place_and_the_header_goes_first() {
        // "secret" in base64url.
        const ENTRY: &str = "hl.1, hl.token.c2VjcmV0";
        assert_eq!(token(&[], ENTRY).as_deref(), Some("secret"));
        assert_eq!(token(&["Bearer abc=="], "hl.1").as_deref(), Some("abc=="));
        assert_eq!(token(&["bEARER  abc "], ENTRY).as_deref(), Some("abc"));
        assert_eq!(token(&["Basic YTpi"], ENTRY).as_deref(), Some("secret"));
        assert_eq!(token(&["Basic YTpi", "Bearer abc"], ENTRY).as_deref(), Some("abc"));
        assert_eq!(token(&[], "hl.1"), None);
    }

    #[test]
    fn what_is_malformed_or_ambiguous_is_no_token() {
        for authorization in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer =="],
            &["Bearer a b"],
            &["Bearer a,b"],
            &["Bearer a", "Bearer b"],
        ] {
            assert_eq!(token(authorization, "hl.1, hl.token.c2VjcmV0"), None, "{authorization:?}");
        }
        for entries in [
            "hl.token.",
            "hl.token.c2VjcmV0==",
            "hl.token.c2VjcmV",
            "hl.token.a/b+",
            "hl.token._w",
            // "a b", "a", CR, LF, "b", then NUL, and an e with an accent.
            "hl.token.YSBi",
            "hl.token.YQ0KYg",
            "hl.token.AA",
            "hl.token.w6k",
            "HL.TOKEN.c2VjcmV0",
            "hl.token.c2VjcmV0, hl.token.b3RoZXI",
        ] {
            assert_eq!(token(&[], entries), None, "{entries}");
        }
    }

    #[test]
    fn a_header_takes_no_token_that_would_not_come_back() {
        let value = header("a.b-c_d~e+f/g==").unwrap();
        assert_eq!(credentials(&value), Some("a.b-c_d~e+f/g=="));
        assert!(!format!("{value:?}").contains("a.b"));
        for token in ["", "=", "a b", "a\r\nX: y", "é", "a=b"] {
            assert!(header(token).is_none(), "{token:?}");
        }
    }
}
