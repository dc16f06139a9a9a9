//! Which web pages may connect: the `Origin` of a request (RFC 6454, section 7; RFC 6455, section 10.2).

use std::{net::Ipv6Addr, sync::Arc};

use http::{HeaderMap, header::ORIGIN};
use thiserror::Error;

use crate::{Request, occurrences::Occurrences};

/// Which web pages may connect.
///
/// A browser opens a WebSocket for any page, to any server, and sends the server's cookies along. What it adds is the page's
/// `Origin`, which a page cannot change: whoever lets every origin in lets every page act as the user who looks at it
/// (cross-site WebSocket hijacking). A request without `Origin` comes from no page, and passes: what is not a browser could
/// send any. So this protects users of browsers, and is no proof of who a client is.
///
/// A refused page gets the HTTP status 403 before any handler is made, and no WebSocket. The first, second, fourth ... refusal
/// of a server is logged.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct OriginPolicy {
    rule: Rule,
    refused: Occurrences,
}

#[derive(Clone, Debug)]
enum Rule {
    Any,
    Listed { same: bool, null: bool, list: Option<Arc<[Pattern]>> },
}

impl OriginPolicy {
    /// Pages of this server's own origin, as the browser has asked for it: the default.
    ///
    /// A server with TLS compares scheme, host and port, those of the request's `Host`: `https://` and nothing else. So does
    /// one behind a proxy that it trusts and that says with what scheme and for which host it was asked
    /// ([`ServerOptions::trusted_proxies`](crate::ServerOptions::trusted_proxies)).
    ///
    /// One without TLS that trusts no proxy may stand behind one that has it all the same, and cannot know the scheme that the
    /// browser used: it compares host and port, and a `Host` without a port has the default one of the origin's scheme. Such a proxy must pass on
    /// `Host` as the browser sent it, with the port; where it does not, use [`only`](Self::only). Use that also for a server
    /// without TLS on a machine where people browse: a page whose name is made to point to the server's address (DNS rebinding)
    /// has a `Host` to match.
    pub const fn same_origin() -> Self {
        Self::of(Rule::Listed { same: true, null: false, list: None })
    }

    /// Pages of these origins and no others, whatever the `Host` is; otherwise as [`allow`](Self::allow).
    ///
    /// # Errors
    ///
    /// As for [`allow`](Self::allow).
    pub fn only<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, OriginError> {
        let none = Self::of(Rule::Listed { same: false, null: false, list: None });
        origins.into_iter().try_fold(none, Self::allow)
    }

    /// Pages of any origin. For a service that trusts no cookie, no client certificate and no network: every web page can use
    /// it in the name of whoever looks at the page.
    pub const fn any() -> Self {
        Self::of(Rule::Any)
    }

    /// Allows pages of one more origin: `https://app.example.com`, with a port if it is not the scheme's default one. With
    /// `*.` before the host, `https://*.example.com`, of every host below it, at any depth, and not of `example.com` itself.
    ///
    /// A name that is not ASCII is written as browsers send it, in Punycode (`xn--...`). Letters may be large or small.
    ///
    /// Memory: some 80 bytes for each, once for a server.
    ///
    /// # Errors
    ///
    /// [`OriginError`] if this is no origin.
    pub fn allow(self, origin: &str) -> Result<Self, OriginError> {
        let pattern = Pattern::parse(origin).ok_or_else(|| OriginError(origin.to_owned()))?;
        Ok(Self::of(match self.rule {
            Rule::Any => Rule::Any,
            Rule::Listed { same, null, list } => {
                let list = list.iter().flat_map(|list| list.iter()).cloned();
                Rule::Listed { same, null, list: Some(list.chain([pattern]).collect()) }
            }
        }))
    }

    /// Allows pages without an origin of their own, whose `Origin` is `null`: files, sandboxed frames, `data:` URLs. Any page
    /// can put itself into such a frame, so this lets in as much as [`any`](Self::any).
    #[must_use]
    pub fn allow_null(self) -> Self {
        match self.rule {
            Rule::Any => self,
            Rule::Listed { same, list, .. } => Self::of(Rule::Listed { same, null: true, list }),
        }
    }

