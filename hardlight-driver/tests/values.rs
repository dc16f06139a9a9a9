//! Values by name, beside the state: from the server to the client's copy.

mod support;

use std::collections::BTreeMap;

use futures_executor::LocalPool;
use futures_util::{FutureExt, StreamExt};
use hardlight_driver::{
    Acceptor, EventHub, StateGuard, StateReadGuard, StateSnapshot, client,
    proto::{CloseReason, Limits, ValueError},
};
use hardlight_macros::{codable, rpc};
use support::{
    ManualTimer,
    joined::{Joined, counter, note_end},
    transport,
};

#[codable]
#[derive(Clone, Debug, PartialEq)]
struct Theme {
    name: String,
    colours: BTreeMap<String, u32>,
}

fn theme() -> Theme {
    Theme { name: "dark".into(), colours: BTreeMap::from([("text".into(), 0xff_ff_ff)]) }
}

/// A service without a state.
#[rpc]
trait Plain {
    async fn log_in(&self, user: String) -> bool;
}

impl Plain for plain::Handler {
    async fn log_in(&self, user: String) -> bool {
        let set = self.values().set("user", &user);
        set.is_ok() && self.values().set_private("token", &"secret".to_owned()).is_ok()
    }
}

#[test]
fn a_service_without_a_state_has_values_that_are_there_before_the_answer() {
    let (client_side, server_side, _, to_client) = transport();
    let mut pool = LocalPool::new();
    let acceptor = Acceptor::<plain::Connection>::new(Limits::new(), &EventHub::new());
    let connection = acceptor.connection();
    connection.values().set("greeting", &"hello".to_owned()).expect("it is no secret");
    let handler = plain::Handler::new(connection.clone());
    let _server = note_end(&pool, acceptor.serve(handler, server_side, ManualTimer::default()));
    let (connecting, driver) =
        client::<plain::Client, _, _>(client_side, ManualTimer::default(), Limits::new());
    let _client = note_end(&pool, driver);
    let client = pool.run_until(connecting).expect("the server answers");
    assert_eq!(client.values().get("greeting"), Ok(Some("hello".to_owned())));
    assert_eq!(pool.run_until(client.log_in("ada".into())), Ok(true));
    assert_eq!(client.values().get("user"), Ok(Some("ada".to_owned())));
    assert_eq!(connection.values().get("token"), Ok(Some("secret".to_owned())));
    assert_eq!(client.values().get::<String>("token"), Ok(None));
    assert_eq!(client.values().names().collect::<Vec<_>>(), ["greeting", "user"]);
    let secret = |message: &bytes::Bytes| message.windows(6).any(|window| window == b"secret");
    assert!(!to_client.sent().iter().any(secret));
}

#[test]
fn a_value_is_of_the_type_that_it_was_set_as() {
    let mut joined = Joined::new();
    joined.connection.values().set("theme", &theme()).expect("it is no secret");
    joined.connection.values().set("volume", &7_u8).expect("it is no secret");
    joined.settle();
    let values = joined.client().values();
    assert_eq!(values.get("theme"), Ok(Some(theme())));
    assert_eq!(values.get("volume"), Ok(Some(7_u8)));
    assert_eq!(values.get::<u8>("nothing"), Ok(None));
    assert!(matches!(values.get::<u16>("volume"), Err(ValueError::OtherType { .. })));
    let ours = joined.connection.values().get::<String>("theme");
    assert!(matches!(ours, Err(ValueError::OtherType { .. })));
}

#[test]
fn a_value_that_changes_sends_itself_alone_and_one_that_does_not_sends_nothing() {
    let mut joined = Joined::new();
    for name in 0..100 {
        joined.connection.values().set(&format!("{name:02}"), &theme()).expect("it is no secret");
    }
    joined.settle();
    joined.to_client.forget();
    joined.connection.values().set("50", &theme()).expect("it is no secret");
    joined.settle();
    assert_eq!(joined.to_client.sent().len(), 0);
    joined.connection.values().set("50", &7_u32).expect("it is no secret");
    joined.settle();
    let sent = joined.to_client.sent();
    assert!(sent.len() == 1 && sent[0].len() < 50, "{sent:?}");
    assert_eq!(joined.client().values().get("50"), Ok(Some(7_u32)));
}

#[test]
fn a_private_value_takes_the_place_of_one_that_the_client_has() {
    let mut joined = Joined::new();
    let values = joined.connection.values();
    values.set("key", &1_u32).expect("it is no secret");
    joined.settle();
    joined.connection.values().set_private("key", &2_u32).expect("it encodes");
    joined.settle();
    assert!(!joined.client().values().contains("key"));
    let values = joined.connection.values();
    assert_eq!(values.set("key", &3_u32), Err(ValueError::Private));
    assert!(values.remove("key") && !values.contains("key"));
    values.set("key", &3_u32).expect("it is no secret any longer");
    joined.settle();
    assert_eq!(joined.client().values().get("key"), Ok(Some(3_u32)));
}

