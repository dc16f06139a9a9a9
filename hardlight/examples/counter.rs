//! A counter for each connection: a server and two clients in one process, over `wss://localhost`.
//!
//! The counter lives in the connection's state. The server changes it under a lock; the client's copy is right by the
//! time the answer of the call that changed it arrives, and it can be watched.

use std::time::Instant;

use futures_util::future::try_join_all;
use hardlight::{ClientOptions, ConnectionState, Error, Identity, Server, connect_with};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// These methods run on the server and are called by clients.
#[hardlight::rpc(state = State)]
trait Counter {
    /// Adds to the counter: its new value.
    async fn increment(&self, amount: u32) -> u32;
    /// Subtracts from the counter: its new value.
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
    /// The counter's value.
    async fn get(&self) -> u32;
}

/// Every connection has a state of its own. What changes in it reaches the client by itself.
#[derive(ConnectionState)]
struct State {
    counter: u32,
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
        let mut state = self.state.lock();
        state.counter += amount;
        state.counter
    } // the lock ends here, and the change is sent

    async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
        let mut state = self.state.lock();
        let counter = state.counter;
        state.counter = counter.checked_sub(amount).ok_or(Underflow { counter })?;
        Ok(state.counter)
    }

    async fn get(&self) -> u32 {
        self.state.lock().counter
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

    let alice = tokio::spawn(use_counter("alice", url.clone(), options.clone(), 1000));
    let bob = tokio::spawn(use_counter("bob  ", url, options, 300));
    alice.await??;
    bob.await??;

    handle.stop().await;
    serving.await?;
    println!("server   stopped");
    Ok(())
}

/// Counts up with many calls at once, then down again, on a connection of its own.
async fn use_counter(
    name: &'static str,
    url: String,
    options: ClientOptions,
    calls: u32,
) -> Result<(), BoxError> {
    let client: counter::Client = connect_with(&url, options).await?;
    println!("{name}    connected; the counter is {}", client.state().counter);

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
    println!("{name}    state says {}, get() says {}", client.state().counter, client.get().await?);

    try_join_all((0..calls).map(|_| client.decrement(1))).await?;
    println!("{name}    {calls} x decrement(1): state says {}", client.state().counter);

    match client.decrement(calls + 1).await {
        Err(Error::Application(Underflow { counter })) => {
            println!("{name}    decrement({}): refused, the counter is only {counter}", calls + 1);
        }
        other => return Err(format!("expected an Underflow, got {other:?}").into()),
    }

    client.close().await;
    let (changes, last) = watching.await?;
    println!("{name}    closed; the watch saw the state change {changes} times, the last time to {last}");
    Ok(())
}
