//! What `#[rpc]`, `#[derive(ConnectionState)]` and `#[derive(Events)]` accept, refuse and generate.

use std::sync::Arc;

use hardlight::{
    ConnectionState, Error, EventEmitter, Events, NoEvents, Service, ServiceClient, StateSnapshot,
    Subscriptions, codable, rpc,
};

#[test]
fn what_is_accepted() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

/// Compares with the `.stderr` files, which hold for one version of the compiler.
#[test]
#[ignore = "golden output of rustc 1.95: scripts/test ui"]
fn what_is_refused() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}

/// A service to look at.
#[rpc(state = Room, events = ChatEvent)]
pub trait Chat {
    /// Says something.
    async fn say(&self, text: String, loud: bool) -> Result<u64, Muted>;
    /// Who is here.
    async fn members(&self) -> Vec<String>;
    /// Leaves.
    async fn leave(&self);
    /// Leaves, if that is allowed.
    async fn try_leave(&self) -> bool {
        self.leave().await;
        true
    }
}

/// The state of [`Chat`].
#[derive(ConnectionState, Debug)]
pub struct Room {
    /// What is talked about.
    #[state(default = String::from("everything"))]
    pub topic: String,
    /// How many are here.
    pub members: u32,
}

/// The events of [`Chat`].
#[derive(Clone, Debug, Events, PartialEq)]
pub enum ChatEvent {
    /// Somebody said something.
    Said {
        /// Who.
        who: String,
        /// What.
        text: String,
    },
    /// Somebody did not.
    Refused(Muted),
    /// Everybody has left.
    Closed,
}

/// A service without events.
#[rpc]
pub trait Quiet {
    /// Does nothing.
    async fn wait(&self);
}

/// Nobody may say anything.
#[codable]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Muted;

impl Chat for chat::Handler {
    async fn say(&self, text: String, _loud: bool) -> Result<u64, Muted> {
        if text.is_empty() { Err(Muted) } else { Ok(text.len() as u64) }
    }

    async fn members(&self) -> Vec<String> {
        self.app::<Vec<String>>().clone()
    }

    async fn leave(&self) {}
}

