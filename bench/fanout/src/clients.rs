//! The clients.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, SystemTime},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use hardlight::proto::{Content, Frame, Frames, Hello, MAX_MESSAGE_BYTES};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Stdout},
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    task::LocalSet,
};

/// What a client that stalls has to receive into, in bytes: as little as there may be.
const STALLED_BUFFER_BYTES: u32 = 4096;

/// The process of the clients. It writes a line once all are there, and one for each event that all of them have. With the
/// argument `times` it writes what each delivery took instead, at the end; with `stalled`, one client does not read.
pub fn run(kind: &str, address: SocketAddr, connections: usize, rest: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let local = LocalSet::new();
    local.block_on(&runtime.expect("a runtime"), async {
        let stalls = rest.contains(&"stalled");
        let mut clients = Vec::new();
        for _ in 0..connections {
            clients.push(Client::connect(kind, address, false).await);
        }
        let stalled = if stalls { Some(Client::connect(kind, address, true).await) } else { None };
        let mut out = tokio::io::stdout();
        tell(&mut out, "ready").await;
        match rest {
            [] => count(clients, out).await,
            [_, seconds, ..] => time(clients, out, crate::number(seconds)).await,
            [_] => panic!("for how long?"),
        }
        drop(stalled);
    });
}

async fn tell(out: &mut Stdout, line: &str) {
    out.write_all(line.as_bytes()).await.expect("a pipe");
    out.write_all(b"\n").await.expect("a pipe");
    out.flush().await.expect("a pipe");
}

async fn count(clients: Vec<Client>, mut out: Stdout) {
    let connections = clients.len();
    let (received, mut all) = mpsc::unbounded_channel::<usize>();
    for client in clients {
        tokio::task::spawn_local(client.count(received.clone()));
    }
    drop(received);
    let (mut total, mut told) = (0, 0);
    while let Some(events) = all.recv().await {
        total += events;
        while total >= (told + 1) * connections {
            told += 1;
            tell(&mut out, "all").await;
        }
    }
}

/// How long each delivery took, in microseconds: how many at each time.
#[derive(Default)]
struct Times {
    counts: Vec<u32>,
    deliveries: u64,
}

impl Times {
    fn add(&mut self, sent: u64) {
        let took = usize::try_from(now().saturating_sub(sent) / 1_000).expect("not for ever");
        if self.counts.len() <= took {
            self.counts.resize(took + 1, 0);
        }
        self.counts[took] += 1;
        self.deliveries += 1;
    }

    /// What so many of a thousand deliveries took no longer than, in microseconds.
    fn at(&self, thousandths: u64) -> usize {
        let mut rest = self.deliveries * thousandths / 1_000;
        let found = self.counts.iter().position(|&count| {
            let found = u64::from(count) > rest;
            rest = rest.saturating_sub(count.into());
            found
        });
        found.unwrap_or(self.counts.len())
    }
}

async fn time(clients: Vec<Client>, mut out: Stdout, seconds: usize) {
    let times = Rc::new(RefCell::new(Times::default()));
    for client in clients {
        tokio::task::spawn_local(client.time(Rc::clone(&times)));
    }
    // The first events find cold caches.
    tokio::time::sleep(Duration::from_secs(2)).await;
    *times.borrow_mut() = Times::default();
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
    let line = {
        let times = times.borrow();
        format!("{} {} {}", times.deliveries, times.at(500), times.at(990))
    };
    tell(&mut out, &line).await;
}

/// The time of day, in nanoseconds, which two processes have in common.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.expect("the clock is set").as_nanos()).expect("a few centuries fit")
}

struct Client {
    stream: TcpStream,
    input: BytesMut,
    is_hardlight: bool,
}

impl Client {
    async fn connect(kind: &str, address: SocketAddr, stalls: bool) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if stalls {
            socket.set_recv_buffer_size(STALLED_BUFFER_BYTES).expect("a socket");
        }
        let mut stream = socket.connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let is_hardlight = kind == "hardlight";
        let protocol = if is_hardlight { "Sec-WebSocket-Protocol: hl.1\r\n" } else { "" };
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("a connection");
        let mut client = Self { stream, input: BytesMut::new(), is_hardlight };
        client.skip_head().await;
        match kind {
            "hardlight" => client.open().await,
            "jsonrpsee" => {
                let call = br#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":[]}"#;
                client.write(0x81, call).await;
                client.message().await;
            }
            _ => {}
        }
        client
    }

    async fn skip_head(&mut self) {
        loop {
            if let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") {
                return self.input.advance(end + 4);
            }
            self.read().await;
        }
    }

    /// Says Hello, and waits for the server's, the snapshot, and then the announcement of the topic.
    async fn open(&mut self) {
        let hello = Hello { max_frame_bytes: MAX_MESSAGE_BYTES, ..Hello::new() };
        self.write_frame(&Frame::Hello(hello.into())).await;
        loop {
            let message = self.message().await;
            let mut frames = Frames::new(message);
            if frames.any(|frame| matches!(frame, Ok(Frame::Topic { .. }))) {
                return;
            }
        }
    }

    async fn read(&mut self) {
        let read = self.stream.read_buf(&mut self.input).await.expect("a connection");
        if read == 0 {
            // The server has gone, and with it all that there is to do.
            std::process::exit(0);
        }
    }

    async fn write_frame(&mut self, frame: &Frame) {
        let mut out = BytesMut::new();
        frame.encode(&mut out);
        self.write(0x82, &out).await;
    }

    /// Sends a short message, masked with zeros.
    async fn write(&mut self, first: u8, message: &[u8]) {
        let length = u8::try_from(message.len()).expect("it is short");
        assert!(length < 126);
        let mut frame = BytesMut::with_capacity(6 + message.len());
        frame.put_slice(&[first, 0x80 | length, 0, 0, 0, 0]);
        frame.put_slice(message);
        self.stream.write_all(&frame).await.expect("a connection");
    }

    /// Waits for a message.
    async fn message(&mut self) -> Bytes {
        loop {
            let (header, length) = match &*self.input {
                [_, length @ ..=125, ..] => (2, usize::from(*length)),
                [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
                                _ => (2, usize::MAX / 2),
            };
            if self.input.len() >= header + length {
                self.input.advance(header);
                return self.input.split_to(length).freeze();
            }
            self.read().await;
        }
    }

    /// Waits for a message: the payloads of the events in it, which `take` gets.
    async fn events(&mut self, mut take: impl FnMut(&[u8])) {
        let message = self.message().await;
        if !self.is_hardlight {
            return take(&message);
        }
        let mut ping = None;
        for frame in Frames::new(message) {
            match frame.expect("a frame") {
                Frame::Event { payload: Content::Plain(payload), .. } => take(&payload),
                Frame::Ping { token } => ping = Some(token),
                _ => {}
            }
        }
        if let Some(token) = ping {
            self.write_frame(&Frame::Pong { token }).await;
        }
    }

    async fn count(mut self, received: mpsc::UnboundedSender<usize>) {
        loop {
            let mut events = 0;
            self.events(|_| events += 1).await;
            if events > 0 && received.send(events).is_err() {
                return;
            }
        }
    }

    /// Notes how long each event took, which says when it was sent.
    async fn time(mut self, times: Rc<RefCell<Times>>) {
        loop {
            self.events(|mut payload| times.borrow_mut().add(payload.get_u64_le())).await;
        }
    }
}
