//! The split example, one crate of three: the server.

mod app;
mod store;

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use hardlight::{Identity, Request, Server};
use notes_shared::notes;
use tokio::signal;

use crate::{app::App, store::Store};

/// Serves a board of notes, until Ctrl-C.
#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:0")]
    listen: String,
    /// The SQLite database with the notes; made if it is not there
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// Where to write the certificate that clients are to trust, a new one at each start
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(Store::open(&args.database)?);

    // For development. `Identity::from_pem_files` takes a certificate that clients trust without being told to.
    let identity = Identity::development(["localhost"])?;
    let certificate = identity.certificate_pem();

    // Called for each client. What it returns handles the calls of this one connection.
    let factory =
        move |conn: notes::Connection, request: Request| App::new(conn, request, store.clone());
    let server = Server::bind(args.listen, identity, factory).await?;
    let (url, handle) = (server.url("localhost"), server.handle());
    let serving = tokio::spawn(server.run());

    replace(&args.certificate, &certificate)
        .map_err(|error| format!("cannot write '{}': {error}", args.certificate.display()))?;
    println!("listening on {url}");

    signal::ctrl_c().await?;
    println!("stopping");
    handle.stop().await; // what runs may finish
    serving.await?;
    println!("stopped");
    Ok(())
}

/// Writes a file so that a reader finds the old text or the new one, never a part of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}
