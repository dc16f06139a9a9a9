//! What the macros generate finds HardLight under the name that the manifest gives it, and two services get along in one
//! module: over TLS, with calls, state and events.
#![deny(warnings, missing_docs)]

use std::{collections::BTreeMap, error::Error as StdError};

use hl::{
    ClientOptions, ConnectionState, Error, Events, Identity, Received, Server, connect_with, rpc,
};

/// A counter for each connection.
#[rpc(state = Count, events = Change)]
trait Counter {
    /// Adds to the counter.
    async fn increment(&self, amount: u32) -> u32;
    /// Takes from the counter.
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
    /// From now on, this connection gets the events of this topic.
    async fn follow(&self, topic: String) -> bool;
}

/// The state of a [`Counter`].
#[derive(ConnectionState)]
struct Count {
    counter: u32,
    #[state(default = vec![String::from("begun")])]
    history: Vec<String>,
}

/// What a [`Counter`] tells of.
#[derive(Debug, Events, PartialEq)]
enum Change {
    /// It has grown.
    Grown {
        /// By how much.
        amount: u32,
    },
    /// It was refused.
    Refused(Underflow),
}

/// There is not enough to take from.
#[hl::codable]
#[derive(Clone, Debug, PartialEq)]
struct Underflow {
    counter: u32,
}

impl Counter for counter::Handler {
    async fn increment(&self, amount: u32) -> u32 {
        let mut state = self.state.lock();
        state.counter += amount;
        state.history.push(format!("+{amount}"));
        self.events.emit("changes", Change::Grown { amount });
        state.counter
    }

    async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
        let mut state = self.state.lock();
        let counter = state.counter;
        state.counter = counter.checked_sub(amount).ok_or_else(|| {
            let underflow = Underflow { counter };
            self.events.emit("changes", Change::Refused(underflow.clone()));
            underflow
        })?;
        Ok(state.counter)
    }

    async fn follow(&self, topic: String) -> bool {
        self.subscriptions.add(topic).is_ok()
    }
}

/// A second service in the same module, whose method has the name of one of the first.
#[rpc]
trait Words {
    /// How often each word is in a text.
    async fn increment(&self, text: String) -> BTreeMap<String, u32>;
}

impl Words for words::Handler {
    async fn increment(&self, text: String) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for word in text.split_whitespace() {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
        counts
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let identity = Identity::development(["localhost"])?;
    let options = ClientOptions::new().trust(identity.certificate());
    count(identity.clone(), options.clone()).await?;
    count_words(identity, options).await?;
    println!("renamed-facade: all is well");
    Ok(())
}

async fn count(identity: Identity, options: ClientOptions) -> Result<(), Box<dyn StdError>> {
    let server = Server::bind("localhost:0", identity, counter::Handler::accept).await?;
    let (url, handle) = (server.url("localhost"), server.handle());
    let serving = tokio::spawn(server.run());

    let client: counter::Client = connect_with(&url, options).await?;
    assert_eq!(client.state().history, ["begun"]);
    assert!(client.follow("changes".to_owned()).await?);
    let mut events = client.events();
    assert_eq!(client.increment(5).await, Ok(5));
    assert_eq!(client.state().counter, 5);
    assert_eq!(client.state().history, ["begun", "+5"]);
    let refused = Underflow { counter: 5 };
    assert_eq!(client.decrement(7).await, Err(Error::Application(refused.clone())));

    for expected in [Change::Grown { amount: 5 }, Change::Refused(refused)] {
        match events.next().await {
            Some(Received::Event { topic, event }) => {
                assert_eq!((topic.as_str(), event), (Some("changes"), expected));
            }
            other => panic!("{other:?} in place of {expected:?}"),
        }
    }

    client.close().await;
    handle.stop().await;
    Ok(serving.await?)
}

async fn count_words(identity: Identity, options: ClientOptions) -> Result<(), Box<dyn StdError>> {
    let server = Server::bind("localhost:0", identity, words::Handler::accept).await?;
    let (url, handle) = (server.url("localhost"), server.handle());
    let serving = tokio::spawn(server.run());

    let client: words::Client = connect_with(&url, options).await?;
    let counts = client.increment("to be or not to be".to_owned()).await?;
    assert_eq!((counts["to"], counts["be"], counts["or"]), (2, 2, 1));

    client.close().await;
    handle.stop().await;
    Ok(serving.await?)
}
