//! A whole service over real sockets: what its users rely on when things go well, and when they do not.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt, future::join_all};
use hardlight::{
    CallError, ClientOptions, CloseCode, ConnectError, ConnectionError, ConnectionState, Error,
    Identity, Initiator, ProtocolError, Refusal, Request, Server, ServerHandle, connect_plain,
    connect_with,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async, client_async,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        handshake::server::{Request as RawRequest, Response},
    },
};

#[hardlight::rpc(state = State)]
trait Counter {
    async fn increment(&self, amount: u32) -> u32;
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
    /// Answers once the test lets it.
    async fn wait(&self) -> u32;
    async fn panic(&self) -> u32;
}

#[derive(ConnectionState)]
struct State {
    counter: u32,
    greeting: String,
}

#[hardlight::codable]
#[derive(Debug, PartialEq)]
enum Underflow {
    Empty,
    Short { counter: u32 },
}

/// A second service in the same module.
#[hardlight::rpc]
trait Echo {
    async fn echo(&self, text: String) -> String;
}

impl Echo for echo::Handler {
    async fn echo(&self, text: String) -> String {
        text
    }
}

/// A handler of the application's own, with data of its own.
struct App {
    conn: counter::Connection,
    gate: Arc<Gate>,
}

/// Holds calls back, and tells that they run.
struct Gate {
    entered: Semaphore,
    open: Semaphore,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self { entered: Semaphore::new(0), open: Semaphore::new(0) })
    }

    /// Waits until this many calls more are at the gate.
    async fn entered(&self, calls: u32) {
        self.entered.acquire_many(calls).await.unwrap().forget();
    }
}

impl Counter for App {
    async fn increment(&self, amount: u32) -> u32 {
        let mut state = self.conn.state.lock();
        state.counter += amount;
        state.counter
    }

    async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
        let mut state = self.conn.state.lock();
        match state.counter {
            0 => return Err(Underflow::Empty),
            counter if counter < amount => return Err(Underflow::Short { counter }),
            _ => state.counter -= amount,
        }
        Ok(state.counter)
    }

    async fn wait(&self) -> u32 {
        self.gate.entered.add_permits(1);
        drop(self.gate.open.acquire().await);
        self.conn.state.lock().counter
    }

    async fn panic(&self) -> u32 {
        panic!("on purpose");
    }
}

/// A server over TLS, and what clients need to reach it.
struct Serving {
    url: String,
    options: ClientOptions,
    gate: Arc<Gate>,
    handle: ServerHandle,
    task: JoinHandle<()>,
}

impl Serving {
    async fn start() -> Self {
        let identity = Identity::development(["localhost"]).unwrap();
        let options = ClientOptions::new().trust(identity.certificate());
        let gate = Gate::new();
        let server = Server::bind("localhost:0", identity, factory(&gate)).await.unwrap();
        let (url, handle) = (server.url("localhost"), server.handle());
        Self { url, options, gate, handle, task: tokio::spawn(server.run()) }
    }

    async fn connect(&self) -> counter::Client {
        connect_with(&self.url, self.options.clone()).await.unwrap()
    }
}

type Factory = Box<
    dyn Fn(counter::Connection, Request) -> std::future::Ready<Result<App, Refusal>> + Send + Sync,
>;

fn factory(gate: &Arc<Gate>) -> Factory {
    let gate = Arc::clone(gate);
    Box::new(move |conn, request| {
        if request.path() != "/" {
            return std::future::ready(Err(Refusal::not_found()));
        }
        conn.state.lock().greeting = "welcome".into();
        std::future::ready(Ok(App { conn, gate: Arc::clone(&gate) }))
    })
}

