//! What `#[derive(Events)]` makes for both ends: handlers that a client attaches, and topics that follow from a state.

mod support;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use futures_executor::LocalPool;
use futures_util::{FutureExt, task::LocalSpawnExt};
use hardlight_driver::{
    Acceptor, EventHub, Interest, Received, SubscribeError, Topic, client,
    proto::{GapReason, Limits},
};
use hardlight_macros::{ConnectionState, Events, rpc};
use support::{
    ManualTimer, Pipe,
    house::{ChatEvent, ChatEventHandler, Guest, House, OnChatEvent, message, on, waiting},
    transport,
};

/// What a front end knows.
#[derive(Clone, Default)]
struct Screen {
    lines: Arc<Mutex<Vec<String>>>,
    /// What the handler itself counts, without a lock.
    messages: usize,
    client: Option<support::house::chat::Client>,
}

impl Screen {
    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

impl ChatEventHandler for Screen {
    async fn on_message(&mut self, topic: &Topic, from: String, text: String) {
        self.messages += 1;
        self.write(format!("{topic}, {}: {from} says {text}", self.messages));
        if text == "panic" {
            panic!("on purpose");
        }
        if let Some(client) = &self.client {
            // A handler may make calls, and wait for them.
            let left = client.leave("nowhere".into()).await;
            self.write(format!("{left:?}"));
        }
    }

    async fn on_lagged(&mut self, topic: &Topic, missed: u64, reason: GapReason) {
        self.write(format!("{topic}: {missed} {reason:?}"));
    }
}

fn say(house: &mut House, text: &str) {
    house.emitter().emit("blue", message(text));
    house.pool.run_until_stalled();
}

fn in_blue(house: &mut House) -> Guest {
    let guest = house.guest();
    house.run(guest.client.join("blue".into())).unwrap();
    guest
}

#[test]
fn an_attached_handler_gets_every_event_in_order_and_may_change_itself() {
    let mut house = House::new();
    let guest = in_blue(&mut house);
    let screen = Screen::default();
    guest.client.attach(screen.clone());
    house.emitter().emit("blue", ChatEvent::Cleared);
    say(&mut house, "a");
    say(&mut house, "b");
    assert_eq!(screen.lines(), ["blue, 1: somebody says a", "blue, 2: somebody says b"]);
}

#[test]
fn an_attached_handler_may_wait_for_a_call_of_its_own_client() {
    let mut house = House::new();
    let guest = in_blue(&mut house);
    let screen = Screen { client: Some(guest.client.clone()), ..Screen::default() };
    guest.client.attach(screen.clone());
    house.emitter().emit("blue", message("a"));
    say(&mut house, "b");
    let expected =
        ["blue, 1: somebody says a", "Ok(false)", "blue, 2: somebody says b", "Ok(false)"];
    assert_eq!(screen.lines(), expected);
}

#[test]
fn an_attached_handler_is_told_where_events_are_missing() {
    let mut house = House::new();
    house.limits = Limits::new().with_max_queued_event_bytes(10_000);
    let guest = in_blue(&mut house);
    let screen = Screen::default();
    guest.client.attach(screen.clone());
    let other = house.guest();
    house.run(other.client.flood("blue".into(), 100)).unwrap();
    assert_eq!(screen.lines(), ["blue: 91 Lagged"]);
}

#[test]
fn a_handler_that_panics_is_detached_alone() {
    let mut house = House::new();
    let guest = in_blue(&mut house);
    let (first, second) = (Screen::default(), Screen::default());
    guest.client.attach(first.clone());
    say(&mut house, "panic");
    guest.client.attach(second.clone());
    say(&mut house, "a");
    assert_eq!(first.lines(), ["blue, 1: somebody says panic"]);
    assert_eq!(second.lines(), ["blue, 1: somebody says a"]);
    assert!(!guest.client.is_closed());
}

#[test]
fn a_handler_that_is_detached_gets_nothing_more_and_is_dropped() {
    let mut house = House::new();
    let guest = in_blue(&mut house);
    let screen = Screen::default();
    let attachment = guest.client.attach(screen.clone());
    say(&mut house, "a");
    attachment.detach();
    say(&mut house, "b");
    assert_eq!(screen.lines().len(), 1);
    assert_eq!(Arc::strong_count(&screen.lines), 1);
}

#[test]
fn a_handler_gets_what_arrived_before_the_end_and_is_dropped_with_the_connection() {
    let mut house = House::new();
    let guest = in_blue(&mut house);
    let screen = Screen::default();
    guest.client.attach(screen.clone());
    house.emitter().emit("blue", message("a"));
    house.pool.run_until_stalled();
    guest.cut();
    house.pool.run_until_stalled();
    assert_eq!(screen.lines().len(), 1);
    assert_eq!(Arc::strong_count(&screen.lines), 1);
    // It is not kept by a client that has ended either.
    guest.client.attach(screen.clone());
    assert_eq!(Arc::strong_count(&screen.lines), 1);
}

#[test]
fn a_stream_of_one_topic_has_nothing_of_others() {
    let mut house = House::new();
    let guest = in_blue(&mut house);
    house.run(guest.client.join("red".into())).unwrap();
    let mut events = guest.client.events_of("red");
    say(&mut house, "a");
    house.emitter().emit("red", message("b"));
    house.pool.run_until_stalled();
    assert_eq!(waiting(&mut events), [on("red", message("b"))]);
    assert_eq!(guest.client.event_counts().received, 2);
}

// Two versions of one service.

mod older {
    use super::*;

