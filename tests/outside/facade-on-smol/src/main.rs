//! With one runtime that is not tokio, the facade's root has the functions of that one: an application says nothing of smol but
//! where it starts.
#![deny(warnings, missing_docs)]

use hardlight::{
    ClientOptions, ConnectionState, Error, Identity, Server, codable, connect_with, rpc,
};

/// A counter for each connection.
#[rpc(state = Count)]
trait Counter {
    /// Adds to the counter.
    async fn increment(&self, amount: u32) -> u32;
    /// Takes from the counter.
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
}

/// The state of a [`Counter`].
#[derive(ConnectionState)]
struct Count {
    counter: u32,
}

/// The counter is too small.
#[codable]
#[derive(Debug, PartialEq)]
struct Underflow;

impl Counter for counter::Handler {
    async fn increment(&self, amount: u32) -> u32 {
        let mut state = self.state.lock();
        state.counter += amount;
        state.counter
    }

    async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
        let mut state = self.state.lock();
        state.counter = state.counter.checked_sub(amount).ok_or(Underflow)?;
        Ok(state.counter)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(run())
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let identity = Identity::development(["localhost"])?;
    let options = ClientOptions::new().trust(identity.certificate());
    let server = Server::bind("localhost:0", identity, counter::Handler::accept).await?;
    // One type by two paths.
    let server: hardlight::smol::Server = server;
    let (url, handle) = (server.url("localhost"), server.handle());
    let serving = smol::spawn(server.run());

    let client: counter::Client = connect_with(&url, options).await?;
    assert_eq!(client.increment(2).await, Ok(2));
    assert_eq!(client.decrement(3).await, Err(Error::Application(Underflow)));
    assert_eq!(client.state().counter, 2);

    client.close().await;
    handle.stop().await;
    serving.await;
    println!("facade-on-smol: all is well");
    Ok(())
}
