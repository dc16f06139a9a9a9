//! What proxies write into a request about the client: `Forwarded` (RFC 7239), and the headers `X-Forwarded-*` that were
//! there before it. Parsed here, and believed or not in `trusted_proxies.rs`.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use http::{HeaderMap, HeaderName};

/// A header that is not of the form that RFC 7239, section 4, gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What one proxy wrote into `Forwarded`, as far as it is of interest here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) node: Option<Cow<'a, str>>,
    pub(crate) proto: Option<Cow<'a, str>>,
    pub(crate) host: Option<Cow<'a, str>>,
}

impl<'a> Element<'a> {
    /// No parameter may come twice.
    fn set(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), Malformed> {
        let place = match () {
            () if name.eq_ignore_ascii_case("for") => &mut self.node,
            () if name.eq_ignore_ascii_case("proto") => &mut self.proto,
            () if name.eq_ignore_ascii_case("host") => &mut self.host,
            () => return Ok(()),
        };
        if place.replace(value).is_some() { Err(Malformed) } else { Ok(()) }
    }
}

/// The elements of one `Forwarded` header. Blanks are allowed also around a `;`, and a value may hold `:`, `[` and `]` without
/// being quoted, since there are proxies that write so.
#[derive(Debug)]
pub(crate) struct Elements<'a> {
    rest: &'a str,
}

impl<'a> Elements<'a> {
    pub(crate) fn new(header: &'a [u8]) -> Result<Self, Malformed> {
        let is_text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        let rest = std::str::from_utf8(header).map_err(|_| Malformed)?;
        if header.iter().all(is_text) { Ok(Self { rest }) } else { Err(Malformed) }
    }

    /// The next one that is not empty; `None` behind the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        let (mut element, mut is_empty) = (Element::default(), true);
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.as_bytes().first() {
                Some(b',') if is_empty => self.skip(1),
                None | Some(b',') => {
                    self.skip(1);
                    return Ok((!is_empty).then_some(element));
                }
                Some(b';') => self.skip(1),
                Some(_) => {
                    let (name, value) = self.pair()?;
                    element.set(name, value)?;
                    is_empty = false;
                }
            }
        }
    }

    /// `name=value`, with what separates it from the next one still to come.
    fn pair(&mut self) -> Result<(&'a str, Cow<'a, str>), Malformed> {
        let (name, rest) = self.rest.split_once('=').ok_or(Malformed)?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Malformed);
        }
        self.rest = rest;
        let value = match rest.strip_prefix('"') {
            Some(quoted) => self.quoted(quoted)?,
            None => self.unquoted()?,
        };
        self.rest = self.rest.trim_start();
        match self.rest.as_bytes().first() {
            None | Some(b',' | b';') => Ok((name, value)),
            Some(_) => Err(Malformed),
        }
    }

    fn unquoted(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let is_value = |byte: u8| is_token(byte) || b":[]".contains(&byte);
        let length = self.rest.bytes().take_while(|&byte| is_value(byte)).count();
        let (value, rest) = self.rest.split_at(length);
        self.rest = rest;
        if value.is_empty() { Err(Malformed) } else { Ok(value.into()) }
    }

    /// `quoted` is what follows the opening quote.
    fn quoted(&mut self, quoted: &'a str) -> Result<Cow<'a, str>, Malformed> {
        let (mut value, mut from) = (Cow::Borrowed(""), 0);
        let bytes = quoted.as_bytes();
        loop {
            let found = bytes[from..].iter().position(|byte| matches!(byte, b'"' | b'\\'));
            let at = from + found.ok_or(Malformed)?;
            value += &quoted[from..at];
            if bytes[at] == b'"' {
                self.rest = &quoted[at + 1..];
                return Ok(value);
            }
            value += quoted.get(at + 1..at + 2).ok_or(Malformed)?;
            from = at + 2;
        }
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }
}

/// A character of an HTTP token (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The entries of a header that is a list, in all of its lines. Empty ones do not count.
pub(crate) fn entries<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty())
}

