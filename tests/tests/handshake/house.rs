//! A server whose factory and handlers say what they see.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hardlight::{Certificate, ClientOptions, Identity, Refusal, Request, Server, ServerOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[hardlight::rpc]
pub(crate) trait Who {
    /// The session that the handler finds in the cookies of its connection.
    async fn session(&self) -> Option<String>;
}

impl Who for who::Handler {
    async fn session(&self) -> Option<String> {
        let request: &Request = self.connection().request()?;
        Some(request.cookie("session")?.value().to_owned())
    }
}

/// A server that runs.
pub(crate) struct House {
    pub(crate) url: String,
    pub(crate) addr: SocketAddr,
    /// The requests that came as far as the factory.
    seen: Arc<Mutex<Vec<Request>>>,
    certificate: Option<Certificate>,
}

impl House {
    pub(crate) async fn plain(
        options: ServerOptions,
        decide: impl Fn(&Request) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let server = Server::bind_plain("127.0.0.1:0", factory(Arc::clone(&seen), decide)).await;
        let server = server.unwrap().with_options(options);
        Self::run(server, "127.0.0.1", seen, None)
    }

    pub(crate) async fn secure(options: ServerOptions) -> Self {
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let identity = Identity::development(["localhost"]).unwrap();
        let certificate = Some(identity.certificate());
        let factory = factory(Arc::clone(&seen), |_| Ok(()));
        let server = Server::bind("127.0.0.1:0", identity, factory).await.unwrap();
        Self::run(server.with_options(options), "localhost", seen, certificate)
    }

    /// That lets everybody in.
    pub(crate) async fn open() -> Self {
        Self::plain(ServerOptions::new(), |_| Ok(())).await
    }

    fn run(
        server: Server,
        host: &str,
        seen: Arc<Mutex<Vec<Request>>>,
        certificate: Option<Certificate>,
    ) -> Self {
        let (url, addr) = (server.url(host), server.local_addr());
        tokio::spawn(server.run());
        Self { url, addr, seen, certificate }
    }

    /// How often the factory was called.
    pub(crate) fn made(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// What the factory saw last.
    pub(crate) fn last(&self) -> Request {
        self.seen.lock().unwrap().last().expect("the factory was called").clone()
    }

    /// Options that trust this server.
    pub(crate) fn trusted(&self) -> ClientOptions {
        ClientOptions::new().trust(self.certificate.clone().expect("it has TLS"))
    }

    /// Sends a request to upgrade with these headers besides, and then `more`.
    pub(crate) async fn send(&self, headers: &[&str], more: &[u8]) -> TcpStream {
        let head = upgrade(&self.addr.to_string(), headers);
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(&[head.as_bytes(), more].concat()).await.unwrap();
        stream
    }

    /// Sends a request to upgrade with these headers, and a Close behind it, and reads until the server hangs up.
    pub(crate) async fn answer(&self, headers: &[&str]) -> Vec<u8> {
        let mut stream = self.send(headers, &CLOSE).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    }
}

/// A request to upgrade, with these headers besides.
pub(crate) fn upgrade(host: &str, headers: &[&str]) -> String {
    let mut head = format!(
        "GET /rooms HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: hl.1\r\n"
    );
    for header in headers {
        head = head + header + "\r\n";
    }
    head + "\r\n"
}

/// A client's Close with code 1000, masked with zeros.
pub(crate) const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

fn factory(
    seen: Arc<Mutex<Vec<Request>>>,
    decide: impl Fn(&Request) -> Result<(), Refusal> + Send + Sync + 'static,
) -> impl Fn(who::Connection, Request) -> std::future::Ready<Result<who::Handler, Refusal>>
+ Send
+ Sync
+ 'static {
    move |connection, request| {
        seen.lock().unwrap().push(request.clone());
        std::future::ready(decide(&request).map(|()| who::Handler::new(connection)))
    }
}
