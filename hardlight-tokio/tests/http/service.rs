//! A service, its server without a listener, and HTTP by hand.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hardlight_tokio::{
    ConnectionState, HttpService, Refusal, Request, Server, ServerHandle, ServerOptions, Unbound,
    http::{HeaderValue, header::HeaderName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::JoinHandle,
};

#[hardlight_tokio::rpc(state = State)]
pub(crate) trait Echo {
    async fn echo(&self, text: String) -> String;
    /// Answers once the test lets it.
    async fn wait(&self, number: u32) -> u32;
}

/// What the factory saw.
#[derive(ConnectionState)]
pub(crate) struct State {
    pub(crate) path: String,
    pub(crate) peer: String,
    pub(crate) user: String,
}

/// What a middleware adds to a request.
#[derive(Clone)]
pub(crate) struct User(pub(crate) &'static str);

#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) begun: Arc<Semaphore>,
    pub(crate) open: Arc<Semaphore>,
    /// One permit for each future of the factory that was dropped before it was done.
    pub(crate) dropped: Arc<Semaphore>,
}

struct App {
    gate: Gate,
}

impl Echo for App {
    async fn echo(&self, text: String) -> String {
        text
    }

    async fn wait(&self, number: u32) -> u32 {
        self.gate.begun.add_permits(1);
        self.gate.open.acquire().await.expect("it is never closed").forget();
        number
    }
}

struct Dropped(Arc<Semaphore>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

async fn factory(
    gate: Gate,
    connection: echo::Connection,
    request: Request,
) -> Result<App, Refusal> {
    match request.query() {
        Some("refuse") => return Err(Refusal::not_found()),
        Some("panic") => panic!("the factory panics, as the test wants it to"),
        Some("never") => {
            let _dropped = Dropped(Arc::clone(&gate.dropped));
            gate.begun.add_permits(1);
            return std::future::pending().await;
        }
        _ => {}
    }
    let made = HeaderName::from_static("x-made-by");
    request.response().append(made, HeaderValue::from_static("the factory"))?;
    let mut state = connection.state.lock();
    state.path = request.path().to_owned();
    state.peer = request.peer_addr().map(|addr| addr.to_string()).unwrap_or_default();
    state.user = request.extensions().get().map_or(String::new(), |User(name)| (*name).to_owned());
    drop(state);
    Ok(App { gate })
}

/// A server without a listener that runs, and its service.
pub(crate) struct Mounted {
    pub(crate) service: HttpService,
    pub(crate) handle: ServerHandle,
    pub(crate) gate: Gate,
    pub(crate) task: JoinHandle<()>,
}

impl Mounted {
    pub(crate) fn new() -> Self {
        Self::with(ServerOptions::new())
    }

    pub(crate) fn with(options: ServerOptions) -> Self {
        let none = || Arc::new(Semaphore::new(0));
        let gate = Gate { begun: none(), open: none(), dropped: none() };
        let made = gate.clone();
        let server: Server<Unbound> =
            Server::unbound(move |connection, request| factory(made.clone(), connection, request));
        let server = server.with_options(options);
        let (service, handle) = (HttpService::new(server.mount()), server.handle());
        Self { service, handle, gate, task: tokio::spawn(server.run()) }
    }
}

/// The head of a WebSocket request with these further lines.
pub(crate) fn upgrade(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: hl.1\r\n{lines}\r\n"
    )
}

/// Sends `request` and reads until the server hangs up.
pub(crate) async fn answer(addr: SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that is not done with a connection is as good as one that says no more.
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    answer
}

/// What is answered to a request that asks for the connection to be closed.
pub(crate) async fn text(addr: SocketAddr, request: &str) -> String {
    let closing = if request.contains("Connection: Upgrade") {
        request.replace("Connection: Upgrade", "Connection: Upgrade, close")
    } else {
        request.replacen("\r\nHost: ", "\r\nConnection: close\r\nHost: ", 1)
    };
    String::from_utf8(answer(addr, &closing).await).unwrap()
}
