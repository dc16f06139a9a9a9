//! Which servers are reached without the proxy, as `NO_PROXY` has them.

use std::net::IpAddr;

use ipnet::IpNet;

/// The entries of such a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    what: What,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum What {
    Everything,
    Addresses(IpNet),
    /// A host and all that are below it, in small letters.
    Name(String),
}

impl NoProxy {
    /// Reads a list that commas or blanks separate, and adds what is in it.
    pub(crate) fn extend(&mut self, list: &str) {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        self.0.extend(entries.map(Entry::parse));
    }

    /// Whether a server is on the list: by its name or its address, as the URL has it. No name is resolved.
    pub(crate) fn has(&self, host: &str, port: u16) -> bool {
        let address = host.parse::<IpAddr>().map(|ip| ip.to_canonical()).ok();
        let name = plain_name(host);
        self.0.iter().any(|entry| {
            let is_host = match (&entry.what, address) {
                (What::Everything, _) => true,
                (What::Addresses(prefix), Some(address)) => prefix.contains(&address),
                (What::Name(listed), None) => is_below(&name, listed),
                _ => false,
            };
            is_host && entry.port.is_none_or(|listed| listed == port)
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Self {
        let what = |host: &str| match addresses(host) {
            Some(prefix) => What::Addresses(prefix),
            None if host == "*" => What::Everything,
            None => {
                let host = host.strip_prefix('*').unwrap_or(host);
                What::Name(plain_name(host.strip_prefix('.').unwrap_or(host)))
            }
        };
        if addresses(text).is_none()
            && let Some((host, port)) = text.rsplit_once(':')
            && let Ok(port) = port.parse()
        {
            return Self { what: what(host), port: Some(port) };
        }
        Self { what: what(text), port: None }
    }
}

/// An address, in brackets or without, or a prefix, whose further bits do not count.
fn addresses(text: &str) -> Option<IpNet> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match inner.parse::<IpAddr>() {
        Ok(ip) => Some(ip.to_canonical().into()),
        Err(_) => text.parse::<IpNet>().ok().map(|prefix| prefix.trunc()),
    }
}

fn plain_name(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn is_below(name: &str, listed: &str) -> bool {
    let above = name.strip_suffix(listed);
    !listed.is_empty() && above.is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(list: &str, host: &str, port: u16) -> bool {
        let mut no_proxy = NoProxy::default();
        no_proxy.extend(list);
        no_proxy.has(host, port)
    }

    #[test]
    fn a_name_is_the_host_and_all_below_it() {
        for list in [
            "example.com",
            ".example.com",
            "*.example.com",
            "EXAMPLE.com.",
            "a,example.com",
            "a , example.com,",
            "a example.com",
            "*",
        ] {
            for host in ["example.com", "a.Example.com", "a.b.example.com", "example.com."] {
                assert!(has(list, host, 443), "{list} {host}");
            }
        }
        for host in ["notexample.com", "example.com.evil.org", "example.org", "com", "127.0.0.1"] {
            assert!(!has("example.com", host, 443), "{host}");
        }
        assert!(!has("", "example.com", 443) && !has(" ,,. ", "example.com", 443));
        assert!(has("localhost", "localhost", 1) && !has("example.com", "localhost", 1));
    }

    #[test]
    fn an_address_is_compared_with_addresses_and_prefixes() {
        for (list, host) in [
            ("127.0.0.1", "127.0.0.1"),
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.9.9.9/8", "10.1.2.3"),
            ("::1", "::1"),
            ("[::1]", "0:0::1"),
            ("fd00::/8", "fd12::3"),
            ("10.0.0.0/8", "::ffff:10.1.2.3"),
        ] {
            assert!(has(list, host, 443), "{list} {host}");
        }
        for (list, host) in [
            ("127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "11.1.2.3"),
            ("10.0.0.0/99", "10.1.2.3"),
            ("0.0.1", "127.0.0.1"),
            ("10.0.0.0/8", "10.example.com"),
        ] {
            assert!(!has(list, host, 443), "{list} {host}");
        }
    }

    #[test]
    fn an_entry_with_a_port_is_for_that_port() {
        for (list, host) in [
            ("example.com:8443", "a.example.com"),
            ("10.0.0.1:8443", "10.0.0.1"),
            ("[::1]:8443", "::1"),
            ("*:8443", "example.org"),
        ] {
            assert!(has(list, host, 8443), "{list}");
            assert!(!has(list, host, 443), "{list}");
        }
    }
}
