//! Whatever a client sends before it is let in, nothing panics, and nothing that was not asked for is let in.

use hardlight_ws::{Handshake, OriginPolicy, Refusal, RefuseInBand, ServerOptions};
use proptest::prelude::*;

/// Bytes that mean something in the headers which are looked at, and any others.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 15] = [
        b"https://",
        b"example.com",
        b"[::1]",
        b"hl.token.",
        b"hl.1",
        b"Bearer ",
        b"session=",
        b":",
        b";",
        b",",
        b".",
        b"*",
        b"=",
        b"\"",
        b"\xc3\xa9",
    ];
    let piece = proptest::sample::select(pieces.to_vec()).prop_map(<[u8]>::to_vec);
    let any = proptest::collection::vec(any::<u8>(), 0..8);
    proptest::collection::vec(prop_oneof![3 => piece, 1 => any], 0..8)
        .prop_map(|pieces| pieces.concat())
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let name = prop_oneof![
        Just("Origin"),
        Just("Cookie"),
        Just("Authorization"),
        Just("Sec-WebSocket-Protocol"),
        Just("X-Other"),
    ];
    proptest::collection::vec((name, value()), 0..8)
}

fn request(host: &[u8], headers: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut request = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: hl.1\r\nHost: "
        .to_vec();
    request.extend_from_slice(host);
    for (name, value) in headers {
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value);
    }
    request.extend_from_slice(b"\r\n\r\n");
    request
}

proptest! {
    #[test]
    fn no_request_panics(host in value(), headers in headers(), own in any::<bool>()) {
        let host = if own { b"example.com".to_vec() } else { host };
        let options = ServerOptions::new();
        let mut handshake = Handshake::new(&options, None, None);
        if let Ok(Some(upgrade)) = handshake.handle_input(&request(&host, &headers)) {
            let request = upgrade.request().clone();
            let _ = (request.cookies().count(), request.bearer_token(), request.origin());
            prop_assert!(request.subprotocols().all(|entry| !entry.starts_with("hl.token.")));
            let _ = format!("{request:?}");
            let answer = upgrade.refuse(&Refusal::forbidden(), RefuseInBand::Always);
            prop_assert!(answer.starts_with(b"HTTP/1.1 101"));
        }
    }

    #[test]
    fn bytes_that_are_no_request_are_refused_in_any_pieces(
        bytes in proptest::collection::vec(any::<u8>(), 0..2048),
        size in 1_usize..64,
    ) {
        let options = ServerOptions::new().max_head_bytes(1024);
        let mut handshake = Handshake::new(&options, None, None);
        for piece in bytes.chunks(size) {
            match handshake.handle_input(piece) {
                Ok(upgrade) => prop_assert!(upgrade.is_none()),
                Err(refusal) => {
                    prop_assert!(refusal.status().is_client_error());
                    break;
                }
            }
        }
    }

    #[test]
    fn a_wildcard_lets_in_nothing_that_does_not_end_in_its_host(
        scheme in proptest::sample::select(vec!["https://", "http://", ""]),
        below in "[a-zA-Z0-9.@/:*_-]{0,6}",
        host in proptest::sample::select(vec![".example.com", "example.com", ".EXAMPLE.com"]),
        behind in proptest::sample::select(vec!["", ":443", ":80", ".evil.org", ".", "/", "@evil.org"]),
        any in value(),
        built in proptest::bool::weighted(0.8),
    ) {
        let origin =
            if built { format!("{scheme}{below}{host}{behind}").into_bytes() } else { any };
        // A line of its own would be another header.
        prop_assume!(!origin.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
        let origins = OriginPolicy::only(["https://*.example.com"]).unwrap();
        let options = ServerOptions::new().origins(origins);
        let mut handshake = Handshake::new(&options, None, None);
        let headers = [("Origin", origin.clone())];
        if let Ok(Some(_)) = handshake.handle_input(&request(b"example.com", &headers)) {
            let text = String::from_utf8(origin).unwrap().trim().to_ascii_lowercase();
            let host = text.strip_prefix("https://").unwrap();
            let host = host.strip_suffix(":443").unwrap_or(host);
            prop_assert!(host.ends_with(".example.com") && !host.contains(['/', '@', ':', ' ']));
        }
    }
}