/// The address of a hop: IPv4 or IPv6, the latter in brackets or, where there is no port, without. `None` for `unknown`, for an
/// identifier that hides the address (`_hidden`), and for garbage.
pub(crate) fn address(node: &str) -> Option<IpAddr> {
    let (ip, port) = match node.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']')?;
            (IpAddr::V6(ip.parse::<Ipv6Addr>().ok()?), port)
        }
        None if node.bytes().filter(|&byte| byte == b':').count() == 1 => {
            let (ip, port) = node.split_at(node.find(':')?);
            (IpAddr::V4(ip.parse::<Ipv4Addr>().ok()?), port)
        }
        None => (node.parse().ok()?, ""),
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then(|| ip.to_canonical())
}

/// A number, or an identifier that hides it.
fn is_port(port: &str) -> bool {
    port.parse::<u16>().is_ok() || port.starts_with('_')
}

/// Whether a scheme has TLS. Proxies name the page's, or that of the WebSocket.
pub(crate) fn is_secure(scheme: &str) -> Option<bool> {
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(header: &str) -> Result<Vec<Element<'_>>, Malformed> {
        let mut elements = Elements::new(header.as_bytes())?;
        let mut all = Vec::new();
        while let Some(element) = elements.next()? {
            all.push(element);
        }
        Ok(all)
    }

    fn element(
        node: &'static str,
        proto: Option<&'static str>,
        host: Option<&'static str>,
    ) -> Element<'static> {
        Element {
            node: Some(node.into()),
            proto: proto.map(Into::into),
            host: host.map(Into::into),
        }
    }

    #[test]
    fn elements_are_read_as_rfc_7239_has_them() {
        for (header, expected) in [
            ("for=\"_gazonk\"", vec![element("_gazonk", None, None)]),
            (
                "For=\"[2001:db8:cafe::17]:4711\"",
                vec![element("[2001:db8:cafe::17]:4711", None, None)],
            ),
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                vec![element("192.0.2.60", Some("http"), None)],
            ),
            (
                "for=192.0.2.43, for=198.51.100.17",
                vec![element("192.0.2.43", None, None), element("198.51.100.17", None, None)],
            ),
            (
                "for=1.2.3.4 ; HOST=\"a.example:8443\";Proto=https ,for=unknown",
                vec![
                    element("1.2.3.4", Some("https"), Some("a.example:8443")),
                    element("unknown", None, None),
                ],
            ),
            (
                r#"for="a\"b\\c, for=d;";secret="#.trim_end_matches(";secret="),
                vec![element("a\"b\\c, for=d;", None, None)],
            ),
            (
                "for=[::1]:80,,; ,;for=\"\"",
                vec![element("[::1]:80", None, None), element("", None, None)],
            ),
            ("", vec![]),
            (" , ;, ", vec![]),
        ] {
            assert_eq!(all(header), Ok(expected), "{header}");
        }
    }

    #[test]
    fn what_is_malformed_is_malformed_as_a_whole() {
        for header in [
            "for",
            "for=",
            "=a",
            "for =a",
            "for= a",
            "for=a b",
            "for=a=b",
            "for=\"a",
            "for=\"a\\",
            "for=\"a\"b",
            "for=\"a\", for=\"1.2.3.4, for=5.6.7.8",
            "for=a;for=b",
            "for=a;proto=http;PROTO=https",
            "for=a, 1.2.3.4",
            "for=a, for=\u{e9}",
            "for=\"\u{7f}\"",
            "for=a/b",
        ] {
            assert_eq!(all(header), Err(Malformed), "{header}");
        }
        assert!(Elements::new(b"for=\xff").is_err());
    }

    #[test]
    fn addresses_are_read_in_every_form_that_proxies_write() {
        for (node, ip) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("192.0.2.1:_hidden", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8:0::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1"),
        ] {
            assert_eq!(address(node), Some(ip.parse().unwrap()), "{node}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for node in [
            "",
            "unknown",
            "_hidden",
            "unix:",
            "localhost",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:80:80",
            "192.0.2",
            "192.0.2.256",
            "0192.0.2.1",
            "192.0.2.1/32",
            "[192.0.2.1]",
            "[::1",
            "::1]",
            "[::1]80",
            "[::1]:",
            "[::1]:x",
            "fe80::1%eth0",
            " 192.0.2.1",
        ] {
            assert_eq!(address(node), None, "{node}");
        }
    }
}
