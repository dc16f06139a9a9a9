//! The proxy that a client reaches servers through.

use std::{env, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, uri::Authority};
use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::{
    Scheme, Target,
    no_proxy::NoProxy,
    target::{authority, host_and_port},
};

const FORM: &str = "it is not of the form http://user:password@host:port";

/// A proxy that connects a client with its servers by HTTP's `CONNECT`, as those of companies do.
///
/// The proxy is given the server's name and resolves it. `wss://` goes through it as it is: TLS is between client and server, and
/// the proxy sees no more than the server's name and port. `ws://` goes through it in the same way, so the proxy must allow
/// `CONNECT` to that port. What is said *to the proxy*, a password for one, is not encrypted: proxies that are reached by TLS
/// themselves (`https://`), and SOCKS, are not supported.
///
/// `Debug` shows no password. Cheap enough to clone: a few strings.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    secure: Option<Result<Endpoint, ProxyUrlError>>,
    plain: Option<Result<Endpoint, ProxyUrlError>>,
    no_proxy: NoProxy,
}

impl Proxy {
    /// This proxy, for all servers: `http://proxy.example.com:3128`, or with `user:password@` before the host, which it is told by
    /// `Basic` authorization. What cannot stand in a URL is percent-encoded. Without a port it is 80.
    ///
    /// # Errors
    ///
    /// [`ProxyUrlError`] if this is no such URL.
    pub fn http(url: &str) -> Result<Self, ProxyUrlError> {
        let endpoint = Endpoint::parse(url)?;
        let plain = Some(Ok(endpoint.clone()));
        Ok(Self { secure: Some(Ok(endpoint)), plain, no_proxy: NoProxy::default() })
    }

    /// What the environment says, as curl reads it: `https_proxy` for `wss://`, `http_proxy` for `ws://`, `all_proxy` for what
    /// has none of its own, `no_proxy` for servers that are reached without; all of them also in capitals, if they are not
    /// there in small letters. An empty one means none, and a URL may lack `http://`. `HTTP_PROXY` does not count in a CGI program,
    /// where a stranger can set it.
    ///
    /// A URL that cannot be used is an error once a server is to be reached by it
    /// ([`ConnectError::InvalidProxy`](crate::ConnectError::InvalidProxy)).
    pub fn from_env() -> Self {
        Self::from_variables(|name| Some(env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// Reaches these servers without the proxy: a list in the form of `NO_PROXY`, separated by commas. `example.com` is that host
    /// and all below it, and so is `.example.com`; `10.0.0.0/8`, `::1` are addresses, which are compared with those in
    /// URLs, and not with those of names; with a port, `example.com:8443`, it is that port alone; `*` is every server.
    #[must_use]
    pub fn except(mut self, servers: &str) -> Self {
        self.no_proxy.extend(servers);
        self
    }

    fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first =
            |names: &[&'static str]| names.iter().find_map(|&name| Some((name, lookup(name)?)));
        let endpoint = |names: &[&'static str]| {
            let (name, url) = first(names)?;
            (!url.trim().is_empty()).then(|| {
                Endpoint::parse(url.trim())
                    .map_err(|error| ProxyUrlError { variable: Some(name), ..error })
            })
        };
        let is_cgi = lookup("REQUEST_METHOD").is_some();
        let http = if is_cgi { "http_proxy" } else { "HTTP_PROXY" };
        let proxy = Self {
            secure: endpoint(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            plain: endpoint(&["http_proxy", http, "all_proxy", "ALL_PROXY"]),
            no_proxy: NoProxy::default(),
        };
        match first(&["no_proxy", "NO_PROXY"]) {
            Some((_, servers)) => proxy.except(&servers),
            None => proxy,
        }
    }

    /// What to connect to in place of a server; `None` if it is to be the server itself.
    pub(crate) fn before(
        &self,
        target: &Target,
        scheme: Scheme,
    ) -> Result<Option<&Endpoint>, ProxyUrlError> {
        if self.no_proxy.has(target.host(), target.port()) {
            return Ok(None);
        }
        let endpoint = match scheme {
            Scheme::Secure => &self.secure,
            Scheme::Plain => &self.plain,
        };
        endpoint.as_ref().map(|endpoint| endpoint.as_ref().map_err(Clone::clone)).transpose()
    }
}

/// Where a proxy is, and what it is told of who asks.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Endpoint {
    fn parse(url: &str) -> Result<Self, ProxyUrlError> {
        let rest = match url.split_once("://") {
            None => url,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                let reason = format!("its scheme is '{scheme}', and only http:// is supported");
                return Err(ProxyUrlError::new(reason));
            }
            Some(_) => return Err(ProxyUrlError::new(FORM)),
        };
        let (userinfo, rest) = match rest.rsplit_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let authorization = userinfo.map(basic).transpose().map_err(ProxyUrlError::new)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let authority: Authority = rest.parse().map_err(|_| ProxyUrlError::new(FORM))?;
        let (host, port) = host_and_port(&authority, 80).map_err(ProxyUrlError::new)?;
        Ok(Self { host, port, authorization })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&authority(&self.host, self.port))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("authorization", &self.authorization.is_some())
            .finish()
    }
}

/// `Basic` authorization (RFC 7617).
fn basic(userinfo: &str) -> Result<HeaderValue, &'static str> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let [user, password] =
        [user, password].map(|text| percent_decode_str(text).collect::<Vec<_>>());
    if user.contains(&b':') {
        return Err("a user's name cannot hold a ':'");
    }
    if user.iter().chain(&password).any(u8::is_ascii_control) {
        return Err("neither a user's name nor a password can hold control characters");
    }
    let credentials = STANDARD.encode([&user[..], b":", &password].concat());
    let value = HeaderValue::try_from(format!("Basic {credentials}"));
    let mut value = value.expect("base64 is ASCII");
    value.set_sensitive(true);
    Ok(value)
}

