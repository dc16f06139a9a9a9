//! A service that uses everything, and a server of it on whatever runtime.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use futures_util::future::{Either, select};
use hardlight::{
    BindError, CallContext, ClientOptions, ConnectionState, EventEmitter, EventHub, Events,
    Identity, Refusal, Request, ServerHandle, ServerOptions,
};
use hardlight_ws::Server;
use tokio::sync::{Semaphore, oneshot};

use crate::runtimes::Subject;

#[hardlight::rpc(state = State, events = News)]
pub(crate) trait Suite {
    async fn add(&self, amount: u32) -> u32;
    async fn follow(&self, topic: String);
    async fn tell(&self, topic: String, text: String);
    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
    /// Answers once the test lets it.
    #[rpc(idempotent)]
    async fn wait_again(&self, number: u32) -> u32;
    /// Answers once the test lets it.
    async fn wait(&self, number: u32) -> u32;
    /// Likewise, whoever is gone meanwhile.
    #[rpc(no_cancel)]
    async fn finish(&self, number: u32) -> u32;
    /// What is left of the call's time, and its method: once the test lets it.
    async fn look(&self) -> (Option<Duration>, String);
}

#[derive(ConnectionState)]
pub(crate) struct State {
    pub(crate) counter: u32,
    /// The subject of the client's certificate is somewhere in it.
    pub(crate) certificate: Vec<u8>,
}

#[derive(Debug, PartialEq, Events)]
pub(crate) enum News {
    Told { text: String },
}

/// The handler of a connection.
pub(crate) struct App {
    connection: suite::Connection,
    gate: Arc<Gate>,
}

/// Holds calls of `wait` back.
pub(crate) struct Gate {
    /// One permit for each call that has begun.
    pub(crate) begun: Semaphore,
    /// One permit for each call that may answer.
    pub(crate) open: Semaphore,
    /// One permit for each call that was dropped before.
    pub(crate) dropped: Semaphore,
    /// The tokens of those who were let in.
    pub(crate) tokens: Mutex<Vec<String>>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let none = || Semaphore::new(0);
        Self { begun: none(), open: none(), dropped: none(), tokens: Mutex::default() }
    }
}

/// Tells the gate when a call is dropped.
struct Waiting<'a>(&'a Gate);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.dropped.add_permits(1);
    }
}

impl Suite for App {
    async fn add(&self, amount: u32) -> u32 {
        let mut state = self.connection.state.lock();
        state.counter += amount;
        state.counter
    }

    async fn follow(&self, topic: String) {
        self.connection.subscriptions.add(topic).expect("the name is short");
    }

    async fn tell(&self, topic: String, text: String) {
        self.connection.events.emit(topic, News::Told { text });
    }

    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    async fn wait_again(&self, number: u32) -> u32 {
        self.wait(number).await
    }

    async fn wait(&self, number: u32) -> u32 {
        let waiting = Waiting(&self.gate);
        self.gate.begun.add_permits(1);
        self.gate.open.acquire().await.expect("it is never closed").forget();
        std::mem::forget(waiting);
        number
    }

    async fn finish(&self, number: u32) -> u32 {
        self.wait(number).await
    }

    async fn look(&self) -> (Option<Duration>, String) {
        self.wait(0).await;
        let call = CallContext::current();
        (call.remaining(), call.method().to_owned())
    }
}

/// What the factory does depends on the path, and on the token.
pub(crate) async fn factory(
    connection: suite::Connection,
    request: Request,
    gate: Arc<Gate>,
) -> Result<App, Refusal> {
    match request.path() {
        "/" => {}
        "/panic" => panic!("the factory panics, as the test wants it to"),
        _ => return Err(Refusal::not_found()),
    }
    match request.bearer_token().as_deref() {
        Some("expired") => return Err(Refusal::unauthorized()),
        Some(token) => gate.tokens.lock().unwrap().push(token.to_owned()),
        None => {}
    }
    if let Some(certificate) = request.tls().and_then(|tls| tls.client_certificate()) {
        connection.state.lock().certificate = certificate.to_vec();
    }
    Ok(App { connection, gate })
}

/// A server that runs, in a thread of its own.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) addr: SocketAddr,
    /// What clients trust it with.
    pub(crate) options: ClientOptions,
    pub(crate) gate: Arc<Gate>,
    pub(crate) handle: ServerHandle,
    pub(crate) emitter: EventEmitter<News>,
    pub(crate) hub: EventHub,
    drop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    pub(crate) fn secure<R: Subject>(options: ServerOptions) -> Self {
        let identity = Identity::development(["localhost"]).unwrap();
        let trust = ClientOptions::new().trust(identity.certificate());
        Self::start(options, trust, "localhost", async |gate| {
            Server::<R>::bind("127.0.0.1:0", identity, move |connection, request| {
                factory(connection, request, Arc::clone(&gate))
            })
            .await
        })
    }

    pub(crate) fn plain<R: Subject>(options: ServerOptions) -> Self {
        Self::start(options, ClientOptions::new(), "127.0.0.1", async |gate| {
            Server::<R>::bind_plain("127.0.0.1:0", move |connection, request| {
                factory(connection, request, Arc::clone(&gate))
            })
            .await
        })
    }

    fn start<R: Subject>(
        server_options: ServerOptions,
        options: ClientOptions,
        host: &'static str,
        bind: impl AsyncFnOnce(Arc<Gate>) -> Result<Server<R>, BindError> + Send + 'static,
    ) -> Self {
        let gate = Arc::new(Gate::new());
        let (send, receive) = mpsc::channel();
        let (drop, dropped) = oneshot::channel();
        let made = Arc::clone(&gate);
        let thread = thread::spawn(move || {
            R::block_on(async {
                let server = bind(made).await.unwrap().with_options(server_options);
                let (url, addr) = (server.url(host), server.local_addr());
                let (emitter, hub) = (server.emitter(), server.hub().clone());
                send.send((url, addr, server.handle(), emitter, hub)).unwrap();
                if let Either::Right((Err(_), running)) =
                    select(Box::pin(server.run()), dropped).await
                {
                    // The test has ended, and does not care for the server any longer.
                    running.await;
                }
            });
        });
        let (url, addr, handle, emitter, hub) = receive.recv().unwrap();
        Self { url, addr, options, gate, handle, emitter, hub, drop, thread }
    }

    pub(crate) async fn connect<R: Subject>(&self) -> suite::Client {
        R::connect_with(&self.url, self.options.clone()).await.unwrap()
    }

    pub(crate) async fn connect_plain<R: Subject>(&self) -> suite::Client {
        R::connect_plain(&self.url).await.unwrap()
    }

    /// Stops it in an orderly way. Afterwards nothing of it is left.
    pub(crate) async fn stop(self) {
        self.handle.stop().await;
        self.thread.join().unwrap();
    }

    /// Drops the future that serves.
    pub(crate) fn abandon(self) {
        self.drop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}
