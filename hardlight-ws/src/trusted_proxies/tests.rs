use proptest::prelude::*;

use super::*;

const PROXIES: [&str; 3] = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"];

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for &(name, value) in lines {
        headers.append(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn peer(ip: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.parse().unwrap(), 4711))
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn x_forwarded(lines: &[(&'static str, &str)]) -> Client {
    let proxies = TrustedProxies::x_forwarded(PROXIES).unwrap();
    proxies.client(&headers(lines), peer("10.0.0.1"), false).unwrap()
}

/// The client's address by one `X-Forwarded-For`.
fn by_x_forwarded_for(value: &str) -> Option<IpAddr> {
    x_forwarded(&[("x-forwarded-for", value)]).ip
}

fn forwarded(lines: &[&str]) -> Result<Client, Refusal> {
    let proxies = TrustedProxies::forwarded(PROXIES).unwrap();
    let lines: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
    proxies.client(&headers(&lines), peer("10.0.0.1"), false)
}

const EVERYTHING: [(&str, &str); 4] = [
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "forged.example"),
    ("forwarded", "for=203.0.113.9;proto=https;host=forged.example"),
];

#[test]
fn nobody_is_believed_who_is_not_trusted() {
    let x_forwarded = TrustedProxies::x_forwarded(PROXIES).unwrap().allow_unaddressed();
    let forwarded = TrustedProxies::forwarded(PROXIES).unwrap().allow_unaddressed();
    let nobody = TrustedProxies::x_forwarded([]).unwrap();
    for (proxies, from) in [
        (&x_forwarded, "198.51.100.1"),
        (&forwarded, "198.51.100.1"),
        (&forwarded, "::1"),
        (&x_forwarded, "192.0.2.8"),
        (&nobody, "10.0.0.1"),
        (&TrustedProxies::none(), "10.0.0.1"),
    ] {
        for has_tls in [false, true] {
            let client = proxies.client(&headers(&EVERYTHING), peer(from), has_tls).unwrap();
            assert_eq!(client.ip, ip(from));
            assert_eq!(client.is_secure, has_tls.then_some(true));
            assert_eq!(client.host, ClientHost::AsSent);
        }
    }
    // Nor is what it sends looked at.
    let malformed = headers(&[("forwarded", "for=\"")]);
    assert!(forwarded.client(&malformed, peer("198.51.100.1"), false).is_ok());
}

#[test]
fn one_kind_of_header_is_believed_and_the_other_never() {
    let both = [
        ("x-forwarded-for", "203.0.113.1"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "for=203.0.113.2;proto=https;host=a.example"),
    ];
    for lines in [&both[..], &both[..2]] {
        let client = x_forwarded(lines);
        assert_eq!((client.ip, client.is_secure), (ip("203.0.113.1"), Some(false)));
        assert_eq!(client.host, ClientHost::AsSent);
    }
    assert_eq!(x_forwarded(&both[2..]).ip, ip("10.0.0.1"));
    let proxies = TrustedProxies::forwarded(PROXIES).unwrap();
    let client = proxies.client(&headers(&both), peer("10.0.0.1"), false).unwrap();
    assert_eq!((client.ip, client.is_secure), (ip("203.0.113.2"), Some(true)));
    let client = proxies.client(&headers(&both[..2]), peer("10.0.0.1"), false).unwrap();
    assert_eq!((client.ip, client.is_secure), (ip("10.0.0.1"), None));
}

#[test]
fn a_connection_without_an_address_is_believed_only_if_that_is_asked_for() {
    let proxies = TrustedProxies::x_forwarded([]).unwrap();
    let client = proxies.client(&headers(&EVERYTHING), None, false).unwrap();
    assert_eq!((client.ip, client.is_secure), (None, None));
    let client = proxies.allow_unaddressed().client(&headers(&EVERYTHING), None, false).unwrap();
    assert_eq!((client.ip, client.is_secure), (ip("203.0.113.9"), Some(true)));
    assert_eq!(client.host, ClientHost::Told("forged.example".to_owned()));
}

#[test]
fn the_client_is_the_last_hop_that_is_not_trusted() {
    for (value, client) in [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("203.0.113.9,10.1.1.1 ,192.0.2.7,fd00::1", "203.0.113.9"),
        // What stands before it is the client's own.
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("unknown, \u{e9}, \"6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 192.0.2.8", "192.0.2.8"),
        ("2001:db8::1, [fd00::2]:80", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("203.0.113.9:4711, ::ffff:10.1.1.1", "203.0.113.9"),
        (",, 203.0.113.9 ,,", "203.0.113.9"),
        // One within: all are trusted.
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ("", "10.0.0.1"),
        (",", "10.0.0.1"),
    ] {
        assert_eq!(by_x_forwarded_for(value), ip(client), "{value}");
    }
}

#[test]
fn a_hop_that_nobody_knows_is_no_proxy() {
    for value in [
        "unknown",
        "_hidden",
        "unix:",
        "garbage, 10.1.1.1",
        "203.0.113.9, unknown, 10.1.1.1",
        "203.0.113.9 10.1.1.1",
        "203.0.113.9, \u{e9}",
        "10.1.1.1/8",
        "203.0.113.9, [10.1.1.1]",
    ] {
        assert_eq!(by_x_forwarded_for(value), None, "{value}");
    }
}

#[test]
fn several_headers_are_one_list() {
    let lines = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "203.0.113.9, 10.2.2.2"),
        ("x-forwarded-for", "10.1.1.1"),
    ];
    assert_eq!(x_forwarded(&lines).ip, ip("203.0.113.9"));
    let client = forwarded(&["for=6.6.6.6", "for=203.0.113.9;proto=https, for=10.2.2.2"]).unwrap();
    assert_eq!((client.ip, client.is_secure), (ip("203.0.113.9"), Some(true)));
}

#[test]
fn scheme_and_host_are_those_of_one_proxy_or_stand_in_the_clients_place() {
    let seen = |count: usize, proto, host| {
        let hops = ["6.6.6.6", "203.0.113.9", "10.2.2.2", "10.1.1.1"][4 - count..].join(", ");
        let client = x_forwarded(&[
            ("x-forwarded-for", &hops),
            ("x-forwarded-proto", proto),
            ("x-forwarded-host", host),
        ]);
        (client.is_secure, client.host)
    };
    let told = |host: &str| ClientHost::Told(host.to_owned());
    assert_eq!(seen(1, "https", "a.example:8443"), (Some(true), told("a.example:8443")));
    assert_eq!(seen(4, "WSS", "[::1]:1"), (Some(true), told("[::1]:1")));
    assert_eq!(seen(3, "http, https, https", "a, b, c"), (Some(false), told("a")));
    assert_eq!(seen(4, "http, https, http, http", "a, b, c, d"), (Some(true), told("b")));
    // Nobody can say which one counts.
    assert_eq!(seen(3, "https, https", "a, b"), (Some(false), ClientHost::Unknown));
    assert_eq!(seen(1, "https, https", "a, b"), (Some(false), ClientHost::Unknown));
    assert_eq!(seen(1, "gopher", "a.example"), (Some(false), ClientHost::Unknown));
    assert_eq!(seen(1, "", "a b"), (None, ClientHost::Unknown));
    assert_eq!(seen(1, "ws", "\u{e9}"), (Some(false), ClientHost::Unknown));
    assert_eq!(seen(1, "", ""), (None, ClientHost::AsSent));
}

#[test]
fn a_proxy_that_comes_by_tls_may_have_a_client_without() {
    let proxies = TrustedProxies::x_forwarded(PROXIES).unwrap();
    for (proto, is_secure) in [("http", false), ("https", true), ("gopher", false)] {
        let headers = headers(&[("x-forwarded-proto", proto)]);
        let client = proxies.client(&headers, peer("10.0.0.1"), true).unwrap();
        assert_eq!(client.is_secure, Some(is_secure), "{proto}");
    }
}

#[test]
fn what_forwarded_says_of_the_client_counts_and_of_others_not() {
    let client = forwarded(&[concat!(
        "for=6.6.6.6;proto=https;host=forged.example, ",
        "for=\"[2001:db8::1]:4711\";proto=http;host=\"a.example:8080\", ",
        "for=10.1.1.1;proto=https;host=inner.example"
    )]);
    let client = client.unwrap();
    assert_eq!((client.ip, client.is_secure), (ip("2001:db8::1"), Some(false)));
    assert_eq!(client.host, ClientHost::Told("a.example:8080".to_owned()));
    let client = forwarded(&["for=6.6.6.6;proto=https;host=a, for=203.0.113.9"]).unwrap();
    assert_eq!((client.ip, client.is_secure), (ip("203.0.113.9"), None));
    assert_eq!(client.host, ClientHost::AsSent);
    for hidden in ["for=unknown;proto=https", "for=_x, for=10.1.1.1", "proto=https", "for=\"\""] {
        assert_eq!(forwarded(&[hidden]).unwrap().ip, None, "{hidden}");
    }
    assert_eq!(forwarded(&["for=a;host=\"a b\""]).unwrap().host, ClientHost::Unknown);
    assert_eq!(forwarded(&[]).unwrap().ip, ip("10.0.0.1"));
    assert_eq!(forwarded(&["", " , "]).unwrap().ip, ip("10.0.0.1"));
}

#[test]
fn a_client_cannot_hide_in_a_quote_that_it_leaves_open() {
    for lines in [
        &["for=\"6.6.6.6, for=203.0.113.9"][..],
        &["for=\"6.6.6.6", "for=203.0.113.9"],
        &["for=6.6.6.6;, =, for=203.0.113.9"],
    ] {
        let refusal = forwarded(lines).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        assert!(!refusal.body().contains("6.6.6.6"), "{refusal}");
    }
}

#[test]
fn ipv4_is_the_same_however_a_socket_or_a_prefix_has_it() {
    let headers = headers(&[("x-forwarded-for", "203.0.113.9")]);
    for proxies in [["10.0.0.0/8"], ["::ffff:10.0.0.0/104"]] {
        let proxies = TrustedProxies::x_forwarded(proxies).unwrap();
        for from in ["10.9.8.7", "::ffff:10.9.8.7"] {
            let client = proxies.client(&headers, peer(from), false).unwrap();
            assert_eq!(client.ip, ip("203.0.113.9"), "{from}");
        }
        let client = proxies.client(&headers, peer("::ffff:11.9.8.7"), false).unwrap();
        assert_eq!(client.ip, ip("11.9.8.7"));
    }
    let every = TrustedProxies::x_forwarded(["0.0.0.0/0"]).unwrap();
    assert_eq!(every.client(&headers, peer("::1"), false).unwrap().ip, ip("::1"));
}

#[test]
fn what_is_no_prefix_is_refused() {
    for text in [
        "",
        "localhost",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0",
        "::/129",
        "fd00::1/8",
        "[::1]",
        "10.0.0.1:80",
        "10.0.0.0/8, 10.0.0.0/8",
        "*",
        "::ffff:10.0.0.0/95",
    ] {
        let error = TrustedProxies::x_forwarded([text]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("'{text}' is neither")), "{error}");
    }
    assert!(TrustedProxies::forwarded(["10.0.0.0/8", "10.0.0.0", "::/0", "::1"]).is_ok());
}

