//! One server of the suite's service, and what holds its calls back.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};

use hardlight::{
    EventEmitter, Keep, Limits, OriginPolicy, Refusal, Request, Server, ServerHandle,
    ServerOptions, TopicOptions,
};
use tokio::sync::Semaphore;

use crate::{
    control::Plan,
    service::{Allowed, News, Suite, suite},
    way::Way,
};

/// A server that runs. Its connections end when it is dropped.
pub(crate) struct Stage {
    pub(crate) url: String,
    pub(crate) gate: Arc<Gate>,
    running: Option<Running>,
    /// What accepts connections and says nothing.
    _silent: Option<TcpListener>,
}

struct Running {
    way: Mutex<Way>,
    handle: ServerHandle,
    emitter: EventEmitter<News>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Holds calls of `wait` back, and counts.
pub(crate) struct Gate {
    /// One permit for each call that has begun.
    pub(crate) begun: Semaphore,
    /// One permit for each call that may answer.
    pub(crate) open: Semaphore,
    /// One permit for each call that was dropped before.
    pub(crate) dropped: Semaphore,
    /// One permit for each connection that has ended.
    pub(crate) ended: Semaphore,
    /// The tokens of those who were let in.
    pub(crate) tokens: Mutex<Vec<String>>,
}

impl Gate {
    fn new() -> Arc<Self> {
        let semaphore = || Semaphore::new(0);
        Arc::new(Self {
            begun: semaphore(),
            open: semaphore(),
            dropped: semaphore(),
            ended: semaphore(),
            tokens: Mutex::default(),
        })
    }
}

impl Stage {
    pub(crate) async fn open(plan: Plan) -> Self {
        let gate = Gate::new();
        if plan.silent {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let url = format!("ws://{}", listener.local_addr().expect("it is bound"));
            return Self { url, gate, running: None, _silent: Some(listener) };
        }
        let (server, addr) = server(&plan, &gate).await;
        let way = Way::to(addr);
        let url = way.url.clone();
        let (handle, emitter) = (server.handle(), server.emitter());
        let pattern = "#".parse::<hardlight::Pattern>().expect("a pattern");
        let kept = Keep::events(plan.kept_events as usize);
        server.hub().configure(pattern, TopicOptions::new().keep(kept));
        let task = tokio::spawn(server.run());
        let running = Running { way: Mutex::new(way), handle, emitter, task };
        Self { url, gate, running: Some(running), _silent: None }
    }

    pub(crate) fn cut(&self) {
        self.running().way.lock().expect("nobody panics with it").cut();
    }

    pub(crate) fn emit(&self, topic: String, text: String) {
        self.running().emitter.emit(topic, News::Told { text });
    }

    pub(crate) async fn stop(&self) {
        self.running().handle.stop().await;
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("only a server that is not silent is told what to do")
    }
}

async fn server(plan: &Plan, gate: &Arc<Gate>) -> (Server, SocketAddr) {
    let mut limits = Limits::new();
    if let Some(bytes) = plan.max_frame_bytes {
        limits = limits.with_max_frame_bytes(bytes as usize);
    }
    let origins = match &plan.origins {
        Some(origins) => OriginPolicy::only(origins.iter().map(String::as_str)),
        None => Ok(OriginPolicy::any()),
    };
    let options = ServerOptions::new().limits(limits).origins(origins.expect("they are origins"));
    let gate = Arc::clone(gate);
    let factory = move |connection, request| factory(connection, request, Arc::clone(&gate));
    let server = Server::bind_plain("127.0.0.1:0", factory).await.expect("a port is free");
    let addr = server.local_addr();
    (server.with_options(options), addr)
}

/// What the factory does depends on the path, and on the token.
async fn factory(
    connection: suite::Connection,
    request: Request,
    gate: Arc<Gate>,
) -> Result<App, Refusal> {
    if request.path() != "/" {
        return Err(Refusal::not_found());
    }
    let token = request.bearer_token().unwrap_or_default();
    if token == "expired" {
        return Err(Refusal::unauthorized());
    }
    gate.tokens.lock().expect("nobody panics with it").push(token.clone());
    let cookie = request.cookie("session").map(|cookie| cookie.value().to_owned());
    let mut state = connection.state.lock();
    (state.token, state.cookie) = (token, cookie.unwrap_or_default());
    drop(state);
    Ok(App { connection, gate })
}

/// The handler of a connection.
struct App {
    connection: suite::Connection,
    gate: Arc<Gate>,
}

impl Drop for App {
    fn drop(&mut self) {
        self.gate.ended.add_permits(1);
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

    async fn log_in(&self, name: String) {
        self.connection.state.lock().user = name;
        self.connection.features().insert(Allowed::Account);
    }

    async fn log_out(&self) {
        self.connection.features().remove(Allowed::Account);
    }
}