    #[derive(Debug, Events)]
    pub(super) enum NewsEvent {
        Published { title: String },
    }

    #[rpc(events = NewsEvent)]
    pub(super) trait News {
        async fn nothing(&self);
    }
}

#[derive(Debug, Events)]
enum NewsEvent {
    Withdrawn(u32),
    Published { title: String },
}

#[derive(ConnectionState)]
struct Reader {
    topics: Vec<Topic>,
    pages: u32,
}

#[rpc(state = Reader, events = NewsEvent)]
trait News {
    async fn read(&self, topic: Topic) -> bool;
    async fn put_down(&self, topic: Topic);
    async fn turn(&self);
    async fn ask_for(&self, topic: Topic) -> Result<(), String>;
}

impl News for news::Handler {
    async fn read(&self, topic: Topic) -> bool {
        self.state.lock().topics.push(topic.clone());
        self.events.emit(topic, NewsEvent::Published { title: "first".into() }) > 0
    }

    async fn put_down(&self, topic: Topic) {
        self.state.lock().topics.retain(|other| *other != topic);
    }

    async fn turn(&self) {
        self.state.lock().pages += 1;
    }

    async fn ask_for(&self, topic: Topic) -> Result<(), String> {
        self.subscriptions.add(topic).map_err(|error| error.to_string())
    }
}

struct Desk;

impl NewsEventTopics<Reader> for Desk {
    fn topics(&self, state: &Reader) -> Vec<Interest> {
        state.topics.iter().map(Interest::from).collect()
    }

    fn check(&self, interest: &Interest) -> bool {
        !interest.as_bytes().starts_with(b"secret")
    }
}

struct Office {
    pool: LocalPool,
    client: news::Client,
    connection: news::Connection,
    _pipes: (Pipe, Pipe),
}

fn office() -> Office {
    office_of(Desk)
}

fn office_of(topics: impl NewsEventTopics<Reader>) -> Office {
    let mut pool = LocalPool::new();
    let (client_side, server_side, to_client, to_server) = transport();
    let acceptor = Acceptor::<news::Connection>::new(Limits::new(), &EventHub::new());
    let connection = acceptor.connection();
    connection.state.lock().topics.push("headlines".into());
    topics.attach(&connection);
    let handler = news::Handler::new(connection.clone());
    let serving = acceptor.serve(handler, server_side, ManualTimer::default());
    pool.spawner().spawn_local(serving.map(drop)).unwrap();
    let (connecting, driver) = client(client_side, ManualTimer::default(), Limits::new());
    pool.spawner().spawn_local(driver.map(drop)).unwrap();
    let client = pool.run_until(connecting).unwrap();
    Office { pool, client, connection, _pipes: (to_client, to_server) }
}

fn subscribed(office: &Office) -> Vec<Topic> {
    let mut topics: Vec<_> = office.connection.subscriptions.iter().collect();
    topics.sort();
    topics
}

#[test]
fn the_topics_that_the_state_says_are_subscribed_to_and_left_as_it_changes() {
    let mut office = office();
    assert_eq!(subscribed(&office), ["headlines"]);
    // What is emitted behind the change reaches the client, before the answer.
    let mut events = office.client.events_of("sports");
    assert_eq!(office.pool.run_until(office.client.read("sports".into())), Ok(true));
    let first = events.next().now_or_never().flatten();
    assert!(matches!(first, Some(Received::Event { event: NewsEvent::Published { .. }, .. })));
    assert_eq!(office.client.state().topics, ["headlines", "sports"]);
    assert_eq!(subscribed(&office), ["headlines", "sports"]);
    office.pool.run_until(office.client.turn()).unwrap();
    office.pool.run_until(office.client.put_down("headlines".into())).unwrap();
    assert_eq!(subscribed(&office), ["sports"]);
}

#[test]
fn what_a_handler_subscribed_to_stays_whatever_the_state_says() {
    let mut office = office();
    office.pool.run_until(office.client.ask_for("weather".into())).unwrap();
    office.pool.run_until(office.client.read("weather".into())).unwrap();
    office.pool.run_until(office.client.put_down("weather".into())).unwrap();
    assert_eq!(subscribed(&office), ["headlines", "weather"]);
}

#[test]
fn every_subscription_is_checked_before() {
    let mut office = office();
    let refused = office.pool.run_until(office.client.ask_for("secret/plans".into()));
    assert_eq!(refused.unwrap_err().to_string(), SubscribeError::Refused.to_string());
    assert_eq!(office.pool.run_until(office.client.read("secret/plans".into())), Ok(false));
    assert_eq!(subscribed(&office), ["headlines"]);
}

/// What a panic said.
fn message_of(panics: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(panics)).expect_err("it panics");
    panic.downcast_ref::<String>().expect("it is formatted").clone()
}

