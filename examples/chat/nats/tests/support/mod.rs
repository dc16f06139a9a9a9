//! A NATS server, and chat servers that it joins.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use chat_nats::{Bridge, Nats};
use chat_server::Store;
use chat_shared::{ChatEvent, Message, chat};
use hardlight::{
    Certificate, ClientOptions, EventStream, Identity, Pattern, Received, connect_with,
};
use tokio::{sync::oneshot, task::JoinHandle};

/// Debian's, which is not everybody's to find.
const ELSEWHERE: &str = "/usr/sbin/nats-server";

/// A NATS server that runs. Killed when it is dropped.
pub(crate) struct NatsServer {
    child: Child,
    pub(crate) port: u16,
}

impl NatsServer {
    /// Starts a server with its files in `dir`, at a port that is free, and waits until it listens.
    pub(crate) fn start(dir: &Path) -> Self {
        let config = dir.join("nats.conf");
        let text = "listen: \"127.0.0.1:-1\"\njetstream { store_dir: \"DIR\" }\n";
        let store = dir.join("nats").display().to_string();
        fs::write(&config, text.replace("DIR", &store)).expect("the folder is ours");
        let start = |program: &str| {
            let mut command = Command::new(program);
            command.arg("-c").arg(&config).stderr(Stdio::piped()).spawn()
        };
        let mut child = start("nats-server").or_else(|_| start(ELSEWHERE)).expect(
            "these tests need nats-server: `scripts/test --install nats`, or `apt-get install nats-server`",
        );
        let mut log = BufReader::new(child.stderr.take().expect("it is a pipe")).lines();
        let port = loop {
            let line = log.next().expect("NATS says where it listens").expect("it is text");
            if let Some((_, address)) = line.split_once("Listening for client connections on ") {
                let (_, port) = address.rsplit_once(':').expect("an address has a port");
                break port.parse().expect("a port is a number");
            }
        };
        // It stops when nobody reads what it logs.
        thread::spawn(move || log.map_while(Result::ok).for_each(drop));
        Self { child, port }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A chat server that NATS joins with others.
pub(crate) struct ChatServer {
    url: String,
    certificate: Certificate,
    stop: oneshot::Sender<()>,
    bridge: JoinHandle<()>,
}

impl ChatServer {
    /// Starts a server with its database in `dir`, which it shares with others, and joins it by NATS at `port`.
    pub(crate) async fn start(dir: &Path, port: u16) -> Self {
        let database: PathBuf = dir.join("chat.db");
        let identity = Identity::development(["localhost"]).unwrap();
        let certificate = identity.certificate();
        let store = Store::open(&database).unwrap();
        let server = chat_server::bind("localhost:0", identity, store).await.unwrap();
        let nats = Nats::connect(&format!("nats://127.0.0.1:{port}"), "chat").await.unwrap();
        let topics = Pattern::new("messages/#").unwrap();
        let bridge = Bridge::<ChatEvent>::new(server.relay(), nats, topics);
        let (stop, stopped) = oneshot::channel();
        let bridge = tokio::spawn(bridge.run(async { drop(stopped.await) }));
        let url = server.url("localhost");
        tokio::spawn(server.run());
        Self { url, certificate, stop, bridge }
    }

    /// Takes the server from the others, and waits until they have what was said on it.
    pub(crate) async fn part(self) {
        drop(self.stop);
        self.bridge.await.unwrap();
    }

    /// A user who is in the lobby.
    pub(crate) async fn user(&self, name: &str) -> User {
        let options = ClientOptions::new().trust(self.certificate.clone());
        let client: chat::Client = connect_with(&self.url, options).await.unwrap();
        let events = client.events();
        client.login(name.to_owned(), None).await.unwrap();
        client.join("lobby".to_owned()).await.unwrap();
        User { client, events }
    }
}

pub(crate) struct User {
    client: chat::Client,
    events: EventStream<ChatEvent>,
}

impl User {
    pub(crate) async fn say(&self, text: impl ToString) {
        self.client.send_message("lobby".to_owned(), text.to_string()).await.unwrap();
    }

    /// Waits for what is said next, which is to be just this, and nothing that was missed before it.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: impl ToString) -> impl Future<Output = ()> {
        let (text, caller) = (text.to_string(), std::panic::Location::caller());
        async move {
            loop {
                match self.events.next().await.expect("the connection lives") {
                    Received::Event {
                        event: ChatEvent::Said(Message { text: said, .. }), ..
                    } => {
                        assert_eq!(said, text, "at {caller}");
                        return;
                    }
                    Received::Event { event: ChatEvent::Present { .. }, .. } => {}
                    other => panic!("{other:?} instead of {text}, at {caller}"),
                }
            }
        }
    }
}
