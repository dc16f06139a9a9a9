//! One event of 64 bytes to many connections over TCP loopback: HardLight, a bare tungstenite server that sends the same
//! message, and subscriptions of jsonrpsee.
//!
//! `cargo run --release --manifest-path bench/Cargo.toml -p hardlight-fanout --features jsonrpsee -- [SERVER [CONNECTIONS]]`, where
//! a server is `hardlight`, `tungstenite` or `jsonrpsee`; without the feature there is no `jsonrpsee`.
//!
//! The clients are a process of their own, and the same for all: they do a handshake, and then count WebSocket frames.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use hardlight::{
    Events, Server,
    proto::{Frame, Frames, Hello, MAX_MESSAGE_BYTES},
    rpc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

#[derive(Events)]
enum Tick {
    At { payload: [u8; 64] },
}

#[rpc(events = Tick)]
trait Ticks {
    async fn nothing(&self);
}

impl Ticks for ticks::Handler {
    async fn nothing(&self) {}
}

const TICK: [u8; 64] = [7; 64];

#[cfg(feature = "jsonrpsee")]
const SERVERS: &[&str] = &["hardlight", "tungstenite", "jsonrpsee"];
#[cfg(not(feature = "jsonrpsee"))]
const SERVERS: &[&str] = &["hardlight", "tungstenite"];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [clients, kind, address, connections] = &*arguments
        && clients == "clients"
    {
        let address = address.parse().expect("an address");
        return clients_main(kind, address, connections.parse().expect("a number"));
    }
    let kinds: Vec<_> = arguments
        .first()
        .map_or_else(|| SERVERS.to_vec(), |kind| vec![kind.as_str()]);
    let counts: Vec<usize> = arguments.get(1).map_or_else(
        || vec![1_000, 10_000],
        |count| vec![count.parse().expect("a number")],
    );
    println!(
        "| server | connections | deliveries/s | emit to last, p50 | p99 | its CPU, a delivery |"
    );
    println!("|---|---|---|---|---|---|");
    for connections in counts {
        for kind in &kinds {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime");
            match *kind {
                "hardlight" => runtime.block_on(hardlight_server(connections)),
                "tungstenite" => runtime.block_on(tungstenite_server(connections)),
                #[cfg(feature = "jsonrpsee")]
                "jsonrpsee" => runtime.block_on(jsonrpsee_server(connections)),
                kind => panic!("there is no server {kind}"),
            }
        }
    }
}

async fn hardlight_server(connections: usize) {
    let factory = |connection: ticks::Connection, _request: hardlight::Request| async {
        connection.subscriptions.add("all").expect("a short name");
        Ok(ticks::Handler::new(connection))
    };
    let server = Server::bind_plain("127.0.0.1:0", factory)
        .await
        .expect("a port");
    let (address, emitter) = (server.local_addr(), server.emitter::<Tick>());
    tokio::spawn(server.run());
    let clients = Clients::start("hardlight", address, connections);
    measure("hardlight", connections, clients, || {
        emitter.emit("all", Tick::At { payload: TICK });
    });
}

async fn tungstenite_server(connections: usize) {
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
    let clients = Clients::start("tungstenite", address, connections);
    let mut senders = Vec::new();
    for _ in 0..connections {
        senders.extend(joining.recv().await);
    }
    // As long as the frame of an event is, with its topic's number and its own.
    let message = Message::Binary(Bytes::from(vec![7; 75]));
    measure("tungstenite", connections, clients, || {
        for sender in &senders {
            sender.send(message.clone()).expect("it is connected");
        }
    });
}

#[cfg(feature = "jsonrpsee")]
async fn jsonrpsee_server(connections: usize) {
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
    let clients = Clients::start("jsonrpsee", address, connections);
    let event = "7".repeat(64);
    measure("jsonrpsee", connections, clients, || {
        events.send(event.clone()).expect("somebody is subscribed");
    });
}

