//! Where a client connects to: a URL, taken apart, and the HTTP request for it.

use std::net::IpAddr;

use hardlight_driver::Endpoint;
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{AUTHORIZATION, COOKIE, ORIGIN, SEC_WEBSOCKET_PROTOCOL},
    uri::Authority,
};
use rustls::pki_types::ServerName;
use tungstenite::client::IntoClientRequest;

use crate::{ClientOptions, ConnectError, SUBPROTOCOL, cookies, headers, token};

/// The scheme of a URL: whether there is TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `wss://`, with TLS; port 443 if the URL has none.
    Secure,
    /// `ws://`, without; port 80 if the URL has none.
    Plain,
}

impl Scheme {
    /// As it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secure => "wss",
            Self::Plain => "ws",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Secure => 443,
            Self::Plain => 80,
        }
    }

    /// What to say to somebody who gave a URL of the other scheme.
    const fn hint(self) -> &'static str {
        match self {
            Self::Secure => {
                "it must begin with 'wss://' (for 'ws://', without TLS, there are the functions with 'plain' in their name)"
            }
            Self::Plain => {
                "it must begin with 'ws://' (for 'wss://', with TLS, there are the functions without 'plain' in their name)"
            }
        }
    }
}

/// A URL to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    uri: Uri,
    host: String,
    port: u16,
}

impl Target {
    /// Takes apart `wss://host:port/path?query`, or the same with `ws://`, as `scheme` demands.
    ///
    /// # Errors
    ///
    /// [`ConnectError::InvalidUrl`], which says what is wrong.
    pub fn parse(url: &str, scheme: Scheme) -> Result<Self, ConnectError> {
        let invalid = |reason: &str| ConnectError::InvalidUrl {
            url: redact(url).to_owned(),
            reason: reason.to_owned(),
        };
        let form = format!("it is not of the form {}://host:port/path", scheme.as_str());
        let uri: Uri = url.parse().map_err(|error| invalid(&format!("{form}: {error}")))?;
        if uri.scheme_str() != Some(scheme.as_str()) {
            return Err(invalid(scheme.hint()));
        }
        let authority = uri.authority().ok_or_else(|| invalid("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("a user or password in it would not be sent: use a header"));
        }
        let (host, port) = host_and_port(authority, scheme.default_port()).map_err(invalid)?;
        Ok(Self { host, port, uri })
    }

    /// The name or IP address, without the brackets that an IPv6 address has in a URL.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The server, for spans.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::unknown().with_server(self.host(), Some(self.port()))
    }

    /// What the server's certificate must be for.
    pub fn server_name(&self) -> ServerName<'static> {
        ServerName::try_from(self.host.clone()).expect("the host was checked when it was parsed")
    }

    /// The HTTP request for it, with a fresh key, the subprotocols, and what else `options` have for its head.
    ///
    /// # Errors
    ///
    /// [`ConnectError::ReservedHeader`] if an extra header belongs to the handshake itself,
    /// [`ConnectError::DuplicateHeader`] if it says again who connects, and [`ConnectError::InvalidCookie`] or
    /// [`ConnectError::InvalidHeader`] if a cookie, the token, the origin or a subprotocol cannot stand in a header.
    pub fn request(&self, options: &ClientOptions) -> Result<http::Request<()>, ConnectError> {
        let mut request = self
            .uri
            .clone()
            .into_client_request()
            .map_err(|error| ConnectError::WebSocket(error.into()))?;
        let head = request.headers_mut();
        head.insert(SEC_WEBSOCKET_PROTOCOL, subprotocols(&options.subprotocols)?);
        add_identification(head, options)?;
        for (name, value) in &options.headers {
            if headers::is_reserved(name) {
                return Err(ConnectError::ReservedHeader(name.clone()));
            }
            head.append(name, value.clone());
        }
        for name in [AUTHORIZATION, ORIGIN] {
            // A server could not say which one counts.
            if head.get_all(&name).iter().count() > 1 {
                return Err(ConnectError::DuplicateHeader(name));
            }
        }
        Ok(request)
    }
}

