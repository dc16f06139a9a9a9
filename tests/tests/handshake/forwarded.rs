//! What a proxy says of its client, over real sockets: the test is the proxy.

use hardlight::{OriginPolicy, ServerOptions, TrustedProxies};

use crate::house::House;

const FORWARDED: [&str; 4] = [
    "X-Forwarded-For: 6.6.6.6, 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: app.example.com",
    "Forwarded: for=6.6.6.6;proto=http;host=evil.example",
];

async fn trusting(addresses: &[&str]) -> House {
    let proxies = TrustedProxies::x_forwarded(addresses.iter().copied()).unwrap();
    House::plain(ServerOptions::new().trusted_proxies(proxies), |_| Ok(())).await
}

fn is_accepted(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 101 ")
}

#[tokio::test]
async fn the_factory_sees_the_client_that_a_trusted_proxy_tells() {
    let house = trusting(&["127.0.0.0/8"]).await;
    assert!(is_accepted(&house.answer(&FORWARDED).await));
    let request = house.last();
    assert_eq!(request.client_ip(), Some("203.0.113.9".parse().unwrap()));
    assert!(request.peer_addr().unwrap().ip().is_loopback());
    assert_eq!((request.is_secure(), request.host()), (true, Some("app.example.com")));
    assert!(request.tls().is_none());
    let shown = format!("{request:?}");
    assert!(shown.contains("203.0.113.9") && !shown.contains("6.6.6.6"), "{shown}");
}

#[tokio::test]
async fn what_comes_from_anybody_else_is_not_believed() {
    for house in [House::open().await, trusting(&["10.0.0.0/8", "::1"]).await] {
        assert!(is_accepted(&house.answer(&FORWARDED).await));
        let (request, own) = (house.last(), house.addr.to_string());
        assert_eq!(request.client_ip(), request.peer_addr().map(|peer| peer.ip()));
        assert_eq!((request.is_secure(), request.host()), (false, Some(own.as_str())));
    }
}

#[tokio::test]
async fn the_own_origin_is_what_the_browser_asked_the_proxy_for() {
    let house = trusting(&["127.0.0.1"]).await;
    let inner = format!("http://{}", house.addr);
    for (origin, is_own) in [
        ("https://app.example.com", true),
        ("https://app.example.com:443", true),
        ("http://app.example.com", false),
        ("https://app.example.com:8443", false),
        ("https://evil.example", false),
        (inner.as_str(), false),
    ] {
        let header = format!("Origin: {origin}");
        let answer = house.answer(&[&FORWARDED[..], &[&header]].concat()).await;
        assert_eq!(is_accepted(&answer), is_own, "{origin}");
    }
    assert_eq!(house.made(), 2);
}

#[tokio::test]
async fn a_page_cannot_name_its_own_origin_as_the_host_past_a_server_that_trusts_nobody() {
    let house = House::open().await;
    let forged = ["Origin: https://evil.example", "X-Forwarded-Host: evil.example"];
    assert!(!is_accepted(&house.answer(&forged).await));
    // Nor does a list of origins look at hosts.
    let proxies = TrustedProxies::x_forwarded(["127.0.0.1"]).unwrap();
    let origins = OriginPolicy::only(["https://app.example.com"]).unwrap();
    let options = ServerOptions::new().trusted_proxies(proxies).origins(origins);
    let house = House::plain(options, |_| Ok(())).await;
    assert!(!is_accepted(&house.answer(&forged).await));
    assert_eq!(house.made(), 0);
}

#[tokio::test]
async fn a_malformed_forwarded_of_a_trusted_proxy_is_refused_with_400() {
    let proxies = TrustedProxies::forwarded(["127.0.0.1"]).unwrap();
    let house = House::plain(ServerOptions::new().trusted_proxies(proxies), |_| Ok(())).await;
    let answer = house.answer(&["Forwarded: for=\"6.6.6.6, for=203.0.113.9"]).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nmalformed Forwarded header\n"), "{answer}");
    assert_eq!(house.made(), 0);
    assert!(is_accepted(&house.answer(&["Forwarded: for=\"[2001:db8::1]:4711\""]).await));
    assert_eq!(house.last().client_ip(), Some("2001:db8::1".parse().unwrap()));
}
