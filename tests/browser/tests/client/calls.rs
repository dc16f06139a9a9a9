//! Calls, state and events of one connection.

use std::time::Duration;

use futures_util::{
    FutureExt,
    future::{join, join_all},
};
use hardlight::{CallError, CloseCode, ConnectionError, Error, Initiator, Received};
use hardlight_browser_tests::{
    control::Plan,
    service::{
        Allowed, News,
        suite::{Client, Method},
    },
};

use super::{platform, stage::Stage};

pub(crate) async fn a_client_calls_and_sees_state_and_events() {
    let stage = Stage::new().await;
    let client = stage.connect().await;
    assert_eq!(client.add(2).await, Ok(2));
    assert_eq!(client.add(3).await, Ok(5));
    assert_eq!(client.state().counter, 5);
    let mut events = client.events();
    client.follow("news".to_owned()).await.unwrap();
    client.tell("news".to_owned(), "first".to_owned()).await.unwrap();
    stage.emit("news", "second").await;
    for expected in ["first", "second"] {
        let event = News::Told { text: expected.to_owned() };
        assert_eq!(events.next().await, Some(Received::Event { topic: "news".into(), event }));
    }
}

pub(crate) async fn a_watch_sees_a_part_of_the_state_change() {
    let stage = Stage::new().await;
    let client = stage.connect().await;
    let mut counter = client.watch().project(|state| &state.counter);
    let (changed, added) = join(counter.changed(), client.add(7)).await;
    assert_eq!((changed.unwrap(), added), (&7, Ok(7)));
}

pub(crate) async fn more_calls_than_fit_wait_in_line() {
    const CALLS: u32 = 600;
    let stage = Stage::new().await;
    let client = stage.connect().await;
    let calls = join_all((0..CALLS).map(|number| client.wait(number)));
    let open = async {
        // As many as may be in flight have begun, while none is answered.
        stage.begun(256).await;
        assert!(!stage.has_begun().await);
        stage.let_answer(CALLS).await;
    };
    let (answers, ()) = join(calls, open).await;
    for (number, answer) in (0..).zip(answers) {
        assert_eq!(answer, Ok(number));
    }
}

pub(crate) async fn a_payload_in_pieces_goes_both_ways() {
    let stage = Stage::new().await;
    let client = stage.connect().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|index| (index % 251) as u8).collect();
    let (echoed, added) = join(client.echo(bytes.clone()), client.add(1)).await;
    assert!(echoed == Ok(bytes), "another payload came back");
    assert_eq!(added, Ok(1));
}

pub(crate) async fn an_input_beyond_the_limit_fails_alone() {
    let plan = Plan { max_frame_bytes: Some(100_000), ..Plan::default() };
    let stage = Stage::of(plan).await;
    let client = stage.connect().await;
    let (large, small) = join(client.echo(vec![1; 200_000]), client.echo(vec![1; 90_000])).await;
    let refused = large.unwrap_err();
    assert!(matches!(refused, Error::Call(CallError::InputTooLarge { .. })), "{refused}");
    assert_eq!(small.unwrap().len(), 90_000);
}

pub(crate) async fn a_call_that_is_dropped_is_cancelled() {
    let stage = Stage::new().await;
    let client = stage.connect().await;
    let mut call = Box::pin(client.wait(1));
    assert!(call.as_mut().now_or_never().is_none());
    stage.begun(1).await;
    drop(call);
    stage.dropped(1).await;
    assert_eq!(client.add(1).await, Ok(1));
}

pub(crate) async fn a_call_whose_time_is_up_ends_here_and_on_the_server() {
    let stage = Stage::new().await;
    let client = stage.connect().await;
    let late = client.with_timeout(Duration::from_millis(50)).wait(1).await;
    assert_eq!(late, Err(Error::Call(CallError::DeadlineExceeded)));
    stage.dropped(1).await;
    assert_eq!(client.add(1).await, Ok(1));
}

pub(crate) async fn a_connection_that_is_cut_ends_its_calls() {
    let stage = Stage::new().await;
    let client = stage.connect().await;
    let cut = async {
        stage.begun(1).await;
        stage.cut().await;
        // The handler is dropped with the connection.
        stage.dropped(1).await;
    };
    let (answer, ()) = join(client.wait(1), cut).await;
    assert!(matches!(answer, Err(Error::Indeterminate(_))), "{answer:?}");
    assert!(matches!(client.closed().await, ConnectionError::Lost(_)));
}

pub(crate) async fn a_client_may_drive_its_connection_itself() {
    let stage = Stage::new().await;
    let connecting = platform::connect_driver::<Client>(&stage.url, platform::options());
    let (client, driver) = connecting.await.unwrap();
    let calls = async {
        assert_eq!(client.add(7).await, Ok(7));
        client.close().await;
    };
    let ((), ended) = join(calls, driver).await;
    assert!(
        matches!(ended, ConnectionError::Closed { initiator: Initiator::Local, .. }),
        "{ended}"
    );
}

pub(crate) async fn a_stop_lets_calls_finish_and_tells_clients() {
    let stage = Stage::new().await;
    let (busy, idle) = join(stage.connect(), stage.connect()).await;
    let mut call = Box::pin(busy.wait(21));
    assert!(call.as_mut().now_or_never().is_none());
    stage.begun(1).await;
    let mut stopping = Box::pin(stage.stop());
    assert!(stopping.as_mut().now_or_never().is_none());
    assert_going_away(idle.closed().await);
    stage.let_answer(1).await;
    assert_eq!(call.await, Ok(21));
    assert_going_away(busy.closed().await);
    stopping.await;
}

fn assert_going_away(ended: ConnectionError) {
    let ConnectionError::Closed { initiator, reason } = ended else { panic!("{ended}") };
    assert_eq!((initiator, reason.code()), (Initiator::Remote, CloseCode::GOING_AWAY));
    assert_eq!(reason.reason(), "the server is stopping");
}

pub(crate) async fn a_feature_comes_and_goes_with_what_needs_it() {
    let stage = Stage::new().await;
    let client = stage.connect().await;
    assert!(!client.has(Allowed::Account) && !client.can(Method::LogOut));
    assert!(matches!(client.log_out().await, Err(Error::Call(CallError::MissingFeature))));
    client.log_in("ann".to_owned()).await.unwrap();
    assert!(client.has(Allowed::Account) && client.can(Method::LogOut));
    assert_eq!(client.state().user, "ann");
    client.log_out().await.unwrap();
    assert!(!client.has(Allowed::Account) && !client.can(Method::LogOut));
    assert_eq!(client.state().user, "");
}

pub(crate) async fn clients_come_and_go() {
    let stage = Stage::new().await;
    for _ in 0..50 {
        assert_eq!(stage.connect().await.add(1).await, Ok(1));
    }
    // Every client closed when it was dropped.
    stage.ended(50).await;
}