fn subprotocols(extra: &[String]) -> Result<HeaderValue, ConnectError> {
    // What an HTTP token is, a header's name is as well.
    let invalid = |offered: &String| HeaderName::from_bytes(offered.as_bytes()).is_err();
    if extra.iter().any(invalid) {
        return Err(ConnectError::InvalidHeader(SEC_WEBSOCKET_PROTOCOL));
    }
    let offered = extra.iter().fold(SUBPROTOCOL.to_owned(), |all, offered| all + ", " + offered);
    let mut offered = HeaderValue::from_str(&offered).expect("tokens, commas and spaces are ASCII");
    // There may be a token among them.
    offered.set_sensitive(true);
    Ok(offered)
}

/// Who connects: cookies, token, origin.
fn add_identification(
    headers: &mut HeaderMap,
    options: &ClientOptions,
) -> Result<(), ConnectError> {
    let cookies = cookies::header(&options.cookies);
    if let Some(cookies) = cookies.map_err(ConnectError::InvalidCookie)? {
        headers.append(COOKIE, cookies);
    }
    if let Some(token) = &options.token {
        let token = token::header(token).ok_or(ConnectError::InvalidHeader(AUTHORIZATION))?;
        headers.append(AUTHORIZATION, token);
    }
    if let Some(origin) = &options.origin {
        let origin = HeaderValue::from_str(origin);
        headers.append(ORIGIN, origin.map_err(|_| ConnectError::InvalidHeader(ORIGIN))?);
    }
    Ok(())
}

/// The host of a URL, without the brackets of an IPv6 address, and its port; or what is wrong with them.
pub(crate) fn host_and_port(
    authority: &Authority,
    default_port: u16,
) -> Result<(String, u16), &'static str> {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    if ServerName::try_from(host.as_str()).is_err() {
        return Err("its host is neither a name nor an IP address");
    }
    let port = match authority.as_str().strip_prefix(authority.host()) {
        Some("" | ":") => default_port,
        _ => authority.port_u16().ok_or("its port is not 0 to 65535")?,
    };
    Ok((host, port))
}

/// `scheme://host:port`, with the brackets that an IPv6 address needs.
pub fn url(scheme: Scheme, host: &str, port: u16) -> String {
    format!("{}://{}", scheme.as_str(), authority(host, port))
}

