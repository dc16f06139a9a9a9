//! Cookies as they stand in headers.

use cookie::Cookie;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// What may stand around a name or a value (RFC 6265, section 5.2).
const BLANK: [char; 2] = [' ', '\t'];

/// What the client sent, in its order. A pair that is malformed is skipped, alone.
pub(crate) fn sent(headers: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| split(pair).map(Cookie::from))
}

/// What the server set, in its order. A header that is malformed is skipped, alone.
pub(crate) fn set(headers: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    headers.get_all(SET_COOKIE).iter().filter_map(|header| {
        let cookie = Cookie::parse(str::from_utf8(header.as_bytes()).ok()?).ok()?;
        let (name, _) = split(header.as_bytes())?;
        (cookie.name() == name).then_some(cookie)
    })
}

/// The name and the value of `name=value`; `None` if it is none, or the name is no token.
///
/// A browser takes other names as well, from whoever may set a cookie, and checks the promise of `__Host-` only where a name
/// begins with that to the byte. So what is trimmed here is what RFC 6265 trims and no more: to trim all that Unicode calls white
/// space, as `Cookie::parse` does, would make a `__Host-` cookie of one that is none.
fn split(pair: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = str::from_utf8(pair).ok()?.split_once('=')?;
    let name = name.trim_matches(BLANK);
    is_token(name).then(|| (name, value.trim_matches(BLANK)))
}

/// The value of a `Set-Cookie` header; `None` if the cookie holds what cannot stand there.
pub(crate) fn set_header(cookie: &Cookie<'_>) -> Option<HeaderValue> {
    let attributes = [cookie.domain(), cookie.path()];
    let is_sound = is_pair(cookie) && attributes.into_iter().flatten().all(is_attribute);
    is_sound.then(|| secret(&cookie.to_string())).flatten()
}

/// The value of a `Cookie` header.
///
/// # Errors
///
/// The name of a cookie that holds what cannot stand there.
pub(crate) fn header(cookies: &[Cookie<'_>]) -> Result<Option<HeaderValue>, String> {
    let mut text = String::new();
    for cookie in cookies {
        if !is_pair(cookie) {
            return Err(cookie.name().to_owned());
        }
        let separator = if text.is_empty() { "" } else { "; " };
        text = text + separator + &cookie.stripped().to_string();
    }
    Ok(if text.is_empty() { None } else { secret(&text) })
}

/// RFC 6265, section 4.1.1. Anything else might add a cookie, or an attribute, that nobody meant.
fn is_pair(cookie: &Cookie<'_>) -> bool {
    let value = cookie.value();
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    is_token(cookie.name()) && unquoted.unwrap_or(value).bytes().all(is_octet)
}

/// What an HTTP token is, a header's name is as well.
fn is_token(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok()
}

const fn is_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

fn is_attribute(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b';')
}

/// A value that `Debug` does not show.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static [u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn what_is_malformed_hides_no_other_cookie() {
        let headers = headers(
            COOKIE,
            &[b"a=1; ; =x; nothing; b=\xff\xfe; b=2;;a=3", b"\xff", b"", b"c=\"4\"; d=5=6"],
        );
        let cookies: Vec<_> =
            sent(&headers).map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
        assert_eq!(cookies, ["a=1", "b=2", "a=3", "c=\"4\"", "d=5=6"]);
    }

    #[test]
    fn a_name_with_other_white_space_around_it_is_no_name_of_ours() {
        for space in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}"] {
            for name in [format!("{space}__Host-s"), format!("__Host-s{space}")] {
                let mut headers = HeaderMap::new();
                let text = format!("{name}=evil; \t__Host-s \t=\t good ");
                headers.append(COOKIE, HeaderValue::from_bytes(text.as_bytes()).unwrap());
                let sent: Vec<_> = sent(&headers).collect();
                assert_eq!(sent.len(), 1, "{name:?}");
                assert_eq!((sent[0].name(), sent[0].value()), ("__Host-s", "good"));
                let evil = HeaderValue::from_bytes(format!("{name}=evil; Path=/").as_bytes());
                headers.append(SET_COOKIE, evil.unwrap());
                assert_eq!(set(&headers).count(), 0, "{name:?}");
            }
        }
    }

    #[test]
    fn attributes_of_a_sent_cookie_are_cookies_of_their_own() {
        let headers = headers(COOKIE, &[b"a=1; Path=/; HttpOnly"]);
        let names: Vec<_> = sent(&headers).map(|cookie| cookie.name().to_owned()).collect();
        assert_eq!(names, ["a", "Path"]);
        assert!(sent(&headers).all(|cookie| cookie.path().is_none()));
    }

    #[test]
    fn a_set_cookie_keeps_its_attributes() {
        let cookie = Cookie::build(("session", "abc")).path("/").http_only(true).secure(true);
        let value = set_header(&cookie.build()).unwrap();
        assert_eq!(value, "session=abc; HttpOnly; Secure; Path=/");
        assert!(!format!("{value:?}").contains("abc"));
        let mut headers = headers(SET_COOKIE, &[b"nothing", b"=x"]);
        headers.append(SET_COOKIE, value);
        let set: Vec<_> = set(&headers).collect();
        assert_eq!(set.len(), 1);
        assert_eq!((set[0].value(), set[0].path()), ("abc", Some("/")));
    }

    #[test]
    fn what_would_add_a_header_a_cookie_or_an_attribute_is_refused() {
        for (name, value) in [
            ("a", "1; Domain=evil.example"),
            ("a", "1\r\nX: y"),
            ("a", "1, b=2"),
            ("a", "with space"),
            ("a", "\"1;\""),
            ("a", "é"),
            ("a b", "1"),
            ("a=b", "1"),
            ("", "1"),
        ] {
            let cookie = Cookie::new(name, value);
            assert!(set_header(&cookie).is_none(), "{name}={value}");
            assert_eq!(header(&[cookie]).unwrap_err(), name);
        }
        let injected = Cookie::build(("a", "1")).path("/; Domain=evil.example");
        assert!(set_header(&injected.build()).is_none());
    }

    #[test]
    fn cookies_share_one_header_without_their_attributes() {
        let cookies = [Cookie::build(("a", "1")).path("/").build(), Cookie::new("b", "\"2\"")];
        assert_eq!(header(&cookies).unwrap().unwrap(), "a=1; b=\"2\"");
        assert_eq!(header(&[]).unwrap(), None);
    }
}
