//! Web pages of other origins (cross-site WebSocket hijacking).

use std::{
    io,
    sync::{Arc, Mutex},
};

use hardlight::{
    ClientOptions, ConnectError, OriginPolicy, RefuseInBand, ServerOptions, connect_plain_with,
    connect_with,
};
use tracing_subscriber::fmt::MakeWriter;

use crate::house::{House, who};

#[tokio::test]
async fn a_page_of_another_origin_is_refused_before_anything_is_made() {
    for in_band in [RefuseInBand::WithOrigin, RefuseInBand::Always] {
        let options = ServerOptions::new().refuse_in_band(in_band);
        let house = House::plain(options, |_| Ok(())).await;
        for origins in [
            &["Origin: https://evil.example"][..],
            &["Origin: null"],
            &["Origin: http://localhost"],
            &["Origin: http://127.0.0.1"],
            &["Origin: http://127.0.0.1.evil.example"],
            &["Origin:"],
            &["Origin: https://evil.example", "Origin: http://127.0.0.1"],
        ] {
            let cookie = [origins, &["Cookie: session=abc"]].concat();
            let answer = String::from_utf8(house.answer(&cookie).await).unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{origins:?}: {answer}");
            assert!(answer.ends_with("\r\n\r\nthis origin is not allowed\n"), "{answer}");
        }
        assert_eq!(house.made(), 0);
    }
}

#[tokio::test]
async fn a_page_of_the_servers_own_origin_is_let_in_and_so_is_a_client_without_one() {
    let house = House::open().await;
    let own = house.url.replace("ws://", "http://");
    for options in [ClientOptions::new(), ClientOptions::new().origin(own)] {
        connect_plain_with::<who::Client>(&house.url, options).await.unwrap();
    }
    assert_eq!(house.made(), 2);
}

#[tokio::test]
async fn with_tls_the_scheme_counts() {
    let house = House::secure(ServerOptions::new()).await;
    let own = house.url.replace("wss://", "https://");
    let options = house.trusted().origin(&own);
    connect_with::<who::Client>(&house.url, options).await.unwrap();
    let options = house.trusted().origin(own.replace("https", "http"));
    let error = connect_with::<who::Client>(&house.url, options).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused { status, .. } if *status == 403), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(house.made(), 1);
}

#[tokio::test]
async fn listed_origins_are_let_in_and_what_only_looks_like_them_is_not() {
    let origins = OriginPolicy::only(["https://app.example.com", "https://*.example.org"]).unwrap();
    let house = House::plain(ServerOptions::new().origins(origins), |_| Ok(())).await;
    for (origin, is_allowed) in [
        ("https://app.example.com", true),
        ("https://a.b.example.org", true),
        ("https://example.org", false),
        ("https://evilexample.org", false),
        ("https://a.example.org.evil.example", false),
        ("https://app.example.com:8443", false),
    ] {
        let options = ClientOptions::new().origin(origin);
        let connected = connect_plain_with::<who::Client>(&house.url, options).await;
        assert_eq!(connected.is_ok(), is_allowed, "{origin}");
    }
    assert_eq!(house.made(), 2);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_origin_is_logged_ever_more_seldom_and_escaped() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG);
    // For the whole process: one of this thread alone would race with the other tests for what is logged at all.
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let house = House::open().await;
    for _ in 0..9 {
        house.answer(&["Origin: https://evil\t\u{9b}.example"]).await;
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(r"evil\t")).collect();
    assert_eq!(lines.len(), 4, "{log}");
    for (line, times) in lines.iter().zip([1, 2, 4, 8]) {
        assert!(line.contains(&format!("times={times}")), "{log}");
    }
    assert!(
        lines[0].contains("WARN") && lines[0].contains(r#""https://evil\t\u{9b}.example""#),
        "{log}"
    );
}