/// What a client may send in a header: anything, and often what means something there.
fn claims() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        4 => prop::sample::select(vec![
            "for=", "proto=https", "host=a", "6.6.6.6", "10.0.0.1", "[fd00::1]", "\"", "\\", ",", ";", "=", " ", ":", "unknown",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(0x20..=0xff_u8, 1..4),
    ];
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

fn header(name: &'static str, value: &[u8]) -> HeaderMap {
    let value = value.iter().copied().filter(|&byte| byte != 0x7f).collect::<Vec<_>>();
    let mut headers = HeaderMap::new();
    headers.insert(name, http::HeaderValue::from_bytes(&value).unwrap());
    headers
}

proptest! {
    #[test]
    fn whatever_a_client_claims_what_its_proxy_adds_is_what_counts(claims in claims()) {
        let client = [&claims[..], b", 203.0.113.9"].concat();
        let proxies = TrustedProxies::x_forwarded(PROXIES).unwrap();
        let seen = proxies.client(&header("x-forwarded-for", &client), peer("10.0.0.1"), false);
        prop_assert_eq!(seen.unwrap().ip, ip("203.0.113.9"));

        let client = [&claims[..], b", for=203.0.113.9;proto=http"].concat();
        let proxies = TrustedProxies::forwarded(PROXIES).unwrap();
        // Or it is refused.
        if let Ok(seen) = proxies.client(&header("forwarded", &client), peer("10.0.0.1"), false) {
            prop_assert_eq!(seen.ip, ip("203.0.113.9"));
            prop_assert_eq!(seen.is_secure, Some(false));
        }
    }
}