#[test]
fn to_attach_topics_or_to_serve_while_the_thread_holds_the_state_panics_and_names_both_places() {
    let acceptor = Acceptor::<news::Connection>::new(Limits::new(), &EventHub::new());
    let connection = acceptor.connection();
    let (_, server_side, _to_client, _to_server) = transport();
    let file = file!();
    let line = line!() + 2;
    let said = message_of(|| {
        let _guard = connection.state.lock();
        Desk.attach(&connection);
    });
    let places = format!("is locked at {file}:{line}:39, and locked at {file}:{}:14", line + 1);
    assert!(said.contains(&places), "{said}");
    let line = line!() + 2;
    let said = message_of(|| {
        let _guard = connection.state.read();
        let handler = news::Handler::new(connection.clone());
        drop(acceptor.serve(handler, server_side, ManualTimer::default()));
    });
    assert!(said.contains(&format!("is read at {file}:{line}:")), "{said}");
    assert!(said.contains(&format!("and locked at {file}:{}:", line + 2)), "{said}");
}

/// Chooses topics as the desk does, until one is called `panic`.
struct Nervous;

impl NewsEventTopics<Reader> for Nervous {
    fn topics(&self, state: &Reader) -> Vec<Interest> {
        assert!(state.topics.iter().all(|topic| topic.as_bytes() != b"panic"), "on purpose");
        Desk.topics(state)
    }
}

#[test]
fn topics_that_panic_leave_the_subscriptions_and_the_connection_as_they_are() {
    let mut office = office_of(Nervous);
    office.pool.run_until(office.client.read("panic".into())).unwrap();
    assert_eq!(subscribed(&office), ["headlines"]);
    office.pool.run_until(office.client.put_down("panic".into())).unwrap();
    office.pool.run_until(office.client.read("sports".into())).unwrap();
    assert_eq!(subscribed(&office), ["headlines", "sports"]);
}

/// Holds the connection that it decides for.
struct Owner {
    _connection: news::Connection,
    _alive: Arc<()>,
}

impl NewsEventTopics<Reader> for Owner {
    fn topics(&self, _state: &Reader) -> Vec<Interest> {
        Vec::new()
    }
}

#[test]
fn what_decides_on_topics_is_dropped_with_the_connection_even_if_it_holds_it() {
    let alive = Arc::new(());
    let acceptor = Acceptor::<news::Connection>::new(Limits::new(), &EventHub::new());
    let connection = acceptor.connection();
    Owner { _connection: connection.clone(), _alive: Arc::clone(&alive) }.attach(&connection);
    drop(connection);
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(acceptor);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn an_event_that_the_clients_version_does_not_know_is_skipped_and_counted() {
    let mut pool = LocalPool::new();
    let (client_side, server_side, _to_client, _to_server) = transport();
    let hub = EventHub::new();
    let acceptor = Acceptor::<news::Connection>::new(Limits::new(), &hub);
    let connection = acceptor.connection();
    connection.subscriptions.add("all").unwrap();
    let serving =
        acceptor.serve(news::Handler::new(connection), server_side, ManualTimer::default());
    pool.spawner().spawn_local(serving.map(drop)).unwrap();
    let (connecting, driver) =
        client::<older::news::Client, _, _>(client_side, ManualTimer::default(), Limits::new());
    pool.spawner().spawn_local(driver.map(drop)).unwrap();
    let client = pool.run_until(connecting).unwrap();
    let mut events = client.events();
    hub.emitter().emit("all", NewsEvent::Withdrawn(1));
    hub.emitter().emit("all", NewsEvent::Published { title: "known".into() });
    hub.emitter().emit("all", NewsEvent::Withdrawn(2));
    pool.run_until_stalled();
    let event = events.next().now_or_never().flatten();
    let Some(Received::Event { event: older::NewsEvent::Published { title }, .. }) = event else {
        panic!("{event:?}");
    };
    assert_eq!(title, "known");
    assert!(events.next().now_or_never().is_none());
    let counts = client.event_counts();
    assert_eq!((counts.received, counts.skipped, counts.missed), (1, 2, 0));
    assert!(!client.is_closed());
}
