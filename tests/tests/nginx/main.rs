//! Servers behind Debian's nginx, with the configuration of `examples/nginx`. Clients come to it through an HTTP proxy of the
//! tests, so that they may use the configuration's own name and come from an address of their own.

#![cfg(unix)]

mod house;

use std::time::Duration;

use hardlight::{
    CloseCode, ConnectError, ConnectionError, Initiator, Received, connect_plain_with,
    http::{HeaderName, HeaderValue, StatusCode},
};

use crate::house::{CLIENT, House, NAME, News, behind, straight_to};

/// What a client sends who wants to be somebody else.
const FORGED: [(&str, &str); 6] = [
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "for=6.6.6.6;proto=http;host=evil.example"),
    ("x-real-ip", "6.6.6.6"),
    ("forwarded", "for=\""),
];

#[tokio::test]
#[ignore = "needs nginx: scripts/test nginx"]
async fn calls_state_and_events_pass() {
    let house = House::open().await;
    let client = house.connect().await;
    let mut events = client.events();
    assert_eq!(client.add(2).await, Ok(2));
    assert_eq!(client.state().counter, 2);
    client.tell("first".to_owned()).await.unwrap();
    match events.next().await.unwrap() {
        Received::Event { topic, event } => {
            assert_eq!(topic.as_str(), Some("news"));
            assert_eq!(event, News::Told { text: "first".to_owned() });
        }
        other => panic!("{other:?}"),
    }
    let bytes = vec![7; 2_000_000];
    assert!(client.echo(bytes.clone()).await == Ok(bytes), "another payload came back");
}

#[tokio::test]
#[ignore = "needs nginx: scripts/test nginx"]
async fn the_factory_sees_the_client_and_not_nginx() {
    let house = House::open().await;
    let _client = house.connect().await;
    let request = house.last();
    assert_eq!(request.client_ip(), Some(CLIENT.parse().unwrap()));
    assert_eq!((request.is_secure(), request.host()), (true, Some(NAME)));
    assert_eq!(request.peer_addr().unwrap().ip().to_string(), "127.0.0.1");
    assert!(request.tls().is_none());
}

#[tokio::test]
#[ignore = "needs nginx: scripts/test nginx"]
async fn a_client_that_says_it_is_another_is_not_believed() {
    let house = House::open().await;
    let forged = |options| {
        FORGED.iter().fold(options, |options: hardlight::ClientOptions, &(name, value)| {
            options.header(HeaderName::from_static(name), HeaderValue::from_static(value))
        })
    };
    let _client = house.connect_to("/", forged(house.options())).await.unwrap();
    let request = house.last();
    assert_eq!(request.client_ip(), Some(CLIENT.parse().unwrap()));
    assert_eq!((request.is_secure(), request.host()), (true, Some(NAME)));
    assert!(!request.headers().contains_key("forwarded"));

    // Nor one that comes past nginx.
    let options = forged(straight_to(house.servers[0]).await);
    let _client: behind::Client = connect_plain_with("ws://other.example", options).await.unwrap();
    let request = house.last();
    assert_eq!(request.client_ip(), Some(CLIENT.parse().unwrap()));
    assert_eq!((request.is_secure(), request.host()), (false, Some("other.example")));
}

#[tokio::test]
#[ignore = "needs nginx: scripts/test nginx"]
async fn pages_of_the_name_that_nginx_has_are_of_the_own_origin() {
    let house = House::open().await;
    let own = format!("https://{NAME}");
    house.connect_to("/", house.options().origin(&own)).await.unwrap();
    for origin in [
        "https://evil.example".to_owned(),
        format!("http://{NAME}"),
        format!("https://{NAME}:8443"),
        format!("http://{}", house.servers[0]),
    ] {
        let error = house.connect_to("/", house.options().origin(&origin)).await.unwrap_err();
        match error {
            ConnectError::Refused { status, close_code: None, .. } => {
                assert_eq!(status, StatusCode::FORBIDDEN, "{origin}");
            }
            error => panic!("{origin}: {error}"),
        }
    }
    assert_eq!(house.made(), 1);
}

#[tokio::test]
#[ignore = "needs nginx: scripts/test nginx"]
async fn a_refusal_comes_through_by_status_and_in_band() {
    let house = House::open().await;
    let in_band = house.options().origin(format!("https://{NAME}"));
    for (options, code) in [(house.options(), None), (in_band, Some(CloseCode(4503)))] {
        let error = house.connect_to("/nowhere", options).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        match error {
            ConnectError::Refused { status, reason, close_code, .. } => {
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
                assert_eq!((reason.is_empty(), close_code), (false, code));
            }
            error => panic!("{error}"),
        }
    }
}

#[tokio::test]
#[ignore = "needs nginx: scripts/test nginx"]
async fn a_server_that_stops_tells_its_clients_and_the_other_one_takes_them() {
    let house = House::open().await;
    // Each server gets the client that makes it even.
    let clients = [house.connect().await, house.connect().await];
    let of_first = clients.iter().find(|client| client.state().server == 0).unwrap();
    let of_second = clients.iter().find(|client| client.state().server == 1).unwrap();

    house.handles[0].stop().await;
    assert_going_away(of_first.closed().await);
    assert_eq!(of_second.add(1).await, Ok(1));
    for _ in 0..3 {
        assert_eq!(house.connect().await.state().server, 1);
    }

    house.handles[1].stop().await;
    assert_going_away(of_second.closed().await);
    let error = house.connect_to("/", house.options()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused { status, .. } if *status == 502), "{error}");
    assert!(error.is_retryable());
}

fn assert_going_away(ended: ConnectionError) {
    match ended {
        ConnectionError::Closed { initiator: Initiator::Remote, reason } => {
            assert_eq!(reason.code(), CloseCode::GOING_AWAY);
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
#[ignore = "needs nginx: scripts/test nginx"]
async fn heartbeats_keep_a_quiet_connection_alive_that_nginx_cuts_without() {
    let (house, silent) = (House::open().await, House::with_heartbeats(None).await);
    let quiet = house.connect().await;
    // Each of these is open for as long as nginx bears silence.
    for _ in 0..2 {
        let ended = silent.connect().await.closed().await;
        assert!(matches!(ended, ConnectionError::Lost(_)), "{ended}");
    }
    assert_eq!(quiet.add(1).await, Ok(1));
}
