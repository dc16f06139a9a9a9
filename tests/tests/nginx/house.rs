//! Servers, nginx before them, and the way of clients to it.

use std::{
    env, fs, io,
    net::{SocketAddr, TcpListener as StdListener},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command},
    sync::{Arc, Mutex},
    time::Duration,
};

use hardlight::{
    Certificate, ClientOptions, ConnectError, ConnectionState, Events, Limits, Proxy, Refusal,
    Request, Server, ServerHandle, ServerOptions, TrustedProxies, connect_with,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// As the configuration has it, so that clients and pages name it as they would in earnest.
pub(crate) const NAME: &str = "app.example.com";

/// Where clients come from. Servers and nginx are at 127.0.0.1.
pub(crate) const CLIENT: &str = "127.0.0.9";

#[hardlight::rpc(state = State, events = News)]
pub(crate) trait Behind {
    async fn add(&self, amount: u32) -> u32;
    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
    /// Follows the topic `news`, and emits on it.
    async fn tell(&self, text: String);
}

#[derive(ConnectionState)]
pub(crate) struct State {
    pub(crate) counter: u32,
    /// Which server it is.
    pub(crate) server: u32,
}

#[derive(Debug, PartialEq, Events)]
pub(crate) enum News {
    Told { text: String },
}

impl Behind for behind::Handler {
    async fn add(&self, amount: u32) -> u32 {
        let mut state = self.state.lock();
        state.counter += amount;
        state.counter
    }

    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    async fn tell(&self, text: String) {
        self.subscriptions.add("news").expect("the name is short");
        self.events.emit("news", News::Told { text });
    }
}

/// Two servers behind nginx.
pub(crate) struct House {
    /// The way of clients to nginx: they ask it for [`NAME`].
    way: SocketAddr,
    pub(crate) servers: [SocketAddr; 2],
    pub(crate) handles: [ServerHandle; 2],
    certificate: Certificate,
    seen: Arc<Mutex<Vec<Request>>>,
    _nginx: Nginx,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with_heartbeats(Some(Duration::from_millis(600))).await
    }

    pub(crate) async fn with_heartbeats(interval: Option<Duration>) -> Self {
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let (first, of_first) = serve(0, interval, Arc::clone(&seen)).await;
        let (second, of_second) = serve(1, interval, Arc::clone(&seen)).await;
        let generated = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let (certificate, key) = (generated.cert.pem(), generated.signing_key.serialize_pem());
        let servers = [first, second];
        let (nginx, addr) = Nginx::start(servers, &certificate, &key);
        Self {
            way: way_to(addr).await,
            servers,
            handles: [of_first, of_second],
            certificate: Certificate::from_pem(certificate.as_bytes()).unwrap(),
            seen,
            _nginx: nginx,
        }
    }

    /// Options of a client that trusts nginx, and comes to it from [`CLIENT`].
    pub(crate) fn options(&self) -> ClientOptions {
        ClientOptions::new().trust(self.certificate.clone()).proxy(proxy(self.way))
    }

    pub(crate) async fn connect_to(
        &self,
        path: &str,
        options: ClientOptions,
    ) -> Result<behind::Client, ConnectError> {
        connect_with(&format!("wss://{NAME}{path}"), options).await
    }

    pub(crate) async fn connect(&self) -> behind::Client {
        self.connect_to("/", self.options()).await.unwrap()
    }

    /// What a factory saw last.
    pub(crate) fn last(&self) -> Request {
        self.seen.lock().unwrap().last().expect("a factory was called").clone()
    }

    /// How often a factory was called.
    pub(crate) fn made(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn serve(
    number: u32,
    heartbeats: Option<Duration>,
    seen: Arc<Mutex<Vec<Request>>>,
) -> (SocketAddr, ServerHandle) {
    let factory = move |connection: behind::Connection, request: Request| {
        seen.lock().unwrap().push(request.clone());
        std::future::ready(if request.path() == "/" {
            connection.state.lock().server = number;
            Ok(behind::Handler::new(connection))
        } else {
            Err(Refusal::unavailable().with_retry_after(Duration::from_secs(7)))
        })
    };
    let options = ServerOptions::new()
        .limits(Limits::new().with_heartbeat_interval(heartbeats))
        .trusted_proxies(TrustedProxies::x_forwarded(["127.0.0.1"]).unwrap());
    let server = Server::bind_plain("127.0.0.1:0", factory).await.unwrap().with_options(options);
    let (addr, handle) = (server.local_addr(), server.handle());
    tokio::spawn(server.run());
    (addr, handle)
}

/// nginx with the example's configuration, until it is dropped.
struct Nginx {
    process: Child,
    /// Holds its files.
    _prefix: TempDir,
}

impl Nginx {
    fn start(servers: [SocketAddr; 2], certificate: &str, key: &str) -> (Self, SocketAddr) {
        let prefix = TempDir::with_prefix("hardlight-nginx-").unwrap();
        // It inherits the socket, as it does from its predecessor when its binary is replaced: no port is chosen that
        // somebody else may take before, and whoever connects waits until it is ready.
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        for (name, content) in [
            ("nginx.conf", AROUND),
            ("hardlight.conf", &filled_in(servers, addr)),
            ("certificate.pem", certificate),
            ("key.pem", key),
        ] {
            fs::write(prefix.path().join(name), content).unwrap();
        }
        let process = Command::new(binary())
            .args(["-c", "nginx.conf", "-e", "error.log", "-p"])
            .arg(prefix.path())
            .env("NGINX", "0;")
            .stdin(OwnedFd::from(listener))
            .spawn()
            .expect("nginx is installed: scripts/test --install nginx");
        (Self { process, _prefix: prefix }, addr)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // So it ends its worker too, which `Child::kill` would leave behind.
        let _ = Command::new("kill").arg("-TERM").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// What stands around the example's configuration on a machine.
const AROUND: &str = "
daemon off;
pid nginx.pid;
error_log error.log;
worker_processes 1;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxied;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include hardlight.conf;
}
";

/// The example's configuration, with what is different here: each of these lines has to be there.
fn filled_in(servers: [SocketAddr; 2], addr: SocketAddr) -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/nginx/hardlight.conf");
    let mut text = fs::read_to_string(file).unwrap();
    for (line, here) in [
        ("server 127.0.0.1:9001;", format!("server {};", servers[0])),
        ("server 127.0.0.1:9002;", format!("server {};", servers[1])),
        ("listen 443 ssl;", format!("listen {addr} ssl;")),
        ("listen [::]:443 ssl;", String::new()),
        ("/etc/ssl/app.example.com/fullchain.pem", "certificate.pem".to_owned()),
        ("/etc/ssl/app.example.com/privkey.pem", "key.pem".to_owned()),
        ("proxy_read_timeout 60s;", "proxy_read_timeout 2s;".to_owned()),
    ] {
        assert_eq!(text.matches(line).count(), 1, "'{line}' is not once in {file}");
        text = text.replace(line, &here);
    }
    text
}

/// Debian's is where not every user looks.
fn binary() -> &'static Path {
    let everywhere = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&everywhere).any(|folder| folder.join("nginx").is_file());
    Path::new(if found { "nginx" } else { "/usr/sbin/nginx" })
}

fn proxy(addr: SocketAddr) -> Proxy {
    Proxy::http(&addr.to_string()).unwrap()
}

/// Options of a client that comes from [`CLIENT`] to `addr`, whatever its URL says.
pub(crate) async fn straight_to(addr: SocketAddr) -> ClientOptions {
    ClientOptions::new().proxy(proxy(way_to(addr).await))
}

/// An HTTP proxy that connects whoever comes with `addr`, from [`CLIENT`].
async fn way_to(addr: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, addr));
        }
    });
    way
}

async fn pass(mut client: TcpStream, addr: SocketAddr) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(CLIENT.parse().expect("it is an address"), 0))?;
    let mut server = socket.connect(addr).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
