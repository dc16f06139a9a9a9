//! Whoever has the browser's adapter needs no facade: what the macros generate finds the adapter, and the adapter has all that
//! an application names. It is compiled natively, where there is no browser to connect with; `scripts/test wasm` has one.
#![deny(warnings, missing_docs)]

use hardlight_wasm::{
    ClientOptions, ConnectError, ConnectionState, Error, Events, Reconnect, codable, connect_with,
    rpc,
};

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
}

/// What a [`Counter`] tells of.
#[derive(Events)]
enum Change {
    /// It has grown.
    Grown {
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

/// What a page does.
async fn count(url: &str) -> Result<u32, ConnectError> {
    let options = ClientOptions::new().token("secret").reconnect(Reconnect::new());
    let client: counter::Client = connect_with(url, options).await?;
    client.on_grown(|_, counter| println!("{counter}"));
    match client.increment(1).await {
        Ok(counter) | Err(Error::Application(TooMuch::Limit(counter))) => Ok(counter),
        Err(_) => Ok(client.state().counter),
    }
}

fn main() {
    // It is never polled.
    drop(count("wss://localhost"));
    assert_eq!(counter::schema().name, "Counter");
    println!("wasm-only: all is well");
}
