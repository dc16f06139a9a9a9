//! A service written by hand, as the macros would write it.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use hardlight_driver::proto::{NoEvents, ServiceSchema, payload};
use hardlight_tokio::{
    CallError, Certificate, ClientConnection, ClientOptions, Dispatch, Error, Identity, Refusal,
    Request, Server, ServerConnection, ServerHandle, Service, ServiceClient,
};
use tokio::{sync::Semaphore, task::JoinHandle};

/// `double(u32) -> u32` answers at once; `wait(u32) -> u32` answers when the handler's gate lets it.
static SCHEMA: LazyLock<ServiceSchema> = LazyLock::new(|| {
    ServiceSchema::new("Doubler").method::<u32, u32>("double").method::<u32, u32>("wait")
});

#[derive(Clone, Debug)]
pub(crate) struct Client(pub(crate) ClientConnection<()>);

impl Client {
    pub(crate) async fn double(&self, number: u32) -> Result<u32, Error> {
        self.0.call(0, number).await
    }

    pub(crate) async fn wait(&self, number: u32) -> Result<u32, Error> {
        self.0.call(1, number).await
    }
}

impl ServiceClient for Client {
    type Events = NoEvents;
    type State = ();

    fn schema() -> &'static ServiceSchema {
        &SCHEMA
    }

    fn new(connection: ClientConnection<()>) -> Self {
        Self(connection)
    }
}

#[derive(Debug)]
pub(crate) struct Connection;

impl Service for Connection {
    type Events = NoEvents;
    type State = ();

    fn schema() -> &'static ServiceSchema {
        &SCHEMA
    }

    fn new(_connection: ServerConnection<()>) -> Self {
        Self
    }
}

/// The handler. Shared by all connections of a test.
#[derive(Clone, Debug)]
pub(crate) struct Doubler {
    /// One permit for each call of `wait` that may answer.
    pub(crate) gate: Arc<Semaphore>,
    /// One permit for each call of `wait` that has begun.
    pub(crate) begun: Arc<Semaphore>,
}

impl Doubler {
    pub(crate) fn new() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), begun: Arc::new(Semaphore::new(0)) }
    }
}

impl Dispatch<Doubler> for Connection {
    async fn dispatch(
        handler: Arc<Doubler>,
        method: u32,
        input: Bytes,
    ) -> Result<Bytes, CallError> {
        let number: u32 = payload::decode(&input).map_err(|_| CallError::InvalidInput)?;
        match method {
            0 => {}
            1 => {
                handler.begun.add_permits(1);
                handler.gate.acquire().await.expect("the gate is never closed").forget();
            }
            _ => return Err(CallError::UnknownMethod),
        }
        payload::encode_to_bytes(&(number * 2)).map_err(|_| CallError::EncodeFailed)
    }
}

/// What the factory does depends on the path, so that every test may use the same one.
pub(crate) async fn factory(handler: Doubler, request: Request) -> Result<Doubler, Refusal> {
    match request.path() {
        "/" => Ok(handler),
        "/private" => match request.headers().get("authorization") {
            Some(token) if token == "Bearer let-me-in" => Ok(handler),
            _ => Err(Refusal::unauthorized()),
        },
        "/panic" => panic!("the factory panics, as the test wants it to"),
        "/never" => std::future::pending().await,
        _ => Err(Refusal::not_found()),
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) addr: SocketAddr,
    pub(crate) handle: ServerHandle,
    pub(crate) handler: Doubler,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn plain_with(server: Server, handler: Doubler) -> Self {
        Self {
            url: server.url("127.0.0.1"),
            addr: server.local_addr(),
            handle: server.handle(),
            handler,
            certificate: None,
            task: tokio::spawn(server.run()),
        }
    }

    pub(crate) async fn plain() -> Self {
        let (server, handler) = bind_plain().await;
        Self::plain_with(server, handler)
    }

    pub(crate) async fn secure(identity: Identity) -> Self {
        let handler = Doubler::new();
        let certificate = identity.certificate();
        let made = handler.clone();
        let server = Server::bind("127.0.0.1:0", identity, move |_: Connection, request| {
            factory(made.clone(), request)
        });
        let server = server.await.expect("a free port of the loopback interface");
        let url = server.url("localhost");
        Self { url, certificate: Some(certificate), ..Self::plain_with(server, handler) }
    }

    /// Options that trust this server.
    pub(crate) fn options(&self) -> ClientOptions {
        match &self.certificate {
            Some(certificate) => ClientOptions::new().trust(certificate.clone()),
            None => ClientOptions::new(),
        }
    }
}

pub(crate) async fn bind_plain() -> (Server, Doubler) {
    let handler = Doubler::new();
    let made = handler.clone();
    let server = Server::bind_plain("127.0.0.1:0", move |_: Connection, request| {
        factory(made.clone(), request)
    });
    (server.await.expect("a free port of the loopback interface"), handler)
}
