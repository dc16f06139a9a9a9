//! What a connection may do: methods, fields of the state, and what the client knows of it.

mod support;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_executor::LocalPool;
use futures_util::{
    FutureExt,
    future::{join, join3},
};
use hardlight_driver::{
    Acceptor, Error, EventHub, Received, client,
    proto::{CallError, FeatureSet, Limits},
};
use hardlight_macros::{ConnectionState, Events, Feature, codable, rpc};
use support::{ManualTimer, Pipe, joined::note_end, transport};

#[derive(Feature, Clone, Copy)]
enum Allowed {
    Account,
    #[features(name = "administration")]
    Admin,
}

#[derive(ConnectionState)]
struct State {
    visits: u32,
    motto: String,
    #[state(feature = Allowed::Account)]
    inbox: Vec<String>,
    #[state(feature = Allowed::Admin, default = 7)]
    reports: u32,
}

#[codable]
struct Ticket {
    number: u32,
}

#[derive(Debug, PartialEq, Events)]
enum News {
    Published(String),
    #[events(feature = Allowed::Admin)]
    Reported(String),
}

#[rpc(state = State, events = News)]
trait Forum {
    async fn log_in(&self);
    async fn log_out(&self) -> u32;
    #[rpc(feature = Allowed::Account)]
    async fn post(&self, ticket: Ticket) -> u32;
    #[rpc(feature = Allowed::Admin, secret)]
    async fn ban(&self);
    async fn visit(&self) -> u32;
}

#[derive(Default)]
struct Ran(AtomicU32);

impl Forum for forum::Handler {
    async fn log_in(&self) {
        self.features().insert(Allowed::Account);
    }

    async fn log_out(&self) -> u32 {
        self.features().clear();
        0
    }

    async fn post(&self, ticket: Ticket) -> u32 {
        self.app::<Ran>().0.fetch_add(1, Ordering::SeqCst);
        self.state.lock().inbox.push(format!("posted {}", ticket.number));
        ticket.number
    }

    async fn ban(&self) {
        self.app::<Ran>().0.fetch_add(1, Ordering::SeqCst);
    }

    async fn visit(&self) -> u32 {
        let mut state = self.state.lock();
        state.visits += 1;
        state.inbox.push("welcome".into());
        state.visits
    }
}

/// A service of which every method needs a feature.
#[rpc(feature = Allowed::Admin)]
trait Console {
    async fn stop(&self);
}

struct Site {
    pool: LocalPool,
    client: forum::Client,
    connection: forum::Connection,
    ran: Arc<Ran>,
    to_client: Pipe,
    _to_server: Pipe,
}

impl Site {
    fn new() -> Self {
        Self::with(Limits::new(), |_| {})
    }

    fn with(limits: Limits, factory: impl FnOnce(&forum::Connection)) -> Self {
        let mut pool = LocalPool::new();
        let (client_side, server_side, to_client, to_server) = transport();
        let acceptor = Acceptor::<forum::Connection>::new(limits.clone(), &EventHub::new());
        let connection = acceptor.connection();
        connection.state.lock().inbox.push("from before".into());
        factory(&connection);
        let ran = Arc::new(Ran::default());
        let handler = forum::Handler::with_app(connection.clone(), Arc::clone(&ran));
        note_end(&pool, acceptor.serve(handler, server_side, ManualTimer::default()));
        let (connecting, driver) = client(client_side, ManualTimer::default(), limits);
        note_end(&pool, driver);
        let client = pool.run_until(connecting).expect("the server answers");
        Self { pool, client, connection, ran, to_client, _to_server: to_server }
    }

    fn run<F: Future>(&mut self, call: impl FnOnce(forum::Client) -> F) -> F::Output {
        let call = call(self.client.clone());
        self.pool.run_until(call)
    }

    fn ran(&self) -> u32 {
        self.ran.0.load(Ordering::SeqCst)
    }
}

const REFUSED: Error = Error::Call(CallError::MissingFeature);

fn set(names: &[&str]) -> FeatureSet {
    let mut set = FeatureSet::new();
    names.iter().for_each(|name| set.insert(*name).expect("a good name"));
    set
}

