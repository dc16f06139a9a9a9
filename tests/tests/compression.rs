//! Compression over real sockets: what travels compressed, between whom, and what never does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hardlight::{
    ClientOptions, ConnectionState, EventEmitter, Events, Received, Server, ServerOptions,
    connect_plain_with,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The length of what is sent, in bytes, and the most that is left of it.
const LONG: usize = 20_000;
const SHORT: usize = 2_000;

#[derive(Debug, PartialEq, Events)]
enum NewsEvent {
    Told(String),
    #[events(secret)]
    Whispered(String),
}

#[derive(ConnectionState)]
struct Board {
    text: String,
    #[state(secret)]
    password: String,
}

#[hardlight::rpc(state = Board, events = NewsEvent)]
trait News {
    async fn length(&self, text: String) -> u32;
    async fn text(&self) -> String;
    #[rpc(secret)]
    async fn length_of_secret(&self, text: String) -> u32;
    #[rpc(secret)]
    async fn secret(&self) -> String;
    async fn write(&self, text: String);
    async fn set_password(&self);
}

fn text() -> String {
    "All work and no play makes Jack a dull boy. ".chars().cycle().take(LONG).collect()
}

impl News for news::Handler {
    async fn length(&self, text: String) -> u32 {
        text.len() as u32
    }

    async fn text(&self) -> String {
        text()
    }

    async fn length_of_secret(&self, text: String) -> u32 {
        text.len() as u32
    }

    async fn secret(&self) -> String {
        text()
    }

    async fn write(&self, text: String) {
        self.state.lock().text = text;
    }

    async fn set_password(&self) {
        let mut state = self.state.lock();
        state.text = text();
        state.password = "secret".into();
    }
}

/// Bytes that went through.
#[derive(Clone, Default)]
struct Meter(Arc<AtomicUsize>);

impl Meter {
    /// How many since it was asked last.
    fn read(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }

    async fn carry(self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes).await {
            self.0.fetch_add(length, Ordering::Relaxed);
            if to.write_all(&bytes[..length]).await.is_err() {
                break;
            }
        }
    }
}

struct Joined {
    client: news::Client,
    emitter: EventEmitter<NewsEvent>,
    to_client: Meter,
    to_server: Meter,
}

/// A client, its server, and what measures between them.
async fn join(server_compresses: bool, client_compresses: bool) -> Joined {
    let factory = async |connection: news::Connection, _| {
        connection.subscriptions.add("news").expect("it is there");
        Ok(news::Handler::new(connection))
    };
    let server = Server::bind_plain("127.0.0.1:0", factory).await.unwrap();
    let server = server.with_options(ServerOptions::new().compression(server_compresses));
    let (address, emitter) = (server.local_addr(), server.emitter());
    tokio::spawn(server.run());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (to_client, to_server) = (Meter::default(), Meter::default());
    let meters = [to_client.clone(), to_server.clone()];
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(address).await.unwrap();
        let ((from_client, for_client), (from_server, for_server)) =
            (client.into_split(), server.into_split());
        let [to_client, to_server] = meters;
        tokio::join!(
            to_client.carry(from_server, for_client),
            to_server.carry(from_client, for_server)
        );
    });
    let options = ClientOptions::new().compression(client_compresses);
    let client = connect_plain_with(&url, options).await.unwrap();
    to_client.read();
    to_server.read();
    Joined { client, emitter, to_client, to_server }
}

impl Joined {
    /// How many bytes each takes to the server, and to the client: a call's input, its output, a change of the state, an event.
    async fn lengths(&self) -> [usize; 4] {
        assert_eq!(self.client.length(text()).await, Ok(LONG as u32));
        let input = self.to_server.read();
        self.to_client.read();
        assert_eq!(self.client.text().await, Ok(text()));
        let output = self.to_client.read();
        self.client.write(text()).await.unwrap();
        assert_eq!(self.client.state().text, text());
        let state = self.to_client.read();
        let mut events = self.client.events();
        self.emitter.emit("news", NewsEvent::Told(text()));
        assert_eq!(event(events.next().await), NewsEvent::Told(text()));
        [input, output, state, self.to_client.read()]
    }
}

fn event(received: Option<Received<NewsEvent>>) -> NewsEvent {
    match received {
        Some(Received::Event { event, .. }) => event,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn where_both_sides_ask_for_it_long_payloads_of_every_kind_are_compressed() {
    let lengths = join(true, true).await.lengths().await;
    assert!(lengths.iter().all(|length| (1..SHORT).contains(length)), "{lengths:?}");
}

#[tokio::test]
async fn where_one_side_does_not_ask_for_it_nothing_is_compressed_and_all_arrives() {
    for (server, client) in [(true, false), (false, true), (false, false)] {
        let lengths = join(server, client).await.lengths().await;
        assert!(lengths.iter().all(|length| *length > LONG), "{server}, {client}: {lengths:?}");
    }
}

#[tokio::test]
async fn what_is_marked_as_secret_is_not_compressed() {
    let Joined { client, emitter, to_client, to_server } = join(true, true).await;
    assert_eq!(client.length_of_secret(text()).await, Ok(LONG as u32));
    assert!(to_server.read() > LONG);
    to_client.read();
    assert_eq!(client.secret().await, Ok(text()));
    assert!(to_client.read() > LONG);
    client.set_password().await.unwrap();
    assert_eq!(client.state().password, "secret");
    assert!(to_client.read() > LONG);
    let mut events = client.events();
    emitter.emit("news", NewsEvent::Whispered(text()));
    assert_eq!(event(events.next().await), NewsEvent::Whispered(text()));
    assert!(to_client.read() > LONG);
}
