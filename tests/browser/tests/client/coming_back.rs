//! Clients that come back.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::future::{join, join3};
use hardlight::{
    ClientOptions, CloseCode, ConnectionError, ConnectionStatus, Error, Received, Reconnect,
};
use hardlight_browser_tests::{
    control::Plan,
    service::{News, suite::Client},
};

use super::{platform, stage::Stage};

/// At once, since tests do not wait.
fn at_once() -> Reconnect {
    Reconnect::new().min_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(20))
}

fn told(text: &str) -> Received<News> {
    Received::Event { topic: "news".into(), event: News::Told { text: text.to_owned() } }
}

pub(crate) async fn a_client_that_comes_back_goes_on_where_it_was() {
    let stage = Stage::of(Plan { kept_events: 10, ..Plan::default() }).await;
    let client = stage.connect_with(platform::options().reconnect(at_once())).await;
    client.on_reconnected(async |client: Client| client.follow("news".into()).await);
    let (mut events, mut statuses) = (client.events(), client.watch_status());
    assert_eq!(client.add(5).await, Ok(5));
    client.follow("news".into()).await.unwrap();
    stage.emit("news", "before").await;
    assert_eq!(events.next().await, Some(told("before")));
    let cut = async {
        stage.begun(2).await;
        stage.cut().await;
        stage.dropped(2).await;
        stage.emit("news", "meanwhile").await;
        stage.let_answer(1).await;
    };
    let (once, again, ()) = join3(client.wait(1), client.wait_again(2), cut).await;
    assert!(matches!(once, Err(Error::Indeterminate(ConnectionError::Lost(_)))), "{once:?}");
    assert_eq!(again, Ok(2));
    assert_eq!(events.next().await, Some(told("meanwhile")));
    assert_eq!(client.state().counter, 0, "the state is that of the new connection");
    assert_eq!(client.add(1).await, Ok(1));
    // The first change that is seen: several may be seen as one.
    assert!(statuses.changed().await.is_some());
    assert_eq!(client.status(), ConnectionStatus::Connected);
}

pub(crate) async fn a_client_that_comes_back_asks_for_its_options_anew() {
    let stage = Stage::new().await;
    let asked = AtomicU32::new(1);
    let options =
        platform::options().token("token-1").reconnect(at_once()).refresh(move |options, error| {
            assert!(matches!(error, ConnectionError::Lost(_)), "{error}");
            let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                // The second time it does not know any.
                if number == 2 {
                    Err("no token just now")
                } else {
                    Ok(options.token(format!("token-{number}")))
                }
            }
        });
    let client = stage.connect_with(options).await;
    let mut statuses = client.watch_status();
    stage.cut().await;
    // Before it knows, calls still go out.
    statuses.changed().await;
    assert_eq!(join(client.add(1), client.add(2)).await, (Ok(1), Ok(3)));
    assert_eq!(stage.tokens().await, ["token-1", "token-3"]);
}

pub(crate) async fn a_client_that_comes_back_ends_where_it_is_refused() {
    let stage = Stage::new().await;
    let options = platform::options()
        .reconnect(at_once())
        .refresh(async |options: ClientOptions, _| Ok::<_, String>(options.token("expired")));
    let client = stage.connect_with(options).await;
    stage.cut().await;
    let ended = client.closed().await;
    let ConnectionError::Closed { reason, .. } = &ended else { panic!("{ended}") };
    assert_eq!(reason.code(), CloseCode(4401));
    assert_eq!(client.add(1).await, Err(Error::NotSent(ended.clone())));
    assert_eq!(client.status(), ConnectionStatus::Closed(ended));
}