/// The process of the clients. It says a byte for each event that all of them have.
struct Clients {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Clients {
    fn start(kind: &str, address: SocketAddr, connections: usize) -> Self {
        let program = std::env::current_exe().expect("it runs");
        let mut child = Command::new(program)
            .args([
                "clients",
                kind,
                &address.to_string(),
                &connections.to_string(),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, output }
    }

    fn wait_ready(&mut self) {
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .expect("the clients are ready");
    }

    fn wait_all(&mut self) {
        let mut byte = [0];
        self.output
            .read_exact(&mut byte)
            .expect("the clients have it");
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

fn measure(kind: &str, connections: usize, mut clients: Clients, mut emit: impl FnMut()) {
    tokio::task::block_in_place(|| {
        clients.wait_ready();
        let rounds = 300_000 / connections;
        for _ in 0..rounds / 10 {
            emit();
            clients.wait_all();
        }
        let (mut times, before) = (Vec::new(), cpu_time());
        for _ in 0..rounds {
            let start = Instant::now();
            emit();
            clients.wait_all();
            times.push(start.elapsed());
        }
        let cpu = (cpu_time() - before) / (connections * rounds) as f64;
        let total: Duration = times.iter().sum();
        times.sort_unstable();
        println!(
            "| {kind} | {connections} | {:.0} | {:.2?} | {:.2?} | {:.2} us |",
            (connections * rounds) as f64 / total.as_secs_f64(),
            times[rounds / 2],
            times[rounds * 99 / 100],
            cpu * 1e6,
        );
    });
}

/// What this process has used of the processors, in seconds: of use on a machine that others use too.
fn cpu_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let behind_name = stat.rsplit(')').next().expect("the name is in parentheses");
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().expect("a number"))
        .sum::<f64>()
        / 100.0
}

// The clients.

fn clients_main(kind: &str, address: SocketAddr, connections: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let (received, mut all) = mpsc::unbounded_channel::<u64>();
        for _ in 0..connections {
            let client = Client::connect(kind, address).await;
            let received = received.clone();
            tokio::spawn(client.count(received));
        }
        let mut out = tokio::io::stdout();
        out.write_all(b"ready\n").await.expect("a pipe");
        out.flush().await.expect("a pipe");
        let (mut total, mut told) = (0, 0);
        while let Some(events) = all.recv().await {
            total += events;
            while total >= (told + 1) * connections as u64 {
                told += 1;
                out.write_all(b".").await.expect("a pipe");
                out.flush().await.expect("a pipe");
            }
        }
    });
}

struct Client {
    stream: TcpStream,
    input: BytesMut,
    is_hardlight: bool,
}

impl Client {
    async fn connect(kind: &str, address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let protocol = if kind == "hardlight" {
            "Sec-WebSocket-Protocol: hl.1\r\n"
        } else {
            ""
        };
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a connection");
        let mut client = Self {
            stream,
            input: BytesMut::new(),
            is_hardlight: kind == "hardlight",
        };
        loop {
            if let Some(end) = client.input.windows(4).position(|four| four == b"\r\n\r\n") {
                let _ = client.input.split_to(end + 4);
                break;
            }
            client.read().await;
        }
        match kind {
            "hardlight" => {
                // Its Hello, the snapshot, and then the announcement of the topic.
                let mut out = BytesMut::new();
                let hello = Hello {
                    max_frame_bytes: MAX_MESSAGE_BYTES,
                    ..Hello::new()
                };
                Frame::Hello(hello.into()).encode(&mut out);
                client.write(0x82, &out).await;
                while client.frames().await.iter().all(|kind| *kind != 0x09) {}
            }
            "jsonrpsee" => {
                let call = br#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":[]}"#;
                client.write(0x81, call).await;
                client.frames().await;
            }
            _ => {}
        }
        client
    }

    async fn read(&mut self) {
        let read = self
            .stream
            .read_buf(&mut self.input)
            .await
            .expect("a connection");
        assert!(read > 0, "the server has gone");
    }

    /// Sends a short message, masked with zeros.
    async fn write(&mut self, first: u8, message: &[u8]) {
        let length = u8::try_from(message.len()).expect("it is short");
        assert!(length < 126);
        let header = [first, 0x80 | length, 0, 0, 0, 0];
        self.stream
            .write_all(&[&header, message].concat())
            .await
            .expect("a connection");
    }

    /// Waits for a WebSocket frame: the kinds of HardLight's frames in it, or a single one.
    async fn frames(&mut self) -> Vec<u8> {
        loop {
            let (header, length) = match &*self.input {
                [_, length @ 0..126, ..] => (2, usize::from(*length)),
                [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
                _ => (2, usize::MAX / 2),
            };
            if self.input.len() >= header + length {
                let frame = self
                    .input
                    .split_to(header + length)
                    .freeze()
                    .slice(header..);
                if !self.is_hardlight {
                    return vec![0x0b];
                }
                let kind = |frame: Frame| match frame {
                    Frame::Event { .. } => 0x0b,
                    Frame::Topic { .. } => 0x09,
                    _ => 0,
                };
                return Frames::new(frame)
                    .map(|frame| frame.map_or(0, kind))
                    .collect();
            }
            self.read().await;
        }
    }

    async fn count(mut self, received: mpsc::UnboundedSender<u64>) {
        loop {
            let events = self
                .frames()
                .await
                .iter()
                .filter(|kind| **kind == 0x0b)
                .count();
            if events > 0 && received.send(events as u64).is_err() {
                return;
            }
        }
    }
}