#[test]
fn a_call_without_the_feature_is_refused_and_nothing_of_the_handler_runs() {
    let mut site = Site::new();
    let refused = site
        .run(|client| async move { join(client.post(Ticket { number: 1 }), client.ban()).await });
    assert_eq!(refused, (Err(REFUSED), Err(REFUSED)));
    assert_eq!(site.ran(), 0);
    assert_eq!(site.run(|client| async move { client.visit().await }), Ok(1));
}

#[test]
fn the_arguments_of_a_refused_call_are_not_decoded() {
    let mut site = Site::new();
    let garbage = "no ticket".to_owned();
    let refused = site.run(|client| async move {
        let connection: &hardlight_driver::ClientConnection<_, _> = &client;
        connection.call::<String, u32>(forum::Method::Post.index(), garbage.clone()).await
    });
    assert_eq!(refused, Err(REFUSED));
    site.connection.features().insert(Allowed::Account);
    let garbage = "no ticket".to_owned();
    let invalid = site.run(|client| async move {
        let connection: &hardlight_driver::ClientConnection<_, _> = &client;
        connection.call::<String, u32>(forum::Method::Post.index(), garbage).await
    });
    assert_eq!(invalid, Err(Error::Call(CallError::InvalidInput)));
}

#[test]
fn a_call_given_as_bytes_needs_the_feature_as_well() {
    let connection = forum::Connection::detached();
    let handler = forum::Handler::with_app(connection.clone(), Arc::new(Ran::default()));
    let mut pool = LocalPool::new();
    let post = [forum::Method::Post.index() as u8, 7, 0, 0, 0];
    assert_eq!(pool.run_until(handler.handle_rpc_call(&post)), Err(REFUSED));
    connection.features().insert(Allowed::Account);
    assert_eq!(pool.run_until(handler.handle_rpc_call(&post)), Ok(vec![7, 0, 0, 0]));
}

#[test]
fn events_that_are_withheld_take_no_room_from_others() {
    let mut site = Site::with(Limits::new().with_max_queued_event_bytes(10_000), |_| {});
    site.connection.subscriptions.add("all").unwrap();
    let mut events = site.client.events();
    site.connection.events.emit("all", News::Published("first".into()));
    for _ in 0..1000 {
        site.connection.events.emit("all", News::Reported("x".repeat(1000)));
    }
    site.pool.run_until_stalled();
    let Some(Some(Received::Event { event, .. })) = events.next().now_or_never() else {
        panic!("it is an event")
    };
    assert_eq!(event, News::Published("first".into()));
    assert!(events.next().now_or_never().is_none());
    assert_eq!(site.client.event_counts().missed, 0);
}

#[test]
fn a_login_opens_methods_and_fields_before_its_answer() {
    let mut site = Site::new();
    assert!(!site.client.can(forum::Method::Post) && site.client.can(forum::Method::Visit));
    assert_eq!(site.client.state().inbox, [""; 0]);
    site.run(|client| async move {
        client.log_in().await.unwrap();
        assert!(client.can(forum::Method::Post) && !client.can(forum::Method::Ban));
        assert!(client.has(Allowed::Account) && !client.has(Allowed::Admin));
        assert_eq!(*client.features(), set(&["account"]));
        assert_eq!(client.state().inbox, ["from before"]);
        assert_eq!(client.post(Ticket { number: 3 }).await, Ok(3));
        assert_eq!(client.state().inbox, ["from before", "posted 3"]);
    });
    assert_eq!(site.ran(), 1);
}

#[test]
fn a_logout_closes_them_and_the_client_forgets_the_fields() {
    let mut site = Site::new();
    site.run(|client| async move {
        client.log_in().await.unwrap();
        client.log_out().await.unwrap();
        assert_eq!(client.state().inbox, [""; 0]);
        assert_eq!(*client.features(), FeatureSet::new());
        assert_eq!(client.post(Ticket { number: 1 }).await, Err(REFUSED));
    });
    assert_eq!(site.connection.state.lock().inbox, ["from before"]);
    assert_eq!(site.ran(), 0);
}

