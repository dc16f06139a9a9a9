//! The chat example: the server.
//!
//! A library, so that `examples/chat/nats` can join two of it and `examples/chat/web` serve a page beside it; it knows nothing
//! of either, nor of terminals.

mod app;
mod names;
mod passwords;
mod presence;
mod store;

use std::{
    error::Error,
    fs,
    future::{Ready, ready},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use chat_shared::chat;
use hardlight::{
    BindError, EventHub, Identity, Keep, Overflow, Pattern, Refusal, Request, Server, TopicOptions,
    Unbound,
};
use tokio::signal;

pub use crate::store::Store;
use crate::{
    app::{App, House},
    passwords::Passwords,
    presence::Presence,
};

/// How many messages of each thread are kept for clients that come back. What is older they ask the store for.
pub const KEPT_MESSAGES: usize = 100;

/// What a server is started with.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:0")]
    pub listen: String,
    /// The SQLite database with the messages; made if it is not there
    #[arg(long, value_name = "FILE")]
    pub database: PathBuf,
    /// Where to write the certificate that clients are to trust, a new one at each start
    #[arg(long, value_name = "FILE")]
    pub certificate: PathBuf,
}

/// Serves a chat until Ctrl-C. `join` is called with the server before it begins; what it returns is waited for once it has
/// ended.
///
/// # Errors
///
/// If the database cannot be opened, the address not be listened at, or the certificate not be written.
pub async fn serve<F>(
    options: Options,
    join: impl FnOnce(&Server) -> F,
) -> Result<(), Box<dyn Error>>
where
    F: Future<Output = ()>,
{
    let store = Store::open(&options.database)?;

    // For development. `Identity::from_pem_files` takes a certificate that clients trust without being told to.
    let identity = Identity::development(["localhost"])?;
    let certificate = identity.certificate_pem();

    let server = bind(&options.listen, identity, store).await?;
    let joined = join(&server);
    let (url, handle) = (server.url("localhost"), server.handle());
    let serving = tokio::spawn(server.run());

    replace(&options.certificate, &certificate)
        .map_err(|error| format!("cannot write '{}': {error}", options.certificate.display()))?;
    println!("listening on {url}");

    signal::ctrl_c().await?;
    println!("stopping");
    handle.stop().await; // what runs may finish
    serving.await?;
    joined.await;
    println!("stopped");
    Ok(())
}

/// A chat server that listens. It serves once it is [run](Server::run).
///
/// # Errors
///
/// If the address cannot be listened at.
pub async fn bind(listen: &str, identity: Identity, store: Store) -> Result<Server, BindError> {
    let server = Server::bind(listen, identity, factory(store)).await?;
    configure(server.hub());
    Ok(server)
}

/// A chat server that does not listen: its clients come by a [`mount`](Server::mount) of it.
pub fn unbound(store: Store) -> Server<Unbound> {
    let server = Server::unbound(factory(store));
    configure(server.hub());
    server
}

/// What makes the handlers of all connections.
fn factory(store: Store) -> impl Fn(chat::Connection, Request) -> Ready<Result<App, Refusal>> {
    let (passwords, presence) = (Passwords::default(), Presence::default());
    let house = Arc::new(House { store, passwords, presence });
    // Called for each client. What it returns handles the calls of this one connection.
    move |conn, _request| ready(Ok(App::new(conn, Arc::clone(&house))))
}

fn configure(hub: &EventHub) {
    // Presence is not kept: who was there does not matter to a client that comes back, only who is.
    let messages = Pattern::new("messages/#").expect("its wildcard stands last");
    hub.configure(messages, TopicOptions::new().keep(Keep::events(KEPT_MESSAGES)));
    let presence = Pattern::new("presence/#").expect("its wildcard stands last");
    hub.configure(presence, TopicOptions::new().overflow(Overflow::Latest));
}

/// Writes a file so that a reader finds the old text or the new one, never a part of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}
