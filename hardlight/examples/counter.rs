//! A counter for each connection: a server and two clients in one process, over `wss://localhost`.
//!
//! The counter lives in the connection's state. The server changes it under a lock; the client's copy is right by the
//! time the answer of the call that changed it arrives, and it can be watched. Whoever reaches 2,000 is announced to the
//! clients that are subscribed to the topic "records", and to no other.

use std::time::Instant;

use futures_util::future::{join, try_join_all};
use hardlight::{
    ClientOptions, ConnectionState, Error, Events, Identity, Received, Server, connect_with,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// These methods run on the server and are called by clients.
#[hardlight::rpc(state = State, events = CounterEvent)]
trait Counter {
    /// Adds to the counter: its new value.
    async fn increment(&self, amount: u32) -> u32;
    /// Subtracts from the counter: its new value.
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
    /// The counter's value.
    async fn get(&self) -> u32;
    /// Subscribes this client to records.
    async fn follow_records(&self);
}

/// Every connection has a state of its own. What changes in it reaches the client by itself.
#[derive(ConnectionState)]
struct State {
    counter: u32,
}

/// What the server tells its clients by itself. Each variant is a type of event.
#[derive(Debug, Events)]
enum CounterEvent {
    /// Somebody's counter has come this far.
    Record { counter: u32 },
}

/// There is not enough to subtract from.
#[hardlight::codable]
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the counter is only {counter}")]
struct Underflow {
    counter: u32,
}

impl Counter for counter::Handler {
    async fn increment(&self, amount: u32) -> u32 {
        let counter = {
            let mut state = self.state.lock();
            state.counter += amount;
            state.counter
        }; // the lock ends here, and the change is sent
        if counter == 2000 {
            self.events.emit("records", CounterEvent::Record { counter });
        }
        counter
    }

    async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
        let mut state = self.state.lock();
        let counter = state.counter;
        state.counter = counter.checked_sub(amount).ok_or(Underflow { counter })?;
        Ok(state.counter)
    }

    async fn get(&self) -> u32 {
        self.state.lock().counter
    }

    async fn follow_records(&self) {
        self.subscriptions.add("records").expect("the name is short");
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let identity = Identity::development(["localhost"])?;
    let options = ClientOptions::new().trust(identity.certificate());
    let server = Server::bind("localhost:0", identity, counter::Handler::accept).await?;
    let url = server.url("localhost");
    let handle = server.handle();
    let serving = tokio::spawn(server.run());
    println!("server   listens on {url}, with a certificate made just now");

    // Both are connected before either counts, so that who is told of the record is no matter of luck.
    let alice: counter::Client = connect_with(&url, options.clone()).await?;
    let bob: counter::Client = connect_with(&url, options).await?;
    bob.follow_records().await?;
    let alice = tokio::spawn(use_counter("alice", alice, 1000, 0));
    let bob = tokio::spawn(use_counter("bob  ", bob, 300, 1));
    alice.await??;
    bob.await??;

    handle.stop().await;
    serving.await?;
    println!("server   stopped");
    Ok(())
}

/// Counts up with many calls at once, then down again, and waits for as many records as it is told of.
async fn use_counter(
    name: &'static str,
    client: counter::Client,
    calls: u32,
    records: usize,
) -> Result<(), BoxError> {
    println!("{name}    is connected; the counter is {}", client.state().counter);
    let mut events = client.events();

    // Watches the state change, until the connection ends.
    let mut watch = client.watch();
    let watching = tokio::spawn(async move {
        let mut changes = 0;
        let mut last = 0;
        while let Ok(state) = watch.changed().await {
            changes += 1;
            last = state.counter;
        }
        (changes, last)
    });

    // Up to 256 calls are in flight at once; the others wait in line.
    let begin = Instant::now();
    try_join_all((0..calls).map(|_| client.increment(2))).await?;
    let micros = begin.elapsed().as_micros();
    println!("{name}    {calls} x increment(2), all at once: {micros} us");
    let (state, get) = (client.state().counter, client.get().await?);
    println!("{name}    state says {state}, get() says {get}");
    assert_eq!((state, get), (2 * calls, 2 * calls));

    let gets = try_join_all((0..calls).map(|_| client.get()));
    let decrements = try_join_all((0..calls).map(|_| client.decrement(1)));
    let (gets, decrements) = join(gets, decrements).await;
    let (gets, decrements) = (gets?.len(), decrements?.len());
    let state = client.state().counter;
    println!(
        "{name}    {gets} x get() and {decrements} x decrement(1), all at once: state says {state}"
    );
    assert_eq!(state, calls);

    match client.decrement(calls + 1).await {
        Err(Error::Application(Underflow { counter })) => {
            println!("{name}    decrement({}): refused, the counter is only {counter}", calls + 1);
        }
        other => return Err(format!("expected an Underflow, got {other:?}").into()),
    }

    for _ in 0..records {
        if let Some(Received::Event { topic, event }) = events.next().await {
            println!("{name}    is told on the topic \"{topic}\": {event:?}");
        }
    }

    client.close().await;
    let others = events.next().await;
    assert!(others.is_none(), "an event that was for somebody else: {others:?}");
    let (changes, last) = watching.await?;
    println!(
        "{name}    closed; the watch saw the state change {changes} times, the last time to {last}"
    );
    Ok(())
}