#[test]
fn a_call_that_was_sent_together_with_the_logout_before_it_is_refused() {
    let mut site = Site::new();
    let results = site.run(|client| async move {
        client.log_in().await.unwrap();
        let post = |number| client.post(Ticket { number });
        join3(post(1), client.log_out(), post(2)).await
    });
    assert_eq!(results, (Ok(1), Ok(0), Err(REFUSED)));
    assert_eq!(site.ran(), 1);
}

#[test]
fn changes_of_fields_that_a_connection_lacks_are_not_sent_at_all() {
    let mut site = Site::new();
    let sent =
        |site: &Site| site.to_client.sent().iter().map(|message| message.len()).sum::<usize>();
    let before = sent(&site);
    site.connection.state.lock().inbox.push("secret".repeat(100));
    site.connection.state.lock().reports = 8;
    site.pool.run_until_stalled();
    assert_eq!(sent(&site), before);
    let all = site.to_client.sent().concat();
    assert!(!all.windows(6).any(|bytes| bytes == b"secret" || bytes == b"before"));
    // The default of a field that is not there is the client's own.
    assert_eq!(site.client.state().reports, 7);
}

#[test]
fn what_the_factory_allows_is_there_from_the_first_moment() {
    let mut site = Site::with(Limits::new(), |connection| {
        assert!(connection.features().set([Allowed::Account, Allowed::Admin]));
        assert!(!connection.features().set([Allowed::Admin, Allowed::Account]));
    });
    assert_eq!(*site.client.features(), set(&["account", "administration"]));
    assert_eq!(site.client.state().inbox, ["from before"]);
    assert_eq!(site.run(|client| async move { client.ban().await }), Ok(()));
}

#[test]
fn features_may_change_at_any_time_and_a_watch_sees_it() {
    let mut site = Site::new();
    let mut watch = site.client.watch_features();
    assert!(watch.changed().now_or_never().is_none());
    assert!(site.connection.features().insert(Allowed::Admin));
    assert!(!site.connection.features().insert(Allowed::Admin));
    site.pool.run_until_stalled();
    let seen = watch.changed().now_or_never().unwrap().unwrap();
    assert_eq!(*seen, set(&["administration"]));
    assert!(watch.changed().now_or_never().is_none());
    assert!(site.connection.features().remove(Allowed::Admin));
    assert!(!site.connection.features().remove(Allowed::Admin));
    site.connection.close(hardlight_driver::proto::CloseReason::normal());
    site.pool.run_until_stalled();
    assert_eq!(*watch.changed().now_or_never().unwrap().unwrap(), FeatureSet::new());
    assert!(watch.changed().now_or_never().unwrap().is_err());
}

#[test]
fn what_is_taken_away_is_gone_at_once_behind_a_client_that_does_not_read() {
    let limits = Limits::new().with_max_buffered_bytes(1000);
    let mut site = Site::with(limits, |connection| {
        connection.features().insert(Allowed::Account);
    });
    site.to_client.stall();
    for _ in 0..3 {
        site.connection.state.lock().inbox.push("x".repeat(2000));
        site.pool.run_until_stalled();
    }
    let refused = note_end(&site.pool, {
        let client = site.client.clone();
        async move { client.post(Ticket { number: 1 }).await }
    });
    site.pool.run_until_stalled();
    site.connection.features().remove(Allowed::Account);
    site.pool.run_until_stalled();
    site.to_client.resume();
    site.pool.run_until_stalled();
    assert_eq!(refused.take(), Some(Err(REFUSED)));
    assert_eq!(site.ran(), 0);
    assert_eq!(site.client.state().inbox, [""; 0]);
}

#[test]
fn events_that_need_a_feature_do_not_come_without_it() {
    let mut site = Site::new();
    site.connection.subscriptions.add("all").unwrap();
    let mut events = site.client.events();
    let mut next = |site: &mut Site| {
        site.pool.run_until_stalled();
        match events.next().now_or_never().flatten() {
            Some(Received::Event { event, .. }) => Some(event),
            None => None,
            other => panic!("{other:?}"),
        }
    };
    site.connection.events.emit("all", News::Reported("spam".into()));
    assert_eq!(next(&mut site), None);
    assert!(!site.to_client.sent().concat().windows(4).any(|bytes| bytes == b"spam"));
    site.connection.events.emit("all", News::Published("cat".into()));
    assert_eq!(next(&mut site), Some(News::Published("cat".into())));
    site.connection.features().insert(Allowed::Admin);
    site.connection.events.emit("all", News::Reported("more spam".into()));
    assert_eq!(next(&mut site), Some(News::Reported("more spam".into())));
    let counts = site.client.event_counts();
    assert_eq!((counts.received, counts.missed), (2, 0));
}