#[tokio::test]
async fn the_snapshot_is_there_when_connect_returns() {
    let serving = Serving::start().await;
    assert_eq!(serving.connect().await.state().greeting, "welcome");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_has_a_state_of_its_own() {
    let serving = Serving::start().await;
    let clients = join_all((0..100).map(|_| serving.connect())).await;
    let counters = join_all(clients.iter().zip(1..).map(async |(client, amount)| {
        join_all((0..10).map(|_| client.increment(amount))).await;
        client.state().counter
    }));
    assert_eq!(counters.await, (1..=100).map(|amount| 10 * amount).collect::<Vec<_>>());
}

#[tokio::test]
async fn errors_of_the_application_arrive_as_their_variants() {
    let serving = Serving::start().await;
    let client = serving.connect().await;
    assert_eq!(client.decrement(1).await, Err(Error::Application(Underflow::Empty)));
    client.increment(2).await.unwrap();
    let short = Underflow::Short { counter: 2 };
    assert_eq!(client.decrement(3).await, Err(Error::Application(short)));
    assert_eq!(client.decrement(2).await, Ok(0));
}

#[tokio::test]
async fn a_panic_in_a_handler_ends_its_call_alone() {
    let serving = Serving::start().await;
    let client = serving.connect().await;
    let (panicked, good) = tokio::join!(client.panic(), client.increment(1));
    assert_eq!(panicked, Err(Error::Call(CallError::HandlerPanicked)));
    assert_eq!(good, Ok(1));
}

#[tokio::test]
async fn a_factory_that_refuses_is_heard_with_its_status() {
    let serving = Serving::start().await;
    let url = format!("{}/elsewhere", serving.url);
    let refused = connect_with::<counter::Client>(&url, serving.options.clone()).await;
    assert!(matches!(refused, Err(ConnectError::Refused { status, .. }) if status == 404));
}

#[tokio::test]
async fn two_services_in_one_module_are_two_servers() {
    let server = Server::bind_plain("localhost:0", echo::Handler::accept).await.unwrap();
    let url = server.url("localhost");
    tokio::spawn(server.run());
    let client: echo::Client = connect_plain(&url).await.unwrap();
    assert_eq!(client.echo("echo".into()).await, Ok("echo".into()));
}

#[tokio::test]
async fn methods_that_the_server_does_not_have_are_refused_by_name() {
    let server = Server::bind_plain("localhost:0", echo::Handler::accept).await.unwrap();
    let url = server.url("localhost");
    tokio::spawn(server.run());
    let client: counter::Client = connect_plain(&url).await.unwrap();
    assert_eq!(client.increment(1).await, Err(Error::Call(CallError::UnknownMethod)));
}

#[tokio::test]
async fn a_server_that_dies_ends_every_call_and_leaks_no_task() {
    let serving = Serving::start().await;
    let client = serving.connect().await;
    let calls = join_all((0..300).map(|_| client.wait()));
    let (results, ()) = tokio::join!(calls, async {
        serving.gate.entered(256).await;
        serving.task.abort();
    });
    let error = client.closed().await;
    // The gate has let in those that had an id; those in line did not go out.
    assert!(results[..256].iter().all(|it| *it == Err(Error::Indeterminate(error.clone()))));
    assert!(results[256..].iter().all(|it| *it == Err(Error::NotSent(error.clone()))));
    serving.handle.stop().await;
    no_task_is_left().await;
}

#[tokio::test]
async fn a_server_that_stops_lets_calls_finish_first() {
    let serving = Serving::start().await;
    let client = serving.connect().await;
    client.increment(7).await.unwrap();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.wait().await }
    });
    serving.gate.entered(1).await;
    let stopping = tokio::spawn({
        let handle = serving.handle.clone();
        async move { handle.stop().await }
    });
    let late = loop {
        match client.increment(0).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(late, Error::Call(CallError::GoingAway));
    serving.gate.open.add_permits(1);
    assert_eq!(waiting.await.unwrap(), Ok(7));
    stopping.await.unwrap();
    let closed = client.closed().await;
    let ConnectionError::Closed { initiator: Initiator::Remote, reason } = closed else {
        panic!("{closed}");
    };
    assert_eq!(reason.code(), CloseCode::GOING_AWAY);
    drop(client);
    serving.task.await.unwrap();
    no_task_is_left().await;
}

#[tokio::test]
async fn clients_that_are_dropped_leave_no_task_behind() {
    let serving = Serving::start().await;
    for _ in 0..10 {
        serving.connect().await.increment(1).await.unwrap();
    }
    serving.handle.stop().await;
    serving.task.await.unwrap();
    no_task_is_left().await;
}

/// Waits until every task on this runtime has ended; the test's own is none.
async fn no_task_is_left() {
    let metrics = tokio::runtime::Handle::current().metrics();
    let none_left = async {
        while metrics.num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let in_time = timeout(Duration::from_secs(30), none_left).await;
    assert!(in_time.is_ok(), "{} tasks are left", metrics.num_alive_tasks());
}

#[tokio::test]
async fn a_client_that_sends_garbage_is_told_so_and_others_are_served_on() {
    let gate = Gate::new();
    let server = Server::bind_plain("localhost:0", factory(&gate)).await.unwrap();
    let (address, url) = (server.local_addr(), server.url("localhost"));
    tokio::spawn(server.run());
    let good: counter::Client = connect_plain(&url).await.unwrap();
    let mut request = format!("ws://{address}/").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "hl.1".parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut bad, _) = client_async(request, stream).await.unwrap();
    bad.send(Message::Binary(vec![0x1f, 0xff].into())).await.unwrap();
    let code = loop {
        match bad.next().await.unwrap().unwrap() {
            Message::Close(close) => break close.unwrap().code,
            _hello => {}
        }
    };
    assert_eq!(u16::from(code), CloseCode::PROTOCOL_ERROR.0);
    assert_eq!(good.increment(1).await, Ok(1));
}

#[tokio::test]
async fn a_server_that_sends_garbage_ends_connect_with_one_error() {
    let url = raw_server(async move |mut socket: RawSocket| {
        socket.send(Message::Binary(vec![0x1f].into())).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    })
    .await;
    let failed = connect_plain::<counter::Client>(&url).await;
    let error = ConnectionError::Protocol(ProtocolError::UnknownFrame(0x1f));
    assert!(matches!(failed, Err(ConnectError::Connection(got)) if got == error));
}

#[tokio::test]
async fn a_server_that_hangs_up_before_its_hello_ends_connect_with_one_error() {
    let url = raw_server(async move |socket| drop(socket)).await;
    let failed = connect_plain::<counter::Client>(&url).await;
    assert!(
        matches!(failed, Err(ConnectError::Connection(ConnectionError::Lost(_)))),
        "{failed:?}"
    );
}

type RawSocket = WebSocketStream<TcpStream>;

/// A WebSocket server that accepts one client of the right subprotocol and does what it is told.
async fn raw_server<F>(serve: impl FnOnce(RawSocket) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let url = format!("ws://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the callback's type is tungstenite's")]
        let select = |_: &RawRequest, mut response: Response| {
            response.headers_mut().insert("Sec-WebSocket-Protocol", "hl.1".parse().unwrap());
            Ok(response)
        };
        serve(accept_hdr_async(stream, select).await.unwrap()).await;
    });
    url
}
