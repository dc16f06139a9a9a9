//! Whoever has an adapter needs no facade: what the macros generate finds the adapter, and the adapter has all that an
//! application names. Over TLS, with calls, state and events, on a handler of the application's own.
#![deny(warnings, missing_docs)]

use std::sync::Arc;

use hardlight_smol::{
    ClientOptions, ConnectionState, Error, Events, Identity, Refusal, Request, Server, codable,
    connect_with, rpc,
};
use smol::channel::{TryRecvError, unbounded};

/// A counter for each connection.
#[rpc(state = Count, events = Change)]
trait Counter {
    /// Adds to the counter.
    async fn increment(&self, amount: u32) -> Result<u32, TooMuch>;
}

/// The state of a [`Counter`].
#[derive(ConnectionState)]
struct Count {
    counter: u32,
    limit: u32,
}

/// What a [`Counter`] tells of.
#[derive(Events)]
enum Change {
    /// It has grown.
    Grown {
        /// By how much.
        amount: u32,
        /// To what.
        counter: u32,
    },
}

/// The counter is at its limit.
#[codable]
#[derive(Debug, PartialEq)]
enum TooMuch {
    Limit(u32),
}

/// The handler, with what the application shares among its connections.
struct App {
    conn: counter::Connection,
    limit: Arc<u32>,
}

impl App {
    /// Clients follow the changes from the start.
    fn new(conn: counter::Connection, request: &Request, limit: Arc<u32>) -> Result<Self, Refusal> {
        if request.path() != "/counter" {
            return Err(Refusal::not_found());
        }
        conn.state.lock().limit = *limit;
        conn.subscriptions.add("changes").map_err(|_| Refusal::unavailable())?;
        Ok(Self { conn, limit })
    }
}

impl Counter for App {
    async fn increment(&self, amount: u32) -> Result<u32, TooMuch> {
        let mut state = self.conn.state.lock();
        let counter = state.counter + amount;
        if counter > *self.limit {
            return Err(TooMuch::Limit(*self.limit));
        }
        state.counter = counter;
        self.conn.events.emit("changes", Change::Grown { amount, counter });
        Ok(counter)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(run())
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let identity = Identity::development(["localhost"])?;
    let options = ClientOptions::new().trust(identity.certificate());
    let limit = Arc::new(8);
    let factory = move |conn: counter::Connection, request: Request| {
        let app = App::new(conn, &request, Arc::clone(&limit));
        async { app }
    };
    let server = Server::bind("localhost:0", identity, factory).await?;
    let (url, handle) = (server.url("localhost"), server.handle());
    let emitter = server.emitter::<Change>();
    let serving = smol::spawn(server.run());

    let refused = connect_with::<counter::Client>(&url, options.clone()).await;
    assert!(refused.is_err(), "there is no service at this path");
    let client: counter::Client = connect_with(&format!("{url}/counter"), options).await?;
    assert_eq!(client.state().limit, 8);

    let (sender, changes) = unbounded();
    client.on_grown(move |topic, amount, counter| {
        let _ = sender.try_send((topic.to_string(), amount, counter));
    });
    assert_eq!(client.increment(5).await, Ok(5));
    assert_eq!(client.state().counter, 5);
    // An event of a handler is there before the answer.
    assert_eq!(changes.try_recv(), Ok(("changes".to_owned(), 5, 5)));
    assert_eq!(client.increment(5).await, Err(Error::Application(TooMuch::Limit(8))));
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
    // And one from elsewhere in the application comes when it comes.
    assert_eq!(emitter.emit("changes", Change::Grown { amount: 0, counter: 0 }), 1);
    assert_eq!(changes.recv().await, Ok(("changes".to_owned(), 0, 0)));

    client.close().await;
    handle.stop().await;
    serving.await;
    println!("smol-only: all is well");
    Ok(())
}