/// A text that should be the URL of a proxy, and is none. It is not shown: there may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the URL of the proxy{} cannot be used: {reason}", .variable.map(|name| format!(" in {name}")).unwrap_or_default())]
pub struct ProxyUrlError {
    variable: Option<&'static str>,
    reason: String,
}

impl ProxyUrlError {
    fn new(reason: impl Into<String>) -> Self {
        Self { variable: None, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(url).unwrap()
    }

    /// What a server is reached by, in an environment with these variables.
    fn through(variables: &[(&str, &str)], url: &str) -> Option<Result<String, String>> {
        let proxy = Proxy::from_variables(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let scheme = if url.starts_with("wss") { Scheme::Secure } else { Scheme::Plain };
        let target = Target::parse(url, scheme).unwrap();
        let endpoint = proxy.before(&target, scheme).map_err(|error| error.to_string());
        endpoint.map(|endpoint| endpoint.map(ToString::to_string)).transpose()
    }

    fn at(authority: &str) -> Option<Result<String, String>> {
        Some(Ok(authority.to_owned()))
    }

    #[test]
    fn urls_are_taken_apart() {
        for (url, expected) in [
            ("http://proxy.example:3128", "proxy.example:3128"),
            ("HTTP://proxy.example/", "proxy.example:80"),
            ("proxy.example:3128", "proxy.example:3128"),
            ("http://127.0.0.1:1", "127.0.0.1:1"),
            ("http://[::1]:3128/", "[::1]:3128"),
            ("http://[::1]", "[::1]:80"),
            ("http://me:pass@proxy.example:3128", "proxy.example:3128"),
        ] {
            assert_eq!(endpoint(url).to_string(), expected, "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_told_by_basic_authorization() {
        for (url, expected) in [
            // The example of RFC 7617, section 2.
            ("http://Aladdin:open%20sesame@p", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            ("http://user@p", Some("Basic dXNlcjo=")),
            ("http://user:@p", Some("Basic dXNlcjo=")),
            ("http://user:a:b%40%2F@c@p", Some("Basic dXNlcjphOmJAL0Bj")),
            ("http://p", None),
        ] {
            let authorization = endpoint(url).authorization;
            let told = authorization.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(told, expected, "{url}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        let proxy = Proxy::http("http://user:secret@proxy.example:3128").unwrap();
        let shown = format!("{proxy:?} {:?}", endpoint("http://user:secret@p").authorization);
        assert!(shown.contains("proxy.example") && !shown.contains("secret"), "{shown}");
        assert!(!shown.contains("dXNlcjpzZWNyZXQ"), "{shown}");
        for url in [
            "http://user:secret@",
            "https://user:secret@p",
            "user:secret@p://x",
            "http://u:secret@p:x",
            "http://user:secret@p/path",
            "http://us%3Aer:secret@p",
            "http://user:secret%0A@p",
        ] {
            let error = Proxy::http(url).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for url in [
            "",
            "http://",
            "http:///",
            "http://p/path",
            "http://p?x",
            "http://p:70000",
            "http://a b",
            "http://p\r\nX: y",
            "://p",
            "http://p:",
            "http://-:1",
        ] {
            // A port that is left out is the default one.
            assert_eq!(Proxy::http(url).is_ok(), url == "http://p:", "{url}");
        }
        for scheme in ["https", "socks5", "socks5h", "ftp"] {
            let error = Proxy::http(&format!("{scheme}://p:1")).unwrap_err().to_string();
            assert!(error.contains(&format!("'{scheme}'")), "{error}");
        }
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let all = [("ALL_PROXY", "http://all:1"), ("NO_PROXY", "example.org, 10.0.0.0/8")];
        assert_eq!(through(&[], "wss://a.example"), None);
        assert_eq!(through(&all, "wss://a.example"), at("all:1"));
        assert_eq!(through(&all, "ws://a.example"), at("all:1"));
        assert_eq!(through(&all, "wss://a.example.org"), None);
        assert_eq!(through(&all, "ws://10.1.2.3"), None);
        let by_scheme = [("HTTPS_PROXY", "tls:2"), ("http_proxy", "plain:3"), all[0]];
        assert_eq!(through(&by_scheme, "wss://a.example"), at("tls:2"));
        assert_eq!(through(&by_scheme, "ws://a.example"), at("plain:3"));
        let both = [("HTTPS_PROXY", "large:1"), ("https_proxy", "small:1")];
        assert_eq!(through(&both, "wss://a.example"), at("small:1"));
        let emptied = [("https_proxy", ""), ("HTTPS_PROXY", "large:1"), all[0]];
        assert_eq!(through(&emptied, "wss://a.example"), None);
        assert_eq!(through(&emptied, "ws://a.example"), at("all:1"));
    }

    #[test]
    fn a_cgi_program_takes_no_proxy_from_a_header() {
        let cgi = [("HTTP_PROXY", "evil:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(through(&cgi, "ws://a.example"), None);
        assert_eq!(through(&cgi[..1], "ws://a.example"), at("evil:1"));
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_named_once_it_would_be() {
        let socks = [("ALL_PROXY", "socks5://u:secret@p:1"), ("HTTPS_PROXY", "http://p:2")];
        assert_eq!(through(&socks, "wss://a.example"), at("p:2"));
        let error = through(&socks, "ws://a.example").unwrap().unwrap_err();
        assert!(error.contains("ALL_PROXY") && error.contains("'socks5'"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn servers_are_excepted_from_a_proxy_that_is_named() {
        let proxy = Proxy::http("p:1").unwrap().except("localhost").except("example.com:8443");
        for (url, is_direct) in [
            ("wss://localhost", true),
            ("wss://example.com:8443", true),
            ("wss://example.com", false),
        ] {
            let target = Target::parse(url, Scheme::Secure).unwrap();
            assert_eq!(
                proxy.before(&target, Scheme::Secure).unwrap().is_none(),
                is_direct,
                "{url}"
            );
        }
    }
}
