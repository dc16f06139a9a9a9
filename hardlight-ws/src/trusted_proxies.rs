//! Which proxies a server believes, and who its client is by what they say.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use http::{HeaderMap, HeaderName, StatusCode, header::FORWARDED};
use ipnet::{IpNet, Ipv4Net};
use thiserror::Error;

use crate::{
    Refusal,
    forwarded::{Element, Elements, Malformed, address, entries, is_secure},
    origin::is_authority,
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Which proxies a server believes what they say of the client whose request they pass on: its address, whether it uses TLS, and
/// the host that it asked for. [`Request::client_ip`](crate::Request::client_ip),
/// [`is_secure`](crate::Request::is_secure), [`host`](crate::Request::host) and the check of the `Origin` go by it.
///
/// Anybody can send these headers, so they count only in requests whose socket comes from an address that is trusted here. Which
/// headers is said too: [`x_forwarded`](Self::x_forwarded) or [`forwarded`](Self::forwarded). The other kind is never
/// looked at, not even where it is the only one: a proxy writes one kind, and passes the other on as the client sent it. Of
/// the kind that it writes it must set or remove each header, or add to the list of addresses.
///
/// Each proxy on the way adds the address that *it* sees. From the server back, addresses that are trusted are proxies, and
/// the first one that is not is the client: what stands before it the client itself may have written. Where all are trusted,
/// the first proxy's client is one of them, and is the client. An entry that is no address (`unknown`, `_hidden`, garbage) is
/// not trusted: then the client's address is not known. Without an entry the proxy itself is the client.
///
/// The PROXY protocol, which comes before TLS and HTTP, is not understood.
///
/// Cheap to clone. Memory: 18 bytes for each entry, once for a server.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    kind: Kind,
    addresses: Option<Arc<[IpNet]>>,
    unaddressed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Kind {
    #[default]
    XForwarded,
    Forwarded,
}

impl TrustedProxies {
    /// Nobody is believed: the default. Whoever has connected is the client.
    pub const fn none() -> Self {
        Self { kind: Kind::XForwarded, addresses: None, unaddressed: false }
    }

    /// Proxies at these addresses, which write `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`, as most do: IP
    /// addresses, or prefixes (`10.0.0.0/8`, `fd00::/8`).
    ///
    /// `X-Forwarded-For` is a list, to which each proxy adds. The other two have one entry, of the proxy that the client speaks
    /// with; or as many as `X-Forwarded-For`, and then the one in the client's place counts. With any other number neither is
    /// known. `X-Forwarded-Host` has the port, if it is not the scheme's default one; `X-Forwarded-Port` is not looked at.
    ///
    /// # Errors
    ///
    /// [`TrustedProxiesError`] if one of them is neither an address nor a prefix.
    pub fn x_forwarded<'a>(
        addresses: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TrustedProxiesError> {
        Self::at(Kind::XForwarded, addresses)
    }

    /// Proxies at these addresses, which write `Forwarded` (RFC 7239). Scheme and host are those that stand beside the client's
    /// address. A request with a malformed header is refused with the status 400: a client could else hide behind what it makes
    /// its proxy add to.
    ///
    /// # Errors
    ///
    /// As for [`x_forwarded`](Self::x_forwarded).
    pub fn forwarded<'a>(
        addresses: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TrustedProxiesError> {
        Self::at(Kind::Forwarded, addresses)
    }

    /// Also believes a proxy whose connection has no address: one that comes by a Unix socket, for one.
    #[must_use]
    pub fn allow_unaddressed(mut self) -> Self {
        self.unaddressed = true;
        self
    }

    fn at<'a>(
        kind: Kind,
        addresses: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TrustedProxiesError> {
        let addresses = addresses
            .into_iter()
            .map(|text| prefix(text).ok_or_else(|| TrustedProxiesError(text.to_owned())));
        let addresses = addresses.collect::<Result<Arc<[_]>, _>>()?;
        Ok(Self { kind, addresses: Some(addresses), unaddressed: false })
    }

    /// The client of a request with these headers, which came from `peer`, over TLS or not.
    ///
    /// # Errors
    ///
    /// What to answer where a trusted proxy's `Forwarded` is malformed.
    pub(crate) fn client(
        &self,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
        has_tls: bool,
    ) -> Result<Client, Refusal> {
        let direct = Client::direct(peer, has_tls);
        let is_trusted = match direct.ip {
            Some(ip) => self.trusts(ip),
            None => self.unaddressed,
        };
        if !is_trusted {
            return Ok(direct);
        }
        let told = match self.kind {
            Kind::XForwarded => self.told_by_x_forwarded(headers),
            Kind::Forwarded => self.told_by_forwarded(headers).map_err(|Malformed| {
                Refusal::new(StatusCode::BAD_REQUEST, "malformed Forwarded header\n")
            })?,
        };
        Ok(Client {
            ip: told.ip.unwrap_or(direct.ip),
            is_secure: told.is_secure.or(direct.is_secure),
            host: told.host,
        })
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        self.addresses.iter().flat_map(|all| all.iter()).any(|prefix| prefix.contains(&ip))
    }

    fn is_proxy(&self, ip: Option<IpAddr>) -> bool {
        ip.is_some_and(|ip| self.trusts(ip))
    }

    fn told_by_x_forwarded(&self, headers: &HeaderMap) -> Told {
        let (mut client, mut count) = (None, 0);
        for entry in entries(headers, &X_FORWARDED_FOR) {
            let ip = std::str::from_utf8(entry).ok().and_then(address);
            if client.is_none() || !self.is_proxy(ip) {
                client = Some((ip, count));
            }
            count += 1;
        }
        let place = client.map_or(0, |(_, place)| place);
        let beside = |name: &HeaderName| match entries(headers, name).count() {
            0 => Entry::Missing,
            1 => Entry::of(entries(headers, name).next()),
            all if all == count => Entry::of(entries(headers, name).nth(place)),
            _ => Entry::Garbage,
        };
        let scheme = match beside(&X_FORWARDED_PROTO) {
            Entry::Text(scheme) => is_secure(scheme).map(Some),
            Entry::Missing => Some(None),
            Entry::Garbage => None,
        };
        let host = match beside(&X_FORWARDED_HOST) {
            Entry::Text(host) => ClientHost::told(host),
            Entry::Missing => ClientHost::AsSent,
            Entry::Garbage => ClientHost::Unknown,
        };
        let ip = client.map(|(ip, _)| ip);
        match scheme {
            Some(is_secure) => Told { ip, is_secure, host },
            // Nobody knows what the client has asked for.
            None => Told { ip, is_secure: Some(false), host: ClientHost::Unknown },
        }
    }

    fn told_by_forwarded(&self, headers: &HeaderMap) -> Result<Told, Malformed> {
        let ip = |element: &Element<'_>| element.node.as_deref().and_then(address);
        let mut client = None;
        for header in headers.get_all(FORWARDED) {
            let mut elements = Elements::new(header.as_bytes())?;
            while let Some(element) = elements.next()? {
                if client.is_none() || !self.is_proxy(ip(&element)) {
                    client = Some(element);
                }
            }
        }
        let Some(client) = client else { return Ok(Told::default()) };
        Ok(Told {
            ip: Some(ip(&client)),
            is_secure: client.proto.as_deref().and_then(is_secure),
            host: client.host.as_deref().map_or(ClientHost::AsSent, ClientHost::told),
        })
    }
}

/// A text that should be an address or a prefix of some, and is neither.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{0}' is neither an IP address nor a prefix such as '10.0.0.0/8' or 'fd00::/8', behind which all bits are zero"
)]
pub struct TrustedProxiesError(String);