/// `host:port`, with these brackets.
pub(crate) fn authority(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

/// A query or a password may hold a secret, and errors are logged.
fn redact(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    if url.contains('@') { "..." } else { url }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_LENGTH, HOST, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING, UPGRADE};

    use super::*;

    fn parts(url: &str, scheme: Scheme) -> (String, u16) {
        let target = Target::parse(url, scheme).unwrap();
        (target.host, target.port)
    }

    fn error(url: &str) -> String {
        Target::parse(url, Scheme::Secure).unwrap_err().to_string()
    }

    #[test]
    fn urls_are_taken_apart() {
        assert_eq!(parts("wss://a.example", Scheme::Secure), ("a.example".into(), 443));
        assert_eq!(parts("ws://a.example/x?y=1", Scheme::Plain), ("a.example".into(), 80));
        assert_eq!(parts("wss://127.0.0.1:4433/", Scheme::Secure), ("127.0.0.1".into(), 4433));
        assert_eq!(parts("wss://[::1]:4433/", Scheme::Secure), ("::1".into(), 4433));
        assert_eq!(parts("wss://[::1]/", Scheme::Secure), ("::1".into(), 443));
    }

    #[test]
    fn the_other_scheme_is_pointed_to() {
        let plain = error("ws://localhost:1/secret?token=abc");
        assert!(plain.contains("'wss://'") && plain.contains("plain"), "{plain}");
        assert!(!plain.contains("abc"), "{plain}");
        let secure = Target::parse("wss://localhost", Scheme::Plain).unwrap_err().to_string();
        assert!(secure.contains("'ws://'"), "{secure}");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in ["", "localhost:1", "/path", "wss://", "wss:///x", "https://a", "wss://a b/"] {
            assert!(error(url).contains("cannot connect to"), "{url}");
        }
        assert!(error("wss://a:70000/").contains("port"), "{}", error("wss://a:70000/"));
        assert!(!error("wss://me:pass@a/").contains("pass@"));
    }

    #[test]
    fn a_request_asks_for_the_subprotocol_and_has_the_extra_headers() {
        let target = Target::parse("wss://[::1]:9/x?y", Scheme::Secure).unwrap();
        let name = HeaderName::from_static("x-tenant");
        let options = ClientOptions::new().header(name.clone(), HeaderValue::from_static("7"));
        let request = target.request(&options).unwrap();
        assert_eq!(request.headers()[SEC_WEBSOCKET_PROTOCOL], "hl.1");
        assert_eq!(request.headers()[HOST], "[::1]:9");
        assert_eq!(request.headers()[name], "7");
        assert_eq!(request.uri().path_and_query().unwrap(), "/x?y");
    }

    #[test]
    fn a_request_says_who_connects() {
        let target = Target::parse("wss://a", Scheme::Secure).unwrap();
        let options = ClientOptions::new()
            .cookie(("a", "1"))
            .cookie(("b", "2"))
            .token("t0ken")
            .origin("https://a")
            .subprotocol("extra")
            .subprotocol("hl.token.c2VjcmV0");
        let request = target.request(&options).unwrap();
        let headers = request.headers();
        assert_eq!(headers[COOKIE], "a=1; b=2");
        assert_eq!(headers[AUTHORIZATION], "Bearer t0ken");
        assert_eq!(headers[ORIGIN], "https://a");
        assert_eq!(headers[SEC_WEBSOCKET_PROTOCOL], "hl.1, extra, hl.token.c2VjcmV0");
        let shown = format!("{headers:?}");
        assert!(!shown.contains("t0ken") && !shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_named_and_not_sent() {
        let target = Target::parse("wss://a", Scheme::Secure).unwrap();
        for (options, header) in [
            (ClientOptions::new().token("a b"), AUTHORIZATION),
            (ClientOptions::new().origin("a\r\nX: y"), ORIGIN),
            (ClientOptions::new().subprotocol("a, b"), SEC_WEBSOCKET_PROTOCOL),
            (ClientOptions::new().subprotocol(""), SEC_WEBSOCKET_PROTOCOL),
        ] {
            match target.request(&options) {
                Err(ConnectError::InvalidHeader(name)) => assert_eq!(name, header),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_bad_cookie_is_named() {
        let target = Target::parse("wss://a", Scheme::Secure).unwrap();
        let options = ClientOptions::new().cookie(("a", "1")).cookie(("b", "1; c=2"));
        let error = target.request(&options).unwrap_err();
        assert!(matches!(&error, ConnectError::InvalidCookie(name) if name == "b"), "{error}");
        assert!(!error.to_string().contains("c=2"), "{error}");
    }

    #[test]
    fn who_connects_is_said_once() {
        let target = Target::parse("wss://a", Scheme::Secure).unwrap();
        let new = ClientOptions::new;
        let value = HeaderValue::from_static("Bearer b");
        for (options, header) in [
            (new().token("a").header(AUTHORIZATION, value.clone()), AUTHORIZATION),
            (
                new().header(AUTHORIZATION, value.clone()).header(AUTHORIZATION, value),
                AUTHORIZATION,
            ),
            (new().origin("https://a").header(ORIGIN, HeaderValue::from_static("null")), ORIGIN),
        ] {
            match target.request(&options) {
                Err(ConnectError::DuplicateHeader(name)) => assert_eq!(name, header),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn headers_of_the_handshake_and_of_the_connection_cannot_be_set() {
        let target = Target::parse("wss://a", Scheme::Secure).unwrap();
        for name in [UPGRADE, HOST, SEC_WEBSOCKET_KEY, CONTENT_LENGTH, TRANSFER_ENCODING] {
            let options = ClientOptions::new().header(name, HeaderValue::from_static("1"));
            assert!(matches!(target.request(&options), Err(ConnectError::ReservedHeader(_))));
        }
    }

    #[test]
    fn urls_are_put_together() {
        assert_eq!(url(Scheme::Secure, "localhost", 1), "wss://localhost:1");
        assert_eq!(url(Scheme::Plain, "::1", 1), "ws://[::1]:1");
    }
}
