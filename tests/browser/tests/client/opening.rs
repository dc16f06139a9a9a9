//! How a connection begins, or does not.

use std::time::Duration;

use hardlight::{ConnectError, ConnectPhase};
use hardlight_browser_tests::{control::Plan, service::suite::Client};

use super::{platform, stage::Stage};

pub(crate) async fn a_token_reaches_the_server() {
    let stage = Stage::new().await;
    let client = stage.connect_with(platform::options().token("a.b-c_d~e+f/g==")).await;
    assert_eq!(client.state().token, "a.b-c_d~e+f/g==");
}

pub(crate) async fn a_token_that_cannot_be_sent_is_refused_here() {
    let stage = Stage::new().await;
    let options = platform::options().token("a b");
    let error = platform::connect::<Client>(&stage.url, options).await.err().unwrap();
    assert!(!error.is_retryable() && error.refused_status().is_none(), "{error}");
    assert!(stage.tokens().await.is_empty());
}

pub(crate) async fn a_refusal_in_band_is_told() {
    let stage = Stage::new().await;
    let url = format!("{}/nowhere", stage.url);
    let error = platform::connect::<Client>(&url, platform::options()).await.err().unwrap();
    assert!(!error.is_retryable(), "{error}");
    let ConnectError::Refused { status, reason, .. } = error else { panic!("{error}") };
    assert!(status == 404, "{status}");
    assert_eq!(reason, "not found");
}

pub(crate) async fn a_server_that_is_not_there_is_named() {
    let stage = Stage::of(Plan { silent: true, ..Plan::default() }).await;
    let url = stage.url.clone();
    // The port was free, and is so again.
    drop(stage);
    let options = platform::options();
    let error = loop {
        // The director may not have noticed yet.
        let options = options.clone().connect_timeout(Duration::from_millis(500));
        match platform::connect::<Client>(&url, options).await {
            Err(ConnectError::Timeout { .. }) => {}
            other => break other.err().unwrap(),
        }
    };
    assert!(matches!(error, ConnectError::Io { .. }) && error.is_retryable(), "{error}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

pub(crate) async fn a_server_that_says_nothing_is_given_up() {
    let limit = Duration::from_millis(200);
    let stage = Stage::of(Plan { silent: true, ..Plan::default() }).await;
    let options = platform::options().connect_timeout(limit);
    match platform::connect::<Client>(&stage.url, options).await {
        Err(ConnectError::Timeout { phase, limit: told }) => {
            assert_eq!((phase, told), (ConnectPhase::WebSocket, limit));
        }
        other => panic!("{:?}", other.err()),
    }
}