#[test]
fn everything_generated_has_a_name() {
    use chat::{Client, Connection, Handler, Method};

    // The client's methods, which need a server to be called.
    fn client(client: &Client) {
        drop(async {
            let said: Result<u64, Error<Muted>> = client.say("hi".to_owned(), false).await;
            let members: Result<Vec<String>, Error> = client.members().await;
            let left: Result<(), Error> = client.leave().await;
            let tried: Result<bool, Error> = client.try_leave().await;
            let said_now: Result<u64, Error<Muted>> = client.try_say("hi".to_owned(), false).await;
            let state: StateSnapshot<Room> = client.state();
            drop((said, members, left, tried, said_now, state));
        });
    }
    let _ = client;
    fn is_send<T: Send>(_: impl Fn(&'static Client) -> T) {}
    is_send(|client| client.say(String::new(), true));

    let inputs = (
        chat::SayInput { text: String::new(), loud: true },
        chat::MembersInput {},
        chat::LeaveInput {},
        chat::TryLeaveInput {},
    );
    drop(inputs);
    let outputs: (chat::SayOutput, chat::MembersOutput, chat::LeaveOutput, chat::TryLeaveOutput) =
        (Ok::<u64, Muted>(1), vec![String::new()], (), true);
    drop(outputs);

    let connection = Connection::detached();
    let mut guard: chat::StateGuard<'_> = connection.state.lock();
    guard.members = 1;
    drop(guard);
    let handler = Handler::with_app(connection, Arc::new(vec!["me".to_owned()]));
    assert_eq!(handler.connection().state.lock().members, 1);
    assert_eq!(handler.app::<Vec<String>>(), &["me"]);
    assert_eq!(Method::ALL, [Method::Say, Method::Members, Method::Leave, Method::TryLeave]);
    let _: chat::State = Room { topic: String::new(), members: 0 };
}

#[test]
fn a_method_has_a_name_and_an_index() {
    use chat::Method;

    assert_eq!(Method::TryLeave.name(), "try_leave");
    assert_eq!(Method::TryLeave.to_string(), "try_leave");
    assert_eq!(Method::TryLeave.index(), 3);
    assert_eq!(Method::try_from(3), Ok(Method::TryLeave));
    assert_eq!(Method::try_from(4), Err(hardlight::CallError::UnknownMethod));
}

#[test]
fn client_and_server_share_one_schema() {
    let schema = <chat::Connection as Service>::schema();
    assert!(std::ptr::eq(schema, <chat::Client as ServiceClient>::schema()));
    assert_eq!(schema.name, "Chat");
    let methods: Vec<_> = schema.methods.iter().map(|method| method.name).collect();
    assert_eq!(methods, ["say", "members", "leave", "try_leave"]);
    let fields: Vec<_> = schema.state.iter().map(|field| (field.index, field.name)).collect();
    assert_eq!(fields, [(0, "topic"), (1, "members"), (4095, "$values")]);
}

#[test]
#[should_panic(expected = "make it with `Handler::with_app`")]
fn a_handler_without_application_data_says_what_to_do() {
    chat::Handler::new(chat::Connection::detached()).app::<u8>();
}

#[test]
fn events_have_a_name_and_an_index() {
    let schema = <chat::Connection as Service>::schema();
    let names: Vec<_> = schema.events.iter().map(|event| event.name).collect();
    assert_eq!(names, ["Said", "Refused", "Closed"]);
    let fingerprints: Vec<_> = schema.events.iter().map(|event| event.fingerprint).collect();
    assert_ne!(fingerprints[0], fingerprints[2]);
    assert!(<quiet::Client as ServiceClient>::schema().events.is_empty());
}

#[test]
fn methods_and_fields_that_are_marked_are_secret_and_no_others() {
    mod vault {
        #[derive(hardlight::ConnectionState)]
        pub(super) struct Safe {
            open: bool,
            #[state(secret)]
            key: String,
            #[state(secret, default = 1)]
            number: u32,
        }

        #[hardlight::rpc(state = Safe)]
        pub(super) trait Vault {
            async fn knock(&self);
            /// Takes the key.
            #[rpc(secret)]
            async fn open(&self, key: String) -> bool;
            async fn close(&self);
        }
    }
    let schema = <vault::vault::Connection as Service>::schema();
    let secret = |name| schema.methods.iter().any(|method| method.secret && method.name == name);
    assert_eq!(["knock", "open", "close"].map(secret), [false, true, false]);
    let fields = schema.state.iter().filter(|field| field.secret).map(|field| field.name);
    assert_eq!(fields.collect::<Vec<_>>(), ["key", "number", "$values"]);
}

#[test]
fn variants_that_are_marked_are_secret_and_no_others() {
    #[derive(Events)]
    enum Mail {
        Arrived {
            from: String,
        },
        #[events(secret)]
        Invited {
            from: String,
            token: String,
        },
        #[events(secret)]
        Key([u8; 32]),
    }

    drop([
        Mail::Arrived { from: String::new() },
        Mail::Invited { from: String::new(), token: String::new() },
        Mail::Key([0; 32]),
    ]);
    assert_eq!([0, 1, 2, 3].map(Mail::is_secret), [false, true, true, false]);
    let described: Vec<_> = Mail::schema().iter().map(|event| event.secret).collect();
    assert_eq!(described, [false, true, true]);
    assert!(!ChatEvent::is_secret(0));
}

#[test]
fn events_are_what_they_were_once_they_have_travelled() {
    let said = ChatEvent::Said { who: "me".to_owned(), text: "hi".to_owned() };
    for (index, event) in (0..).zip([said, ChatEvent::Refused(Muted), ChatEvent::Closed]) {
        let (encoded, payload) = event.clone().encode().unwrap();
        assert_eq!(encoded, index);
        assert_eq!(ChatEvent::decode(index, &payload), Ok(event));
    }
    assert!(ChatEvent::decode(3, &[]).is_err());
    assert!(ChatEvent::decode(0, &[1, 2, 3]).is_err());
}

#[test]
fn an_event_is_described_by_its_fields_and_not_by_its_place() {
    mod other {
        #[derive(hardlight::Events)]
        pub(super) enum Reordered {
            Closed,
            Said { who: String, text: String },
            Refused { muted: super::Muted },
        }

        pub(super) fn values() -> [Reordered; 3] {
            let said = Reordered::Said { who: String::new(), text: String::new() };
            [Reordered::Closed, said, Reordered::Refused { muted: super::Muted }]
        }
    }

    drop(other::values());
    let (ours, theirs) = (ChatEvent::schema(), other::Reordered::schema());
    assert_eq!(ours[0], theirs[1]);
    assert_eq!(ours[2], theirs[0]);
    assert_ne!(ours[1].fingerprint, theirs[2].fingerprint);
}

#[test]
fn connection_and_handler_have_events_and_subscriptions() {
    let connection = chat::Connection::detached();
    let events: &EventEmitter<ChatEvent> = &connection.events;
    assert_eq!(events.emit("room", ChatEvent::Closed), 0);
    let subscriptions: &Subscriptions = &connection.subscriptions;
    subscriptions.add("room").unwrap();
    let handler = chat::Handler::new(connection.clone());
    assert!(handler.subscriptions.contains("room"));
    assert_eq!(handler.events.emit("room", ChatEvent::Closed), 1);
    let _: chat::Events = ChatEvent::Closed;
    let _: &EventEmitter<NoEvents> = &quiet::Connection::detached().events;
}

mod state {
    use hardlight::{
        __private::{StateOperations, StateWriter},
        ConnectionState,
    };

    use super::Room;

    fn room(topic: &str, members: u32) -> Room {
        Room { topic: topic.to_owned(), members }
    }

    fn apply(state: &mut Room, operations: &[u8]) -> bool {
        state.apply(StateOperations::new(operations)).is_ok()
    }

    #[test]
    fn fields_start_from_their_defaults() {
        assert_eq!(Room::initial().topic, "everything");
        assert_eq!(Room::initial().members, 0);
    }

    #[test]
    fn a_snapshot_holds_every_field() {
        let mut out = StateWriter::new();
        room("rust", 3).snapshot(&mut out).unwrap();
        let mut copy = Room::initial();
        assert!(apply(&mut copy, &out.finish()));
        assert_eq!((copy.topic.as_str(), copy.members), ("rust", 3));
    }

    #[test]
    fn a_difference_holds_the_fields_that_changed() {
        let mut before = room("rust", 3);
        let mut shadow = before.shadow();
        let mut out = StateWriter::new();
        room("rust", 4).diff(&mut shadow, &mut out).unwrap();
        let mut copy = room("other", 3);
        assert!(apply(&mut copy, &out.finish()));
        assert_eq!((copy.topic.as_str(), copy.members), ("other", 4));
    }

    #[test]
    fn what_was_sent_is_not_sent_again() {
        let mut shadow = room("rust", 3).shadow();
        let mut out = StateWriter::new();
        room("go", 3).diff(&mut shadow, &mut StateWriter::new()).unwrap();
        room("go", 3).diff(&mut shadow, &mut out).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let mut out = StateWriter::new();
        out.set(1, &5_u32).unwrap();
        out.set(7, &1_u32).unwrap();
        let mut state = Room::initial();
        assert!(apply(&mut state, &out.finish()));
        assert_eq!(state.members, 5);
    }

    #[test]
    fn after_an_error_nothing_has_changed() {
        let mut out = StateWriter::new();
        out.set(0, &"rust".to_owned()).unwrap();
        out.set(1, &7_u8).unwrap();
        let mut state = Room::initial();
        assert!(!apply(&mut state, &out.finish()));
        assert_eq!(state.topic, "everything");
    }

    #[test]
    fn operations_cut_at_any_byte_change_nothing_or_a_whole_prefix() {
        let mut out = StateWriter::new();
        room("rust", 3).snapshot(&mut out).unwrap();
        let operations = out.finish();
        for end in 0..operations.len() {
            let mut state = Room::initial();
            if !apply(&mut state, &operations[..end]) {
                assert_eq!((state.topic.as_str(), state.members), ("everything", 0));
            }
        }
    }
}
