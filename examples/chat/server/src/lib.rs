//! The chat example: the server.
//!
//! A library, so that `examples/chat/nats` can join two of it; it knows nothing of terminals.

mod app;
mod names;
mod presence;
mod store;

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use chat_shared::chat;
use hardlight::{BindError, Identity, Keep, Overflow, Pattern, Request, Server, TopicOptions};
use tokio::signal;

pub use crate::store::Store;
use crate::{
    app::{App, House},
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
    let house = Arc::new(House { store, presence: Presence::default() });
    // Called for each client. What it returns handles the calls of this one connection.
    let factory = move |conn: chat::Connection, _request: Request| {
        let app = App::new(conn, Arc::clone(&house));
        async { Ok(app) }
    };
    let server = Server::bind(listen, identity, factory).await?;
    // Presence is not kept: who was there does not matter to a client that comes back, only who is.
    let messages = Pattern::new("messages/#").expect("its wildcard stands last");
    server.hub().configure(messages, TopicOptions::new().keep(Keep::events(KEPT_MESSAGES)));
    let presence = Pattern::new("presence/#").expect("its wildcard stands last");
    server.hub().configure(presence, TopicOptions::new().overflow(Overflow::Latest));
    Ok(server)
}

/// Writes a file so that a reader finds the old text or the new one, never a part of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}