/// One address is a prefix too. An IPv4 address that is written as an IPv6 one is the former.
pub(crate) fn prefix(text: &str) -> Option<IpNet> {
    let prefix = match IpNet::from_str(text) {
        Ok(prefix) => prefix,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    // Somebody may have meant more, or less, than would count.
    if prefix.addr() != prefix.network() {
        return None;
    }
    match (prefix.addr().to_canonical(), prefix.prefix_len().checked_sub(96)) {
        (IpAddr::V4(ip), Some(length)) if prefix.addr().is_ipv6() => {
            Some(Ipv4Net::new(ip, length).ok()?.into())
        }
        _ => Some(prefix),
    }
}

/// The client of a request, as far as it is known.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) ip: Option<IpAddr>,
    /// Whether it uses TLS; `None` where nobody says: there may be a proxy that has it.
    pub(crate) is_secure: Option<bool>,
    pub(crate) host: ClientHost,
}

impl Client {
    /// The one who has connected.
    pub(crate) fn direct(peer: Option<SocketAddr>, has_tls: bool) -> Self {
        let ip = peer.map(|peer| peer.ip().to_canonical());
        Self { ip, is_secure: has_tls.then_some(true), host: ClientHost::AsSent }
    }
}

/// The host and port that a client has asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum ClientHost {
    /// Those in the request's `Host`.
    #[default]
    AsSent,
    /// These, which a proxy says.
    Told(String),
    /// A proxy says something else.
    Unknown,
}

impl ClientHost {
    fn told(host: &str) -> Self {
        if is_authority(host) { Self::Told(host.to_owned()) } else { Self::Unknown }
    }
}

/// What proxies say.
#[derive(Default)]
struct Told {
    /// Whether there is an address, and then which one, if that is known.
    ip: Option<Option<IpAddr>>,
    is_secure: Option<bool>,
    host: ClientHost,
}

/// What stands in a header in the client's place.
enum Entry<'a> {
    Missing,
    Text(&'a str),
    Garbage,
}

impl<'a> Entry<'a> {
    fn of(entry: Option<&'a [u8]>) -> Self {
        entry.and_then(|entry| std::str::from_utf8(entry).ok()).map_or(Self::Garbage, Self::Text)
    }
}

#[cfg(test)]
mod tests;
