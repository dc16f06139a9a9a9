//! Events over real sockets: from one client's call to other clients, and from the application.

use std::time::Duration;

use futures_util::future::join_all;
use hardlight::{ClientOptions, Events, Identity, Received, Server, connect_with};
use tokio::time::timeout;

#[derive(Clone, Debug, PartialEq, Events)]
enum ChatEvent {
    Message { from: u32, text: String },
    Closed,
}

#[hardlight::rpc(events = ChatEvent)]
trait Chat {
    async fn join(&self, room: String);
    async fn leave(&self, room: String);
    async fn say(&self, from: u32, room: String, text: String) -> u32;
}

impl Chat for chat::Handler {
    async fn join(&self, room: String) {
        self.subscriptions.add(room).expect("the name is short");
    }

    async fn leave(&self, room: String) {
        self.subscriptions.remove(room);
    }

    async fn say(&self, from: u32, room: String, text: String) -> u32 {
        let reached = self.events.emit(room, ChatEvent::Message { from, text });
        u32::try_from(reached).expect("fewer clients than that")
    }
}

struct Serving {
    url: String,
    options: ClientOptions,
    emitter: hardlight::EventEmitter<ChatEvent>,
}

impl Serving {
    async fn start() -> Self {
        let identity = Identity::development(["localhost"]).unwrap();
        let options = ClientOptions::new().trust(identity.certificate());
        let server = Server::bind("localhost:0", identity, chat::Handler::accept).await.unwrap();
        let (url, emitter) = (server.url("localhost"), server.emitter());
        tokio::spawn(server.run());
        Self { url, options, emitter }
    }

    async fn connect(&self) -> chat::Client {
        connect_with(&self.url, self.options.clone()).await.unwrap()
    }
}

fn event<E>(received: Option<Received<E>>) -> E {
    match received {
        Some(Received::Event { event, .. }) => event,
        _ => panic!("no event"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_of_a_room_gets_every_message_of_each_sender_in_order() {
    const MESSAGES: u32 = 200;
    let serving = Serving::start().await;
    let clients = join_all((0..8).map(|_| serving.connect())).await;
    let mut streams: Vec<_> = clients.iter().map(|client| client.events()).collect();
    join_all(clients.iter().map(|client| client.join("blue".into()))).await;
    let senders = clients.iter().zip(0..).map(async |(client, from)| {
        for number in 0..MESSAGES {
            let reached = client.say(from, "blue".into(), number.to_string()).await;
            assert_eq!(reached, Ok(8));
        }
    });
    let readers = streams.iter_mut().map(async |stream| {
        let mut next = [0; 8];
        for _ in 0..8 * MESSAGES {
            let ChatEvent::Message { from, text } = event(stream.next().await) else { panic!() };
            let next = &mut next[from as usize];
            assert_eq!(text, next.to_string());
            *next += 1;
        }
    });
    tokio::join!(join_all(senders), join_all(readers));
}

#[tokio::test]
async fn the_applications_emitter_reaches_whoever_is_subscribed_by_then() {
    let serving = Serving::start().await;
    let (inside, outside) = (serving.connect().await, serving.connect().await);
    let (mut inside_events, mut outside_events) = (inside.events(), outside.events());
    inside.join("blue".into()).await.unwrap();
    outside.join("red".into()).await.unwrap();
    assert_eq!(serving.emitter.emit("blue", ChatEvent::Closed), 1);
    assert_eq!(event(inside_events.next().await), ChatEvent::Closed);
    inside.leave("blue".into()).await.unwrap();
    assert_eq!(serving.emitter.emit("blue", ChatEvent::Closed), 0);
    // Whatever had gone astray would have come before this one.
    assert_eq!(serving.emitter.emit("red", ChatEvent::Closed), 1);
    let received = outside_events.next().await;
    assert!(matches!(received, Some(Received::Event { topic, .. }) if topic == "red"));
}

#[tokio::test]
async fn a_client_that_is_gone_is_subscribed_to_nothing() {
    let serving = Serving::start().await;
    let client = serving.connect().await;
    client.join("blue".into()).await.unwrap();
    client.close().await;
    // The server may hear of it a little later.
    let unsubscribed = async {
        while serving.emitter.emit("blue", ChatEvent::Closed) > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), unsubscribed).await.expect("it is subscribed still");
}

#[tokio::test]
#[should_panic(expected = "the events of this server's service are")]
async fn an_emitter_of_another_services_events_is_refused() {
    #[derive(Events)]
    enum OtherEvent {
        Other,
    }
    let server = Server::bind_plain("localhost:0", chat::Handler::accept).await.unwrap();
    server.emitter::<OtherEvent>().emit("blue", OtherEvent::Other);
}
