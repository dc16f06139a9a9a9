//! Several services on one connection.

mod support;

use futures_executor::LocalPool;
use hardlight_driver::{
    Acceptor, Error, EventHub, Service, ServiceClient, client,
    proto::{CallError, ConnectionError, Limits},
};
use hardlight_macros::{ConnectionState, Feature, rpc};
use support::{ManualTimer, joined::note_end, transport};

#[derive(ConnectionState)]
struct State {
    user: String,
    messages: u32,
}

#[derive(Feature)]
enum Allowed {
    Chat,
}

#[rpc(state = State)]
trait Login {
    async fn log_in(&self, user: String);
    async fn user(&self) -> String;
}

#[rpc(state = State, feature = Allowed::Chat)]
trait Chat {
    async fn say(&self, text: String) -> u32;
}

#[rpc(state = State)]
trait Clock {
    async fn midnight(&self) -> bool;
}

struct Site(login::Connection);

impl Login for Site {
    async fn log_in(&self, user: String) {
        self.0.state.lock().user = user;
        self.0.features().insert(Allowed::Chat);
    }

    async fn user(&self) -> String {
        self.0.state.lock().user.clone()
    }
}

impl Chat for Site {
    async fn say(&self, text: String) -> u32 {
        self.0.state.lock().messages += 1;
        text.len().try_into().unwrap()
    }
}

impl Clock for Site {
    async fn midnight(&self) -> bool {
        true
    }
}

type Served = (login::Connection, chat::Connection, clock::Connection);

/// A client of some of what is served.
fn connect<C: ServiceClient>(pool: &mut LocalPool) -> Result<C, ConnectionError> {
    let (client_side, server_side, _, _) = transport();
    let acceptor = Acceptor::<Served>::new(Limits::new(), &EventHub::new());
    let (login, ..) = acceptor.connection();
    note_end(pool, acceptor.serve(Site(login), server_side, ManualTimer::default()));
    let (connecting, driver) =
        client::<C, _, _>(client_side, ManualTimer::default(), Limits::new());
    note_end(pool, driver);
    pool.run_until(connecting)
}

#[test]
fn calls_reach_the_service_that_they_are_of() {
    let mut pool = LocalPool::new();
    let (login, chat, clock) =
        connect::<(login::Client, chat::Client, clock::Client)>(&mut pool).unwrap();
    let refused = Err(Error::Call(CallError::MissingFeature));
    assert_eq!(pool.run_until(chat.say("no".into())), refused);
    assert!(!chat.can(chat::Method::Say));
    pool.run_until(login.log_in("Ada".into())).unwrap();
    assert!(chat.can(chat::Method::Say));
    assert_eq!(pool.run_until(chat.say("hello".into())), Ok(5));
    assert_eq!(pool.run_until(clock.midnight()), Ok(true));
    assert_eq!(pool.run_until(login.user()), Ok("Ada".into()));
    assert_eq!((&*clock.state().user, clock.state().messages), ("Ada", 1));
    drop((login, chat));
    assert_eq!(pool.run_until(clock.midnight()), Ok(true));
}

#[test]
fn a_client_may_have_some_of_the_services_in_any_order() {
    let mut pool = LocalPool::new();
    let clock = connect::<clock::Client>(&mut pool).unwrap();
    assert_eq!(pool.run_until(clock.midnight()), Ok(true));
    let (clock, login) = connect::<(clock::Client, login::Client)>(&mut pool).unwrap();
    assert_eq!(pool.run_until(clock.midnight()), Ok(true));
    assert_eq!(pool.run_until(login.user()), Ok(String::new()));
    assert_eq!(login.mismatches(), []);
}

#[test]
fn their_schema_has_the_methods_of_all_and_is_worked_out_once() {
    let schema = <Served as Service>::schema();
    let methods: Vec<_> = schema.methods.iter().map(|method| method.name).collect();
    assert_eq!(methods, ["log_in", "user", "say", "midnight"]);
    assert_eq!((schema.name, schema.state.len()), ("Login+Chat+Clock", 3));
    assert!(std::ptr::eq(schema, <Served as Service>::schema()));
}

#[test]
#[should_panic = "two of the services [\"Login\", \"Login\"] have a method called `log_in`"]
fn two_methods_of_one_name_are_refused_by_name() {
    <(login::Connection, login::Connection) as Service>::schema();
}
