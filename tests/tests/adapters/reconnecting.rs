//! Clients that come back, on every runtime.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::{join, join3};
use hardlight::{
    ClientOptions, CloseCode, ConnectionError, ConnectionStatus, Error, Keep, Received, Reconnect,
    ServerOptions, TopicOptions,
};

use crate::{
    runtimes::Subject,
    service::{News, Running, suite::Client},
    way::Way,
};

/// At once, since tests do not wait.
fn at_once() -> Reconnect {
    Reconnect::new().min_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(20))
}

fn told(text: &str) -> Received<News> {
    Received::Event { topic: "news".into(), event: News::Told { text: text.to_owned() } }
}

pub(crate) async fn a_client_that_comes_back_goes_on_where_it_was<R: Subject>() {
    let server = Running::plain::<R>(ServerOptions::new());
    let way = Way::to(server.addr);
    server.hub.configure(
        "news".parse::<hardlight::Pattern>().unwrap(),
        TopicOptions::new().keep(Keep::events(10)),
    );
    let options = ClientOptions::new().reconnect(at_once());
    let client: Client = R::connect_plain_with(&way.url, options).await.unwrap();
    client.on_reconnected(async |client: Client| client.follow("news".into()).await);
    let (mut events, mut statuses) = (client.events(), client.watch_status());
    assert_eq!(client.add(5).await, Ok(5));
    client.follow("news".into()).await.unwrap();
    server.emitter.emit("news", News::Told { text: "before".into() });
    assert_eq!(events.next().await, Some(told("before")));
    let cut = async {
        server.gate.begun.acquire_many(2).await.unwrap().forget();
        way.cut();
        server.gate.dropped.acquire_many(2).await.unwrap().forget();
        server.emitter.emit("news", News::Told { text: "meanwhile".into() });
        server.gate.open.add_permits(1);
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
    server.stop().await;
}

pub(crate) async fn a_client_that_comes_back_asks_for_its_options_anew<R: Subject>() {
    let server = Running::plain::<R>(ServerOptions::new());
    let way = Way::to(server.addr);
    let asked = AtomicU32::new(1);
    let options = ClientOptions::new().token("token-1").reconnect(at_once()).refresh(
        move |options, error| {
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
        },
    );
    let client: Client = R::connect_plain_with(&way.url, options).await.unwrap();
    let mut statuses = client.watch_status();
    way.cut();
    // Before it knows, calls still go out.
    statuses.changed().await;
    assert_eq!(join(client.add(1), client.add(2)).await, (Ok(1), Ok(3)));
    assert_eq!(*server.gate.tokens.lock().unwrap(), ["token-1", "token-3"]);
}

pub(crate) async fn a_client_that_comes_back_ends_where_it_is_refused<R: Subject>() {
    let server = Running::plain::<R>(ServerOptions::new());
    let way = Way::to(server.addr);
    let options = ClientOptions::new()
        .reconnect(at_once())
        .refresh(async |options: ClientOptions, _| Ok::<_, String>(options.token("expired")));
    let client: Client = R::connect_plain_with(&way.url, options).await.unwrap();
    way.cut();
    let ended = client.closed().await;
    let ConnectionError::Closed { reason, .. } = &ended else { panic!("{ended}") };
    assert_eq!(reason.code(), CloseCode(4401));
    assert_eq!(client.add(1).await, Err(Error::NotSent(ended.clone())));
    assert_eq!(client.status(), ConnectionStatus::Closed(ended));
}

pub(crate) async fn a_client_that_comes_back_may_be_driven_by_its_owner<R: Subject>() {
    let server = Running::secure::<R>(ServerOptions::new());
    let options = server.options.clone().reconnect(at_once());
    let (client, driver) = R::connect_driver::<Client>(&server.url, options).await.unwrap();
    let client = Arc::new(client);
    let calls = async {
        assert_eq!(client.add(7).await, Ok(7));
        client.close().await;
    };
    let ((), ended) = join(calls, driver).await;
    assert!(matches!(ended, ConnectionError::Closed { .. }), "{ended}");
}