    /// Whether `request` may go on, by its headers. What may not is logged.
    pub(crate) fn admits(&self, request: &Request) -> bool {
        let (host, is_secure) = (request.host(), request.known_secure());
        let Err(origin) = self.check(request.headers(), host, is_secure) else {
            return true;
        };
        // A stranger's words, as often as he likes.
        if let Some(times) = self.refused.count() {
            let (client, host) = (request.client_ip(), host.map(|host| shown(host.as_bytes())));
            let what = "refused a web page of an origin that is not allowed";
            tracing::warn!(?client, ?origin, ?host, times, "{what}");
        }
        false
    }

    /// Whether a request with these headers may go on, whose client asked for `host`, with TLS or not, or nobody knows.
    ///
    /// # Errors
    ///
    /// The origin that is not allowed: as it was sent, so from a stranger.
    fn check(
        &self,
        headers: &HeaderMap,
        host: Option<&str>,
        is_secure: Option<bool>,
    ) -> Result<(), String> {
        let Rule::Listed { same, null, list } = &self.rule else {
            return Ok(());
        };
        let mut sent = headers.get_all(ORIGIN).iter();
        let Some(value) = sent.next() else {
            return Ok(());
        };
        if sent.next().is_some() {
            return Err("several Origin headers".to_owned());
        }
        let is_allowed = if value == "null" {
            *null
        } else {
            value.to_str().ok().and_then(Origin::parse).is_some_and(|origin| {
                list.iter().flat_map(|list| list.iter()).any(|pattern| pattern.matches(&origin))
                    || (*same && origin.is_of(host, is_secure))
            })
        };
        if is_allowed { Ok(()) } else { Err(shown(value.as_bytes())) }
    }

    const fn of(rule: Rule) -> Self {
        Self { rule, refused: Occurrences::new() }
    }
}

impl Default for OriginPolicy {
    fn default() -> Self {
        Self::same_origin()
    }
}

/// A text that should be an origin, and is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{0}' is no origin: it must be of the form 'https://example.com', 'https://example.com:8443' or 'https://*.example.com', \
     without a path"
)]
pub struct OriginError(String);

/// A scheme, a host and a port, in small letters. Without a port the scheme has no default one that is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let (host, port) = parse_authority(authority)?;
        let port = port.or_else(|| default_port(&scheme));
        is_scheme.then_some(Self { scheme, host, port })
    }

    /// Whether this is the origin of the server that the client asked for.
    fn is_of(&self, host: Option<&str>, is_secure: Option<bool>) -> bool {
        let is_possible = match self.scheme.as_str() {
            "https" => is_secure != Some(false),
            "http" => is_secure != Some(true),
            _ => false,
        };
        is_possible
            && host.and_then(parse_authority).is_some_and(|(host, port)| {
                host == self.host && port.or_else(|| default_port(&self.scheme)) == self.port
            })
    }
}

/// An origin, or all that are below a host.
#[derive(Clone, Debug)]
struct Pattern {
    /// Its host is the part that is common, if `is_wildcard`.
    origin: Origin,
    is_wildcard: bool,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once("://*.") {
            Some((scheme, host)) => {
                let origin = Origin::parse(&format!("{scheme}://{host}"))?;
                (!origin.host.starts_with('[')).then_some(Self { origin, is_wildcard: true })
            }
            None => Some(Self { origin: Origin::parse(text)?, is_wildcard: false }),
        }
    }

    fn matches(&self, origin: &Origin) -> bool {
        let Origin { scheme, host, port } = &self.origin;
        let is_host = if self.is_wildcard {
            // A dot stands between: `evilexample.com` is not below `example.com`.
            origin.host.strip_suffix(host.as_str()).is_some_and(|below| below.ends_with('.'))
        } else {
            origin.host == *host
        };
        is_host && origin.scheme == *scheme && origin.port == *port
    }
}

/// Whether this is a host, with a port or without.
pub(crate) fn is_authority(text: &str) -> bool {
    parse_authority(text).is_some()
}

/// A host in its one form, and a port.
fn parse_authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rfind(':') {
        // The last colon within brackets belongs to the address.
        Some(colon) if !text.ends_with(']') => {
            (&text[..colon], Some(parse_port(&text[colon + 1..])?))
        }
        _ => (text, None),
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => format!("[{}]", address.parse::<Ipv6Addr>().ok()?),
        None => parse_name(host)?,
    };
    Some((host, port))
}

fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A name or an IPv4 address: labels that are not empty. A dot behind the last one makes it another origin.
fn parse_name(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.bytes().all(allowed)
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    name.split('.').all(is_label).then(|| text.to_ascii_lowercase())
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

/// What was sent, for the log: no longer than an origin or a host has any reason to be.
fn shown(value: &[u8]) -> String {
    const MAX_SHOWN_BYTES: usize = 256;
    String::from_utf8_lossy(&value[..value.len().min(MAX_SHOWN_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_logged_is_cut() {
        assert_eq!(shown(&[0xe9; 16 * 1024]).chars().count(), 256);
    }

    fn headers(origins: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
        }
        headers
    }

    fn same(host: &str, origin: &str, is_secure: bool) -> bool {
        let is_secure = is_secure.then_some(true);
        OriginPolicy::same_origin().check(&headers(&[origin]), Some(host), is_secure).is_ok()
    }

    fn allowed(policy: &OriginPolicy, origin: &str) -> bool {
        policy.check(&headers(&[origin]), Some("server.example"), Some(true)).is_ok()
    }

    #[test]
    fn a_request_without_an_origin_passes() {
        let headers = headers(&[]);
        for policy in [OriginPolicy::same_origin(), OriginPolicy::only([]).unwrap()] {
            assert_eq!(policy.check(&headers, Some("a.example"), Some(true)), Ok(()));
        }
    }

    #[test]
    fn with_tls_scheme_host_and_port_are_the_servers() {
        for (host, origin) in [
            ("a.example", "https://a.example"),
            ("a.example:443", "https://a.example"),
            ("a.example", "https://a.example:443"),
            ("a.example:8443", "https://a.example:8443"),
            ("A.Example", "HTTPS://a.eXample"),
            ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("127.0.0.1:8443", "https://127.0.0.1:8443"),
            ("[::1]:8443", "https://[::1]:8443"),
            ("[::1]", "https://[0:0:0:0:0:0:0:1]"),
        ] {
            assert!(same(host, origin, true), "{host} {origin}");
        }
        for (host, origin) in [
            ("a.example", "http://a.example"),
            ("a.example", "http://a.example:443"),
            ("a.example", "https://a.example:8443"),
            ("a.example:8443", "https://a.example"),
            ("a.example:80", "https://a.example"),
            ("a.example", "https://b.example"),
            ("a.example", "https://x.a.example"),
            ("x.a.example", "https://a.example"),
            ("a.example", "https://a.example."),
            ("a.example", "https://a.example.evil.org"),
            ("a.example", "https://evila.example"),
            ("a.example", "ws://a.example"),
            ("a.example", "ftp://a.example"),
            ("[::1]", "https://[::2]"),
            ("127.0.0.1", "https://localhost"),
        ] {
            assert!(!same(host, origin, true), "{host} {origin}");
        }
    }

    #[test]
    fn without_tls_the_scheme_may_be_that_of_a_proxy() {
        for (host, origin) in [
            ("a.example", "https://a.example"),
            ("a.example", "http://a.example"),
            ("a.example:8443", "https://a.example:8443"),
            ("localhost:3000", "http://localhost:3000"),
        ] {
            assert!(same(host, origin, false), "{host} {origin}");
        }
        for (host, origin) in [
            ("a.example", "https://a.example:8443"),
            ("a.example:3000", "http://a.example"),
            ("a.example:443", "http://a.example"),
            ("a.example", "tauri://a.example"),
            ("a.example", "https://b.example"),
        ] {
            assert!(!same(host, origin, false), "{host} {origin}");
        }
    }

    #[test]
    fn a_scheme_that_a_proxy_tells_is_the_only_one() {
        let policy = OriginPolicy::same_origin();
        for (origin, is_secure, is_own) in [
            ("https://a.example", true, true),
            ("http://a.example", true, false),
            ("http://a.example", false, true),
            ("https://a.example", false, false),
        ] {
            let checked = policy.check(&headers(&[origin]), Some("a.example"), Some(is_secure));
            assert_eq!(checked.is_ok(), is_own, "{origin} {is_secure}");
            assert!(policy.check(&headers(&[origin]), None, Some(is_secure)).is_err());
        }
    }

    #[test]
    fn what_is_malformed_null_or_sent_twice_is_refused() {
        for origin in [
            "",
            "null",
            "NULL",
            "a.example",
            "//a.example",
            "https:a.example",
            "https://",
            "https:///",
            "https://a.example/",
            "https://a.example?x",
            "https://a.example#x",
            "https://user@a.example",
            "https://a.example@evil.org",
            "https://a.example:",
            "https://a.example:0443",
            "https://a.example:+443",
            "https://a.example:99999",
            "https://a.example:443:443",
            "https://a.example https://b.example",
            "https://a.example, https://a.example",
            "https://.a.example",
            "https://a..example",
            "https://*.example",
            "https://[::1",
            "https://[a.example]",
            "https://a.example\\",
            "https://a.example\u{2044}",
            "1https://a.example",
        ] {
            let is_same = same("a.example", origin, true);
            // A leading zero in a port is another spelling of it, which no browser sends.
            assert_eq!(is_same, origin == "https://a.example:0443", "{origin}");
        }
        let twice = headers(&["https://a.example", "https://a.example"]);
        let error = OriginPolicy::same_origin().check(&twice, Some("a.example"), Some(true));
        let error = error.unwrap_err();
        assert_eq!(error, "several Origin headers");
    }

    #[test]
    fn a_host_that_is_malformed_is_the_origin_of_nobody() {
        for host in ["", ":443", "a.example:", "a.example/", "[::1", "*"] {
            assert!(!same(host, &format!("https://{host}"), true), "{host}");
        }
    }

    #[test]
    fn listed_origins_are_exact() {
        let policy = OriginPolicy::only(["https://App.example.com", "tauri://localhost"]).unwrap();
        for origin in [
            "https://app.example.com",
            "https://app.example.com:443",
            "https://APP.example.com",
            "tauri://localhost",
        ] {
            assert!(allowed(&policy, origin), "{origin}");
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://example.com",
            "https://x.app.example.com",
            "https://app.example.com.evil.org",
            "https://evil-app.example.com",
            "https://server.example",
            "tauri://localhost:1",
            "null",
        ] {
            assert!(!allowed(&policy, origin), "{origin}");
        }
    }

    #[test]
    fn a_wildcard_is_every_host_below_and_not_the_host() {
        let policy = OriginPolicy::only(["https://*.example.com"]).unwrap();
        for origin in [
            "https://a.example.com",
            "https://a.b.example.com",
            "https://A.EXAMPLE.COM",
            "https://xn--bcher-kva.example.com:443",
        ] {
            assert!(allowed(&policy, origin), "{origin}");
        }
        for origin in [
            "https://example.com",
            "https://evilexample.com",
            "https://a.evilexample.com",
            "https://example.com.evil.org",
            "https://a.example.com.evil.org",
            "https://.example.com",
            "https://a.example.com.",
            "http://a.example.com",
            "https://a.example.com:8443",
            "https://a.example.com@evil.org",
        ] {
            assert!(!allowed(&policy, origin), "{origin}");
        }
        let with_port = OriginPolicy::only(["https://*.example.com:8443"]).unwrap();
        assert!(allowed(&with_port, "https://a.example.com:8443"));
        assert!(!allowed(&with_port, "https://a.example.com"));
    }

    #[test]
    fn the_list_is_beside_the_servers_own_origin() {
        let policy = OriginPolicy::same_origin().allow("https://*.a.example").unwrap();
        let policy = policy.allow("https://b.example").unwrap();
        for origin in ["https://server.example", "https://x.a.example", "https://b.example"] {
            assert!(allowed(&policy, origin), "{origin}");
        }
        assert!(!allowed(&policy, "https://c.example"));
    }

    #[test]
    fn null_and_any_must_be_asked_for() {
        let null = OriginPolicy::same_origin().allow_null();
        assert!(allowed(&null, "null") && !allowed(&null, "https://b.example"));
        let any = OriginPolicy::any().allow("https://b.example").unwrap().allow_null();
        assert!(allowed(&any, "https://c.example") && allowed(&any, "null"));
    }

    #[test]
    fn what_is_no_origin_cannot_be_allowed() {
        for origin in [
            "",
            "*",
            "null",
            "example.com",
            "https://",
            "https://*",
            "https://*.",
            "https://*example.com",
            "https://a.*.example.com",
            "https://*.*.example.com",
            "https://*.[::1]",
            "https://example.com/",
            "https://example.com/path",
            "https://bücher.example",
            "https://example.com:*",
            "*://example.com",
        ] {
            let error = OriginPolicy::same_origin().allow(origin).unwrap_err();
            assert!(error.to_string().starts_with(&format!("'{origin}' is no origin")), "{error}");
        }
    }

    #[test]
    fn what_is_logged_is_bounded() {
        let origin = "https://".to_owned() + &"a".repeat(10_000);
        let error = OriginPolicy::same_origin().check(&headers(&[&origin]), Some("a"), Some(true));
        assert_eq!(error.unwrap_err().len(), 256);
    }
}
