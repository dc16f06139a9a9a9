//! A chat service, its server, and as many clients as a test wants.

use std::{cell::RefCell, rc::Rc};

use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;
use hardlight_driver::{
    Acceptor, EventEmitter, EventHub, EventStream, Pattern, Received, ServiceClient, client_with,
    proto::{self, ClientConfig, ConnectionError, GapReason, Limits, Resume},
};
use hardlight_macros::{Events, rpc};

use super::{ManualTimer, Pipe, transport};

#[derive(Events, Clone, Debug, PartialEq)]
pub(crate) enum ChatEvent {
    Message { from: String, text: String },
    Left(String),
    Cleared,
}

#[rpc(events = ChatEvent)]
pub(crate) trait Chat {
    async fn join(&self, room: String);
    async fn leave(&self, room: String) -> bool;
    async fn say(&self, room: String, text: String) -> u32;
    async fn flood(&self, room: String, messages: u32);
}

impl Guest {
    /// The connection is lost.
    pub(crate) fn cut(&self) {
        self.to_client.cut();
        self.to_server.cut();
    }
}

impl Chat for chat::Handler {
    async fn join(&self, room: String) {
        self.subscriptions.add(room).expect("the name is short");
    }

    async fn leave(&self, room: String) -> bool {
        self.subscriptions.remove(room)
    }

    async fn say(&self, room: String, text: String) -> u32 {
        let event = ChatEvent::Message { from: "somebody".into(), text };
        self.events.emit(room, event) as u32
    }

    async fn flood(&self, room: String, messages: u32) {
        for number in 0..messages {
            let event = ChatEvent::Left(format!("{number:01000}"));
            self.events.emit(&*room, event);
        }
    }
}

/// A server and as many clients as the test wants.
pub(crate) struct House {
    pub(crate) pool: LocalPool,
    pub(crate) hub: EventHub,
    pub(crate) limits: Limits,
    pub(crate) client_limits: Limits,
    /// Whether either side asks for it.
    pub(crate) compression: bool,
}

pub(crate) struct Guest {
    pub(crate) client: chat::Client,
    pub(crate) connection: chat::Connection,
    pub(crate) to_client: Pipe,
    pub(crate) to_server: Pipe,
    /// The server's clock.
    pub(crate) timer: ManualTimer,
    /// How the server's side ended.
    pub(crate) end: Rc<RefCell<Option<ConnectionError>>>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self {
            pool: LocalPool::new(),
            hub: EventHub::new(),
            limits: Limits::new(),
            client_limits: Limits::new(),
            compression: false,
        }
    }

    pub(crate) fn guest(&mut self) -> Guest {
        self.guest_with(|_| {})
    }

    /// A client whose connection `factory` sees first.
    pub(crate) fn guest_with(&mut self, factory: impl FnOnce(&chat::Connection)) -> Guest {
        self.guest_resuming(None, factory)
    }

    /// A client that goes on where an earlier one left off, whose connection `factory` sees first.
    pub(crate) fn guest_resuming(
        &mut self,
        resume: Option<Resume>,
        factory: impl FnOnce(&chat::Connection),
    ) -> Guest {
        let (client_side, server_side, to_client, to_server) = transport();
        let acceptor = Acceptor::<chat::Connection>::new(self.limits.clone(), &self.hub)
            .with_compression(self.compression);
        let connection = acceptor.connection();
        factory(&connection);
        let handler = chat::Handler::new(connection.clone());
        let timer = ManualTimer::default();
        let end = self.spawn(acceptor.serve(handler, server_side, timer.clone()));
        let config = ClientConfig::new(<chat::Client as ServiceClient>::schema())
            .with_limits(self.client_limits.clone())
            .with_compression(self.compression)
            .with_resume(resume);
        let (connecting, driver) = client_with(client_side, ManualTimer::default(), config);
        self.spawn(driver);
        let client = self.pool.run_until(connecting).expect("the server answers");
        Guest { client, connection, to_client, to_server, timer, end }
    }

    pub(crate) fn spawn<F: Future + 'static>(&self, future: F) -> Rc<RefCell<Option<F::Output>>> {
        let result = Rc::new(RefCell::new(None));
        let noted = Rc::clone(&result);
        let task = async move {
            let output = future.await;
            *noted.borrow_mut() = Some(output);
        };
        self.pool.spawner().spawn_local(task).expect("the pool is there");
        result
    }

    pub(crate) fn run<F: Future>(&mut self, future: F) -> F::Output {
        let output = self.pool.run_until(future);
        self.pool.run_until_stalled();
        output
    }

    pub(crate) fn emitter(&self) -> EventEmitter<ChatEvent> {
        self.hub.emitter()
    }
}

pub(crate) fn message(text: &str) -> ChatEvent {
    ChatEvent::Message { from: "somebody".into(), text: text.into() }
}

pub(crate) fn on(topic: &str, event: ChatEvent) -> Received<ChatEvent> {
    Received::Event { topic: topic.into(), event }
}

/// What waits in a stream.
pub(crate) fn waiting<E: proto::Events>(stream: &mut EventStream<E>) -> Vec<Received<E>> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut events = Vec::new();
    while let std::task::Poll::Ready(Some(event)) =
        std::pin::pin!(stream.next()).as_mut().poll(&mut cx)
    {
        events.push(event);
    }
    events
}

/// What a stream yields for one event after the other, by number, and where some are missing.
pub(crate) fn numbered(
    topic: &str,
    numbers: impl IntoIterator<Item = u32>,
) -> Vec<Received<ChatEvent>> {
    numbers.into_iter().map(|number| on(topic, message(&number.to_string()))).collect()
}

pub(crate) fn lagged(topic: &str, missed: u64, reason: GapReason) -> Received<ChatEvent> {
    Received::Lagged { topic: topic.into(), missed, reason }
}

pub(crate) fn pattern(text: &str) -> Pattern {
    text.parse().expect("its wildcards stand where they may")
}