#[test]
fn values_are_removed_one_by_one_and_all_at_once() {
    let mut joined = Joined::new();
    for name in ["a", "b", "c"] {
        joined.connection.values().set(name, &1_u8).expect("it is no secret");
    }
    assert!(joined.connection.values().remove("b"));
    assert!(!joined.connection.values().remove("b"));
    joined.settle();
    assert_eq!(joined.client().values().names().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(joined.connection.values().names(), ["a", "c"]);
    joined.connection.values().clear();
    joined.settle();
    assert!(joined.client().values().is_empty());
}

#[test]
fn state_and_values_that_are_changed_under_one_lock_arrive_as_one() {
    let mut joined = Joined::new();
    let mut watch = joined.client().watch();
    let mut state = joined.connection.state.lock();
    state.counter = 1;
    StateGuard::values(&mut state).set("counted", &true).expect("it is no secret");
    drop(state);
    joined.settle();
    let seen = watch.changed().now_or_never().expect("it changed").expect("it is open");
    assert_eq!(seen.counter, 1);
    assert_eq!(StateSnapshot::values(&seen).get("counted"), Ok(Some(true)));
    assert!(watch.changed().now_or_never().is_none());
    let read = joined.connection.state.read();
    assert_eq!(StateReadGuard::values(&read).get("counted"), Ok(Some(true)));
}

#[test]
fn values_change_in_one_order_with_the_state() {
    let mut joined = Joined::new();
    let states = joined.client().watch();
    let seen = joined.start(async move |_client| {
        let pairs = StreamExt::map(states, |state| {
            let value = StateSnapshot::values(&state).get::<u32>("value");
            (state.counter, value.expect("it is a number").unwrap_or_default())
        });
        pairs.collect::<Vec<_>>().await
    });
    for round in 1..=3 {
        joined.connection.state.lock().counter = round;
        joined.connection.values().set("value", &round).expect("it is no secret");
        joined.settle();
    }
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    let seen = seen.take().expect("it has ended");
    assert!(seen.iter().all(|&(counter, value)| counter - value <= 1), "{seen:?}");
    assert_eq!(seen.last(), Some(&(3, 3)));
}

#[test]
fn values_that_a_slow_client_does_not_read_are_sent_together_and_before_the_answer() {
    let mut joined = Joined::with(Limits::new().with_max_buffered_bytes(1000));
    joined.to_client.stall();
    for round in 0..10_000_u32 {
        joined.connection.values().set("value", &format!("{round:0100}")).expect("no secret");
        if round % 10 == 0 {
            joined.settle();
        }
    }
    let call = joined.start(async |client| {
        let answer = client.get().await;
        (answer, client.values().get::<String>("value"))
    });
    joined.settle();
    joined.to_client.resume();
    joined.settle();
    assert_eq!(*call.borrow(), Some((Ok(0), Ok(Some(format!("{:0100}", 9999))))));
    let bytes: usize = joined.to_client.sent().iter().map(bytes::Bytes::len).sum();
    assert!(bytes < 10_000, "{bytes}");
}

#[test]
fn a_watch_of_a_value_sees_it_come_change_and_go_and_nothing_else() {
    let mut joined = Joined::new();
    let mut volume = joined.client().watch().value::<u8>("volume");
    assert_eq!(*volume.current(), Ok(None));
    joined.connection.state.lock().counter = 1;
    joined.connection.values().set("theme", &theme()).expect("it is no secret");
    joined.settle();
    assert!(volume.changed().now_or_never().is_none());
    joined.connection.values().set("volume", &7_u8).expect("it is no secret");
    joined.settle();
    assert_eq!(volume.changed().now_or_never(), Some(Ok(&Ok(Some(7)))));
    joined.connection.values().remove("volume");
    joined.settle();
    assert_eq!(volume.changed().now_or_never(), Some(Ok(&Ok(None))));
    joined.connection.values().set("volume", &7_u16).expect("it is no secret");
    joined.settle();
    let changed = volume.changed().now_or_never().expect("it changed").expect("it is open");
    assert!(matches!(changed, Err(ValueError::OtherType { .. })));
    joined.connection.abort(CloseReason::normal());
    joined.settle();
    assert!(volume.changed().now_or_never().expect("it has ended").is_err());
}

#[test]
#[should_panic(expected = "on the same thread")]
fn a_value_that_is_set_while_the_thread_holds_the_state_panics() {
    let connection = counter::Connection::detached();
    let _guard = connection.state.lock();
    let _ = connection.values().set("value", &1_u8);
}
