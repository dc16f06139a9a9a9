//! The servers.

use std::{
    io::{BufRead, Write},
    net::SocketAddr,
    time::Instant,
};

use bytes::Bytes;
use futures_util::SinkExt;
use hardlight::{Events, Server, rpc};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::{
    process::{Process, cpu_time, start},
    stalled,
};

/// Servers that can be compared.
#[cfg(feature = "jsonrpsee")]
pub const KINDS: &[&str] = &["hardlight", "tungstenite", "jsonrpsee"];
/// Servers that can be compared.
#[cfg(not(feature = "jsonrpsee"))]
pub const KINDS: &[&str] = &["hardlight", "tungstenite"];

#[derive(Events)]
pub enum Tick {
    At { payload: [u8; 64] },
}

#[rpc(events = Tick)]
pub trait Ticks {
    async fn nothing(&self);
}

impl Ticks for ticks::Handler {
    async fn nothing(&self) {}
}

const TICK: [u8; 64] = [7; 64];

/// The process of one server.
pub fn run(kind: &str, connections: usize, rest: &[&str]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    match (kind, rest) {
        ("hardlight", []) => runtime.block_on(serve_hardlight(connections)),
        ("hardlight", rest) => runtime.block_on(stalled::serve(connections, rest)),
        ("tungstenite", _) => runtime.block_on(serve_tungstenite(connections)),
        #[cfg(feature = "jsonrpsee")]
        ("jsonrpsee", _) => runtime.block_on(serve_jsonrpsee(connections)),
        (kind, _) => panic!("there is no server {kind}"),
    }
}

/// A server whose clients are subscribed to one topic.
pub async fn hardlight() -> Server {
    let factory = |connection: ticks::Connection, _request: hardlight::Request| async {
        connection.subscriptions.add("all").expect("a short name");
        Ok(ticks::Handler::new(connection))
    };
    Server::bind_plain("127.0.0.1:0", factory)
        .await
        .expect("a port")
}

async fn serve_hardlight(connections: usize) {
    let server = hardlight().await;
    let (address, emitter) = (server.local_addr(), server.emitter::<Tick>());
    tokio::spawn(server.run());
    let clients = start_clients("hardlight", address, connections);
    answer(clients, || {
        emitter.emit("all", Tick::At { payload: TICK });
    });
}

async fn serve_tungstenite(connections: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (joined, mut joining) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let joined = joined.clone();
            tokio::spawn(async move {
                stream.set_nodelay(true).expect("a socket");
                let config = WebSocketConfig::default().read_buffer_size(8 << 10);
                let accepted = accept_async_with_config(stream, Some(config)).await;
                let mut socket = accepted.expect("a handshake");
                let (sender, mut messages) = mpsc::unbounded_channel::<Message>();
                joined.send(sender).expect("it is counted");
                while let Some(message) = messages.recv().await {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let clients = start_clients("tungstenite", address, connections);
    let mut senders = Vec::new();
    for _ in 0..connections {
        senders.extend(joining.recv().await);
    }
    // As long as the frame of an event is, with its topic's number and its own.
    let message = Message::Binary(Bytes::from(vec![7; 75]));
    answer(clients, || {
        for sender in &senders {
            sender.send(message.clone()).expect("it is connected");
        }
    });
}

#[cfg(feature = "jsonrpsee")]
async fn serve_jsonrpsee(connections: usize) {
    use jsonrpsee::server::{RpcModule, ServerConfig, SubscriptionMessage};
    use tokio::sync::broadcast;

    let (events, _) = broadcast::channel::<String>(16);
    let config = ServerConfig::builder()
        .max_connections(connections as u32 + 10)
        .build();
    let server = jsonrpsee::server::Server::builder().set_config(config);
    let server = server.build("127.0.0.1:0").await.expect("a port");
    let address = server.local_addr().expect("bound");
    let mut module = RpcModule::new(events.clone());
    let subscribe = |_,
                     pending: jsonrpsee::PendingSubscriptionSink,
                     events: std::sync::Arc<broadcast::Sender<String>>,
                     _| async move {
        let mut events = events.subscribe();
        let Ok(sink) = pending.accept().await else {
            return;
        };
        while let Ok(event) = events.recv().await {
            let message = serde_json::value::to_raw_value(&event).expect("a text");
            if sink.send(SubscriptionMessage::from(message)).await.is_err() {
                return;
            }
        }
    };
    module
        .register_subscription("subscribe", "tick", "unsubscribe", subscribe)
        .expect("new");
    let _handle = server.start(module);
    let clients = start_clients("jsonrpsee", address, connections);
    let event = "7".repeat(64);
    answer(clients, || {
        events.send(event.clone()).expect("somebody is subscribed");
    });
}

fn start_clients(kind: &str, address: SocketAddr, connections: usize) -> Process {
    start(&[
        "clients",
        kind,
        &address.to_string(),
        &connections.to_string(),
    ])
}

/// Emits as many events as each line of the input says, each once all clients have the one before. The answer is what that
/// took of the processors, in seconds, and the time of each event, in nanoseconds.
fn answer(mut clients: Process, mut emit: impl FnMut()) {
    tokio::task::block_in_place(|| {
        assert_eq!(clients.hear(), "ready");
        println!("ready");
        for line in std::io::stdin().lock().lines() {
            let events = crate::number(&line.expect("text"));
            let (mut times, before) = (Vec::new(), cpu_time());
            for _ in 0..events {
                let start = Instant::now();
                emit();
                clients.hear();
                times.push(start.elapsed().as_nanos().to_string());
            }
            println!("{} {}", cpu_time() - before, times.join(" "));
            std::io::stdout().flush().expect("a pipe");
        }
    });
}
