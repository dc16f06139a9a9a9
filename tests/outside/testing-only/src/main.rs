//! A service, its server and its client in memory, with no runtime and no socket in the whole program.
#![deny(warnings, missing_docs)]

use std::time::Duration;

use hardlight_testing::{
    ConnectionState, Error, Server, World, codable, connect_plain, now, rpc, sleep, spawn,
};

/// A counter for each connection.
#[rpc(state = Count)]
trait Counter {
    /// Adds to the counter.
    async fn increment(&self, amount: u32) -> Result<u32, TooMuch>;
}

/// The state of a [`Counter`].
#[derive(ConnectionState)]
struct Count {
    counter: u32,
}

/// The counter is at its limit.
#[codable]
#[derive(Debug, PartialEq)]
struct TooMuch;

impl Counter for counter::Handler {
    async fn increment(&self, amount: u32) -> Result<u32, TooMuch> {
        let mut state = self.state.lock();
        let counter = state.counter + amount;
        if counter > 10 {
            return Err(TooMuch);
        }
        state.counter = counter;
        Ok(counter)
    }
}

fn main() {
    World::new().run(async {
        let server = Server::bind_plain("counter:80", counter::Handler::accept);
        let server = server.await.expect("nobody else listens there");
        let (url, handle) = (server.url("counter"), server.handle());
        spawn(server.run()).detach();
        let client: counter::Client = connect_plain(&url).await.expect("it listens");
        assert_eq!(client.increment(7).await, Ok(7));
        assert_eq!(client.increment(7).await, Err(Error::Application(TooMuch)));
        assert_eq!(client.state().counter, 7);
        let hour = Duration::from_secs(3600);
        sleep(hour).await;
        assert_eq!(now(), hour);
        handle.stop().await;
        client.closed().await;
    });
    println!("testing-only: an hour has passed");
}