/// Has an answer wait for a client that does not read, with so much of the state before it that no more is made.
fn with_an_answer_that_waits(site: &mut Site) {
    site.to_client.stall();
    for turn in 0..4 {
        site.connection.state.lock().visits = turn;
        site.connection.state.lock().motto = format!("{turn}").repeat(70_000);
        site.pool.run_until_stalled();
    }
    let client = site.client.clone();
    note_end(&site.pool, async move { client.visit().await });
    site.pool.run_until_stalled();
}

#[test]
fn events_that_wait_behind_an_answer_are_gone_with_their_feature() {
    let mut site = Site::new();
    site.connection.features().insert(Allowed::Admin);
    site.connection.subscriptions.add("all").unwrap();
    site.pool.run_until_stalled();
    site.to_client.stall();
    // More than is packed ahead.
    site.connection.events.emit("all", News::Published("x".repeat(100_000)));
    site.connection.events.emit("all", News::Reported("spam".into()));
    with_an_answer_that_waits(&mut site);
    site.connection.features().remove(Allowed::Admin);
    site.pool.run_until_stalled();
    site.to_client.resume();
    site.pool.run_until_stalled();
    assert!(!site.to_client.sent().concat().windows(4).any(|bytes| bytes == b"spam"));
    assert!(!site.client.has(Allowed::Admin));
}

#[test]
fn features_are_told_before_the_fields_that_come_with_them_also_behind_an_answer_that_waits() {
    let mut site = Site::new();
    let mut watch = site.client.watch();
    with_an_answer_that_waits(&mut site);
    let thread = std::thread::spawn({
        let connection = site.connection.clone();
        move || connection.features().insert(Allowed::Account)
    });
    thread.join().unwrap();
    let client = site.client.clone();
    let told_first = note_end(&site.pool, async move {
        loop {
            let state = watch.changed().await.unwrap();
            if !state.inbox.is_empty() {
                return client.has(Allowed::Account);
            }
        }
    });
    site.pool.run_until_stalled();
    site.to_client.resume();
    site.pool.run_until_stalled();
    assert_eq!(told_first.take(), Some(true));
}

#[test]
fn to_change_features_while_the_thread_holds_the_state_panics_and_names_both_places() {
    let connection = forum::Connection::detached();
    let line = Cell::new(0);
    let panics = || {
        line.set(line!() + 1);
        let _guard = connection.state.lock();
        // To look is no matter.
        assert!(!connection.features().contains(Allowed::Admin));
        connection.features().insert(Allowed::Admin);
    };
    let panic = catch_unwind(AssertUnwindSafe(panics)).expect_err("it panics");
    let said = panic.downcast_ref::<String>().expect("it is formatted");
    let file = file!();
    assert!(said.contains(&format!("is locked at {file}:{}:", line.get())), "{said}");
    assert!(said.contains(&format!("and locked at {file}:{}:", line.get() + 3)), "{said}");
    assert!(connection.features().insert(Allowed::Admin));
}

#[test]
fn a_service_may_need_a_feature_as_a_whole_and_its_schema_says_so() {
    use hardlight_driver::ServiceMethod;
    let console = console::schema();
    assert_eq!(console.methods[0].feature, Some("administration"));
    assert_eq!(console::Method::Stop.feature(), Some("administration"));
    let forum = forum::schema();
    let needs: Vec<_> = forum.methods.iter().map(|method| method.feature).collect();
    assert_eq!(needs, [None, None, Some("account"), Some("administration"), None]);
    let secret: Vec<_> = forum.methods.iter().map(|method| method.secret).collect();
    assert_eq!(secret, [false, false, false, true, false]);
}
